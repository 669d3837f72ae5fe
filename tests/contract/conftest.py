from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.sqlite import open_store
from provisioning.ports import Store
from tests.contract.samples import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Callable[[], Store]]:
    """Open the same rows, each time as another process would."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(open_store(f"sqlite:///{tmp_path / 'bot.db'}", clock))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def other(store: Store, opened: Callable[[], Store]) -> Store:
    """What another process sees of the same rows."""
    return opened()
