import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters import sqlite
from adapters.aws import clients
from adapters.dynamodb import DynamoStore
from adapters.dynamodb.definition import create
from provisioning.ports import Store
from tests.contract.moto_server import serving
from tests.contract.samples import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[Any]:
    """A client of moto's DynamoDB: one for all, because making one takes as long as a dozen tests."""
    with pytest.MonkeyPatch.context() as environment, serving() as address:
        environment.setenv("AWS_ACCESS_KEY_ID", "made-up")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        yield clients.client(
            "dynamodb", region="eu-central-1", endpoint_url=address, connections=32, read_seconds=60
        )


@pytest.fixture
def table(dynamodb: Any) -> str:
    """A table of its own for this test."""
    name = f"bot-{uuid.uuid4().hex}"
    create(dynamodb, name)
    return name


@pytest.fixture(params=["sqlite", "dynamodb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Callable[[], Store]]:
    """Open the same rows, each time as another process would."""
    stores: list[Store] = []
    if request.param == "sqlite":

        def open_one() -> Store:
            stores.append(sqlite.open_store(f"sqlite:///{tmp_path / 'bot.db'}", clock))
            return stores[-1]
    else:
        client, table = request.getfixturevalue("dynamodb"), request.getfixturevalue("table")

        def open_one() -> Store:
            stores.append(DynamoStore(client, table, clock))
            return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def is_slow(request: pytest.FixtureRequest) -> bool:
    """Whether this store is asked over HTTP, a hundredth of a second each time: then it is asked less."""
    return "dynamodb" in request.node.callspec.params.values()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def other(store: Store, opened: Callable[[], Store]) -> Store:
    """What another process sees of the same rows."""
    return opened()
