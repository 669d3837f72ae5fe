"""Settling holds what it works on: for another term when time has passed, and not again with every step."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

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


@pytest.mark.parametrize(("pace", "is_held_again"), [(timedelta(0), False), (HELD, True)])
def test_a_lease_is_taken_for_another_term_only_after_a_while(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch, pace: timedelta, *, is_held_again: bool
) -> None:
    def unit(rows: Rows) -> None:
        rows.events.save(an_event(grants=(), access_url="https://example.com/start"))
        for number in (1, 2):
            rows.registrations.save(a_registration(number))
            rows.queue.put(Work.SETTLE, str(racer(number)), MORNING)

    store.run(unit).result()
    renewed: list[datetime] = []
    renew = Batch.renew

    def noted(batch: Batch, rows: Rows, now: datetime) -> Any:
        renewed.append(now)
        return renew(batch, rows, now)

    monkeypatch.setattr(Batch, "renew", noted)

    taken = Settler(store, Systems({}, cast("Any", None)), None, Hurrying(pace)).round()

    assert taken == 2
    assert store.read(lambda rows: rows.registrations.count(SPRING))["ready"] == 2
    assert bool(renewed) is is_held_again
