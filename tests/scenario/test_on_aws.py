"""The bot on AWS: HTTP API → door → DynamoDB and SQS → worker → the directories → chat."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.company import Company
from tests.contract.moto_server import serving
from tests.scenario import LONG
from tests.scenario.account import Account
from tests.scenario.on_aws import AwsStage
from tests.scenario.waiting import eventually

CROWD = 500 if LONG else 16  # moto plays DynamoDB at a hundred calls a second
SECONDS = 1800.0 if LONG else 240.0
POISON = (
    "",
    "no JSON",
    '{"schema": 99, "work": "answer", "key": ""}',
    '{"schema": 1, "work": "dance", "key": ""}',
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where AWS is, as far as it keeps rows and messages."""
    with serving() as found:
        yield found


@pytest.fixture
def stage(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    company = Company.found(people=CROWD)
    with AwsStage(tmp_path, Account(address), company=company, slack={"rate_scale": 20.0}) as stage:
        yield stage


def test_a_crowd_joins_among_poison_and_throttling(stage: AwsStage) -> None:
    stage.opens_event()
    stage.opens_doors()
    racers = stage.people(CROWD)
    for body in POISON:
        stage.account.send(body)
    stage.befalls("graph", ".*", "throttle", times=3, retry_after=1.0)

    stage.all_say(racers, "join")
    stage.starts_working()

    eventually(
        lambda: stage.count_told("ready") >= CROWD,
        "everybody is in",
        seconds=SECONDS,
        otherwise=lambda: f"{stage.count_told('ready')} of {CROWD} are in",
    )
    assert [racer for racer in racers if racer.told != ["ready"]] == []
    assert stage.befallen("graph"), "the throttling has been met"
    dead: list[str] = []

    def is_set_apart() -> bool:
        dead.extend(stage.account.dead_letters())
        return len(dead) >= len(POISON)

    eventually(is_set_apart, "poison is set apart")
    assert sorted(dead) == sorted(POISON)
