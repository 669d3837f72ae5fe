"""The Teams door: pressed `join` buttons with validated tokens, against a handler with the same checks.

    bot    python -m bot serve --no-worker, as an operator starts it: the card comes after the commit
    door   the same door, and an answer that costs nothing
    bare   a handler that checks the same of a token and parses the activity

Everybody who presses is new: for each the bot keeps an address, a request and the place of its answer.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.crowd import send
from bench.door import Server, kept, on_processor, play, port_of
from bench.table import Row, Table
from sandbox.company import TENANT_ID, Company
from sandbox.processes import Processes
from sandbox.world import World

CONNECTIONS = (1, 16)
PRESSES = {1: 400, 16: 2000}  # in a round, by the number of connections
WARM = 200


class Presser:
    """Presses `join` for ever new people, each in their own chat with the bot."""

    def __init__(self, service_url: str, app_id: str, authorization: str) -> None:
        self._service_url = service_url
        self._app_id = app_id
        self._authorization = authorization
        self._numbers = count(1)

    def presses(self, number: int) -> list[bytes]:
        """Return so many requests, each of somebody who never asked before."""
        return [self._press(next(self._numbers)) for _ in range(number)]

    def _press(self, number: int) -> bytes:
        person = f"{number:08x}-0000-4000-8000-{number:012d}"
        activity = {
            "type": "invoke",
            "name": "adaptiveCard/action",
            "id": f"f:{number:08x}-9a4b-1e9d-531f-6f0c2e7a01aa",
            "replyToId": f"17000{number:08d}",
            "channelId": "msteams",
            "serviceUrl": self._service_url,
            "from": {"id": f"29:1{person}", "name": f"Employee {number}", "aadObjectId": person},
            "recipient": {"id": f"28:{self._app_id}", "name": "DeepRacer"},
            "conversation": {"id": f"a:1{person}", "conversationType": "personal", "tenantId": TENANT_ID},
            "channelData": {
                "tenant": {"id": TENANT_ID},
                "source": {"name": "message"},
                "legacy": {"replyToId": "1:1x"},
            },
            "entities": [{"type": "clientInfo", "locale": "en-US", "country": "US", "platform": "Windows"}],
            "locale": "en-US",
            "localTimezone": "America/Los_Angeles",
            "value": {
                "action": {"type": "Action.Execute", "title": "Join", "verb": "say", "data": {"say": "join"}},
                "trigger": "manual",
            },
        }
        body = json.dumps(activity).encode()
        headers = {
            "Host": "127.0.0.1",
            "User-Agent": "Microsoft-SkypeBotApi (Microsoft-BotFramework/3.0)",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "Authorization": self._authorization,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /api/messages HTTP/1.1\r\n{head}\r\n".encode() + body


def measure(rounds: int, *, quick: bool) -> Iterator[Table]:
    """Measure the three and yield a table for each number of connections."""
    presses = {connections: number // (4 if quick else 1) for connections, number in PRESSES.items()}
    with _servers() as (servers, presser, store):
        for server in servers:
            send(server.port, presser.presses(WARM), CONNECTIONS[-1])
        for connections in CONNECTIONS:
            for _ in range(rounds):
                for server in servers:
                    play(server, presser.presses(presses[connections]), connections)
            yield _table(servers, connections, presses[connections] * rounds)
        found, sent = kept(store), WARM + rounds * sum(presses.values())
    if found != sent:
        raise RuntimeError(f"of {sent} joins that were answered the store keeps {found}")


@contextmanager
def _servers() -> Iterator[tuple[list[Server], Presser, Path]]:
    company = Company.found(people=1)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        World(company, parts={"slack", "entra", "graph", "aws", "teams"}) as world,
        Processes(Path(made)) as processes,
    ):
        store = Path(made) / "bot.db"
        settings = world.environment() | {
            "BOT_STORE": f"sqlite:///{store}",
            "BOT_EVENT_FILE": str(world.event_file(Path(made))),
        }
        bot = ("bot", "serve", "--no-worker", "--port", "0")
        with on_processor(-1):
            servers = [
                Server("bot", processes.start("bot", *bot, settings=settings)),
                Server("door", processes.start("door", "bench.teams_rivals", "door", settings=settings)),
                Server("bare", processes.start("bare", "bench.teams_rivals", "bare", settings=settings)),
            ]
        for server in servers:
            server.port = port_of(server.running)
        service_url = f"{world.urls['teams']}/emea/"
        authorization = world.teams.forge.header(service_url)["Authorization"]
        with on_processor(0):
            yield servers, Presser(service_url, world.teams.app_id, authorization), store


def _table(servers: Sequence[Server], connections: int, presses: int) -> Table:
    bare = servers[-1]
    rows = []
    for server in servers:
        rate, p50, p99 = (server.middle(connections, name) for name in ("rate", "p50", "p99"))
        of_bare = [
            rate / bare.middle(connections, "rate"),
            p50 / bare.middle(connections, "p50"),
            p99 / bare.middle(connections, "p99"),
        ]
        cpu = server.cpu[connections] / presses * 1e6
        share = server.middle(connections, "sender_share")
        cells = (f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{cpu:.0f}", *(f"{one:.2f}" for one in of_bare))
        rows.append(Row(server.name, (*cells, f"{share:.0%}")))
    return Table(
        f"The Teams door, {connections} connection{'s' if connections > 1 else ''}",
        ("", "presses/s", "p50 ms", "p99 ms", "CPU us", "rate x", "p50 x", "p99 x", "crowd"),
        tuple(rows),
        "Medians over the rounds; `x` are ratios to `bare`.",
    )
