"""The bot, running: in threads of this process, or as the processes an operator starts. Settings only."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from bot import wiring
from bot.settings import Settings
from provisioning.ports import Clock
from tests.scenario.waiting import eventually

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
# Proxies and certificates of the machine the tests run on have no part in the company in a box.
FOREIGN = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 600.0) -> T:
        """Run this coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=seconds)

    def close(self) -> None:
        """End the loop and its thread."""
        self.do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()


class Threads:
    """A bot in this process, put together as `serve` does it; `url` is where its door is."""

    def __init__(
        self, environment: Mapping[str, str], clock: Clock, *, worker: bool = True, door: bool = True
    ) -> None:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in environment.items():  # boto3 and the clients' trust read the environment
                patched.setenv(name, value)
            self.bot = wiring.build(Settings.load(environment), worker=worker, door=door, clock=clock)
        self.url = ""
        self._undo = ExitStack()
        self._undo.callback(self.bot.close)
        if self.bot.worker is not None:
            self._undo.callback(self.bot.worker.stop)
            self.bot.worker.start()
        if self.bot.doors:
            loop = Loop("door")
            self._undo.callback(loop.close)
            self.url = loop.do(self._open(loop))

    async def _open(self, loop: Loop) -> str:
        doors = self.bot.doors.values()
        app = web.Application()
        for door in doors:
            app.add_routes(door.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        for door in doors:
            await door.start()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

        async def shut() -> None:
            await runner.cleanup()
            for door in doors:
                await door.stop()

        self._undo.callback(lambda: loop.do(shut()))
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def stop(self) -> None:
        """Stop as `serve` does: nothing new, answers out, the worker's call finished, the store closed."""
        self._undo.close()


class Process:
    """A process of the bot's command line. `log` collects what it logs, over restarts."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self._command = (sys.executable, "-m", "bot", *arguments)
        inherited = {name: value for name, value in os.environ.items() if name.lower() not in FOREIGN}
        self._environment = {**inherited, **environment}
        self._log = log
        self._start()

    def _start(self) -> None:
        self._from = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=sink, stderr=sink
            )

    @property
    def url(self) -> str:
        """Return where its door is, once it is open."""
        line = eventually(lambda: self._said("listening"), "the server listens") or {}
        return f"http://127.0.0.1:{line['port']}"

    def is_working(self) -> bool:
        """Whether the worker has started since the last start of the process."""
        return self._said("working") is not None

    def kill(self) -> None:
        """End the process in the middle of whatever it does."""
        self._process.kill()
        self._process.wait(30)

    def start_again(self) -> None:
        """Start it anew, as a supervisor would."""
        self._start()

    def ends(self) -> int:
        """Wait until the process has ended by itself, and return with what."""
        return self._process.wait(120)

    @property
    def said(self) -> str:
        """What it has written since its last start."""
        return self._log.read_bytes()[self._from :].decode()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(120) == 0, self._log.read_text(encoding="utf-8")[-4000:]

    def _said(self, action: str) -> dict[str, Any] | None:
        assert self._process.poll() is None, self._log.read_text(encoding="utf-8")[-4000:]
        with self._log.open("rb") as log:
            log.seek(self._from)
            lines = [json.loads(line) for line in log.read().splitlines() if line.startswith(b"{")]
        return next((line for line in lines if line.get("action") == action), None)
