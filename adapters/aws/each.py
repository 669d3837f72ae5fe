"""Many people, one request after the other, where an API has no request for many."""

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from adapters.aws.api import Trouble
from provisioning.access import Failed, Outcome
from provisioning.correlation import only
from provisioning.errors import AccessUnavailable, ProvisioningError
from provisioning.ids import PersonId

PATIENCE: Final = 2  # requests that may fail one after the other before a call gives up
EACH_SECONDS: Final = 8.0  # how long people are asked for one after another in one call: well within a lease

T = TypeVar("T")


def one_by_one(subjects: Mapping[PersonId, T], act: Callable[[T], Outcome]) -> dict[PersonId, Outcome]:
    """Act on one after the other; once going on is pointless, the rest are not asked for."""
    outcomes: dict[PersonId, Outcome] = {}
    gave_up: ProvisioningError | None = None
    in_a_row = 0
    last = time.monotonic() + EACH_SECONDS
    for key, subject in subjects.items():
        if gave_up is None and time.monotonic() > last:  # what was done is to be recorded
            gave_up = AccessUnavailable(retry_after=0.0)
        if gave_up is not None:
            outcomes[key] = Failed(gave_up)
            continue
        try:
            with only([key]):
                outcomes[key] = act(subject)
            in_a_row = 0
        except Trouble as trouble:
            outcomes[key] = Failed(trouble.error, trouble.may_have_landed)
            in_a_row += 1
            if trouble.stops or in_a_row >= PATIENCE:
                gave_up = trouble.error
    return outcomes
