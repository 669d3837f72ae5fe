"""A person in Slack, and Slack's servers between them and the bot: real requests with real signatures.

Every move is a *flow*: a generator that yields HTTP requests and is sent their responses. `SlackPerson` plays
flows while the caller waits; `perform` plays one in an event loop, so that a crowd can type at once:

    ada = SlackPerson("employee", slack_url=…, signing_secret=…, bot_url="http://127.0.0.1:3000")
    ada.command("join")                                # waits
    await perform(client, ada.moves.command("join"))   # does not
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx

from sandbox.slack_blocks import buttons
from sandbox.slack_payloads import click_payload, command_form, event_callback, submission_payload

Json = dict[str, Any]
Result = TypeVar("Result")
Flow = Generator[httpx.Request, httpx.Response, Result]

ANSWER_SECONDS = 3.0  # Slack gives up after this long
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class OperationTimeout(Exception):
    """The bot did not answer while its platform waited: for Slack that is three seconds."""


class NothingToPress(Exception):
    """No message the person sees has such a button."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it went to the bot, so that it can be sent again."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bot answered. `body` is the parsed JSON, the text when it is none, None when it is empty."""

    status: int
    body: Any
    headers: dict[str, str]
    sent: Sent


def sign(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """Return the two headers with which Slack signs a body at this time (seconds since 1970)."""
    base = b"v0:%d:%s" % (timestamp, body)
    return {
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest(),
    }


class Moves:
    """What one person can do, as flows. Without a `bot_url` everything goes over Socket Mode.

    `key` is a name of the company's people, or a Slack user id. `channel` is where the person types: by
    default their direct conversation with the bot.
    """

    def __init__(
        self,
        key: str,
        *,
        slack_url: str,
        signing_secret: str,
        bot_url: str | None,
        channel: str | None = None,
    ) -> None:
        self.key = key
        self.channel = channel
        self._slack_url = slack_url.rstrip("/")
        self._bot_url = bot_url.rstrip("/") + "/slack/events" if bot_url else None
        self._secret = signing_secret

    def command(
        self, text: str, *, command: str = "/deepracer", at: int | None = None, **fields: str
    ) -> Flow[Answer]:
        """Type a slash command. `fields` overwrite fields of the request; `at` is the signature's time.

        The person then sees the answer's body, or Slack's own complaint when there is no good answer.
        Raises OperationTimeout.
        """
        told = yield from self._invoke(None, acks=True)
        form = command_form(told, command, text) | fields
        said: Json = {"response_url": told["response_url"]}
        try:
            answer = yield from self._deliver(
                "slash_commands", form, urlencode(form), content_type=_FORM, at=at
            )
        except OperationTimeout:
            yield from self._slack(
                "POST", "acks", said | {"complaint": f"{command} failed with: operation_timeout"}
            )
            raise
        if answer.status == httpx.codes.OK:
            yield from self._slack("POST", "acks", said | {"body": answer.body})
        else:
            yield from self._slack(
                "POST", "acks", said | {"complaint": f"{command} failed with: dispatch_failed"}
            )
        return answer

    def press(self, wanted: str, *, at: int | None = None, **fields: Any) -> Flow[Answer]:
        """Press the button of this text or action id in the newest message that has one.

        `fields` overwrite parts of the payload. Raises NothingToPress, OperationTimeout.
        """
        for entry in reversed((yield from self.seen())):
            for button in buttons(entry["blocks"]):
                if wanted in (button.get("action_id"), button["text"]["text"]):
                    return (yield from self._click(entry, button, at, fields))
        raise NothingToPress(wanted)

    def answer(self, question: str, answer: str, *, at: int | None = None) -> Flow[Answer]:
        """Choose this option, or type this and press Enter, at the newest question of this text.

        Raises NothingToPress, OperationTimeout.
        """
        for entry in reversed((yield from self.seen())):
            for block in entry["blocks"]:
                if question in json.dumps(block, ensure_ascii=False):
                    action = _answering(block, answer)
                    if action is not None:
                        return (yield from self._click(entry, action, at, {}))
        raise NothingToPress(question)

    def send_form(
        self,
        text: str = "",
        *,
        file: str | None = None,
        name: str = "people.csv",
        at: int | None = None,
        **fields: Any,
    ) -> Flow[Answer]:
        """Fill in the newest modal that stands open, and send it; `file` is the text of a file given in it.

        It closes, unless the answer says what is wrong. Raises NothingToPress, OperationTimeout.
        """
        standing = yield from self.forms()
        if not standing:
            raise NothingToPress("a modal")
        view = standing[-1]["view"]
        told = yield from self._invoke(None)
        values: Json = {}
        for block in view["blocks"]:
            element = block["element"]
            value: Json = {"type": element["type"]}
            if element["type"] == "plain_text_input":
                value["value"] = text[: element["max_length"]] or None
            elif file is not None:
                given = {"person": self.key, "name": name, "text": file}
                value["files"] = [(yield from self._slack("POST", "files", given))]
            else:
                value["files"] = []
            values[block["block_id"]] = {element["action_id"]: value}
        payload = submission_payload(told, view, values) | fields
        body = urlencode({"payload": json.dumps(payload)})
        answer = yield from self._deliver("interactive", payload, body, content_type=_FORM, at=at)
        yield from self._slack("POST", "modals", {"view": view["id"], "answer": answer.body})
        return answer

    def forms(self) -> Flow[list[Json]]:
        """Return the modals that stand open before the person, oldest first, with what is wrong in them."""
        people = yield from self._slack("GET", "people")
        standing: list[Json] = yield from self._slack("GET", f"modals?user={people[self.key]['user_id']}")
        return standing

    def event(
        self, event: Json, *, event_id: str | None = None, retry: int = 0, reason: str = "http_timeout"
    ) -> Flow[Answer]:
        """Let something happen that the app subscribed to; `retry` 1 to 3 makes it a repeated delivery."""
        told = yield from self._invoke(None)
        body = event_callback(told, event, event_id)
        extra = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason} if retry else {}
        return (yield from self._deliver("events_api", body, json.dumps(body), extra=extra, retry=retry))

    def verify_url(self) -> Flow[Answer]:
        """Ask the bot to prove that it owns its URL, as Slack does when the URL is entered."""
        body = {"token": "-", "challenge": secrets.token_urlsafe(24), "type": "url_verification"}
        return (yield from self._deliver("url_verification", body, json.dumps(body)))

    def send(self, body: bytes, headers: Mapping[str, str]) -> Flow[Answer]:
        """Send raw bytes to the bot: stale, tampered, replayed or unsigned. Raises OperationTimeout."""
        if self._bot_url is None:
            raise ValueError("raw requests need the bot's URL")
        sent = Sent(body, dict(headers))
        try:
            response = yield request_to("POST", self._bot_url, body, headers, ANSWER_SECONDS)
        except httpx.TimeoutException as error:
            raise OperationTimeout from error
        return Answer(response.status_code, parsed(response.text), dict(response.headers), sent)

    def seen(self) -> Flow[list[Json]]:
        """Return everything the person sees now, oldest first (the fields of a transcript's `Entry`)."""
        people = yield from self._slack("GET", "people")
        user_id = people[self.key]["user_id"] if self.key in people else self.key
        entries: list[Json] = yield from self._slack("GET", f"transcript?user={user_id}")
        return entries

    def _click(self, entry: Json, button: Json, at: int | None, fields: Json) -> Flow[Answer]:
        told = yield from self._invoke(entry["number"])
        payload = click_payload(told, entry, button) | fields
        body = urlencode({"payload": json.dumps(payload)})
        return (yield from self._deliver("interactive", payload, body, content_type=_FORM, at=at))

    def _invoke(self, message: int | None, *, acks: bool = False) -> Flow[Json]:
        asked = {"person": self.key, "message": message, "channel": self.channel, "acks": acks}
        told: Json = yield from self._slack("POST", "response_urls", asked)
        return told

    def _slack(self, verb: str, path: str, body: Json | None = None) -> Flow[Any]:
        content = b"" if body is None else json.dumps(body).encode()
        response = yield request_to(
            verb, f"{self._slack_url}/_slack/{path}", content, {"Content-Type": _JSON}, 10.0
        )
        response.raise_for_status()
        return response.json()

    def _deliver(
        self,
        kind: str,
        payload: Json,
        body: str,
        *,
        content_type: str = _JSON,
        at: int | None = None,
        extra: Mapping[str, str] | None = None,
        retry: int = 0,
    ) -> Flow[Answer]:
        if self._bot_url is not None:
            raw = body.encode()
            signed = sign(self._secret, raw, int(time.time()) if at is None else at)
            return (yield from self.send(raw, {"Content-Type": content_type, **signed, **(extra or {})}))
        pushed = yield from self._slack(
            "POST", "envelopes", {"type": kind, "payload": payload, "retry": retry}
        )
        if not pushed["acked"]:
            raise OperationTimeout
        return Answer(200, pushed["payload"], {}, Sent(body.encode(), {}))


class Player:
    """Plays flows while the caller waits. Close it, or use it as a context manager."""

    def __init__(self) -> None:
        self._client = httpx.Client(trust_env=False)

    def play(self, flow: Flow[Result]) -> Result:
        """Play one flow to its end."""
        try:
            request = next(flow)
            while True:
                try:
                    response = self._client.send(request)
                except httpx.TransportError as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(response)
        except StopIteration as end:
            result: Result = end.value
            return result

    def close(self) -> None:
        """Close the person's connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SlackPerson(Player):
    """One person who types and clicks, while the caller waits."""

    def __init__(
        self,
        key: str,
        *,
        slack_url: str,
        signing_secret: str,
        bot_url: str | None,
        channel: str | None = None,
    ) -> None:
        super().__init__()
        self.moves = Moves(
            key, slack_url=slack_url, signing_secret=signing_secret, bot_url=bot_url, channel=channel
        )

    def command(
        self, text: str = "", *, command: str = "/deepracer", at: int | None = None, **fields: str
    ) -> Answer:
        """Type a slash command; see `Moves.command`."""
        return self.play(self.moves.command(text, command=command, at=at, **fields))

    def press(self, wanted: str, *, at: int | None = None, **fields: Any) -> Answer:
        """Press a button; see `Moves.press`."""
        return self.play(self.moves.press(wanted, at=at, **fields))

    def event(
        self, event: Json, *, event_id: str | None = None, retry: int = 0, reason: str = "http_timeout"
    ) -> Answer:
        """Cause an event; see `Moves.event`."""
        return self.play(self.moves.event(event, event_id=event_id, retry=retry, reason=reason))

    def verify_url(self) -> Answer:
        """Ask for the challenge back; see `Moves.verify_url`."""
        return self.play(self.moves.verify_url())

    def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send raw bytes to the bot; see `Moves.send`."""
        return self.play(self.moves.send(body, headers))

    def sees(self) -> list[Json]:
        """Return everything the person sees now, oldest first."""
        return self.play(self.moves.seen())


def _answering(block: Json, answer: str) -> Json | None:
    """Return the action of answering in this block, None when it takes no such answer."""
    if block["type"] == "input":
        field = block["element"]
        told = {"type": field["type"], "action_id": field["action_id"], "block_id": block["block_id"]}
        return told | {"value": answer}
    choice = block.get("accessory") or {}
    chosen = next((one for one in choice.get("options", ()) if one["text"]["text"] == answer), None)
    if chosen is None:
        return None
    told = {"type": choice["type"], "action_id": choice["action_id"], "block_id": block.get("block_id", "b")}
    return told | {"selected_option": chosen}


async def perform(client: httpx.AsyncClient, flow: Flow[Result]) -> Result:
    """Play one flow to its end without blocking; many may share the client."""
    try:
        request = next(flow)
        while True:
            try:
                response = await client.send(request)
            except httpx.TransportError as error:
                request = flow.throw(error)
            else:
                request = flow.send(response)
    except StopIteration as end:
        result: Result = end.value
        return result


def request_to(
    verb: str, url: str, content: bytes, headers: Mapping[str, str], seconds: float
) -> httpx.Request:
    """Return a request that waits so many seconds for its answer."""
    patience = httpx.Timeout(seconds).as_dict()
    return httpx.Request(verb, url, content=content, headers=dict(headers), extensions={"timeout": patience})


def parsed(text: str) -> Any:
    """Return the JSON of this text, the text itself when it is none, None when it is empty."""
    if not text:
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
