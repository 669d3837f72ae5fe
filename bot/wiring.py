"""The wiring: the one place where settings, adapters and provisioning are put together. Starts nothing."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.graph.group import EntraGroupAccess
from adapters.graph.scim_push import ScimPush
from adapters.graph.users import EntraDirectory
from adapters.slack.client import SlackClient
from adapters.slack.door import DoorSettings, DoorWords, SlackDoor
from adapters.slack.people import SlackPeople
from adapters.slack.socket import SlackSocket
from adapters.slack.speaker import SlackSpeaker
from adapters.sqlite import open_store
from bot import wording
from bot.answering import Answering
from bot.metrics import Metrics, measure
from bot.organizing import Organizing
from bot.outside import Outside, reach
from bot.settings import Settings
from bot.voice import PlatformVoice
from bot.words import words
from provisioning.access import Access
from provisioning.admitting import Gatekeeper
from provisioning.errors import ForeignWorkspace
from provisioning.events import EntraGroup, IdentityCenterGroup
from provisioning.ids import GroupId
from provisioning.organizers import Organizers
from provisioning.outbox import Voice
from provisioning.ports import Clock, Rows, Store, Work
from provisioning.recognizing import Recognizer
from provisioning.settling import Settler
from provisioning.speaking import Speaking
from provisioning.steps import Systems
from provisioning.sweeping import Sweeper
from provisioning.working import Lane, Worker

GATHERING = 0.25  # seconds: joins that arrive together are looked up and added together
STALE_SOCKET_SECONDS = 60.0  # a socket that has not heard from Slack for so long is not ready

log = logging.getLogger(__name__)


class UtcClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class SlackEntrance:
    """Slack's door with the way requests reach it: HTTP, or a socket of its own."""

    def __init__(self, door: SlackDoor, socket: SlackSocket | None) -> None:
        """Take the door and, for Socket Mode, the connection."""
        self._door = door
        self._socket = socket

    def routes(self) -> list[web.RouteDef]:
        """Return the HTTP routes; none in Socket Mode."""
        return self._door.routes()

    async def start(self) -> None:
        """Connect the socket, if there is one."""
        if self._socket is not None:
            await self._socket.start()

    async def stop(self) -> None:
        """Take nothing new, and let the answers under way go out."""
        if self._socket is not None:
            await self._socket.stop()
        await self._door.stop()

    def is_fresh(self) -> bool:
        """Whether requests can reach the door."""
        silent = 0.0 if self._socket is None else self._socket.seconds_since_contact()
        return not math.isinf(silent) and silent < STALE_SOCKET_SECONDS


@dataclass(slots=True)
class Bot:
    """Everything put together, nothing started."""

    store: Store
    slack_door: SlackEntrance | None
    worker: Worker | None
    accesses: Mapping[str, Access[Any]]
    metrics: Metrics
    outside: Outside
    speaker: SlackSpeaker

    def close(self) -> None:
        """Let go of everything, the store last."""
        self.speaker.close()
        self.outside.close()
        self.store.close()


def build(settings: Settings, *, worker: bool, door: bool = True, clock: Clock | None = None) -> Bot:
    """Put the bot together; it goes by the clock on the wall unless given another.

    Asks Slack for the token's workspace when `SLACK_TEAM_IDS` does not name it.
    """
    clock = clock or UtcClock()
    store = open_store(settings.bot.store, clock)
    outside = reach(settings, store, clock)
    metrics = measure(store)
    team_ids = frozenset(settings.slack.team_ids) or own_workspace(outside.slack)
    speaker = SlackSpeaker(outside.slack, settings.slack.response_url_hosts)
    voices = {"slack": PlatformVoice("slack", store, speaker, clock, metrics)}
    return Bot(
        store,
        _entrance(settings, store, clock, metrics, team_ids) if door else None,
        Worker(store, _lanes(settings, store, clock, outside, team_ids, voices)) if worker else None,
        outside.accesses,
        metrics,
        outside,
        speaker,
    )


def own_workspace(slack: SlackClient) -> frozenset[str]:
    """Return the workspace that the bot token belongs to. Raises what the Slack client raises."""
    return frozenset({str(slack.call("auth.test")["team_id"])})


def _entrance(
    settings: Settings, store: Store, clock: Clock, metrics: Metrics, team_ids: frozenset[str]
) -> SlackEntrance:
    slack = settings.slack
    secret = (
        slack.signing_secret.get_secret_value() if slack.signing_secret and not slack.socket_mode else None
    )
    door = SlackDoor(
        DoorSettings(
            signing_secret=secret,
            bot_token=slack.bot_token.get_secret_value(),
            team_ids=team_ids,
            response_url_hosts=frozenset(slack.response_url_hosts),
            api_base_url=slack.api_base_url,
        ),
        answer=Answering(store, clock, metrics),
        words=DoorWords(
            refuse_workspace=lambda: wording.refusal(words(), ForeignWorkspace, {}),
            still_working=lambda: wording.slow(words()),
            went_wrong=lambda: wording.defect(words()),
        ),
        on_revoked=lambda kind: log.critical(
            "the app was removed from the workspace", extra={"action": "revoked", "event": kind}
        ),
        clock=clock,
    )
    socket = SlackSocket(door, slack.app_token.get_secret_value()) if slack.app_token else None
    return SlackEntrance(door, socket)


def _lanes(
    settings: Settings,
    store: Store,
    clock: Clock,
    outside: Outside,
    team_ids: frozenset[str],
    voices: Mapping[str, Voice],
) -> list[Lane]:
    directory = EntraDirectory(outside.graph)
    people = SlackPeople(
        outside.slack, team_ids, trust_unconfirmed_mail=settings.slack.trust_unconfirmed_email
    )
    push = ScimPush(outside.graph, lambda grant: _feeder(store, grant), outside.allowed)
    recognizer = Recognizer({"slack": people}, directory)
    gate = Gatekeeper(store, recognizer, clock)
    organizers = Organizers(outside.accesses[EntraGroup.kind], directory, clock)
    organizing = Organizing(store, recognizer, organizers, clock)
    settler = Settler(store, Systems(outside.accesses, directory), push, clock, _background(outside))
    sweeper = Sweeper(store, outside.accesses, clock)
    return [
        Lane("gate", gate.round, Work.ANSWER, GATHERING),
        Lane("organizing", organizing.round, Work.INSTRUCT),
        Lane("settler", settler.round, Work.SETTLE, GATHERING),
        Lane("speaker", Speaking(store, voices, clock, Work.SPEAK).round, Work.SPEAK),
        Lane("refresher", Speaking(store, voices, clock, Work.REFRESH).round, Work.REFRESH),
        Lane("sweeper", sweeper.round),
    ]


def _background(outside: Outside) -> Systems:
    """Return the systems for what is in no hurry: Graph serves its low priority last."""
    group = EntraGroupAccess(outside.graph, outside.allowed, priority="low")
    accesses = {**outside.accesses, EntraGroup.kind: group}
    return Systems(accesses, EntraDirectory(outside.graph, priority="low"))


def _feeder(store: Store, grant: IdentityCenterGroup) -> GroupId | None:
    """Return the Entra group that feeds this Identity Center group, in whichever event grants it."""

    def read(rows: Rows) -> GroupId | None:
        for event in rows.events.all():
            if grant in event.grants:
                feeder = event.feeder_of(grant)
                return feeder.group_id if isinstance(feeder, EntraGroup) else None
        return None

    return store.read(read)
