"""How an entry wakes the worker, and its store does."""

from adapters.aws.bell import SqsBell, open_bell
from bot.settings import BotSettings
from provisioning.ports import Clock


def bell_of(settings: BotSettings, clock: Clock) -> SqsBell:
    """Return the bell on the queue of these settings, which were checked to name one."""
    if settings.queue_url is None:
        raise ValueError("the settings were not checked: no queue")
    return open_bell(settings.queue_url, clock)
