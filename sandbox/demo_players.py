"""The players of the demo: what one person types, presses and reads, and how long the bot takes to answer."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import httpx

from sandbox import demo_words as words
from sandbox.chatting import Answer, Flow, Moves, Result, Sent, perform
from sandbox.demo_board import Board
from sandbox.demo_theater import TakesTooLong, Theater
from sandbox.teams_chatting import TeamsMoves

Json = dict[str, Any]
PATIENCE_SECONDS = 90.0  # for what must come, however slow the machine
ANSWER_LOOKS, ANSWER_PAUSE = 100, 0.1  # how often, and how many seconds apart, somebody looks for an answer
DOORS = {"/slack/events", "/api/messages"}


class Players:
    """Everybody of the company, each in Slack or in Teams.

    `requests` are the last ones sent in Slack, byte for byte; `answer_seconds` is how long the bot took for
    every request.
    """

    def __init__(self, theater: Theater, board: Board, in_teams: Collection[str]) -> None:
        self.answer_seconds: list[float] = []
        self.requests: dict[str, Sent] = {}
        self._theater = theater
        self._board = board
        self._in_teams = in_teams
        self._client = _Client(self.answer_seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def says(self, key: str, text: str) -> str:
        """Let this person say something where they are, and return the first line of the bot's answer."""
        if key not in self._in_teams:
            answer = await self.play(self.slack(key).command(text))
            self.requests[key] = answer.sent
            return outcome(answer)
        moves = self.teams(key)
        before = len(_answers(await self.play(moves.seen())))
        await self.play(moves.say(text))
        for _ in range(ANSWER_LOOKS):  # the answer is a message of its own, right behind the request
            answers = _answers(await self.play(moves.seen()))
            if len(answers) > before:
                return str(answers[-1]["wordings"][0]).partition("\n")[0]
            await asyncio.sleep(ANSWER_PAUSE)
        raise TakesTooLong(f"{key} got no answer in Teams")

    async def presses(self, key: str, label: str) -> None:
        """Let this person press the newest button of this label."""
        moves = self.teams(key) if key in self._in_teams else self.slack(key)
        await self.play(moves.press(label))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until this holds. Raises TakesTooLong."""
        await self._theater.until(condition, PATIENCE_SECONDS, what)

    async def all_are(self, keys: Iterable[str], known: Callable[[], Collection[str]], what: str) -> None:
        """Wait until all these people are among the known. Raises TakesTooLong with those who are not."""
        wanted = set(keys)
        try:
            await self.until(lambda: wanted <= set(known()), what)
        except TakesTooLong as error:
            raise TakesTooLong(f"{', '.join(sorted(wanted - set(known())))}: {error}") from None

    async def play(self, flow: Flow[Result]) -> Result:
        """Play one person's flow to its end."""
        return await perform(self._client, flow)

    def slack(self, key: str) -> Moves:
        """Return the moves of this person in Slack."""
        return self._theater.address.moves(key, bot_url=self._theater.bot_url)

    def teams(self, key: str) -> TeamsMoves:
        """Return the moves of this person in Teams."""
        return self._theater.address.teams_moves(key, bot_url=self._theater.bot_url)


def outcome(answer: Answer) -> str:
    """Return the first line of an answer: what came of the request."""
    body = answer.body
    text = str(body.get("text", "")) if isinstance(body, dict) else str(body)
    return words.plain(text).partition("\n")[0]


def _answers(seen: list[Json]) -> list[Json]:
    """Return the bot's answers among what somebody sees in Teams."""
    return [entry for entry in seen if entry["answers"] is not None]


class _Client(httpx.AsyncClient):
    """Sends what people do, and notes how long the bot takes to answer."""

    def __init__(self, seconds: list[float]) -> None:
        super().__init__(trust_env=False)
        self._seconds = seconds

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send one request."""
        begun = time.monotonic()
        response = await super().send(request, **options)
        if request.url.path in DOORS:
            self._seconds.append(time.monotonic() - begun)
        return response
