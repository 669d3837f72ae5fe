"""Numbers and lists of an event as files: for the answer in chat and for the command line."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from bot.spreadsheet import Form, written
from provisioning import tallies
from provisioning.deciding import stage_of
from provisioning.events import Event
from provisioning.forgetting import is_out
from provisioning.ids import EventId, PersonId
from provisioning.ports import Rows
from provisioning.registrations import Registration
from provisioning.tallies import Funnel, funnel

PAGE: Final = 500
NUMBER_COLUMNS: Final = ("section", "name", "number")
RACER_COLUMNS: Final = (
    *("person_id", "name", "user_principal_name", "chat", "stage", "wish", "hold", "problem", "asked_at"),
    *("ready_at", "gone_at", "is_out"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers of one event: what was counted over time, and how its racers stand now."""

    event_id: EventId
    name: str
    funnel: Funnel
    now: Mapping[str, int]


def report(rows: Rows, event: Event) -> Report:
    """Read the numbers of the event."""
    counted = Counter(rows.tallies.of(event.id))
    for _, question, answer in rows.answers.of_event(event.id):  # of those who are not forgotten yet
        counted[tallies.answer(question, answer)] += 1
    return Report(event.id, event.name, funnel(counted), rows.registrations.count(event.id))


def numbers(found: Report) -> Iterator[dict[str, Any]]:
    """Yield every number of a report as one row."""
    counted = found.funnel
    for name in ("asked", "joined", "ready", "left"):
        yield _number("funnel", name, getattr(counted, name))
    for code, number in sorted(counted.refused.items()):
        yield _number("refused", code, number)
    for name, share in (("median_seconds", 0.5), ("p95_seconds", 0.95)):
        seconds = counted.wait_at(share)
        yield _number("time to ready", name, "" if seconds is None else seconds)
    for hour, number in counted.joins:
        yield _number("joins by hour, UTC", hour.isoformat(), number)
    for question, choices in sorted(counted.answers.items()):
        for choice, number in sorted(choices.items()):
            yield _number(f"answers: {question}", choice, number)
    for state, number in found.now.items():
        yield _number("now", state, number)


def numbers_file(found: Report) -> str:
    """Return a report as CSV."""
    return written(NUMBER_COLUMNS, numbers(found))


def as_json(found: Report) -> dict[str, Any]:
    """Return a report for a program."""
    counted = asdict(found.funnel)
    counted["joins"] = [{"hour": hour.isoformat(), "number": number} for hour, number in found.funnel.joins]
    counted["median_seconds"] = found.funnel.wait_at(0.5)
    counted["p95_seconds"] = found.funnel.wait_at(0.95)
    return {"event": found.event_id, "name": found.name, **counted, "now": dict(found.now)}


def racers_file(rows: Rows, event: Event, now: datetime, form: Form = "csv") -> str:
    """Return every racer of the event, one a row."""
    return written(RACER_COLUMNS, (_racer(one, event, now) for one in everybody(rows, event.id)), form)


def everybody(rows: Rows, event_id: EventId) -> Iterator[Registration]:
    """Yield every registration of the event, in the order of person ids."""
    after: PersonId | None = None
    while page := rows.registrations.of_event(event_id, after, PAGE):
        yield from page
        after = page[-1].key.person_id


def by_day(found: Report) -> list[tuple[str, int]]:
    """Return the joins of each day, in UTC."""
    days: Counter[str] = Counter()
    for hour, number in found.funnel.joins:
        days[f"{hour:%Y-%m-%d}"] += number
    return sorted(days.items())


def _number(section: str, name: str, number: object) -> dict[str, Any]:
    return {"section": section, "name": name, "number": number}


def _racer(one: Registration, event: Event, now: datetime) -> dict[str, Any]:
    return {
        "person_id": one.key.person_id,
        "name": one.person.display_name,
        "user_principal_name": one.person.user_principal_name,
        "chat": "" if one.reply is None else str(one.reply.chat),
        "stage": str(stage_of(one, event, now)),
        "wish": str(one.wish),
        "hold": "" if one.hold is None else one.hold.kind,
        "problem": one.problem or "",
        "asked_at": one.asked_at.isoformat(),
        "ready_at": "" if one.ready_at is None else one.ready_at.isoformat(),
        "gone_at": "" if one.gone_at is None else one.gone_at.isoformat(),
        "is_out": is_out(one),
    }
