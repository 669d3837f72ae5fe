import asyncio
import logging
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from adapters.sqlite import SqliteStore, open_store
from bot.metrics import Metrics, measure
from bot.serve import ROUTES, Door, serve


@dataclass
class SlowDoor:
    """A door whose answers take until they are let go."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    fresh: bool = True
    path: str = "/slack/events"

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.path, self._answer)]

    async def start(self) -> None:
        """Open nothing."""

    async def stop(self) -> None:
        """Close nothing."""

    def is_fresh(self) -> bool:
        return self.fresh

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.let_go.wait()
        return web.Response(text="done")


@dataclass
class FakeWorker:
    """A worker that lives as long as it is told."""

    alive: bool = False
    stopped: bool = False

    def start(self) -> None:
        self.alive = True

    def stop(self) -> None:
        self.stopped = True

    def is_alive(self) -> bool:
        return self.alive


@dataclass
class SmallBot:
    store: SqliteStore
    slack_door: SlowDoor
    worker: FakeWorker
    metrics: Metrics
    teams_door: SlowDoor = field(default_factory=lambda: SlowDoor(path="/api/messages"))
    closed: bool = False

    @property
    def doors(self) -> Mapping[str, Door]:
        return {"slack": self.slack_door, "teams": self.teams_door}

    def close(self) -> None:
        self.closed = True
        self.store.close()


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallBot]:
    # A busy machine is slow to write, and to signal twice; the second time would end the tests.
    monkeypatch.setattr("bot.serve.STORE_SECONDS", 60.0)
    monkeypatch.setattr("bot.serve.TWICE_SECONDS", 60.0)
    store = open_store(f"sqlite:///{tmp_path}/bot.db")
    yield SmallBot(store, SlowDoor(), FakeWorker(), measure(store))
    store.close()


async def logged(
    task: "asyncio.Task[int]", caplog: pytest.LogCaptureFixture, action: str
) -> logging.LogRecord:
    """Wait for the line with this action."""
    while not task.done():
        for record in caplog.records:
            if getattr(record, "action", "") == action:
                return record
        await asyncio.sleep(0.01)
    raise AssertionError(f"the server ended before it logged {action}")


async def listening(task: "asyncio.Task[int]", caplog: pytest.LogCaptureFixture) -> str:
    """Wait until the server listens, and return its address."""
    record = await logged(task, caplog, "listening")
    return f"http://127.0.0.1:{record.__dict__['port']}"


async def test_answers_under_way_are_finished_after_the_wish_to_stop(
    bot: SmallBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.serve")
    task = asyncio.create_task(serve(bot, host="127.0.0.1", port=0))
    url = await listening(task, caplog)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answer = asyncio.create_task(http.post("/slack/events"))
        await bot.slack_door.asked.wait()
        signal.raise_signal(signal.SIGTERM)
        await logged(task, caplog, "stopping")
        signal.raise_signal(signal.SIGTERM)  # once more to the whole group, as supervisors do
        assert not bot.closed
        bot.slack_door.let_go.set()
        assert (await answer).text == "done"
    assert await task == 0
    assert (bot.worker.stopped, bot.closed) == (True, True)


async def test_a_worker_that_dies_ends_the_process_with_an_error(
    bot: SmallBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.serve")
    task = asyncio.create_task(serve(bot, host="127.0.0.1", port=0))
    await listening(task, caplog)
    bot.worker.alive = False
    assert await task == 1
    assert bot.closed


async def test_readiness_tells_which_part_is_not_ready(
    bot: SmallBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.serve")
    task = asyncio.create_task(serve(bot, host="127.0.0.1", port=0))
    async with httpx.AsyncClient(base_url=await listening(task, caplog), trust_env=False) as http:
        assert (await http.get("/readyz")).status_code == 200
        bot.slack_door.fresh = False
        stale = await http.get("/readyz")
        assert (stale.status_code, stale.json()["slack"]) == (503, False)
        assert (await http.get("/healthz")).status_code == 200
    signal.raise_signal(signal.SIGINT)
    assert await task == 0


async def test_every_documented_route_is_served_and_no_other(
    bot: SmallBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.serve")
    bot.slack_door.let_go.set()
    bot.teams_door.let_go.set()
    task = asyncio.create_task(serve(bot, host="127.0.0.1", port=0))
    async with httpx.AsyncClient(base_url=await listening(task, caplog), trust_env=False) as http:
        for method, path in ROUTES:
            assert (await http.request(method, path)).status_code == 200
        assert (await http.get("/")).status_code == 404
    signal.raise_signal(signal.SIGTERM)
    assert await task == 0
