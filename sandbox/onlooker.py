"""What somebody who watches the company sees: who is in which group, and the messages people get.

    GET /look?since=N    {"group": [keys], "store": [keys], "lines": [the fields of `Line`], "next": N}

It looks at the company's own state, so that watching costs none of the calls the simulators count.
"""

from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from sandbox.company import RACERS_GROUP, Company
from sandbox.slack_transcript import Entry, Transcript


@dataclass(frozen=True, slots=True)
class Line:
    """One message, or a new wording of one, in the order in which the onlooker noticed it."""

    number: int  # of the message
    at: float  # simulated seconds since 1970 of the message's first posting
    to: str  # key of the person who reads it; for a channel its id
    surface: str
    text: str
    edited: bool


class Onlooker:
    """Watches one company. Like the simulators it is used from their thread only."""

    def __init__(self, company: Company, transcript: Transcript) -> None:
        self._company = company
        self._transcript = transcript
        self._lines: list[Line] = []
        self._wordings: dict[int, int] = {}  # number of a message -> wordings noticed

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
        for entry in self._transcript.entries:
            known = self._wordings.get(entry.number, 0)
            if len(entry.versions) < known:
                continue
            self._wordings[entry.number] = len(entry.versions) + 1
            self._lines += _lines(entry, known, names.get(entry.reader or "", entry.channel))
        return self._lines

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


def _lines(entry: Entry, known: int, to: str) -> list[Line]:
    """Return a line for each wording of this message beyond those known."""
    wordings = [*(version["text"] for version in entry.versions), entry.text]
    return [
        Line(entry.number, entry.at, to, entry.surface, text, edited=number > 0)
        for number, text in enumerate(wordings)
        if number >= known
    ]
