"""The door of Teams: activities from Bot Connector in, utterances to the bot, its answers back.

    POST /api/messages ─▶ size ─▶ token ─▶ JSON ─▶ for us? ─▶ kept ─▶ a turn of the SDK ─▶ answer ─▶ 201

A message is answered to Bot Connector as soon as its answer is durable; what is said follows as a message of
its own. A pressed button is an invoke, whose answer is what the presser sees. Nothing on the way asks
Microsoft anything, and nobody gets a 500: Bot Connector would deliver the activity again.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from aiohttp import web

from adapters.chat.http import JSON, HttpAnswer, served
from adapters.chat.message import Message, Plain
from adapters.chat.text import language_tag
from adapters.chat.utterance import Answer
from adapters.teams.address import Address
from adapters.teams.auth import TurnedAway, Validator
from adapters.teams.cards import render
from adapters.teams.kept import Kept
from adapters.teams.keys import KeyRing
from adapters.teams.replies import Replies
from adapters.teams.sdk import Receiver, Reply
from adapters.teams.wire import (
    Envelope,
    Heard,
    Installed,
    Malformed,
    Noticed,
    Place,
    Removed,
    envelope,
    read,
)
from provisioning.errors import ProvisioningError
from provisioning.ids import ChatIdentity
from provisioning.ports import Clock

MESSAGES_PATH: Final = "/api/messages"
ANSWER_SECONDS: Final = 2.5
LATE_SECONDS: Final = 60.0  # so long an answer that missed its time is still waited for
_CARD: Final = "application/vnd.microsoft.card.adaptive"
_TEXT: Final = "application/vnd.microsoft.activity.message"
_LAST_WORDS: Final = "Something went wrong on our side. Please look how it stands, then try again. (DR-500)"

log = logging.getLogger(__name__)
T = TypeVar("T")
Worded = Callable[[str | None], Message]


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Whose activities are let in: for this app, from these tenants, by way of these hosts (see `hosts`)."""

    app_id: str
    tenant_ids: frozenset[str]
    metadata_url: str
    service_url_hosts: frozenset[str]
    answer_seconds: float = ANSWER_SECONDS


@dataclass(frozen=True, slots=True)
class DoorWords:
    """What the door says by itself, in the language of a tag; the wording is the bot's."""

    refuse_anonymous: Worded
    still_working: Worded
    went_wrong: Worded
    welcome: Worded
    welcome_together: Worded  # in a team or a group chat
    answered_privately: Worded


class Outgoing(Protocol):
    """What the door has done outside. Called on threads; raises what a `Speaker` raises."""

    def keep(self, chat: ChatIdentity | None, address: Address) -> bool:
        """Remember where this person or channel is reached. Returns True when it was not known before."""
        ...

    def meet(self, chat: ChatIdentity | None, address: Address, locale: str | None) -> bool:
        """The same where the app was added; whoever could not be told something before is told it now."""
        ...

    def forget(self, chat: ChatIdentity | None, address: Address) -> None:
        """Note that the app was removed there."""
        ...

    def answer(self, heard: Heard, message: Message) -> None:
        """Say it where it belongs, which `heard.place` tells.

        In a personal chat it is a new message, or takes the place of `heard.card`. Elsewhere the content goes
        to the personal chat and a pointer into the thread. What was answered before is not answered again.
        """
        ...

    def placed(self, heard: Heard, activity_id: str) -> None:
        """Note that the answer stands in this activity, for later updates."""
        ...

    def welcome(self, address: Address, message: Message) -> None:
        """Greet those where the app was added."""
        ...


class TeamsDoor:
    """Lets Bot Connector's activities in. Raises ValueError without an app id or without a tenant."""

    def __init__(
        self, settings: DoorSettings, *, answer: Answer, words: DoorWords, outgoing: Outgoing, clock: Clock
    ) -> None:
        if not settings.app_id.strip():
            raise ValueError("the Teams app id is empty")
        if not settings.tenant_ids:
            raise ValueError("no Teams tenant is admitted")
        self._settings = settings
        self._answer = answer
        self._words = words
        self._outgoing = outgoing
        self._clock = clock
        self._keys = KeyRing(settings.metadata_url, clock)
        self._validator = Validator(
            settings.app_id.strip().lower(),
            frozenset(tenant.lower() for tenant in settings.tenant_ids),
            settings.service_url_hosts,
            self._keys,
            clock,
        )
        self._receiver = Receiver()
        self._replies = Replies()
        self._kept = Kept()

    def routes(self) -> list[web.RouteDef]:
        """Return the HTTP route."""
        return [web.post(MESSAGES_PATH, self._http)]

    async def start(self) -> None:
        """Begin to load Bot Connector's keys; a bot whose Slack works does not wait for Microsoft."""
        self._keys.start()

    async def stop(self) -> None:
        """Let the answers under way go out, for a few seconds, and close the connections."""
        await self._replies.stop()
        await self._keys.stop()

    def is_fresh(self) -> bool:
        """Whether requests can reach the door: over HTTP always."""
        return True

    async def take(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Take one HTTP request, on whatever server it came. `headers` find names in lower case."""
        reply = await self.receive(headers.get("authorization"), body)
        if reply.body is not None:
            return HttpAnswer(reply.status, reply.body, JSON)
        is_challenged = reply.status == web.HTTPUnauthorized.status_code
        return HttpAnswer(reply.status, headers={"WWW-Authenticate": "Bearer"} if is_challenged else {})

    async def finish(self, seconds: float) -> None:
        """Let what was begun beside the answers end, for so long: where nothing goes on after an answer."""
        await self._replies.finish(seconds)

    async def receive(self, authorization: str | None, body: bytes) -> Reply:
        """Take one activity under this Authorization header."""
        try:
            token = await self._validator.token(authorization)
            activity = envelope(_parsed(body))
            self._validator.admit(token, activity)
            found = read(activity, self._clock.now())
        except TurnedAway as refused:
            why = {"status": refused.status, "reason": refused.reason}
            log.info("request turned away", extra={"action": "turned-away", **why})
            return Reply(refused.status)
        except Malformed as error:
            log.warning("request that cannot be read", extra={"action": "malformed", "reason": str(error)})
            return Reply(400)
        try:
            return await self._receiver.process(activity, token.claims, lambda: self._turn(activity, found))
        except Exception:
            log.exception("activity failed", extra={"action": "defect"})
            return Reply(200, json.dumps(_text(_LAST_WORDS))) if activity.type == "invoke" else Reply(201)

    async def _http(self, request: web.Request) -> web.Response:
        return await served(request, self.take)

    async def _turn(
        self, activity: Envelope, found: Heard | Installed | Removed | Noticed
    ) -> Mapping[str, Any] | None:
        """Take what came; returns the body of the answer when it was a pressed button."""
        match found:
            case Heard():
                return await (self._pressed(found) if activity.type == "invoke" else self._said(found))
            case Removed(chat, address):
                self._kept.drop(address)
                await self._outside("forgotten", self._replies.keep(self._outgoing.forget, chat, address))
            case Installed(chat, address):
                locale = None if chat is None else language_tag(activity.raw.get("locale"))
                if await self._meet(chat, address, locale):
                    self._replies.start(self._welcome(address, locale))
            case Noticed(chat, address):
                await self._keep(chat, address)
        return None

    async def _said(self, heard: Heard) -> None:
        """Answer words. What is said goes out beside the request."""
        message = await self._answered(heard, promise=True)
        if message is not None:
            self._replies.start(self._send(heard, message))

    async def _pressed(self, heard: Heard) -> Mapping[str, Any]:
        """Answer a pressed button: with a card in its place, where nobody but the presser sees it."""
        message = await self._answered(heard, promise=False)
        if message is None:
            return _shown(self._worded(self._words.still_working, heard))
        if heard.place is Place.HERE:
            return _shown(message)
        if heard.address.kind != "personal":
            self._replies.start(self._send(replace(heard, place=Place.PRIVATE), message))
            return _shown(self._worded(self._words.answered_privately, heard))
        if heard.card is not None:
            self._replies.start(self._placed(heard, heard.card))
        return _card(message)

    async def _answered(self, heard: Heard, *, promise: bool) -> Message | None:
        """Return the answer, or None when it misses its time; it is then sent after the fact."""
        if heard.place is Place.HERE:
            log.info("nobody's object id", extra={"action": "turned-away", "reason": "anonymous"})
            return self._worded(self._words.refuse_anonymous, heard)
        answer = asyncio.ensure_future(self._kept_and_answered(heard))
        await asyncio.wait({answer}, timeout=self._settings.answer_seconds)
        if answer.done():
            return answer.result()
        log.warning("answer is late", extra={"action": "late-answer"})
        self._replies.start(self._late(heard, answer, promise=promise))
        return None

    async def _kept_and_answered(self, heard: Heard) -> Message:
        """Answer once it is known where later messages go: the first of them may leave at once."""
        try:
            await self._keep(heard.utterance.chat, heard.address)
            return await self._answer(heard.utterance)
        except Exception:
            log.exception("answer failed", extra={"action": "defect"})
            return self._worded(self._words.went_wrong, heard)

    async def _late(self, heard: Heard, answer: asyncio.Future[Message], *, promise: bool) -> None:
        """Promise an answer, where that has not been done, and send it as a new message once it is there."""
        if promise:
            await self._send(heard, self._worded(self._words.still_working, heard))
        await asyncio.wait({answer}, timeout=LATE_SECONDS)
        message = answer.result() if answer.done() else self._worded(self._words.went_wrong, heard)
        place = Place.USUAL if heard.address.kind == "personal" else Place.PRIVATE
        await self._send(replace(heard, card=None, place=place, is_awaited=True), message)

    async def _keep(self, chat: ChatIdentity | None, address: Address) -> None:
        now = self._clock.now()
        if self._kept.is_fresh(chat, address, now):
            return
        if await self._outside("kept", self._replies.keep(self._outgoing.keep, chat, address)) is not None:
            self._kept.add(chat, address, now)

    async def _meet(self, chat: ChatIdentity | None, address: Address, locale: str | None) -> bool:
        is_new = await self._outside("met", self._replies.keep(self._outgoing.meet, chat, address, locale))
        if is_new is not None:
            self._kept.add(chat, address, self._clock.now())
        return is_new is True

    async def _send(self, heard: Heard, message: Message) -> None:
        await self._outside("answered", self._replies.send(self._outgoing.answer, heard, message))

    async def _placed(self, heard: Heard, activity_id: str) -> None:
        await self._outside("placed", self._replies.send(self._outgoing.placed, heard, activity_id))

    async def _welcome(self, address: Address, locale: str | None) -> None:
        worded = self._words.welcome if address.kind == "personal" else self._words.welcome_together
        message = self._in_words(worded, locale)
        await self._outside("welcomed", self._replies.send(self._outgoing.welcome, address, message))

    async def _outside(self, what: str, call: Awaitable[T]) -> T | None:
        """Return what the call returns, None when it failed: whoever speaks next is not kept from it."""
        try:
            return await call
        except ProvisioningError as error:
            log.warning(
                "not %s in Teams", what, extra={"action": "reply", "code": error.code, "facts": error.facts}
            )
        except Exception:
            log.exception("not %s in Teams", what, extra={"action": "defect"})
        return None

    def _worded(self, message: Worded, heard: Heard) -> Message:
        return self._in_words(message, heard.utterance.reply.locale)

    def _in_words(self, message: Worded, locale: str | None) -> Message:
        try:
            return message(locale)
        except Exception:
            log.exception("no words", extra={"action": "defect"})
            return Message((Plain(_LAST_WORDS),))


def _parsed(body: bytes) -> object:
    """Read JSON in UTF-8. Raises Malformed."""
    try:
        return json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error


def _no_number(name: str) -> None:
    raise ValueError(name)


def _card(message: Message) -> Mapping[str, Any]:
    return {"statusCode": 200, "type": _CARD, "value": render(message)[1]}


def _shown(message: Message) -> Mapping[str, Any]:
    """Return a text that Teams shows to whoever pressed the button, and to nobody else."""
    return _text(render(message)[0])


def _text(words: str) -> Mapping[str, Any]:
    return {"statusCode": 200, "type": _TEXT, "value": words}
