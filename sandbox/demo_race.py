"""The second act of the demo: an event on DeepRacer on AWS, a race, and a leaderboard that moves."""

import asyncio
from collections.abc import Sequence

from sandbox.company import Company
from sandbox.demo_board import NIGHT, Board
from sandbox.demo_cast import Cast
from sandbox.demo_players import Players
from sandbox.demo_theater import Theater

EVENT = "race-night"
RACE, RACE_SECONDS = "Night Sprint", 3600.0
LINK = "https://racing.acme.example/races/night-sprint"
LOOKS, LOOK_SECONDS = 90, 1.0
HOURS = 25  # to which a racer's quota is raised
QUOTA_HOURS = 10  # what the event gives
FIRST_MS, GAP_MS = 62_345, 777  # the first lap, and how much faster the next one is


class RaceNight:
    """A second event while the first goes on, when that has come to rest."""

    def __init__(
        self, theater: Theater, board: Board, players: Players, cast: Cast, company: Company
    ) -> None:
        self._theater = theater
        self._board = board
        self._players = players
        self._cast = cast
        self._company = company
        self.standing: list[str] = []  # the aliases on the leaderboard at the end, the fastest first
        self.minutes: dict[str, int] = {}  # what the site lets each racer train at the end

    async def tell(self) -> None:
        """Play the act to its end."""
        race = await self._open()
        await self._organize()
        await self._race(race)
        rows = {row["email"]: row["minutes_allowed"] for row in await self._theater.profiles()}
        self.minutes = {key: rows[self._mail(key)] for key in self._cast.night}

    async def _open(self) -> str:
        chapter = self._board.begin(f"A second event opens, {NIGHT}, on a DeepRacer on AWS site")
        race = await self._theater.open_race(RACE, RACE_SECONDS)
        site = self._theater.address.urls["racing"]
        await self._theater.apply_event(
            self._company,
            id=EVENT,
            name=NIGHT,
            access_url=None,
            grants=[{"kind": "deepracer-on-aws", "site_url": site}],
        )
        for key in self._cast.night:
            await self._players.says(key, f"join {EVENT}")
        await self._players.all_are(self._cast.night, lambda: self._board.at_night, f"in {NIGHT}")
        self._board.end(
            chapter, f"{len(self._cast.night)} racers have an account there and the way to their password"
        )
        return race

    async def _organize(self) -> None:
        chapter = self._board.begin("Its organizer posts the race, raises a quota, has the leaderboard shown")
        for _ in range(LOOKS):  # the dead worker's leave to read the site's races runs out first
            if RACE in await self._players.says(self._cast.night[0], "leaderboard"):
                break
            await asyncio.sleep(LOOK_SECONDS)
        promoted = self._company.people[self._cast.promoted].slack.id
        for instruction in (
            f"quota <@{promoted}> hours={HOURS} event={EVENT}",
            f"race post {LINK} {RACE} event={EVENT}",
            f"leaderboard watch event={EVENT}",
        ):
            await self._players.says(self._cast.organizer, f"admin {instruction}")
        await self._shown(f"{RACE}: the leaderboard")
        self._board.end(chapter, "the channel has the race with a Join button, and below it the leaderboard")

    async def _race(self, race: str) -> None:
        chapter = self._board.begin("They drive, each faster than the one before; then one beats them all")
        aliases = {row["email"]: row["alias"] for row in await self._theater.profiles()}
        *slower, leader = self._cast.night
        for number, key in enumerate(self._cast.night):
            await self._theater.drive(race, self._mail(key), FIRST_MS - GAP_MS * number)
        await self._shown(f"{aliases[self._mail(leader)]} takes the lead in {RACE}")
        await self._theater.drive(race, self._mail(slower[0]), FIRST_MS - GAP_MS * len(self._cast.night))
        order = [slower[0], leader, *slower[:0:-1]]
        self.standing = [aliases[self._mail(key)] for key in order]
        await self._players.until(
            lambda: any(in_order(said, self.standing) for said in self._board.in_channels),
            "the new order in the channel",
        )
        self._board.end(chapter, "the channel had the news, and one message there was edited in place")

    def _mail(self, key: str) -> str:
        entra = self._company.people[key].entra
        if entra is None or entra.mail is None:
            raise ValueError(f"{key} has no address")
        return entra.mail

    async def _shown(self, text: str) -> None:
        await self._players.until(
            lambda: any(text in said for said in self._board.in_channels), f"“{text}” in the channel"
        )


def in_order(said: str, names: Sequence[str]) -> bool:
    """Tell whether these names stand in a text, in this order."""
    places = [said.find(name) for name in names]
    return bool(places) and -1 not in places and places == sorted(places)
