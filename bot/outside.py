"""The outside systems as the settings reach them. Nothing is asked before somebody uses one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from adapters.graph.client import GraphClient
from adapters.graph.group import EntraGroupAccess
from adapters.graph.users import EntraDirectory
from adapters.slack.client import SlackClient
from adapters.tokens import Credential, EntraTokens
from adapters.trust import ssl_context
from bot.connecting import credential, teams_connector
from bot.racing_access import RacingAccess
from bot.setting_groups import BotSettings, SlackSettings
from bot.settings import Settings
from provisioning.access import Access, Failed, Outcome
from provisioning.dead_letters import DeadLetterQueue
from provisioning.errors import Unexpected
from provisioning.events import DeepRacerOnAws, EntraGroup, Event, IdentityCenterGroup
from provisioning.ids import GroupId, PersonId
from provisioning.ports import Clock, Store
from provisioning.registrations import Person

if TYPE_CHECKING:
    from adapters.aws.ses import Ses
    from adapters.teams.connector import Connector
    from bot.racing_site import RacingSites


@dataclass(frozen=True, slots=True)
class Outside:
    """The clients of one process, and the access that each kind of grant gives.

    `allowed` returns the Entra groups that may be asked for: no other is, whatever somebody says in chat.
    """

    slack: SlackClient | None
    teams: "Connector | None"
    tokens: EntraTokens
    graph: GraphClient
    accesses: Mapping[str, Access[Any]]
    allowed: Callable[[], frozenset[GroupId]]  # the groups that applied events name; no others are touched
    logins: httpx.Client
    racing: RacingAccess
    mail: "Ses | None" = None
    dead_letters: DeadLetterQueue | None = None

    def close(self) -> None:
        """Close every connection."""
        for chat in (self.slack, self.teams):
            if chat is not None:
                chat.close()
        self.graph.close()
        self.logins.close()
        self.racing.close()


def reach(settings: Settings, store: Store, clock: Clock, *, proposed: Event | None = None) -> Outside:
    """Make the clients. Groups of stored events can be asked for, and those of a proposed one."""

    def allowed() -> frozenset[GroupId]:
        events = store.read(lambda rows: rows.events.all())
        return frozenset(group for event in (*events, proposed) if event for group in _groups_of(event))

    trust = ssl_context()
    logins = httpx.Client(verify=trust, timeout=8.0)
    tokens = EntraTokens(
        settings.entra.tenant_id,
        settings.entra.client_id,
        _entra_credential(settings),
        logins,
        authority=settings.entra.authority_url,
        scope=settings.graph.scope,
    )
    graph = GraphClient(
        settings.graph.base_url,
        tokens,
        store.brakes,
        api=f"graph:{settings.entra.tenant_id}",
        clock=clock,
        trust=trust,
    )
    racing = RacingAccess(lambda: _racing_sites(settings, graph, store, clock))
    accesses: dict[str, Access[Any]] = {
        EntraGroup.kind: EntraGroupAccess(graph, allowed),
        IdentityCenterGroup.kind: _identity_center(settings.aws.region, store, clock),
        DeepRacerOnAws.kind: racing,
    }
    slack = _slack(settings.slack, store, clock) if settings.slack is not None else None
    teams = teams_connector(settings.teams, logins, store, clock) if settings.teams is not None else None
    mail = _mail(settings, store, clock)
    dead = _dead_letters(settings.bot, store, clock)
    return Outside(slack, teams, tokens, graph, accesses, allowed, logins, racing, mail, dead)


def _slack(settings: SlackSettings, store: Store, clock: Clock) -> SlackClient:
    from bot.doors import slack_client

    return slack_client(settings, store, clock)


def _dead_letters(settings: BotSettings, store: Store, clock: Clock) -> DeadLetterQueue | None:
    """Return the dead letters; none where the store is the queue, which gives nothing up."""
    if settings.queue_url is None or settings.dead_letters_url is None:
        return None
    from adapters.aws.dead_letters import open_dead_letters

    return open_dead_letters(settings.dead_letters_url, settings.queue_url, brakes=store.brakes, clock=clock)


def _mail(settings: Settings, store: Store, clock: Clock) -> "Ses | None":
    region = settings.mail.region or settings.aws.region
    if settings.mail.sender is None or region is None:
        return None
    from adapters.aws.clients import client
    from adapters.aws.ses import Ses

    return Ses(client("sesv2", region=region), settings.mail.sender, brakes=store.brakes, clock=clock)


class _NoRegion:
    """Identity Center while nobody said in which Region it is: everything fails, and says why."""

    batch = 100

    def presence(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return {person.id: Failed(self._error()) for person in people}

    add = remove = confirm = presence

    def check(self, grant: IdentityCenterGroup) -> None:
        raise self._error()

    def _error(self) -> Unexpected:
        return Unexpected(reason="AWS_REGION is not set; it is the primary Region of IAM Identity Center")


def _identity_center(region: str | None, store: Store, clock: Clock) -> Access[Any]:
    if region is None:
        return _NoRegion()
    from adapters.aws.clients import client
    from adapters.aws.identity_center import IdentityCenter

    return IdentityCenter(
        client("identitystore", region=region),
        client("sso-admin", region=region),
        brakes=store.brakes,
        clock=clock,
    )


def _entra_credential(settings: Settings) -> Credential:
    entra = settings.entra
    held = (entra.client_secret, entra.client_certificate, entra.federated_token_file)
    if entra.aws_token_audience is not None and not any(held):
        from adapters.aws.clients import client
        from adapters.aws.outbound_identity import OutboundIdentity

        return OutboundIdentity(
            client("sts", region=settings.aws.region), entra.aws_token_audience
        ).credential()
    return credential(*held)


def _racing_sites(settings: Settings, graph: GraphClient, store: Store, clock: Clock) -> "RacingSites":
    from bot.racing_site import RacingSites

    return RacingSites(settings.deepracer, EntraDirectory(graph), brakes=store.brakes, clock=clock)


def _groups_of(event: Event) -> frozenset[GroupId]:
    """Return the Entra groups that this event grants, granted, or is organized by."""
    granted = {grant.group_id for grant in (*event.grants, *event.retired) if isinstance(grant, EntraGroup)}
    return frozenset({*granted, event.organizer_group})
