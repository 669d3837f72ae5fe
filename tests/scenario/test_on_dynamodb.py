"""The same bot over a table of DynamoDB: from the request to the link and out again, in every lane."""

from collections.abc import Iterator

import pytest

from tests.contract.moto_server import serving
from tests.scenario.conftest import MakeStage


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name a table that the first process makes."""
    with serving() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        yield "dynamodb://deepracer-bot?region=eu-central-1"


def test_racers_join_leave_and_move_up_with_their_rows_in_a_table(table: str, make_stage: MakeStage) -> None:
    stage = make_stage(store_url=table)
    stage.opens_event(capacity=1)
    stage.starts_bot()
    first, second = stage.people(2)

    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")
    first.says("leave --yes")

    first.is_told("ready", "gone")
    second.is_told("in-line", "ready")
    assert len(stage.members()["entra"]) == 1
