"""What is put together differently for different processes."""

from pathlib import Path

import pytest

from bot import wiring
from bot.settings import Settings
from provisioning.ringing import RingingStore
from tests.unit.bot.test_settings import GOOD

QUEUE = "http://127.0.0.1:5000/111122223333/bot"


@pytest.mark.parametrize(
    ("queue", "worker", "rings"),
    [(QUEUE, False, True), (QUEUE, True, False), ("store", False, False)],
)
def test_a_process_without_a_worker_rings_for_those_that_a_queue_of_sqs_wakes(
    queue: str, worker: bool, rings: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")  # which boto3 by itself does not read
    given = {"SLACK_TEAM_IDS": "T0ACME001", "BOT_STORE": f"sqlite:///{tmp_path}/bot.db", "BOT_QUEUE": queue}
    settings = Settings.load({**GOOD, **given})
    bot = wiring.build(settings, worker=worker)
    try:
        assert isinstance(bot.store, RingingStore) is rings
    finally:
        bot.close()
