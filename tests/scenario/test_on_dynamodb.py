"""The same bot over a table of DynamoDB: from the request to the link and out again, in every lane."""

import time
import uuid
from collections.abc import Iterator

import pytest

from sandbox.company import Company
from tests.contract.moto_server import serving_apart
from tests.scenario import LONG
from tests.scenario.conftest import MakeStage
from tests.scenario.waiting import eventually

CROWD = 1000 if LONG else 12


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name a table that the first process makes."""
    with serving_apart() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        yield f"dynamodb://bot-{uuid.uuid4().hex}?region=eu-central-1"


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


def test_a_crowd_moves_from_a_file_into_a_table_and_what_was_pending_goes_on(
    table: str, make_stage: MakeStage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = make_stage(company=Company.found(people=CROWD + 1), slack={"rate_scale": 20.0})
    stage.opens_event()
    stage.starts_bot()
    (first,) = stage.people(1)
    first.says("join")
    first.is_told("ready")
    stage.stop_bots()
    stage.starts_bot(worker=False)
    pending = stage.people(CROWD - 1, first=2)
    stage.all_say(pending, "join")
    began = time.monotonic()

    said = stage.moves_to(table, killed_at="requests")
    moved = time.monotonic()
    stage.starts_bot()

    eventually(
        lambda: stage.count_told("ready") >= CROWD,
        "everybody is in",
        seconds=1200 if LONG else 240,
        otherwise=lambda: f"{stage.count_told('ready')} of {CROWD} are in",
    )
    finished = time.monotonic()
    (newcomer,) = stage.people(1, first=CROWD + 1)
    newcomer.says("join")
    newcomer.is_told("ready")
    assert [racer for racer in (first, *pending) if racer.told != ["ready"]] == []
    assert len(stage.members()["entra"]) == CROWD + 1
    assert stage.audit_holds()
    with capsys.disabled():
        print(  # noqa: T201 - for whoever runs the long variant
            f"\n{said}{CROWD} racers moved in {moved - began:.0f} s, killed once on the way; "
            f"{len(pending)} pending joins finished in {finished - moved:.0f} s"
        )
