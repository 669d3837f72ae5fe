"""How often one app may call Bot Connector: for one conversation, and for one tenant.

The figures are those of Microsoft's "Optimize your bot with rate limiting in Teams", which says that they may
change.
"""

import math
from collections import defaultdict, deque
from typing import Literal

from sandbox.clock import Clock

Operation = Literal["send", "create", "read", "list"]
Window = tuple[float, int]  # seconds, calls within them

_WRITES: tuple[Window, ...] = ((1, 7), (2, 8), (30, 60), (3600, 1800))
_READS: tuple[Window, ...] = ((1, 14), (2, 16), (30, 120), (3600, 3600))
_WINDOWS: dict[Operation, tuple[Window, ...]] = {
    "send": _WRITES,
    "create": _WRITES,
    "read": _READS,
    "list": ((60, 5),),  # all members at once: the deprecated way
}
PER_TENANT: tuple[Window, ...] = ((1, 30),)


class ConnectorRates:
    """The allowances of one app. A refused call costs nothing."""

    def __init__(self, clock: Clock, scale: float = 1.0) -> None:
        """Start with full allowances; `scale` multiplies every one of them (`math.inf` lifts them)."""
        self._clock = clock
        self.scale = scale
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def spend(self, operation: Operation, conversation: str, tenant: str) -> float | None:
        """Count one call. Returns None when it is allowed, else the seconds to wait."""
        now = self._clock.now()
        in_conversation = self._calls[operation, conversation]
        in_tenant = self._calls["tenant", tenant]
        wait = max(
            self._wait(in_conversation, _WINDOWS[operation], now), self._wait(in_tenant, PER_TENANT, now)
        )
        if wait > 0:
            return wait
        in_conversation.append(now)
        in_tenant.append(now)
        return None

    def _wait(self, calls: deque[float], windows: tuple[Window, ...], now: float) -> float:
        """Return how long until one more call fits into all windows, and forget what none looks at."""
        while calls and calls[0] <= now - windows[-1][0]:
            calls.popleft()
        if math.isinf(self.scale):
            return 0.0
        waits = [0.0]
        for seconds, most in windows:
            allowed = max(1, int(most * self.scale))
            if len(calls) >= allowed:
                waits.append(calls[-allowed] + seconds - now)
        return max(waits)
