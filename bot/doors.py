"""The doors of the chat platforms, as the settings want them.

A library that only one platform needs is imported when its door is made, and nothing of the other's.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.chat.message import Message
from adapters.chat.utterance import Answer
from bot import wording
from bot.setting_groups import SlackSettings, TeamsSettings
from bot.words import Words, words
from provisioning import claiming
from provisioning.errors import Anonymous, ForeignWorkspace
from provisioning.events import Event
from provisioning.ports import Clock, Store

if TYPE_CHECKING:
    from adapters.slack.client import SlackClient
    from adapters.slack.door import SlackDoor
    from adapters.slack.forms import FormWords
    from adapters.teams.connector import Connector
    from adapters.teams.door import TeamsDoor
    from adapters.teams.speaker import TeamsSpeaker

log = logging.getLogger(__name__)


def slack_door(
    settings: SlackSettings,
    client: "SlackClient",
    team_ids: frozenset[str],
    clock: Clock,
    answer: Answer,
    late: Callable[[Words], Message] = wording.slow,
) -> "SlackDoor":
    """Return Slack's door. `late` words what is said when an answer does not come in time."""
    from adapters.slack.door import DoorSettings, DoorWords, SlackDoor
    from adapters.slack.opening import SlackForms

    secret = settings.signing_secret if not settings.socket_mode else None
    spoken = words(None, "slack")
    return SlackDoor(
        DoorSettings(
            signing_secret=secret.get_secret_value() if secret else None,
            bot_token=settings.bot_token.get_secret_value(),
            team_ids=team_ids,
            response_url_hosts=frozenset(settings.response_url_hosts),
            api_base_url=settings.api_base_url,
        ),
        answer=answer,
        words=DoorWords(
            refuse_workspace=lambda: wording.refusal(spoken, ForeignWorkspace, {}),
            still_working=lambda: late(spoken),
            went_wrong=lambda: wording.defect(spoken),
            not_opened=lambda: wording.not_opened(spoken),
            form=lambda locale: form_words(words(locale, "slack")),
        ),
        opener=SlackForms(client),
        on_revoked=lambda kind: log.critical(
            "the app was removed from the workspace", extra={"action": "revoked", "event": kind}
        ),
        clock=clock,
    )


def slack_client(settings: SlackSettings, store: Store, clock: Clock) -> "SlackClient":
    """Return the client of Slack's Web API; nothing is asked before it is used."""
    from adapters.slack.client import SlackClient

    return SlackClient(settings.api_base_url, settings.bot_token.get_secret_value(), store.brakes, clock)


def form_words(spoken: Words) -> "FormWords":
    """Return what stands in the form for a list of people."""
    from adapters.slack.forms import FormWords

    return FormWords(
        title=spoken.plain("add-form.title"),
        send=spoken.plain("add-form.send"),
        cancel=spoken.plain("add-form.cancel"),
        list=spoken.plain("add-form.list"),
        list_hint=spoken.plain("add-form.list-hint"),
        file=spoken.plain("add-form.file"),
        nothing=spoken.plain("add-form.nothing"),
        failed=spoken.plain("add-form.failed"),
    )


def teams_door(
    settings: TeamsSettings, store: Store, speaker: "TeamsSpeaker", clock: Clock, answer: Answer
) -> "TeamsDoor":
    """Return the door of Teams; what it says goes out through this speaker."""
    from adapters.teams.door import DoorSettings, DoorWords, TeamsDoor

    def open_events() -> tuple[Event, ...]:
        now = clock.now()
        return tuple(
            event for event in store.read(lambda rows: rows.events.all()) if event.phase(now) == "open"
        )

    return TeamsDoor(
        DoorSettings(
            app_id=settings.app_id,
            tenant_ids=settings.tenants,
            metadata_url=settings.metadata_url,
            service_url_hosts=frozenset(settings.service_url_hosts),
        ),
        answer=answer,
        words=DoorWords(
            refuse_anonymous=lambda locale: wording.refusal(words(locale, "teams"), Anonymous, {}),
            still_working=lambda locale: wording.slow(words(locale, "teams")),
            went_wrong=lambda locale: wording.defect(words(locale, "teams")),
            answered_privately=lambda locale: wording.answered_privately(words(locale, "teams")),
            welcome=lambda locale: wording.welcome(words(locale, "teams"), open_events()),
            welcome_together=lambda locale: wording.welcome(
                words(locale, "teams"), open_events(), together=True
            ),
        ),
        outgoing=speaker,
        clock=clock,
    )


def teams_speaker(connector: "Connector", store: Store) -> "TeamsSpeaker":
    """Return what speaks in Teams, for the door and for the worker."""
    from adapters.teams.speaker import SpeakerWords, TeamsSpeaker

    return TeamsSpeaker(
        connector,
        store,
        SpeakerWords(
            answered_privately=lambda locale: wording.answered_privately(words(locale, "teams")),
            open_a_chat=lambda locale: wording.open_a_chat(words(locale, "teams")),
        ),
        claiming.meet,
    )
