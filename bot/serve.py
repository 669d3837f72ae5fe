"""The process: doors and worker, from start to a graceful end.

listen ─▶ (signal, or the worker's death) ─▶ take nothing new ─▶ finish answers ─▶ finish the worker's
call ─▶ close the store
"""

import asyncio
import gc
import logging
import signal
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from bot.applying import apply_at_start
from bot.metrics import Metrics
from provisioning.events import Event
from provisioning.ports import Rows, Store

ROUTES: Final = (
    ("POST", "/slack/events"),
    ("POST", "/api/messages"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
)
ANSWERS_SECONDS = 10.0  # how long answers may still take after the process was asked to stop
TWICE_SECONDS = 1.0  # signals so close together are one wish to stop
LOOK_SECONDS = 1.0  # how often the worker is looked at, and for how long a readiness answer holds
STORE_SECONDS = 2.0  # a store that takes longer for one small write is not ready

log = logging.getLogger(__name__)


class Door(Protocol):
    """Where the requests of one chat platform come in."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return its HTTP routes; none when it opens a connection of its own."""
        ...

    async def start(self) -> None:
        """Open whatever it needs."""
        ...

    async def stop(self) -> None:
        """Take nothing new, and close."""
        ...

    def is_fresh(self) -> bool:
        """Whether requests can reach it: always over HTTP, over a socket when it heard from Slack lately."""
        ...


class Worker(Protocol):
    """Settles what is on the queue, on a thread of its own."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """Finish the call that is under way and end; returns when it has."""
        ...

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        ...


class Bot(Protocol):
    """Everything put together, nothing started."""

    @property
    def doors(self) -> Mapping[str, Door]: ...
    @property
    def worker(self) -> Worker | None: ...
    @property
    def store(self) -> Store: ...
    @property
    def metrics(self) -> Metrics: ...

    def close(self) -> None:
        """Let go of everything, the store last."""
        ...


def make_event(store: Store, event: Event) -> None:
    """Make the event of BOT_EVENT_FILE when it does not exist yet; else log in which fields it differs."""
    changes = apply_at_start(store, event, lambda: datetime.now(UTC))
    if changes is None:
        log.info("event made", extra={"action": "event-made", "event_id": event.id})
    elif changes:
        fields = [change.field for change in changes]
        log.warning(
            "the event file differs from the event; `event apply` shows and applies it",
            extra={"action": "event-differs", "event_id": event.id, "fields": fields},
        )


async def serve(bot: Bot, *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, and close the bot. Port 0 takes a free one; the log says which.

    Returns the exit code: 1 when the worker died by itself, so that a supervisor restarts the process.
    """
    stop = _on_signals()
    runner = web.AppRunner(
        _application(bot, stop),
        access_log=None,
        shutdown_timeout=ANSWERS_SECONDS,
    )
    try:
        await runner.setup()
        for door in bot.doors.values():
            await door.start()
        if bot.worker is not None:
            bot.worker.start()
        await web.TCPSite(runner, host, port).start()
        _keep_what_is_loaded()
        log.info("listening", extra={"action": "listening", "host": host, "port": runner.addresses[0][1]})
        alive = await _until_asked(bot.worker, stop)
    finally:
        stop.set()
        await runner.cleanup()
        for door in bot.doors.values():
            await door.stop()
        await _end(bot)
    return 0 if alive else 1


async def work(bot: Bot) -> int:
    """Run the worker alone until SIGTERM or SIGINT, and close the bot. Returns the exit code."""
    stop = _on_signals()
    try:
        if bot.worker is not None:
            bot.worker.start()
        log.info("working", extra={"action": "working"})
        alive = await _until_asked(bot.worker, stop)
    finally:
        await _end(bot)
    return 0 if alive else 1


def _keep_what_is_loaded() -> None:
    """Take what start-up made out of the garbage collector's sight, and have it come by less often.

    It stays for good; looking through half a million objects held up answers for 100 ms at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def give_up_patience() -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

    def asked(number: signal.Signals) -> None:
        if not stop.is_set():
            log.info("stopping", extra={"action": "stopping", "signal": number.name})
            stop.set()
            # Supervisors signal the process and then its group; later, a second signal ends it at once.
            loop.call_later(TWICE_SECONDS, give_up_patience)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def _until_asked(worker: Worker | None, stop: asyncio.Event) -> bool:
    """Wait for the wish to stop; False when the worker ended before it."""
    while not stop.is_set():
        if worker is not None and not worker.is_alive():
            log.error("the worker has ended by itself", extra={"action": "worker-dead"})
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    return True


async def _end(bot: Bot) -> None:
    if bot.worker is not None:
        await asyncio.to_thread(bot.worker.stop)
    await asyncio.to_thread(bot.close)
    log.info("stopped", extra={"action": "stopped"})


def _application(bot: Bot, stop: asyncio.Event) -> web.Application:
    readiness = _Readiness(bot, stop)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def readyz(_: web.Request) -> web.Response:
        parts = await readiness.parts()
        return web.json_response(parts, status=200 if all(parts.values()) else 503)

    async def scrape(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(bot.metrics.text)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    for door in bot.doors.values():
        app.add_routes(door.routes())
    return app


class _Readiness:
    """Whether requests are welcome here. An answer holds for a moment: it costs a write, anybody may ask."""

    def __init__(self, bot: Bot, stop: asyncio.Event) -> None:
        self._bot = bot
        self._stop = stop
        self._lock = asyncio.Lock()
        self._known: dict[str, bool] = {}
        self._looked_at = -LOOK_SECONDS

    async def parts(self) -> dict[str, bool]:
        async with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._known = {"store": await self._store_is_writable()}
                self._looked_at = time.monotonic()
        worker = self._bot.worker
        return {
            **self._known,
            "worker": worker is None or worker.is_alive(),
            **{platform: door.is_fresh() for platform, door in self._bot.doors.items()},
            "serving": not self._stop.is_set(),
        }

    async def _store_is_writable(self) -> bool:
        name, token = f"readiness:{uuid.uuid4()}", "readiness"

        def write(rows: Rows) -> None:
            now = datetime.now(UTC)
            rows.leases.take(name, token, now, now + timedelta(seconds=1))
            rows.leases.release(name, token)

        try:
            await asyncio.wait_for(asyncio.wrap_future(self._bot.store.run(write)), STORE_SECONDS)
        except Exception:  # noqa: BLE001 - whatever keeps it from writing, it is not ready
            return False
        return True
