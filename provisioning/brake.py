"""The brake: one item per API and tenant, shared by all processes, that says when it may be asked again.

Raised by a throttling answer (`Retry-After`) or by a throttle header close to the limit; read before every
call.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

NO_ADVICE = timedelta(seconds=5)  # an API that throttles without saying for how long
NEAR_LIMIT = 0.9  # share of the budget from which Graph's x-ms-throttle-limit-percentage asks us to slow down
SLOW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Brake:
    """Until when this API is left alone."""

    api: str  # "graph:<tenant>", "slack:users.info:<team>", "identitystore:<store id>"
    until: datetime

    def holds(self, now: datetime) -> float:
        """Return the seconds still to wait, 0.0 when free."""
        return max(0.0, (self.until - now).total_seconds())


def throttled(api: str, retry_after: float | None, now: datetime) -> Brake:
    """Return the brake after a throttling answer."""
    return Brake(api, now + (NO_ADVICE if retry_after is None else timedelta(seconds=retry_after)))


def near_limit(api: str, share: float, now: datetime) -> Brake | None:
    """Return the brake after an answer that reports this share of the budget used; None below the limit."""
    return Brake(api, now + SLOW) if share >= NEAR_LIMIT else None


class Brakes(Protocol):
    """The brakes of all APIs, shared by every process of the bot."""

    def wait(self, api: str) -> float:
        """Return the seconds for which this API is to be left alone, 0.0 when free."""
        ...

    def hold(self, brake: Brake) -> None:
        """Raise the brake to this moment, unless it already stands later."""
        ...
