"""Slack's door on Lambda: commands, clicks and events, answered in the HTTP answer itself."""

from collections.abc import Mapping
from typing import Final

from adapters.slack.door import SLACK_EVENTS_PATH
from bot import wording
from bot.answering import Answering
from bot.doors import slack_client, slack_door
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Handler
from bot.entry.http_api import Front
from bot.entry.waking import ringing_store
from bot.settings import for_slack_alone
from provisioning.ports import Clock

WITHIN_SECONDS: Final = 2.9  # of Slack's 3.0


def make(environ: Mapping[str, str], clock: Clock) -> Front:
    """Put the door together. Raises SettingsInvalid, StoreUnfit."""
    slack, settings = for_slack_alone(environ)
    metrics = EmbeddedMetrics("slack", clock, settings.metrics_namespace)
    store = ringing_store(settings, clock)
    answer = Answering(store, clock, metrics)
    # Nothing goes on after the answer has left, so "still working on it" would not be true.
    client = slack_client(slack, store, clock)
    door = slack_door(slack, client, frozenset(slack.team_ids), clock, answer, wording.too_slow)
    return Front(door, SLACK_EVENTS_PATH, store, metrics, WITHIN_SECONDS, (client,))


handler = Handler(make)
