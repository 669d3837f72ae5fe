"""A worker that is killed in the middle of things: nobody is lost, nothing false is said.

The usual run kills 4 times during 40 joins. `SCENARIOS=long` kills 20 times during 200.
"""

import random
import time

import pytest

from sandbox.company import Company
from tests.scenario import LONG
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.platforms import SIDES
from tests.scenario.test_throttling import ASKS, RESULTS
from tests.scenario.waiting import eventually

JOINS, KILLS = (200, 20) if LONG else (40, 4)
LEASES = 61  # seconds: what the dead held is taken up when its lease is over


@ON_BOTH
def test_joins_survive_a_worker_that_is_killed_again_and_again(make_stage: MakeStage, platform: str) -> None:
    rates = {platform: {"rate_scale": 5.0} for platform in SIDES}
    stage, dice = make_stage(company=Company.found(people=JOINS), **rates), random.Random(3)
    ways = [
        (platform, ASKS[platform]),
        ("graph", "PATCH /groups|POST /groups"),
        ("aws", "CreateGroupMembership"),
        (platform, RESULTS[platform]),
    ]
    stage.opens_event()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    racers = stage.people(JOINS)
    share = JOINS // KILLS

    for kill in range(KILLS):
        eventually(worker.is_working, "the worker has started")
        part, operation = ways[kill % len(ways)]
        stage.befalls(
            part, operation, "hang", seconds=60.0, times=None
        )  # nobody gets past this, however fast
        stage.all_say(racers[kill * share : (kill + 1) * share], "join")
        time.sleep(dice.uniform(0.1, 2.5))  # not for something to happen: to hit whatever happens
        assert not stage.is_at_rest()
        worker.kill()
        stage.calms(part)
        if kill < KILLS - 1 or LONG:
            worker.start_again()
    stage.kills = KILLS
    if not LONG:  # by the clock on the wall it would take a minute until the leases of the dead are over
        stage.clock.turn(seconds=LEASES)
        stage.starts_bot(door=False)

    eventually(
        lambda: all(racer.told and racer.told[-1] == "ready" for racer in racers),
        "nobody is lost",
        seconds=LEASES * 4,
        otherwise=lambda: "\n".join(repr(racer) for racer in racers if racer.told[-1:] != ["ready"]),
    )
    ids = {racer.person.entra.id for racer in racers if racer.person.entra is not None}
    assert {where: sorted(found) for where, found in stage.members().items()} == dict.fromkeys(
        ("entra", "identity store"), sorted(ids)
    )
    messages = sum(len(racer.told) for racer in racers)
    print(f"{KILLS} kills during {JOINS} joins: {messages - JOINS} messages came twice")  # noqa: T201
    assert messages <= JOINS + KILLS
    assert all(set(racer.told) == {"ready"} for racer in racers)


@pytest.mark.parametrize("kind", ["late", "drop"])
def test_one_whose_add_landed_while_the_worker_died_and_who_then_leaves_is_taken_out(
    make_stage: MakeStage, kind: str
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    racer = stage.person("employee-001")
    add = r"POST /groups/\{id\}/members"
    stage.befalls(
        "graph", add, kind, seconds=4.0
    )  # longer than it takes to kill whoever waits for the answer
    racer.says("join")
    eventually(lambda: stage.befallen("graph"), "the add is on its way")
    worker.kill()
    eventually(lambda: "entra" in racer.in_groups, "the add has landed")

    racer.says("leave --yes")
    stage.clock.turn(seconds=LEASES)
    stage.starts_bot(door=False)

    racer.is_told("gone")
    assert racer.in_groups == set()


@ON_BOTH
def test_a_server_that_is_killed_after_its_answer_has_kept_the_request(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    server = stage.starts_process("serve", "--no-worker", "--host", "127.0.0.1", "--port", "0")
    racers = stage.people(5)
    stage.all_say(racers, "join")

    server.kill()

    stage.starts_process("work")
    for racer in racers:
        racer.is_told("ready")
    server.start_again()
    eventually(lambda: server.url != "", "the server is back")
