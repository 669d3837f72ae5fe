"""Leave racing join: the last word counts in every directory, whatever lands late and whoever was there."""

import random
from collections.abc import Sequence

import pytest

from sandbox.company import RACERS_GROUP, Company
from tests.scenario import LONG
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

PAIRS = 24 if LONG else 8
JOIN, LEAVE = "join", "leave spring-cup-2027 --yes"


@pytest.fixture
def racing(make_stage: MakeStage) -> Stage:
    """A company in which some were members before us."""
    stage = make_stage(company=Company.found(people=PAIRS * 2))
    member_before(stage, "employee-002")
    member_before(stage, f"employee-{PAIRS + 2:03d}")
    stage.opens_event()
    stage.starts_bot()
    return stage


def member_before(stage: Stage, key: str) -> None:
    """Let somebody be a member of the group, and through SCIM of the other one, before the bot comes."""
    user = stage.company.people[key].entra
    assert user is not None
    stage.company.group(RACERS_GROUP).members[user.id] = 0.0
    account = next(one for one in stage.company.store_users.values() if one.external_id == user.id)
    stage.company.store_group(RACERS_GROUP).memberships[stage.company.store_id()] = account.user_id


def settle_as_said(inside: Sequence[Racer], outside: Sequence[Racer]) -> None:
    """Wait until everybody's newest message is their last word come true; the stage checks the rest."""
    for racer in inside:
        racer.comes_to("ready")
    for racer in outside:
        racer.comes_to("gone", "DR-106")
    eventually(
        lambda: all(racer.is_member for racer in inside),
        "who wanted in is in",
        otherwise=lambda: "\n".join(f"{one!r} {one.in_groups}" for one in inside if not one.is_member),
    )


def test_the_last_word_counts_in_both_orders(racing: Stage) -> None:
    stage = racing
    leaving, staying = stage.people(PAIRS), stage.people(PAIRS, first=PAIRS + 1)
    stage.all_say(staying, JOIN)
    for racer in staying:
        racer.is_told("ready")

    stage.all_say([*leaving], JOIN)
    stage.all_say([*staying], LEAVE)
    stage.all_say([*leaving], LEAVE)
    stage.all_say([*staying], JOIN)

    for racer in staying:
        racer.comes_to("ready")
    for racer in leaving:
        racer.comes_to("gone", "DR-106")  # DR-106: cancelled before anybody looked
    settle_as_said(staying, [])


def test_words_in_a_hurry_at_every_moment_of_the_way(racing: Stage) -> None:
    stage, dice = racing, random.Random(7)
    racers = stage.people(PAIRS * 2)
    last = dict.fromkeys(racers, JOIN)
    stage.all_say(racers, JOIN)
    for _ in range(PAIRS * 4):
        some = dice.sample(racers, 3)
        word = dice.choice((JOIN, LEAVE))
        last |= dict.fromkeys(some, word)
        stage.all_say(some, word)

    settle_as_said(
        [racer for racer in racers if last[racer] == JOIN],
        [racer for racer in racers if last[racer] == LEAVE],
    )


@pytest.mark.parametrize("kind", ["late", "hang", "drop"] if LONG else ["late"])
def test_an_add_that_lands_after_its_caller_gave_up_is_undone_when_the_racer_left(
    racing: Stage, kind: str
) -> None:
    stage, racer = racing, racing.person("employee-001")
    stage.befalls("graph", r"POST /groups/\{id\}/members", kind, seconds=9.0)
    racer.says(JOIN)
    eventually(lambda: stage.befallen("graph"), "the add is on its way")

    racer.says(LEAVE)

    if kind == "late":
        eventually(lambda: "entra" in racer.in_groups, "the add has landed", otherwise=lambda: repr(racer))
        assert racer.told == []  # nothing is called gone while something may still land
    stage.clock.turn(minutes=2)
    racer.is_told("gone")
    assert racer.in_groups == set()


@pytest.mark.parametrize("kind", ["late", "hang", "drop"] if LONG else ["late"])
def test_a_removal_that_lands_late_does_not_undo_a_join_that_came_after_it(racing: Stage, kind: str) -> None:
    stage, racer = racing, racing.person("employee-001")
    racer.says(JOIN)
    racer.is_told("ready")
    stage.befalls("graph", r"DELETE /groups", kind, seconds=9.5)
    racer.says(LEAVE)
    eventually(lambda: stage.befallen("graph"), "the removal is on its way")

    racer.says(JOIN)

    eventually(lambda: stage.calls("graph", "DELETE /groups") > 0, "the removal has landed")
    stage.clock.turn(minutes=2)
    racer.is_told("ready", "ready")
    assert racer.is_member


def test_one_who_was_a_member_before_us_stays_one(racing: Stage) -> None:
    racer = racing.person("employee-002")
    assert racer.is_member
    racer.says(JOIN)
    racer.is_told("ready")

    racer.says(LEAVE)

    racer.is_told("ready", "gone")
    assert racer.is_member


def test_of_two_events_on_one_group_leaving_one_keeps_the_other(racing: Stage) -> None:
    stage = racing
    stage.opens_event(id="autumn-cup-2027", name="Autumn Cup 2027")
    racer, other = stage.people(2, first=3)
    for one in (racer, other):
        one.says("join autumn-cup-2027")
    for one in (racer, other):
        one.is_told("ready")
        one.says("join spring-cup-2027")
    for one in (racer, other):
        one.is_told("ready", "ready")

    racer.says(LEAVE)
    other.says("leave autumn-cup-2027 --yes")
    racer.comes_to("gone")
    other.comes_to("gone")
    assert racer.is_member
    assert other.is_member

    racer.says("leave autumn-cup-2027 --yes")
    racer.is_told("ready", "ready", "gone", "gone")
    assert racer.in_groups == set()
    assert other.is_member


def test_leaving_one_event_while_joining_another_on_the_same_group(racing: Stage) -> None:
    stage = racing
    stage.opens_event(id="autumn-cup-2027", name="Autumn Cup 2027")
    racers = stage.people(4, first=3)
    stage.all_say(racers, "join spring-cup-2027")
    for racer in racers:
        racer.is_told("ready")

    stage.all_say(racers, "join autumn-cup-2027")
    stage.all_say(racers, LEAVE)

    for racer in racers:
        eventually(
            lambda racer=racer: sorted(racer.told) == ["gone", "ready", "ready"],  # type: ignore[misc]
            "both come true",
            otherwise=lambda racer=racer: repr(racer),  # type: ignore[misc]
        )
        assert racer.is_member


def test_a_removal_is_looked_at_once_more_after_a_cycle(racing: Stage) -> None:
    """Somebody whom SCIM, a cycle later, puts back into the group in AWS is taken out again."""
    stage, racer = racing, racing.person("employee-001")
    racer.says(JOIN)
    racer.is_told("ready")
    user = racer.person.entra
    assert user is not None
    racer.says(LEAVE)
    racer.is_told("ready", "gone")
    account = next(one for one in stage.company.store_users.values() if one.external_id == user.id)
    group = stage.company.store_group(RACERS_GROUP)
    stage.world.do(lambda: group.memberships.update({stage.company.store_id(): account.user_id}))

    stage.clock.turn(minutes=46)

    eventually(lambda: racer.in_groups == set(), "they are out again", otherwise=lambda: repr(racer))
    assert racer.told == ["ready", "gone"]


@ON_BOTH
def test_a_message_that_is_long_on_its_way_is_still_true_when_it_arrives(
    make_stage: MakeStage, platform: str
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    racer = stage.person("employee-001")
    telling = {"slack": "chat.postMessage", "teams": "POST activities"}[platform]
    stage.befalls(platform, telling, "late", seconds=2.5)
    racer.says(JOIN)
    eventually(lambda: stage.befallen(platform), "the ready is on its way", otherwise=lambda: repr(racer))

    racer.says(LEAVE)

    racer.is_told("ready", "gone")
    assert racer.in_groups == set()
