"""Teams' door from outside: Bot Connector's activities in over HTTP, and what the bot hears and says."""

import asyncio
import gzip
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web

from adapters.chat.body import LIMIT
from adapters.chat.message import Message, Plain
from adapters.chat.utterance import Utterance
from adapters.teams.address import Address
from adapters.teams.cards import render
from adapters.teams.door import DoorSettings, DoorWords, TeamsDoor
from adapters.teams.wire import Heard, Place
from provisioning.errors import ChatUnavailable, Undeliverable
from provisioning.ids import ChatIdentity
from sandbox.listening import listening
from tests.scenario.bot_connector import (
    ADA,
    APP_ID,
    BOT,
    CHANNEL,
    OTHER_TENANT,
    SERVICE_URL,
    TENANT,
    USER,
    Authority,
    activity,
    bearer,
    body,
    claims,
    in_channel,
    jwk,
    pressed,
)
from tests.scenario.waiting import DEADLINE_SECONDS, eventually

QUEUED = Message((Plain("You're in the queue."),))
STILL = Message((Plain("Still working on it."),))
WRONG = Message((Plain("Something went wrong."),))
WELCOME = Message((Plain("Hello, I'm DeepRacer."),))
WELCOME_ALL = Message((Plain("hello, all"),))
PRIVATELY = Message((Plain("I've answered you in private."),))
ANONYMOUS = Message((Plain("Teams doesn't tell me who you are."),))
CARD = "application/vnd.microsoft.card.adaptive"
TEXT = "application/vnd.microsoft.activity.message"
CHAT = ChatIdentity("teams", TENANT, ADA)
PERSONAL = Address(SERVICE_URL, TENANT, "a:personal-ada", "personal", BOT, USER)


class MovedClock:
    """The clock on the wall, which can be put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Bot:
    """A bot that answers as it is told to, and remembers what it heard and what it was to say."""

    heard: list[Utterance] = field(default_factory=list)
    said: list[tuple[str, Any, Message]] = field(default_factory=list)
    kept: list[tuple[ChatIdentity | None, Address]] = field(default_factory=list)
    forgotten: list[tuple[ChatIdentity | None, Address]] = field(default_factory=list)
    placed_in: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    may_send: threading.Event = field(default_factory=threading.Event)
    reply: Callable[[Utterance], Awaitable[Message]] | None = None

    def __post_init__(self) -> None:
        self.may_send.set()

    async def hear(self, utterance: Utterance) -> Message:
        self.heard.append(utterance)
        return QUEUED if self.reply is None else await self.reply(utterance)

    def keep(self, chat: ChatIdentity | None, address: Address) -> bool:
        self._may_fail("keep")
        is_new = (chat, address.channel) not in [(whose, at.channel) for whose, at in self.kept]
        self.kept.append((chat, address))
        return is_new

    def meet(self, chat: ChatIdentity | None, address: Address, locale: str | None) -> bool:
        return self.keep(chat, address)

    def forget(self, chat: ChatIdentity | None, address: Address) -> None:
        self.forgotten.append((chat, address))

    def answer(self, heard: Heard, message: Message) -> None:
        self.may_send.wait(DEADLINE_SECONDS)
        self._may_fail("answer")
        self.said.append(("answer", heard, message))

    def placed(self, heard: Heard, activity_id: str) -> None:
        self.placed_in.append(activity_id)

    def welcome(self, address: Address, message: Message) -> None:
        self.said.append(("welcome", address, message))

    def _may_fail(self, what: str) -> None:
        if what in self.fails:
            raise self.fails[what]

    def answers(self) -> list[Message]:
        return [message for kind, _, message in self.said if kind == "answer"]


@dataclass
class Stage:
    """A bot behind its door, Bot Connector's keys, and the way in."""

    url: str
    bot: Bot
    authority: Authority
    clock: MovedClock
    http: httpx.Client

    def post(self, content: bytes, authorization: str | None, **headers: str) -> httpx.Response:
        sent = httpx.Headers({"Content-Type": "application/json"} | headers, encoding="latin-1")
        if authorization is not None:
            sent["Authorization"] = authorization
        return self.http.post(f"{self.url}/api/messages", content=content, headers=sent)

    def send(self, sent: object, authorization: str | None = None) -> httpx.Response:
        return self.post(body(sent), bearer() if authorization is None else authorization)

    def says(self, *messages: Message) -> None:
        eventually(lambda: self.bot.answers() == list(messages), f"the bot says {messages}")


@contextmanager
def stage(authority: Authority | None = None, **settings: Any) -> Iterator[Stage]:
    """Open the door; it closes as on a deploy."""
    bot, authority, clock = Bot(), authority or Authority(), MovedClock()
    with ExitStack() as opened:
        keys_at = opened.enter_context(listening(authority.app()))
        usual: dict[str, Any] = {
            "app_id": APP_ID,
            "tenant_ids": frozenset({TENANT}),
            "metadata_url": f"{keys_at}/metadata",
            "service_url_hosts": frozenset({"smba.trafficmanager.net"}),
        }
        door = TeamsDoor(
            DoorSettings(**usual | settings),
            answer=bot.hear,
            words=DoorWords(
                refuse_anonymous=lambda _: ANONYMOUS,
                still_working=lambda _: STILL,
                went_wrong=lambda _: WRONG,
                welcome=lambda _: WELCOME,
                welcome_together=lambda _: WELCOME_ALL,
                answered_privately=lambda _: PRIVATELY,
            ),
            outgoing=bot,
            clock=clock,
        )
        url = opened.enter_context(listening_to(door))
        yield Stage(url, bot, authority, clock, opened.enter_context(httpx.Client(timeout=30)))


@contextmanager
def listening_to(door: TeamsDoor) -> Iterator[str]:
    async def health(_: web.Request) -> web.Response:
        return web.Response(text="well")

    async def start(_: web.Application) -> None:
        await door.start()

    async def stop(_: web.Application) -> None:
        await door.stop()

    app = web.Application()
    app.add_routes([*door.routes(), web.get("/healthz", health)])
    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    with listening(app) as url:
        yield url


@pytest.fixture
def teams() -> Iterator[Stage]:
    with stage() as found:
        yield found


def quiet(caplog: pytest.LogCaptureFixture) -> bool:
    return not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


# --- what is said ---


def test_words_are_heard_and_answered_in_the_personal_chat(teams: Stage) -> None:
    sent = activity()

    assert teams.send(sent).status_code == 201
    (heard,) = teams.bot.heard
    assert (heard.chat, heard.text, heard.pressed) == (CHAT, "join", False)
    assert heard.asked_id == f"a:personal-ada/{sent['id']}"
    assert heard.reply.locale == "en-US"
    teams.says(QUEUED)
    kind, where, _ = teams.bot.said[0]
    assert (kind, where.address, where.activity_id, where.card) == ("answer", PERSONAL, sent["id"], None)
    assert where.place is Place.USUAL


def test_an_empty_message_is_heard_too(teams: Stage) -> None:
    assert teams.send(activity(text=None)).status_code == 201
    assert teams.send(activity(text="")).status_code == 201
    assert [heard.text for heard in teams.bot.heard] == ["", ""]


def test_in_a_channel_the_mention_is_taken_off_and_the_answer_knows_the_thread(teams: Stage) -> None:
    assert teams.send(in_channel()).status_code == 201
    assert [heard.text for heard in teams.bot.heard] == ["join"]
    teams.says(QUEUED)
    _, where, _ = teams.bot.said[0]
    thread = f"{CHANNEL};messageid=1700"
    assert where.address == Address(SERVICE_URL, TENANT, thread, "channel", BOT, USER)
    assert (where.place, where.card) == (Place.USUAL, None)


def test_the_same_activity_delivered_again_carries_the_same_id(teams: Stage) -> None:
    for sent in (activity(), pressed("leave --yes")):
        teams.send(sent)
        teams.send(sent)
    ids = [heard.asked_id for heard in teams.bot.heard]

    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert ids[0] != ids[2]


def test_the_answer_to_the_request_does_not_wait_for_what_is_said(teams: Stage) -> None:
    teams.bot.may_send.clear()

    assert teams.send(activity()).status_code == 201
    assert teams.bot.said == []
    teams.bot.may_send.set()
    teams.says(QUEUED)


def test_slow_sending_keeps_nobody_from_being_heard(teams: Stage) -> None:
    teams.bot.may_send.clear()

    for number in range(40):
        sender = {"id": f"29:{number}", "aadObjectId": f"1c2d3e4f-0000-4000-8000-{number:012d}"}
        assert teams.send(activity(**{"from": sender})).status_code == 201
    assert len(teams.bot.kept) == len(teams.bot.heard) == 40
    teams.bot.may_send.set()
    teams.says(*[QUEUED] * 40)


def test_an_answer_that_misses_its_time_is_promised_and_then_comes_as_a_new_message() -> None:
    with stage(answer_seconds=0.05) as teams:
        released = threading.Event()

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            return QUEUED

        teams.bot.reply = slow
        assert (
            teams.send(activity(text=None, replyToId="1700-card", value={"say": "join"})).status_code == 201
        )
        teams.says(STILL)

        released.set()
        teams.says(STILL, QUEUED)
        cards = [where.card for _, where, _ in teams.bot.said]
        assert cards == ["1700-card", None]


def test_a_late_answer_in_a_channel_points_into_the_thread_once() -> None:
    with stage(answer_seconds=0.05) as teams:
        released = threading.Event()

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            raise KeyError("a defect")

        teams.bot.reply = slow
        teams.send(in_channel())
        released.set()

        teams.says(STILL, WRONG)
        assert [where.place for _, where, _ in teams.bot.said] == [Place.USUAL, Place.PRIVATE]


def test_a_defect_is_told_and_is_no_error_to_bot_connector(
    teams: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Utterance) -> Message:
        raise KeyError("a defect")

    teams.bot.reply = fail

    assert teams.send(activity()).status_code == 201
    teams.says(WRONG)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["answer failed"]


@pytest.mark.parametrize("fault", [ChatUnavailable(), Undeliverable(reason="gone"), KeyError("a defect")])
def test_an_answer_that_does_not_get_through_does_not_reach_the_request(
    teams: Stage, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    teams.bot.fails["answer"] = fault

    assert teams.send(activity()).status_code == 201
    eventually(
        lambda: "not answered in Teams" in [record.getMessage() for record in caplog.records],
        "it is logged",
    )


def test_answers_under_way_go_out_before_the_door_closes() -> None:
    with stage() as teams:
        teams.bot.may_send.clear()
        teams.send(activity())
        threading.Timer(0.2, teams.bot.may_send.set).start()
    assert teams.bot.answers() == [QUEUED]


# --- buttons ---


def test_a_pressed_button_is_answered_with_a_card_in_its_place(teams: Stage) -> None:
    sent = pressed("leave --yes")
    answer = teams.send(sent)

    assert answer.status_code == 200
    assert answer.json() == {"statusCode": 200, "type": CARD, "value": render(QUEUED)[1]}
    (heard,) = teams.bot.heard
    assert (heard.chat, heard.text, heard.pressed) == (CHAT, "leave --yes", True)
    assert heard.asked_id == f"a:personal-ada/{sent['id']}/1700-card/leave --yes"
    eventually(lambda: teams.bot.placed_in == ["1700-card"], "later updates go there")
    assert teams.bot.said == []


def test_a_button_pressed_in_a_channel_is_answered_in_private_and_points_there(teams: Stage) -> None:
    channel = {"id": CHANNEL, "conversationType": "channel", "tenantId": TENANT}
    answer = teams.send(pressed("leave", conversation=channel))

    assert answer.status_code == 200
    assert answer.json() == {"statusCode": 200, "type": TEXT, "value": render(PRIVATELY)[0]}
    teams.says(QUEUED)
    _, where, _ = teams.bot.said[0]
    assert (where.place, where.card, where.address.user) == (Place.PRIVATE, None, USER)
    assert teams.bot.placed_in == []


def test_an_old_client_presses_with_a_message_and_means_the_same(teams: Stage) -> None:
    sent = activity(text=None, replyToId="1700-card", value={"say": "leave {event}", "event": "spring"})

    assert teams.send(sent).status_code == 201
    (heard,) = teams.bot.heard
    assert (heard.text, heard.pressed) == ("leave spring", True)
    teams.says(QUEUED)
    assert teams.bot.said[0][1].card == "1700-card"


def test_a_pressed_buttons_late_answer_is_promised_and_then_comes_as_a_new_message() -> None:
    with stage(answer_seconds=0.05) as teams:
        released = threading.Event()

        async def slow(_: Utterance) -> Message:
            await asyncio.to_thread(released.wait, DEADLINE_SECONDS)
            return QUEUED

        teams.bot.reply = slow
        answer = teams.send(pressed("leave"))
        assert answer.json() == {"statusCode": 200, "type": TEXT, "value": render(STILL)[0]}
        released.set()

        teams.says(QUEUED)
        assert teams.bot.said[0][1].card is None


def test_a_defect_at_a_pressed_button_is_told(teams: Stage) -> None:
    async def fail(_: Utterance) -> Message:
        raise KeyError("a defect")

    teams.bot.reply = fail
    answer = teams.send(pressed("leave"))

    assert (answer.status_code, answer.json()["value"]) == (200, render(WRONG)[1])


def test_words_that_cannot_be_shown_still_give_an_answer(teams: Stage) -> None:
    async def broken(_: Utterance) -> Message:
        return Message(None)  # type: ignore[arg-type]

    teams.bot.reply = broken
    answer = teams.send(pressed("leave"))

    assert (answer.status_code, answer.json()["type"]) == (200, TEXT)
    assert "DR-500" in answer.json()["value"]


@pytest.mark.parametrize(
    "sent",
    [
        activity(type="invoke", name="task/fetch", value={"data": {"say": "join"}}),
        pressed("join", value={"action": {"verb": "refresh", "data": {"say": "join"}}}),
        pressed("join", value={"action": {"verb": "say", "data": {"other": 1}}}),
    ],
)
def test_an_invoke_of_another_kind_is_not_taken_and_not_heard(teams: Stage, sent: dict[str, Any]) -> None:
    assert teams.send(sent).status_code == 501
    assert teams.bot.heard == []


# --- where people are reached ---


def test_an_address_is_kept_before_the_answer_and_not_at_every_word(teams: Stage) -> None:
    kept_when_heard = []

    async def look(_: Utterance) -> Message:
        kept_when_heard.append(len(teams.bot.kept))
        return QUEUED

    teams.bot.reply = look
    for _ in range(3):
        teams.send(activity())

    assert kept_when_heard == [1, 1, 1]
    assert teams.bot.kept == [(CHAT, PERSONAL)]


def test_an_address_that_changed_is_kept_at_once_and_every_one_after_ten_minutes(teams: Stage) -> None:
    moved = "https://smba.trafficmanager.net/amer/"
    teams.send(activity())
    teams.send(activity(serviceUrl=moved), bearer(claims(serviceurl=moved)))
    teams.send(activity())
    assert [at.service_url for _, at in teams.bot.kept] == [SERVICE_URL, moved, SERVICE_URL]

    teams.clock.ahead = timedelta(minutes=10)
    teams.send(activity())
    assert len(teams.bot.kept) == 4


@pytest.mark.parametrize("fault", [ChatUnavailable(), KeyError("a defect")])
def test_an_address_that_could_not_be_kept_is_kept_at_the_next_word(teams: Stage, fault: Exception) -> None:
    teams.bot.fails["keep"] = fault
    assert teams.send(activity()).status_code == 201
    teams.bot.fails.clear()
    assert teams.send(activity()).status_code == 201

    assert len(teams.bot.heard) == 2
    assert teams.bot.kept == [(CHAT, PERSONAL)]


ADDED = {"type": "installationUpdate", "action": "add", "text": None}
JOINED = {"type": "conversationUpdate", "text": None, "membersAdded": [{"id": BOT}]}
IN_TEAM = {"id": CHANNEL, "conversationType": "channel", "tenantId": TENANT}


def test_whoever_adds_the_app_is_welcomed_once(teams: Stage) -> None:
    for sent in (ADDED, JOINED, ADDED):
        assert teams.send(activity(**sent)).status_code == 201

    eventually(lambda: len(teams.bot.said) == 1, "a welcome")
    assert teams.bot.said == [("welcome", PERSONAL, WELCOME)]
    assert teams.bot.heard == []


def test_a_team_is_welcomed_as_a_channel_and_not_as_the_person_who_added_the_app(teams: Stage) -> None:
    teams.send(activity(**ADDED, conversation=IN_TEAM))

    eventually(lambda: len(teams.bot.said) == 1, "a welcome")
    where = Address(SERVICE_URL, TENANT, CHANNEL, "channel", BOT)
    assert teams.bot.kept == [(None, where)]
    assert teams.bot.said == [("welcome", where, WELCOME_ALL)]


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "installationUpdate", "action": "remove"},
        {"type": "conversationUpdate", "membersRemoved": [{"id": BOT}]},
    ],
)
def test_a_removed_app_is_forgotten_and_kept_again_at_the_next_word(
    teams: Stage, sent: dict[str, Any]
) -> None:
    teams.send(activity())
    assert teams.send(activity(text=None, **sent)).status_code == 201
    teams.send(activity())

    assert teams.bot.forgotten == [(CHAT, PERSONAL)]
    assert teams.bot.kept == [(CHAT, PERSONAL)] * 2


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "conversationUpdate", "membersAdded": [{"id": "29:eve"}]},
        {"type": "conversationUpdate", "membersRemoved": [{"id": "29:eve"}]},
        {"type": "installationUpdate", "action": "add-upgrade"},
        {"type": "messageReaction", "reactionsAdded": [{"type": "like"}]},
        {"type": "somethingNew"},
    ],
)
def test_what_else_happens_only_says_where_the_bot_is_reached(teams: Stage, sent: dict[str, Any]) -> None:
    assert teams.send(activity(text=None, conversation=IN_TEAM, **sent)).status_code == 201
    assert [at.channel for _, at in teams.bot.kept] == [CHANNEL]
    assert (teams.bot.heard, teams.bot.said, teams.bot.forgotten) == ([], [], [])


# --- nobody's object id ---


@pytest.mark.parametrize(
    "sender", [{"id": USER}, {"id": USER, "aadObjectId": ""}, {"id": USER, "aadObjectId": "a b"}]
)
@pytest.mark.parametrize("sent", [activity(), in_channel()])
def test_whoever_has_no_object_id_is_told_so_where_they_are_and_not_heard(
    teams: Stage, sent: dict[str, Any], sender: dict[str, Any]
) -> None:
    assert teams.send(sent | {"from": sender}).status_code == 201
    teams.says(ANONYMOUS)
    assert teams.bot.said[0][1].place is Place.HERE
    assert (teams.bot.heard, teams.bot.kept) == ([], [])


def test_whoever_has_no_object_id_and_presses_a_button_is_told_so(teams: Stage) -> None:
    answer = teams.send(pressed("join") | {"from": {"id": USER}})

    assert (answer.status_code, answer.json()["value"]) == (200, render(ANONYMOUS)[0])
    assert (teams.bot.heard, teams.bot.kept, teams.bot.placed_in) == ([], [], [])


# --- the tokens ---

Case = Callable[[int, float], tuple[dict[str, Any], str | None]]
OWN_TENANT = f"https://sts.windows.net/{TENANT}/"


def with_claims(**changes: Any) -> Case:
    return lambda key, now: (activity(), bearer(claims(now, **changes), key=key))


def with_moment(name: str, minutes: int) -> Case:
    return lambda key, now: (activity(), bearer(claims(now, **{name: int(now) + minutes * 60}), key=key))


def with_activity(**changes: Any) -> Case:
    return lambda key, now: (activity(**changes), bearer(claims(now), key=key))


def at_service(url: str | None) -> Case:
    """Return an activity from this service URL, with a token that says so, too."""
    return lambda key, now: (activity(serviceUrl=url), bearer(claims(now, serviceurl=url), key=key))


def with_token(**how: Any) -> Case:
    """Return an activity with a token made in this way; `{}` in a kid is the number of the good key."""

    def made(key: int, now: float) -> tuple[dict[str, Any], str | None]:
        kid = how.get("kid")
        return activity(), bearer(claims(now), **{"key": key} | how | {"kid": kid and kid.format(key)})

    return made


MATRIX: dict[str, tuple[Case, int]] = {
    "valid": (with_activity(), 201),
    "wrong aud": (with_claims(aud="somebody-else"), 401),
    "aud in a list": (with_claims(aud=[APP_ID]), 401),
    "no aud": (with_claims(aud=None), 401),
    "wrong iss": (with_claims(iss="https://sts.example"), 401),
    "no iss": (with_claims(iss=None), 401),
    "expired 10 min": (with_moment("exp", -10), 401),
    "expired 4 min": (with_moment("exp", -4), 201),
    "nbf in 10 min": (with_moment("nbf", 10), 401),
    "nbf in 4 min": (with_moment("nbf", 4), 201),
    "no nbf": (with_claims(nbf=None), 201),
    "no exp": (with_claims(exp=None), 401),
    "exp no number": (with_claims(exp="soon"), 401),
    "exp beyond reckoning": (with_claims(exp=10**400), 401),
    "bad signature": (with_token(key=9, kid="key-{}"), 401),
    "unknown kid": (with_token(key=9), 401),
    "alg none": (with_token(alg="none", kid="key-{}"), 401),
    "HS256": (with_token(alg="HS256", kid="key-{}"), 401),
    "garbage": (lambda *_: (activity(), "Bearer not.a.token"), 401),
    "empty": (lambda *_: (activity(), "Bearer"), 401),
    "beyond ASCII": (lambda *_: (activity(), "Bearer \xe9.\xe9.\xe9"), 401),
    "another scheme": (lambda key, _: (activity(), bearer(key=key).replace("Bearer", "Basic")), 401),
    "no header": (lambda *_: (activity(), None), 401),
    "serviceurl missing": (with_claims(serviceurl=None), 403),
    "serviceurl other": (with_claims(serviceurl="https://smba.trafficmanager.net/amer/"), 403),
    "serviceurl a list": (with_claims(serviceurl=[SERVICE_URL]), 403),
    "no serviceUrl": (with_activity(serviceUrl=None), 403),
    "no serviceUrl anywhere": (at_service(None), 403),
    "channel not endorsed": (lambda key, _: (activity(), bearer(key=10 + key)), 403),
    "another channel": (with_activity(channelId="webchat"), 403),
    "no channelId": (with_activity(channelId=None), 403),
    "Entra token of own tenant": (with_claims(iss=OWN_TENANT, serviceurl=None, appid=APP_ID), 401),
    "other tenant": (with_activity(channelData={"tenant": {"id": OTHER_TENANT}}), 403),
    "other tenant of the conversation": (
        with_activity(conversation={"id": "a:1", "conversationType": "personal", "tenantId": OTHER_TENANT}),
        403,
    ),
    "no tenant": (with_activity(channelData=None, conversation={"id": "a:1"}), 403),
    "foreign host": (at_service("https://evil.example/"), 403),
    "not https": (at_service("http://smba.trafficmanager.net/emea/"), 403),
    "Action.Execute": (lambda key, _: (pressed("join"), bearer(key=key)), 200),
}


def keys_of(number: int) -> list[dict[str, Any]]:
    """Return a key for Teams, and one that is endorsed for other channels only."""
    return [jwk(number), jwk(10 + number, endorsements=["webchat"])]


@pytest.fixture(scope="module")
def rotated() -> Iterator[Stage]:
    """A door whose keys were all replaced after it had used them."""
    with stage(Authority(keys_of(1))) as teams:
        assert teams.send(activity()).status_code == 201
        teams.authority.keys = keys_of(2)
        teams.clock.ahead = timedelta(seconds=31)
        yield teams


@pytest.fixture(scope="module")
def first() -> Iterator[Stage]:
    with stage(Authority(keys_of(1))) as teams:
        yield teams


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.parametrize("key", [1, 2], ids=["first", "rotated"])
def test_the_token_matrix(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, name: str, key: int
) -> None:
    teams: Stage = request.getfixturevalue({1: "first", 2: "rotated"}[key])
    teams.bot.heard.clear()
    make, status = MATRIX[name]

    sent, authorization = make(key, teams.clock.now().timestamp())
    answer = teams.post(body(sent), authorization)

    assert answer.status_code == status
    assert len(teams.bot.heard) == (1 if status < 300 else 0)
    assert quiet(caplog)
    assert status != 401 or answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_withdrawn_key_is_good_for_nothing(rotated: Stage) -> None:
    assert rotated.send(activity(), bearer(key=2)).status_code == 201
    assert rotated.send(activity(), bearer(key=1)).status_code == 401


def test_a_token_is_not_logged(teams: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for authorization in (bearer(key=9), bearer(claims(aud="other")), bearer()):
        teams.send(activity(), authorization)
        assert authorization[7:27] not in caplog.text


# --- the keys ---


def test_unknown_keys_are_asked_for_once_in_thirty_seconds(teams: Stage) -> None:
    assert teams.send(activity()).status_code == 201
    teams.clock.ahead = timedelta(seconds=31)
    for number in range(5):
        assert teams.send(activity(), bearer(kid=f"made-up-{number}")).status_code == 401

    assert teams.authority.asked == ["metadata", "keys"] * 2


def test_keys_that_do_not_come_hold_up_nobody_whose_key_is_known(teams: Stage) -> None:
    assert teams.send(activity()).status_code == 201
    teams.authority.open.clear()
    teams.clock.ahead = timedelta(days=2)
    good = claims(teams.clock.now().timestamp())

    assert teams.send(activity(), bearer(good)).status_code == 201
    eventually(lambda: len(teams.authority.asked) == 4, "the old keys are refreshed")
    waiting = threading.Thread(target=lambda: teams.send(activity(), bearer(good, key=2)))
    waiting.start()
    for _ in range(3):
        assert teams.send(activity(), bearer(good)).status_code == 201
        assert teams.http.get(f"{teams.url}/healthz").text == "well"
    assert teams.authority.asked == ["metadata", "keys"] * 2
    teams.authority.keys = [jwk(1), jwk(2)]
    teams.authority.open.set()
    waiting.join(DEADLINE_SECONDS)

    assert len(teams.bot.heard) == 6


def test_keys_that_cannot_be_had_leave_the_known_ones_in_force(teams: Stage) -> None:
    assert teams.send(activity()).status_code == 201
    teams.authority.broken = True
    teams.clock.ahead = timedelta(days=2)
    good = claims(teams.clock.now().timestamp())

    for _ in range(2):
        assert teams.send(activity(), bearer(good, key=2)).status_code == 401
        assert teams.send(activity(), bearer(good)).status_code == 201


def test_without_any_key_nobody_can_be_checked_until_there_is_one() -> None:
    with stage(Authority(broken=True)) as teams:
        assert teams.send(activity()).status_code == 503
        assert teams.bot.heard == []

        teams.authority.broken = False
        teams.clock.ahead = timedelta(seconds=4)
        assert teams.send(activity()).status_code == 201


# --- bodies ---


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"join"',
        b"null",
        b"17",
        b"\xff\xfe",
        b'{"type": NaN}',
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"type": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_broken_body_is_refused_in_peace(
    teams: Stage, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    assert teams.post(content, bearer()).status_code == 400
    assert teams.bot.heard == []
    assert quiet(caplog)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": 1},
        {"id": None},
        {"id": 17},
        {"id": "with blanks"},
        {"id": "\ud800"},
        {"from": None},
        {"from": "Ada"},
        {"from": {"id": USER, "aadObjectId": 5}},
        {"recipient": []},
        {"recipient": None},
        {"conversation": "a:1"},
        {"conversation": {"conversationType": "personal", "tenantId": TENANT}},
        {"conversation": {"id": "a:1", "conversationType": 5}},
        {"conversation": {"id": "a:1", "tenantId": 5}},
        {"channelData": "x"},
        {"channelData": {"tenant": TENANT}},
        {"channelData": {"tenant": {"id": []}}},
        {"serviceUrl": {}},
        {"channelId": 1},
        {"text": 5},
        {"text": ["join"]},
        {"entities": {}},
        {"entities": ["mention"]},
        {"locale": 5},
        {"timestamp": 5},
        {"replyToId": {}},
        {"type": "invoke", "name": 5},
        {"type": "invoke", "name": "adaptiveCard/action", "value": "x"},
        {"type": "invoke", "name": "adaptiveCard/action", "value": {"action": []}},
        {"type": "invoke", "name": "adaptiveCard/action", "value": {"action": {"verb": "say", "data": 1}}},
        {"type": "conversationUpdate", "membersAdded": "all"},
        {"type": "conversationUpdate", "membersAdded": [{"id": 5}]},
        {"type": "installationUpdate", "action": 5},
    ],
)
def test_a_field_of_the_wrong_type_is_refused_in_peace(
    teams: Stage, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    assert teams.send(activity(**changes)).status_code == 400
    assert (teams.bot.heard, teams.bot.kept) == ([], [])
    assert quiet(caplog)


def test_a_body_beyond_the_limit_is_not_read(teams: Stage) -> None:
    assert teams.post(b" " * (LIMIT + 1), bearer()).status_code == 413
    bomb = gzip.compress(b" " * 50_000_000)
    assert teams.post(bomb, bearer(), **{"Content-Encoding": "gzip"}).status_code == 413
    just = body(activity())
    assert teams.post(just + b" " * (LIMIT - len(just)), bearer()).status_code == 201


def test_a_body_that_is_not_what_it_says_is_refused_in_peace(
    teams: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert teams.post(body(activity()), bearer(), **{"Content-Encoding": "gzip"}).status_code == 400
    assert teams.bot.heard == []
    packed = gzip.compress(body(activity()))
    assert teams.post(packed, bearer(), **{"Content-Encoding": "gzip"}).status_code == 201
    assert len(teams.bot.heard) == 1
    assert quiet(caplog)


def test_a_caller_who_hangs_up_in_the_middle_disturbs_nobody(
    teams: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = teams.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = f"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\nContent-Length: 900"
        line.sendall(f"{head}\r\n\r\n{{".encode())

    assert teams.send(activity()).status_code == 201
    assert len(teams.bot.heard) == 1
    assert quiet(caplog)


def test_other_fields_of_an_activity_may_be_whatever_they_like(teams: Stage) -> None:
    new = {"attachments": "none", "localTimestamp": 17, "membersAdded": 5, "deliveryMode": "expectReplies"}

    assert teams.send(activity(**new)).status_code == 201
    assert [heard.text for heard in teams.bot.heard] == ["join"]


@pytest.mark.parametrize("missing", [{"app_id": " "}, {"tenant_ids": frozenset()}])
def test_a_door_without_an_app_or_a_tenant_does_not_open(missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Teams"), stage(**missing):
        pass
