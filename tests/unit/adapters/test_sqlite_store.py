"""The store in one file: many units to a commit, files that fail, crashes, and growth."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite import SqliteStore, open_store
from adapters.sqlite.opening import open_for_writing
from adapters.sqlite.queue import QueueRows
from adapters.sqlite.rows import SqliteRows
from adapters.sqlite.sql import Sql
from adapters.sqlite.store import UtcClock
from adapters.sqlite.writer import Writer
from provisioning.audit import Line
from provisioning.errors import EventClosed, StoreUnavailable
from provisioning.ports import Rows, Unit
from provisioning.queue import Job, Work
from provisioning.sweeping import Sweeper
from tests.contract.samples import MORNING, after

ROOT = Path(__file__).parents[3]


def line(action: str) -> Line:
    return Line(MORNING, "bot", action, "spring")


def appending(action: str) -> Unit[None]:
    return lambda rows: rows.audit.append(line(action))


def actions(rows: Rows) -> list[str]:
    return [found.action for found in rows.audit.lines()]


def leasing(now: float) -> Unit[tuple[Job, ...]]:
    return lambda rows: rows.queue.lease(Work.SETTLE, 1, "next", after(now), after(now + 60))


class Gate:
    """A unit that holds the writer, and with it the commit, until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, rows: Rows) -> None:
        self.entered.set()
        assert self._open.wait(30)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(open_store(f"sqlite:///{path}")) as store:
        yield store


def child(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, f"sqlite:///{path}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_nothing_is_answered_before_the_commit_it_shares(store: SqliteStore) -> None:
    first, second = Gate(), Gate()
    before = store.run(first)
    assert first.entered.wait(30)
    shared = [store.run(appending("asked")), store.run(second)]
    first.open()
    assert before.result(30) is None
    assert second.entered.wait(30)
    assert not shared[0].done()
    assert store.read(actions) == []
    second.open()
    assert shared[0].result(30) is None
    assert store.read(actions) == ["asked"]


def test_what_is_undone_in_a_group_is_undone_alone(store: SqliteStore) -> None:
    gate = Gate()
    store.run(gate)

    def closed(rows: Rows) -> None:
        rows.audit.append(line("never"))
        raise EventClosed

    futures = [store.run(unit) for unit in (appending("one"), closed, appending("two"), closed)]
    gate.open()
    assert [type(future.exception(30)) for future in futures] == [type(None), EventClosed] * 2
    assert store.read(actions) == ["one", "two"]


def test_more_units_than_share_a_commit_are_all_applied_in_order(store: SqliteStore) -> None:
    gate = Gate()
    store.run(gate)
    futures = [store.run(appending(f"{number}")) for number in range(300)]
    gate.open()
    for future in futures:
        future.result(30)
    assert store.read(actions) == [f"{number}" for number in range(300)]


def test_a_full_inbox_refuses_at_once_and_loses_nothing(path: Path) -> None:
    with closing(SqliteStore(path, UtcClock(), inbox=2)) as store:
        gate = Gate()
        store.run(gate)
        assert gate.entered.wait(30)
        given = [store.run(appending("one")), store.run(appending("two"))]
        with pytest.raises(StoreUnavailable):
            store.run(appending("three"))
        gate.open()
        assert [future.result(30) for future in given] == [None, None]
        store.run(appending("four")).result(30)
        assert store.read(actions) == ["one", "two", "four"]


def test_rows_end_with_their_unit(store: SqliteStore) -> None:
    kept = store.run(lambda rows: rows).result()
    with pytest.raises((StoreUnavailable, sqlite3.ProgrammingError)):
        kept.audit.append(line("late"))
    read = store.read(lambda rows: rows)
    with pytest.raises(StoreUnavailable):
        read.audit.lines()
    assert store.read(actions) == []


def test_a_file_held_by_another_process_refuses_after_a_while_and_then_works_again(path: Path) -> None:
    with (
        closing(SqliteStore(path, UtcClock(), busy_seconds=0.05)) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as holder,
    ):
        holder.execute("BEGIN IMMEDIATE")
        futures = [store.run(appending("one")), store.run(appending("two"))]
        assert [type(future.exception(30)) for future in futures] == [StoreUnavailable] * 2
        holder.execute("ROLLBACK")
        store.run(appending("three")).result(30)
        assert store.read(actions) == ["three"]


def test_a_unit_waits_while_another_process_holds_the_file(store: SqliteStore, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        future = store.run(appending("patient"))
        assert store.read(actions) == []
        assert not future.done()
        holder.execute("ROLLBACK")
        assert future.result(30) is None
    assert store.read(actions) == ["patient"]


FULL_DISK = """
import os, resource, sys
from adapters.sqlite import open_store
from provisioning.audit import Line
from tests.contract.samples import MORNING

store = open_store(sys.argv[1])
log = sys.argv[1].removeprefix("sqlite:///") + "-wal"

def append(action):
    return store.run(lambda rows: rows.audit.append(Line(MORNING, "bot", action * 5000, "spring")))

append("a").result()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(log), hard))
print(*(type(future.exception()).__name__ for future in (append("b"), append("c"))))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
append("d").result()
print(*(line.action[0] for line in store.read(lambda rows: rows.audit.lines())))
store.close()
"""


def test_a_commit_that_fails_for_want_of_room_answers_nobody_as_recorded(path: Path) -> None:
    with child(FULL_DISK, path) as process:
        printed, _ = process.communicate(timeout=60)
    assert printed.splitlines() == ["StoreUnavailable StoreUnavailable", "a d"]


def test_units_are_lost_together_when_the_file_fails_under_one_that_passes_over_it(path: Path) -> None:
    def cramped() -> sqlite3.Connection:
        connection = open_for_writing(path)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        return connection

    def greedy(rows: Rows) -> str:
        try:
            rows.audit.append(line("x" * 100_000))
        except StoreUnavailable:
            try:
                rows.audit.append(line("small"))
            except StoreUnavailable:
                return "passed over"
        return "written"

    writer = Writer(cramped, UtcClock(), lambda _: None)
    gate = Gate()
    units: list[Unit[object]] = [gate, appending("one"), greedy, appending("two")]
    futures = [writer.submit(unit) for unit in units]
    gate.open()
    assert StoreUnavailable in {type(future.exception(30)) for future in futures[1:]}
    assert isinstance(futures[2].exception(30), StoreUnavailable)
    writer.submit(appending("afterwards")).result(30)
    kept = writer.submit(actions).result(30)
    writer.close()
    answered = [
        action for action, future in (("one", futures[1]), ("two", futures[3])) if future.exception() is None
    ]
    assert sorted(kept) == sorted([*answered, "afterwards"])


CRASH = """
import itertools, sys
from adapters.sqlite import open_store
from provisioning.audit import Line
from provisioning.queue import Work
from tests.contract.samples import MORNING

store = open_store(sys.argv[1])

def unit(number):
    def apply(rows):
        rows.audit.append(Line(MORNING, "bot", str(number), "spring"))
        rows.queue.put(Work.SETTLE, str(number), MORNING)
    return apply

for start in itertools.count(0, 20):
    futures = [(number, store.run(unit(number))) for number in range(start, start + 20)]
    for number, future in futures:
        future.result()
        print(number, flush=True)
"""

CRASH_LEASED = """
import sys, time
from adapters.sqlite import open_store
from provisioning.queue import Work
from tests.contract.samples import after

store = open_store(sys.argv[1])
store.run(lambda rows: rows.queue.put(Work.SETTLE, "a", after(0))).result()
store.run(lambda rows: rows.queue.lease(Work.SETTLE, 1, "dead", after(0), after(60))).result()
print("leased", flush=True)
time.sleep(600)
"""


def test_what_was_answered_survives_a_kill(path: Path) -> None:
    with child(CRASH, path) as process:
        assert process.stdout is not None
        answered = [process.stdout.readline().strip() for _ in range(500)]
        process.kill()
        answered += process.stdout.read().split("\n")[:-1]
    with closing(open_store(f"sqlite:///{path}")) as store:
        kept = store.read(lambda rows: [found.action for found in rows.audit.lines(limit=1_000_000)])
        queued = store.read(lambda rows: rows.queue.depth())[Work.SETTLE]
    assert set(answered) <= set(kept)
    assert len(answered) >= 500
    assert len(kept) == len(set(kept)) == queued


def test_a_key_leased_by_a_killed_worker_is_handed_on(path: Path) -> None:
    with child(CRASH_LEASED, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leased\n"
        process.kill()
    with closing(open_store(f"sqlite:///{path}")) as store:
        jobs = [store.run(leasing(moment)).result() for moment in (59, 60)]
    assert [[(job.key, job.attempts) for job in found] for found in jobs] == [[], [("a", 2)]]


def test_several_processes_may_open_a_new_file_at_once(path: Path) -> None:
    script = """
import os, sys
from adapters.sqlite import open_store
from provisioning.queue import Work
from tests.contract.samples import after

store = open_store(sys.argv[1])
for number in range(50):
    store.run(lambda rows: rows.queue.put(Work.SETTLE, f"{os.getpid()}-{number}", after(0))).result()
store.close()
"""
    processes = [child(script, path) for _ in range(3)]
    for process in processes:
        with process:
            process.wait(60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert store.read(lambda rows: rows.queue.depth())[Work.SETTLE] == 150


def test_a_worker_wakes_for_its_own_kind_of_work_and_sleeps_through_others(store: SqliteStore) -> None:
    def waiting_for(work: Work) -> threading.Thread:
        thread = threading.Thread(target=store.wait_for_work, args=(60.0, work), daemon=True)
        thread.start()
        return thread

    now = UtcClock().now()
    speaker, settler = waiting_for(Work.SPEAK), waiting_for(Work.SETTLE)
    store.run(lambda rows: rows.queue.put(Work.SETTLE, "a", now)).result()
    settler.join(30)
    assert not settler.is_alive()
    assert speaker.is_alive()
    store.run(lambda rows: rows.queue.put(Work.SPEAK, "b", now)).result()
    speaker.join(30)
    assert not speaker.is_alive()


def steps(connection: sqlite3.Connection, act: Callable[[], object]) -> int:
    """Count the steps SQLite takes, in hundreds."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 100)
    act()
    connection.set_progress_handler(None, 0)
    return count


def test_leasing_takes_no_more_steps_from_a_long_queue_than_from_a_short_one(path: Path) -> None:
    with closing(open_for_writing(path)) as connection:
        sql = Sql(connection)
        rows = SqliteRows.over(sql, UtcClock())
        sql.begin_writing(0)

        def lease(token: str) -> int:
            jobs = rows.queue.lease(Work.SETTLE, 50, token, after(0), after(60))
            return len(jobs)

        def fill(first: int, last: int, at: float, *, urgent: bool) -> None:
            for number in range(first, last):
                rows.queue.put(Work.SETTLE, f"{number:06}", after(at), urgent=urgent)

        fill(0, 200, 0, urgent=False)
        short = steps(connection, lambda: lease("short"))
        fill(1_000, 11_000, 0, urgent=False)
        fill(20_000, 25_000, 30, urgent=True)
        long = steps(connection, lambda: lease("long"))
        assert lease("full") == 50
        sql.commit()
    assert 0 < long < 2 * short


def test_an_unknown_kind_of_work_on_the_queue_is_passed_over(path: Path) -> None:
    with closing(open_for_writing(path)) as connection:
        sql = Sql(connection)
        sql.begin_writing(0)
        sql.change(
            "INSERT INTO queue (work, key, urgent, due_at, ready_at, queued_at) VALUES (?, ?, 0, 0, 0, 0)",
            ("race", "a"),
        )
        assert set(QueueRows(sql).depth().values()) == {0}
        sql.commit()


def test_the_sweeper_removes_leases_that_a_dead_worker_left_because_their_names_are_peoples_ids(
    store: SqliteStore, path: Path
) -> None:
    dead, alive = UtcClock().now() - timedelta(days=2), UtcClock().now() + timedelta(minutes=1)
    store.run(lambda rows: rows.leases.take("speak:registration:cup/ada", "dead", dead, dead)).result()
    store.run(lambda rows: rows.leases.take("speak:registration:cup/joan", "alive", dead, alive)).result()

    Sweeper(store, {}, UtcClock()).round()

    with closing(sqlite3.connect(path)) as file:
        names = {name for (name,) in file.execute("SELECT name FROM leases")}
    assert names == {"speak:registration:cup/joan", "sweeper"}
