"""The company's clock: real time plus an offset that can be turned forward."""

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970 as the simulated world sees them; turning it forward brings a SCIM cycle early."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    def now(self) -> float:
        """Return the simulated time in seconds since 1970."""
        return time.time() + self._ahead_seconds

    def utc(self) -> datetime:
        """Return the simulated time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def turn(self, seconds: float) -> None:
        """Turn the clock forward by so many seconds; it is never turned back."""
        if seconds < 0:
            raise ValueError("the clock is never turned back")
        self._ahead_seconds += seconds
