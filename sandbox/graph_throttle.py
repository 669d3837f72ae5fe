"""Graph's throttling of one app in one tenant: resource units, writes, and on-demand provisioning.

Numbers from "Microsoft Graph service-specific throttling limits", identity and access, a tenant of more than
500 users: 8,000 resource units in 10 s and 3,000 writes in 150 s, both as token buckets that start full;
on-demand provisioning five requests in any 10 s for each enterprise app. Time is the company's clock.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from sandbox.company import TENANT_ID
from sandbox.graph_wire import Ask, GraphError, Route

RESOURCE_UNITS: Final = (8_000, 10.0)  # in so many seconds
WRITES: Final = (3_000, 150.0)
PROVISION_ON_DEMAND: Final = (5, 10.0)
_SHOW_ABOVE = 0.8
_HIGHEST_SHARE = 1.8
_SMALL_PAGE = 20
_ROUNDING = 1e-6


class Bucket:
    """A token bucket counted from the other side: what is used leaks away at a constant rate."""

    def __init__(self, capacity: float, seconds: float) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._used = 0.0
        self._at = 0.0

    def wait_seconds(self, cost: float, now: float, scale: float) -> float:
        """Return how long until so much fits, 0 for now. What can never fit waits until nothing is used."""
        self._leak(now, scale)
        over = min(self._used + cost - self._capacity * scale, self._used)
        return over / self._rate(scale) if over > _ROUNDING else 0.0

    def take(self, cost: float) -> None:
        """Use so much."""
        self._used += cost

    def share(self, scale: float) -> float:
        """Return what is used as a share of the capacity."""
        return self._used / (self._capacity * scale)

    def _leak(self, now: float, scale: float) -> None:
        self._used = max(0.0, self._used - (now - self._at) * self._rate(scale))
        self._at = now

    def _rate(self, scale: float) -> float:
        return self._capacity * scale / self._seconds


class Throttle:
    """The budgets of one app. `scale` multiplies every limit but that of on-demand provisioning."""

    def __init__(self, now: Callable[[], float], scale: Callable[[], float]) -> None:
        self._now = now
        self._scale = scale
        self._units = Bucket(*RESOURCE_UNITS)
        self._writes = Bucket(*WRITES)
        self._on_demand: deque[float] = deque()

    def charge(self, route: Route, ask: Ask, app_id: str) -> dict[str, str]:
        """Take what the request costs and return the headers that tell; nothing is taken when it is refused.

        Raises GraphError 429 with Retry-After.
        """
        if route.units == 0:
            return {}
        now, scale = self._now(), self._scale()
        units = _units(route, ask)
        writes = route.writes(ask) if route.writes else 0.0
        ask.detail["units"] = units
        if writes:
            ask.detail["writes"] = writes
        unit_wait = self._units.wait_seconds(units, now, scale)
        write_wait = self._writes.wait_seconds(writes, now, scale) if writes else 0.0
        if unit_wait or write_wait:
            limit, why = (
                ("Write", "WriteLimitExceeded")
                if write_wait > unit_wait
                else ("ReadWrite", "ResourceUnitLimitExceeded")
            )
            headers = {"x-ms-resource-unit": str(units), "x-ms-throttle-limit-percentage": "1.0"}
            raise too_many(max(unit_wait, write_wait), limit=limit, why=why, app_id=app_id, headers=headers)
        self._units.take(units)
        self._writes.take(writes)
        headers = {"x-ms-resource-unit": str(units)}
        share = max(self._units.share(scale), self._writes.share(scale))
        if share > _SHOW_ABOVE:
            headers["x-ms-throttle-limit-percentage"] = f"{min(share, _HIGHEST_SHARE):.2f}"
        return headers

    def charge_on_demand(self, app_id: str) -> None:
        """Count one on-demand provisioning. Raises GraphError 429 for the sixth in any ten seconds."""
        most, seconds = PROVISION_ON_DEMAND
        now = self._now()
        while self._on_demand and self._on_demand[0] <= now - seconds:
            self._on_demand.popleft()
        if len(self._on_demand) >= most:
            wait = self._on_demand[0] + seconds - now
            raise too_many(wait, limit="Write", why="RequestLimitExceeded", app_id=app_id)
        self._on_demand.append(now)


def too_many(
    wait_seconds: float, *, limit: str, why: str, app_id: str, headers: dict[str, str] | None = None
) -> GraphError:
    """Return Graph's 429. Retry-After is a fraction of seconds when the wait is."""
    # Rounded up, so that whoever waits exactly so long is let in.
    retry_after = math.ceil(wait_seconds * 1000) / 1000
    return GraphError(
        429,
        "TooManyRequests",
        "The request has been throttled. Please wait before retrying.",
        {
            "Retry-After": f"{retry_after:.3f}".rstrip("0").rstrip("."),
            "x-ms-throttle-scope": f"Tenant_Application/{limit}/{app_id}/{TENANT_ID}",
            "x-ms-throttle-information": why,
            **(headers or {}),
        },
    )


def _units(route: Route, ask: Ask) -> int:
    top = ask.query.get("$top", "")
    less = ("$select" in ask.query) + (top.isdigit() and int(top) < _SMALL_PAGE)
    if route.template == "/directoryObjects/getByIds" and "$select" in ask.query:
        less = 3  # the one documented exception: 5, or 2 with $select
    return max(1, route.units - less + ("$expand" in ask.query))
