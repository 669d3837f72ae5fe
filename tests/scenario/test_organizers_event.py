"""A whole event of three hundred people, run from chat: every step is a signed request, and the end is exact.

At the end the directories hold what they held before, plus nothing, minus nothing, and the audit holds.
"""

from typing import Final

from sandbox import connector_conversations, slack_channels
from sandbox.company import RACERS_GROUP, Company
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention
from tests.scenario.test_organizers_races import LINK, shows
from tests.scenario.test_teardown import reported
from tests.scenario.waiting import eventually

PEOPLE: Final = {"slack": 300, "teams": 60}
BEFORE: Final = 20  # of them were in the group already, by somebody else's hand
CUP: Final = "grand-prix"  # the event that is made in chat
TIMES: Final = 25.0  # how fast the company's clock runs: a minute of pacing is not waited for
CHANNELS: Final = {
    "slack": f"<#{slack_channels.RACING}|racing>",
    "teams": f"teams:{connector_conversations.RACING}",
}


def company_with_members(people: int) -> Company:
    """Return a company in which some are members before anything happens."""
    company = Company.found(people=people + 3)
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


def confirmed(organizer: Racer, words: str, verb: str) -> str:
    """Say this, say yes to what is asked back, and return what was asked."""
    asked = answered(organizer, words, f"{verb}-asks")
    organizer.presses("Yes, do it")
    organizer.sees(f"{verb}-done")
    return asked


@ON_BOTH
def test_an_event_of_hundreds_is_run_from_chat_and_leaves_nothing_behind(
    make_stage: MakeStage, platform: str
) -> None:
    count = PEOPLE[platform]
    stage = make_stage(company=company_with_members(count), **{platform: {"rate_scale": 50.0}})
    stage.opens_event()  # the file says what opens doors; of the event itself everything is said in chat
    before = held(stage)
    stage.starts_bot()
    organizer, racers = stage.person("organizer"), stage.people(count)

    with stage.time_flies(TIMES):
        opens_in_chat(stage, organizer, platform, seats=count - 1)
        everybody_joins(stage, organizer, racers)
        posts_races(stage, organizer, platform)
        changes_quotas(organizer, racers)
        holds_people(stage, organizer, racers)
        racers[-1].says("leave --yes")
        racers[-1].comes_to("gone")  # behind hundreds of messages about quotas
        shown = answered(organizer, "report", "report-shown")
        assert f"Became ready: {count}" in shown
        answered(organizer, "event close", "event-close-done")
        assert stage.someone().says(f"join {CUP}").kind == "DR-104"

        asked = answered(organizer, "teardown", "teardown-asks")
        assert f"It ends for {count - 4} people" in asked
        organizer.presses("Yes, do it")
        told = reported(stage, organizer)
        eventually(lambda: stage.count_told("over") >= count - 4, "everybody is told", seconds=240)
        assert f"Access withdrawn: {count - 4 - BEFORE}" in told.text
        assert f"they were before the event: {BEFORE}" in told.text
        stage.clock.turn(minutes=50)
        eventually(stage.has_nothing_due, "everything was looked at once more")
    assert held(stage) == before
    assert stage.audit_holds()
    assert stage.tallies(CUP)["ready"] == count
    closed = [str(line.event_id) for line in stage.audit_lines() if line.action == "closed"]
    assert closed.count(CUP) == 1


def opens_in_chat(stage: Stage, organizer: Racer, platform: str, *, seats: int) -> None:
    """Make an event from the grants of the one in the file, which is over then, and open it."""
    later = "opens=2098-01-01T00:00Z closes=2098-02-01T00:00Z ends=2098-03-01T00:00Z"
    made = f"event create {CUP} from spring-cup name=Grand Prix {later}"
    answered(organizer, made, "event-create-done")
    confirmed(organizer, "event set spring-cup closes=now ends=now", "event-set")
    stage.also_opens("Grand Prix")
    answered(organizer, f"event set capacity={seats} channels={CHANNELS[platform]}", "event-set-done")
    assert stage.someone().says(f"join {CUP}").kind == "DR-103"
    answered(organizer, "event open", "event-open-done")
    answered(organizer, "pause Doors open in a minute", "pause-done")
    assert stage.someone().says("join").kind == "DR-107"
    answered(organizer, "unpause", "unpause-done")


def everybody_joins(stage: Stage, organizer: Racer, racers: list[Racer]) -> None:
    """Let everybody join, one more than there are seats, until there are enough."""
    stage.all_say(racers, "join")
    eventually(lambda: stage.count_told("ready") >= len(racers) - 1, "all but one are in", seconds=240)
    answered(organizer, f"event set capacity={len(racers)}", "event-set-done")
    eventually(lambda: stage.count_told("ready") >= len(racers), "the last one as well")
    assert [racer for racer in racers if not racer.is_member] == []


def posts_races(stage: Stage, organizer: Racer, platform: str) -> None:
    """Post two races, and bring one of them up to date."""
    answered(organizer, f"race post {LINK} Lap of honor track=re:Invent 2018", "race-post-done")
    answered(organizer, f"race post {LINK} Final closes=2099-01-01T00:00Z", "race-post-done")
    answered(organizer, "race update 1 title=Lap of joy", "race-update-done")
    races = ["A race is open: Lap of joy", "A race is open: Final"]
    _, first, _ = shows(stage, platform, "Grand Prix is open: you can join.", *races)
    assert first.buttons["Open the race"] == LINK


def changes_quotas(organizer: Racer, racers: list[Racer]) -> None:
    """Change the quota of one, of ten and of everyone."""
    answered(organizer, f"quota {mention(racers[0])} hours=+1", "quota-done")
    some = " ".join(mention(racer) for racer in racers[1:11])
    confirmed(organizer, f"quota {some} hours=+2", "quota")
    asked = confirmed(organizer, "quota everyone models=+1", "quota")
    assert f"It affects {len(racers)} racers" in asked


def holds_people(stage: Stage, organizer: Racer, racers: list[Racer]) -> None:
    """Suspend three, remove one, and take the removal back."""
    *three, fourth = racers[-5:-1]
    confirmed(organizer, f"suspend {' '.join(map(mention, three))} fair play", "suspend")
    confirmed(organizer, f"remove {mention(fourth)} left the team", "remove")
    for racer, kind in [*((racer, "suspended") for racer in three), (fourth, "removed")]:
        racer.comes_to(kind)
        assert racer.in_groups == set()
    answered(organizer, "undo", "any-undone")
    fourth.comes_to("ready")
    assert fourth.is_member
    assert three[0].says("join").kind == "suspended"


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
    eventually(lambda: stage.count_told("ready") >= len(racers), "everybody is in")
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
    eventually(lambda: stage.count_told("over") >= len(racers), "everybody is told")
    assert held(stage) == before
    changes = [line for line in stage.audit_lines() if line.facts.get("kind") == "teardown"]
    assert len(changes) == 1
    gone = [line.subject for line in stage.audit_lines() if line.action == "gone"]
    assert sorted(gone) == sorted(set(gone))
