"""Rows of a made-up spring cup, for the suites of the store."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from provisioning.events import DeepRacerOnAws, EntraGroup, Event, IdentityCenterGroup
from provisioning.ids import ChatIdentity, EventId, GroupId, PersonId, Platform, RegistrationKey, RequestKey
from provisioning.outbox import Kind, Notice
from provisioning.registrations import Person, Registration
from provisioning.requests import ReplyTo, Request, Wish

MORNING = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SPRING = EventId("spring-cup-2027")
AUTUMN = EventId("autumn-cup-2027")


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.moment = MORNING

    def now(self) -> datetime:
        return self.moment


def after(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


def chat(number: int, platform: Platform = "slack") -> ChatIdentity:
    return ChatIdentity(platform, "T0123", f"U{number:04}")


def person(number: int) -> PersonId:
    return PersonId(f"00000000-0000-4000-8000-{number:012}")


def racer(number: int, event_id: EventId = SPRING) -> RegistrationKey:
    return RegistrationKey(event_id, person(number))


def an_event(event_id: EventId = SPRING, **changes: Any) -> Event:
    grants = (
        EntraGroup(GroupId("0c1a")),
        IdentityCenterGroup("d-1", GroupId("9067"), "arn:instance", "111122223333", "arn:set"),
        DeepRacerOnAws("https://racing.example.com"),
    )
    facts: dict[str, Any] = {
        "name": "Spring Cup 2027",
        "opens": MORNING,
        "closes": MORNING + timedelta(days=30),
        "ends": MORNING + timedelta(days=44),
        "capacity": 3,
        "email_domains": ("example.com",),
        "organizer_group": GroupId("7d5e"),
        "grants": grants,
        "access_url": "https://d-1.awsapps.com/start",
    }
    return Event(id=event_id, **(facts | changes))


def a_request(number: int, event_id: EventId = SPRING, *, received: float = 0.0, **changes: Any) -> Request:
    key = RequestKey(event_id, chat(number))
    facts: dict[str, Any] = {"wish": Wish.RACING, "received_at": after(received), "reply": ReplyTo(key.chat)}
    return Request(key=key, **(facts | changes))


def a_registration(
    number: int, event_id: EventId = SPRING, *, asked: float = 0.0, **changes: Any
) -> Registration:
    facts: dict[str, Any] = {
        "person": Person(person(number), f"racer{number}@example.com", f"Racer {number}"),
        "wish": Wish.RACING,
        "wish_at": after(asked),
        "reply": ReplyTo(chat(number)),
        "asked_at": after(asked),
    }
    return Registration(key=racer(number, event_id), **(facts | changes))


def a_result(number: int, serial: int = 1, **changes: Any) -> Notice:
    about = f"registration:{racer(number)}"
    return Notice(
        id=f"result:{about}:{serial}",
        kind=Kind.RESULT,
        about=about,
        to=ReplyTo(chat(number)),
        serial=serial,
        created_at=MORNING,
        **changes,
    )


def a_card(number: int, **changes: Any) -> Notice:
    about = f"registration:{racer(number)}"
    facts: dict[str, Any] = {"created_at": MORNING, "to": ReplyTo(chat(number))}
    return Notice(id=f"card:{about}", kind=Kind.CARD, about=about, **(facts | changes))


def defy(monkeypatch: pytest.MonkeyPatch, row: str, key: object) -> None:
    """Have the row of this key be one that nobody here can read: another release wrote it, say."""
    for adapter in ("sqlite", "dynamodb"):
        module = import_module(f"adapters.{adapter}.{row}s")
        unpack = getattr(module, f"unpack_{row}")

        def defying(body: str, of: object, *rest: Any, unpack: Any = unpack, **more: Any) -> Any:
            if of == key:
                raise ValueError(f"{key} cannot be read")
            return unpack(body, of, *rest, **more)

        monkeypatch.setattr(module, f"unpack_{row}", defying)
