"""What is done because its time has come, not because somebody asked: sweeping, announcing, watching."""

from bot.outside import Outside
from provisioning.ports import Clock, Store
from provisioning.scheduling import Scheduler
from provisioning.sweeping import Sweeper
from provisioning.usage import Usage
from provisioning.watching import Watcher
from provisioning.working import Lane


def clockwork(store: Store, clock: Clock, outside: Outside) -> list[Lane]:
    """Return the lanes that go by the clock."""
    usage = Usage(store, lambda: outside.racing.sites.api, clock)
    return [
        Lane("sweeper", Sweeper(store, outside.accesses, clock).round),
        Lane("scheduler", Scheduler(store, clock).round),
        Lane("watcher", Watcher(store, lambda: outside.racing.sites.platform, usage, clock).round),
    ]
