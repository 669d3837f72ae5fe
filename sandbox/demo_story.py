"""The story of the demo, chapter by chapter: what people do, and what befalls the bot meanwhile."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.chatting import sign
from sandbox.company import RACERS_GROUP
from sandbox.demo_board import Board
from sandbox.demo_cast import Cast, company
from sandbox.demo_directories import reached
from sandbox.demo_players import PATIENCE_SECONDS, Players, outcome
from sandbox.demo_race import RaceNight
from sandbox.demo_theater import Theater

Json = dict[str, Any]
BURST_SECONDS = 1.5  # within which a wave of people types join
STORM_SECONDS = 4.0
RETRY_AFTER = 2.0
LATE_SECONDS = 7.0  # how long AWS takes for the call in which the worker is killed
KILL_AFTER_SECONDS = 4.0
OLD_SECONDS = 600  # Slack's requests are good for five minutes
CYCLE_SECONDS = 2400.0


@dataclass(frozen=True, slots=True)
class Replay:
    """A request that arrived twice: the outcome each time, and how much the person saw before and after."""

    first: str
    second: str
    seen_before: int
    seen_after: int


@dataclass(slots=True)
class Course:
    """What happened in the story that nobody can read back afterwards."""

    typed_at: dict[str, float] = field(default_factory=dict)  # key -> when they typed join first
    answer_seconds: list[float] = field(default_factory=list)  # of every request to the bot
    second_answers: dict[str, str] = field(default_factory=dict)  # key -> what a second join was answered
    forged: dict[str, int] = field(default_factory=dict)  # what was wrong -> HTTP status
    replay: Replay | None = None
    worker_exit: int | None = None
    in_hand: frozenset[str] = frozenset()  # had begun and were not ready when the worker was killed
    standing: list[str] = field(default_factory=list)  # the aliases on the leaderboard, the fastest first
    minutes: dict[str, int] = field(default_factory=dict)  # key -> what the racing site lets them train
    graph_calls: list[Json] = field(default_factory=list)  # the bot's, from its start until it rests
    aws_calls: list[Json] = field(default_factory=list)


class Story:
    """One performance on a theater, told on a board. `course` holds what only the players know."""

    def __init__(self, theater: Theater, board: Board, cast: Cast) -> None:
        self.course = Course()
        self.company = company()  # as it was founded: who is who. What became of them, the directories tell.
        self._theater = theater
        self._board = board
        self._cast = cast
        self._players = Players(theater, board, cast.in_teams)
        self._race_night = RaceNight(theater, board, self._players, cast, self.company)
        self._answers: dict[str, str] = {}
        self._before: dict[str, int] = {}  # calls in the logs before the bot began

    async def tell(self) -> None:
        """Play the story to its end."""
        try:
            await self._open()
            await self._start()
            await self._outsiders()
            await self._first_wave()
            await self._crash()
            await self._second_wave()
            await self._once_more()
            await self._taken_over()
            await self._leavers()
            await self._take_stock()
            await self._race_night.tell()
            self.course.standing = self._race_night.standing
            self.course.minutes = self._race_night.minutes
            await self._scim_cycle()
        finally:
            await self._players.close()
        self.course.answer_seconds = self._players.answer_seconds

    async def _open(self) -> None:
        chapter = self._board.begin(
            "Acme opens its doors: Slack, Teams, Entra, Microsoft Graph, IAM Identity Center"
        )
        await self._theater.open_company()
        await asyncio.to_thread(self._add_by_hand)
        self._board.end(
            chapter,
            f"{len(self.company.people) - 1} people; an administrator has put {self._cast.member_before}"
            " into both groups by hand",
        )

    def _add_by_hand(self) -> None:
        who = self._entra_id(self._cast.member_before)
        with reached(self._theater.address.environment) as directories:
            directories.add_to_group(self.company.group(RACERS_GROUP).id, who)
            directories.add_to_store_group(self.company.store_group(RACERS_GROUP).group_id, who)

    async def _start(self) -> None:
        chapter = self._board.begin("The event is applied from its file; the bot's server and worker start")
        await self._theater.apply_event(self.company)
        await self._theater.start_bot()
        self._before = {part: len(await self._theater.calls(part)) for part in ("graph", "aws")}
        self._board.counts_from = self._before["graph"]
        self._board.end(chapter, "three processes, with nothing but the ordinary settings")

    async def _outsiders(self) -> None:
        outsiders = self._cast.outsiders
        chapter = self._board.begin(f"{len(outsiders)} people who must not get in try, and somebody forges")
        await asyncio.gather(*(self._join(key) for key in outsiders), self._forge())
        await self._players.all_are(outsiders, lambda: self._board.refused, "told why they are refused")
        self._board.end(
            chapter, "each is told why, with a code; forged and stale requests do not get past the door"
        )

    async def _forge(self) -> None:
        """Send a join that is signed wrongly, and one that is signed well but long ago."""
        moves = self._players.slack(self._cast.first[0])
        body, secret = b"command=%2Fdeepracer&text=join", self._theater.address.signing_secret
        now = int(time.time())
        for what, headers in (
            ("signed with a wrong secret", sign("guessed", body, now)),
            ("ten minutes old", sign(secret, body, now - OLD_SECONDS)),
        ):
            self.course.forged[what] = (await self._players.play(moves.send(body, headers))).status
        teams = self._players.teams(self._cast.first[0])
        for what, deviation in (
            ("with a Teams token for another bot", "wrong-audience"),
            ("with a Teams token that nobody signed", "unsigned"),
        ):
            self.course.forged[what] = (await self._players.play(teams.say("join", token=deviation))).status

    async def _first_wave(self) -> None:
        wave = self._cast.first
        title = f"{len(wave)} employees join in Slack and Teams at once; the directory throttles everything"
        chapter = self._board.begin(title)
        await self._theater.throttle_graph(RETRY_AFTER)
        await self._theater.delay_aws("CreateGroupMembership", LATE_SECONDS)
        await self._wave(wave)
        await self._leave(self._cast.leaves_pending)
        await self._players.until(lambda: self._board.throttled > 0, "one request throttled")
        await asyncio.sleep(STORM_SECONDS)  # the length of the storm is the story's, nothing is awaited
        await self._theater.calm_graph()
        self._board.end(
            chapter,
            f"{self._board.throttled} requests met 429, one brake holds all;"
            f" {self._cast.leaves_pending} leaves again",
        )

    async def _crash(self) -> None:
        wave = frozenset(self._cast.first) - {self._cast.leaves_pending}
        chapter = self._board.begin("The worker is killed (SIGKILL) in the middle of a call to AWS")
        await self._theater.until_struck("aws", PATIENCE_SECONDS)
        since = self._board.seconds()
        await self._players.until(
            lambda: (
                wave <= self._board.reached["verified"] or self._board.seconds() - since > KILL_AFTER_SECONDS
            ),
            "the first wave verified",
        )
        self.course.worker_exit = self._theater.kill_worker()
        self.course.in_hand = wave - self._board.reached["ready"]
        await self._theater.start_worker()
        self._board.end(
            chapter,
            f"{len(self.course.in_hand)} people were in its hands; another worker starts, nothing is lost",
        )

    async def _second_wave(self) -> None:
        wave, newcomer = self._cast.second, self._cast.newcomer
        chapter = self._board.begin(f"{len(wave)} more join meanwhile, one of them new to AWS")
        await self._wave(wave)
        await self._players.all_are(wave, lambda: self._board.reached["verified"], "verified")
        self._board.end(
            chapter, f"{newcomer} is not in the identity store yet and will be pushed there on demand"
        )

    async def _once_more(self) -> None:
        key = self._cast.replayed
        chapter = self._board.begin(f"A request of {key} arrives a second time, byte for byte")
        moves, sent = self._players.slack(key), self._players.requests[key]
        before = await self._players.play(moves.seen())
        answer = await self._players.play(moves.send(sent.body, sent.headers))
        after = await self._players.play(moves.seen())
        self.course.replay = Replay(self._answers[key], outcome(answer), len(before), len(after))
        self._board.end(chapter, "it gets the answer it had got, and does nothing")

    async def _taken_over(self) -> None:
        chapter = self._board.begin(
            "When the dead worker's leases have run out (30 s), the new one takes over"
        )
        early = self._cast.got_ready - set(self._cast.late)
        await self._players.all_are(early, lambda: self._board.reached["ready"], "ready")
        await self._players.all_are(
            [self._cast.leaves_pending], lambda: self._board.left, "told that they have left"
        )
        self._board.end(
            chapter, "it looks first at what is true in the directories, then goes on; all are ready"
        )

    async def _leavers(self) -> None:
        leavers = (self._cast.leaves_ready, self._cast.member_before)
        late = self._cast.late
        chapter = self._board.begin(f"{' and '.join(leavers)} leave, and {len(late)} latecomers join")
        await asyncio.gather(*(self._leave(key) for key in leavers), *(self._join(key) for key in late))
        await self._players.all_are(leavers, lambda: self._board.left, "told that they have left")
        await self._players.all_are(late, lambda: self._board.reached["ready"], "ready")
        self._board.end(
            chapter, "what the bot gave is gone from both directories; what was there before stays"
        )

    async def _take_stock(self) -> None:
        """Keep the call logs as they are before an administrator calls the same APIs."""
        self._board.counts_from = None
        self.course.graph_calls = await self._theater.calls("graph", self._before["graph"])
        self.course.aws_calls = await self._theater.calls("aws", self._before["aws"])
        self._board.count(self.course.graph_calls)

    async def _scim_cycle(self) -> None:
        colleague = self._cast.colleague
        chapter = self._board.begin(
            "Forty minutes pass in a moment: Entra's regular SCIM cycle runs over it all"
        )
        await asyncio.to_thread(self._add_colleague)
        await self._theater.turn_clock(CYCLE_SECONDS)
        await self._players.all_are([colleague], lambda: self._board.in_store, "brought by the SCIM cycle")
        self._board.end(
            chapter, f"it brings {colleague}, whom an administrator added, and changes nothing else"
        )

    def _add_colleague(self) -> None:
        with reached(self._theater.address.environment) as directories:
            directories.add_to_group(
                self.company.group(RACERS_GROUP).id, self._entra_id(self._cast.colleague)
            )

    async def _wave(self, wave: Iterable[str]) -> None:
        """Let these people type join within a moment, some of them twice."""
        keys = list(wave)
        await asyncio.gather(
            *(self._come(key, BURST_SECONDS * number / len(keys)) for number, key in enumerate(keys))
        )

    async def _come(self, key: str, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        await self._join(key)
        if key in self._cast.twice:
            self.course.second_answers[key] = await self._players.says(key, "join")
        if key == self._cast.in_both:
            await self._players.play(self._players.teams(key).say("join"))

    async def _join(self, key: str) -> None:
        self.course.typed_at[key] = time.time()
        self._answers[key] = await self._players.says(key, "join")

    async def _leave(self, key: str) -> None:
        await self._players.says(key, "leave")
        await self._players.presses(key, "Leave")

    def _entra_id(self, key: str) -> str:
        user = self.company.people[key].entra
        if user is None:
            raise ValueError(f"{key} is not in the directory")
        return user.id
