"""Slack's door over Socket Mode: no public address, no signature, the same answers."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.chat.message import Button, Buttons, Message, Plain
from adapters.chat.utterance import Utterance
from adapters.slack import forms
from adapters.slack.door import DoorSettings, DoorWords, SlackDoor
from adapters.slack.socket import SlackSocket
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given
from provisioning.requests import ReplyTo
from sandbox.chatting import Answer, Flow, OperationTimeout, perform
from sandbox.company import FOREIGN_TEAM_ID, TEAM_ID
from sandbox.slack import APP_TOKEN
from sandbox.slack_views import Modal
from sandbox.wire import Fault
from sandbox.world import World
from tests.scenario.slack_forms import SAID, Forms
from tests.scenario.waiting import DEADLINE_SECONDS

QUEUED = Message((Plain("You are in the queue."),), (Buttons((Button("Leave", "leave"),)),))
OTHER = Message((Plain("Something else."),))
OFTEN = 0.5  # seconds between pings, and between tries to connect


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Stage:
    world: World
    door: SlackDoor
    socket: SlackSocket
    client: httpx.AsyncClient
    heard: list[Utterance] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    async def play(self, move: Callable[[Any], Flow[Any]], key: str = "employee") -> Any:
        return await perform(self.client, move(self.world.person(key, bot_url=None).moves))

    async def sees(self) -> list[str]:
        return [entry["says"] for entry in await self.play(lambda moves: moves.seen())]


@asynccontextmanager
async def connected(world: World, *, ping_seconds: float = 10.0) -> AsyncIterator[Stage]:
    """Connect. Pings come more often where their answers, or another try, are what is waited for; a pong that
    takes half as long ends the connection, which on a busy machine soon happens.
    """
    heard: list[Utterance] = []
    revoked: list[str] = []

    async def answer(utterance: Utterance) -> Message:
        heard.append(utterance)
        return QUEUED

    settings = DoorSettings(
        signing_secret=None,
        bot_token=world.slack.token,
        team_ids=frozenset({TEAM_ID}),
        response_url_hosts=frozenset({world.urls["slack"].removeprefix("http://")}),
        api_base_url=f"{world.urls['slack']}/api/",
    )
    words = DoorWords(lambda: OTHER, lambda: OTHER, lambda: OTHER, lambda: OTHER, lambda _: SAID)
    door = SlackDoor(
        settings,
        answer=answer,
        words=words,
        opener=Forms(),
        on_revoked=revoked.append,
        clock=RealClock(),
    )
    socket = SlackSocket(door, APP_TOKEN, ping_seconds=ping_seconds)
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            await socket.start()
            yield Stage(world, door, socket, client, heard, revoked)
        finally:
            await socket.stop()
            await door.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0.005)


@pytest.fixture
async def acme() -> AsyncIterator[Stage]:
    with World(parts={"slack"}) as world:
        async with connected(world) as found:
            yield found


async def test_a_command_is_answered_over_the_socket(acme: Stage) -> None:
    before = datetime.now(UTC)
    answer: Answer = await acme.play(lambda moves: moves.command("join payload"))

    assert answer.body["response_type"] == "ephemeral"
    assert await acme.sees() == ["*You are in the queue.*\nLeave"]
    (heard,) = acme.heard
    assert heard.text == "join payload"
    assert before <= heard.received_at <= datetime.now(UTC)


async def test_a_click_is_acknowledged_and_answered_through_its_response_url(acme: Stage) -> None:
    await acme.play(lambda moves: moves.command("join"))
    await acme.play(lambda moves: moves.press("Leave"))

    assert [heard.text for heard in acme.heard] == ["join", "leave"]
    await until(lambda: acme.world.slack.log.count("response_url", status=200) == 1)


async def test_a_form_says_over_the_socket_what_is_missing_and_is_taken(acme: Stage) -> None:
    user = acme.world.company.people["employee"].slack.id
    reply = ReplyTo(ChatIdentity("slack", TEAM_ID, user))
    view = {"id": "V01", **forms.view(SAID, "admin add", reply, takes_files=False)}
    acme.world.do(lambda: acme.world.slack.views.modals.__setitem__("V01", Modal(user, view)))

    empty: Answer = await acme.play(lambda moves: moves.send_form())
    sent: Answer = await acme.play(lambda moves: moves.send_form("ada@acme.example"))

    assert empty.body == {"response_action": "errors", "errors": {"text": SAID.nothing}}
    assert sent.body is None
    (heard,) = acme.heard
    assert (heard.text, heard.given) == ("admin add", Given("ada@acme.example"))


async def test_what_nobody_listens_to_is_acknowledged_too(acme: Stage) -> None:
    await acme.play(lambda moves: moves.command("join", command="/unknown"))
    await acme.play(lambda moves: moves.event({"type": "app_home_opened"}))

    assert acme.heard == []
    assert all(envelope.acked for envelope in acme.world.slack.socket.envelopes)


async def test_a_foreign_workspace_is_refused(acme: Stage) -> None:
    answer: Answer = await acme.play(lambda moves: moves.command("join", team_id=FOREIGN_TEAM_ID))

    assert answer.body["text"] == "Something else."
    assert acme.heard == []


async def test_a_revocation_is_handled(acme: Stage) -> None:
    await acme.play(lambda moves: moves.event({"type": "app_uninstalled"}))

    assert acme.revoked == ["app_uninstalled"]


async def once_connected(acme: Stage) -> Answer:
    """Type a command until there is a connection over which it reaches the bot."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            # 409 while nobody is; one whose connection ends meanwhile is told of a timeout
            with suppress(httpx.HTTPStatusError, OperationTimeout):
                answer: Answer = await acme.play(lambda moves: moves.command("join"))
                return answer
            await asyncio.sleep(0.05)


async def test_the_connection_comes_back_when_slack_refreshes_it() -> None:
    with World(parts={"slack"}) as world:
        async with connected(world, ping_seconds=OFTEN) as acme:
            first = world.slack.socket.connections[0]
            asyncio.run_coroutine_threadsafe(
                world.slack.socket.disconnect("refresh_requested"),
                world._loop,  # noqa: SLF001
            )
            await until(lambda: first not in world.slack.socket.connections)

            answer = await once_connected(acme)

    assert answer.body["text"].startswith("You are in the queue.")


async def test_contact_grows_old_until_slack_answers_a_ping() -> None:
    with World(parts={"slack"}) as world:
        async with connected(world, ping_seconds=OFTEN) as found:
            age = found.socket.seconds_since_contact
            await until(lambda: age() < math.inf)
            ages = [0.0]

            def grown_younger() -> bool:
                ages.append(age())
                return ages[-1] < ages[-2]

            await until(grown_younger)

    assert max(ages) > 0


async def test_before_the_first_contact_there_was_none() -> None:
    with World(parts={"slack"}) as world:
        async with connected(world) as acme:
            assert SlackSocket(acme.door, APP_TOKEN).seconds_since_contact() == math.inf


async def test_an_empty_app_token_is_refused_at_once() -> None:
    with World(parts={"slack"}) as world:
        async with connected(world) as acme:
            with pytest.raises(ValueError, match="app token"):
                SlackSocket(acme.door, " ")


async def test_a_slack_out_of_order_at_the_start_is_tried_again() -> None:
    with World(parts={"slack"}) as world:
        world.slack.faults.arm(Fault("apps.connections.open", "status", status=503, times=2))
        async with connected(world, ping_seconds=OFTEN) as acme:
            await until(lambda: acme.socket.seconds_since_contact() < math.inf)
            answer = await once_connected(acme)

    assert answer.body["text"].startswith("You are in the queue.")
