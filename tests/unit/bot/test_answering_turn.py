"""What is asked in one turn of the loop goes to the store together; each asker gets their own outcome."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from adapters.sqlite import SqliteStore, open_store
from bot.answering import Said, Turn
from provisioning.errors import EventUnknown, StoreUnavailable
from provisioning.outcomes import Nothing
from provisioning.ports import Rows, Unit

NOTHING = Said(Nothing(()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'bot.db'}")
    yield opened
    opened.close()


class Counting:
    """A store that remembers the units it was given and applies them when it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[Unit[Any], Future[Any]]] = []

    def run(self, unit: Unit[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((unit, future))
        return future


def nothing(_: Rows) -> Said:
    return NOTHING


def refused(_: Rows) -> Said:
    raise EventUnknown(name="autumn")


async def test_each_asker_gets_their_own_outcome(store: SqliteStore) -> None:
    turn = Turn()
    outcomes = await asyncio.gather(
        *(turn.run(store, unit) for unit in (nothing, refused, nothing)), return_exceptions=True
    )
    assert outcomes[0] is NOTHING
    assert isinstance(outcomes[1], EventUnknown)
    assert outcomes[2] is NOTHING


async def test_a_turn_is_given_at_its_end_and_the_next_ones_apart() -> None:
    store, turn = Counting(), Turn()
    answers = [turn.run(store, nothing), turn.run(store, nothing)]  # type: ignore[arg-type]
    assert store.given == []
    await asyncio.sleep(0)
    assert len(store.given) == 2
    answers.append(turn.run(store, nothing))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert len(store.given) == 3
    for _, future in store.given:
        future.set_result(NOTHING)
    assert await asyncio.gather(*answers) == [NOTHING] * 3


async def test_an_asker_who_gave_up_keeps_nobody_else_waiting(store: SqliteStore) -> None:
    turn, hold = Turn(), Signal()

    def slow(_: Rows) -> Said:
        hold.wait()
        return NOTHING

    gone, stays = turn.run(store, slow), turn.run(store, nothing)
    await asyncio.sleep(0)
    gone.cancel()
    hold.set()
    assert await stays is NOTHING


async def test_a_full_store_refuses_at_once(store: SqliteStore) -> None:
    store.close()
    with pytest.raises(StoreUnavailable):
        await Turn().run(store, nothing)
