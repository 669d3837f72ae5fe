"""People who talk to the bot, in the words of a scenario. What a platform adds is its `Line`."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

from sandbox.chatting import Answer, Flow, Moves
from sandbox.company import Person
from sandbox.teams_chatting import TeamsMoves
from sandbox.world import World
from tests.scenario.telling import Said, said, said_in_teams
from tests.scenario.waiting import DEADLINE_SECONDS, eventually

# Everything a direct message can be about: a result is told once, as a message of its own.
FINAL = {"ready", "gone", "over", "removed", "suspended"}


class Line(Protocol):
    """One person's way to the bot on one chat platform, and what they see of it."""

    def say(self, words: str) -> Answer:
        """Say this to the bot, and return its answer as it came back over HTTP."""
        ...

    def saying(self, words: str) -> Flow[Answer]:
        """Return the same as a flow, for a crowd that speaks at once."""
        ...

    def press(self, label: str) -> Answer:
        """Press the newest button of this label."""
        ...

    def seen(self) -> list[Said]:
        """Return everything this person sees now, oldest first."""
        ...


class SlackLine:
    """A person in Slack. Requests are signed by the company's clock, which the bot goes by as well."""

    def __init__(self, world: World, play: Callable[[Flow[Answer]], Answer], url: str, key: str) -> None:
        self._world = world
        self._play = play
        self._user = world.company.people[key].slack.id
        self.moves = Moves(
            key, slack_url=world.urls["slack"], signing_secret=world.slack.signing_secret, bot_url=url
        )

    def say(self, words: str) -> Answer:
        return self._play(self.saying(words))

    def saying(self, words: str) -> Flow[Answer]:
        # Signed when it is said: of a crowd the last may speak a minute after the first.
        return (yield from self.moves.command(words, at=self.now()))

    def press(self, label: str) -> Answer:
        return self._play(self.moves.press(label, at=self.now()))

    def seen(self) -> list[Said]:
        entries = self._world.do(
            lambda: [one.as_json() for one in self._world.slack.transcript.visible_to(self._user)]
        )
        return [said(entry) for entry in entries if entry["reader"] is not None]

    def now(self) -> int:
        """Return the moment at which a request would be signed, in seconds since 1970."""
        return int(self._world.company.clock.now())


class TeamsLine:
    """A person in Teams, in their personal chat with the bot."""

    def __init__(self, world: World, play: Callable[[Flow[Answer]], Answer], url: str, key: str) -> None:
        self._world = world
        self._play = play
        self._user = world.company.people[key].teams.id
        self.moves = TeamsMoves(key, teams_url=world.urls["teams"], bot_url=url)

    def say(self, words: str) -> Answer:
        return self._play(self.saying(words))

    def saying(self, words: str) -> Flow[Answer]:
        return self.moves.say(words)

    def press(self, label: str) -> Answer:
        return self._play(self.moves.press(label))

    def seen(self) -> list[Said]:
        entries = self._world.do(
            lambda: [one.as_json(self._user) for one in self._world.teams.transcript.visible_to(self._user)]
        )
        return [
            said_in_teams(entry)
            for entry in entries
            if entry["kind"] == "personal" and entry["author"] != self._user
        ]


class Racer:
    """One person of the company who talks to the bot."""

    def __init__(self, person: Person, line: Line, are_members: Callable[[str], Collection[str]]) -> None:
        self.key = person.key
        self.person = person
        self.line = line
        self._are_members = are_members
        self.asked = 0  # how often the racer said or pressed something

    def __repr__(self) -> str:
        lines = "\n".join(
            f"    {one.place:8} {' → '.join((*one.earlier, one.kind)):24} {one.text[:60]!r}"
            for one in self.reads()
        )
        return f"{self.key} reads\n{lines}"

    def says(self, words: str) -> Said:
        """Type this, and return the answer that is shown at once."""
        before = {one.number for one in self.reads()}
        self.hears(self.line.say(words))

        def new() -> list[Said]:
            return [one for one in self.reads() if one.place == "answer" and one.number not in before]

        # In Teams the answer is a message of its own, right behind the request.
        found = eventually(new, f"{self.key} is answered", otherwise=lambda: repr(self))[0]
        return replace(
            found, kind=found.first, text=found.came_as
        )  # it may have been brought up to date by now

    def presses(self, label: str) -> None:
        """Press the newest button of this label."""
        self.hears(self.line.press(label))

    def hears(self, answer: Answer) -> None:
        """Take an answer of the bot; it must be a good one, and be there to read."""
        assert answer.status in {200, 201}, answer
        self.asked += 1

    def reads(self) -> list[Said]:
        """Return everything the racer sees now, oldest first; channels are left out."""
        return self.line.seen()

    @property
    def told(self) -> list[str]:
        """The kinds of the messages of their own that the racer got, oldest first, as they came."""
        return [one.first for one in self.messages]

    @property
    def messages(self) -> list[Said]:
        """The messages of their own that the racer got, oldest first."""
        return [one for one in self.reads() if one.place == "direct"]

    @property
    def card(self) -> Said:
        """What the racer sees now where they asked last."""
        return [one for one in self.reads() if one.place == "answer"][-1]

    @property
    def in_groups(self) -> set[str]:
        """The directories in which the racer is a member now."""
        return set(self._are_members(self.key))

    @property
    def is_member(self) -> bool:
        """Whether the racer is a member everywhere."""
        return self.in_groups == {"entra", "identity store"}

    def is_told(self, *kinds: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until the racer got exactly these messages of their own, in this order."""
        eventually(
            lambda: self.told == list(kinds),
            f"{self.key} was told {kinds}",
            seconds=seconds,
            otherwise=lambda: repr(self),
        )

    def sees(self, kind: str) -> Said:
        """Wait until where they asked last shows this."""
        eventually(lambda: self.card.kind == kind, f"{self.key} sees {kind}", otherwise=lambda: repr(self))
        return self.card

    def becomes_ready(self) -> None:
        """Wait until the newest message of their own says that the racer is in."""
        self.comes_to("ready")

    def comes_to(self, *kinds: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until the newest message of their own says one of these."""
        eventually(
            lambda: self.told and self.told[-1] in kinds,
            f"{self.key} came to {kinds}",
            seconds=seconds,
            otherwise=lambda: repr(self),
        )
