"""The door of Teams on Lambda: an activity's answer goes out before the activity is said to be taken."""

from collections.abc import Mapping
from typing import Final

import httpx

from adapters.teams.door import MESSAGES_PATH
from adapters.trust import ssl_context
from bot.answering import Answering
from bot.connecting import teams_connector
from bot.doors import teams_door, teams_speaker
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Handler
from bot.entry.http_api import Front
from bot.entry.waking import ringing_store
from bot.settings import for_teams_alone
from provisioning.ports import Clock

WITHIN_SECONDS: Final = 12.0  # of Bot Connector's 15
LOGIN_SECONDS: Final = 8.0


def make(environ: Mapping[str, str], clock: Clock) -> Front:
    """Put the door together. Raises SettingsInvalid, StoreUnfit."""
    teams, settings = for_teams_alone(environ)
    metrics = EmbeddedMetrics("teams", clock, settings.metrics_namespace)
    store = ringing_store(settings, clock)
    answer = Answering(store, clock, metrics)
    logins = httpx.Client(verify=ssl_context(), timeout=LOGIN_SECONDS)
    connector = teams_connector(teams, logins, store, clock)
    speaker = teams_speaker(connector, store)
    door = teams_door(teams, store, speaker, clock, answer)
    return Front(door, MESSAGES_PATH, store, metrics, WITHIN_SECONDS, (speaker, connector, logins))


handler = Handler(make)
