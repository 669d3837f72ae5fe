"""How often each Web API method may be called a minute, and how fast one channel takes messages."""

import math
from collections import defaultdict, deque

from sandbox.clock import Clock

WINDOW_SECONDS = 60.0
POSTS_PER_MINUTE = 300  # chat.postMessage in the whole workspace; Slack says "several hundred"
BURST = 5  # messages one channel takes at once before the rate of one a second holds


class Rates:
    """The allowances of one app in one workspace. A refused call costs nothing and blocks no other method."""

    def __init__(self, clock: Clock, scale: float = 1.0) -> None:
        """Start with full allowances; `scale` multiplies every one of them (`math.inf` lifts them)."""
        self._clock = clock
        self.scale = scale
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._channels: dict[str, tuple[float, float]] = {}  # channel -> messages left, counted at

    def spend(self, method: str, per_minute: int, channel: str | None = None) -> int | None:
        """Count one call. Returns None when it is allowed, else the whole seconds to wait.

        With a channel, that channel's own rate of one message a second is spent as well.
        """
        now = self._clock.now()
        calls = self._calls[method]
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= max(1.0, per_minute * self.scale):
            return max(1, math.ceil(calls[0] + WINDOW_SECONDS - now))
        wait = None if channel is None or math.isinf(self.scale) else self._spend_channel(channel, now)
        if wait is None:
            calls.append(now)
        return wait

    def _spend_channel(self, channel: str, now: float) -> int | None:
        full = max(1.0, BURST * self.scale)
        left, counted_at = self._channels.get(channel, (full, now))
        left = min(full, left + (now - counted_at) * self.scale)
        if left < 1.0:
            self._channels[channel] = (left, now)
            return max(1, math.ceil((1.0 - left) / self.scale))
        self._channels[channel] = (left - 1.0, now)
        return None
