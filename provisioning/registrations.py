"""A registration: one person's part in one event, and how far the world is from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from provisioning.events import Event, Quota
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.requests import ReplyTo, Wish


@dataclass(frozen=True, slots=True)
class Person:
    """A racer as the directory knows them. The object id never changes; the rest may."""

    id: PersonId
    user_principal_name: str
    display_name: str = ""
    subject: str | None = None  # their id in the outside system that is asked, where it is known already


class Step(StrEnum):
    """How far one grant of a registration has come."""

    INTENDED = "intended"  # the ledger row is committed, the outcome of the add is not known
    ADDED = "added"  # the outside system said yes
    CONFIRMED = "confirmed"  # read back where it takes effect
    WITHDRAWING = "withdrawing"  # the outcome of the removal is not known
    WITHDRAWN = "withdrawn"  # the outside system said yes, or it was not ours to withdraw
    ABSENT = "absent"  # read back: gone
    KEPT = "kept"  # not ours to withdraw: the person was a member before us, or another event needs it


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one grant stands. `subject` is the person's id in that outside system, once known."""

    step: Step
    since: datetime
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """What an organizer or the directory set against a racer; no command of the racer clears it."""

    kind: Literal["suspended", "removed"]
    by: str  # a person id, or "directory"
    at: datetime
    reason: str = ""


class Told(StrEnum):
    """The last result the racer was told; each is announced once, as a message of its own."""

    NOTHING = "nothing"
    IN_LINE = "in-line"
    WAITING = "waiting"
    READY = "ready"
    GONE = "gone"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    REFUSED = "refused"
    BROKEN = "broken"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Registration:
    """One person's part in one event.

    What the asker wants (`wish`, `wish_at`, `reply`) is written by the gate, `hold` and `quota` by what
    organizers say; `progress` and what follows by the worker that holds the lease. The desired state is not
    stored: `provisioning.deciding` computes it.
    """

    key: RegistrationKey
    person: Person
    wish: Wish
    wish_at: datetime  # when the request that decided the wish was received
    reply: ReplyTo | None  # of the newest request; None: they have not spoken yet, and nobody can be told
    asked_at: datetime  # the first request of the present wish to race; orders the line
    correlation: str = ""  # of the newest request, or instruction of an organizer, that altered it
    hold: Hold | None = None
    quota: Quota | None = None  # their own; None: the event's
    unclaimed: bool = False  # added by an organizer, or rebound: bound to whoever of theirs speaks first
    has_seat: bool = False
    progress: Mapping[TargetId, Progress] = field(default_factory=dict)
    waiting_for: str | None = None  # a `Waiting` value: what the racer is waiting for outside the bot
    problem: str | None = None  # code of the error that stands in the way
    seated_at: datetime | None = None  # when they got a place, if they had to wait for it
    moved_at: datetime | None = None  # the last step forward; None: the request itself
    ready_at: datetime | None = None
    first_ready_at: datetime | None = None  # of the present wish, whatever came afterwards
    gone_at: datetime | None = None
    checked_at: datetime | None = None  # last time the directory confirmed the person
    missing_since: datetime | None = None  # first time a membership was seen missing without us
    gone_recheck_at: datetime | None = None  # when "gone" is looked at once more
    models_unwanted_since: datetime | None = None  # an organizer wants them deleted that were there then
    pushed_at: datetime | None = None  # last time the person was pushed to the outside system on demand
    attempts: int = 0  # steps without progress since the last progress
    wake_at: datetime | None = None  # when the sweeper looks at this again
    told: Told = Told.NOTHING  # of the present wish
    last_result: Told = Told.NOTHING  # of any wish: what the newest direct message says
    serial: int = 0  # counts the results told; the newest message carries the newest serial
    version: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether every grant was confirmed and nothing has changed since."""
        return self.ready_at is not None

    def quota_in(self, event: Event) -> Quota:
        """Return what this racer may use: their own quota, or the event's."""
        return self.quota or event.quota
