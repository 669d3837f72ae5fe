"""Quotas: the arithmetic of what organizers say, and the limits on both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import QuotaAboveCeiling, QuotaBelowUse, Refusal
from provisioning.events import Ceiling, Quota
from provisioning.quotas import NOTHING, Adjustment, Amount, ensure_within

NUMBERS = st.integers(0, 50)
QUOTAS = st.builds(Quota, NUMBERS, NUMBERS)
AMOUNTS = st.none() | st.builds(Amount, st.integers(-50, 50), st.booleans())
ADJUSTMENTS = st.builds(Adjustment, AMOUNTS, AMOUNTS)
CEILINGS = st.builds(Ceiling, st.none() | NUMBERS, st.none() | NUMBERS)


def moved(quota: Quota, hours: int, models: int) -> Quota:
    return Adjustment(Amount(hours, moves=True), Amount(models, moves=True)).on(quota)


@given(QUOTAS, ADJUSTMENTS)
def test_what_is_not_spoken_of_stays(quota: Quota, adjustment: Adjustment) -> None:
    found = adjustment.on(quota)

    if adjustment.hours is None:
        assert found.training_hours == quota.training_hours
    if adjustment.models is None:
        assert found.models == quota.models


@given(QUOTAS, NUMBERS, NUMBERS)
def test_what_is_set_does_not_depend_on_what_was_and_twice_is_once(
    quota: Quota, hours: int, models: int
) -> None:
    setting = Adjustment(Amount(hours), Amount(models))

    assert setting.on(quota) == Quota(hours, models) == setting.on(setting.on(quota))


@given(QUOTAS, st.integers(-50, 50), st.integers(-50, 50), st.integers(-50, 50))
def test_steps_add_up_and_a_step_back_takes_one_back(quota: Quota, one: int, other: int, models: int) -> None:
    assert moved(moved(quota, one, models), other, -models) == moved(quota, one + other, 0)
    assert moved(moved(quota, one, models), -one, -models) == quota


@given(ADJUSTMENTS, QUOTAS, QUOTAS, CEILINGS)
def test_what_is_let_through_is_within_the_limits_wherever_it_changes_anything(
    adjustment: Adjustment, present: Quota, used: Quota, ceiling: Ceiling
) -> None:
    asked = adjustment.on(present)
    sides = (
        (asked.training_hours, present.training_hours, used.training_hours, ceiling.training_hours),
        (asked.models, present.models, used.models, ceiling.models),
    )
    is_within = all(
        number == before or (least <= number and (most is None or number <= most))
        for number, before, least, most in sides
    )
    try:
        ensure_within(asked, present, used, ceiling, "Ada")
    except Refusal:
        assert not is_within
    else:
        assert is_within


def test_less_than_is_used_is_refused_and_so_is_less_than_nothing() -> None:
    with pytest.raises(QuotaBelowUse) as refused:
        ensure_within(Quota(3, 5), Quota(10, 5), Quota(4, 0), Ceiling(), "Ada")
    assert refused.value.facts == {"who": "Ada", "field": "hours", "value": "3", "least": "4"}
    with pytest.raises(QuotaBelowUse):
        ensure_within(Quota(10, -1), Quota(10, 5), NOTHING, Ceiling(), "Ada")


def test_more_than_the_event_allows_is_refused_unless_it_was_so_before() -> None:
    with pytest.raises(QuotaAboveCeiling) as refused:
        ensure_within(Quota(10, 21), Quota(10, 5), NOTHING, Ceiling(5, 20), "Ada")
    assert refused.value.facts == {"who": "Ada", "field": "models", "value": "21", "most": "20"}
    ensure_within(Quota(10, 20), Quota(10, 5), NOTHING, Ceiling(5, 20), "Ada")
