"""The verbs about the event itself: show, set, open, close, create, pause, unpause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from adapters.chat.message import Channel, Fact, Facts, Message, Note, Paragraph, Plain, Span, Text
from bot import event_forms
from bot.admin.phrases import SHOWN, Phrase, channels, line, moment, number
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning import event_changes
from provisioning.errors import InstructionUnclear, OnlyByFile, ValueUnusable
from provisioning.event_changes import FIELDS, ONLY_BY_FILE
from provisioning.events import Event
from provisioning.ids import EventId
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows

_LONG: Final = {"name", "opens", "closes", "ends"}  # fields whose value may have blanks
_STATES: Final = {"hold", "wish", "paused", "state"}  # fields whose values are words of ours, not somebody's
_OPTIONS: Final = {name: name in _LONG for name in (*FIELDS, *ONLY_BY_FILE)}
MESSAGE_LONGEST: Final = 300  # characters of what is said while joining is paused


@dataclass(frozen=True, slots=True)
class EventShow(AdminCommand):
    """Show the event."""


@dataclass(frozen=True, slots=True)
class EventSet(AdminCommand):
    """Change fields of the event; values as they were typed."""

    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventOpen(AdminCommand):
    """Open joining, now or later."""

    when: str | None = None


@dataclass(frozen=True, slots=True)
class EventClose(AdminCommand):
    """Close joining, now or later."""

    when: str | None = None


@dataclass(frozen=True, slots=True)
class EventCreate(AdminCommand):
    """Make an event from the grants of another one, which `event` names."""

    id: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause(AdminCommand):
    """Pause joining."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Unpause(AdminCommand):
    """End the pause."""


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event as it stands, with how many are in it."""

    event: Event
    now: datetime
    counts: Mapping[str, int]


# --- words to commands --------------------------------------------------------------------------------------


def _show(said: Phrase) -> EventShow:
    return EventShow(event=said.event or said.text or None)


def _set(said: Phrase) -> EventSet:
    values = _values(said)
    if not values:
        raise InstructionUnclear(word=said.text[:SHOWN] or "event set")
    return EventSet(event=said.event or said.text or None, dry_run=said.dry_run, values=values)


def _values(said: Phrase) -> dict[str, str]:
    """Return the fields that are given. Raises OnlyByFile for one that opens doors, whatever its value."""
    forbidden = [name for name in said.options if name in ONLY_BY_FILE]
    if forbidden:
        raise OnlyByFile(field=forbidden[0])
    unknown = next((word.partition("=")[0] for word in said.words if "=" in word), None)
    if unknown is not None:
        raise InstructionUnclear(word=unknown[:SHOWN])
    return {name: value for name, value in said.options.items() if name != "event"}


def _open(said: Phrase) -> EventOpen:
    return EventOpen(event=said.event, dry_run=said.dry_run, when=said.text or None)


def _close(said: Phrase) -> EventClose:
    return EventClose(event=said.event, dry_run=said.dry_run, when=said.text or None)


def _create(said: Phrase) -> EventCreate:
    values = _values(said)
    if not said.words:
        raise InstructionUnclear(word="event create")
    new, *rest = said.words
    if event_forms.slug(new) is not None:
        raise ValueUnusable(field="id", value=new[:SHOWN], form="id")
    source = " ".join(rest[1:] if rest[:1] == ["from"] else rest)
    return EventCreate(event=said.event or source or None, dry_run=said.dry_run, id=new, values=values)


def _pause(said: Phrase) -> Pause:
    if len(said.text) > MESSAGE_LONGEST:
        raise ValueUnusable(field="message", value=f"{said.text[:SHOWN]}…", form="message")
    return Pause(event=said.event, dry_run=said.dry_run, message=said.text)


def _unpause(said: Phrase) -> Unpause:
    return Unpause(event=said.event or said.text or None, dry_run=said.dry_run)


# --- commands to plans --------------------------------------------------------------------------------------


def read_value(name: str, text: str, now: datetime) -> str:
    """Return a typed value of a field as a change keeps it. Raises ValueUnusable."""
    if name in {"opens", "closes", "ends"}:
        return moment(name, text, now).isoformat()
    if name in {"capacity", "hours", "models"}:
        return number(name, text, at_least=1 if name == "capacity" else 0)
    if name == "channels":
        return channels(name, text)
    if name == "organizer_channel":
        found = channels(name, text)
        if ", " in found:
            raise ValueUnusable(field=name, value=text[:SHOWN], form="channel")
        return found
    return line(name, text)


def _read(values: Mapping[str, str], now: datetime) -> dict[str, str]:
    return {name: read_value(name, text, now) for name, text in values.items()}


def _shown(rows: Rows, order: Order, command: EventShow) -> EventShown:
    return EventShown(order.event, order.at, rows.registrations.count(order.event.id))


def _plan_set(rows: Rows, order: Order, command: EventSet) -> Draft:
    return event_changes.set_fields(rows, order, _read(command.values, order.at))


def _plan_open(rows: Rows, order: Order, command: EventOpen) -> Draft:
    return event_changes.open_at(rows, order, _when("opens", command.when, order.at))


def _plan_close(rows: Rows, order: Order, command: EventClose) -> Draft:
    return event_changes.close_at(rows, order, _when("closes", command.when, order.at))


def _when(name: str, text: str | None, now: datetime) -> datetime | None:
    return None if text is None else moment(name, text, now)


def _plan_create(rows: Rows, order: Order, command: EventCreate) -> Draft:
    return event_changes.create(rows, order, EventId(command.id), _read(command.values, order.at))


def _plan_pause(rows: Rows, order: Order, command: Pause) -> Draft:
    return event_changes.pause(rows, order, command.message)


def _plan_unpause(rows: Rows, order: Order, command: Unpause) -> Draft:
    return event_changes.pause(rows, order, None)


# --- what is said -------------------------------------------------------------------------------------------


def _say_event(words: Words, shown: EventShown) -> Message:
    event = shown.event
    phase = (
        "paused" if event.paused is not None and event.phase(shown.now) == "open" else event.phase(shown.now)
    )
    rows = [
        Fact(words.plain(f"field.{name}"), shown_value(words, name, text))
        for name, field in FIELDS.items()
        if (text := field.show(event))
    ]
    if event.paused:
        rows.append(Fact(words.plain("field.message"), (Plain(event.paused),)))
    if event.torn_down_at is not None:
        rows.append(Fact(words.plain("field.torn_down_at"), (words.when(event.torn_down_at),)))
    note = (Note(words.text("event-shown.note", id=event.id)),) if event.torn_down_at is None else ()
    return Message(
        words.text(f"event-shown.{phase}.summary", event=event.name),
        (Paragraph(_people(words, shown, phase)), Facts(tuple(rows)), *note),
    )


def _people(words: Words, shown: EventShown, phase: str) -> Text:
    """Return how many are in; once the event is over, how many are out: nobody waits for a seat any more."""
    counts = shown.counts
    if phase == "ended":
        return words.text("event-shown.out", out=counts.get("gone", 0), people=counts.get("all", 0))
    return words.text(
        "event-shown.seats",
        taken=shown.event.taken,
        capacity=shown.event.capacity,
        ready=counts.get("ready", 0),
        waiting=counts.get("in_line", 0),
    )


def shown_value(words: Words, name: str, text: str) -> Text:
    """Return a value as a change keeps it, for a reader: in their zone and language."""
    if not text:
        return words.text("field.nothing")
    if name in _STATES or name.startswith("feed-"):
        return words.text(f"value.{text}") if f"value.{text}" in words else (Plain(text),)
    if name in {"opens", "closes", "ends", "torn_down_at"}:
        return (words.when(datetime.fromisoformat(text).astimezone(UTC)),)
    if name in {"channels", "organizer_channel", "watched", "muted"}:
        spans: list[Span] = []
        for place in text.split(", "):
            spans += [Plain(", "), Channel(place)]
        return tuple(spans[1:])
    return (Plain(text),)


NOUN = Noun(
    verbs=(
        AdminVerb("admin event show", "admin event show [event]", "organizers", _show, ("admin event",)),
        AdminVerb(
            "admin event set", "admin event set [event] name=… closes=…", "organizers", _set, options=_OPTIONS
        ),
        AdminVerb("admin event open", "admin event open [time]", "organizers", _open),
        AdminVerb("admin event close", "admin event close [time]", "organizers", _close),
        AdminVerb(
            "admin event create",
            "admin event create <id> from <event> name=… opens=… closes=… ends=…",
            "organizers",
            _create,
            options=_OPTIONS,
        ),
        AdminVerb("admin pause", "admin pause [message]", "organizers", _pause),
        AdminVerb("admin unpause", "admin unpause", "organizers", _unpause),
    ),
    plans={
        EventSet: _plan_set,
        EventOpen: _plan_open,
        EventClose: _plan_close,
        EventCreate: _plan_create,
        Pause: _plan_pause,
        Unpause: _plan_unpause,
    },
    queries={EventShow: _shown},
    answers={EventShown: _say_event},
)
