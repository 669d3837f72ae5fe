"""The queue: each key at most once, delivered at least once, to one worker at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from provisioning.ports import Store
from provisioning.queue import Job, Work
from tests.contract.samples import MORNING, SetClock, after


def put(store: Store, key: str, at: float = 0, *, urgent: bool = False, work: Work = Work.SETTLE) -> None:
    store.run(lambda rows: rows.queue.put(work, key, after(at), urgent=urgent)).result()


def leasing(
    store: Store,
    now: float = 0,
    *,
    limit: int = 10,
    token: str = "a",
    until: float = 60,
    work: Work = Work.SETTLE,
) -> Future[tuple[Job, ...]]:
    return store.run(lambda rows: rows.queue.lease(work, limit, token, after(now), after(until)))


def lease(
    store: Store,
    now: float = 0,
    *,
    limit: int = 10,
    token: str = "a",
    until: float = 60,
    work: Work = Work.SETTLE,
) -> tuple[Job, ...]:
    return leasing(store, now, limit=limit, token=token, until=until, work=work).result()


def leased(
    store: Store, now: float = 0, *, token: str = "a", until: float = 60, limit: int = 10
) -> list[str]:
    return [job.key for job in lease(store, now, limit=limit, token=token, until=until)]


def done(store: Store, job: Job) -> None:
    store.run(lambda rows: rows.queue.done(job)).result()


def retry(store: Store, job: Job, at: float) -> None:
    store.run(lambda rows: rows.queue.retry(job, after(at))).result()


def depth(store: Store) -> int:
    return store.read(lambda rows: rows.queue.depth())[Work.SETTLE]


def test_a_key_is_leased_with_what_is_known_of_it(store: Store) -> None:
    put(store, "a", 1)
    assert lease(store, 5, token="mine") == (Job(Work.SETTLE, "a", "mine", 1, after(1)),)


def test_a_key_put_twice_is_delivered_once(store: Store, other: Store) -> None:
    put(store, "a")
    put(other, "a")
    assert leased(store) == ["a"]
    assert depth(store) == 1


def test_a_leased_key_is_delivered_to_nobody_else(store: Store, other: Store) -> None:
    put(store, "a")
    assert leased(store, token="a") == ["a"]
    assert leased(other, token="b") == []


def test_a_done_key_is_off_the_queue(store: Store) -> None:
    put(store, "a")
    (job,) = lease(store)
    done(store, job)
    done(store, job)
    assert depth(store) == 0


def test_a_key_put_while_it_is_worked_on_is_worked_on_once_more(store: Store) -> None:
    put(store, "a")
    (job,) = lease(store)
    put(store, "a", 5)
    put(store, "a", 7)
    assert leased(store, 59, token="b") == []
    done(store, job)
    assert leased(store, 4) == []
    assert lease(store, 5, token="b", until=90) == (Job(Work.SETTLE, "a", "b", 1, after(5)),)
    assert depth(store) == 1


def test_a_key_put_while_it_is_worked_on_comes_forward_when_that_fails(store: Store) -> None:
    put(store, "a")
    (job,) = lease(store)
    put(store, "a", 5)
    retry(store, job, 300)
    (again,) = lease(store, 5)
    assert again.attempts == 2
    done(store, again)
    assert depth(store) == 0


def test_a_lease_that_runs_out_hands_the_key_on(store: Store, other: Store) -> None:
    put(store, "a")
    (first,) = lease(store, token="a", until=60)
    assert leased(other, 59.999, token="b") == []
    (second,) = lease(other, 60, token="b", until=120)
    assert second.attempts == 2
    done(store, first)
    retry(store, first, 0)
    assert leased(store, 61, token="c") == []
    done(other, second)
    assert depth(store) == 0


def test_a_lease_that_ran_out_and_was_taken_by_nobody_can_still_be_done(store: Store) -> None:
    put(store, "a")
    (job,) = lease(store, until=1)
    done(store, job)
    assert depth(store) == 0


def test_a_renewed_lease_lasts_longer(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    jobs = lease(store, until=60)
    done(store, jobs[1])
    assert store.run(lambda rows: rows.queue.renew(jobs, after(120))).result() == {"a"}
    assert leased(store, 60, token="b") == []
    assert leased(store, 120, token="b", until=180) == ["a"]
    assert store.run(lambda rows: rows.queue.renew(jobs, after(240))).result() == frozenset()


def test_a_key_given_back_comes_again_later_and_counts_its_attempts(store: Store) -> None:
    put(store, "a")
    (job,) = lease(store)
    retry(store, job, 30)
    assert leased(store, 29) == []
    (again,) = lease(store, 30)
    assert (again.attempts, again.queued_at) == (2, MORNING)


def test_a_waiting_key_is_brought_forward_and_never_put_off(store: Store) -> None:
    put(store, "a", 30)
    put(store, "a", 60)
    put(store, "b", 60)
    put(store, "b", 30)
    assert leased(store, 29) == []
    assert leased(store, 30) == ["a", "b"]


def test_urgent_keys_come_first_then_the_oldest(store: Store) -> None:
    for key, at, urgent in (
        ("c", 3, False),
        ("a", 1, False),
        ("u", 9, True),
        ("b", 2, False),
        ("t", 8, True),
    ):
        put(store, key, at, urgent=urgent)
    assert leased(store, 10, limit=3) == ["t", "u", "a"]
    assert leased(store, 10, limit=3) == ["b", "c"]


def test_a_key_put_again_as_urgent_is_urgent(store: Store) -> None:
    put(store, "a", 1)
    put(store, "b", 2)
    put(store, "b", 3, urgent=True)
    put(store, "b", 3)
    assert leased(store, 10) == ["b", "a"]


def test_urgent_keys_that_are_not_ready_hold_nobody_up(store: Store) -> None:
    put(store, "u", 100, urgent=True)
    put(store, "a", 1)
    assert leased(store, 10) == ["a"]


def test_kinds_of_work_are_queued_apart(store: Store) -> None:
    put(store, "a", work=Work.SPEAK)
    put(store, "a", work=Work.SETTLE)
    assert len(lease(store, work=Work.SPEAK)) == 1
    assert store.read(lambda rows: rows.queue.depth()) == {
        work: int(work in {Work.SETTLE, Work.SPEAK}) for work in Work
    }
    assert len(lease(store, work=Work.SETTLE)) == 1


def test_two_workers_share_the_keys_without_overlap(store: Store, other: Store) -> None:
    for number in range(30):
        put(store, f"{number:02}")
    futures = [
        leasing(one, limit=7, token=str(turn)) for turn, one in enumerate((store, other, store, other, store))
    ]
    keys = [job.key for future in futures for job in future.result()]
    assert sorted(keys) == [f"{number:02}" for number in range(30)]


def test_the_oldest_ready_key_tells_how_far_behind_the_workers_are(store: Store) -> None:
    assert store.read(lambda rows: rows.queue.oldest_seconds(after(0))) == 0.0
    put(store, "later", 100)
    assert store.read(lambda rows: rows.queue.oldest_seconds(after(50))) == 0.0
    put(store, "a", 10)
    put(store, "b", 20, urgent=True)
    assert store.read(lambda rows: rows.queue.oldest_seconds(after(50))) == 40.0
    lease(store, 50, limit=2, until=90)
    assert store.read(lambda rows: rows.queue.oldest_seconds(after(50))) == 0.0


def test_what_units_of_this_process_queue_is_heard_and_nothing_else(store: Store, other: Store) -> None:
    put(store, "a")
    heard = store.heard(Work.SETTLE)
    assert heard > 0

    put(other, "b")
    lease(store, 1, limit=1)
    store.run(lambda rows: rows.queue.put(Work.SPEAK, "c", after(0))).result()
    assert store.heard(Work.SETTLE) == heard

    put(store, "d")
    assert store.heard(Work.SETTLE) > heard


def woken(store: Store, wake: Callable[[], object]) -> bool:
    """Whether a worker that would sleep for a minute gets up after this."""
    waiting = threading.Thread(target=store.wait_for_work, args=(60.0, Work.SETTLE), daemon=True)
    waiting.start()
    wake()
    waiting.join(30)
    return not waiting.is_alive()


def test_a_worker_wakes_when_its_own_process_queues_a_key(store: Store) -> None:
    assert woken(store, lambda: put(store, "a"))


def test_a_worker_wakes_when_another_process_queues_a_key(store: Store, other: Store) -> None:
    assert woken(store, lambda: put(other, "a"))


def test_a_worker_wakes_when_a_key_becomes_ready(store: Store, clock: SetClock) -> None:
    put(store, "a", 60)

    def a_minute_passes() -> None:
        clock.moment = after(60)

    assert woken(store, a_minute_passes)


def test_a_worker_wakes_when_the_store_is_closed(store: Store) -> None:
    assert woken(store, store.close)


def test_a_worker_sleeps_while_nothing_is_ready(store: Store) -> None:
    put(store, "a", 60)
    waiting = threading.Thread(target=store.wait_for_work, args=(60.0, Work.SETTLE), daemon=True)
    waiting.start()
    put(store, "b", 60)
    waiting.join(0.3)
    assert waiting.is_alive()
    put(store, "c", 0)
    waiting.join(30)
    assert not waiting.is_alive()


def test_a_worker_does_not_sleep_long_when_a_key_is_ready_already(store: Store) -> None:
    put(store, "a")
    assert woken(store, lambda: None)


KEYS = st.sampled_from(["a", "b", "c"])
SECONDS = st.integers(0, 5)


class QueueModel(RuleBasedStateMachine):
    """Puts, leases and endings in any order, against dictionaries that follow the words of the port."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.ready: dict[str, int] = {}  # waiting: from when
        self.held: dict[str, tuple[Job, int]] = {}  # worked on: by which job, until when
        self.again: dict[str, int] = {}  # put meanwhile, for when
        self.lost: list[Job] = []
        self.tokens = 0

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(key=KEYS, delay=SECONDS)
    def put(self, key: str, delay: int) -> None:
        at = self.now + delay
        put(self.store, key, at)
        where = self.again if key in self.held else self.ready
        where[key] = min(at, where.get(key, at))

    @rule(limit=st.integers(1, 3), seconds=st.integers(1, 5))
    def lease(self, limit: int, seconds: int) -> None:
        self.tokens += 1
        jobs = lease(self.store, self.now, limit=limit, token=f"t{self.tokens}", until=self.now + seconds)
        over = {key for key, (_, until) in self.held.items() if until <= self.now}
        ready = {key for key, at in self.ready.items() if at <= self.now} | over
        assert {job.key for job in jobs} <= ready
        assert len(jobs) == min(limit, len(ready))
        for job in jobs:
            if job.key in self.held:
                self.lost.append(self.held[job.key][0])
            self.ready.pop(job.key, None)
            self.again.pop(job.key, None)
            self.held[job.key] = (job, self.now + seconds)

    @rule(key=KEYS)
    def done(self, key: str) -> None:
        if key in self.held:
            done(self.store, self.held.pop(key)[0])
            if key in self.again:
                self.ready[key] = self.again.pop(key)

    @rule(key=KEYS, delay=SECONDS)
    def retry(self, key: str, delay: int) -> None:
        if key in self.held:
            at = self.now + delay
            retry(self.store, self.held.pop(key)[0], at)
            self.ready[key] = min(at, self.again.pop(key, at))

    @rule(seconds=SECONDS)
    def lost_leases_change_nothing(self, seconds: int) -> None:
        for job in self.lost:
            done(self.store, job)
            retry(self.store, job, self.now + seconds)

    @invariant()
    def no_key_is_lost_and_none_is_there_twice(self) -> None:
        assert depth(self.store) == len(self.ready.keys() | self.held.keys())

    def teardown(self) -> None:
        for job in lease(self.store, self.now + 1000, token="end", until=self.now + 2000):
            done(self.store, job)
        assert depth(self.store) == 0


def test_the_queue_does_what_its_words_say_in_any_order(store: Store, is_slow: bool) -> None:
    class Model(QueueModel):
        pass

    Model.store = store
    examples = 4 if is_slow else 40
    run_state_machine_as_test(
        Model, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None, database=None)
    )
