"""Cold start: processor time and memory until each entry of the bot is ready, in processes of their own."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from bench.entries import ENTRIES, ON_LAMBDA
from bench.table import Row, Table
from sandbox.company import Company
from sandbox.processes import Processes
from sandbox.world import World

START_SECONDS = 60.0
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/bot"  # nobody rings there


def measure(rounds: int, *, quick: bool) -> Iterator[Table]:
    """Start every entry in turn, round by round, and yield a table for a server and one for Lambda."""
    tables = {"Cold start": tuple(ENTRIES), "Cold start on Lambda": tuple(ON_LAMBDA)}
    names = [name for group in tables.values() for name in group]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        World(Company.found(people=1)) as world,
        Processes(Path(made)) as processes,
    ):
        store = {"BOT_STORE": f"sqlite:///{Path(made) / 'bot.db'}", "BOT_QUEUE": QUEUE_URL}
        settings = world.environment() | store
        for name in names:
            _run(processes, name, settings)  # once for the disk's cache and Python's own
        for _ in range(1 if quick else rounds):
            for name, figures in found.items():
                figures.append(_run(processes, name, settings))
    middles = {name: tuple(map(median, zip(*figures, strict=True))) for name, figures in found.items()}
    for title, group in tables.items():
        yield _table(title, {name: middles[name] for name in group})


def _table(title: str, middles: Mapping[str, tuple[float, ...]]) -> Table:
    """Return the table of these, with ratios to the first of them."""
    first = next(iter(middles))
    bare_ms, bare_mb = middles[first]
    rows = tuple(
        Row(name, (f"{ms:.0f}", f"{mb:.0f}", f"{ms / bare_ms:.2f}", f"{mb / bare_mb:.2f}"))
        for name, (ms, mb) in middles.items()
    )
    return Table(title, ("", "CPU ms", "MB", "CPU x", "MB x"), rows, f"Ratios are to `{first}`.")


def _run(processes: Processes, name: str, settings: Mapping[str, str]) -> tuple[float, float]:
    """Return the processor milliseconds and the peak megabytes of one fresh process."""
    running = processes.start(name, "bench.entries", name, settings=settings)
    code = processes.finish(running, START_SECONDS)
    if code != 0:
        raise RuntimeError(f"{name} ended with {code}: {running.said()[-500:]}")
    ms, mb = json.loads(running.said().splitlines()[-1])
    return ms, mb
