"""Dead letters are seen where they lie and come back onto the bell; none is lost, whatever interrupts it."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.aws import clients, dead_letters
from adapters.aws.bell import written
from adapters.aws.dead_letters import SqsDeadLetters
from provisioning.brake import Brakes
from provisioning.dead_letters import UNREADABLE, DeadLetterQueue, DeadLetters, packed, seen, unpacked
from provisioning.errors import AccessUnavailable, PermissionMissing
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.ringing import Ring
from tests.contract.moto_server import serving
from tests.contract.samples import SetClock


@pytest.fixture(scope="module")
def sqs() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment, serving() as address:
        environment.setenv("AWS_ACCESS_KEY_ID", "made-up")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        yield clients.client("sqs", region="eu-central-1", endpoint_url=address)


class Queues:
    """A bell and its dead letters, of this test alone."""

    def __init__(self, sqs: Any) -> None:
        name = uuid.uuid4().hex
        self._sqs = sqs
        self.bell = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]

    def die(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            self._sqs.send_message(QueueUrl=self.dead, MessageBody=body)

    def on(self, url: str) -> Counter[str]:
        """Count what is on a queue by body, and take it."""
        found: Counter[str] = Counter()
        while letters := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found.update(one["Body"] for one in letters)
        return found


class Between:
    """A client whose calls of one kind come to nothing: they are denied, or do not get there."""

    def __init__(self, sqs: Any, fails: str, error: BaseException) -> None:
        self._sqs, self._fails, self._error = sqs, fails, error

    def __getattr__(self, name: str) -> Any:
        def fail(**_: Any) -> None:
            raise self._error

        return fail if name == self._fails else getattr(self._sqs, name)


@pytest.fixture
def queues(sqs: Any) -> Queues:
    return Queues(sqs)


@pytest.fixture
def brakes(tmp_path: Any, clock: SetClock) -> Iterator[Brakes]:
    from adapters.sqlite import open_store

    store: Store = open_store(f"sqlite:///{tmp_path}/bot.db", clock)
    yield store.brakes
    store.close()


def over(sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock) -> DeadLetterQueue:
    return SqsDeadLetters(sqs, queues.dead, queues.bell, brakes=brakes, clock=clock)


def letter(work: Work, key: str = "cup/a") -> str:
    return written(Ring(work, key, datetime(2026, 11, 26, tzinfo=UTC)))


def refusal(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
        "any",
    )


def test_what_lies_there_is_told_by_kind_and_stays(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock
) -> None:
    bodies = [*(letter(Work.SETTLE, f"cup/{number}") for number in range(12)), letter(Work.SPEAK), "poison"]
    queues.die(bodies)

    found = over(sqs, queues, brakes, clock).look()

    assert found == DeadLetters(14, {"settle": 12, "speak": 1, UNREADABLE: 1})
    assert unpacked(packed(found)) == found
    assert queues.on(queues.dead) == Counter(bodies)
    assert not queues.on(queues.bell)


def test_what_was_just_looked_at_can_be_taken_back(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock
) -> None:
    queues.die([letter(Work.ANSWER)])
    dead = over(sqs, queues, brakes, clock)
    dead.look()

    dead.take_back()

    assert queues.on(queues.bell) == Counter([letter(Work.ANSWER)])


def test_an_empty_queue_has_none(sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock) -> None:
    assert over(sqs, queues, brakes, clock).look() == DeadLetters(0)


def test_all_that_can_be_read_come_back_and_the_others_stay(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "TAKING_SECONDS", 2)
    bodies = [letter(Work.SETTLE, f"cup/{number}") for number in range(23)]
    queues.die([*bodies[:5], "poison", *bodies[5:], '{"schema": 99}'])

    has_more = over(sqs, queues, brakes, clock).take_back()

    assert not has_more
    assert queues.on(queues.bell) == Counter(bodies)
    left = over(sqs, queues, brakes, clock).look()
    assert left.count == 2


def test_a_crash_between_the_queues_loses_nothing_and_is_made_good_by_saying_it_again(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "TAKING_SECONDS", 0)
    bodies = [letter(Work.ANSWER), letter(Work.SETTLE)]
    queues.die(bodies)
    dies = Between(sqs, "delete_message_batch", SystemExit())
    with pytest.raises(SystemExit):
        over(dies, queues, brakes, clock).take_back()

    assert not over(sqs, queues, brakes, clock).take_back()

    assert queues.on(queues.bell) == Counter(bodies * 2)  # worked off twice, which is once
    assert over(sqs, queues, brakes, clock).look() == DeadLetters(0)


def test_what_the_bell_does_not_take_stays_a_dead_letter(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock
) -> None:
    queues.die([letter(Work.ANSWER)])
    unreached = Between(sqs, "send_message_batch", EndpointConnectionError(endpoint_url="https://sqs"))

    with pytest.raises(AccessUnavailable):
        over(unreached, queues, brakes, clock).take_back()

    assert over(sqs, queues, brakes, clock).look().count == 1
    assert not queues.on(queues.bell)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_missing_permission_is_named_and_told_in_the_place_of_a_number(
    sqs: Any, queues: Queues, brakes: Brakes, clock: SetClock, code: str
) -> None:
    denied = over(Between(sqs, "receive_message", refusal(code)), queues, brakes, clock)
    queues.die([letter(Work.ANSWER)])

    with pytest.raises(PermissionMissing) as raised:
        denied.look()
    assert raised.value.facts["permission"] == "sqs:ReceiveMessage"
    assert seen(denied) == DeadLetters(problem=PermissionMissing.code)


def test_without_a_queue_of_the_host_there_are_none() -> None:
    assert seen(None) is None
