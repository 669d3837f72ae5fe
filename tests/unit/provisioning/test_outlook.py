"""An outlook on the queue looks where there may be news, and nowhere else."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite import SqliteStore, open_store
from provisioning import outlook
from provisioning.outlook import Outlook
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.ringing import Ring

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
ALL = (Work.ANSWER, Work.SETTLE, Work.SPEAK)


class Clock:
    moment = NOON

    def now(self) -> datetime:
        return self.moment


class Asked:
    """A store that counts how often it is read."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.times = 0

    def read(self, unit: Callable[[Any], Any]) -> Any:
        self.times += 1
        return self._store.read(unit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


@pytest.fixture
def store(path: str, clock: Clock) -> Iterator[Any]:
    opened = open_store(path, clock)
    yield Asked(opened)
    opened.close()


@pytest.fixture(autouse=True)
def _takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens by the time that passes unless a test says so."""
    monkeypatch.setattr(outlook, "AGAIN_SECONDS", 3600.0)
    monkeypatch.setattr(outlook, "INDEX_SECONDS", 0.0)


def put(store: Any, work: Work, seconds: float = 0.0) -> datetime:
    at = NOON + timedelta(seconds=seconds)
    queued: Future[None] = store.run(lambda rows: rows.queue.put(work, "a", at))
    queued.result()
    return at


def looks(store: Any, found: Outlook, works: Collection[Work] = ALL) -> int:
    before = store.times
    found.next(works)
    return int(store.times - before)


def test_what_is_due_first_of_these_kinds_is_next(store: Any, clock: Clock) -> None:
    put(store, Work.TEND)
    put(store, Work.SPEAK, 60)
    soonest = put(store, Work.SETTLE, 30)

    found = Outlook(store, clock)

    assert found.next(ALL) == Ring(Work.SETTLE, "", soonest)
    assert found.ready(ALL) == frozenset()


def test_where_nothing_happened_it_is_not_looked_again(store: Any, clock: Clock) -> None:
    put(store, Work.SETTLE, 60)
    found = Outlook(store, clock)
    assert [looks(store, found) for _ in range(3)] == [1, 0, 0]


def test_what_this_process_queues_is_looked_for_at_once(store: Any, clock: Clock) -> None:
    found = Outlook(store, clock)
    found.next(ALL)

    at = put(store, Work.SPEAK)

    assert found.next(ALL) == Ring(Work.SPEAK, "", at)
    assert found.ready(ALL) == {Work.SPEAK}


def test_what_an_index_may_not_show_yet_is_looked_for_until_it_does(
    store: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "INDEX_SECONDS", 3600.0)
    found = Outlook(store, clock)
    found.next(ALL)
    assert found.unsure_seconds(ALL) is None

    put(store, Work.SPEAK, 60)

    assert [looks(store, found) for _ in range(2)] == [1, 1]
    assert looks(store, found, (Work.ANSWER, Work.SETTLE)) == 0
    unsure = found.unsure_seconds(ALL)
    assert unsure is not None
    assert unsure > 3500
    monkeypatch.setattr(outlook, "INDEX_SECONDS", 0.0)
    assert found.unsure_seconds(ALL) is None


def test_what_another_process_queues_is_looked_for_now_and_then(
    store: Any, path: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Outlook(store, clock)
    assert found.next(ALL) is None
    other = open_store(path, clock)
    at = put(other, Work.SETTLE)
    other.close()
    assert found.next(ALL) is None

    monkeypatch.setattr(outlook, "AGAIN_SECONDS", -1.0)

    assert found.next(ALL) == Ring(Work.SETTLE, "", at)


def test_a_key_whose_moment_has_come_may_have_been_worked_on_since(store: Any, clock: Clock) -> None:
    put(store, Work.SETTLE, 60)
    found = Outlook(store, clock)
    found.next(ALL)

    def work(rows: Rows) -> None:
        for job in rows.queue.lease(
            Work.SETTLE, 9, "w", NOON + timedelta(seconds=61), NOON + timedelta(hours=1)
        ):
            rows.queue.done(job)

    store.run(work).result()
    clock.moment += timedelta(seconds=61)

    assert found.next(ALL) is None


def test_of_what_somebody_works_on_nothing_is_known(store: Any, clock: Clock) -> None:
    found = Outlook(store, clock)
    found.next(ALL)

    found.forget([Work.SETTLE])

    assert looks(store, found, (Work.ANSWER, Work.SPEAK)) == 0
    assert looks(store, found) == 1
