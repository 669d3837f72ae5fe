"""What the doctor finds of a queue of SQS."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.aws.clients import client
from adapters.aws.queue_facts import queue_facts
from adapters.sqlite import open_store
from bot import bell_checks
from bot.bell_checks import HIDDEN_SECONDS, WORKER_SECONDS
from bot.checks import Check
from bot.stores import UtcClock
from provisioning.brake import Brakes
from provisioning.errors import AccessUnavailable
from tests.contract.moto_server import serving

TEMPLATE = Path(__file__).parents[3] / "infra" / "template.yaml"


class Account:
    """An account with a queue for dead letters, and the doctor that looks at a bell there."""

    def __init__(self, sqs: Any, brakes: Brakes) -> None:
        self._sqs = sqs
        self.dead = sqs.create_queue(QueueName=f"{uuid.uuid4().hex}-dead")["QueueUrl"]
        self._facts_of = partial(queue_facts, brakes=brakes, clock=UtcClock())

    def bell(self, hidden: int = HIDDEN_SECONDS, receives: int | None = 5) -> str:
        """Make a bell."""
        attributes = {"VisibilityTimeout": str(hidden)}
        if receives is not None:
            asked = self._sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
            redrive = {"deadLetterTargetArn": asked["Attributes"]["QueueArn"], "maxReceiveCount": receives}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        url: str = self._sqs.create_queue(QueueName=uuid.uuid4().hex, Attributes=attributes)["QueueUrl"]
        return url

    def found(self, url: str, dead: str | None = None) -> list[tuple[str, str]]:
        """Return what the doctor finds."""
        return [(check.name, check.state) for check in self.checks(url, dead)]

    def checks(self, url: str, dead: str | None = None) -> list[Check]:
        return list(bell_checks.bell(self._facts_of, url, dead))

    def die(self) -> None:
        self._sqs.send_message(QueueUrl=self.dead, MessageBody="any")


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with serving() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with closing(open_store(f"sqlite:///{tmp_path}/bot.db")) as store:
            yield Account(client("sqs", region="eu-central-1"), store.brakes)


def test_a_bell_as_the_template_makes_it_is_well(account: Account) -> None:
    assert account.found(account.bell(), account.dead) == [
        ("bell", "ok"),
        ("dead letters", "ok"),
        ("dead letters", "ok"),
    ]


def test_dead_letters_are_counted_with_the_way_to_take_them_back(account: Account) -> None:
    account.die()

    *_, last = account.checks(account.bell(), account.dead)

    assert (last.state, last.found) == ("warn", "1 lie there")
    assert "admin retry all" in last.mend


@pytest.mark.parametrize(("hidden", "state"), [(WORKER_SECONDS - 1, "failed"), (HIDDEN_SECONDS - 1, "warn")])
def test_a_message_must_be_hidden_for_as_long_as_somebody_may_work_on_it(
    account: Account, hidden: int, state: str
) -> None:
    first, *_ = account.checks(account.bell(hidden))

    assert first.state == state
    assert str(HIDDEN_SECONDS) in first.mend


def test_a_bell_without_dead_letters_or_with_hasty_ones_is_warned_of(account: Account) -> None:
    assert account.found(account.bell(receives=None)) == [("bell", "ok"), ("dead letters", "warn")]
    assert account.found(account.bell(receives=1)) == [("bell", "ok"), ("dead letters", "warn")]


def test_another_queue_than_the_redrive_policy_names_is_said(account: Account) -> None:
    other = account.bell()

    assert account.found(account.bell(), other)[1] == ("dead letters", "warn")


def test_a_queue_that_is_not_there_is_failed(account: Account) -> None:
    assert account.found(f"{account.bell()}-gone") == [("bell", "failed")]
    assert account.found(account.bell(), f"{account.dead}-gone")[-1] == ("dead letters", "failed")


def test_out_of_reach_is_an_error_that_the_doctor_words(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = account.bell()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")

    with pytest.raises(AccessUnavailable):
        account.checks(url)


def test_the_worker_has_the_time_that_is_reckoned_with() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    worker = text[text.index("  Worker:") : text.index("  WorkerRole:")]

    assert f"Timeout: {WORKER_SECONDS}\n" in worker
    assert f"VisibilityTimeout: {HIDDEN_SECONDS} " in text
