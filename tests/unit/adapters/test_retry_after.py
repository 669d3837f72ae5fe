"""Retry-After: seconds, fractions and dates are understood, and nobody is believed for too long."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.retry_after import LONGEST, retry_after

NOW = datetime(2027, 3, 15, 12, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 2.128 ", 2.128),
        ("0", 0.0),
        (at(90), 90.0),
        (at(-90), 0.0),
        ("1e9", LONGEST),
        (at(86_400), LONGEST),
    ],
)
def test_seconds_fractions_and_dates_are_understood(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "nan", "inf", "Mon, 15 Mar 2027 12:00:00"])
def test_what_says_nothing_sensible_is_no_advice(header: str | None) -> None:
    assert retry_after(header, NOW) is None


@given(st.text())
def test_no_text_leads_anywhere_else(header: str) -> None:
    found = retry_after(header, NOW)
    assert found is None or 0 <= found <= LONGEST
