"""The two chat platforms as a scenario needs them: lines, channels, and every message as it is posted."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from sandbox import connector_conversations, slack_channels
from sandbox.chatting import Answer, Flow
from sandbox.world import PARTS, World
from tests.scenario.people import Line, SlackLine, TeamsLine
from tests.scenario.telling import Said, said, said_in_teams

Note = Callable[[str, str], None]  # the key of who reads a message, and its text at that moment


class Side(Protocol):
    """One chat platform of the company in a box."""

    name: str
    fields: Mapping[str, Any]  # of the event file

    def line(self, world: World, play: Callable[[Flow[Answer]], Answer], url: str, key: str) -> Line:
        """Return one person's way to the bot."""
        ...

    def organizers(self, world: World) -> list[Said]:
        """Return everything in the organizers' channel, oldest first."""
        ...

    def public(self, world: World) -> list[str]:
        """Return what the bot said where more than one person reads it, the organizers' channel left out."""
        ...

    def told(self, world: World) -> list[str]:
        """Return the messages of their own that people got, as they were first."""
        ...

    def listen(self, world: World, note: Note) -> None:
        """Note every message at the moment of posting."""
        ...


class SlackSide:
    """Slack: answers are ephemeral, results are direct messages."""

    name = "slack"
    fields: Mapping[str, Any] = MappingProxyType({})

    def line(self, world: World, play: Callable[[Flow[Answer]], Answer], url: str, key: str) -> Line:
        return SlackLine(world, play, url, key)

    def organizers(self, world: World) -> list[Said]:
        channel = slack_channels.ORGANIZERS
        entries = world.do(lambda: [one.as_json() for one in world.slack.transcript.in_channel(channel)])
        return [said(entry) for entry in entries]

    def public(self, world: World) -> list[str]:
        return world.do(
            lambda: [
                entry.text
                for entry in world.slack.transcript.entries
                if entry.reader is None and entry.channel != slack_channels.ORGANIZERS
            ]
        )

    def told(self, world: World) -> list[str]:
        entries = world.slack.transcript.entries
        messages = world.do(lambda: [one for one in entries if one.surface == "dm"])
        return [(one.versions or [{"text": one.text}])[0]["text"] for one in messages]

    def listen(self, world: World, note: Note) -> None:
        slack, people = world.slack, world.company.people
        write, post = slack.transcript.write, slack.response_urls.post

        def heard(user: str | None, text: str) -> None:
            key = next((key for key, one in people.items() if one.slack.id == user), None)
            if key is not None:
                note(key, text)

        def writing(*args: Any, **named: Any) -> Any:
            entry = write(*args, **named)
            heard(entry.reader, entry.text)
            return entry

        def posting(path: str, body: Any) -> tuple[int, str]:
            answer = post(path, body)
            made = slack.response_urls._invocations.get(path)  # noqa: SLF001 - who reads it, nobody else knows
            if made is not None and isinstance(body, dict) and answer[0] == 200:
                heard(made.user_id, str(body.get("text") or ""))
            return answer

        slack.transcript.write = writing  # type: ignore[method-assign]
        slack.response_urls.post = posting  # type: ignore[method-assign]


class TeamsSide:
    """Teams: answers and results are messages in the personal chat, answers as replies."""

    name = "teams"
    fields: Mapping[str, Any] = MappingProxyType(
        {
            "channels": [f"teams:{connector_conversations.RACING}"],
            "organizer_channel": f"teams:{connector_conversations.ORGANIZERS}",
        }
    )

    def line(self, world: World, play: Callable[[Flow[Answer]], Answer], url: str, key: str) -> Line:
        return TeamsLine(world, play, url, key)

    def organizers(self, world: World) -> list[Said]:
        channel = connector_conversations.ORGANIZERS
        entries = world.do(lambda: [one.as_json() for one in world.teams.transcript.in_conversation(channel)])
        return [said_in_teams(entry) for entry in entries]

    def public(self, world: World) -> list[str]:
        people = {one.id for one in world.company.teams_users.values()}
        return world.do(
            lambda: [
                entry.says()
                for entry in world.teams.transcript.entries
                if entry.kind != "personal"
                and entry.reader is None
                and entry.author not in people
                and entry.conversation != connector_conversations.ORGANIZERS
            ]
        )

    def told(self, world: World) -> list[str]:
        people = {one.id for one in world.company.teams_users.values()}
        return world.do(
            lambda: [
                one.wordings()[0]
                for one in world.teams.transcript.entries
                if one.kind == "personal" and one.author not in people and one.answers is None
            ]
        )

    def listen(self, world: World, note: Note) -> None:
        transcript, readers = world.teams.transcript, world.teams.conversations
        people = {one.teams.id: key for key, one in world.company.people.items()}
        write, update = transcript.write, world.teams.api.update

        def heard(entry: Any) -> None:
            members = readers.find(entry.conversation)
            for user in (members.members or ()) if members is not None and entry.kind == "personal" else ():
                if entry.author not in people:
                    note(people[user], entry.says())

        def writing(*args: Any, **named: Any) -> Any:
            entry = write(*args, **named)
            heard(entry)
            return entry

        def updating(conversation_id: str, activity_id: str, activity: Any) -> Any:
            answer = update(conversation_id, activity_id, activity)
            heard(transcript.find(connector_conversations.bare(conversation_id), activity_id))
            return answer

        transcript.write = writing  # type: ignore[method-assign]
        world.teams.api.update = updating  # type: ignore[method-assign]


SIDES: dict[str, Side] = {"slack": SlackSide(), "teams": TeamsSide()}
NEEDED = {platform: PARTS - set(SIDES) | {platform} for platform in SIDES}


def parts_of(platforms: tuple[str, ...]) -> frozenset[str]:
    """Return the simulators that these platforms need."""
    return frozenset().union(*(NEEDED[platform] for platform in platforms))
