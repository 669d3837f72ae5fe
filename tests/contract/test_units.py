"""Units of work: as a whole or not at all, and what two of them do to each other."""

import threading
from concurrent.futures import Future

import pytest

from provisioning.errors import EventClosed, StaleWrite, StoreUnavailable
from provisioning.ports import Rows, Store, Unit
from provisioning.queue import Work
from provisioning.requests import Request
from tests.contract.samples import (
    AUTUMN,
    MORNING,
    SPRING,
    a_registration,
    a_request,
    an_event,
    chat,
    person,
    racer,
)

MORE_THAN_RUN_AT_ONCE = 50


def asking(number: int) -> Unit[Request]:
    return lambda rows: rows.requests.save(a_request(number))


def requests_of(number: int) -> Unit[tuple[Request, ...]]:
    return lambda rows: rows.requests.of(chat(number))


def test_a_unit_sees_its_own_writes(store: Store) -> None:
    def unit(rows: Rows) -> str:
        rows.events.save(an_event())
        event = rows.events.get(SPRING)
        assert event is not None
        return event.name

    assert store.run(unit).result() == "Spring Cup 2027"


def test_a_unit_that_raises_leaves_no_trace(store: Store) -> None:
    def unit(rows: Rows) -> None:
        rows.requests.save(a_request(1))
        rows.queue.put(Work.ANSWER, "key", MORNING)
        raise EventClosed

    with pytest.raises(EventClosed):
        store.run(unit).result()
    assert store.read(lambda rows: rows.requests.of(chat(1))) == ()
    assert store.read(lambda rows: rows.queue.depth())[Work.ANSWER] == 0


def test_a_unit_that_raises_takes_no_other_with_it(store: Store) -> None:
    gate = threading.Event()
    first = store.run(lambda _: gate.wait(60))

    def closed(rows: Rows) -> None:
        rows.requests.save(a_request(2))
        raise EventClosed

    futures: list[Future[object]] = [
        store.run(lambda rows: rows.requests.save(a_request(1))),
        store.run(closed),
        store.run(lambda rows: rows.requests.save(a_request(3))),
    ]
    gate.set()
    assert first.result()
    assert [type(future.exception()) for future in futures] == [type(None), EventClosed, type(None)]
    assert [len(store.read(requests_of(number))) for number in (1, 2, 3)] == [1, 0, 1]


def test_a_stale_write_that_is_caught_harms_nothing(store: Store) -> None:
    store.run(lambda rows: rows.requests.save(a_request(1))).result()

    def unit(rows: Rows) -> str:
        try:
            rows.requests.save(a_request(1, overdue_told=True))
        except StaleWrite:
            rows.requests.save(a_request(2))
            return "stale"
        return "written"

    assert store.run(unit).result() == "stale"
    assert not store.read(lambda rows: rows.requests.of(chat(1)))[0].overdue_told
    assert len(store.read(lambda rows: rows.requests.of(chat(2)))) == 1


def test_two_units_with_the_same_version_cannot_both_write(store: Store, other: Store) -> None:
    registration = store.run(lambda rows: rows.registrations.save(a_registration(1))).result()
    writes = [one.run(lambda rows: rows.registrations.save(registration)) for one in (store, other)]
    assert sorted(type(write.exception()).__name__ for write in writes) == ["NoneType", "StaleWrite"]


def test_units_of_two_processes_are_all_kept(store: Store, other: Store, is_slow: bool) -> None:
    units = 60 if is_slow else 200
    futures = [(store, other)[number % 2].run(asking(number)) for number in range(units)]
    for future in futures:
        future.result()
    waiting = other.read(lambda rows: rows.requests.waiting(MORNING.replace(hour=10), 1000))
    assert {key.chat for key in waiting} == {chat(n) for n in range(units)}


def test_a_read_sees_one_moment(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()

    def unit(rows: Rows) -> tuple[int, int]:
        before = len(rows.events.all())
        store.run(lambda rows: rows.events.save(an_event(AUTUMN))).result()
        return before, len(rows.events.all())

    assert store.read(unit) == (1, 1)
    assert len(store.read(lambda rows: rows.events.all())) == 2


def test_a_read_writes_nothing(store: Store) -> None:
    with pytest.raises(Exception, match="readonly"):
        store.read(lambda rows: rows.requests.save(a_request(1)))
    assert store.read(lambda rows: rows.requests.of(chat(1))) == ()


def test_a_unit_taken_back_in_time_is_not_applied(store: Store) -> None:
    gate = threading.Event()
    ahead = [store.run(lambda _: gate.wait(60)) for _ in range(MORE_THAN_RUN_AT_ONCE)]
    second = store.run(lambda rows: rows.requests.save(a_request(1)))
    third = store.run(lambda rows: rows.requests.save(a_request(2)))
    assert second.cancel()
    gate.set()
    assert all(first.result() for first in ahead)
    assert third.result().version == 1
    assert store.read(lambda rows: rows.requests.of(chat(1))) == ()


def test_what_was_given_before_closing_is_finished(store: Store, other: Store) -> None:
    futures = [store.run(asking(number)) for number in range(50)]
    store.close()
    assert [future.result().version for future in futures] == [1] * 50
    assert len(other.read(lambda rows: rows.requests.waiting(MORNING.replace(hour=10), 100))) == 50


def test_a_closed_store_takes_no_more_units(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        store.run(lambda rows: rows.events.all())
    with pytest.raises(StoreUnavailable):
        store.read(lambda rows: rows.events.all())


def test_bindings_and_registrations_are_written_together(store: Store, other: Store) -> None:
    def gate(rows: Rows) -> None:
        rows.bindings.claim(chat(1), person(1), MORNING)
        rows.registrations.save(a_registration(1))

    store.run(gate).result()
    assert other.read(lambda rows: rows.bindings.person_of(chat(1))) == person(1)
    assert other.read(lambda rows: rows.registrations.get(racer(1))) is not None
