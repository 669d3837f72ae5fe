"""The feed: what the numbers tell, and nothing that is not news."""

from dataclasses import replace

import pytest

from provisioning.feed import SAYS, Numbers, told_of
from provisioning.recording import FEED, FEED_KINDS

CALM = Numbers(racing=10, ready=9, in_line=0, taken=10, capacity=100)


def told(now: Numbers, **refused: int) -> dict[str, dict[str, str]]:
    return dict(told_of(CALM, now, refused))


def test_where_nothing_has_grown_there_is_nothing_to_tell() -> None:
    assert told(CALM) == {}
    assert told(replace(CALM, racing=8, ready=8, taken=8)) == {}


def test_joins_are_told_together() -> None:
    grown = replace(CALM, racing=52, ready=40)
    assert told(grown) == {"joins": {"count": "42", "racing": "52", "ready": "40"}}


def test_refusals_are_counted_by_code() -> None:
    assert dict(told_of(CALM, CALM, {"DR-223": 1, "DR-204": 3})) == {
        "refusals": {"codes": "DR-204 × 3, DR-223 × 1"}
    }


def test_a_growing_line_is_told_and_a_shrinking_one_is_not() -> None:
    waiting = replace(CALM, in_line=3)
    assert told(waiting)["waiting"] == {"count": "3", "taken": "10", "capacity": "100"}
    assert dict(told_of(waiting, replace(waiting, in_line=2), {})) == {}


@pytest.mark.parametrize(("taken", "level"), [(79, 0), (80, 80), (99, 80), (100, 100), (120, 100)])
def test_the_capacity_is_told_at_two_levels(taken: int, level: int) -> None:
    filled = replace(CALM, taken=taken)
    assert filled.level == level
    assert ("capacity" in told(filled)) == (level > 0)
    assert dict(told_of(filled, filled, {})) == {}


def test_every_kind_has_something_to_say() -> None:
    assert set(FEED.values()) == set(FEED_KINDS)
    assert all(FEED[says] == kind for kind, says in SAYS.items())
