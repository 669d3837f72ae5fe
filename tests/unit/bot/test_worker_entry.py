"""The worker's handler: which messages it gives back, and for how long they are put off."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from adapters.aws.bell import written
from adapters.sqlite import open_store
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.worker import Worker, pause
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.ringing import Ring
from provisioning.working import Lane


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Bell:
    """A bell that notes what it was told."""

    def __init__(self) -> None:
        self.rung: list[Ring] = []
        self.waits: dict[str, int] = {}

    def ring(self, rings: Sequence[Ring]) -> None:
        self.rung += rings

    def put_off(self, seconds_by_receipt: Mapping[str, int]) -> None:
        self.waits |= seconds_by_receipt


class Invocation:
    aws_request_id = "3f1c"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def record(message_id: str, body: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt of {message_id}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }


def message(work: Work, correlation: str = "") -> str:
    return written(Ring(work, "cup/a", datetime.now(UTC), correlation))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", WallClock())
    yield opened
    opened.close()


def nothing() -> int:
    return 0


def broken() -> int:
    raise RuntimeError("a defect")


def worker(store: Store, bell: Bell, **rounds: Any) -> tuple[Worker, StringIO]:
    said = StringIO()
    lanes = [Lane(work, rounds.get(work, nothing), work) for work in Work]
    metrics = EmbeddedMetrics("worker", WallClock(), stream=said)
    return Worker(store, lanes, bell, WallClock(), metrics, ()), said  # type: ignore[arg-type]


def test_half_of_a_batch_fails_and_comes_again_while_the_rest_is_done(store: Store) -> None:
    bell = Bell()
    works, _ = worker(store, bell, answer=broken)
    records = [record("1", message(Work.ANSWER), 3), record("2", message(Work.SETTLE)), record("3", "poison")]

    answer = works({"Records": records}, Invocation())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}
    assert bell.waits == {"receipt of 1": 8, "receipt of 3": 2}


def test_a_key_that_was_put_off_is_rung_for_and_its_message_is_done_with(store: Store) -> None:
    at = datetime.now(UTC) + timedelta(minutes=5)
    store.run(lambda rows: rows.queue.put(Work.SETTLE, "cup/a", at)).result()
    bell = Bell()
    works, _ = worker(store, bell)

    answer = works({"Records": [record("1", message(Work.SETTLE))]}, Invocation())

    assert answer == {"batchItemFailures": []}
    assert bell.rung == [Ring(Work.SETTLE, "", at)]


def test_the_chat_requests_that_rang_are_named_by_their_correlation(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    works, _ = worker(store, Bell())
    bodies = [message(Work.ANSWER, "b"), message(Work.ANSWER, "a"), message(Work.SETTLE), "poison"]

    works({"Records": [record(str(number), body) for number, body in enumerate(bodies)]}, Invocation())

    assert [one.__dict__["by"] for one in caplog.records if one.__dict__.get("action") == "called"] == [
        ["a", "b"]
    ]


def test_one_line_tells_of_the_invocation_and_of_nobody(store: Store) -> None:
    works, said = worker(store, Bell())

    works({"Records": [record("1", message(Work.SETTLE)), record("2", "poison")]}, Invocation())

    (line,) = said.getvalue().splitlines()
    assert '"Messages": 2' in line
    assert '"Unreadable": 1' in line
    assert "cup/a" not in line


def test_the_pause_grows_up_to_what_sqs_holds_back() -> None:
    assert [pause(record("1", "", receives)) for receives in (1, 2, 9, 50)] == [2, 4, 512, 900]
