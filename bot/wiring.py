"""The wiring: the one place where settings, adapters and provisioning are put together. Starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.answering import Answering
from bot.chats import Chat, chats
from bot.clockwork import clockwork
from bot.lanes import lanes
from bot.outside import Outside, reach
from bot.setting_groups import BotSettings
from bot.settings import Settings
from bot.stores import UtcClock, open_store
from provisioning.access import Access
from provisioning.ports import Clock, Store
from provisioning.working import Worker

if TYPE_CHECKING:
    from bot.metrics import Metrics
    from bot.serve import Door


@dataclass(slots=True)
class Bot:
    """Everything put together, nothing started."""

    store: Store
    chats: tuple[Chat, ...]
    worker: Worker | None
    accesses: Mapping[str, Access[Any]]
    metrics: "Metrics"
    outside: Outside

    @property
    def doors(self) -> "Mapping[str, Door]":
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
    from bot.metrics import measure

    clock = clock or UtcClock()
    store = _store(settings.bot, clock, worker=worker)
    outside = reach(settings, store, clock)
    metrics = measure(store)
    answer = Answering(store, clock, metrics) if door else None
    platforms = tuple(chats(settings, outside, store, clock, answer))
    working = [
        *lanes(settings, store, clock, outside, platforms, metrics),
        *clockwork(store, clock, outside),
    ]
    return Bot(
        store,
        platforms,
        Worker(store, working) if worker else None,
        outside.accesses,
        metrics,
        outside,
    )


def _store(settings: BotSettings, clock: Clock, *, worker: bool) -> Store:
    """Open the store; a process without a worker of its own rings for those that a queue of SQS wakes."""
    if worker or settings.queue_url is None:
        return open_store(settings.store, clock)
    from bot.entry.waking import ringing_store

    return ringing_store(settings, clock)
