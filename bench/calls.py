"""Calls: what a join asks of Microsoft Graph and of the Identity Store, counted by their simulators.

Requests that are waiting are taken through the gate and the settler, as the worker does it, against the
company in a box with its rate limits raised. Counted is against calculated:

    minimum     the directory and the identity store read page by page, twenty members in a PATCH, one
                CreateGroupMembership each, both groups read back page by page
    one by one  GET user, POST $ref; GetUserId, CreateGroupMembership, IsMemberInGroups
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from adapters.aws.identity_center import IdentityCenter
from adapters.aws.pace import Pace
from adapters.graph.client import GraphClient
from adapters.graph.group import MOST_BOUND, EntraGroupAccess
from adapters.graph.users import EntraDirectory
from adapters.sqlite import SqliteStore, open_store
from bench.table import Row, Table
from bot.applying import read_file
from provisioning.admitting import Gatekeeper
from provisioning.directory import Claim, MailClaim
from provisioning.events import EntraGroup, Event, IdentityCenterGroup
from provisioning.ids import ChatIdentity, GroupId
from provisioning.joining import Asking, request_join
from provisioning.recognizing import Recognizer
from provisioning.requests import ReplyTo
from provisioning.settling import Settler
from provisioning.stepping import Systems
from sandbox.company import Company
from sandbox.world import REGION, World

SIZES = (500, 2000)
QUICK_SIZES = (100,)
GRAPH_PAGE, STORE_PAGE = 999, 100
ONE_BY_ONE_GRAPH, ONE_BY_ONE_STORE = 2, 3
SCALE = 1000.0  # of every rate limit
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that the simulators answered, and seconds of their clock until everybody was ready.

    `graph_http` counts a `$batch` as one request, `graph` every request in it, as the quota does.
    """

    joins: int
    users: int
    graph: int
    graph_http: int
    store: int
    seconds: float

    @property
    def graph_least(self) -> int:
        return ceil(self.users / GRAPH_PAGE) + ceil(self.joins / MOST_BOUND) + ceil(self.joins / GRAPH_PAGE)

    @property
    def store_least(self) -> int:
        return ceil(self.users / STORE_PAGE) + self.joins + ceil(self.joins / STORE_PAGE)


def measure(_rounds: int, *, quick: bool) -> Iterator[Table]:
    """Take so many joins through the gate and the settler, and yield a table for both systems."""
    rows = []
    for size in QUICK_SIZES if quick else SIZES:
        found = _count(size)
        for name, made, least, single in (
            ("Graph, by quota", found.graph, found.graph_least, ONE_BY_ONE_GRAPH * size),
            ("Graph, over HTTP", found.graph_http, found.graph_least, ONE_BY_ONE_GRAPH * size),
            ("Identity Store", found.store, found.store_least, ONE_BY_ONE_STORE * size),
        ):
            cells = (f"{size:,}", f"{made:,}", f"{made / size:.3f}", f"{least:,}", f"{single:,}")
            rows.append(Row(name, (*cells, f"{made / least:.2f}", f"{made / single:.2f}")))
    yield Table(
        "Requests to make everybody ready",
        ("", "joins", "requests", "per join", "minimum", "one by one", "of minimum", "of one by one"),
        tuple(rows),
    )


def _count(joins: int) -> Counted:
    company = Company.found(people=joins)
    switches = {"visibility_seconds": 0.0, "write_seconds": 0.0, "throttle_scale": SCALE}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        World(company, parts={"aws", "entra", "graph"}, graph=switches, aws={"rate_scale": SCALE}) as world,
        _store(Path(made), CompanyClock(company)) as store,
    ):
        event = read_file(world.event_file(Path(made)))
        store.run(lambda rows: rows.events.save(event)).result()
        people = Vouched(company)
        _ask_all(store, people, company)
        started = company.clock.now()
        _settle(store, world, event, people, joins)
        seconds = company.clock.now() - started
        graph = [call for call in world.graph.log.calls if call.status]
        return Counted(
            joins,
            len(company.entra_users),
            sum(call.operation != "POST /$batch" for call in graph),
            sum(not call.batched for call in graph),
            len(world.aws.log.calls),
            seconds,
        )


class CompanyClock:
    """The company's clock."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def now(self) -> datetime:
        return self._company.clock.utc()


class Vouched:
    """A chat platform that vouches for every employee of the company."""

    def __init__(self, company: Company) -> None:
        employees = [one for key, one in company.people.items() if key.startswith("employee-")]
        self.mails = {
            ChatIdentity("slack", "T0ACME001", one.slack.id): one.slack.email or "" for one in employees
        }

    def vouch(self, chats: Sequence[ChatIdentity]) -> Mapping[ChatIdentity, Claim]:
        return {chat: MailClaim(self.mails[chat]) for chat in chats}


class Issued:
    """Tokens as Entra issues them, without asking for each."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self, refused: str | None = None) -> str:
        return self._token


@contextmanager
def _store(folder: Path, clock: CompanyClock) -> Iterator[SqliteStore]:
    with closing(open_store(f"sqlite:///{folder / 'bot.db'}", clock)) as store:
        yield store


def _ask_all(store: SqliteStore, people: Vouched, company: Company) -> None:
    for chat in people.mails:
        asking = Asking(chat, f"{chat.user}.1", company.clock.utc(), ReplyTo(chat))
        store.run(lambda rows, asking=asking: request_join(rows, asking, None)).result()  # type: ignore[misc]


def _settle(store: SqliteStore, world: World, event: Event, people: Vouched, joins: int) -> None:
    """Let the gate and the settler work until everybody is ready, the clock turned while they rest."""
    clock = CompanyClock(world.company)
    with closing(
        GraphClient(
            f"{world.urls['graph']}/v1.0", Issued(world.entra.issue()), store.brakes, api="graph", clock=clock
        )
    ) as graph:
        allowed = frozenset(GroupId(one) for one in world.company.entra_groups)
        accesses: dict[str, Any] = {
            EntraGroup.kind: EntraGroupAccess(graph, lambda: allowed),
            IdentityCenterGroup.kind: IdentityCenter(
                _client(world, "identitystore"),
                _client(world, "sso-admin"),
                brakes=store.brakes,
                clock=clock,
                pace=Pace(rate=1e6, most=1e6, burst=1000),
            ),
        }
        directory = EntraDirectory(graph)
        gate = Gatekeeper(store, Recognizer({"slack": people}, directory), clock)
        settler = Settler(store, Systems(accesses, directory), None, clock)
        until = time.monotonic() + PATIENCE_SECONDS
        while store.read(lambda rows: rows.registrations.count(event.id))["ready"] < joins:
            if gate.round() + settler.round() == 0:
                world.company.clock.turn(1.0)
            if time.monotonic() > until:
                raise TimeoutError(str(store.read(lambda rows: rows.registrations.count(event.id))))


def _client(world: World, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # the stubs want each service by name
        region_name=REGION,
        endpoint_url=world.urls["aws"],
        aws_access_key_id="AKIASANDBOX000000000",
        aws_secret_access_key="sandbox",  # noqa: S106 - the company in a box
        config=Config(retries={"total_max_attempts": 1}),
    )
