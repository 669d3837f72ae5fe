"""The bell on SQS: what is rung, how messages are read, and that a bell out of order stops nobody."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.aws.bell import Called, SqsBell, Unreadable, read, written
from provisioning.queue import Work
from provisioning.ringing import Ring

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/bot"


class Moment:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW


class Sqs:
    """A client of SQS that notes what it was asked for."""

    def __init__(self, failure: Exception | None = None, **answer: Any) -> None:
        self._failure = failure
        self._answer = answer
        self.asked: list[dict[str, Any]] = []

    def send_message_batch(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self._failure is not None:
            raise self._failure
        return self._answer

    change_message_visibility_batch = send_message_batch


def rings(count: int, **later: float) -> list[Ring]:
    return [Ring(Work.SETTLE, f"cup/{number}", NOW + timedelta(**later)) for number in range(count)]


def test_a_message_names_the_work_and_the_key_and_nothing_else() -> None:
    sqs = Sqs()
    SqsBell(sqs, URL, Moment()).ring(rings(1))
    (entry,) = sqs.asked[0]["Entries"]
    assert json.loads(entry["MessageBody"]).keys() == {"schema", "work", "key", "correlation"}
    assert read(entry["MessageBody"]) == Called(Work.SETTLE, "cup/0")


def test_ten_messages_go_in_one_call() -> None:
    sqs = Sqs()
    SqsBell(sqs, URL, Moment()).ring(rings(21))
    assert [len(asked["Entries"]) for asked in sqs.asked] == [10, 10, 1]
    assert all(
        len({entry["Id"] for entry in asked["Entries"]}) == len(asked["Entries"]) for asked in sqs.asked
    )


@pytest.mark.parametrize(
    ("later", "delay"), [({"seconds": -60}, 0), ({"seconds": 0.2}, 1), ({"minutes": 15}, 900)]
)
def test_what_is_due_later_is_held_back_until_then(later: dict[str, float], delay: int) -> None:
    sqs = Sqs()
    SqsBell(sqs, URL, Moment()).ring(rings(1, **later))
    assert sqs.asked[0]["Entries"][0]["DelaySeconds"] == delay


def test_what_is_due_later_than_sqs_holds_back_is_left_to_the_clock() -> None:
    sqs = Sqs()
    SqsBell(sqs, URL, Moment()).ring(rings(3, minutes=16))
    assert sqs.asked == []


@pytest.mark.parametrize(
    "sqs",
    [
        Sqs(EndpointConnectionError(endpoint_url=URL)),
        Sqs(ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "SendMessageBatch")),
        Sqs(Failed=[{"Id": "0", "Code": "InternalError", "SenderFault": False}]),
    ],
)
def test_a_bell_that_is_not_heard_is_told_to_the_log_alone(
    sqs: Sqs, caplog: pytest.LogCaptureFixture
) -> None:
    SqsBell(sqs, URL, Moment()).ring(rings(1))
    assert [record.__dict__["action"] for record in caplog.records] == ["bell"]


def test_messages_are_put_off_by_their_receipts() -> None:
    sqs = Sqs()
    SqsBell(sqs, URL, Moment()).put_off({f"receipt {number}": 4 for number in range(12)})
    assert [len(asked["Entries"]) for asked in sqs.asked] == [10, 2]
    assert sqs.asked[0]["Entries"][3] == {"Id": "3", "ReceiptHandle": "receipt 3", "VisibilityTimeout": 4}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "join",
        '{"work": "answer", "key": ""}',
        '{"schema": 0, "work": "answer", "key": ""}',
        '{"schema": 99, "work": "answer", "key": ""}',
        '{"schema": true, "work": "answer", "key": ""}',
        '{"schema": 1, "work": "dance", "key": ""}',
        '{"schema": 1, "work": ["answer"], "key": ""}',
        '{"schema": 1, "work": "answer"}',
        '{"schema": 1, "work": "answer", "key": 7}',
        '{"schema": 2, "work": "answer", "key": ""}',
        '{"schema": 2, "work": "answer", "key": "", "correlation": null}',
        "[" * 100_000,
    ],
)
def test_what_is_no_message_of_ours_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read(body)


def test_what_is_written_is_read() -> None:
    ring = Ring(Work.ANSWER, "cup/slack:T0ACME001:U1", NOW, "3f1c")
    assert read(written(ring)) == Called(ring.work, ring.key, "3f1c")


def test_what_was_written_before_there_were_correlations_is_read() -> None:
    assert read('{"schema":1,"work":"answer","key":"cup/a"}') == Called(Work.ANSWER, "cup/a", "")
