"""The chat platforms as the settings choose them: for each its door, who vouches for its people, its speaker.

What a platform needs is imported only where the platform is chosen.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.chat.speaker import Speaker
from adapters.chat.utterance import Answer
from bot.closing import Closeable
from bot.doors import slack_door, teams_door, teams_speaker
from bot.outside import Outside
from bot.setting_groups import SlackSettings, TeamsSettings
from bot.settings import Settings
from provisioning.directory import ChatPeople, Lists, Mentions
from provisioning.errors import ChatUnavailable
from provisioning.ids import Platform
from provisioning.ports import Clock, Store

if TYPE_CHECKING:
    from aiohttp import web

    from adapters.slack.client import SlackClient
    from adapters.slack.door import SlackDoor
    from adapters.slack.socket import SlackSocket
    from adapters.teams.connector import Connector
    from bot.serve import Door

START_PATIENCE = timedelta(minutes=1)  # so long a start waits for a Slack that does not answer
STALE_SOCKET_SECONDS = 60.0  # a socket that has not heard from Slack for so long is not ready


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat platform, put together. `door` is None in a process that only works."""

    platform: Platform
    door: "Door | None"
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

    def routes(self) -> "list[web.RouteDef]":
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
    """Return the workspace that the bot token belongs to.

    Slack, which may throttle or fail just when the bot starts, is asked again for a minute. Raises what the
    Slack client raises.
    """
    last, pause = slack.clock.now() + START_PATIENCE, 1.0
    while True:
        try:
            return frozenset({str(slack.call("auth.test")["team_id"])})
        except ChatUnavailable as error:
            seconds = max(pause, error.retry_after or 0.0)
            if slack.clock.now() + timedelta(seconds=seconds) > last:
                raise
            slack.sleep(seconds)
            pause *= 2


def _slack(settings: SlackSettings, client: "SlackClient", clock: Clock, answer: Answer | None) -> Chat:
    from adapters.slack.files import SlackFiles
    from adapters.slack.people import SlackPeople
    from adapters.slack.speaker import SlackSpeaker

    team_ids = frozenset(settings.team_ids) or own_workspace(client)
    speaker = SlackSpeaker(client, settings.response_url_hosts)
    people = SlackPeople(client, team_ids, trust_unconfirmed_mail=settings.trust_unconfirmed_email)
    door = None if answer is None else _slack_entrance(settings, client, team_ids, clock, answer)
    return Chat("slack", door, people, None, SlackFiles(client), speaker, (speaker,))


def _slack_entrance(
    settings: SlackSettings, client: "SlackClient", team_ids: frozenset[str], clock: Clock, answer: Answer
) -> SlackEntrance:
    door = slack_door(settings, client, team_ids, clock, answer)
    if settings.app_token is None:
        return SlackEntrance(door, None)
    from adapters.slack.socket import SlackSocket

    return SlackEntrance(door, SlackSocket(door, settings.app_token.get_secret_value()))


def _teams(
    settings: TeamsSettings, connector: "Connector", store: Store, clock: Clock, answer: Answer | None
) -> Chat:
    from adapters.teams.people import TeamsPeople

    speaker = teams_speaker(connector, store)
    people = TeamsPeople(connector, store, settings.tenants)
    door = None if answer is None else teams_door(settings, store, speaker, clock, answer)
    return Chat("teams", door, people, people, None, speaker, (speaker,))
