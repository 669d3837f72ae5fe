"""How fast an API without a published limit is asked: faster while it answers, half as fast when it balks."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """A token bucket whose rate grows additively and halves on throttling. Moments are seconds of one clock.

    AWS publishes no rate for the Identity Store API; 20 a second, shared by the whole account, is the working
    assumption, and 10 the start.
    """

    rate: float = 10.0  # requests a second
    most: float = 20.0
    least: float = 1.0
    burst: int = 5  # requests that may go out at once after a rest
    _free_at: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may go out, 0.0 when it may go now."""
        return max(0.0, self._free_at - now)

    def take(self, now: float) -> float:
        """Take the next turn; return the seconds until it comes, 0.0 when it is now."""
        rested = now - (self.burst - 1) / self.rate
        turn = max(self._free_at, rested)
        self._free_at = turn + 1.0 / self.rate
        return max(0.0, turn - now)

    def went_well(self) -> None:
        """Speed up by about one request a second for every second of answers."""
        self.rate = min(self.most, self.rate + 1.0 / self.rate)

    def was_throttled(self, now: float, retry_after: float | None) -> None:
        """Halve the rate, and rest for as long as the API said (else for one request's time)."""
        self.rate = max(self.least, self.rate / 2.0)
        rest = 1.0 / self.rate if retry_after is None else retry_after
        self._free_at = max(self._free_at, now + rest)
