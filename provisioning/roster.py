"""The roster: the registrations of one event, as organizers name them, list them and find them stuck."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioning.deciding import Stage, is_stuck_leaving, stage_of
from provisioning.errors import NotInEvent
from provisioning.events import Event
from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.ports import Rows
from provisioning.registrations import Registration
from provisioning.requests import Wish

PAGE = 500
IN_NEED = frozenset({Stage.LATE, Stage.REFUSED, Stage.BROKEN})  # stages that call for somebody's attention


@dataclass(frozen=True, slots=True)
class Listed:
    """One registration as a list shows it: in which stage it is, since when, and what stands in its way."""

    registration: Registration
    stage: Stage
    since: datetime
    name: str
    problem: str | None = None


def called(registration: Registration) -> str:
    """Return what a racer is called: by the directory, else by the name they sign in with, else by the id."""
    person = registration.person
    return person.display_name or person.user_principal_name or person.id


def told_apart(found: Collection[Registration]) -> dict[RegistrationKey, str]:
    """Return what these racers are called in one list: of namesakes each with the name they sign in with."""
    times = Counter(called(one).casefold() for one in found)
    return {one.key: _in_full(one) if times[called(one).casefold()] > 1 else called(one) for one in found}


def _in_full(registration: Registration) -> str:
    name, sign_in = called(registration), registration.person.user_principal_name
    return name if sign_in in {"", name} else f"{name} ({sign_in})"


def everybody(rows: Rows, event_id: EventId) -> Iterator[Registration]:
    """Yield every registration of the event, by person id."""
    after: PersonId | None = None
    while page := rows.registrations.of_event(event_id, after, PAGE):
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].key.person_id


def racing(rows: Rows, event_id: EventId) -> list[Registration]:
    """Return everybody who wants to race and may."""
    return [one for one in everybody(rows, event_id) if one.wish is Wish.RACING and one.hold is None]


def named(rows: Rows, event: Event, people: Mapping[str, PersonId]) -> list[Registration]:
    """Return the registrations of these people, by what was said for them; each once, in that order.

    Raises NotInEvent for one who has none.
    """
    found: dict[PersonId, Registration] = {}
    for text, person in people.items():
        registration = rows.registrations.get(RegistrationKey(event.id, person))
        if registration is None:
            raise NotInEvent(target=text, event=event.name)
        found.setdefault(person, registration)
    return list(found.values())


def listed(found: Collection[Registration], event: Event, now: datetime) -> list[Listed]:
    """Return these registrations as a list shows them."""
    return [
        _listed(one, name, event, now) for one, name in zip(found, told_apart(found).values(), strict=True)
    ]


def _listed(registration: Registration, name: str, event: Event, now: datetime) -> Listed:
    stage = stage_of(registration, event, now)
    broken = event.broken.code if stage is Stage.BROKEN and event.broken is not None else None
    return Listed(registration, stage, since(registration, stage), name, broken or registration.problem)


def since(registration: Registration, stage: Stage) -> datetime:
    """Return since when a registration is as it is, as far as the row tells."""
    if stage is Stage.READY:
        return registration.ready_at or registration.wish_at
    if stage in {Stage.SUSPENDED, Stage.REMOVED} and registration.hold is not None:
        return registration.hold.at
    if stage is Stage.GONE:
        return registration.gone_at or registration.wish_at
    if stage is Stage.LEAVING:
        return registration.wish_at if registration.hold is None else registration.hold.at
    return registration.asked_at


def in_need(found: Collection[Registration], event: Event, now: datetime) -> list[Listed]:
    """Return those of these who do not get on: late, refused, broken, or stuck on their way out."""
    return [
        one
        for one in listed(found, event, now)
        if one.stage in IN_NEED
        or (one.stage is Stage.LEAVING and is_stuck_leaving(one.registration, event, now))
    ]
