"""What an answer of an outside system makes of a registration."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.deciding import (
    DAILY,
    RE_ADD_AFTER,
    SCIM_CYCLE,
    WAITS_FOR_STORE,
    Add,
    Rest,
    Withdraw,
    after_add,
    after_check,
    after_confirm_absent,
    after_not_there,
    backoff,
    decide,
    stepped,
)
from provisioning.registrations import Hold, Progress, Step
from tests.unit.provisioning.spring_cup import (
    EFFECT,
    HOUR,
    MINUTE,
    NOON,
    RECORD,
    SECOND,
    ada,
    at,
    ready,
    spring_cup,
)

CUP = spring_cup()


def test_a_step_is_dated_when_it_is_made_and_not_when_it_is_repeated() -> None:
    first = stepped(ada(attempts=4), RECORD.target, Step.INTENDED, NOON)
    assert first.progress == {RECORD.target: Progress(Step.INTENDED, NOON)}
    assert first.attempts == 0
    assert stepped(first, RECORD.target, Step.INTENDED, NOON + HOUR) is first
    assert stepped(first, RECORD.target, Step.ADDED, NOON + HOUR).progress[RECORD.target].since == NOON + HOUR


def test_the_persons_id_in_the_other_system_is_kept_once_known() -> None:
    added = stepped(ada(), EFFECT.target, Step.ADDED, NOON, "subject")
    for step in Step:
        assert stepped(added, EFFECT.target, step, NOON).progress[EFFECT.target].subject == "subject"
    renamed = stepped(added, EFFECT.target, Step.ADDED, NOON, "other subject")
    assert renamed.progress[EFFECT.target].subject == "other subject"


def test_a_step_of_one_grant_leaves_the_others_alone() -> None:
    after = stepped(ready(), EFFECT.target, Step.WITHDRAWN, NOON + HOUR)
    assert after.progress[RECORD.target] == ready().progress[RECORD.target]


def test_who_was_added_has_no_problem_and_waits_for_nothing() -> None:
    waiting = ada(problem="DR-500", waiting_for=WAITS_FOR_STORE, attempts=3)
    after = after_add(waiting, EFFECT.target, NOON, "subject")
    assert after.progress == {EFFECT.target: Progress(Step.ADDED, NOON, "subject")}
    assert (after.problem, after.waiting_for, after.attempts) == (None, None, 0)


def test_who_was_pushed_to_aws_is_looked_for_in_two_seconds() -> None:
    after, again = after_not_there(ada(attempts=7), NOON, pushed=True)
    assert (after.waiting_for, after.pushed_at, after.attempts) == (WAITS_FOR_STORE, NOON, 0)
    assert again == NOON + 2 * SECOND


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 15), (1, 15), (2, 30), (12, 180), (100, 180)])
def test_who_is_left_to_the_cycle_is_looked_for_less_and_less_often(attempts: int, seconds: int) -> None:
    after, again = after_not_there(ada(attempts=attempts, pushed_at=NOON - HOUR), NOON, pushed=False)
    assert again == NOON + seconds * SECOND
    assert (after.attempts, after.pushed_at) == (attempts + 1, NOON - HOUR)


def test_a_membership_that_is_not_visible_yet_is_looked_for_again_and_then_made_again() -> None:
    added = ada(progress=at(Step.ADDED, Step.ADDED))
    soon, again = after_confirm_absent(added, EFFECT.target, NOON + RE_ADD_AFTER)
    assert (soon.progress, soon.attempts) == (added.progress, 1)
    assert again == NOON + RE_ADD_AFTER + SECOND
    late = NOON + RE_ADD_AFTER + SECOND
    anew, again = after_confirm_absent(added, EFFECT.target, late)
    assert (anew.progress[EFFECT.target].step, again) == (Step.INTENDED, late)
    assert decide(replace(anew, has_seat=True), CUP, {}, late) == Add(EFFECT)


def test_looking_for_a_membership_never_pauses_for_more_than_eight_seconds() -> None:
    added = ada(progress=at(Step.ADDED, Step.ADDED))
    pauses = [
        after_confirm_absent(replace(added, attempts=attempts), EFFECT.target, NOON)[1] - NOON
        for attempts in range(6)
    ]
    assert pauses == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 8 * SECOND, 8 * SECOND]


def test_an_employee_who_is_a_member_goes_on_racing() -> None:
    after = after_check(ready(missing_since=NOON), NOON + HOUR, absent=False, employee=True)
    assert after == ready(checked_at=NOON + HOUR)


def test_missing_once_is_no_reason_missing_twice_a_cycle_apart_is() -> None:
    once = after_check(ready(), NOON, absent=True, employee=True)
    assert once == ready(missing_since=NOON)
    assert after_check(once, NOON + MINUTE, absent=True, employee=True) == once
    twice = after_check(once, NOON + SCIM_CYCLE, absent=True, employee=True)
    assert twice.hold == Hold("removed", "directory", NOON + SCIM_CYCLE, "membership-missing")
    assert twice.ready_at is None
    assert decide(twice, CUP, {}, NOON + SCIM_CYCLE) == Withdraw(EFFECT)


def test_the_second_look_comes_late_enough_to_count() -> None:
    once = after_check(ready(checked_at=NOON - DAILY), NOON, absent=True, employee=True)
    rest = decide(once, CUP, {}, NOON)
    assert isinstance(rest, Rest)
    assert rest.until is not None
    assert after_check(once, rest.until, absent=True, employee=True).hold is not None


@pytest.mark.parametrize("absent", [True, False])
def test_who_is_no_employee_any_more_is_removed_at_the_first_look(absent: bool) -> None:
    after = after_check(ready(), NOON, absent=absent, employee=False)
    assert after.hold == Hold("removed", "directory", NOON, "not-an-employee")
    assert after.missing_since is None


@given(attempts=st.integers(0, 10**9), ceiling=st.integers(1, 3600))
def test_pauses_double_up_to_a_ceiling(attempts: int, ceiling: int) -> None:
    pause = backoff(attempts, ceiling=ceiling)
    assert timedelta(seconds=1) <= pause <= timedelta(seconds=ceiling)
    assert pause <= backoff(attempts + 1, ceiling=ceiling) <= 2 * pause
