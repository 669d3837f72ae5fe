"""The company's simulated Graph on a loopback port, and a client of it whose time is the company's."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from aiohttp import web

from adapters.graph.client import GraphClient
from adapters.tokens import Tokens
from provisioning.brake import Brake
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person
from sandbox.company import RACERS_GROUP, Company, EntraGroup
from sandbox.entra import EntraSimulator
from sandbox.graph import GraphSimulator
from sandbox.listening import listening
from sandbox.wire import CallLog, Faults

API = "graph:acme"


class CompanyTime:
    """The company's clock as the port asks for it."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def now(self) -> datetime:
        return self._company.clock.utc()


class HeldBrakes:
    """Brakes in memory; `held` keeps every one that was held."""

    def __init__(self, clock: CompanyTime) -> None:
        self._clock = clock
        self.held: list[Brake] = []

    def wait(self, api: str) -> float:
        now = self._clock.now()
        return max((brake.holds(now) for brake in self.held if brake.api == api), default=0.0)

    def hold(self, brake: Brake) -> None:
        self.held.append(brake)


class IssuedTokens:
    """Tokens without Entra; `issued` are handed out in turn, the last one for ever."""

    def __init__(self, *issued: str) -> None:
        self._issued = list(issued)
        self.refused: list[str] = []

    def token(self, refused: str | None = None) -> str:
        if refused is not None:
            self.refused.append(refused)
            if len(self._issued) > 1:
                self._issued.pop(0)
        return self._issued[0]


@dataclass
class GraphCompany:
    """Acme, its Graph over HTTP, and a client."""

    company: Company
    graph: GraphSimulator
    client: GraphClient
    brakes: HeldBrakes
    tokens: IssuedTokens
    pauses: list[float]

    @property
    def log(self) -> CallLog:
        return self.graph.log

    @property
    def faults(self) -> Faults:
        return self.graph.faults

    @property
    def racers(self) -> EntraGroup:
        return self.company.group(RACERS_GROUP)

    def allowed(self) -> frozenset[GroupId]:
        return frozenset(GroupId(one) for one in self.company.entra_groups)

    def employees(self, first: int, last: int) -> list[Person]:
        return [self.person(f"employee-{number:03d}") for number in range(first, last + 1)]

    def person(self, key: str) -> Person:
        user = self.company.people[key].entra
        assert user is not None
        return Person(PersonId(user.id), user.user_principal_name, user.display_name)


@contextmanager
def graph_company(
    *, people: int = 60, roles: tuple[str, ...] | None = None, **switches: Any
) -> Iterator[GraphCompany]:
    """Found the company, serve its Graph and open a client; writes are seen at once unless told otherwise."""
    company = Company.found(people=people)
    log = CallLog(company.clock)
    graph = GraphSimulator(
        company, log, Faults(), **({"visibility_seconds": 0.0, "write_seconds": 0.0} | switches)
    )
    tokens = IssuedTokens(EntraSimulator(company, log, Faults()).issue(roles=roles))
    with listening(graph.app()) as url, client_of(f"{url}/v1.0", company, tokens) as (client, brakes, pauses):
        yield GraphCompany(company, graph, client, brakes, tokens, pauses)


@contextmanager
def client_of(
    base_url: str, company: Company, tokens: Tokens, *, timeout: httpx.Timeout | None = None
) -> Iterator[tuple[GraphClient, HeldBrakes, list[float]]]:
    """Open a client of this Graph. A pause turns the company's clock, and takes no time."""
    clock = CompanyTime(company)
    brakes, pauses = HeldBrakes(clock), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        company.clock.turn(seconds)

    client = GraphClient(
        base_url,
        tokens,
        brakes,
        api=API,
        clock=clock,
        pause=pause,
        timeout=timeout or httpx.Timeout(8.0, connect=3.0),
    )
    try:
        yield client, brakes, pauses
    finally:
        client.close()


@dataclass
class Told:
    """One answer of a scripted Graph. `hangs`: the answer never comes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass
class Heard:
    """One request a scripted Graph got, with the port it came from: the same port is the same connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    port: int


@contextmanager
def scripted(answers: Sequence[Told]) -> Iterator[tuple[str, list[Heard]]]:
    """Serve these answers one after another, for what no simulator does; yields where, and what is heard."""
    heard: list[Heard] = []
    left = list(answers)
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        raw = await request.read()
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        heard.append(
            Heard(request.method, request.raw_path, request.headers, json.loads(raw) if raw else None, port)
        )
        told = left.pop(0)
        if told.hangs:
            await gone.wait()
        text = told.body if isinstance(told.body, str) else json.dumps(told.body)
        return web.Response(
            status=told.status, headers=told.headers, body=b"" if told.body is None else text.encode()
        )

    async def release(_: web.Application) -> None:
        gone.set()

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    app.on_shutdown.append(release)
    with listening(app) as url:
        yield f"{url}/v1.0", heard


def graph_error(code: str, message: str = "") -> dict[str, Any]:
    """Return Graph's envelope of an error."""
    return {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1"}}}
