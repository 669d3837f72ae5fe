"""The wiring: the one place where settings, adapters and provisioning are put together. Starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.graph.group import EntraGroupAccess
from adapters.graph.scim_push import ScimPush
from adapters.graph.users import EntraDirectory
from bot.answering import Answering
from bot.chats import Chat, chats
from bot.metrics import Metrics, measure
from bot.organizing import Organizing
from bot.outside import Outside, reach
from bot.serve import Door
from bot.settings import Settings
from bot.stores import UtcClock, open_store
from bot.voice import PlatformVoice
from provisioning.access import Access
from provisioning.admitting import Gatekeeper
from provisioning.directory import Mentions
from provisioning.events import EntraGroup, IdentityCenterGroup
from provisioning.ids import GroupId
from provisioning.organizers import Organizers
from provisioning.outbox import Voice
from provisioning.ports import Clock, Rows, Store, Work
from provisioning.recognizing import Recognizer
from provisioning.scheduling import Scheduler
from provisioning.settling import Settler
from provisioning.speaking import Speaking
from provisioning.stepping import Systems
from provisioning.sweeping import Sweeper
from provisioning.usage import Usage
from provisioning.watching import Watcher
from provisioning.working import Lane, Worker

GATHERING = 0.25  # seconds: joins that arrive together are looked up and added together


@dataclass(slots=True)
class Bot:
    """Everything put together, nothing started."""

    store: Store
    chats: tuple[Chat, ...]
    worker: Worker | None
    accesses: Mapping[str, Access[Any]]
    metrics: Metrics
    outside: Outside

    @property
    def doors(self) -> Mapping[str, Door]:
        """The doors by platform; none in a process that only works."""
        return {chat.platform: chat.door for chat in self.chats if chat.door is not None}

    def close(self) -> None:
        """Let go of everything, the store last."""
        for chat in self.chats:
            chat.close()
        self.outside.close()
        self.store.close()


def build(settings: Settings, *, worker: bool, door: bool = True, clock: Clock | None = None) -> Bot:
    """Put the bot together; it goes by the clock on the wall unless given another."""
    clock = clock or UtcClock()
    store = open_store(settings.bot.store, clock)
    outside = reach(settings, store, clock)
    metrics = measure(store)
    answer = Answering(store, clock, metrics) if door else None
    platforms = tuple(chats(settings, outside, store, clock, answer))
    return Bot(
        store,
        platforms,
        Worker(store, _lanes(store, clock, outside, platforms, metrics)) if worker else None,
        outside.accesses,
        metrics,
        outside,
    )


def _lanes(
    store: Store, clock: Clock, outside: Outside, platforms: tuple[Chat, ...], metrics: Metrics
) -> list[Lane]:
    directory = EntraDirectory(outside.graph)
    voices: dict[str, Voice] = {
        chat.platform: PlatformVoice(
            chat.platform, store, chat.speaker, clock, metrics, lambda: outside.racing.sites.first_sign_in
        )
        for chat in platforms
    }
    push = ScimPush(outside.graph, lambda grant: _feeder(store, grant), outside.allowed)
    recognizer = Recognizer({chat.platform: chat.people for chat in platforms}, directory)
    gate = Gatekeeper(store, recognizer, clock)
    organizers = Organizers(outside.accesses[EntraGroup.kind], directory, clock)
    mentions: dict[str, Mentions] = {
        chat.platform: chat.mentions for chat in platforms if chat.mentions is not None
    }
    usage = Usage(store, lambda: outside.racing.sites.api)
    organizing = Organizing(store, recognizer, organizers, usage, clock, mentions)
    settler = Settler(store, Systems(outside.accesses, directory), push, clock, _background(outside))
    sweeper = Sweeper(store, outside.accesses, clock)
    return [
        Lane("gate", gate.round, Work.ANSWER, GATHERING),
        Lane("organizing", organizing.round, Work.INSTRUCT),
        Lane("settler", settler.round, Work.SETTLE, GATHERING),
        Lane("speaker", Speaking(store, voices, clock, Work.SPEAK).round, Work.SPEAK),
        Lane("refresher", Speaking(store, voices, clock, Work.REFRESH).round, Work.REFRESH),
        Lane("sweeper", sweeper.round),
        Lane("scheduler", Scheduler(store, clock).round),
        Lane("watcher", Watcher(store, lambda: outside.racing.sites.platform, clock).round),
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
