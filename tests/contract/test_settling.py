"""Settling holds what it works on: for another term when time has passed, and not again with every step."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from provisioning.errors import StoreUnavailable
from provisioning.ports import Rows, Store, Work
from provisioning.settling import Settler
from provisioning.stepping import HELD, Batch, Systems
from tests.contract.samples import MORNING, SPRING, SetClock, a_registration, an_event, racer


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
