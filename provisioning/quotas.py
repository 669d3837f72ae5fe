"""Quotas: what an organizer says about hours and models, and what is used of them, as arithmetic. All pure.

present quota + Adjustment ─▶ adjusted ─▶ within what is used and the event's ceiling, or refused

On a racing site quotas hold for a month, and what is used begins at 0 on the first of each (UTC).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from provisioning.errors import QuotaAboveCeiling, QuotaBelowUse
from provisioning.events import Ceiling, Quota
from provisioning.platform import Allowance

NOTHING: Final = Quota(training_hours=0, models=0)
NEAR: Final = (80, 100)  # percent of their hours at which racers are told


@dataclass(frozen=True, slots=True)
class Amount:
    """A number to be set, or with `moves` to be added; negative ones are taken away."""

    number: int
    moves: bool = False

    def on(self, present: int) -> int:
        """Return what the present number becomes."""
        return present + self.number if self.moves else self.number


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is to become of a quota. None: that part stays as it is."""

    hours: Amount | None = None
    models: Amount | None = None

    def on(self, present: Quota) -> Quota:
        """Return what the present quota becomes, whether anybody may have that or not."""
        return Quota(
            present.training_hours if self.hours is None else self.hours.on(present.training_hours),
            present.models if self.models is None else self.models.on(present.models),
        )


NO_CHANGE: Final = Adjustment()


def ensure_within(asked: Quota, present: Quota, used: Quota, ceiling: Ceiling, who: str) -> None:
    """Raise QuotaBelowUse or QuotaAboveCeiling for what `who` is not to have.

    Only what changes is looked at: a number that was there before the ceiling was may stay.
    """
    parts = (
        ("hours", asked.training_hours, present.training_hours, used.training_hours, ceiling.training_hours),
        ("models", asked.models, present.models, used.models, ceiling.models),
    )
    for field, number, before, least, most in parts:
        if number == before:
            continue
        if number < least:
            raise QuotaBelowUse(who=who, field=field, value=str(number), least=str(least))
        if most is not None and number > most:
            raise QuotaAboveCeiling(who=who, field=field, value=str(number), most=str(most))


@dataclass(frozen=True, slots=True)
class Used:
    """What somebody used on a racing site in a month, as it was read there. Queued minutes are reserved."""

    month: str  # "2027-03"
    minutes: int = 0
    queued: int = 0
    models: int = 0
    stored: int = 0  # bytes of all their models, whenever they were made

    def left_of(self, quota: Quota) -> int:
        """Return the minutes that can still be used this month."""
        return max(0, quota.training_hours * 60 - self.minutes - self.queued)

    def level_in(self, quota: Quota) -> int:
        """Return the highest level of use that is reached, in percent; 0 for none, and without a quota."""
        whole = quota.training_hours * 60
        return max((level for level in NEAR if whole and self.minutes * 100 >= level * whole), default=0)


@dataclass(frozen=True, slots=True)
class OnSite:
    """What is remembered of a racer on a racing site, beside their membership."""

    quota: Quota | None = None  # the one the site was told last; None: none, or nobody knows what holds there
    told_at: datetime | None = None  # when it was told that
    before: Allowance | None = None  # what somebody's own account was allowed before it was told anything
    untold_since: datetime | None = None  # since when it cannot be told
    used: Used | None = None  # as it was read last
    warned_in: str = ""  # the month for which `warned` holds
    warned: int = 0  # the level of use that the racer heard of last

    def used_in(self, at: datetime) -> Used | None:
        """Return what is used in the month of this moment, None while nothing was read."""
        if self.used is None or self.used.month == month_of(at):
            return self.used
        return Used(month_of(at), stored=self.used.stored)

    def warned_at(self, at: datetime) -> int:
        """Return the level of use that the racer heard of in the month of this moment."""
        return self.warned if self.warned_in == month_of(at) else 0


NOTHING_KNOWN: Final = OnSite()


def month_of(at: datetime) -> str:
    """Return the month that a racing site counts this moment to."""
    return f"{at.astimezone(UTC):%Y-%m}"


def most_of(quotas: Collection[Quota]) -> Quota | None:
    """Return what somebody may use who has all of these: the most of each; None for none."""
    if not quotas:
        return None
    return Quota(max(one.training_hours for one in quotas), max(one.models for one in quotas))
