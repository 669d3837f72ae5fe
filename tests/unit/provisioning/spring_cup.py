"""The event, the racer and the moments that the tests of the field speak of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from provisioning.events import Breakage, EntraGroup, Event, Grant, IdentityCenterGroup
from provisioning.ids import ChatIdentity, EventId, GroupId, PersonId, RegistrationKey, RequestKey, TargetId
from provisioning.ledger import Entry
from provisioning.registrations import Hold, Person, Progress, Registration, Step
from provisioning.requests import ReplyTo, Request, Wish

NOON = datetime(2027, 3, 15, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

RECORD = EntraGroup(GroupId("0c1a"))
OTHER_RECORD = EntraGroup(GroupId("0c1b"))
EFFECT = IdentityCenterGroup("d-1", GroupId("9067"), "arn:instance", "111122223333", "arn:permissions")
OTHER_EFFECT = replace(EFFECT, group_id=GroupId("9068"))

CHAT = ChatIdentity("slack", "T0123", "U0456")
REPLY = ReplyTo(CHAT)
ADA = Person(PersonId("7d5e"), "ada@example.com", "Ada Lovelace")
SUSPENDED = Hold("suspended", "organizer", NOON)
REMOVED = Hold("removed", "organizer", NOON)


def spring_cup(*grants: Grant, **changes: Any) -> Event:
    """Return the event, open at noon; these grants, or the Entra group and what it feeds."""
    event = Event(
        EventId("spring-cup"),
        "Spring Cup",
        NOON - 10 * DAY,
        NOON + 10 * DAY,
        NOON + 20 * DAY,
        100,
        ("example.com",),
        GroupId("f0f0"),
        grants or (RECORD, EFFECT),
        "https://example.com/start",
    )
    return replace(event, **changes)


def broken(target: TargetId = RECORD.target) -> Breakage:
    """Return what breaks an event: its group is gone."""
    return Breakage(target, "DR-401", "group-missing", NOON)


def ada(**changes: Any) -> Registration:
    """Return Ada's part in the event: she asked at noon, and nothing has happened yet."""
    key = RegistrationKey(EventId("spring-cup"), ADA.id)
    return replace(Registration(key, ADA, Wish.RACING, NOON, REPLY, NOON), **changes)


def at(
    record: Step | None = None, effect: Step | None = None, since: datetime = NOON
) -> dict[TargetId, Progress]:
    """Return the progress with the Entra group and the Identity Center group at these steps."""
    steps = {RECORD.target: record, EFFECT.target: effect}
    return {target: Progress(step, since) for target, step in steps.items() if step is not None}


def ready(**changes: Any) -> Registration:
    """Return Ada as a racer, ready since noon."""
    facts = {
        "has_seat": True,
        "progress": at(Step.ADDED, Step.CONFIRMED),
        "ready_at": NOON,
        "checked_at": NOON,
    }
    return ada(**(facts | changes))


def gone(**changes: Any) -> Registration:
    """Return Ada after she left, looked at once more in three quarters of an hour."""
    facts = {
        "wish": Wish.GONE,
        "progress": at(Step.ABSENT, Step.ABSENT),
        "gone_at": NOON,
        "gone_recheck_at": NOON + 45 * MINUTE,
    }
    return ada(**(facts | changes))


def entry(grant: Grant, **changes: Any) -> Entry:
    """Return the ledger's entry of a membership that we made for this event."""
    return replace(Entry(grant.target, ADA.id, False, frozenset({EventId("spring-cup")})), **changes)


def asked(wish: Wish, received_at: datetime, **changes: Any) -> Request:
    """Return a request of Ada's, still waiting."""
    key = RequestKey(EventId("spring-cup"), CHAT)
    return replace(Request(key, wish, received_at, REPLY), **changes)
