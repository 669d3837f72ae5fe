"""A clock for what is counted in a time: a slow machine lets none of it pass."""

from sandbox.clock import Clock


class StillClock(Clock):
    """A clock that only moves when it is turned."""

    def __init__(self) -> None:
        self.seconds = 1_790_000_000.0

    def now(self) -> float:
        return self.seconds

    def turn(self, seconds: float) -> None:
        self.seconds += seconds
