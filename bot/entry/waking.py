"""How the entries wake the worker."""

from adapters.aws.bell import SqsBell, open_bell
from bot.setting_groups import BotSettings
from bot.stores import open_store
from provisioning.ports import Clock
from provisioning.ringing import RingingStore


def bell_of(settings: BotSettings, clock: Clock) -> SqsBell:
    """Return the bell on the queue of these settings, which were checked to name one."""
    if settings.queue_url is None:
        raise ValueError("the settings were not checked: no queue")
    return open_bell(settings.queue_url, clock)


def ringing_store(settings: BotSettings, clock: Clock) -> RingingStore:
    """Open the store of a door: what is queued there, the worker is woken for."""
    bell = bell_of(settings, clock)
    return RingingStore(open_store(settings.store, clock), bell)
