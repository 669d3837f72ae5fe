"""Access that ends without the racer's doing: by the directory, by somebody else, by the calendar."""

from datetime import timedelta

from sandbox.company import RACERS_GROUP
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually


def ready_racers(stage: Stage, count: int) -> list[Racer]:
    """Let so many employees join, and wait until they are in."""
    racers = stage.people(count)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.is_told("ready")
    return racers


def test_somebody_whose_account_is_disabled_is_out_within_a_day_and_told(stage: Stage) -> None:
    left, stays = ready_racers(stage, 2)
    user = left.person.entra
    assert user is not None
    stage.world.do(lambda: setattr(user, "account_enabled", False))

    stage.clock.turn(hours=25)

    left.is_told("ready", "removed")
    assert left.in_groups == set()
    eventually(lambda: stage.organizers_hear == ["organizers-removed"], "organizers hear of it")
    assert stays.told == ["ready"]
    assert stays.is_member
    assert left.says("join").kind == "removed"  # no command of the racer clears it


def test_a_membership_that_somebody_else_took_is_not_put_back_but_ended_everywhere(stage: Stage) -> None:
    racer, other = ready_racers(stage, 2)
    user = racer.person.entra
    assert user is not None
    stage.world.do(lambda: stage.company.group(RACERS_GROUP).members.pop(user.id))

    looks = stage.calls("graph", "GET /users")
    stage.clock.turn(hours=25)
    eventually(lambda: stage.calls("graph", "GET /users") > looks, "the day's look has begun")
    eventually(stage.is_at_rest, "it is over")
    assert racer.told == ["ready"]  # seen missing once
    stage.clock.turn(minutes=50)

    racer.is_told("ready", "removed")
    assert racer.in_groups == set()
    assert other.told == ["ready"]
    eventually(lambda: stage.organizers_hear == ["organizers-removed"], "organizers hear of it")


def test_a_membership_that_was_missing_for_a_moment_stays(stage: Stage) -> None:
    racer = ready_racers(stage, 1)[0]
    user = racer.person.entra
    assert user is not None
    members = stage.company.group(RACERS_GROUP).members
    since = stage.world.do(lambda: members.pop(user.id))
    before = stage.calls("graph", "GET /users")
    stage.clock.turn(hours=25)
    eventually(lambda: stage.calls("graph", "GET /users") > before, "the day's look has begun")
    eventually(stage.is_at_rest, "it is over")
    looks = stage.calls("graph", "GET /users")

    stage.world.do(lambda: members.update({user.id: since}))
    stage.clock.turn(minutes=50)

    eventually(lambda: stage.calls("graph", "GET /users") > looks, "the second look has begun")
    eventually(stage.is_at_rest, "it is over")
    assert racer.told == ["ready"]
    assert racer.says("status").kind == "ready"


def test_the_end_of_the_event_ends_access_for_everybody_and_says_so(make_stage: MakeStage) -> None:
    stage = make_stage()
    now = stage.clock.now()
    stage.opens_event(closes=now + timedelta(hours=2), ends=now + timedelta(hours=3))
    stage.starts_bot()
    racers = ready_racers(stage, 3)

    stage.clock.turn(hours=4)

    for racer in racers:
        racer.is_told("ready", "over")
        assert racer.in_groups == set()
    assert stage.public() == []


def test_an_end_that_is_brought_forward_while_the_bot_runs_counts(stage: Stage) -> None:
    racers = ready_racers(stage, 2)

    now = stage.clock.now()
    stage.opens_event(closes=now + timedelta(minutes=5), ends=now + timedelta(minutes=6))
    stage.clock.turn(minutes=7)

    for racer in racers:
        racer.is_told("ready", "over")


def test_who_is_in_line_when_the_event_ends_is_told(make_stage: MakeStage) -> None:
    stage = make_stage()
    now = stage.clock.now()
    stage.opens_event(capacity=1, closes=now + timedelta(hours=2), ends=now + timedelta(hours=3))
    stage.starts_bot()
    first, second = stage.people(2)
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")

    stage.clock.turn(hours=4)

    first.is_told("ready", "over")
    second.is_told("in-line", "over")


def test_more_places_let_the_line_in(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=1)
    stage.starts_bot()
    first, second = stage.people(2)
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")

    stage.opens_event(capacity=2)
    stage.clock.turn(seconds=6)

    second.is_told("in-line", "ready")


def test_who_left_the_company_while_in_line_does_not_get_the_place(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=1)
    stage.starts_bot()
    first, second = stage.people(2)
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")
    user = second.person.entra
    assert user is not None
    stage.world.do(lambda: setattr(user, "account_enabled", False))
    stage.clock.turn(days=3)

    first.says("leave --yes")

    first.is_told("ready", "gone")
    second.is_told("in-line", "removed")
    assert second.in_groups == set()


def test_who_was_long_in_line_is_not_called_late_when_the_place_is_theirs(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=1)
    stage.starts_bot()
    first, second = stage.people(2)
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")
    stage.clock.turn(hours=3)

    first.says("leave --yes")

    second.is_told("in-line", "ready")
    first.is_told("ready", "gone")
    assert stage.organizers_hear == []


def test_what_was_there_before_us_stays_when_the_event_ends(make_stage: MakeStage) -> None:
    stage = make_stage()
    racer_before = stage.company.people["employee-001"]
    assert racer_before.entra is not None
    member = racer_before.entra.id
    stage.world.do(lambda: stage.company.group(RACERS_GROUP).members.update({member: 0.0}))
    now = stage.clock.now()
    stage.opens_event(closes=now + timedelta(hours=2), ends=now + timedelta(hours=3))
    stage.starts_bot()
    racer, other = ready_racers(stage, 2)

    stage.clock.turn(hours=4)

    racer.is_told("ready", "over")
    other.is_told("ready", "over")
    assert "entra" in racer.in_groups
    assert other.in_groups == set()
