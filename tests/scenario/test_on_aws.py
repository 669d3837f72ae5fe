"""The bot on AWS: HTTP API → door → DynamoDB and SQS → worker → the directories → chat."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters.aws.bell import written
from adapters.dynamodb import DynamoStore
from provisioning.errors import StoreUnavailable
from provisioning.queue import Work
from provisioning.ringing import Ring
from sandbox.company import Company
from tests.contract.moto_server import serving
from tests.scenario import LONG
from tests.scenario.account import RECEIVES, Account
from tests.scenario.on_aws import AwsStage
from tests.scenario.people import Racer
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

CROWD = 500 if LONG else 12
TOGETHER = 50  # who asks in the time that a stage gives to a flow
SECONDS = 1800.0 if LONG else 240.0
MakeStage = Callable[..., AwsStage]
UNKNOWN = (  # keys of nothing: a bell for nobody, and done with
    '{"schema": 1, "work": "answer", "key": "spring-cup-2027/slack:T0001/U0000"}',
    '{"schema": 1, "work": "settle", "key": "no-such-event/0c1a"}',
)
POISON = (
    "",
    "no JSON",
    '{"schema": 99, "work": "answer", "key": ""}',
    '{"schema": 1, "work": "dance", "key": ""}',
)


@pytest.fixture(scope="module")
def asked() -> Counter[str]:
    """What AWS was asked, by API and operation."""
    return Counter()


@pytest.fixture(scope="module")
def address(asked: Counter[str]) -> Iterator[str]:
    """Where AWS is, as far as it keeps rows and messages."""
    with serving(asked) as found:
        yield found


@pytest.fixture
def make_stage(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    with ExitStack() as stack:
        account = Account(address)
        yield lambda **switches: stack.enter_context(AwsStage(tmp_path, account, **switches))


def test_a_crowd_joins_among_poison_and_throttling(
    make_stage: MakeStage, asked: Counter[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = make_stage(company=Company.found(people=CROWD), slack={"rate_scale": 20.0})
    stage.opens_event()
    stage.opens_doors()
    racers = stage.people(CROWD)
    for body in (*POISON, *UNKNOWN):
        stage.account.send(body)
    stage.befalls("graph", ".*", "throttle", times=3, retry_after=1.0)
    asked.clear()
    began = time.monotonic()

    for first in range(0, CROWD, TOGETHER):
        stage.all_say(racers[first : first + TOGETHER], "join")
    stage.starts_working()

    eventually(
        lambda: stage.count_told("ready") >= CROWD,
        "everybody is in",
        seconds=SECONDS,
        otherwise=lambda: f"{stage.count_told('ready')} of {CROWD} are in",
    )
    figures = _figures(stage, asked, time.monotonic() - began)
    assert [racer for racer in racers if racer.told != ["ready"]] == []
    assert len(stage.calls_of("slack", "chat.postMessage")) == CROWD
    assert stage.befallen("graph"), "the throttling has been met"
    dead: list[str] = []

    def is_set_apart() -> bool:
        dead.extend(stage.account.dead_letters())
        return len(dead) >= len(POISON)

    eventually(is_set_apart, "poison is set apart")
    assert sorted(dead) == sorted(POISON)
    # Poison came in one batch with what was good. Only the poison came again.
    again = {body: times for body, times in stage.account.received.items() if times > 1}
    assert again == dict.fromkeys(POISON, RECEIVES)
    with capsys.disabled():
        print(figures)  # noqa: T201 - for whoever runs the long variant


def _figures(stage: AwsStage, asked: Counter[str], seconds: float) -> str:
    """Say what one join cost in requests."""
    per_join = {
        "DynamoDB": sum(times for what, times in asked.items() if what.startswith("dynamodb")),
        "SQS": sum(times for what, times in asked.items() if what.startswith("sqs")),
        "Graph": stage.tally("graph").answered,
        "AWS": stage.tally("aws").answered,
        "Slack": stage.tally("slack").answered,
    }
    told = ", ".join(f"{name} {times / CROWD:.2f}" for name, times in per_join.items())
    return f"\n{CROWD} joins in {seconds:.0f} s; requests for one: {told}"


def test_of_a_batch_only_what_the_broken_lane_was_rung_for_comes_again(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table refuses the settler once somebody was taken out of the group, before that is recorded."""
    stage = make_stage()
    stage.opens_event()
    stage.opens_doors()
    leaving, *joining = stage.people(4)
    leaving.says("join")
    before = stage.starts_working(workers=1)
    leaving.is_told("ready")
    eventually(lambda: stage.account.waiting() == 0, "every message is done with")
    before.stop()
    leaving.says("leave --yes")
    stage.all_say(joining, "join")
    stage.account.send(written(Ring(Work.SETTLE, "", stage.clock.now())))  # as the clock rings
    is_broken = True
    batches: list[tuple[set[str], set[str]]] = []  # the kinds of work of one, and of what comes again of it
    run, settle = DynamoStore.run, stage.account.settle

    def refuses_the_settler(store: DynamoStore, unit: Any) -> Any:
        taken_out = stage.calls("graph", "DELETE /groups")
        if is_broken and taken_out and threading.current_thread().name == "settler":
            raise StoreUnavailable
        return run(store, unit)

    def noted(records: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> None:
        nonlocal is_broken
        is_broken = False
        work = {one["messageId"]: json.loads(one["body"])["work"] for one in records}
        again = {work[one["itemIdentifier"]] for one in answer["batchItemFailures"]}
        batches.append((set(work.values()), again))
        settle(records, answer)

    monkeypatch.setattr(DynamoStore, "run", refuses_the_settler)
    monkeypatch.setattr(stage.account, "settle", noted)
    stage.starts_working(workers=1, ticks=False)

    eventually(lambda: len(batches) > 0, "the first batch is through")
    assert batches[0] == ({"answer", "settle"}, {"settle"})
    stage.clock.turn(seconds=31)  # what the settler held is free again
    for racer in joining:
        racer.is_told("ready")
    leaving.is_told("ready", "gone")
    eventually(lambda: stage.account.waiting() == 0, "every message is done with")
    times = Counter({json.loads(body)["work"]: times for body, times in stage.account.received.items()})
    assert all(again == set() for _, again in batches[1:])
    assert times["answer"] == 1
    assert stage.account.dead_letters() == []
    assert [racer.told for racer in joining] == [["ready"]] * 3
    assert sum("gone" in line for line in stage.audit()) == 1


def test_in_teams_the_answer_has_left_when_the_function_returns(make_stage: MakeStage) -> None:
    stage = make_stage(platforms=("teams",))
    stage.opens_event()
    stage.opens_doors()
    racer = stage.person("employee-001")

    racer.line.say("join")  # there is nobody but the door yet

    assert [one.kind for one in racer.reads()] == ["queued"]
    stage.starts_working(workers=1)
    racer.is_told("ready")


def ring_lost(make_stage: MakeStage) -> tuple[AwsStage, Racer]:
    """Let somebody join, and lose every message that would wake a worker."""
    stage = make_stage()
    stage.opens_event()
    stage.opens_doors()
    racer = stage.person("employee-001")
    racer.says("join")
    stage.account.loses_everything()
    return stage, racer


def test_a_ring_that_got_lost_is_made_up_for_by_the_clock(make_stage: MakeStage) -> None:
    stage, racer = ring_lost(make_stage)

    stage.starts_working(workers=1)

    racer.is_told("ready")


def test_a_message_of_the_first_schema_is_settled(make_stage: MakeStage) -> None:
    stage, racer = ring_lost(make_stage)
    earlier = '{"schema":1,"work":"answer","key":"spring-cup-2027/slack:whoever"}'
    stage.account.send(earlier)

    stage.starts_working(workers=1, ticks=False)

    racer.is_told("ready")
    eventually(lambda: stage.account.waiting() == 0, "every message is done with")
    assert stage.account.received[earlier] == 1  # what cannot be read comes again
    assert stage.account.dead_letters() == []


def test_an_organizer_sees_the_dead_letters_and_takes_them_back(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.opens_doors()
    organizer = stage.person("organizer")
    for number in range(3):
        stage.account.buries(f'{{"schema":2,"work":"settle","key":"cup/{number}","correlation":""}}')
    stage.account.buries("poison")
    stage.starts_working(workers=1)

    answered(organizer, "retry all --dry-run", "retry-letters-would")
    said = answered(organizer, "stuck", "none")

    assert "4 of my wake-up calls were given up (joins and leaves: 3, unreadable: 1)" in said
    assert "One can't be read and stays" in said
    organizer.presses("Try them all now")
    assert "Wake-up calls given up: 4 → 1" in organizer.sees("retry-letters-done").text
    eventually(lambda: stage.account.buried() == 1, "all but the unreadable one are taken back")
    eventually(lambda: stage.account.waiting() == 0, "what was taken back is worked off")


def test_two_workers_stop_at_one_refusal(make_stage: MakeStage) -> None:
    stage = make_stage(slack={"rate_scale": 20.0})
    stage.opens_event()
    stage.opens_doors()
    racers = stage.people(6)
    stage.befalls("graph", ".*", "throttle", times=1, retry_after=600.0)
    racers[0].says("join")
    working = stage.starts_working(workers=2)
    eventually(lambda: stage.befallen("graph"), "Graph has refused once")
    eventually(lambda: stage.account.waiting() == 0, "both workers are idle")
    asked, woken = stage.calls("graph", ".*"), list(working.woken)

    for racer in racers[1:]:
        calls = sum(working.woken)
        racer.says("join")
        eventually(lambda calls=calls: sum(working.woken) > calls, "a worker was woken")  # type: ignore[misc]
        eventually(lambda: stage.account.waiting() == 0, "both workers are idle")

    assert all(now > before for now, before in zip(working.woken, woken, strict=True)), "both were woken"
    assert stage.calls("graph", ".*") <= asked + 1  # what was under way at the other worker
    stage.clock.turn(minutes=11)
    for racer in racers:
        racer.is_told("ready")
