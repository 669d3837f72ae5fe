"""What a command came to. The bot words these; nothing here is text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioning.boards import Board
from provisioning.deciding import Stage
from provisioning.errors import ProvisioningError
from provisioning.events import Event
from provisioning.forgetting import Known
from provisioning.leaderboards import Line
from provisioning.quotas import Used
from provisioning.races import Race
from provisioning.registrations import Registration
from provisioning.requests import Wish

MOST_AHEAD: Final = 100  # who asks is told how many were before them; further nobody counts


@dataclass(frozen=True, slots=True)
class Queued:
    """The request is recorded and will be worked on; it is not known yet who asks.

    `ahead` counts requests that were asked earlier and still wait, up to MOST_AHEAD, which stands for so many
    or more; `typical_seconds` is what earlier joins took (None before there are any). `is_overdue`: they were
    told that it takes longer than it should.
    """

    event: Event
    wish: Wish
    ahead: int = 0
    typical_seconds: float | None = None
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a registration stands. `line_ahead` counts those before it when it waits for a seat.

    `races` are the open ones of the event, and `used` what is used of the quota, for whoever is ready.
    """

    event: Event
    registration: Registration
    stage: Stage
    now: datetime
    line_ahead: int = 0
    typical_seconds: float | None = None
    races: tuple[Race, ...] = ()
    used: Used | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Several events are possible; the asker picks one."""

    wish: Wish
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class ConfirmLeave:
    """Leaving is asked for and wants a yes."""

    event: Event
    pending: bool  # the join has not been completed yet


@dataclass(frozen=True, slots=True)
class Nothing:
    """The asker has no part in any event. `open_events` is what they could join."""

    open_events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class LookingUp:
    """An organizer may have added the asker; who that is, is found out first."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the asker has going on."""

    standings: tuple[Standing, ...]
    queued: tuple[Queued, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is refused; nothing was recorded but the memory of it."""

    error: ProvisioningError
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Instructed:
    """What somebody said as an organizer is recorded; whether they are one is found out later."""

    instruction_id: str


@dataclass(frozen=True, slots=True)
class SigningIn:
    """A first password for the racing site is on its way."""

    event: Event


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is kept about the asker."""

    known: Known


@dataclass(frozen=True, slots=True)
class ConfirmForget:
    """Deleting everything about the asker is asked for and wants a yes."""

    known: Known


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Nothing about the asker is kept any more; `anything` was there before."""

    anything: bool


@dataclass(frozen=True, slots=True)
class RacesShown:
    """The races that are open, and those to come, each with its event."""

    open: tuple[tuple[Event, Race], ...]
    coming: tuple[tuple[Event, Race], ...]


@dataclass(frozen=True, slots=True)
class BoardsShown:
    """The leaderboard that was asked for, or those that can be meant.

    `alias` is whose place is told; `as_picture` whether a drawing was asked for. `own` is the asker's
    line, as far as that is known for sure.
    """

    boards: tuple[Board, ...]
    alias: str = ""
    as_picture: bool = False
    own: Line | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture is on its way, of this race's leaderboard."""

    race: str


@dataclass(frozen=True, slots=True)
class Certificates:
    """Certificates of these races are on their way; of none when nothing was finished, as far as is known."""

    races: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsageShown:
    """What the asker has used on the racing sites of these events."""

    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Questioned:
    """The questions of an event, with what the racer has answered, by the question's id."""

    event: Event
    answers: Mapping[str, str]


Outcome = (
    Queued
    | Standing
    | Choice
    | ConfirmLeave
    | Nothing
    | LookingUp
    | Overview
    | Refused
    | Instructed
    | RacesShown
    | SigningIn
    | BoardsShown
    | Drawing
    | Certificates
    | Privacy
    | ConfirmForget
    | Forgotten
    | Questioned
    | UsageShown
)
