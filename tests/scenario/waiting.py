"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 180.0  # generous, for a slow machine as well: only a scenario that fails waits so long
POLL_SECONDS = 0.05


def eventually(
    condition: Callable[[], T],
    what: str,
    *,
    seconds: float = DEADLINE_SECONDS,
    otherwise: Callable[[], str] = str,
) -> T:
    """Wait until the condition holds and return what it returned; fail, saying `what` and `otherwise`."""
    last = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > last:
            raise AssertionError(f"it never came true that {what}\n{otherwise()}")
        time.sleep(POLL_SECONDS)
    return found
