"""What the doctor finds of a store on DynamoDB; a file is looked at in `test_doctor`."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from adapters.aws.clients import client
from bot import store_checks
from bot.checks import Check
from bot.stores import open_store
from tests.contract.moto_server import serving

REGION = "eu-central-1"
URL = f"dynamodb://deepracer-bot?region={REGION}"


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with serving() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        yield client("dynamodb", region=REGION)


def found() -> list[Check]:
    with closing(open_store(URL)) as store:
        return list(store_checks.store(store, URL))


def test_a_table_is_said_not_to_be_there_and_is_well_once_the_bot_has_made_it(dynamodb: Any) -> None:
    (missing,) = store_checks.place_of_store(URL)
    assert (missing.state, missing.found) == ("warn", "the table is not there yet")

    assert [(check.name, check.state) for check in found()] == [("store", "ok"), ("queue", "ok")]
    assert list(store_checks.place_of_store(URL)) == []


def test_what_a_table_lacks_is_named(dynamodb: Any) -> None:
    with closing(open_store(URL)):
        dynamodb.update_continuous_backups(
            TableName="deepracer-bot",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
        )
    check = found()[0]
    assert (check.state, check.found) == ("warn", "the table takes writes; it lacks point-in-time recovery")


def test_a_table_out_of_reach_is_failed_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    (check,) = store_checks.place_of_store(URL)
    assert (check.state, "EndpointConnectionError" in check.found) == ("failed", True)
