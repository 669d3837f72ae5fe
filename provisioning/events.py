"""An event: one DeepRacer program, its join window, and the grants that access to it consists of."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, Self

from provisioning.ids import EventId, GroupId, TargetId


@dataclass(frozen=True, slots=True)
class EntraGroup:
    """Membership in a group of the company's Entra tenant."""

    group_id: GroupId

    kind = "entra-group"

    @property
    def target(self) -> TargetId:
        """Return what the membership is in, unique over all events."""
        return TargetId(f"{self.kind}:{self.group_id}")


@dataclass(frozen=True, slots=True)
class IdentityCenterGroup:
    """Membership in a group of IAM Identity Center that is assigned to an account with a permission set."""

    identity_store_id: str
    group_id: GroupId
    instance_arn: str
    account_id: str
    permission_set_arn: str
    scim_app_id: str | None = None  # object id of the Entra enterprise app that feeds this identity store

    kind = "identity-center"

    @property
    def target(self) -> TargetId:
        """Return what the membership is in, unique over all events."""
        return TargetId(f"{self.kind}:{self.identity_store_id}/{self.group_id}")


@dataclass(frozen=True, slots=True)
class DeepRacerOnAws:
    """An account on a DeepRacer on AWS site: a user of its pool, in the group of its racers."""

    site_url: str  # https, without a slash at the end

    kind = "deepracer-on-aws"

    @property
    def target(self) -> TargetId:
        """Return what the membership is in, unique over all events."""
        return TargetId(f"{self.kind}:{self.site_url.removeprefix('https://')}")


Grant = EntraGroup | IdentityCenterGroup | DeepRacerOnAws


@dataclass(frozen=True, slots=True)
class Quota:
    """What a racer may use: training hours, and models kept."""

    training_hours: int = 10
    models: int = 5


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What no quota of the event goes above; None: nothing is too much."""

    training_hours: int | None = None
    models: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of training costs the company, as the event's file says it."""

    amount: Decimal
    currency: str  # "USD"; empty when the file names none

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a price as a file has it: an amount, and a currency or none."""
        amount, _, currency = text.partition(" ")
        return cls(Decimal(amount), currency)

    def of(self, minutes: int) -> Decimal:
        """Return what so many minutes cost, in its currency."""
        return self.amount * minutes / 60

    def __str__(self) -> str:
        """Return the price as a file has it."""
        return f"{self.amount} {self.currency}".rstrip()


@dataclass(frozen=True, slots=True)
class TrainingLink:
    """Something to read or do, sent along with the ready message."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Question:
    """Something the event would like to know of its racers: a choice of options, or a short text."""

    id: str
    text: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breakage:
    """What keeps an event from working until an operator mends it."""

    target: TargetId
    code: str
    key: str
    since: datetime
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def is_unprovable(self) -> bool:
        """Whether only a write shows that it is mended: a missing permission need not show when reading."""
        return self.key in {"permission-missing", "group-unmanageable"}

    @property
    def incident(self) -> str:
        """Return what organizers hear of once: each breakage; one a day of those that no reading proves."""
        when = f"{self.since:%Y%m%d}" if self.is_unprovable else f"{self.since.timestamp():.0f}"
        return f"{self.code}:{self.target}:{when}"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Times are aware; `version` counts changes of its definition, not of `taken` or `broken`."""

    id: EventId
    name: str
    opens: datetime
    closes: datetime  # nobody joins from here on
    ends: datetime  # access is withdrawn from here on
    capacity: int
    email_domains: tuple[str, ...]
    organizer_group: GroupId
    grants: tuple[Grant, ...]
    access_url: str  # empty when the racing site is all there is to open
    retention_days: int = 30
    quota: Quota = Quota()
    ceiling: Ceiling = Ceiling()
    price_per_hour: Price | None = None
    link_hosts: tuple[str, ...] = ()
    training_links: tuple[TrainingLink, ...] = ()
    channels: tuple[str, ...] = ()  # "slack:C0123", "teams:19:…@thread.tacv2"
    organizer_channel: str | None = None
    retired: tuple[Grant, ...] = ()  # granted once; still known, so that they can be withdrawn
    questions: tuple[Question, ...] = ()  # asked after joining; nobody must answer
    mails: bool = False  # whoever is ready is told by e-mail as well
    names: bool = False  # leaderboards show racers by name, where it is known whose line it is
    feed: tuple[str, ...] = ("stuck", "failures", "usage")  # what organizers are told of, set in chat
    paused: str | None = None  # nobody joins while it is; what organizers say about it, "" for nothing
    torn_down_at: datetime | None = None  # when organizers ended it, whatever `ends` says
    version: int = 0
    taken: int = 0  # seats taken
    broken: Breakage | None = None

    def phase(self, at: datetime) -> Literal["announced", "open", "closed", "ended"]:
        """Return where in its life the event is at this moment."""
        if at >= self.over_at:
            return "ended"
        if at >= self.closes:
            return "closed"
        return "open" if at >= self.opens else "announced"

    @property
    def over_at(self) -> datetime:
        """Return from when on nobody races: at its end, or when it was torn down before."""
        return self.ends if self.torn_down_at is None else min(self.ends, self.torn_down_at)

    @property
    def is_blocked(self) -> bool:
        """Whether something everybody needs is broken; what the event grants no more keeps nobody out."""
        return self.broken is not None and self.broken.target in self.targets

    @property
    def targets(self) -> tuple[TargetId, ...]:
        """Return the targets of the grants, in order."""
        return tuple(grant.target for grant in self.grants)

    @property
    def site_url(self) -> str | None:
        """Return the racing site that the event gives access to, or None."""
        sites = (grant.site_url for grant in self.grants if isinstance(grant, DeepRacerOnAws))
        return next(sites, None)

    def question_of(self, question_id: str) -> Question | None:
        """Return the question of this id, or None."""
        return next((question for question in self.questions if question.id == question_id), None)

    def grant_of(self, target: TargetId) -> Grant | None:
        """Return the grant with this target, also a retired one, or None."""
        return next((grant for grant in (*self.grants, *self.retired) if grant.target == target), None)

    def feeder_of(self, grant: Grant) -> Grant | None:
        """Return the grant whose membership reaches this grant's system by itself, or None.

        An Identity Center group is fed by the Entra group that the event grants before it: Entra is the
        record, Identity Center the effect. A retired one was fed by the Entra group retired with it, if any.
        """
        if not isinstance(grant, IdentityCenterGroup):
            return None
        retired = grant not in self.grants
        before = self.grants if retired else self.grants[: self.grants.index(grant)]
        known = [found for found in before if isinstance(found, EntraGroup)]
        if retired:
            known = [found for found in self.retired if isinstance(found, EntraGroup)] or known
        return known[-1] if known else None

    def takes_effect_elsewhere(self, grant: Grant) -> bool:
        """Whether this grant is only the record of access that a later grant gives and confirms."""
        return any(self.feeder_of(other) == grant for other in self.grants)
