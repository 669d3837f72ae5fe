"""How fast an API without a published limit is asked."""

import pytest

from adapters.aws.pace import Pace


def test_a_few_requests_go_out_at_once_after_a_rest_and_then_ten_a_second() -> None:
    pace = Pace()
    waits = [pace.take(1000.0) for _ in range(8)]
    assert waits[:5] == pytest.approx([0.0] * 5)
    assert waits[5:] == pytest.approx([0.1, 0.2, 0.3])


def test_asking_for_the_wait_takes_no_turn() -> None:
    pace = Pace(burst=1)
    pace.take(1000.0)
    assert pace.wait(1000.0) == pace.wait(1000.0) == pytest.approx(0.1)
    assert pace.wait(1001.0) == 0.0


def test_the_rate_grows_by_about_one_for_every_second_of_answers_up_to_twenty() -> None:
    pace = Pace()
    for _ in range(10):
        pace.went_well()
    assert pace.rate == pytest.approx(11.0, abs=0.1)
    for _ in range(1000):
        pace.went_well()
    assert pace.rate == 20.0


def test_throttling_halves_the_rate_and_rests_as_long_as_the_api_says() -> None:
    pace = Pace()
    pace.was_throttled(1000.0, 7.0)
    assert pace.rate == 5.0
    assert pace.wait(1000.0) == pytest.approx(7.0)
    assert pace.take(1007.0) == 0.0
    assert pace.take(1007.0) == pytest.approx(0.2)


def test_throttling_without_advice_rests_for_one_request() -> None:
    pace = Pace()
    pace.was_throttled(1000.0, None)
    assert pace.wait(1000.0) == pytest.approx(0.2)


def test_the_rate_never_falls_below_one_a_second() -> None:
    pace = Pace()
    for _ in range(20):
        pace.was_throttled(1000.0, None)
    assert pace.rate == 1.0
