"""The sweeper deletes what is not needed any more: all of it, and then it looks only now and then."""

import pytest

from provisioning.ports import Rows, Store
from provisioning.sweeping import EVERY, FORGETTING, REFUSED_KEPT, Sweeper
from tests.contract.samples import MORNING, SetClock, a_request, chat


def refuse(store: Store, *numbers: int) -> None:
    """Have these been refused just longer ago than a refusal is kept."""

    def unit(rows: Rows) -> None:
        for number in numbers:
            rows.requests.save(a_request(number, received=-1.0, state="refused", refusal="DR-204"))

    store.run(unit).result()


def left(store: Store, *numbers: int) -> list[int]:
    return store.read(lambda rows: [number for number in numbers if rows.requests.of(chat(number))])


def test_old_rows_are_deleted_until_there_are_none_and_looked_for_again_after_an_hour(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.dynamodb.requests._SWEPT", 2)
    clock.moment = MORNING + REFUSED_KEPT
    sweeper = Sweeper(store, {}, clock)
    refuse(store, 1, 2, 3)

    for _ in range(3):
        sweeper.round()
        clock.moment += EVERY

    assert left(store, 1, 2, 3) == []
    refuse(store, 4)
    sweeper.round()
    assert left(store, 4) == [4]
    clock.moment += FORGETTING
    sweeper.round()
    assert left(store, 4) == []
