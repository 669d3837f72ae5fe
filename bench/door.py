"""The door: a signed `join` with its durable write, against doors that promise nothing.

    bot    python -m bot serve --no-worker, as an operator starts it: the answer comes after the commit
    ack    a Bolt app that checks the signature and acknowledges
    bare   a handler that checks the signature and parses the form

Three processes, one crowd, rounds in turn (bot, ack, bare, bot, …): what else the machine does befalls all
of them. Where there are two processors, the servers have one and the crowd the other.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.crowd import Measured, Typist, ask, send
from bench.table import Row, Table
from sandbox.company import Company
from sandbox.processes import Processes, Running
from sandbox.world import World

CONNECTIONS = (1, 32)
JOINS = {1: 500, 32: 3000}  # in a round, by the number of connections
WARM = 300
START_SECONDS = 30.0
RESPONSE_HOST = "hooks.slack.com"  # as in a real workspace; nothing is ever posted there without a worker
_LISTENING = re.compile(r'"action": ?"listening".*?"port": ?(\d+)')


@dataclass(slots=True)
class Server:
    """One server, what was measured of it by number of connections, and the CPU seconds that took."""

    name: str
    running: Running
    port: int = 0
    rounds: dict[int, list[Measured]] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)

    def middle(self, connections: int, name: str) -> float:
        """Return the median over all rounds of one figure."""
        return float(median(getattr(one, name) for one in self.rounds[connections]))


def measure(rounds: int, *, quick: bool) -> Iterator[Table]:
    """Measure the three doors and yield a table for each number of connections."""
    joins = {connections: number // (4 if quick else 1) for connections, number in JOINS.items()}
    with _servers() as (servers, typist, store):
        for server in servers:
            send(server.port, typist.joins(WARM), CONNECTIONS[-1])
        sent = WARM
        said = ask(servers[0].port, typist.joins(1)[0])
        for connections in CONNECTIONS:
            for _ in range(rounds):
                for server in servers:
                    play(server, typist.joins(joins[connections]), connections)
            sent += rounds * joins[connections]
            yield _table(servers, connections, joins[connections] * rounds)
        kept_rows = kept(store)
    if kept_rows != sent + 1:
        raise RuntimeError(f"of {sent + 1} joins that were answered the store keeps {kept_rows}")
    yield Table(
        "What the bot said, and kept",
        ("", ""),
        (
            Row("first answer", (said.splitlines()[0],)),
            Row("joins answered, all in the store", (f"{kept_rows:,}",)),
        ),
    )


def play(server: Server, requests: Sequence[bytes], connections: int) -> None:
    """Send a round of requests, and note what it took."""
    before = cpu_seconds(server.running.process.pid)
    server.rounds.setdefault(connections, []).append(send(server.port, requests, connections))
    spent = cpu_seconds(server.running.process.pid) - before
    server.cpu[connections] = server.cpu.get(connections, 0.0) + spent


@contextmanager
def _servers() -> Iterator[tuple[list[Server], Typist, Path]]:
    company = Company.found(people=1)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        World(company) as world,
        Processes(Path(made)) as processes,
    ):
        store = Path(made) / "bot.db"
        settings = world.environment() | {
            "BOT_STORE": f"sqlite:///{store}",
            "BOT_EVENT_FILE": str(world.event_file(Path(made))),
            "SLACK_RESPONSE_URL_HOSTS": RESPONSE_HOST,
        }
        with on_processor(-1):
            servers = [
                Server(
                    "bot",
                    processes.start("bot", "bot", "serve", "--no-worker", "--port", "0", settings=settings),
                ),
                Server("ack", processes.start("ack", "bench.rivals", "ack", settings=settings)),
                Server("bare", processes.start("bare", "bench.rivals", "bare", settings=settings)),
            ]
        for server in servers:
            server.port = port_of(server.running)
        with on_processor(0):
            yield servers, Typist(settings["SLACK_SIGNING_SECRET"], RESPONSE_HOST), store


def port_of(running: Running) -> int:
    """Return the port that the server says it listens on."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if found := _LISTENING.search(running.said()):
            return int(found[1])
        running.check()
        time.sleep(0.02)
    raise TimeoutError(f"{running.name} does not listen: {running.said()[-500:]}")


@contextmanager
def on_processor(index: int) -> Iterator[None]:
    """Keep this thread, and the processes it starts, on one of the processors it may use."""
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows place threads themselves
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[index]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, 0.0 where there is no /proc to read it from."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kept(store: Path) -> int:
    """Return how many requests are in the store."""
    import sqlite3

    with sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True) as connection:
        (number,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    return int(number)


def _table(servers: Sequence[Server], connections: int, joins: int) -> Table:
    ack = servers[1]
    rows = []
    for server in servers:
        rate, p50, p99 = (server.middle(connections, name) for name in ("rate", "p50", "p99"))
        of_ack = [
            rate / ack.middle(connections, "rate"),
            p50 / ack.middle(connections, "p50"),
            p99 / ack.middle(connections, "p99"),
        ]
        cpu, cpu_of_ack = server.cpu[connections] / joins * 1e6, 0.0
        if ack.cpu[connections]:
            cpu_of_ack = server.cpu[connections] / ack.cpu[connections]
        share = server.middle(connections, "sender_share")
        cells = (f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{cpu:.0f}", *(f"{one:.2f}" for one in of_ack))
        rows.append(Row(server.name, (*cells, f"{cpu_of_ack:.2f}", f"{share:.0%}")))
    return Table(
        f"The door, {connections} connection{'s' if connections > 1 else ''}",
        ("", "joins/s", "p50 ms", "p99 ms", "CPU us", "rate x", "p50 x", "p99 x", "CPU x", "crowd"),
        tuple(rows),
        "Medians over the rounds; `x` are ratios to `ack`.",
    )
