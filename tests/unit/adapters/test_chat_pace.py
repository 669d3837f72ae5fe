"""The pace of the Web API: a burst, and never more than the limit in any minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.pace import Pace, Rate

START = datetime(2027, 3, 1, tzinfo=UTC)
RATE = Rate(per_minute=20, burst=5)


@given(st.lists(st.floats(0, 30), max_size=80), st.floats(0, 60))
def test_no_minute_ever_has_more_calls_than_the_limit(gaps: list[float], patience: float) -> None:
    pace, now, calls = Pace(), START, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        wait = pace.reserve({"users.list": RATE}, now, patience)
        if wait <= patience:
            calls.append(now + timedelta(seconds=wait))

    for first in calls:
        within = [at for at in calls if first <= at < first + timedelta(seconds=59.9)]
        assert len(within) <= RATE.per_minute


def test_a_refused_reservation_costs_nothing() -> None:
    pace = Pace()
    for _ in range(5):
        assert pace.reserve({"m": RATE}, START, 2.0) == 0

    first = pace.reserve({"m": RATE}, START, 2.0)
    assert first > 2.0
    assert pace.reserve({"m": RATE}, START, 2.0) == first


def test_the_slowest_of_several_buckets_decides_and_a_refusal_takes_from_none() -> None:
    pace = Pace()
    slow = Rate(per_minute=2, burst=1)
    assert pace.reserve({"all": RATE, "one": slow}, START, 2.0) == 0
    assert pace.reserve({"all": RATE, "one": slow}, START, 2.0) > 2.0

    for _ in range(4):
        assert pace.reserve({"all": RATE}, START, 2.0) == 0


def test_buckets_of_conversations_long_silent_are_forgotten() -> None:
    pace = Pace()
    for number in range(6_000):
        pace.reserve({f"channel {number}": RATE}, START, 2.0)
    pace.reserve({"last": RATE}, START + timedelta(minutes=2), 2.0)

    assert len(pace._buckets) == 1  # noqa: SLF001 - that memory is given back shows nowhere else
