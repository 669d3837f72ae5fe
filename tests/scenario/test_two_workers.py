"""Two workers on one store share the work, and nothing is done or told twice."""

import random

import pytest

from sandbox.company import Company
from tests.scenario import LONG
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

CROWD = 60 if LONG else 24
JOIN, LEAVE = "join", "leave spring-cup-2027 --yes"


@pytest.fixture
def shared(make_stage: MakeStage) -> Stage:
    """One door and two worker processes."""
    stage = make_stage(company=Company.found(people=CROWD))
    stage.opens_event()
    stage.starts_bot(worker=False)
    workers = [stage.starts_process("work") for _ in range(2)]
    eventually(lambda: all(worker.is_working() for worker in workers), "both workers have started")
    return stage


def test_everybody_is_let_in_once(shared: Stage) -> None:
    racers = shared.people(CROWD)

    shared.all_say(racers, JOIN)

    for racer in racers:
        racer.is_told("ready")
    asked = [call for call in shared.calls_of("slack", "chat.postMessage") if call.status == 200]
    assert len(asked) == CROWD


def test_the_last_word_counts(shared: Stage) -> None:
    racers, dice = shared.people(CROWD), random.Random(11)
    last: dict[Racer, str] = dict.fromkeys(racers, JOIN)
    shared.all_say(racers, JOIN)
    for _ in range(CROWD):
        some, word = dice.sample(racers, 2), dice.choice((JOIN, LEAVE))
        last |= dict.fromkeys(some, word)
        shared.all_say(some, word)

    for racer, word in last.items():
        racer.comes_to(*(["ready"] if word == JOIN else ["gone", "DR-106"]))
    for racer, word in last.items():
        if word == JOIN:
            eventually(lambda racer=racer: racer.is_member, "who wanted in is in")  # type: ignore[misc]


@pytest.mark.skipif(not LONG, reason="half a minute each")
@pytest.mark.parametrize("seed", range(5))
def test_the_last_word_counts_whatever_lands_late(make_stage: MakeStage, seed: int) -> None:
    stage, dice = make_stage(), random.Random(seed)
    stage.opens_event()
    stage.starts_bot(worker=False)
    for _ in range(2):
        stage.starts_bot(door=False)
    racers = stage.people(12)
    last: dict[Racer, str] = dict.fromkeys(racers, JOIN)
    stage.all_say(racers[:6], JOIN)
    for racer in racers[:6]:
        racer.is_told("ready")
    for part, operation in (
        ("graph", "POST /groups|PATCH /groups"),
        ("graph", "DELETE /groups"),
        ("aws", "CreateGroupMembership"),
        ("aws", "DeleteGroupMembership"),
    ):
        stage.befalls(part, operation, dice.choice(("late", "drop", "late")), seconds=9.0)

    stage.all_say(racers[6:], JOIN)
    for _ in range(16):
        some, word = dice.sample(racers, 2), dice.choice((JOIN, LEAVE))
        last |= dict.fromkeys(some, word)
        stage.all_say(some, word)
    stage.all_say([racer for racer in racers if last[racer] == LEAVE], LEAVE)

    with stage.time_flies(3):
        for racer, word in last.items():
            racer.comes_to(*(["ready"] if word == JOIN else ["gone", "DR-106"]))
        eventually(stage.has_nothing_due, "all has been done")
    for racer, word in last.items():
        if word == JOIN:
            eventually(lambda racer=racer: racer.is_member, "who wanted in is in")  # type: ignore[misc]


def test_places_are_given_once(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=4)
    stage.starts_bot(worker=False)
    for _ in range(2):
        stage.starts_bot(door=False)
    racers = stage.people(12)

    stage.all_say(racers, JOIN)

    eventually(
        lambda: sorted(racer.told for racer in racers) == [["in-line"]] * 8 + [["ready"]] * 4,
        "four are in and eight wait",
        otherwise=lambda: "\n".join(map(repr, racers)),
    )


def test_organizers_hear_of_a_lost_group_once(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    group = stage.company.group("DeepRacer racers")
    del stage.company.entra_groups[group.id]
    for _ in range(2):
        stage.starts_bot(door=False)
    racers = stage.people(6)

    stage.all_say(racers, JOIN)
    for racer in racers:
        racer.is_told("broken")
    stage.world.do(lambda: stage.company.entra_groups.update({group.id: group}))
    stage.clock.turn(seconds=10)

    for racer in racers:
        racer.is_told("broken", "ready")
    assert stage.organizers_hear == ["organizers-broken", "organizers-healed"]
