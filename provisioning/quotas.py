"""Quotas: what an organizer says about hours and models, as arithmetic. All pure.

present quota + Adjustment ─▶ adjusted ─▶ within what is used and the event's ceiling, or refused
"""

from dataclasses import dataclass
from typing import Final

from provisioning.errors import QuotaAboveCeiling, QuotaBelowUse
from provisioning.events import Ceiling, Quota

NOTHING: Final = Quota(training_hours=0, models=0)


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
