"""Settling holds what it works on: for another term when time has passed, and not again with every step.

And racers are checked daily, whatever else there is to do for them.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.admitting import DEFECT_PAUSE, Gatekeeper
from provisioning.directory import DirectoryUser
from provisioning.errors import DirectoryUnavailable, StoreUnavailable
from provisioning.events import EntraGroup
from provisioning.ids import GroupId, PersonId, RequestKey
from provisioning.ledger import Entry
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.recognizing import Recognized
from provisioning.registrations import Person, Progress, Step
from provisioning.requests import Wish
from provisioning.settling import SOON, Settler
from provisioning.stepping import HELD, LEASE, Batch, Systems
from provisioning.sweeping import wake_event
from tests.contract.samples import (
    MORNING,
    SPRING,
    SetClock,
    a_registration,
    a_request,
    an_event,
    defy,
    person,
    racer,
)

FIRST = EntraGroup(GroupId("0c1a"))


class Hurrying:
    """A clock that goes on by so much whenever it is looked at."""

    def __init__(self, pace: timedelta) -> None:
        self._moment = MORNING
        self._pace = pace

    def now(self) -> datetime:
        self._moment += self._pace
        return self._moment


class Out:
    """A store that is out of reach when this unit of all is run."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._left = number

    def run(self, unit: Callable[[Rows], Any]) -> Future[Any]:
        self._left -= 1
        if self._left == 0:
            failed: Future[Any] = Future()
            failed.set_exception(StoreUnavailable())
            return failed
        return self._store.run(unit)


def two_join(store: Store) -> None:
    """Have two people join an event without grants: whoever has a seat is ready."""

    def unit(rows: Rows) -> None:
        rows.events.save(an_event(grants=(), access_url="https://example.com/start"))
        for number in (1, 2):
            rows.registrations.save(a_registration(number))
            rows.queue.put(Work.SETTLE, str(racer(number)), MORNING)

    store.run(unit).result()


def settler(store: Any, clock: Any) -> Settler:
    return Settler(store, Systems({}, cast("Any", None)), None, clock)


def ready(store: Store) -> int:
    return store.read(lambda rows: rows.registrations.count(SPRING)).get("ready", 0)


@pytest.mark.parametrize(("pace", "is_held_again"), [(timedelta(0), False), (HELD, True)])
def test_a_lease_is_taken_for_another_term_only_after_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch, pace: timedelta, *, is_held_again: bool
) -> None:
    two_join(store)
    renewed: list[datetime] = []
    renew = Batch.renew

    def noted(batch: Batch, rows: Rows, now: datetime) -> Any:
        renewed.append(now)
        return renew(batch, rows, now)

    monkeypatch.setattr(Batch, "renew", noted)

    taken = settler(store, Hurrying(pace)).round()

    assert taken == 2
    assert ready(store) == 2
    assert bool(renewed) is is_held_again


def test_a_store_that_is_out_of_reach_while_a_step_is_recorded_is_no_defect(
    store: Store, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    two_join(store)
    settler(Out(store, 3), clock).round()  # taken, read, and what came of it is lost
    assert ready(store) == 0
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "store unavailable")
    ]

    clock.moment += timedelta(minutes=2)
    settler(store, clock).round()

    assert ready(store) == 2


class Directory:
    """Knows everybody, as members."""

    def get(self, ids: Collection[PersonId]) -> dict[PersonId, DirectoryUser]:
        return {one: DirectoryUser(one, f"{one}@example.com", "", True, "Member") for one in ids}


class Groups:
    """Groups of the directory: who is in the first one stays in it, and nobody comes into any other."""

    batch = 20

    def presence(self, grant: EntraGroup, people: Sequence[Person]) -> dict[PersonId, Outcome]:
        return {one.id: Present() if grant == FIRST else Absent() for one in people}

    def add(self, _: EntraGroup, people: Sequence[Person]) -> dict[PersonId, Outcome]:
        return {one.id: Failed(DirectoryUnavailable()) for one in people}


def test_whoever_is_on_the_way_to_a_new_grant_is_checked_for_what_they_have(
    store: Store, clock: SetClock
) -> None:
    def given(rows: Rows) -> None:
        rows.events.save(an_event(grants=(FIRST, EntraGroup(GroupId("0c1b")))))
        progress = {FIRST.target: Progress(Step.CONFIRMED, MORNING)}
        facts: dict[str, Any] = {"ready_at": MORNING, "checked_at": MORNING, "progress": progress}
        rows.registrations.save(a_registration(1, **facts))
        rows.events.take_seats(SPRING, [racer(1)])

    store.run(given).result()
    groups, directory = cast("Any", Groups()), cast("Any", Directory())
    settling = Settler(store, Systems({"entra-group": groups}, directory), None, clock)

    for _ in range(2):  # what is missing at two looks in a row would be taken for taken away
        clock.moment += timedelta(days=1)
        store.run(lambda rows: rows.queue.put(Work.SETTLE, str(racer(1)), MORNING)).result()
        settling.round()

    found = store.read(lambda rows: rows.registrations.get(racer(1)))
    assert found is not None
    assert found.checked_at == clock.moment
    assert found.hold is None


@pytest.mark.parametrize("days", [1, 30])
def test_when_an_event_goes_on_after_its_end_nobody_is_told_that_they_are_late(
    store: Store, clock: SetClock, days: int
) -> None:
    two_join(store)
    settling = Settler(store, Systems({}, cast("Any", Directory())), None, clock)
    settling.round()

    def goes_on_until(ends: datetime) -> None:
        def unit(rows: Rows) -> None:
            event = rows.events.get(SPRING)
            assert event is not None
            rows.events.save(replace(event, closes=min(event.closes, ends), ends=ends))

        store.run(unit).result()
        wake_event(store, SPRING, clock.moment)
        settling.round()

    goes_on_until(clock.moment)
    clock.moment += timedelta(days=days)
    goes_on_until(clock.moment + timedelta(days=1))

    about = f"registration:{racer(1)}"
    told = store.read(lambda rows: [rows.outbox.get(f"result:{about}:{number}") for number in range(1, 5)])
    found = store.read(lambda rows: rows.registrations.get(racer(1)))
    assert found is not None
    assert found.is_ready
    assert [one is not None for one in told] == [True, True, True, False]  # ready, gone, ready


def test_a_registration_that_cannot_be_read_holds_up_nobody_else(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_join(store)
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(1), racer(2)])).result()
    with monkeypatch.context() as defied:
        defy(defied, "registration", racer(1))
        assert settler(store, clock).round() == 2
        assert ready(store) == 1
        assert settler(store, clock).round() == 0  # it is looked at now and then
    clock.moment += SOON

    settler(store, clock).round()

    assert ready(store) == 2


def test_a_request_that_cannot_be_read_holds_up_nobody_else(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asked:
        """Recognizes nobody, and notes who was asked for."""

        def __init__(self) -> None:
            self.keys: list[RequestKey] = []

        def recognize(self, asked: dict[RequestKey, Any]) -> dict[RequestKey, Recognized]:
            self.keys += asked
            return {key: Recognized(DirectoryUnavailable()) for key in asked}

    def asked(rows: Rows) -> None:
        rows.events.save(an_event())
        for number in (1, 2):
            rows.requests.save(a_request(number))
            rows.queue.put(Work.ANSWER, str(a_request(number).key), MORNING)

    store.run(asked).result()
    recognizer = Asked()
    gate = Gatekeeper(store, cast("Any", recognizer), clock)
    with monkeypatch.context() as defied:
        defy(defied, "request", a_request(1).key)
        assert gate.round() == 2
    assert recognizer.keys == [a_request(2).key]

    clock.moment += DEFECT_PAUSE
    gate.round()

    assert set(recognizer.keys) == {a_request(1).key, a_request(2).key}


def test_whoever_lost_their_lease_while_they_read_records_nothing(store: Store, clock: SetClock) -> None:
    entry = Entry(FIRST.target, person(1), present_before=False, needed_by=frozenset())

    def left(rows: Rows) -> None:
        rows.events.save(an_event(grants=(FIRST,)))
        progress = {FIRST.target: Progress(Step.ABSENT, MORNING)}
        facts: dict[str, Any] = {"wish": Wish.GONE, "gone_at": MORNING, "gone_recheck_at": MORNING}
        rows.registrations.save(a_registration(1, progress=progress, **facts))
        rows.ledger.save(entry)
        rows.queue.put(Work.SETTLE, str(racer(1)), MORNING)

    class Slow:
        """A directory that answers when another worker has long taken over."""

        def presence(self, _: EntraGroup, people: Sequence[Person]) -> dict[PersonId, Outcome]:
            clock.moment += 2 * LEASE
            until = clock.moment + LEASE
            lease = store.run(lambda rows: rows.registrations.lease([racer(1)], "other", clock.moment, until))
            assert lease.result() == {racer(1)}
            return {one.id: Absent() for one in people}

    store.run(left).result()
    before = store.read(lambda rows: rows.registrations.get(racer(1)))
    Settler(store, Systems({"entra-group": cast("Any", Slow())}, cast("Any", None)), None, clock).round()

    assert store.read(lambda rows: rows.ledger.get(FIRST.target, person(1))) == replace(entry, version=1)
    assert store.read(lambda rows: rows.registrations.get(racer(1))) == before
