"""The pace at which a chat platform is called, so that its limits are seldom met.

Slack counts calls per method, workspace and minute, and messages per channel and second; Teams per
conversation and per tenant. A bucket that holds a burst and fills steadily never lets more than `per_minute`
calls into any minute. The brake, shared by all processes, is for the rest.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

_MANY_BUCKETS = 5_000
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls at once, and in all so many in any minute."""

    per_minute: float
    burst: float

    @property
    def per_second(self) -> float:
        """How fast the bucket fills: what a minute allows beyond the burst."""
        return (self.per_minute - self.burst) / 60


@dataclass(slots=True)
class _Bucket:
    left: float
    counted_at: datetime


class Pace:
    """The buckets of one process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[str, _Bucket] = {}

    def reserve(self, wanted: dict[str, Rate], now: datetime, patience_seconds: float) -> float:
        """Take one call from each of these buckets and return the seconds to wait before making it.

        When that is longer than the patience, nothing is taken.
        """
        with self._lock:
            if len(self._buckets) > _MANY_BUCKETS:
                self._forget_the_full(now)
            buckets = [(self._filled(name, rate, now), rate) for name, rate in wanted.items()]
            waits = [(1.0 - bucket.left) / rate.per_second for bucket, rate in buckets]
            wait = max(0.0, *waits)
            if wait <= patience_seconds:
                for bucket, _ in buckets:
                    bucket.left -= 1.0
            return wait

    def _filled(self, name: str, rate: Rate, now: datetime) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(rate.burst, now))
        gone = max(0.0, (now - bucket.counted_at).total_seconds())
        bucket.left = min(rate.burst, bucket.left + gone * rate.per_second)
        bucket.counted_at = max(now, bucket.counted_at)
        return bucket

    def _forget_the_full(self, now: datetime) -> None:
        # A minute fills every bucket, and a new one starts full.
        old = [name for name, bucket in self._buckets.items() if now - bucket.counted_at > _MINUTE]
        for name in old:
            del self._buckets[name]
