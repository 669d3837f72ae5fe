"""What Bot Connector sends, read: where it was said, by whom, and which words. Pure.

    raw JSON ─▶ Envelope (who it says it is from) ─▶ Heard · Installed · Removed · Noticed

Identity is read from the raw JSON alone. Fields are checked for their types, and what is missing is never
guessed: anything odd is Malformed.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from adapters.chat.text import language_tag
from adapters.chat.utterance import Utterance
from adapters.teams.address import Address, Kind
from adapters.teams.words import SAY, pressed, typed
from provisioning.ids import ChatIdentity
from provisioning.requests import ReplyTo

Payload = Mapping[str, Any]

CARD_ACTION: Final = "adaptiveCard/action"  # the invoke of an Action.Execute
HANDLE_LIFE: Final = timedelta(days=30)  # so long an answer may be brought up to date in place
HANDLE_POSTS: Final = 1000
_REPEATED: Final = timedelta(days=1)  # an activity that is older has no timestamp worth believing
_LONGEST_WORDS: Final = 100  # in the id of a click; longer ones are digested
_ID: Final = re.compile(r"[\x21-\x7e]{1,1024}")  # what Bot Connector's ids are made of
_OBJECT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Malformed(ValueError):
    """The activity lacks something that Bot Connector always sends, or has it in another type."""


class Place(Enum):
    """Where the answer to something belongs."""

    USUAL = auto()  # a personal chat: there; elsewhere: the content in private, a pointer in the thread
    PRIVATE = auto()  # the content in private alone: the pointer has been given already
    HERE = auto()  # where it was said, whatever the scope: nobody knows who said it


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of an activity. Everything but `type` and `kind` may be missing, and is None then.

    `tenants` and `person` (the object id) are lower-case. `bot` and `user` are addresses ("28:…", "29:…").
    """

    raw: Payload
    type: str
    id: str | None
    service_url: str | None
    channel_id: str | None
    conversation: str | None
    kind: Kind
    tenants: frozenset[str]
    tenant: str | None
    bot: str | None
    user: str | None
    person: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance, and how to answer where it was said.

    `address` is where (in a channel with the thread), `activity_id` what is answered. `card` is the pressed
    card when only the presser sees it. With `place` HERE nobody's object id came with it: the chat identity
    has no user, and it must reach nobody who acts on words. `is_awaited`: an answer was promised already.
    """

    utterance: Utterance
    address: Address
    activity_id: str
    card: str | None
    place: Place = Place.USUAL
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Installed:
    """The app was added: to somebody's personal chat (`chat`), a team or a group chat."""

    chat: ChatIdentity | None
    address: Address


@dataclass(frozen=True, slots=True)
class Removed:
    """The app was removed from there."""

    chat: ChatIdentity | None
    address: Address


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something else happened, which only says that the bot can be reached there."""

    chat: ChatIdentity | None
    address: Address


def conversation_of(handle: str) -> str:
    """Return the conversation in which something was said, without the thread, from the reply's handle."""
    return handle.partition("/")[0].partition(";")[0]


def envelope(raw: object) -> Envelope:
    """Read the outside of an activity. Raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("not a JSON object")
    conversation, sender = _object(raw, "conversation"), _object(raw, "from")
    data = _object(raw, "channelData")
    tenants = [
        found.lower()
        for found in (_text(_object(data, "tenant"), "id"), _text(conversation, "tenantId"))
        if found is not None
    ]
    person = _text(sender, "aadObjectId")
    return Envelope(
        raw=raw,
        type=_id(raw, "type") or "",
        id=_id(raw, "id"),
        service_url=_text(raw, "serviceUrl"),
        channel_id=_text(raw, "channelId"),
        conversation=_id(conversation, "id"),
        kind=_kind(_text(conversation, "conversationType")),
        tenants=frozenset(tenants),
        tenant=tenants[0] if tenants else None,
        bot=_id(_object(raw, "recipient"), "id"),
        user=_id(sender, "id"),
        person=person.lower() if person is not None and _OBJECT_ID.fullmatch(person) else None,
    )


def read(activity: Envelope, now: datetime) -> Heard | Installed | Removed | Noticed:
    """Read an activity that was let in. Raises Malformed."""
    words, is_pressed = _words(activity)
    if words is not None:
        return _heard(activity, words, is_pressed=is_pressed, now=now)
    is_personal = activity.kind == "personal"
    chat = _chat(activity) if is_personal and activity.person is not None else None
    address = _address(activity, activity.user if is_personal else None)
    match _happened(activity):
        case "added":
            return Installed(chat, address)
        case "removed":
            return Removed(chat, address)
        case _:
            return Noticed(chat, address)


def _heard(activity: Envelope, words: str, *, is_pressed: bool, now: datetime) -> Heard:
    activity_id, card = _needed(activity.id, "id"), _id(activity.raw, "replyToId")
    address = _address(activity, _needed(activity.user, "from.id"))
    asked_id = f"{address.conversation}/{activity_id}"
    if is_pressed:
        said = words if len(words) <= _LONGEST_WORDS else hashlib.sha256(words.encode()).hexdigest()
        asked_id = f"{asked_id}/{card or ''}/{said}"
    chat, received_at = _chat(activity), _received_at(activity.raw, now)
    reply = ReplyTo(
        chat, asked_id, received_at + HANDLE_LIFE, HANDLE_POSTS, language_tag(_text(activity.raw, "locale"))
    )
    return Heard(
        Utterance(chat, words, asked_id, received_at, reply, pressed=is_pressed),
        address,
        activity_id,
        card if is_pressed and address.kind == "personal" else None,
        Place.USUAL if activity.person is not None else Place.HERE,
    )


def _words(activity: Envelope) -> tuple[str | None, bool]:
    """Return the words to the bot, None when there are none, and whether a button said them."""
    raw = activity.raw
    if activity.type == "invoke":
        if _text(raw, "name") != CARD_ACTION:
            return None, True
        action = _object(_object(raw, "value"), "action")
        return (pressed(_object(action, "data")) if _text(action, "verb") == SAY else None), True
    if activity.type != "message":
        return None, False
    value = raw.get("value")
    said = pressed(value) if isinstance(value, dict) else None
    if said is not None:
        return said, True
    bot, tenant = _needed(activity.bot, "recipient.id"), _needed(activity.tenant, "tenant")
    return typed(_text(raw, "text") or "", _objects(raw, "entities"), bot=bot, tenant=tenant), False


def _happened(activity: Envelope) -> str:
    """Return whether the app was "added" or "removed", or neither."""
    raw = activity.raw
    if activity.type == "installationUpdate":
        return {"add": "added", "remove": "removed"}.get(_text(raw, "action") or "", "")
    if activity.type == "conversationUpdate":
        added, removed = _members(raw, "membersAdded"), _members(raw, "membersRemoved")
        # A personal chat has two members: it begins when either of them is added.
        if activity.bot in added or (added and activity.kind == "personal"):
            return "added"
        return "removed" if activity.bot in removed else ""
    return ""


def _members(raw: Payload, name: str) -> set[str | None]:
    return {_id(member, "id") for member in _objects(raw, name)} - {None}


def _address(activity: Envelope, user: str | None) -> Address:
    return Address(
        _needed(activity.service_url, "serviceUrl"),
        _needed(activity.tenant, "tenant"),
        _needed(activity.conversation, "conversation.id"),
        activity.kind,
        _needed(activity.bot, "recipient.id"),
        user,
    )


def _chat(activity: Envelope) -> ChatIdentity:
    return ChatIdentity("teams", _needed(activity.tenant, "tenant"), activity.person or "")


def _kind(found: str | None) -> Kind:
    """Return the kind of conversation; one that is not known to be private is taken for a group's."""
    match found:
        case "personal":
            return "personal"
        case "channel":
            return "channel"
        case _:
            return "groupChat"


def _received_at(raw: Payload, now: datetime) -> datetime:
    """Return when Bot Connector sent it; now, when it does not say so credibly."""
    timestamp = _text(raw, "timestamp") or ""
    try:
        stated = datetime.fromisoformat(timestamp)
    except ValueError:
        return now
    if stated.tzinfo is None:
        stated = stated.replace(tzinfo=UTC)
    return stated.astimezone(UTC) if now - _REPEATED <= stated <= now else now


def _needed(found: str | None, name: str) -> str:
    if found is None:
        raise Malformed(f"no {name}")
    return found


def _object(body: Payload, name: str) -> Payload:
    """Return a part that is an object; empty when it is missing."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Malformed(f"{name} is no object")
    return found


def _objects(body: Payload, name: str) -> Sequence[Payload]:
    found = body.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Malformed(f"{name} is no list of objects")
    return found


def _text(body: Payload, name: str) -> str | None:
    """Return a text; None when it is missing or empty."""
    found = body.get(name)
    if found is not None and not isinstance(found, str):
        raise Malformed(f"{name} is no text")
    return found or None


def _id(body: Payload, name: str) -> str | None:
    found = _text(body, name)
    if found is not None and not _ID.fullmatch(found):
        raise Malformed(f"{name} is no id")
    return found
