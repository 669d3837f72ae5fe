"""What somebody who watches the company sees: who is in which group, and the messages people get.

    GET /look?since=N    {"group": [keys], "store": [keys], "lines": [the fields of `Line`], "next": N}

It looks at the company's own state, so that watching costs none of the calls the simulators count.
"""

from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from sandbox.company import RACERS_GROUP, Company
from sandbox.connector import ConnectorSimulator
from sandbox.connector_transcript import TeamsEntry
from sandbox.slack_transcript import Transcript


@dataclass(frozen=True, slots=True)
class Line:
    """One message, or a new wording of one, in the order in which the onlooker noticed it."""

    platform: str
    number: int  # of the message, within its platform
    at: float  # simulated seconds since 1970 of the message's first posting
    to: str  # key of the person who reads it; for a channel its id
    surface: str  # "dm", "ephemeral" (the answer to a request) or "channel"
    text: str
    edited: bool


class Onlooker:
    """Watches one company. Like the simulators it is used from their thread only."""

    def __init__(self, company: Company, slack: Transcript, teams: ConnectorSimulator) -> None:
        self._company = company
        self._slack = slack
        self._teams = teams
        self._lines: list[Line] = []
        self._wordings: dict[tuple[str, int], int] = {}  # message -> wordings noticed

    def app(self) -> web.Application:
        """Return the application that lets others look."""

        async def look(request: web.Request) -> web.Response:
            return web.json_response(self.look(int(request.query.get("since", "0"))))

        app = web.Application()
        app.router.add_get("/look", look)
        return app

    def look(self, since: int) -> dict[str, Any]:
        """Return who is where now, and the lines from this one on."""
        lines = self.news()
        return {
            "group": self.in_group(),
            "store": self.in_store(),
            "lines": [asdict(line) for line in lines[since:]],
            "next": len(lines),
        }

    def news(self) -> list[Line]:
        """Return every line there has been, the newest last."""
        names = {person.slack.id: person.key for person in self._company.people.values()}
        for entry in self._slack.entries:
            wordings = [*(version["text"] for version in entry.versions), entry.text]
            to = names.get(entry.reader or "", entry.channel)
            self._notice("slack", entry.number, entry.at, to, entry.surface, wordings)
        for message in self._teams.transcript.entries:
            if not self._is_a_persons(message):
                to, surface = self._place(message)
                self._notice("teams", message.number, message.at, to, surface, message.wordings())
        return self._lines

    def _notice(
        self, platform: str, number: int, at: float, to: str, surface: str, wordings: list[str]
    ) -> None:
        """Take down the wordings of a message that were not known yet."""
        known = self._wordings.get((platform, number), 0)
        self._wordings[platform, number] = max(known, len(wordings))
        self._lines += [
            Line(platform, number, at, to, surface, text, edited=count > 0)
            for count, text in enumerate(wordings)
            if count >= known
        ]

    def _is_a_persons(self, message: TeamsEntry) -> bool:
        return message.author in self._company.teams_users

    def _place(self, message: TeamsEntry) -> tuple[str, str]:
        """Return who reads a message in Teams, and what it is: see `Line`."""
        if message.kind != "personal":
            return message.conversation, "channel"
        chat = self._teams.conversations.find(message.conversation)
        reader = next(iter((chat.members if chat else None) or ()), "")
        keys = {person.teams.id: person.key for person in self._company.people.values()}
        return keys.get(reader, message.conversation), surface_of(message.answers, message.replaced)

    def in_group(self) -> list[str]:
        """Return the keys of those who are in the racers' Entra group."""
        members = self._company.group(RACERS_GROUP).members
        return [key for key, entra_id in self._entra_ids().items() if entra_id in members]

    def in_store(self) -> list[str]:
        """Return the keys of those who are in the racers' group of the identity store."""
        users = self._company.store_users
        members = self._company.store_group(RACERS_GROUP).memberships.values()
        arrived = {users[user_id].external_id for user_id in members if user_id in users}
        return [key for key, entra_id in self._entra_ids().items() if entra_id in arrived]

    def _entra_ids(self) -> dict[str, str]:
        people = {person.key: person for person in self._company.people.values()}
        return {key: person.entra.id for key, person in people.items() if person.entra is not None}


def surface_of(answers: str | None, replaced: bool) -> str:  # noqa: FBT001 - two columns of an entry
    """Return what a message of the bot in a personal chat of Teams is: an answer, or a message of its own."""
    return "ephemeral" if answers is not None or replaced else "dm"
