"""What provisioning needs of the racing platform beside access: quotas, usage, models, races and standings.

A racer's profile there has the id that the platform's own grant gave as the `subject` of their membership.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
from provisioning.registrations import Person

Timing = Literal["best-lap", "average-lap", "total"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a racer may use in a month: minutes, and models. None is unlimited; 0, or less, allows nothing."""

    minutes: int | None = None
    models: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A racer on the platform: what they may use, and what they have used this month.

    Used minutes and counted models begin at 0 on the first of each month (UTC). Queued minutes are reserved
    by jobs that are not over yet. `email` and `created_at` are None where the platform does not tell them.
    """

    id: str
    alias: str
    allowance: Allowance
    minutes_used: int
    minutes_queued: int
    models: int
    storage_bytes: int
    email: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model in a racer's garage. `status` is the platform's word: READY, TRAINING, QUEUED, …"""

    id: str
    name: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Race:
    """A race on the platform; `timing` is what its ranking counts, `racers` how many are ranked."""

    id: str
    name: str
    opens: datetime
    closes: datetime
    timing: Timing
    racers: int
    url: str  # where people see it

    def is_open(self, at: datetime) -> bool:
        """Whether models may be submitted at this moment."""
        return self.opens <= at <= self.closes


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of a race's ranking: a racer's best.

    The platform tells no profile: `alias` is what the racer was called when the row was made or improved, and
    need not be unique. Rows that tie have different ranks. `time_ms` is None for a row without a valid time.
    """

    rank: int
    alias: str
    time_ms: int | None
    submitted_at: datetime
    submissions: int


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A password for the first sign-in alone: the site asks for one of the racer's own at once.

    It is shown to its owner and nobody else, and kept nowhere.
    """

    sign_in_as: str  # what the racer types as their name there
    password: str

    def __repr__(self) -> str:
        """Return a text that gives nothing away."""
        return "FirstPassword(…)"


class RacingPlatform(Protocol):
    """The platform at the site of a grant. Every method asks anew and returns when it was answered.

    All raise SiteUnavailable, SiteUnknown, SiteTooOld, SiteFirewalled, CredentialRefused, PermissionMissing
    or Unexpected. What is written is read back in the answer.
    """

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        """Return every racer, in no promised order; one who was added a moment ago may be missing."""
        ...

    def set_allowance(self, grant: DeepRacerOnAws, profile_id: str, allowance: Allowance) -> Allowance:
        """Set what a racer may use, whatever they have used; returns what the platform has now."""
        ...

    def is_theirs(self, grant: DeepRacerOnAws, profile_id: str, person_id: PersonId) -> bool:
        """Whether this profile is of an account that the person had before, not one that the bot makes.

        Asks nothing that is asked for each person. False where nobody can tell.
        """
        ...

    def newcomers_allowance(self, grant: DeepRacerOnAws) -> Allowance:
        """Return what racers may use who are yet to come."""
        ...

    def models(self, grant: DeepRacerOnAws, profile_id: str) -> Sequence[Model]:
        """Return a racer's models; an unknown racer has none."""
        ...

    def delete_models(self, grant: DeepRacerOnAws, profile_id: str) -> None:
        """Delete all of a racer's models, in whatever state they are. There is no undo."""
        ...

    def races(self, grant: DeepRacerOnAws) -> Sequence[Race]:
        """Return every race, those that are over included, the first to close first."""
        ...

    def standings(self, grant: DeepRacerOnAws, race_id: str) -> Sequence[Standing] | None:
        """Return the whole ranking of a race, the best first; None when there is no such race."""
        ...


class FirstSignIn(Protocol):
    """Lets a racer sign in for the first time to the account that the bot made for them."""

    def renew(self, grant: DeepRacerOnAws, person: Person) -> FirstPassword:
        """Set a new first password; the one before it is void from then on.

        Only for an account that the bot made, whose owner has set no password yet, and that is in no group
        but the racers'. Raises PasswordTheirOwn for any other, AccessUnavailable while there is none, and
        otherwise as `Access.check` does.
        """
        ...
