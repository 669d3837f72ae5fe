"""A person in Teams, and Bot Connector between them and the bot: real activities with real tokens.

As in `chatting`, every move is a *flow*, played by `TeamsPerson` while the caller waits, or by `perform` in
an event loop:

    ada = TeamsPerson("employee", teams_url=…, bot_url="http://127.0.0.1:3978")
    ada.say("join")                                       # in her chat with the bot
    ada.say("join", conversation="Racing")                # in a channel, where it mentions the bot
    ada.press("Leave", inputs={"why": "holidays"})        # waits for the card that comes back
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from sandbox.chatting import (
    Answer,
    Flow,
    Json,
    NothingToPress,
    OperationTimeout,
    Player,
    Sent,
    parsed,
    request_to,
)
from sandbox.connector_cards import actions, inputs

ANSWER_SECONDS = 15.0  # Bot Connector gives up after this long
_JSON = "application/json"
_PRESSABLE = ("Action.Execute", "Action.Submit")


class InputMissing(Exception):
    """The card does not let anybody press this before a required input is filled in."""


class TeamsMoves:
    """What one person can do, as flows.

    `key` is a name of the company's people, or a Bot Connector id. `conversation` (id or name) is where the
    person types: by default their personal chat with the bot.
    """

    def __init__(self, key: str, *, teams_url: str, bot_url: str, conversation: str | None = None) -> None:
        self.key = key
        self.conversation = conversation
        self._teams_url = teams_url.rstrip("/")
        self._bot_url = bot_url.rstrip("/") + "/api/messages"

    def say(
        self,
        text: str,
        *,
        conversation: str | None = None,
        reply_to: str | None = None,
        token: str | None = None,
        **fields: Any,
    ) -> Flow[Answer]:
        """Type a message. `<at>key</at>` mentions a person; outside the personal chat the bot is mentioned.

        `reply_to` is the id of a message in whose thread it is typed. `token` names a deviation of the token,
        `fields` overwrite fields of the activity (`from_` stands for `from`). Raises OperationTimeout.
        """
        asked = {"kind": "message", "text": text, "reply_to": reply_to}
        return (yield from self._act(asked, conversation, token, fields))

    def press(
        self,
        wanted: str,
        *,
        inputs: Mapping[str, str] | None = None,
        submit: bool = False,
        token: str | None = None,
        **fields: Any,
    ) -> Flow[Answer]:
        """Press the button of this title, id or verb in the newest card that has one, inputs filled in.

        A button that unfolds a question is confirmed with the first button below it.
        `submit`: on a client so old that it takes the fallback of Action.Execute. The person then sees the
        card or the line that came back, or Teams' own complaint. Raises NothingToPress, InputMissing,
        OperationTimeout.
        """
        entry, action = yield from self._found(wanted)
        values = _filled(entry["card"], inputs or {}) if _takes_inputs(action) else {}
        if submit or action["type"] == "Action.Submit":
            pressed = action["fallback"] if action["type"] == "Action.Execute" else action
            asked = {"kind": "submit", "entry": entry["number"], "value": _data(pressed, values)}
            return (yield from self._act(asked, None, token, fields))
        told = {name: action[name] for name in ("type", "title", "id", "verb") if name in action}
        asked = {
            "kind": "execute",
            "entry": entry["number"],
            "action": told | {"data": _data(action, values)},
        }
        said: Json = {"person": self.key, "entry": entry["number"]}
        try:
            answer = yield from self._act(asked, None, token, fields)
        except OperationTimeout:
            yield from self._teams("POST", "answers", said | {"status": 504})
            raise
        yield from self._teams("POST", "answers", said | {"status": answer.status, "body": answer.body})
        return answer

    def installs(self, *, conversation: str | None = None, token: str | None = None) -> Flow[list[Answer]]:
        """Add the app: to the personal chat, or to the team or chat of a conversation."""
        first = yield from self._act({"kind": "install"}, conversation, token, {})
        second = yield from self._act({"kind": "install-members"}, conversation, token, {})
        return [first, second]

    def uninstalls(self, *, conversation: str | None = None, token: str | None = None) -> Flow[list[Answer]]:
        """Remove the app. Of a personal chat Teams tells it once, of teams and chats twice."""
        answers = [(yield from self._act({"kind": "uninstall"}, conversation, token, {}))]
        if conversation or self.conversation:
            answers += [(yield from self._act({"kind": "uninstall-members"}, conversation, token, {}))]
        return answers

    def authorization(self, token: str | None = None) -> Flow[dict[str, str]]:
        """Return the Authorization header of a token, right or deviating, for a request made by hand."""
        told = yield from self._teams("POST", "tokens", {"deviation": token})
        return dict(told["headers"])

    def send(self, body: bytes, headers: Mapping[str, str]) -> Flow[Answer]:
        """Send raw bytes to the bot: repeated, tampered or unsigned. Raises OperationTimeout."""
        sent = Sent(body, dict(headers))
        try:
            response = yield request_to("POST", self._bot_url, body, headers, ANSWER_SECONDS)
        except httpx.TimeoutException as error:
            raise OperationTimeout from error
        return Answer(response.status_code, parsed(response.text), dict(response.headers), sent)

    def seen(self) -> Flow[list[Json]]:
        """Return everything the person sees now, oldest first (the fields of a transcript's `TeamsEntry`)."""
        entries: list[Json] = yield from self._teams("GET", f"transcript?user={self.key}")
        return entries

    def _found(self, wanted: str) -> Flow[tuple[Json, Json]]:
        for entry in reversed((yield from self.seen())):
            for action in actions(entry["card"]):
                if wanted in (action.get("title"), action.get("id"), action.get("verb")):
                    below = [action, *actions(action.get("card"))]
                    pressable = [found for found in below if found["type"] in _PRESSABLE]
                    if pressable:
                        return entry, pressable[0]
        raise NothingToPress(wanted)

    def _act(self, asked: Json, conversation: str | None, token: str | None, fields: Json) -> Flow[Answer]:
        """Let it happen in Teams, and let Bot Connector deliver what it makes of it."""
        renamed = {name.rstrip("_"): value for name, value in fields.items()}
        told = yield from self._teams(
            "POST",
            "activities",
            asked
            | {
                "person": self.key,
                "conversation": conversation or self.conversation,
                "token": token,
                "fields": renamed,
            },
        )
        body = json.dumps(told["activity"]).encode()
        return (yield from self.send(body, {"Content-Type": _JSON, **told["headers"]}))

    def _teams(self, verb: str, path: str, body: Json | None = None) -> Flow[Any]:
        content = b"" if body is None else json.dumps(body).encode()
        url = f"{self._teams_url}/_teams/{path}"
        response = yield request_to(verb, url, content, {"Content-Type": _JSON}, 10.0)
        response.raise_for_status()
        return response.json()


class TeamsPerson(Player):
    """One person who types and presses in Teams, while the caller waits."""

    def __init__(self, key: str, *, teams_url: str, bot_url: str, conversation: str | None = None) -> None:
        super().__init__()
        self.moves = TeamsMoves(key, teams_url=teams_url, bot_url=bot_url, conversation=conversation)

    def say(
        self,
        text: str,
        *,
        conversation: str | None = None,
        reply_to: str | None = None,
        token: str | None = None,
        **fields: Any,
    ) -> Answer:
        """Type a message; see `TeamsMoves.say`."""
        return self.play(
            self.moves.say(text, conversation=conversation, reply_to=reply_to, token=token, **fields)
        )

    def press(
        self,
        wanted: str,
        *,
        inputs: Mapping[str, str] | None = None,
        submit: bool = False,
        token: str | None = None,
        **fields: Any,
    ) -> Answer:
        """Press a button; see `TeamsMoves.press`."""
        return self.play(self.moves.press(wanted, inputs=inputs, submit=submit, token=token, **fields))

    def installs(self, *, conversation: str | None = None, token: str | None = None) -> list[Answer]:
        """Add the app; see `TeamsMoves.installs`."""
        return self.play(self.moves.installs(conversation=conversation, token=token))

    def uninstalls(self, *, conversation: str | None = None, token: str | None = None) -> list[Answer]:
        """Remove the app; see `TeamsMoves.uninstalls`."""
        return self.play(self.moves.uninstalls(conversation=conversation, token=token))

    def authorization(self, token: str | None = None) -> dict[str, str]:
        """Get a token; see `TeamsMoves.authorization`."""
        return self.play(self.moves.authorization(token))

    def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send raw bytes to the bot; see `TeamsMoves.send`."""
        return self.play(self.moves.send(body, headers))

    def sees(self) -> list[Json]:
        """Return everything the person sees now, oldest first."""
        return self.play(self.moves.seen())


def _takes_inputs(action: Json) -> bool:
    return str(action.get("associatedInputs", "auto")).lower() != "none"


def _filled(card: Json, given: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs of a card as the client sends them: all are strings, and unset ones are left out."""
    values: dict[str, str] = {}
    for field in inputs(card):
        value = given.get(field["id"], field.get("value"))
        if value is None and field["type"] == "Input.Text":
            value = ""
        if value is None and field["type"] == "Input.Toggle":
            value = field.get("valueOff", "false")
        if field.get("isRequired") and value in (None, ""):
            raise InputMissing(field["id"])
        if value is not None:
            values[field["id"]] = str(value)
    return values


def _data(action: Json, values: Mapping[str, str]) -> Any:
    """Return the button's own data with the inputs put over it."""
    data = action.get("data")
    if data is None or isinstance(data, dict):
        return {**(data or {}), **values}
    return data
