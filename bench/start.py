"""Cold start: processor time and memory until each entry of the bot is ready, in processes of their own."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from bench.entries import ENTRIES
from bench.table import Row, Table
from sandbox.company import Company
from sandbox.processes import Processes
from sandbox.world import World

START_SECONDS = 60.0


def measure(rounds: int, *, quick: bool) -> Iterator[Table]:
    """Start every entry in turn, round by round, and yield one table."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ENTRIES}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as made,
        World(Company.found(people=1)) as world,
        Processes(Path(made)) as processes,
    ):
        settings = world.environment() | {"BOT_STORE": f"sqlite:///{Path(made) / 'bot.db'}"}
        for name in ENTRIES:
            _run(processes, name, settings)  # once for the disk's cache and Python's own
        for _ in range(1 if quick else rounds):
            for name, figures in found.items():
                figures.append(_run(processes, name, settings))
    middles = {name: tuple(map(median, zip(*figures, strict=True))) for name, figures in found.items()}
    bare_ms, bare_mb = middles["bare"]
    rows = tuple(
        Row(name, (f"{ms:.0f}", f"{mb:.0f}", f"{ms / bare_ms:.2f}", f"{mb / bare_mb:.2f}"))
        for name, (ms, mb) in middles.items()
    )
    yield Table("Cold start", ("", "CPU ms", "MB", "CPU x", "MB x"), rows, "Ratios are to `bare`.")


def _run(processes: Processes, name: str, settings: Mapping[str, str]) -> tuple[float, float]:
    """Return the processor milliseconds and the peak megabytes of one fresh process."""
    running = processes.start(name, "bench.entries", name, settings=settings)
    code = processes.finish(running, START_SECONDS)
    if code != 0:
        raise RuntimeError(f"{name} ended with {code}: {running.said()[-500:]}")
    ms, mb = json.loads(running.said().splitlines()[-1])
    return ms, mb
