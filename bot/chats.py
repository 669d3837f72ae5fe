"""The chat platforms as the settings choose them: for each its door, who vouches for its people, its speaker.

What a platform needs is imported only where the platform is chosen.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from adapters.chat.speaker import Speaker
from adapters.chat.utterance import Answer
from bot import wording
from bot.outside import Outside
from bot.serve import Door
from bot.settings import Settings, SlackSettings, TeamsSettings
from bot.words import Words, words
from provisioning.directory import ChatPeople, Lists, Mentions
from provisioning.errors import Anonymous, ForeignWorkspace
from provisioning.events import Event
from provisioning.ids import Platform
from provisioning.ports import Clock, Store

if TYPE_CHECKING:
    from adapters.slack.client import SlackClient
    from adapters.slack.door import SlackDoor
    from adapters.slack.forms import FormWords
    from adapters.slack.socket import SlackSocket
    from adapters.teams.connector import Connector
    from adapters.teams.speaker import TeamsSpeaker

STALE_SOCKET_SECONDS = 60.0  # a socket that has not heard from Slack for so long is not ready

log = logging.getLogger(__name__)


class Closeable(Protocol):
    """What holds connections."""

    def close(self) -> None:
        """Let go of them."""
        ...


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat platform, put together. `door` is None in a process that only works."""

    platform: Platform
    door: Door | None
    people: ChatPeople
    mentions: Mentions | None  # where mentions have to be looked up
    lists: Lists | None  # where people give files
    speaker: Speaker
    closing: tuple[Closeable, ...]

    def close(self) -> None:
        """Close the connections."""
        for one in self.closing:
            one.close()


class SlackEntrance:
    """Slack's door with the way requests reach it: HTTP, or a socket of its own."""

    def __init__(self, door: "SlackDoor", socket: "SlackSocket | None") -> None:
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


def chats(
    settings: Settings, outside: Outside, store: Store, clock: Clock, answer: Answer | None
) -> Iterator[Chat]:
    """Yield the platforms that the settings name; with doors when there is somebody to answer.

    Asks Slack for the token's workspace when `SLACK_TEAM_IDS` does not name it.
    """
    if settings.slack is not None and outside.slack is not None:
        yield _slack(settings.slack, outside.slack, clock, answer)
    if settings.teams is not None and outside.teams is not None:
        yield _teams(settings.teams, outside.teams, store, clock, answer)


def own_workspace(slack: "SlackClient") -> frozenset[str]:
    """Return the workspace that the bot token belongs to. Raises what the Slack client raises."""
    return frozenset({str(slack.call("auth.test")["team_id"])})


def _slack(settings: SlackSettings, client: "SlackClient", clock: Clock, answer: Answer | None) -> Chat:
    from adapters.slack.files import SlackFiles
    from adapters.slack.people import SlackPeople
    from adapters.slack.speaker import SlackSpeaker

    team_ids = frozenset(settings.team_ids) or own_workspace(client)
    speaker = SlackSpeaker(client, settings.response_url_hosts)
    people = SlackPeople(client, team_ids, trust_unconfirmed_mail=settings.trust_unconfirmed_email)
    door = None if answer is None else _slack_entrance(settings, client, team_ids, clock, answer)
    return Chat("slack", door, people, None, SlackFiles(client), speaker, (speaker,))


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


def _slack_entrance(
    settings: SlackSettings, client: "SlackClient", team_ids: frozenset[str], clock: Clock, answer: Answer
) -> SlackEntrance:
    from adapters.slack.door import DoorSettings, DoorWords, SlackDoor
    from adapters.slack.opening import SlackForms

    secret = settings.signing_secret if not settings.socket_mode else None
    spoken = words(None, "slack")
    door = SlackDoor(
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
            still_working=lambda: wording.slow(spoken),
            went_wrong=lambda: wording.defect(spoken),
            not_opened=lambda: wording.not_opened(spoken),
            form=form_words(spoken),
        ),
        opener=SlackForms(client),
        on_revoked=lambda kind: log.critical(
            "the app was removed from the workspace", extra={"action": "revoked", "event": kind}
        ),
        clock=clock,
    )
    if settings.app_token is None:
        return SlackEntrance(door, None)
    from adapters.slack.socket import SlackSocket

    return SlackEntrance(door, SlackSocket(door, settings.app_token.get_secret_value()))


def _teams(
    settings: TeamsSettings, connector: "Connector", store: Store, clock: Clock, answer: Answer | None
) -> Chat:
    from adapters.teams.people import TeamsPeople
    from adapters.teams.speaker import SpeakerWords, TeamsSpeaker

    spoken = words(None, "teams")
    speaker = TeamsSpeaker(
        connector,
        store,
        SpeakerWords(
            answered_privately=lambda: wording.answered_privately(spoken),
            open_a_chat=lambda: wording.open_a_chat(spoken),
        ),
    )
    people = TeamsPeople(connector, store, settings.tenants)
    door = None if answer is None else _teams_door(settings, store, speaker, clock, answer)
    return Chat("teams", door, people, people, None, speaker, (speaker,))


def _teams_door(
    settings: TeamsSettings, store: Store, speaker: "TeamsSpeaker", clock: Clock, answer: Answer
) -> Door:
    from adapters.teams.door import DoorSettings, DoorWords, TeamsDoor

    spoken = words(None, "teams")

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
            refuse_anonymous=lambda: wording.refusal(spoken, Anonymous, {}),
            still_working=lambda: wording.slow(spoken),
            went_wrong=lambda: wording.defect(spoken),
            answered_privately=lambda: wording.answered_privately(spoken),
            welcome=lambda: wording.welcome(spoken, open_events()),
        ),
        outgoing=speaker,
        clock=clock,
    )
