"""A group that the event grants disappears: told once, mended by itself, nobody lost."""

from collections.abc import Callable

import pytest

from sandbox.company import RACERS_GROUP, Company
from tests.scenario.conftest import ON_BOTH
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

Mend = Callable[[], None]


def lose_entra_group(company: Company) -> Mend:
    """Delete the group in Entra; the company returned puts it back."""
    group = company.group(RACERS_GROUP)
    del company.entra_groups[group.id]

    def mend() -> None:
        company.entra_groups[group.id] = group

    return mend


def lose_store_group(company: Company) -> Mend:
    """Delete the group in the identity store."""
    group = company.store_group(RACERS_GROUP)
    del company.store_groups[group.group_id]

    def mend() -> None:
        company.store_groups[group.group_id] = group

    return mend


LOST = pytest.mark.parametrize("lose", [lose_entra_group, lose_store_group])


@ON_BOTH
@LOST
def test_a_lost_group_is_told_once_and_everybody_gets_in_when_it_is_back(
    stage: Stage, lose: Callable[[Company], Mend]
) -> None:
    mend = stage.world.do(lambda: lose(stage.company))
    racers = stage.people(4)

    stage.all_say(racers, "join")

    for racer in racers:
        racer.is_told("broken")
        assert "DR-401" in racer.messages[0].text
        assert racer.says("status").kind == "broken"
    eventually(lambda: stage.organizers_hear == ["organizers-broken"], "organizers hear of it")
    late = stage.person("employee-005")
    late.says("join")
    late.is_told("broken")

    stage.world.do(mend)
    stage.clock.turn(seconds=10)

    for racer in (*racers, late):
        racer.is_told("broken", "ready")
    eventually(
        lambda: stage.organizers_hear == ["organizers-broken", "organizers-healed"], "organizers hear of it"
    )
    assert stage.public() == []


@LOST
def test_a_group_that_was_lost_for_hours_makes_nobody_late(
    stage: Stage, lose: Callable[[Company], Mend]
) -> None:
    mend = stage.world.do(lambda: lose(stage.company))
    racers = stage.people(2)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.is_told("broken")
    for _ in range(6):
        looks = stage.calls("aws", "DescribeGroup") + stage.calls("graph", r"GET /groups/\{id\}$")
        stage.clock.turn(minutes=6)
        eventually(
            lambda looks=looks: (  # type: ignore[misc]
                stage.calls("aws", "DescribeGroup") + stage.calls("graph", r"GET /groups/\{id\}$") > looks
            ),
            "the bot looks again",
        )
        eventually(stage.has_nothing_due, "and everybody rests again")

    stage.world.do(mend)
    stage.clock.turn(seconds=10)

    for racer in racers:
        racer.is_told("broken", "ready")
        eventually(
            lambda racer=racer: [one.kind for one in racer.messages] == ["ready"] * 2,  # type: ignore[misc]
            "no message is left that was overtaken",
            otherwise=lambda racer=racer: repr(racer),  # type: ignore[misc]
        )
    assert "organizers-late" not in stage.organizers_hear


@LOST
def test_who_is_in_already_is_not_troubled_and_may_leave_when_it_is_back(
    stage: Stage, lose: Callable[[Company], Mend]
) -> None:
    inside = stage.person("employee-001")
    inside.says("join")
    inside.is_told("ready")
    inside.sees("ready")  # the answer to the join is brought up to date while it is still true
    mend = stage.world.do(lambda: lose(stage.company))
    inside.says("leave --yes")
    eventually(lambda: "organizers-broken" in stage.organizers_hear, "organizers hear of it")

    stage.world.do(mend)
    stage.clock.turn(seconds=10)

    inside.is_told("ready", "gone")


def test_a_missing_assignment_breaks_the_event_and_its_return_heals_it(stage: Stage) -> None:
    assignments = stage.world.aws.sso_admin.assignments
    kept = stage.world.do(assignments.pop)
    racer = stage.person("employee-001")
    racer.says("join")
    eventually(lambda: racer.is_member, "the memberships are made", otherwise=lambda: repr(racer))
    assert racer.told == []
    stage.clock.turn(minutes=2)
    racer.is_told("broken")
    assert "DR-403" in racer.messages[0].text

    stage.world.do(lambda: assignments.add(kept))
    stage.clock.turn(seconds=10)

    racer.is_told("broken", "ready")
