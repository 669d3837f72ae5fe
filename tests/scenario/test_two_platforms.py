"""One racer on two platforms: one registration, one membership, and the truth in both places."""

import pytest

from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

BOTH = ("slack", "teams")
ORDERS = pytest.mark.parametrize(("first", "last"), [BOTH, BOTH[::-1]])


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A company that has both platforms, the Spring Cup open, and one bot."""
    stage = make_stage(platforms=BOTH)
    stage.opens_event()
    stage.starts_bot()
    return stage


def is_member_once(stage: Stage, racer: Racer) -> None:
    """Hold that the racer is in each directory exactly once."""
    assert racer.person.entra is not None
    for where, ids in stage.members().items():
        assert ids.count(racer.person.entra.id) == 1, where


def is_up_to_date(racer: Racer, kind: str) -> None:
    """Wait until the newest message of their own, which nothing new follows, says this."""
    eventually(
        lambda: racer.messages[-1].kind == kind,
        f"the newest message of {racer.key} says {kind}",
        otherwise=lambda: repr(racer),
    )


@ORDERS
def test_two_joins_that_are_both_pending_become_one(make_stage: MakeStage, first: str, last: str) -> None:
    stage = make_stage(platforms=BOTH)
    stage.opens_event()
    stage.starts_bot(worker=False)
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    assert here.says("join").kind == "queued"
    stage.clock.turn(seconds=1)
    assert there.says("join").kind == "queued"

    stage.starts_bot(door=False)

    there.is_told("ready")  # where the last join came from
    here.sees("ready")  # and the truth where the first one did
    there.sees("ready")
    assert here.told == []
    is_member_once(stage, here)


@ORDERS
def test_who_is_in_and_joins_from_the_other_platform_gets_the_link_there(
    stage: Stage, first: str, last: str
) -> None:
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    here.says("join")
    here.is_told("ready")

    there.says("join")

    there.is_told("ready")
    assert there.messages[0].links == (stage.access_url,)
    assert here.told == ["ready"]
    is_member_once(stage, here)
    assert there.says("status").kind == here.says("status").kind == "ready"


@ORDERS
def test_leaving_in_one_place_ends_it_in_both(stage: Stage, first: str, last: str) -> None:
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    here.says("join")
    here.is_told("ready")
    there.says("join")
    there.is_told("ready")

    here.says("leave --yes")

    here.is_told("ready", "gone")
    assert here.in_groups == set()
    is_up_to_date(there, "gone")
    assert there.says("status").kind == here.says("status").kind == "gone"


@ORDERS
def test_who_never_spoke_there_may_leave_there(stage: Stage, first: str, last: str) -> None:
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    here.says("join")
    here.is_told("ready")

    assert there.says("leave --yes").kind == "leaving"

    there.is_told("gone")
    assert here.in_groups == set()
    here.sees("gone")
    is_up_to_date(here, "gone")


@ORDERS
def test_coming_back_brings_every_place_up_to_date(stage: Stage, first: str, last: str) -> None:
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    here.says("join")
    here.is_told("ready")
    there.says("leave --yes")
    there.is_told("gone")
    is_up_to_date(here, "gone")

    there.says("join")

    there.is_told("gone", "ready")
    is_up_to_date(here, "ready")
    is_member_once(stage, here)


@ORDERS
def test_a_join_here_and_a_leave_there_that_are_both_pending_leave_the_last_word(
    make_stage: MakeStage, first: str, last: str
) -> None:
    stage = make_stage(platforms=BOTH)
    stage.opens_event()
    stage.starts_bot(worker=False)
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    here.says("join")
    stage.clock.turn(seconds=1)
    there.says("leave --yes")

    stage.starts_bot(door=False)

    there.is_told("gone")
    here.sees("gone")
    eventually(stage.is_at_rest, "nothing is left to do")
    assert here.told == []
    assert here.in_groups == set()


@ORDERS
def test_whoever_is_suspended_stays_so_on_the_other_platform(stage: Stage, first: str, last: str) -> None:
    here, there = stage.person("employee-001", first), stage.person("employee-001", last)
    organizer = stage.person("organizer", first)
    here.says("join")
    here.becomes_ready()
    assert here.person.entra is not None
    answered(organizer, f"suspend {here.person.entra.mail} fair play", "suspend-asks")
    organizer.presses("Yes, do it")
    here.is_told("ready", "suspended")

    here.says("leave spring-cup --yes")
    here.is_told("ready", "suspended", "suspended")
    there.says("join")

    there.is_told("suspended")
    assert "fair play" in there.messages[-1].text
    assert there.in_groups == set()
    assert there.says("join").kind == "suspended"
