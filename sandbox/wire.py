"""What every simulator shares on the wire: a call log, faults on demand, and control routes to reach both.

Each simulator is an aiohttp application built with `application()`. A handler names its operation with
`operation(request, "users.info")` semantics by being registered in an `Operations` resolver: a function from
the request to the operation's name, so that log lines and faults speak the outside API's own words.

Control routes, on every simulator (JSON in and out):
    GET    /_control/calls?since=N   the call log from entry N on
    GET    /_control/faults          the faults still armed
    POST   /_control/faults          arm one fault (the fields of `Fault`)
    DELETE /_control/faults          disarm all
    POST   /_control/clock           {"turn_seconds": 2400}
"""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aiohttp import web

from sandbox.clock import Clock

FaultKind = Literal["throttle", "status", "hang", "late", "unheard", "drop", "refuse"]


@dataclass
class Call:
    """One request a simulator answered. Items of a Graph `$batch` are calls of their own."""

    number: int
    at: float  # simulated seconds since 1970
    operation: str  # e.g. "users.info", "PATCH /groups/{id}", "CreateGroupMembership"
    status: int  # 0 when the connection was cut
    batched: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass
class Fault:
    """A mishap that befalls the next calls whose operation matches.

    throttle: the API's own throttling answer, with `retry_after` seconds. status: answer `status`, no effect.
    hang: wait `seconds`, then answer 504, no effect. late: wait `seconds`, then do the work and answer (the
    client has gone by then). unheard: do the work, wait `seconds`, then answer. drop: do the work, then cut
    the connection. refuse: cut the connection at once.
    """

    operation: str  # regular expression, matched from the start of the operation's name
    kind: FaultKind
    times: int | None = 1  # None: until disarmed
    chance: float = 1.0  # probability that a matching call is hit
    status: int = 503
    seconds: float = 0.0
    retry_after: float = 2.0
    body: str = ""


class Faults:
    """The armed faults of one simulator; the dice are seeded, so a run can be repeated."""

    def __init__(self, seed: int = 1) -> None:
        self._armed: list[Fault] = []
        self._dice = random.Random(seed)

    def arm(self, fault: Fault) -> None:
        """Arm one fault behind those already armed."""
        self._armed.append(fault)

    def disarm(self) -> None:
        """Forget every armed fault."""
        self._armed.clear()

    def armed(self) -> list[dict[str, Any]]:
        """Return the armed faults as JSON-ready dicts."""
        return [asdict(fault) for fault in self._armed]

    def strike(self, operation: str) -> Fault | None:
        """Return the fault that befalls this call, and use it up by one."""
        for fault in list(self._armed):
            if not re.match(fault.operation, operation) or self._dice.random() >= fault.chance:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
            return fault
        return None


class CallLog:
    """Every call one simulator answered, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calls: list[Call] = []

    def record(self, operation: str, status: int, *, batched: bool = False, **detail: Any) -> None:
        """Append one call."""
        self.calls.append(Call(len(self.calls), self._clock.now(), operation, status, batched, detail))

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the calls from this number on as JSON-ready dicts."""
        return [asdict(call) for call in self.calls[number:]]

    def count(self, operation: str = "", *, status: int | None = None) -> int:
        """Count the calls whose operation matches this regular expression (and status, when given)."""
        return sum(
            1
            for call in self.calls
            if re.match(operation, call.operation) and (status is None or call.status == status)
        )


DETAIL: web.RequestKey[dict[str, Any]] = web.RequestKey("detail", dict)  # what a handler adds to the log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Throttled = Callable[[float], web.Response]  # retry-after seconds -> the API's own throttling answer
Named = Callable[[web.Request], Awaitable[str]]  # request -> the operation's name


def application(
    *, clock: Clock, log: CallLog, faults: Faults, named: Named, throttled: Throttled
) -> web.Application:
    """Return an application whose calls are logged, can be made to fail, and can be controlled from outside.

    `named` must tell the operation without changing anything; it may read the body (aiohttp caches it).
    """

    @web.middleware
    async def mishap(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_control/"):
            return await handler(request)
        operation = await named(request)
        if faults.armed():
            await request.read()  # it has arrived whole, so it takes effect though the client be gone
        response, cut = await _befallen(request, handler, faults.strike(operation), throttled)
        if cut:
            log.record(operation, 0, effect=response.status if response is not None else None)
            _cut(request)
            return response or web.Response(status=500)
        assert response is not None  # noqa: S101 - only a cut connection has no answer
        log.record(operation, response.status, **request.get(DETAIL, {}))
        return response

    app = web.Application(middlewares=[mishap], client_max_size=8 * 1024 * 1024)

    async def calls(request: web.Request) -> web.Response:
        return web.json_response(log.since(int(request.query.get("since", "0"))))

    async def armed(_: web.Request) -> web.Response:
        return web.json_response(faults.armed())

    async def arm(request: web.Request) -> web.Response:
        faults.arm(Fault(**json.loads(await request.text())))
        return web.json_response(faults.armed())

    async def disarm(_: web.Request) -> web.Response:
        faults.disarm()
        return web.json_response([])

    async def turn(request: web.Request) -> web.Response:
        clock.turn(float((await request.json())["turn_seconds"]))
        return web.json_response({"now": clock.now()})

    app.router.add_get("/_control/calls", calls)
    app.router.add_get("/_control/faults", armed)
    app.router.add_post("/_control/faults", arm)
    app.router.add_delete("/_control/faults", disarm)
    app.router.add_post("/_control/clock", turn)
    return app


async def _befallen(
    request: web.Request, handler: Handler, fault: Fault | None, throttled: Throttled
) -> tuple[web.StreamResponse | None, bool]:
    """Return the answer under this fault (None: the work was not done), and whether the connection is cut."""
    if fault is None:
        return await handler(request), False
    match fault.kind:
        case "throttle":
            return throttled(fault.retry_after), False
        case "status":
            return web.Response(status=fault.status, text=fault.body), False
        case "hang":
            await asyncio.sleep(fault.seconds)
            return web.Response(status=504), False
        case "refuse":
            return None, True
        case "late":
            await asyncio.sleep(fault.seconds)
            return await handler(request), False
        case "unheard":
            answer = await handler(request)
            await asyncio.sleep(fault.seconds)
            return answer, False
        case "drop":
            return await handler(request), True


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
