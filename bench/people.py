"""Rows of people who never were, for filling a store."""

from datetime import datetime, timedelta

from provisioning.events import EntraGroup, Event
from provisioning.ids import ChatIdentity, EventId, GroupId, PersonId, RegistrationKey, RequestKey
from provisioning.joining import Asking
from provisioning.registrations import Person, Progress, Registration, Step, Told
from provisioning.requests import ReplyTo, Request, Seen, Wish

EVENT_ID = EventId("spring-cup-2027")
GROUP = EntraGroup(GroupId("0c1a5b1e-7d1f-4c55-9a40-1f6f0c2e7a01"))
TEAM = "T0ACME001"


def an_event(now: datetime, capacity: int) -> Event:
    """Return an event that is open, with room for so many."""
    return Event(
        id=EVENT_ID,
        name="Spring Cup 2027",
        opens=now - timedelta(days=1),
        closes=now + timedelta(days=30),
        ends=now + timedelta(days=44),
        capacity=capacity,
        email_domains=("acme.example",),
        organizer_group=GroupId("7d5e5b1e-7d1f-4c55-9a40-1f6f0c2e7a02"),
        grants=(GROUP,),
        access_url="https://d-1234567890.awsapps.com/start",
        retention_days=30,
    )


def chat_of(number: int) -> ChatIdentity:
    """Return the chat identity of the person of this number."""
    return ChatIdentity("slack", TEAM, f"U0BENCH{number:07d}")


def ask(number: int, now: datetime) -> Asking:
    """Return the person of this number asking something now."""
    chat = chat_of(number)
    return Asking(chat, f"{number:013d}.{now.timestamp():.6f}", now, reply(chat, number, now))


def reply(chat: ChatIdentity, number: int, now: datetime) -> ReplyTo:
    """Return a way back to them that is as long as Slack's."""
    url = f"https://hooks.slack.com/commands/{TEAM}/{number:013d}/kJ3vWq8ZtY5nB2xR7cLdM1pQ"
    return ReplyTo(chat, url, now + timedelta(minutes=29), 5)


def person_id(number: int) -> PersonId:
    """Return an object id; those of neighbors are far apart, as real ones are."""
    return PersonId(f"{number * 2_654_435_761 % 2**32:08x}-0000-4000-8000-{number:012d}")


def registration(number: int, now: datetime) -> Registration:
    """Return somebody ready, to be looked at again within a day."""
    chat, who = chat_of(number), person_id(number)
    asked = now - timedelta(minutes=5)
    return Registration(
        RegistrationKey(EVENT_ID, who),
        Person(who, f"employee.{number}@acme.example", f"Employee {number}"),
        Wish.RACING,
        asked,
        reply(chat, number, asked),
        asked,
        progress={GROUP.target: Progress(Step.CONFIRMED, now)},
        ready_at=now,
        checked_at=now,
        told=Told.READY,
        serial=1,
        wake_at=now + timedelta(hours=2, seconds=number % 79_000),
    )


def request(number: int, now: datetime) -> Request:
    """Return what they asked, folded into their registration."""
    chat = chat_of(number)
    asked = now - timedelta(minutes=5)
    return Request(
        RequestKey(EVENT_ID, chat),
        Wish.RACING,
        asked,
        reply(chat, number, asked),
        state="folded",
        person_id=person_id(number),
        seen=(Seen(f"{number:013d}.1", asked, "queued"),),
    )
