"""What organizers change about races: posting, updating and withdrawing one, each with its way back.

Values travel as text, the way a change keeps them. What is made is announced in the same unit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from provisioning.announcing import announce
from provisioning.changes import Change, undoable
from provisioning.errors import (
    AlreadySo,
    ChannelNotListed,
    LinkNotAllowed,
    RaceBackwards,
    RaceUnknown,
    StaleWrite,
    UndoOvertaken,
)
from provisioning.events import Event
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.races import Race, is_allowed


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a race: as text and back."""

    show: Callable[[Race], str]
    put: Callable[[Race, str], Race]


def _moment(name: str) -> Field:
    def show(race: Race) -> str:
        moment: datetime | None = getattr(race, name)
        return "" if moment is None else moment.astimezone(UTC).isoformat()

    def put(race: Race, text: str) -> Race:
        found: Any = {name: datetime.fromisoformat(text) if text else None}
        return replace(race, **found)

    return Field(show, put)


def _plain(name: str) -> Field:
    def put(race: Race, text: str) -> Race:
        found: Any = {name: text}
        return replace(race, **found)

    return Field(lambda race: str(getattr(race, name)), put)


FIELDS: Final[Mapping[str, Field]] = {
    "title": _plain("title"),
    "track": _plain("track"),
    "link": _plain("link"),
    "opens": _moment("opens"),
    "closes": _moment("closes"),
    "channels": Field(
        lambda race: ", ".join(race.channels),
        lambda race, text: replace(race, channels=tuple(text.split(", ")) if text else ()),
    ),
    "state": _plain("state"),
}


def find_race(rows: Rows, event: Event, name: str) -> Race:
    """Return the race of this number or title, or the only one whose title begins so. Raises RaceUnknown."""
    races = rows.races.of_event(event.id)
    number = name.lstrip("#")
    wanted = " ".join(name.casefold().split())
    found = [race for race in races if number.isascii() and number.isdigit() and race.number == int(number)]
    found = found or [race for race in races if race.title.casefold() == wanted]
    found = found or [race for race in races if wanted and race.title.casefold().startswith(wanted)]
    if len(found) > 1:
        found = [race for race in found if race.state == "posted"]
    if len(found) != 1:
        raise RaceUnknown(race=name[:60], event=event.name)
    return found[0]


def post(rows: Rows, order: Order, values: Mapping[str, str]) -> Draft:
    """Plan to post a race; without channels of its own it goes to all of the event's.

    Raises LinkNotAllowed, ChannelNotListed, RaceBackwards.
    """
    races = rows.races.of_event(order.event.id)
    number = max((race.number for race in races), default=0) + 1
    race = Race(
        order.event.id, number, f"Race {number}", "", order.by, order.at, channels=order.event.channels
    )
    for name, text in values.items():
        race = FIELDS[name].put(race, text)
    _ensure_sound(order.event, race, race.channels if "channels" in values else ())
    return Draft(undoable(_change(order, "race-post", race, {}, _shown(race))), _saving(race, order))


def update(rows: Rows, order: Order, name: str, values: Mapping[str, str]) -> Draft:
    """Plan to give these fields of a race these values; what was announced is edited in place.

    Channels come to those it has: what was posted somewhere stays there.

    Raises RaceUnknown, AlreadySo, LinkNotAllowed, ChannelNotListed, RaceBackwards.
    """
    race = find_race(rows, order.event, name)
    changed = race
    for field, text in values.items():
        changed = FIELDS[field].put(changed, text)
    changed = replace(changed, channels=tuple(dict.fromkeys((*race.channels, *changed.channels))))
    _ensure_sound(order.event, changed, tuple(one for one in changed.channels if one not in race.channels))
    return _altering(order, "race-update", race, changed)


def remove(rows: Rows, order: Order, name: str) -> Draft:
    """Plan to withdraw a race: its announcements say so from then on. Raises RaceUnknown, AlreadySo."""
    race = find_race(rows, order.event, name)
    return _altering(order, "race-remove", race, replace(race, state="withdrawn"))


def _altering(order: Order, kind: str, race: Race, changed: Race) -> Draft:
    before, after = _shown(race), _shown(changed)
    names = [name for name in FIELDS if before.get(name) != after.get(name)]
    if not names:
        raise AlreadySo(event=order.event.name)

    def only(shown: Mapping[str, str]) -> dict[str, str]:
        return {name: shown[name] for name in names if name in shown}

    change = _change(order, kind, changed, only(before), only(after))
    return Draft(undoable(change), _saving(changed, order))


def _ensure_sound(event: Event, race: Race, named: tuple[str, ...]) -> None:
    if not is_allowed(race.link, event.link_hosts):
        raise LinkNotAllowed(event=event.name, field="link")
    unlisted = [channel for channel in named if channel not in event.channels]
    if unlisted:
        raise ChannelNotListed(event=event.name, target=unlisted[0], field="channels")
    if not race.is_in_order:
        raise RaceBackwards(event=event.name)


def _undo_post(rows: Rows, order: Order, change: Change) -> Draft:
    race = _as_left(rows, order, change)
    return _altering(order, change.kind, race, replace(race, state="withdrawn"))


def _undo_alteration(rows: Rows, order: Order, change: Change) -> Draft:
    race = _as_left(rows, order, change)
    restored = race
    for name in {*change.before, *change.after} & FIELDS.keys():
        restored = FIELDS[name].put(restored, change.before.get(name, ""))
    return _altering(order, change.kind, race, restored)


def _as_left(rows: Rows, order: Order, change: Change) -> Race:
    """Return the race of this change. Raises UndoOvertaken when it is not what the change made it."""
    number = int(change.subjects[0].rpartition("#")[2])
    race = rows.races.get(order.event.id, number)
    names = {*change.before, *change.after} & FIELDS.keys()
    if race is None or any(_shown(race).get(name) != change.after.get(name) for name in names):
        raise UndoOvertaken
    return race


UNDOS: Final[Mapping[str, Undo]] = {
    "race-post": _undo_post,
    "race-update": _undo_alteration,
    "race-remove": _undo_alteration,
}


def _change(
    order: Order, kind: str, race: Race, before: Mapping[str, str], after: Mapping[str, str]
) -> Change:
    subject = f"race:{order.event.id}#{race.number}"
    return Change(order.id, order.event.id, order.by, order.at, kind, (subject,), 0, before, after)


def _shown(race: Race) -> dict[str, str]:
    return {name: text for name, field in FIELDS.items() if (text := field.show(race))}


def _saving(race: Race, order: Order) -> Callable[[Rows], None]:
    """Return the write of the race, on condition that it is still the one looked at, and its announcing."""

    def make(rows: Rows) -> None:
        rows.races.save(race)
        event = rows.events.get(order.event.id)
        if event is None:
            raise StaleWrite(row=f"event {order.event.id}")
        announce(rows, event, order.at)

    return make
