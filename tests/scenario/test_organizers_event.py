"""A whole event of three hundred people, run from chat: every step is a signed request, and the end is exact.

At the end the directories hold what they held before, plus nothing, minus nothing, and the audit holds.
"""

from sandbox.company import RACERS_GROUP, Company
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention
from tests.scenario.test_teardown import reported
from tests.scenario.waiting import eventually

PEOPLE = 300
BEFORE = 20  # of them were in the group already, by somebody else's hand


def company_with_members() -> Company:
    """Return a company in which some are members before anything happens."""
    company = Company.found(people=PEOPLE + 2)
    racing, linked = company.group(RACERS_GROUP), company.store_group(RACERS_GROUP)
    accounts = {one.external_id: one for one in company.store_users.values()}
    for number in range(1, BEFORE + 1):
        user = company.people[f"employee-{number:03d}"].entra
        assert user is not None
        racing.members[user.id] = 0.0
        linked.memberships[company.store_id()] = accounts[user.id].user_id
    return company


def held(stage: Stage) -> dict[str, list[str]]:
    return {where: sorted(ids) for where, ids in stage.members().items()}


def test_an_event_of_three_hundred_is_run_from_chat_and_leaves_nothing_behind(make_stage: MakeStage) -> None:
    stage = make_stage(company=company_with_members(), slack={"rate_scale": 50.0})
    stage.opens_event(capacity=2000)
    before = held(stage)
    stage.starts_bot()
    organizer = stage.person("organizer")
    racers = stage.people(PEOPLE)

    answered(organizer, "event set name=Spring Cup 2027 capacity=299", "event-set-done")
    answered(organizer, "pause Doors open in a minute", "pause-done")
    assert racers[0].says("join").kind == "DR-107"
    answered(organizer, "unpause", "unpause-done")
    stage.all_say(racers, "join")  # at the pace of people: a request five minutes old is refused
    with stage.time_flies(10):
        eventually(lambda: stage.count_told("ready") >= PEOPLE - 1, "all but one are in", seconds=240)
        answered(organizer, "event set capacity=300", "event-set-done")
        eventually(lambda: stage.count_told("ready") >= PEOPLE, "the last one as well", seconds=60)
    assert [racer for racer in racers if not racer.is_member] == []

    with stage.time_flies(10):
        changes_quotas(stage, organizer, racers)
        racers[-1].says("leave --yes")
        racers[-1].comes_to("gone")  # behind three hundred messages about quotas
    shown = answered(organizer, "report", "report-shown")
    assert f"Became ready: {PEOPLE}" in shown
    answered(organizer, "event close", "event-close-done")
    assert stage.someone().says("join spring-cup").kind == "DR-104"

    asked = answered(organizer, "teardown", "teardown-asks")
    assert f"It ends for {PEOPLE - 1} people" in asked
    organizer.presses("Yes, do it")
    with stage.time_flies(10):
        told = reported(stage, organizer)
        eventually(lambda: stage.count_told("over") >= PEOPLE - 1, "everybody is told", seconds=240)
    assert f"Access withdrawn: {PEOPLE - 1 - BEFORE}" in told.text
    assert f"they were before the event: {BEFORE}" in told.text

    stage.clock.turn(minutes=50)
    eventually(stage.has_nothing_due, "everything was looked at once more")
    assert held(stage) == before
    assert stage.audit_holds()
    assert stage.tallies()["ready"] == PEOPLE
    assert stage.audit().count("closed") == 1


def changes_quotas(stage: Stage, organizer: Racer, racers: list[Racer]) -> None:
    """Change the quota of one, of ten and of everyone."""
    answered(organizer, f"quota {mention(racers[0])} hours=+1", "quota-done")
    some = " ".join(mention(racer) for racer in racers[1:11])
    answered(organizer, f"quota {some} hours=+2", "quota-asks")
    organizer.presses("Yes, do it")
    organizer.sees("quota-done")
    answered(organizer, "quota everyone models=+1", "quota-asks")
    organizer.presses("Yes, do it")
    organizer.sees("quota-done")


def test_a_worker_killed_in_the_middle_of_a_teardown_finishes_it_and_repeats_nothing(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(company=Company.found(people=40), slack={"rate_scale": 20.0})
    stage.opens_event()
    before = held(stage)
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    eventually(worker.is_working, "the worker has started")
    organizer, racers = stage.person("organizer"), stage.people(40)
    stage.all_say(racers, "join")
    eventually(lambda: stage.count_told("ready") >= len(racers), "everybody is in", seconds=120)
    stage.befalls("aws", "DeleteGroupMembership", "late", seconds=0.2, times=None)
    answered(organizer, "teardown", "teardown-asks")
    organizer.presses("Yes, do it")
    eventually(lambda: 0 < len(stage.members()["identity store"]) < len(racers), "it is in the middle")

    worker.kill()

    stage.calms("aws")
    stage.kills = 1
    assert stage.members()["identity store"], "some are still in"
    stage.clock.turn(seconds=61)
    stage.starts_bot(door=False)
    answered(organizer, "teardown", "teardown-again-done")
    reported(stage, organizer)
    eventually(lambda: stage.count_told("over") >= len(racers), "everybody is told", seconds=120)
    assert held(stage) == before
    changes = [line for line in stage.audit_lines() if line.facts.get("kind") == "teardown"]
    assert len(changes) == 1
    gone = [line.subject for line in stage.audit_lines() if line.action == "gone"]
    assert sorted(gone) == sorted(set(gone))
