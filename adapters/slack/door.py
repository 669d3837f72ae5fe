"""Slack's door: signed requests in, utterances to the bot, its answers back within Slack's three seconds.

    POST /slack/events ─▶ size ─▶ signature ─▶ whose workspace? ─▶ command, or Bolt: click, event ─▶ 200

Bolt dispatches with `process_before_response`: its other mode polls for the acknowledgment (10 ms per
command) and can lose it. Nothing on the way asks Slack anything, and no listener raises: Bolt would make a
500 of it.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_internals import build_async_context
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import Clock as SdkClock
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.http import JSON, TEXT, HttpAnswer, served
from adapters.chat.message import Message
from adapters.chat.utterance import Answer
from adapters.slack.blocks import FORM, SAY, Block, render
from adapters.slack.forms import LIST, FormWords, refused
from adapters.slack.payload import (
    Asked,
    Heard,
    command,
    first_action,
    form,
    origin,
    press,
    submission,
    url_of,
)
from adapters.slack.replies import Replies
from adapters.trust import ssl_context
from provisioning.errors import ProvisioningError
from provisioning.ports import Clock

SLACK_EVENTS_PATH: Final = "/slack/events"
ANSWER_SECONDS: Final = 2.5  # of Slack's 3.0, the rest is for the way
LATE_SECONDS: Final = 60.0  # so long an answer that missed its time is still waited for
_REMEMBERED_EVENTS: Final = 512
EVENTS: Final = ("app_uninstalled", "tokens_revoked")
_PRESSED: Final = re.compile(rf"^{SAY}\d+$")
_OPENS: Final = re.compile(rf"^{FORM}\d+(:[a-z]+)?$")
_FORM: Final = "application/x-www-form-urlencoded"
_LAST_WORDS: Final = "Something went wrong on our side. Please look how it stands, then try again. (DR-500)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Whose requests are let in. `team_ids` holds workspaces (T…) and, to admit siblings, their
    organization (E…).

    `signing_secret` None: there is no HTTP door, everything comes over Socket Mode. `response_url_hosts`
    are exact (`host` or `host:port`).
    """

    signing_secret: str | None = field(repr=False)
    bot_token: str = field(repr=False)
    team_ids: frozenset[str]
    response_url_hosts: frozenset[str]
    api_base_url: str
    command: str = "/deepracer"
    answer_seconds: float = ANSWER_SECONDS


@dataclass(frozen=True, slots=True)
class DoorWords:
    """What the door says by itself; the wording is the bot's."""

    refuse_workspace: Callable[[], Message]
    still_working: Callable[[], Message]
    went_wrong: Callable[[], Message]
    not_opened: Callable[[], Message]
    form: Callable[[str | None], FormWords]  # in the language of a tag


class Opener(Protocol):
    """Opens forms; called in a thread."""

    def open(self, asked: Asked, said: FormWords) -> None:
        """Open the form for whoever pressed the button. Raises a ProvisioningError when Slack does not."""
        ...


class SlackDoor:
    """Lets Slack's requests in, one workspace or organization, over HTTP or (through `app`) Socket Mode.

    `on_revoked` is called in a thread with the event's type when the app was uninstalled or its bot token
    revoked, once per event. Raises ValueError for an empty signing secret or no workspace at all.
    """

    def __init__(
        self,
        settings: DoorSettings,
        *,
        answer: Answer,
        words: DoorWords,
        opener: Opener,
        on_revoked: Callable[[str], object],
        clock: Clock,
    ) -> None:
        if settings.signing_secret is not None and not settings.signing_secret.strip():
            raise ValueError("the Slack signing secret is empty")
        if not settings.team_ids:
            raise ValueError("no Slack workspace is admitted")
        self._settings = settings
        self._answer = answer
        self._words = words
        self._opener = opener
        self._on_revoked = on_revoked
        self._clock = clock
        self._verifier = (
            SignatureVerifier(settings.signing_secret, _Seconds(clock)) if settings.signing_secret else None
        )
        self._replies = Replies()
        self._handled: dict[str, None] = {}  # ids of events, in order of arrival
        self.app = self._bolt()

    def routes(self) -> list[web.RouteDef]:
        """Return the HTTP routes; none without a signing secret."""
        return [web.post(SLACK_EVENTS_PATH, self._http)] if self._verifier else []

    async def take(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Take one HTTP request, on whatever server it came. `headers` find names in lower case."""
        answer = await self.receive(headers, body)
        return HttpAnswer(answer.status, answer.body, JSON if answer.body.startswith("{") else TEXT)

    async def finish(self, seconds: float) -> None:
        """Let what was begun beside the answers end, for so long: where nothing goes on after an answer."""
        await self._replies.finish(seconds)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> BoltResponse:
        """Take one HTTP request, and answer as Bolt does."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return BoltResponse(status=400)
        if "ssl_check=1" in text and dict(parse_qsl(text)).get("ssl_check") == "1":
            # Slack tries the certificate, without a signature; nothing is done.
            return BoltResponse(status=200)
        if not self._is_signed(headers, text):
            log.info("request without a good signature", extra={"action": "unsigned"})
            return BoltResponse(status=401)
        form = _command_form(text, headers)
        if form is not None:
            return await self._commanded(form, _signed_at(headers["x-slack-request-timestamp"]))
        try:
            request = _parsed(text, headers)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            log.warning("request that cannot be read", extra={"action": "malformed"})
            return BoltResponse(status=400)
        return await self.app.async_dispatch(request)

    async def stop(self) -> None:
        """Let the answers under way go out, for a few seconds, and close the connections."""
        await self._replies.stop()

    def _bolt(self) -> AsyncApp:
        # Bolt copies this logger's level to all of its own: below ERROR they print bodies (names, response
        # URLs).
        logger = logging.getLogger(f"{__name__}.bolt")
        logger.setLevel(logging.ERROR)
        app = AsyncApp(
            logger=logger,
            name="deepracer",
            process_before_response=True,
            client=AsyncWebClient(base_url=self._settings.api_base_url, ssl=ssl_context(), logger=logger),
            # Ours wins even where SLACK_CLIENT_ID and SLACK_CLIENT_SECRET would switch Bolt to OAuth.
            authorize=_Constant(self._settings.bot_token),
            before_authorize=_Gate(self._turned_away),
            # `receive` verifies the raw bytes before anything parses them, by our clock; Bolt's own comes
            # after parsing and logs whole bodies.
            request_verification_enabled=False,
            # `receive` answers it: Bolt's own takes SLACK_VERIFICATION_TOKEN from the environment and then
            # refuses the right token.
            ssl_check_enabled=False,
            ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        app.command(self._settings.command)(self._on_command)
        app.action(_PRESSED)(self._on_press)
        app.action(_OPENS)(self._on_open)
        app.view(LIST)(self._on_submit)
        for event in EVENTS:
            app.event(event)(self._on_event)
        return app

    def _is_signed(self, headers: Mapping[str, str], text: str) -> bool:
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        # The verifier raises for characters that are no ASCII digits, and for a signature beyond ASCII.
        if self._verifier is None or not (
            timestamp.isascii() and timestamp.isdigit() and signature.isascii()
        ):
            return False
        return len(timestamp) <= len("1234567890123") and self._verifier.is_valid(text, timestamp, signature)

    async def _http(self, request: web.Request) -> web.Response:
        return await served(request, self.take)

    def _turned_away(self, body: Mapping[str, Any]) -> BoltResponse | None:
        """Return the answer to what is not for us, None for what is."""
        kind = body.get("type")
        if kind == "url_verification":
            return None
        is_command = "command" in body
        if not origin(body).is_in(self._settings.team_ids):
            return self._refused(body, is_command=is_command)
        if is_command:
            ours = body["command"] == self._settings.command
        elif kind == "block_actions":
            # Buttons that open a page are reported as well; there is nothing to do for them.
            name = str(first_action(body).get("action_id"))
            ours = _PRESSED.match(name) is not None or _OPENS.match(name) is not None
        elif kind == "view_submission":
            view = body.get("view")
            ours = isinstance(view, dict) and view.get("callback_id") == LIST
        else:
            event = body.get("event")
            ours = isinstance(event, dict) and event.get("type") in EVENTS
        return None if ours else BoltResponse(status=200)

    def _refused(self, body: Mapping[str, Any], *, is_command: bool) -> BoltResponse:
        log.warning(
            "request from a foreign workspace", extra={"action": "foreign-workspace", "code": "DR-201"}
        )
        if is_command:
            return _ack(_ephemeral(self._worded(self._words.refuse_workspace)))
        if body.get("type") == "block_actions":
            self._tell(body, self._words.refuse_workspace)
        return BoltResponse(status=200)

    async def _commanded(self, form: Mapping[str, Any], received_at: datetime) -> BoltResponse:
        """Answer a command that came over HTTP: what hundreds send at once.

        A form needs none of what Bolt does on the way to a listener, which is a third of what a join costs.
        """
        return self._turned_away(form) or await self._command(form, received_at)

    async def _on_command(self, request: AsyncBoltRequest) -> BoltResponse:
        return await self._command(request.body, self._received_at(request))

    async def _command(self, body: Mapping[str, Any], received_at: datetime) -> BoltResponse:
        try:
            heard = command(body, received_at, self._settings.response_url_hosts)
            message = await self._answered(heard)
            return _ack(_body(message or self._words.still_working()))
        except Exception:
            log.exception("command failed", extra={"action": "defect"})
            return _ack(_ephemeral(self._apology()))

    async def _on_press(self, request: AsyncBoltRequest) -> BoltResponse:
        try:
            heard = press(request.body, self._received_at(request), self._settings.response_url_hosts)
            message = await self._answered(heard)
            if message is not None and heard.url is not None and not message.passing:
                self._replies.start(self._replies.post(heard.url, render(message), replaces=heard.replaces))
        except Exception:
            log.exception("click failed", extra={"action": "defect"})
            self._tell(request.body, self._words.went_wrong)
        return BoltResponse(status=200)

    async def _on_open(self, request: AsyncBoltRequest) -> BoltResponse:
        """Open a form, beside the answer to the press. Whoever may not send it is told when they do."""
        try:
            asked = form(request.body, self._received_at(request), self._settings.response_url_hosts)
            self._replies.start(self._open(asked, request.body))
        except Exception:
            log.exception("click failed", extra={"action": "defect"})
            self._tell(request.body, self._words.went_wrong)
        return BoltResponse(status=200)

    async def _open(self, asked: Asked, body: Mapping[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._opener.open, asked, self._words.form(asked.reply.locale))
        except ProvisioningError as error:  # mostly too late: a press is good for three seconds
            log.warning("form not opened", extra={"action": "slack", "code": error.code, **error.facts})
            self._tell(body, self._words.not_opened)
        except Exception:
            log.exception("form failed", extra={"action": "defect"})
            self._tell(body, self._words.went_wrong)

    async def _on_submit(self, request: AsyncBoltRequest) -> BoltResponse:
        """Take a form that was sent: words like any others, with a list."""
        locale: str | None = None
        try:
            heard = submission(request.body, self._received_at(request), self._settings.response_url_hosts)
            locale = heard.utterance.reply.locale
            if heard.utterance.given is None:
                return _ack(refused(self._words.form(locale).nothing))
            message = await self._answered(heard)
            if message is not None and heard.url is not None and not message.passing:
                self._replies.start(self._replies.post(heard.url, render(message), replaces=heard.replaces))
        except Exception:
            log.exception("form failed", extra={"action": "defect"})
            return _ack(refused(self._words.form(locale).failed))
        return BoltResponse(status=200)

    async def _on_event(self, request: AsyncBoltRequest) -> BoltResponse:
        """Take a revocation. A 500 makes Slack deliver it again; once it is handled, that changes nothing."""
        body = request.body
        kind, event_id = body["event"]["type"], str(body.get("event_id"))
        if event_id in self._handled or (kind == "tokens_revoked" and not _names_bot_tokens(body["event"])):
            return BoltResponse(status=200)
        try:
            await asyncio.to_thread(self._on_revoked, kind)
        except Exception:
            log.exception("event failed", extra={"action": "defect", "event": kind})
            return BoltResponse(status=500)
        self._handled[event_id] = None
        if len(self._handled) > _REMEMBERED_EVENTS:
            del self._handled[next(iter(self._handled))]
        return BoltResponse(status=200)

    async def _answered(self, heard: Heard) -> Message | None:
        """Return the answer, or None when it misses its time; it is then sent after the fact."""
        answer = asyncio.ensure_future(self._answer(heard.utterance))
        await asyncio.wait({answer}, timeout=self._settings.answer_seconds)
        if answer.done():
            return answer.result()
        log.warning("answer is late", extra={"action": "late-answer"})
        self._replies.start(self._late(heard, answer))
        return None

    async def _late(self, heard: Heard, answer: asyncio.Future[Message]) -> None:
        if heard.url is not None and heard.utterance.pressed:
            await self._replies.post(heard.url, render(self._words.still_working()), replaces=False)
        await asyncio.wait({answer}, timeout=LATE_SECONDS)
        try:
            message = answer.result()
            said = None if heard.utterance.pressed and message.passing else render(message)
        except Exception:
            log.exception("late answer failed", extra={"action": "defect"})
            said = self._apology()
        if heard.url is not None and said is not None:
            await self._replies.post(heard.url, said, replaces=heard.replaces)

    def _tell(self, body: Mapping[str, Any], message: Callable[[], Message]) -> None:
        """Show somebody who clicked a message of their own, beside the clicked one."""
        url = url_of(body, self._settings.response_url_hosts)
        if url is not None:
            self._replies.start(self._replies.post(url, self._worded(message), replaces=False))

    def _apology(self) -> tuple[str, list[Block]]:
        return self._worded(self._words.went_wrong)

    def _worded(self, message: Callable[[], Message]) -> tuple[str, list[Block]]:
        try:
            return render(message())
        except Exception:
            log.exception("no words", extra={"action": "defect"})
            return _LAST_WORDS, []

    def _received_at(self, request: AsyncBoltRequest) -> datetime:
        if request.mode != "http":
            return self._clock.now()
        return _signed_at(request.headers["x-slack-request-timestamp"][0])


class _Gate(AsyncMiddleware):
    """Answers what is not for us, before Bolt looks for a listener and finds none: Slack repeats on a 404."""

    def __init__(self, turned_away: Callable[[Mapping[str, Any]], BoltResponse | None]) -> None:
        self._turned_away = turned_away

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's name
    ) -> BoltResponse | None:
        answer = self._turned_away(req.body)
        return answer if answer is not None else await next()


class _Constant(AsyncAuthorize):
    """One token for everybody whom the gate let through; Bolt's own ways ask Slack within its 3 seconds."""

    def __init__(self, bot_token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bot_token = bot_token

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,
        actor_team_id: str | None = None,
        actor_user_id: str | None = None,
    ) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=self._bot_token)


class _Seconds(SdkClock):
    """Our clock as the SDK's verifier reads one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


def _signed_at(timestamp: str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


def _command_form(text: str, headers: Mapping[str, str]) -> dict[str, str] | None:
    """Return the fields of a slash command, None for anything else."""
    if not headers.get("content-type", "").startswith(_FORM):
        return None
    form = dict(parse_qsl(text, keep_blank_values=True))
    return form if "command" in form and "payload" not in form else None


def _parsed(text: str, headers: Mapping[str, str]) -> AsyncBoltRequest:
    """Return the request as Bolt takes it, with only those headers that mean something here.

    Bolt takes any form that has the letters "payload" in it for an interaction, and then finds nothing in
    it: a command typed in a channel called #payload would be empty (slack-bolt 1.30.0, parse_body).
    Repaired here.
    """
    kept = {name: headers[name] for name in ("content-type", "x-slack-request-timestamp") if name in headers}
    request = AsyncBoltRequest(body=text, headers=kept)  # type: ignore[arg-type]
    if text and request.body == {} and request.content_type == _FORM:
        request.body = dict(parse_qsl(text, keep_blank_values=True))
        request.context = build_async_context(AsyncBoltContext(), request.body)
    if not isinstance(request.body, dict):
        raise TypeError("not a JSON object")
    return request


def _names_bot_tokens(event: Mapping[str, Any]) -> bool:
    """Whether the bot's own token is among the revoked, and not only people's, which we do not have."""
    tokens = event.get("tokens")
    return not isinstance(tokens, dict) or bool(tokens.get("bot"))


@lru_cache(maxsize=64)
def _body(message: Message) -> str:
    # When an event opens, hundreds get the same words within a minute: rendering is a third of their cost.
    return _ephemeral(render(message))


def _ephemeral(said: tuple[str, list[Block]]) -> str:
    text, blocks = said
    return json.dumps({"response_type": "ephemeral", "text": text, "blocks": blocks})


def _ack(body: str) -> BoltResponse:
    return BoltResponse(status=200, body=body)
