"""A shift of lanes, over a store in a file."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from adapters.sqlite import open_store
from provisioning.correlation import about
from provisioning.errors import StoreUnavailable
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.ringing import Ring, RingingStore
from provisioning.shift import Shift
from provisioning.working import Lane


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


CLOCK = WallClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", CLOCK)
    yield opened
    opened.close()


def put(store: Store, work: Work, key: str, seconds: float = 0.0) -> datetime:
    at = CLOCK.now() + timedelta(seconds=seconds)
    store.run(lambda rows: rows.queue.put(work, key, at)).result()
    return at


class Doing:
    """A lane that takes one key a round, and does something with it."""

    def __init__(self, store: Store, work: Work, do: Callable[[str], object] = lambda _: None) -> None:
        self._store = store
        self._work = work
        self._do = do
        self.done: list[str] = []
        self.lane = Lane(work.value, self._round, work)

    def _round(self) -> int:
        now = CLOCK.now()
        until = now + timedelta(seconds=30)
        jobs = self._store.run(lambda rows: rows.queue.lease(self._work, 1, "t", now, until)).result()
        for job in jobs:
            self._do(job.key)
            self.done.append(job.key)
            self._store.run(lambda rows, job=job: rows.queue.done(job)).result()  # type: ignore[misc]
        return len(jobs)


def never() -> bool:
    return False


def test_everything_that_is_due_is_done_and_nothing_is_left_to_ring_for(store: Store) -> None:
    lane = Doing(store, Work.SETTLE)
    for key in ("a", "b", "c"):
        put(store, Work.SETTLE, key)

    worked = Shift(store, [lane.lane], CLOCK).work(never)

    assert sorted(lane.done) == ["a", "b", "c"]
    assert (worked.failed, worked.more) == (frozenset(), None)


def test_what_one_lane_leads_to_is_done_by_another_in_the_same_shift(store: Store) -> None:
    speaks = Doing(store, Work.SPEAK)
    settles = Doing(store, Work.SETTLE, lambda key: put(store, Work.SPEAK, key))
    answers = Doing(store, Work.ANSWER, lambda key: put(store, Work.SETTLE, key, 0.4))
    put(store, Work.ANSWER, "a")

    worked = Shift(store, [speaks.lane, settles.lane, answers.lane], CLOCK).work(never)

    assert speaks.done == ["a"]
    assert worked.more is None


def test_what_is_due_later_is_left_and_rung_for(store: Store) -> None:
    lane = Doing(store, Work.SETTLE)
    later, soonest = put(store, Work.SETTLE, "later", 600), put(store, Work.SPEAK, "soonest", 60)
    assert later > soonest

    worked = Shift(store, [lane.lane, Doing(store, Work.SPEAK).lane], CLOCK).work(never)

    assert lane.done == []
    assert worked.more == Ring(Work.SPEAK, "", soonest)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), StoreUnavailable()])
def test_a_lane_that_fails_holds_up_no_other_and_is_not_rung_for(store: Store, error: Exception) -> None:
    def fail(_: str) -> None:
        raise error

    fails, works = Doing(store, Work.ANSWER, fail), Doing(store, Work.SETTLE)
    for key in ("a", "b"):
        put(store, Work.ANSWER, key)
        put(store, Work.SETTLE, key)

    worked = Shift(store, [fails.lane, works.lane], CLOCK).work(never)

    assert sorted(works.done) == ["a", "b"]
    assert (worked.failed, worked.more) == (frozenset({Work.ANSWER}), None)


def test_when_the_time_is_over_the_round_is_finished_and_the_rest_rung_for(store: Store) -> None:
    begun, over = Event(), Event()

    def slowly(_: str) -> None:
        begun.set()
        over.wait(30)

    lane = Doing(store, Work.SETTLE, slowly)
    for key in ("a", "b"):
        put(store, Work.SETTLE, key)

    def is_over() -> bool:
        begun.wait(30)
        over.set()
        return True

    worked = Shift(store, [lane.lane], CLOCK).work(is_over)

    assert lane.done == ["a"]
    assert worked.more is not None
    assert worked.more.work is Work.SETTLE
    assert worked.more.ready_at <= CLOCK.now()


def test_what_another_process_queues_does_not_wait_for_a_lane_that_is_busy(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.shift.AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("provisioning.outlook.AGAIN_SECONDS", 0.05)
    other = open_store(f"sqlite:///{tmp_path}/bot.db", CLOCK)
    done = Event()

    def until_the_other_is_done(_: str) -> None:
        time.sleep(0.5)  # the other lane rests by now
        put(other, Work.SETTLE, "from elsewhere")
        waited.append(done.wait(30))

    waited: list[bool] = []
    busy = Doing(store, Work.ANSWER, until_the_other_is_done)
    put(store, Work.ANSWER, "long")

    Shift(store, [busy.lane, Doing(store, Work.SETTLE, lambda _: done.set()).lane], CLOCK).work(never)
    other.close()

    assert waited == [True]


class Bell:
    """A ringer that notes what it rang for, and when."""

    def __init__(self) -> None:
        self.rung: list[Ring] = []

    def ring(self, rings: Sequence[Ring]) -> None:
        self.rung += rings


def test_a_unit_rings_for_what_it_queued_before_its_value_is_there(store: Store) -> None:
    bell, at = Bell(), CLOCK.now()

    def unit(rows: Rows) -> str:
        rows.queue.put(Work.ANSWER, "a", at)
        rows.queue.put(Work.ANSWER, "a", at)
        rows.queue.ensure(Work.SETTLE, "b", at)
        return "done"

    with about({"ada": "3f1c"}):
        asked: Future[str] = RingingStore(store, bell).run(unit)

    assert asked.result() == "done"
    assert bell.rung == [Ring(Work.ANSWER, "a", at, "3f1c"), Ring(Work.SETTLE, "b", at, "3f1c")]
    assert store.read(lambda rows: rows.queue.depth())[Work.ANSWER] == 1


def test_a_unit_that_fails_or_queues_nothing_rings_for_nothing(store: Store) -> None:
    bell = Bell()
    ringing = RingingStore(store, bell)

    def unit(rows: Rows) -> None:
        rows.queue.put(Work.ANSWER, "a", CLOCK.now())
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        ringing.run(unit).result()
    ringing.run(lambda rows: rows.queue.depth()).result()
    assert bell.rung == []
