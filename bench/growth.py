"""Growth: what a join, a status and a sweep cost when ever more people are registered.

Units on the SQLite store of this process, without doors and without outside systems. Each registration has
its binding, its folded request and its seat, as after a real join; all are ready and nothing is due.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from adapters.sqlite import SqliteStore, open_store
from bench.people import an_event, ask, person_id, registration, request
from bench.table import Row, Table
from provisioning.joining import ask_status, request_join
from provisioning.ports import Rows
from provisioning.sweeping import EVERY, Sweeper

SIZES = (1_000, 10_000, 100_000)
QUICK_SIZES = (1_000, 10_000)
PAGE = 1000  # registrations written in one unit
TOGETHER = 100  # joins in one commit, and statuses in a row
TURNS = 6  # in a round


class TurnedClock:
    """The clock on the wall, ahead by what it was turned."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class Grown:
    """A store with so many registered, and the milliseconds that were measured on it."""

    size: int
    store: SqliteStore
    joins: list[float] = field(default_factory=list)
    statuses: list[float] = field(default_factory=list)
    sweeps: list[float] = field(default_factory=list)

    def middles(self) -> list[float]:
        """Return the medians in the order of the table."""
        return [median(self.joins), median(self.statuses), median(self.sweeps)]


def measure(rounds: int, *, quick: bool) -> Iterator[Table]:
    """Measure stores of every size in turn, and yield one table: milliseconds, and ratios to the smallest."""
    sizes, clock = QUICK_SIZES if quick else SIZES, TurnedClock()
    with tempfile.TemporaryDirectory(prefix="bench-") as made, ExitStack() as stack:
        grown = []
        for size in sizes:
            store = stack.enter_context(closing(open_store(f"sqlite:///{made}/{size}.db", clock)))
            store.run(_event_of(2 * size, clock.now())).result()
            _fill(store, clock, size)
            grown.append(Grown(size, store))
        for turn in range(TURNS * rounds):
            for one in grown:
                one.joins.append(_joins(one.store, clock, one.size + turn * TOGETHER))
                one.statuses.append(_statuses(one.store, clock, one.size, turn))
                one.sweeps.append(_sweep(one.store, clock))
            clock.ahead += 10 * EVERY  # the leases of these sweepers run out
    first = grown[0].middles()
    rows = tuple(
        Row(
            f"{one.size:,}",
            (
                *(f"{ms:.3f}" for ms in one.middles()),
                *(f"{ms / least:.2f}" for ms, least in zip(one.middles(), first, strict=True)),
            ),
        )
        for one in grown
    )
    heads = ("registrations", "join ms", "status ms", "sweep ms", "join x", "status x", "sweep x")
    yield Table("Growth", heads, rows, "Medians of rounds in turn; `x` are ratios to the first row.")


def _event_of(capacity: int, now: datetime) -> Callable[[Rows], object]:
    return lambda rows: rows.events.save(an_event(now, capacity))


def _fill(store: SqliteStore, clock: TurnedClock, size: int) -> None:
    pages = [range(number, min(number + PAGE, size)) for number in range(0, size, PAGE)]
    for future in [store.run(_page(page, clock.now())) for page in pages]:
        future.result()


def _page(numbers: range, now: datetime) -> Callable[[Rows], None]:
    def unit(rows: Rows) -> None:
        keys = []
        for number in numbers:
            row = registration(number, now)
            rows.registrations.save(row)
            asked = request(number, now)
            rows.bindings.claim(asked.key.chat, row.person.id, now)
            rows.requests.save(asked)
            keys.append(row.key)
        rows.events.take_seats(keys[0].event_id, keys)

    return unit


def _joins(store: SqliteStore, clock: TurnedClock, first: int) -> float:
    """Let people join who were never here, then fold their requests, so that nobody waits."""
    asked = [ask(number, clock.now()) for number in range(first, first + TOGETHER)]
    started = time.perf_counter()
    for future in [store.run(partial(request_join, asking=one, event_name=None)) for one in asked]:
        future.result()
    took = time.perf_counter() - started

    def fold(rows: Rows) -> None:
        for one in asked:
            for made in rows.requests.of(one.chat):
                rows.requests.save(replace(made, state="folded", person_id=person_id(first)))

    store.run(fold).result()
    return took / TOGETHER * 1000


def _statuses(store: SqliteStore, clock: TurnedClock, size: int, turn: int) -> float:
    now = clock.now()
    known = [ask((turn * 7919 + number * 104_729) % size, now) for number in range(TOGETHER)]
    started = time.perf_counter()
    for one in known:
        store.read(partial(ask_status, asking=one))
    return (time.perf_counter() - started) / TOGETHER * 1000


def _sweep(store: SqliteStore, clock: TurnedClock) -> float:
    sweeper = Sweeper(store, {}, clock)
    started = time.perf_counter()
    sweeper.round()
    return (time.perf_counter() - started) * 1000
