"""What organizers change about an event in chat: its name, window, capacity, quota and channels, and pausing.

Whatever opens doors (groups, domains, hosts, grants, the address) is set by a file on the host, never here.
Values travel as text, the way a change keeps them, so that taking it back is the same as making it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from provisioning.changes import Change, undoable
from provisioning.errors import AlreadySo, EventEnded, EventTaken, StaleWrite, UndoOvertaken, WindowBackwards
from provisioning.events import Event
from provisioning.ids import EventId
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.quotas import NOTHING, ensure_within

ONLY_BY_FILE: Final = frozenset(
    {
        *("organizer_group", "email_domains", "link_hosts", "access_url", "grants", "training_links"),
        *("id", "retention_days", "retired", "ceiling", "max_hours", "max_models", "price_per_hour"),
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event that chat may change: as text and back."""

    show: Callable[[Event], str]
    put: Callable[[Event, str], Event]


def _moment(name: str) -> Field:
    def put(event: Event, text: str) -> Event:
        found: Any = {name: datetime.fromisoformat(text)}
        return replace(event, **found)

    return Field(lambda event: getattr(event, name).astimezone(UTC).isoformat(), put)


def _plain(name: str, read: Callable[[str], Any]) -> Field:
    return Field(
        lambda event: str(getattr(event, name) or ""),
        lambda event, text: replace(event, **{name: read(text)}),
    )


def _quota(name: str) -> Field:
    return Field(
        lambda event: str(getattr(event.quota, name)),
        lambda event, text: replace(event, quota=replace(event.quota, **{name: int(text)})),
    )


FIELDS: Final[Mapping[str, Field]] = {
    "name": _plain("name", str),
    "opens": _moment("opens"),
    "closes": _moment("closes"),
    "ends": _moment("ends"),
    "capacity": _plain("capacity", int),
    "hours": _quota("training_hours"),
    "models": _quota("models"),
    "channels": Field(
        lambda event: ", ".join(event.channels),
        lambda event, text: replace(event, channels=tuple(text.split(", ")) if text else ()),
    ),
    "organizer_channel": _plain("organizer_channel", lambda text: text or None),
}


def set_fields(rows: Rows, order: Order, values: Mapping[str, str], kind: str = "event-set") -> Draft:
    """Plan to give these fields these values. What cuts everybody's access asks first.

    Raises EventEnded when it was torn down, AlreadySo when nothing would change, WindowBackwards when the
    times would not be in order, and QuotaAboveCeiling.
    """
    event = order.event
    _ensure_stands(event)
    changed = event
    for name, text in values.items():
        changed = FIELDS[name].put(changed, text)
    before = {name: FIELDS[name].show(event) for name in values}
    after = {name: FIELDS[name].show(changed) for name in values}
    if before == after:
        raise AlreadySo(event=event.name)
    if not changed.opens < changed.closes <= changed.ends:
        raise WindowBackwards(
            event=event.name,
            opens=changed.opens.isoformat(),
            closes=changed.closes.isoformat(),
            ends=changed.ends.isoformat(),
        )
    ensure_within(changed.quota, event.quota, NOTHING, event.ceiling, event.name)
    altered = [name for name in values if before[name] != after[name]]
    ends_now = changed.phase(order.at) == "ended" and event.phase(order.at) != "ended"
    change = Change(
        order.id,
        event.id,
        order.by,
        order.at,
        kind,
        tuple(f"event.{name}" for name in altered),
        rows.registrations.count(event.id).get("racing", 0) if ends_now else 0,
        {name: before[name] for name in altered},
        {name: after[name] for name in altered},
    )
    return Draft(undoable(change), _saving(event, changed), asks=ends_now, wakes=True)


def open_at(rows: Rows, order: Order, moment: datetime | None) -> Draft:
    """Plan to open joining at this moment, or now; whoever opens a closed one anew says when it closes."""
    if moment is None and order.event.phase(order.at) == "open":
        raise AlreadySo(event=order.event.name)
    return set_fields(rows, order, {"opens": (moment or order.at).isoformat()}, "event-open")


def close_at(rows: Rows, order: Order, moment: datetime | None) -> Draft:
    """Plan to close joining at this moment, or now."""
    if moment is None and order.event.phase(order.at) in {"closed", "ended"}:
        raise AlreadySo(event=order.event.name)
    return set_fields(rows, order, {"closes": (moment or order.at).isoformat()}, "event-close")


def pause(rows: Rows, order: Order, message: str | None) -> Draft:
    """Plan to pause joining with this message, or to end the pause (None)."""
    event = order.event
    _ensure_stands(event)
    if event.paused == message:
        raise AlreadySo(event=event.name)
    change = Change(
        order.id,
        event.id,
        order.by,
        order.at,
        "pause" if message is not None else "unpause",
        ("event.paused",),
        0,
        _pause_text(event.paused),
        _pause_text(message),
    )
    return Draft(undoable(change), _saving(event, replace(event, paused=message)))


def create(rows: Rows, order: Order, event_id: EventId, values: Mapping[str, str]) -> Draft:
    """Plan to make an event with the grants, and everything else that is not given, of the order's event.

    Nobody is in it, and it announces nowhere that is not said. Raises EventTaken, WindowBackwards.
    """
    if rows.events.get(event_id) is not None:
        raise EventTaken(name=event_id)
    source = order.event
    made = replace(
        source,
        id=event_id,
        name=event_id,
        channels=(),
        retired=(),
        paused=None,
        torn_down_at=None,
        version=0,
        taken=0,
        broken=None,
    )
    for name, text in values.items():
        made = FIELDS[name].put(made, text)
    if not made.opens < made.closes <= made.ends:
        raise WindowBackwards(
            event=made.name,
            opens=made.opens.isoformat(),
            closes=made.closes.isoformat(),
            ends=made.ends.isoformat(),
        )
    after = {"id": str(event_id), **{name: field.show(made) for name, field in FIELDS.items()}}
    change = Change(
        order.id,
        source.id,
        order.by,
        order.at,
        "event-create",
        (f"event:{event_id}",),
        after={name: text for name, text in after.items() if text},
    )

    def make(rows: Rows) -> None:
        if rows.events.get(event_id) is not None:
            raise StaleWrite(row=f"event {event_id}")
        rows.events.save(made)

    return Draft(change, make)


def _undo_fields(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to give the fields back what they had, if they still have what the change gave them."""
    if any(FIELDS[name].show(order.event) != text for name, text in change.after.items()):
        raise UndoOvertaken
    values = {name: change.before.get(name, "") for name in change.after}
    return set_fields(rows, order, values, change.kind)


def _undo_pause(rows: Rows, order: Order, change: Change) -> Draft:
    if _pause_text(order.event.paused) != change.after:
        raise UndoOvertaken
    draft = pause(rows, order, change.before.get("message") if change.before else None)
    return replace(draft, change=replace(draft.change, kind=change.kind))


UNDOS: Final[Mapping[str, Undo]] = {
    "event-set": _undo_fields,
    "event-open": _undo_fields,
    "event-close": _undo_fields,
    "pause": _undo_pause,
    "unpause": _undo_pause,
}


def _ensure_stands(event: Event) -> None:
    """Raise EventEnded for an event that was torn down: nothing that is said about it means anything."""
    if event.torn_down_at is not None:
        raise EventEnded(event=event.name)


def _pause_text(message: str | None) -> dict[str, str]:
    return {} if message is None else {"paused": "yes", "message": message}


def _saving(event: Event, changed: Event) -> Callable[[Rows], None]:
    """Return the write of the changed definition, on condition that it is still the one looked at."""

    def make(rows: Rows) -> None:
        rows.events.save(replace(changed, version=event.version))

    return make
