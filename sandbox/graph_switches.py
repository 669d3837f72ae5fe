"""The switches of the simulated Graph: what the real one leaves open, or does only now and then."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


def observed_bind_cost(members: int) -> float:
    """Return what binding so many members is said to cost: a write for every three (undocumented)."""
    return float(math.ceil(members / 3))


@dataclass(kw_only=True, eq=False)
class Switches:
    """How this Graph behaves where the real one varies. May be turned while it runs."""

    #: Each write is seen by readers after 0 to so many seconds of the company's clock.
    visibility_seconds: float = 2.0
    #: How long a write to a group takes, in real seconds; another one to it meanwhile is refused with 409.
    write_seconds: float = 0.02
    #: Multiplies the budgets of resource units and writes.
    throttle_scale: float = 1.0
    #: Members in one PATCH -> writes.
    bind_write_cost: Callable[[int], float] = observed_bind_cost
    #: Most members a group may have; None: no limit.
    link_quota: int | None = None
    #: The answer for mail-enabled and dynamic groups; both forms are observed.
    unmanaged_status: Literal[403, 400] = 403
    #: The answer for removing somebody who is no member; both are observed.
    absent_member_status: Literal[404, 400] = 404
    #: Members on a page when `$top` does not say.
    member_page_size: int = 100
    #: Changes on a page of a delta query.
    delta_page_size: int = 200
    #: How long a delta link lives, in days of the company's clock.
    delta_days: float = 7.0
    #: Whether the outer answer of a batch with throttled items is 424, as others have seen.
    batch_424: bool = False
    #: Whether the tenant has a service principal for the app.
    is_known: bool = True
