"""The end of an event, torn down or over by itself: what the bot gave is taken back, and no more."""

from collections.abc import Callable

import pytest

from provisioning.closing import REPORTED_AFTER
from provisioning.stepping import PARKED
from sandbox.company import RACERS_GROUP, Company
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.telling import Said
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


def soon(stage: Stage, condition: Callable[[], object], what: str) -> object:
    """Wait until the condition holds, in a company in which the sweeper comes by all the time."""
    with stage.time_flies(20):
        return eventually(condition, what, otherwise=lambda: repr(stage.organizers))


def reported(stage: Stage, organizer: Racer, kind: str = "closed") -> Said:
    """Return what the organizer was told of the end of the event."""
    soon(stage, lambda: kind in [one.kind for one in organizer.messages], "the organizer hears how it went")
    return next(one for one in organizer.messages if one.kind == kind)


def joined(stage: Stage, count: int) -> list[Racer]:
    racers = stage.people(count)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.becomes_ready()
    return racers


def test_an_event_is_torn_down_after_a_yes_that_names_it_and_the_number(
    stage: Stage, organizer: Racer
) -> None:
    racers = joined(stage, 3)
    asked = answered(organizer, "teardown", "teardown-asks")
    assert "Tear down Spring Cup 2027?" in asked
    assert "It ends for 3 people, now and for good." in asked
    assert all(racer.is_member for racer in racers)

    organizer.presses("Yes, do it")

    for racer in racers:
        racer.comes_to("over")
        assert racer.in_groups == set()
    told = reported(stage, organizer)
    assert "Access withdrawn: 3" in told.text
    assert "numbers stay" in told.text
    soon(stage, lambda: "closed" in stage.organizers_hear, "so does the channel")
    assert stage.audit().count("closed") == 1
    assert stage.members() == {"entra": [], "identity store": []}


def test_the_progress_is_one_message_that_ends_true(stage: Stage, organizer: Racer) -> None:
    racers = joined(stage, 3)
    answered(organizer, "teardown", "teardown-asks")

    organizer.presses("Yes, do it")

    for racer in racers:
        racer.comes_to("over")

    soon(
        stage,
        lambda: [one.text for one in stage.organizers if "3 of 3 people are out" in one.text],
        "the progress is brought up to date",
    )
    assert stage.organizers_hear.count("closing") == 1


def test_what_was_there_before_stays_and_is_reported(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    organizer = stage.person("organizer")
    ada, grace = joined(stage, 2)
    member = stage.person("employee-009")
    account = member.person.entra
    assert account is not None
    group = stage.company.group(RACERS_GROUP)
    stage.world.do(lambda: group.members.__setitem__(account.id, stage.company.clock.now()))
    stage._before["employee-009"] = frozenset({"entra"})  # noqa: SLF001 - somebody else put them in since
    member.says("join")
    member.becomes_ready()

    for racer, stays in ((ada, False), (member, True)):
        assert racer.person.entra is not None
        said = answered(organizer, f"suspend {racer.person.entra.mail} --dry-run", "suspend-would")
        assert ("keeps access that this event didn't give" in said) is stays

    answered(organizer, "teardown", "teardown-asks")
    organizer.presses("Yes, do it")

    told = reported(stage, organizer)
    assert "Access withdrawn: 2" in told.text
    assert "they were before the event: 1" in told.text
    for racer in (ada, grace, member):
        racer.comes_to("over")
    assert "entra" in member.in_groups
    assert ada.in_groups == grace.in_groups == set()


def test_a_dry_run_counts_and_names_and_changes_nothing(stage: Stage, organizer: Racer) -> None:
    racers = joined(stage, 2)
    before = stage.event()

    said = answered(organizer, "teardown --dry-run", "teardown-shown")

    assert "It would concern 2 people. Nothing was changed." in said
    assert "access ends: 2" in said
    assert said.count("access ends") == 3
    assert stage.event() == before
    assert all(racer.is_member for racer in racers)


def test_said_again_it_looks_at_everybody_again_and_repeats_nothing(stage: Stage, organizer: Racer) -> None:
    racers = joined(stage, 2)
    answered(organizer, "teardown", "teardown-asks")
    organizer.presses("Yes, do it")
    for racer in racers:
        racer.comes_to("over")
    soon(stage, lambda: stage.audit().count("closed") == 1, "it is over")
    withdrawn = stage.audit().count("withdrawn")
    version = stage.event().version

    answered(organizer, "teardown", "teardown-again-done")

    eventually(stage.is_at_rest, "nothing is left to do")
    assert stage.audit().count("withdrawn") == withdrawn
    assert stage.audit().count("closed") == 1
    assert stage.event().version == version


@pytest.mark.parametrize("words", ["event set capacity=5", "event open", "pause", "unpause"])
def test_an_event_that_was_torn_down_is_changed_no_more(stage: Stage, organizer: Racer, words: str) -> None:
    answered(organizer, "teardown", "teardown-asks")
    organizer.presses("Yes, do it")
    organizer.sees("teardown-done")

    answered(organizer, words, "DR-105")

    answered(organizer, "undo", "DR-267")


def test_at_the_end_of_an_event_access_ends_by_itself_and_organizers_hear_the_counts_once(
    stage: Stage,
) -> None:
    racers = joined(stage, 2)
    stage.clock.turn(days=60)

    for racer in racers:
        racer.comes_to("over")
        assert racer.in_groups == set()
    soon(stage, lambda: "closed" in stage.organizers_hear, "organizers hear how it went")
    stage.clock.turn(hours=2)
    eventually(stage.is_at_rest, "nothing is left to do")
    assert stage.organizers_hear.count("closed") == 1
    assert "Access withdrawn: 2" in next(one.text for one in stage.organizers if one.kind == "closed")


def test_who_cannot_be_taken_out_is_reported_with_the_reason_and_the_end_follows(
    stage: Stage, organizer: Racer
) -> None:
    racers = joined(stage, 2)
    answered(organizer, "teardown", "teardown-asks")
    stage.befalls("aws", "DeleteGroupMembership", "status", status=400, times=None)
    organizer.presses("Yes, do it")
    organizer.sees("teardown-done")

    stage.clock.turn(seconds=REPORTED_AFTER.total_seconds())
    left = reported(stage, organizer, "closed-leaving")
    assert "2 people still have access" in left.text
    stage.calms("aws")
    stage.clock.turn(seconds=PARKED.total_seconds())
    told = reported(stage, organizer)

    assert "Access withdrawn: 2" in told.text
    for racer in racers:
        racer.comes_to("over")


def test_a_file_goes_with_a_dry_run_where_slack_lets_the_bot_send_files(make_stage: MakeStage) -> None:
    scopes = frozenset({"commands", "chat:write", "users:read", "users:read.email", "files:write"})
    stage = make_stage(company=Company.found(people=12), slack={"scopes": scopes}, platforms=("slack",))
    stage.opens_event()
    stage.starts_bot()
    organizer = stage.person("organizer")
    joined(stage, 2)

    said = answered(organizer, "teardown --dry-run", "teardown-shown")

    assert "spring-cup-2027-teardown.csv" in said
    (file,) = eventually(lambda: stage.world.do(stage.world.slack.files.shared), "the file is shared")
    assert file.content is not None
    lines = file.content.decode().splitlines()
    assert lines[0] == "name,user_principal_name,person_id,chat,happens"
    assert len(lines) == 3
    assert all(line.endswith(",withdrawn") for line in lines[1:])
    assert stage.world.do(lambda: stage.world.slack.channels.user_of(str(file.channel))) == (
        organizer.person.slack.id
    )
