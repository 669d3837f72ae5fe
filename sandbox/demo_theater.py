"""What the demo plays on: the company, the bot's server and its worker, each a process of its own."""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from sandbox.company import Company
from sandbox.demo_cast import EMPLOYEES, SEED
from sandbox.event_file import event_toml
from sandbox.processes import Processes, Running
from sandbox.world import Address

Json = dict[str, Any]
LOOK_SECONDS = 0.1
START_SECONDS = 30.0


class TakesTooLong(Exception):
    """What is waited for did not come; the sentence says what."""


class Theater:
    """The running processes, and what can be done to the company from outside.

    `address` and `bot_url` are known once the company and the server are up. Whoever waits here is told when
    a process ended by itself (ProcessEnded), or when it takes too long (TakesTooLong).
    """

    address: Address
    bot_url: str

    def __init__(self, processes: Processes, http: httpx.AsyncClient) -> None:
        self._processes = processes
        self._http = http
        self._folder = processes.folder
        self._server: Running
        self._worker: Running
        self.is_open = False  # whether the company is up

    async def open_company(self) -> None:
        """Start the company and wait for its address."""
        path = self._folder / "world.json"
        arguments = ("company", "--address", str(path), "--people", str(EMPLOYEES), "--seed", str(SEED))
        self._processes.start("company", "sandbox", *arguments)
        await self.until(path.exists, START_SECONDS, "the company open")
        self.address = Address.load(path)
        self.is_open = True

    async def apply_event(self, company: Company, **overrides: Any) -> str:
        """Apply an event of the company with the bot's own command; returns what that printed."""
        path = self._folder / "event.toml"
        path.write_text(event_toml(company, **overrides), encoding="utf-8")
        applying = self._bot("event-apply", "event", "apply", str(path), "--yes")
        code = await asyncio.to_thread(self._processes.finish, applying, START_SECONDS)
        if code != 0:
            raise TakesTooLong(f"`event apply` ended with exit code {code}; it said:\n{applying.said()}")
        return applying.said()

    async def start_bot(self) -> None:
        """Start the server and the worker, and wait until both say that they are up."""
        self._server = self._bot("server", "serve", "--no-worker", "--port", "0")
        self._worker = self._bot("worker", "work")
        await self.until(lambda: self._said(self._server, "listening"), START_SECONDS, "the bot's server up")
        port = next(line["port"] for line in _lines(self._server) if line.get("action") == "listening")
        self.bot_url = f"http://127.0.0.1:{port}"
        await self._working()

    def kill_worker(self) -> int:
        """Kill the worker with SIGKILL; returns its exit code."""
        return self._processes.kill(self._worker)

    async def start_worker(self) -> None:
        """Start another worker in place of the one that was killed."""
        self._worker = self._bot("worker", "work")
        await self._working()

    async def look(self, since: int) -> Json:
        """Return what the onlooker sees, with the messages from this number on."""
        seen: Json = await self._get("onlooker", f"look?since={since}")
        return seen

    async def calls(self, part: str, since: int = 0) -> list[Json]:
        """Return the call log of one simulator from this number on."""
        calls: list[Json] = await self._get(part, f"_control/calls?since={since}")
        return calls

    async def throttle_graph(self, retry_after: float) -> None:
        """Let Graph refuse every request with 429 from now on."""
        fault = {"operation": "", "kind": "throttle", "times": None, "retry_after": retry_after}
        await self._post("graph", "_control/faults", fault)

    async def delay_aws(self, operation: str, seconds: float) -> None:
        """Let AWS take its time with the next call of this operation; the call takes effect all the same."""
        fault = {"operation": operation, "kind": "late", "times": 1, "seconds": seconds}
        await self._post("aws", "_control/faults", fault)

    async def until_struck(self, part: str, seconds: float) -> None:
        """Wait until each mishap prepared there has begun to befall a call."""
        try:
            async with asyncio.timeout(seconds):
                while await self._get(part, "_control/faults"):
                    self._processes.check()
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise TakesTooLong(f"no call to {part} within {seconds:.0f} seconds") from None

    async def calm_graph(self) -> None:
        """Let Graph answer again."""
        url = f"{self.address.urls['graph']}/_control/faults"
        (await self._http.delete(url)).raise_for_status()

    async def open_race(self, name: str, seconds: float) -> str:
        """Open a race on the racing site; returns its id."""
        made = await self._site("POST", "_racing/races", {"name": name, "seconds": seconds})
        return str(made["raceId"])

    async def drive(self, race_id: str, email: str, time_ms: int) -> None:
        """Let somebody drive a lap in this race."""
        await self._site("POST", "_racing/laps", {"raceId": race_id, "email": email, "timeMs": time_ms})

    async def profiles(self) -> list[Json]:
        """Return every racer's row on the racing site."""
        rows: list[Json] = await self._site("GET", "_racing/profiles")
        return rows

    async def turn_clock(self, seconds: float) -> None:
        """Turn the company's clock forward."""
        await self._post("graph", "_control/clock", {"turn_seconds": seconds})

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until this holds, while all processes run."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._processes.check()
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise TakesTooLong(f"not {what} within {seconds:.0f} seconds") from None

    def _bot(self, name: str, *arguments: str) -> Running:
        settings = self.address.environment | {
            "BOT_STORE": f"sqlite:///{self._folder / 'bot.db'}",
            "BOT_HOST": "127.0.0.1",
        }
        return self._processes.start(name, "bot", *arguments, settings=settings)

    async def _working(self) -> None:
        await self.until(lambda: self._said(self._worker, "working"), START_SECONDS, "the bot's worker up")

    def _said(self, running: Running, action: str) -> bool:
        return any(line.get("action") == action for line in _lines(running))

    async def _site(self, method: str, path: str, body: Json | None = None) -> Any:
        """Ask the racing site, whose certificate is the company's own."""
        trusted = ssl.create_default_context(cafile=self.address.environment["SSL_CERT_FILE"])
        async with httpx.AsyncClient(trust_env=False, verify=trusted) as http:
            answer = await http.request(method, f"{self.address.urls['racing']}/{path}", json=body)
        return answer.raise_for_status().json()

    async def _get(self, part: str, path: str) -> Any:
        return (await self._http.get(f"{self.address.urls[part]}/{path}")).raise_for_status().json()

    async def _post(self, part: str, path: str, body: Json) -> None:
        (await self._http.post(f"{self.address.urls[part]}/{path}", json=body)).raise_for_status()


def _lines(running: Running) -> list[Json]:
    """Return the whole log lines of the process that are JSON objects."""
    found = []
    for line in running.said().splitlines():
        try:
            parsed = json.loads(line)
        except ValueError:  # not a log line, or not all of it yet
            continue
        if isinstance(parsed, dict):
            found.append(parsed)
    return found
