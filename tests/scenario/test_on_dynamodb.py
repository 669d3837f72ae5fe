"""The same bot over a table of DynamoDB: from the request to the link and out again, in every lane."""

import uuid
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
        yield f"dynamodb://bot-{uuid.uuid4().hex}?region=eu-central-1"  # moto keeps tables for the process


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


def test_a_bot_moves_from_its_file_into_a_table_and_what_was_pending_goes_on(
    table: str, make_stage: MakeStage
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    (first,) = stage.people(1)
    first.says("join")
    first.is_told("ready")
    stage.stop_bots()
    stage.starts_bot(worker=False)
    pending = stage.people(2, first=2)
    stage.all_say(pending, "join")

    stage.moves_to(table)
    stage.starts_bot()

    for racer in pending:
        racer.is_told("ready")
    (newcomer,) = stage.people(1, first=9)
    newcomer.says("join")
    newcomer.is_told("ready")
    assert first.told == ["ready"]
    assert len(stage.members()["entra"]) == 4
    assert stage.audit_holds()
