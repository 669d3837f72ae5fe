"""Slack's door from outside: signed requests in over HTTP, and what the people of the workspace then see."""

import asyncio
import gzip
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web

from adapters.chat.body import LIMIT
from adapters.chat.message import Bold, Button, Buttons, Code, FormButton, LinkButton, Message, Note, Plain
from adapters.chat.utterance import Utterance
from adapters.slack import forms
from adapters.slack.blocks import render
from adapters.slack.door import DoorSettings, DoorWords, SlackDoor
from provisioning.errors import Unexpected
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given
from sandbox.chatting import Answer, OperationTimeout, SlackPerson, sign
from sandbox.company import ENTERPRISE_ID, FOREIGN_TEAM_ID, SIBLING_TEAM_ID, TEAM_ID
from sandbox.listening import listening
from sandbox.slack import SIGNING_SECRET
from sandbox.slack_blocks import texts
from sandbox.slack_channels import RACING
from sandbox.wire import Fault
from sandbox.world import World
from tests.scenario.slack_forms import SAID, Forms
from tests.scenario.waiting import DEADLINE_SECONDS, eventually

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
COMMAND = urlencode(
    {"team_id": TEAM_ID, "user_id": "U1", "command": "/deepracer", "trigger_id": "1"}
).encode()
NOW = 1_790_000_000  # where the clock stands still


def note(words: str, code: str) -> Message:
    return Message((Plain(words),), (Note((Code(code),)),))


QUEUED = Message((Plain("You are in the queue for "), Bold("Spring Cup 2027"), Plain(".")))
MENU = Message(
    (Plain("What next?"),),
    (Buttons((Button("Leave", "leave --yes"), LinkButton("Console", "https://x.example"))),),
)
WHOM = Message((Plain("Whom?"),), (Buttons((FormButton("Give a list", "admin add"),)),))
REFUSED = note("This workspace is not part of the event.", "DR-201")
STILL = note("Still working on it. Ask /deepracer status.", "DR-300")
CLOSED = note("The form did not open. Press again.", "DR-303")
WRONG = note("Something went wrong, nothing was recorded.", "DR-500")


@dataclass
class Bot:
    """A bot that answers as it is told to, and remembers what it heard."""

    reply: Callable[[Utterance], Awaitable[Message]]
    heard: list[Utterance] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    revoking_fails: bool = False
    forms: Forms = field(default_factory=Forms)

    async def answer(self, utterance: Utterance) -> Message:
        self.heard.append(utterance)
        return await self.reply(utterance)

    def on_revoked(self, kind: str) -> None:
        if self.revoking_fails:
            raise RuntimeError("the store is full")
        self.revoked.append(kind)


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ClockAt:
    """A clock that stands still."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds, UTC)


@dataclass
class Stage:
    """A workspace, a bot behind its door, and the people who talk to it."""

    world: World
    bot: Bot
    bot_url: str

    def person(self, key: str = "employee", channel: str | None = None) -> SlackPerson:
        return self.world.person(key, bot_url=self.bot_url, channel=channel)

    def raw(self, body: bytes, headers: dict[str, str], *, signed: bool = True) -> Answer:
        extra = sign(SIGNING_SECRET, body, int(time.time())) if signed else {}
        return self.person().send(body, {**extra, **headers})

    def calls_to_slack(self) -> list[str]:
        """What the bot asked or told Slack; the players' own calls left out."""
        return self.world.do(
            lambda: [
                call.operation
                for call in self.world.slack.log.calls
                if not call.operation.startswith("_slack")
            ]
        )


def signed(body: bytes, at: int) -> tuple[dict[str, str], bytes]:
    """Return a form as it arrives without a server: its headers, signed at this time, and its body."""
    headers = {"content-type": FORM["Content-Type"], **sign(SIGNING_SECRET, body, at)}
    return {name.lower(): value for name, value in headers.items()}, body


def door_for(bot: Bot, clock: Any = None, **settings: Any) -> SlackDoor:
    usual: dict[str, Any] = {
        "signing_secret": SIGNING_SECRET,
        "bot_token": "xoxb-test",
        "team_ids": frozenset({TEAM_ID}),
        "response_url_hosts": frozenset({"hooks.slack.com"}),
        "api_base_url": "https://slack.com/api/",
    }
    return SlackDoor(
        DoorSettings(**usual | settings),
        answer=bot.answer,
        words=DoorWords(lambda: REFUSED, lambda: STILL, lambda: WRONG, lambda: CLOSED, lambda _: SAID),
        opener=bot.forms,
        on_revoked=bot.on_revoked,
        clock=clock or RealClock(),
    )


@contextmanager
def stage(*, slack: dict[str, Any] | None = None, **settings: Any) -> Iterator[Stage]:
    """Open the company's workspace and the bot's door; the door closes first, as on a deploy."""

    async def reply(utterance: Utterance) -> Message:
        return {"menu": MENU, "whom": WHOM}.get(utterance.text, QUEUED)

    with World(parts={"slack"}, slack=slack) as world:
        bot = Bot(reply)
        hosts = frozenset({world.urls["slack"].removeprefix("http://")})
        door = door_for(
            bot, **{"response_url_hosts": hosts, "api_base_url": f"{world.urls['slack']}/api/"} | settings
        )
        app = web.Application()
        app.add_routes(door.routes())

        async def stop(_: web.Application) -> None:
            await door.stop()

        app.on_cleanup.append(stop)
        with listening(app) as url:
            yield Stage(world, bot, url)


@pytest.fixture
def acme() -> Iterator[Stage]:
    with stage() as found:
        yield found


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens beside the request."""
    eventually(condition, "it happens")


def sees(person: SlackPerson) -> list[str]:
    return [entry["says"] for entry in person.sees()]


def shown(message: Message) -> str:
    """What a reader sees of a message."""
    return "\n".join(texts(render(message)[1]))


def no_traceback(caplog: pytest.LogCaptureFixture) -> bool:
    return not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


def opens_form(acme: Stage, ada: SlackPerson) -> Answer:
    """Let somebody press a button that opens a form."""
    ada.command("whom")
    return ada.press("Give a list")


# --- commands ---


def test_a_command_is_answered_to_the_asker_alone_in_the_acknowledgment(acme: Stage) -> None:
    ada = acme.person()
    answer = ada.command("join")

    assert answer.status == 200
    assert answer.body["response_type"] == "ephemeral"
    assert answer.body["text"] == "You are in the queue for Spring Cup 2027."
    assert sees(ada) == ["*You are in the queue for Spring Cup 2027.*"]
    assert sees(acme.person("organizer")) == []


def test_the_bot_hears_who_asked_what_and_when_and_how_to_answer(acme: Stage) -> None:
    at = int(time.time()) - 7
    acme.person().command("join spring-cup-2027", at=at)

    (heard,) = acme.bot.heard
    assert heard.chat == ChatIdentity("slack", TEAM_ID, acme.world.company.people["employee"].slack.id)
    assert heard.text == "join spring-cup-2027"
    assert heard.received_at == datetime.fromtimestamp(at, UTC)
    assert heard.reply.handle is not None
    assert heard.reply.handle.startswith(acme.world.urls["slack"])


def test_nothing_is_asked_of_slack_on_the_way_to_an_answer(acme: Stage) -> None:
    for _ in range(3):
        acme.person().command("join")

    assert acme.calls_to_slack() == []


def test_the_empty_command_is_heard_too(acme: Stage) -> None:
    assert acme.person().command("").status == 200
    assert [heard.text for heard in acme.bot.heard] == [""]


def test_a_command_of_another_name_is_acknowledged_and_not_heard(acme: Stage) -> None:
    answer = acme.person().command("join", command="/somebody-elses")

    assert (answer.status, answer.body) == (200, None)
    assert acme.bot.heard == []


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("race post payload", {}),
        ("join", {"channel_name": "payload-team"}),
        ("join", {"user_name": "payload"}),
    ],
)
def test_the_word_payload_anywhere_in_a_command_does_not_empty_it(
    acme: Stage, text: str, fields: dict[str, Any]
) -> None:
    answer = acme.person().command(text, **fields)

    assert answer.body["text"].startswith("You are in the queue")
    assert [heard.text for heard in acme.bot.heard] == [text]


def test_the_same_request_delivered_again_carries_the_same_id(acme: Stage) -> None:
    ada = acme.person()
    first = ada.command("join")
    again = ada.send(first.sent.body, first.sent.headers)

    assert again.body == first.body
    assert acme.bot.heard[0].asked_id == acme.bot.heard[1].asked_id
    ada.command("join")
    assert acme.bot.heard[2].asked_id != acme.bot.heard[0].asked_id


def test_a_response_url_on_a_foreign_host_is_no_way_back(acme: Stage) -> None:
    acme.person().command("join", response_url="https://evil.example/commands/T1/2/3")

    assert acme.bot.heard[0].reply.handle is None


def test_a_defect_is_answered_with_a_code_and_not_with_an_error_page(
    acme: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Utterance) -> Message:
        raise KeyError("a defect")

    acme.bot.reply = fail
    ada = acme.person()

    assert ada.command("join").status == 200
    assert sees(ada) == [shown(WRONG)]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "command failed"
    ]


def test_a_command_without_a_trigger_is_taken(acme: Stage) -> None:
    answer = acme.person().command("join", trigger_id="")

    assert "You are in the queue" in json.dumps(answer.body)


def test_words_that_cannot_be_shown_still_give_an_answer(acme: Stage) -> None:
    async def broken(_: Utterance) -> Message:
        return Message((object(),))  # type: ignore[arg-type]

    acme.bot.reply = broken

    assert acme.person().command("join").status == 200


def test_an_answer_that_misses_its_time_is_promised_and_then_takes_the_promises_place() -> None:
    with stage(answer_seconds=0.05) as acme:
        released = threading.Event()

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            return QUEUED

        acme.bot.reply = slow
        ada = acme.person()
        assert ada.command("join").status == 200
        assert sees(ada) == [shown(STILL)]

        released.set()
        until(lambda: sees(ada) == [shown(QUEUED)])


def test_a_late_defect_is_told_as_well() -> None:
    with stage(answer_seconds=0.05) as acme:
        released = threading.Event()

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            raise KeyError("a defect")

        acme.bot.reply = slow
        ada = acme.person()
        ada.command("join")
        released.set()

        until(lambda: sees(ada) == [shown(WRONG)])


# --- buttons ---


def test_a_click_says_the_buttons_words_and_its_answer_takes_the_messages_place(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")
    answer = ada.press("Leave")

    assert (answer.status, answer.body) == (200, None)
    assert acme.bot.heard[1].text == "leave --yes"
    assert acme.bot.heard[1].pressed
    assert acme.bot.heard[1].asked_id.endswith("/say:0")
    until(lambda: sees(ada) == [shown(QUEUED)])
    assert acme.calls_to_slack() == ["response_url"]


def test_a_click_on_a_card_for_everybody_is_answered_to_the_clicker_and_leaves_the_card(acme: Stage) -> None:
    text, blocks = render(MENU)
    acme.world.do(
        lambda: acme.world.slack.transcript.write(
            "channel", RACING, author="U0DEEPRACR", text=text, blocks=blocks
        )
    )
    ada, bob = acme.person(), acme.person("employee-002")
    ada.press("Leave")

    until(lambda: len(sees(ada)) == 2)
    assert sees(ada) == [shown(MENU), shown(QUEUED)]
    assert sees(bob) == [shown(MENU)]
    assert acme.bot.heard[0].reply.handle is None


def test_a_click_that_opens_a_page_is_acknowledged_and_not_heard(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")

    assert ada.press("Console").status == 200
    assert len(acme.bot.heard) == 1


def test_a_click_whose_response_url_is_foreign_is_answered_nowhere_but_heard(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")

    assert ada.press("Leave", response_url="https://evil.example/x").status == 200
    assert len(acme.bot.heard) == 2
    assert acme.calls_to_slack() == []


def test_a_defect_at_a_click_is_told_beside_the_message(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")

    async def fail(_: Utterance) -> Message:
        raise KeyError("a defect")

    acme.bot.reply = fail

    assert ada.press("Leave").status == 200
    until(lambda: sees(ada) == [shown(MENU), shown(WRONG)])


def test_a_click_whose_answer_is_late_is_told_so_and_then_answered() -> None:
    with stage(answer_seconds=0.05) as acme:
        released = threading.Event()
        ada = acme.person()
        ada.command("menu")

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            return QUEUED

        acme.bot.reply = slow
        assert ada.press("Leave").status == 200
        until(lambda: sees(ada) == [shown(MENU), shown(STILL)])

        released.set()
        until(lambda: shown(QUEUED) in sees(ada))


def test_an_answer_is_posted_once_even_when_it_fails(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")
    acme.world.slack.faults.arm(Fault("response_url", "status", status=500))
    ada.press("Leave")

    until(lambda: acme.calls_to_slack() == ["response_url"])
    ada.press("Leave")
    until(lambda: sees(ada) == [shown(QUEUED)])
    assert acme.calls_to_slack() == ["response_url", "response_url"]


def test_answers_under_way_go_out_before_the_door_closes() -> None:
    with World(parts={"slack"}) as world:

        async def reply(utterance: Utterance) -> Message:
            return MENU if utterance.text == "menu" else QUEUED

        bot = Bot(reply)
        door = door_for(bot, response_url_hosts=frozenset({world.urls["slack"].removeprefix("http://")}))
        app = web.Application()
        app.add_routes(door.routes())
        app.on_cleanup.append(lambda _: door.stop())
        with listening(app) as url:
            ada = world.person("employee", bot_url=url)
            ada.command("menu")
            world.slack.faults.arm(Fault("response_url", "late", seconds=0.3))
            ada.press("Leave")
        assert sees(ada) == [shown(QUEUED)]


# --- forms ---


def test_a_press_opens_a_form_beside_its_acknowledgment_and_is_not_heard(acme: Stage) -> None:
    ada = acme.person()
    answer = opens_form(acme, ada)

    assert (answer.status, answer.body) == (200, None)
    until(lambda: len(acme.bot.forms.asked) == 1)
    (asked,) = acme.bot.forms.asked
    assert asked.words == "admin add"
    assert asked.reply.handle is not None
    assert [heard.text for heard in acme.bot.heard] == ["whom"]


def test_a_form_that_does_not_open_is_told_beside_the_message(acme: Stage) -> None:
    acme.bot.forms.error = Unexpected(method="views.open", reason="expired_trigger_id")
    ada = acme.person()
    opens_form(acme, ada)

    until(lambda: sees(ada) == [shown(WHOM), shown(CLOSED)])


def submission(acme: Stage, ada: SlackPerson, **view: Any) -> Answer:
    """Send what Slack sends of a form that was filled in."""
    opens_form(acme, ada)
    until(lambda: bool(acme.bot.forms.asked))
    asked = acme.bot.forms.asked[-1]
    kept = forms.view(SAID, asked.words, asked.reply, takes_files=True)
    values = {"text": {"text": {"type": "plain_text_input", "value": "ada@acme.example"}}}
    body: dict[str, Any] = {
        "type": "view_submission",
        "team": {"id": TEAM_ID, "domain": "acme"},
        "user": {"id": asked.reply.chat.user, "team_id": TEAM_ID},
        "enterprise": None,
        "trigger_id": "1.2.3",
        "view": {"id": "V01", **kept, "state": {"values": values}, **view},
        "response_urls": [],
    }
    return acme.raw(urlencode({"payload": json.dumps(body)}).encode(), FORM)


def test_a_sent_form_says_the_words_with_the_list_and_is_answered_where_it_was_asked(acme: Stage) -> None:
    ada = acme.person()

    answer = submission(acme, ada)

    assert (answer.status, answer.body) == (200, None)
    heard = acme.bot.heard[-1]
    assert (heard.text, heard.given, heard.pressed) == ("admin add", Given("ada@acme.example"), True)
    assert heard.asked_id == "V01"
    assert heard.chat == acme.bot.heard[0].chat
    until(lambda: sees(ada) == [shown(QUEUED)])


def test_an_empty_form_stays_open(acme: Stage) -> None:
    answer = submission(acme, acme.person(), state={"values": {}})

    assert answer.body == {"response_action": "errors", "errors": {"text": SAID.nothing}}
    assert answer.headers["content-type"].startswith("application/json")
    assert len(acme.bot.heard) == 1


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"words": "x", "handle": "https://x.example"}'])
def test_a_form_that_keeps_what_none_of_ours_does_is_not_taken(acme: Stage, kept: str) -> None:
    answer = submission(acme, acme.person(), private_metadata=kept)

    assert answer.body == {"response_action": "errors", "errors": {"text": SAID.failed}}
    assert len(acme.bot.heard) == 1


def test_a_form_is_answered_at_no_foreign_address(acme: Stage) -> None:
    kept = {"words": "admin add", "handle": "https://evil.example/x", "until": 4_000_000_000, "posts": 4}

    submission(acme, acme.person(), private_metadata=json.dumps(kept))

    assert acme.bot.heard[-1].reply.handle is None


def test_a_form_of_another_name_is_acknowledged_and_not_heard(acme: Stage) -> None:
    assert submission(acme, acme.person(), callback_id="another").status == 200
    assert len(acme.bot.heard) == 1


# --- whose request is it ---


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
async def test_a_request_of_more_than_five_minutes_before_or_after_is_refused(
    seconds: int, status: int
) -> None:
    bot = Bot(lambda _: asyncio.sleep(0, QUEUED))
    door = door_for(bot, ClockAt(NOW))

    answer = await door.receive(*signed(COMMAND, NOW + seconds))
    await door.stop()

    assert answer.status == status
    assert len(bot.heard) == (1 if status == 200 else 0)


def test_a_tampered_request_is_refused_and_not_logged(acme: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ada = acme.person()
    sent = ada.command("join").sent

    answer = ada.send(sent.body.replace(b"text=join", b"text=leave"), sent.headers)

    assert answer.status == 401
    assert len(acme.bot.heard) == 1
    ours = [
        record.getMessage() for record in caplog.records if record.name.startswith(("adapters", "slack_"))
    ]
    assert ours == ["request without a good signature"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "١٧٩٠٠٠٠٠٠٠", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1790000000", "X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1790000000"},
    ],
)
def test_headers_that_slack_never_sends_are_refused_without_a_traceback(
    acme: Stage, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    encoded = {name.encode(): value.encode() for name, value in (FORM | headers).items()}
    body = b"command=%2Fdeepracer"
    answer = httpx.post(f"{acme.bot_url}/slack/events", content=body, headers=encoded, trust_env=False)

    assert answer.status_code == 401
    assert no_traceback(caplog)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{broken", JSON),
        (b"[1, 2]", JSON),
        (b'"text"', JSON),
        (b"null", JSON),
        (b'{"team": 5}', JSON),
        (b'{"authorizations": "x"}', JSON),
        (b"[" * 100_000, JSON),
        (b"\xff\xfe\x00", FORM),
        (b"payload=%7Bbroken", FORM),
        (b"payload=%5B1%5D", FORM),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_bodies_that_slack_never_sends_are_refused_without_a_traceback(
    acme: Stage, body: bytes, headers: dict[str, str], signed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answer = acme.raw(body, headers, signed=signed)

    assert answer.status in (400, 401)
    assert no_traceback(caplog)
    assert acme.bot.heard == []


@pytest.mark.parametrize("charset", ["bogus", "utf-16", "latin-1"])
def test_the_bytes_that_were_signed_are_those_that_are_read(acme: Stage, charset: str) -> None:
    body = urlencode(
        {"team_id": TEAM_ID, "user_id": "U1", "command": "/deepracer", "trigger_id": "1"}
    ).encode()
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}

    assert acme.raw(body, headers).status == 200
    assert len(acme.bot.heard) == 1


def test_a_body_beyond_the_limit_is_refused_before_it_is_read_to_its_end(
    acme: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert acme.raw(b"x" * LIMIT, FORM).status == 200  # signed, and nothing for us
    assert acme.raw(b"x" * (LIMIT + 1), FORM).status == 413
    assert acme.raw(gzip.compress(b"x" * 50_000_000), FORM | {"Content-Encoding": "gzip"}).status == 413
    assert no_traceback(caplog)


def test_a_body_that_is_not_what_it_says_is_refused_in_peace(
    acme: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert acme.raw(b"command=%2Fdeepracer", FORM | {"Content-Encoding": "gzip"}).status == 400
    assert acme.bot.heard == []
    assert no_traceback(caplog)


def test_a_request_from_a_foreign_workspace_is_refused_in_friendly_words(acme: Stage) -> None:
    ada = acme.person()
    answer = ada.command("join", team_id=FOREIGN_TEAM_ID)

    assert answer.status == 200
    assert answer.body["response_type"] == "ephemeral"
    assert sees(ada) == [shown(REFUSED)]
    assert acme.bot.heard == []


def test_a_click_from_a_foreign_workspace_is_refused_beside_the_message(acme: Stage) -> None:
    ada = acme.person()
    ada.command("menu")
    answer = ada.press("Leave", team={"id": FOREIGN_TEAM_ID})

    assert answer.status == 200
    until(lambda: sees(ada) == [shown(MENU), shown(REFUSED)])
    assert len(acme.bot.heard) == 1


def test_a_request_without_a_workspace_is_nobodys(acme: Stage) -> None:
    acme.person().command("join", team_id="")
    acme.person().command("join", team_id="", enterprise_id=ENTERPRISE_ID)

    assert acme.bot.heard == []


def test_a_sibling_workspace_is_in_when_the_organization_is() -> None:
    with stage(slack={"grid": True}, team_ids=frozenset({TEAM_ID, ENTERPRISE_ID})) as acme:
        ada = acme.person()
        assert ada.command("join", team_id=SIBLING_TEAM_ID).body["text"].startswith("You are in the queue")
        ada.command("menu")
        ada.press("Leave", team={"id": SIBLING_TEAM_ID})
        until(lambda: len(acme.bot.heard) == 3)
        assert {heard.chat.tenant for heard in acme.bot.heard} == {ENTERPRISE_ID}

    with stage(slack={"grid": True}) as acme:
        acme.person().command("join", team_id=SIBLING_TEAM_ID)
        assert acme.bot.heard == []


def test_the_certificate_check_is_answered_without_a_signature(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLACK_VERIFICATION_TOKEN", "right")
    with stage() as acme:
        for token in ("right", "wrong"):
            body = urlencode({"ssl_check": "1", "token": token, "command": "/deepracer"}).encode()
            answer = acme.raw(body, FORM, signed=False)
            assert (answer.status, answer.body) == (200, None)
        assert acme.bot.heard == []


def test_the_url_is_verified_only_for_slack(acme: Stage) -> None:
    challenge = acme.person().verify_url()
    assert challenge.status == 200
    assert challenge.body["challenge"] if isinstance(challenge.body, dict) else challenge.body

    body = json.dumps({"type": "url_verification", "challenge": "x"}).encode()
    assert acme.raw(body, JSON, signed=False).status == 401


def test_other_methods_and_paths_are_not_served(acme: Stage) -> None:
    assert httpx.get(f"{acme.bot_url}/slack/events", trust_env=False).status_code == 405
    assert httpx.get(f"{acme.bot_url}/slack/install", trust_env=False).status_code == 404


# --- events ---


@pytest.mark.parametrize(
    "event",
    [
        {"type": "app_uninstalled"},
        {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["U0DEEPRACR"]}},
    ],
)
def test_a_revocation_is_handled_once_however_often_it_is_delivered(
    acme: Stage, event: dict[str, Any]
) -> None:
    slack = acme.person()
    for retry in range(3):
        assert slack.event(event, event_id="Ev1", retry=retry).status == 200

    assert acme.bot.revoked == [event["type"]]


def test_the_revocation_of_somebodys_own_token_is_not_the_bots(acme: Stage) -> None:
    assert acme.person().event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}}).status == 200
    assert acme.bot.revoked == []


def test_a_revocation_that_could_not_be_handled_is_delivered_again(acme: Stage) -> None:
    acme.bot.revoking_fails = True
    assert acme.person().event({"type": "app_uninstalled"}, event_id="Ev1").status == 500

    acme.bot.revoking_fails = False
    assert acme.person().event({"type": "app_uninstalled"}, event_id="Ev1", retry=1).status == 200
    assert acme.bot.revoked == ["app_uninstalled"]


def test_an_event_nobody_listens_to_is_acknowledged_so_that_slack_does_not_insist(acme: Stage) -> None:
    assert acme.person().event({"type": "app_home_opened", "tab": "home"}).status == 200
    assert acme.person().event({"type": "message", "text": "hi"}, retry=2).status == 200


def test_an_event_of_a_foreign_workspace_changes_nothing(acme: Stage) -> None:
    body = json.dumps(
        {"type": "event_callback", "team_id": FOREIGN_TEAM_ID, "event": {"type": "app_uninstalled"}}
    ).encode()

    assert acme.raw(body, JSON).status == 200
    assert acme.bot.revoked == []


# --- how the door is made ---


@pytest.mark.parametrize("secret", ["", "   "])
def test_an_empty_signing_secret_is_refused_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        door_for(Bot(lambda _: asyncio.sleep(0, QUEUED)), signing_secret=secret)


def test_a_door_that_admits_nobody_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="workspace"):
        door_for(Bot(lambda _: asyncio.sleep(0, QUEUED)), team_ids=frozenset())


async def test_without_a_signing_secret_there_is_no_way_in_over_http() -> None:
    bot = Bot(lambda _: asyncio.sleep(0, QUEUED))
    door = door_for(bot, signing_secret=None)

    assert door.routes() == []
    assert (await door.receive({}, b"command=%2Fdeepracer")).status == 401


def test_settings_never_show_their_secrets() -> None:
    settings = DoorSettings(
        "a-signing-secret", "xoxb-a-token", frozenset({TEAM_ID}), frozenset(), "https://slack.com/api/"
    )

    assert "a-signing-secret" not in repr(settings)
    assert "xoxb-a-token" not in repr(settings)


def test_the_credentials_of_an_app_in_the_environment_do_not_switch_to_oauth(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN"):
        monkeypatch.setenv(name, "from-the-environment")
    with stage() as acme:
        ada = acme.person()
        ada.command("join")
        ada.command("menu")
        ada.press("Leave")
        until(lambda: shown(QUEUED) in sees(ada)[1:])
        ada.command("join", team_id=FOREIGN_TEAM_ID)

        assert len(acme.bot.heard) == 3
        assert acme.calls_to_slack() == ["response_url"]
    assert list(tmp_path.iterdir()) == []


async def test_slacks_published_example_of_a_signature_is_accepted() -> None:
    # docs.slack.dev/authentication/verifying-requests-from-slack, made-up values throughout
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    bot = Bot(lambda _: asyncio.sleep(0, QUEUED))
    door = door_for(
        bot,
        ClockAt(1531420618),
        signing_secret="8f742231b10e8888abcd99yyyzzz85a5",
        team_ids=frozenset({"T1DC2JH3J"}),
        command="/webhook-collect",
    )

    assert (await door.receive(headers, body)).status == 200
    assert bot.heard[0].chat == ChatIdentity("slack", "T1DC2JH3J", "U2CERLKJA")
    assert (await door.receive(headers, body + b"&text=leave")).status == 401


async def test_the_door_works_without_a_server_as_in_a_function() -> None:
    door = door_for(Bot(lambda _: asyncio.sleep(0, QUEUED)), ClockAt(NOW))
    answer = await door.receive(*signed(COMMAND, NOW))
    await door.stop()

    assert answer.status == 200
    assert json.loads(answer.body)["response_type"] == "ephemeral"


def test_bolt_waits_for_the_answer_instead_of_polling_for_it() -> None:
    assert door_for(Bot(lambda _: asyncio.sleep(0, QUEUED))).app.process_before_response


def test_bolt_keeps_bodies_out_of_the_log_whatever_the_level(
    acme: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = acme.person()
    ada.command("join")
    ada.command("join", command="/unknown")
    ada.command("join", at=1)

    bolts = ("slack_bolt", "slack_sdk", "deepracer", "adapters.slack.door.bolt")
    assert [record.name for record in caplog.records if record.name.startswith(bolts)] == []


def test_a_crowd_that_types_at_once_is_heard_and_answered(acme: Stage) -> None:
    failures: list[OperationTimeout] = []

    def one(number: int) -> None:
        try:
            acme.person(f"employee-{number:03d}").command("join")
        except OperationTimeout as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 33)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert len({heard.asked_id for heard in acme.bot.heard}) == 32
