"""A race as the platform's ranking told it in 40 readings, with what there was to announce after each.

It is driven again each time it is asked for, from the same seed: a few racers whose fortunes are told move by
move, and a thousand others behind them. The rows are those that the platform would give: an alias of the
moment when the row was made or improved, ranks without ties, no id.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provisioning.board_news import Kind
from tests.unit.provisioning.spring_cup import NOON

DEFAULT_ALIAS = "RacerAlias"  # what everybody is called who never chose another
EVERY = timedelta(minutes=5)
CROWD = [f"crowd-{number}" for number in range(1_000)]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the platform's ranking."""

    rank: int
    alias: str
    time_ms: int | None
    submitted_at: datetime
    submissions: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What there is to announce: the weightiest, and how much there was in all."""

    kind: Kind
    alias: str
    time_ms: int
    count: int = 1
    by_lap: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ranking was at a moment, and what is to be announced to those who know the reading before."""

    at: datetime
    rows: tuple[Row, ...]
    expected: Expected | None


@dataclass
class Race:
    """The race while it goes on: the rows by racer, and what racers call themselves at the moment."""

    rows: dict[str, Row] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)
    now: datetime = NOON
    seams: int = 0  # rows that are read twice, because the ranking changed between two pages

    def lap(self, racer: str, time_ms: int | None, *, after_failures: int = 0) -> None:
        """Drive a lap that is the racer's best; None is one without a valid time."""
        self.now += timedelta(milliseconds=1)
        self.tried[racer] = self.tried.get(racer, 0) + after_failures + 1
        alias = self.aliases.get(racer, racer)
        self.rows[racer] = Row(0, alias, time_ms, self.now, self.tried[racer])

    def rename(self, racer: str, alias: str) -> None:
        """Choose another alias; the ranking shows it with the next improvement."""
        self.aliases[racer] = alias

    def disqualify(self, racer: str) -> None:
        """Take a racer off the board."""
        del self.rows[racer]

    def ranking(self) -> tuple[Row, ...]:
        """Return the platform's rows, in its order."""
        ordered = sorted(self.rows.values(), key=lambda row: (row.time_ms is None, row.time_ms or 0))
        ranked = [replace(row, rank=rank) for rank, row in enumerate(ordered, 1)]
        twice = [replace(row, rank=row.rank + 1) for row in ranked[: self.seams]]
        self.seams = 0
        return (*ranked, *twice)


Act = Callable[[Race], object]
Move = tuple[Act, Expected | None]


def readings() -> tuple[Reading, ...]:
    """Drive the race and return its 40 readings."""
    race, found = Race(), []
    for number, (move, expected) in enumerate(_moves(random.Random(40))):
        race.now = NOON + number * EVERY
        move(race)
        found.append(Reading(race.now, race.ranking(), expected))
    return tuple(found)


def nothing(race: Race) -> None:
    """Let five minutes pass."""


def lap(racer: str, time_ms: int | None, *, after_failures: int = 0) -> Act:
    return lambda race: race.lap(racer, time_ms, after_failures=after_failures)


def rename(racer: str, alias: str) -> Act:
    return lambda race: race.rename(racer, alias)


def disqualify(racer: str) -> Act:
    return lambda race: race.disqualify(racer)


def read_twice(rows: int) -> Act:
    return lambda race: setattr(race, "seams", rows)


def all_of(*acts: Act) -> Act:
    def act(race: Race) -> None:
        for one in acts:
            one(race)

    return act


def drive(dice: random.Random, racers: list[str], slower_than: int, best: int) -> Act:
    """Let each of these racers drive a lap, the last of them the fastest."""
    times = [*dice.sample(range(slower_than, slower_than + 15_000), len(racers) - 1), best]
    return all_of(*map(lap, racers, times))


def _moves(dice: random.Random) -> Iterator[Move]:
    yield from _the_beginning()
    yield from _the_crowd(dice)
    yield from _names_and_disqualifications()
    yield from _two_renamed_at_once()
    yield from _corrections()
    yield from _the_end(dice)


def _the_beginning() -> Iterator[Move]:
    """One by one, with a lap that is not valid, and a tie for the second place."""
    yield nothing, None
    yield lap("Ada", 65_432), Expected(Kind.CHAMPION, "Ada", 65_432)
    yield nothing, None
    yield lap("Grace", None), None
    yield lap("Grace", 66_000), Expected(Kind.PODIUM, "Grace", 66_000)
    yield lap("Lewis", 66_000), Expected(Kind.PODIUM, "Lewis", 66_000)
    yield lap("Nigel", 70_000), Expected(Kind.FIRST, "Nigel", 70_000)
    yield lap("Nigel", 69_500), Expected(Kind.IMPROVEMENT, "Nigel", 69_500)
    yield lap("Ada", 65_000), Expected(Kind.RECORD, "Ada", 65_000)
    yield lap("Grace", 65_000), Expected(Kind.LEVEL, "Grace", 65_000)
    yield lap("Lewis", 64_999), Expected(Kind.CHAMPION, "Lewis", 64_999)


def _the_crowd(dice: random.Random) -> Iterator[Move]:
    """A thousand others, 20 of them without a valid time; one in three never chose an alias."""
    void = [lap(racer, None) for racer in CROWD[:20]]
    named = [rename(racer, DEFAULT_ALIAS) for racer in CROWD[::3]]
    first_half = drive(dice, CROWD[20:500], 120_000, 119_000)
    yield all_of(*named, *void, first_half), Expected(Kind.FIRST, "crowd-499", 119_000, 480)
    yield read_twice(3), None
    yield drive(dice, CROWD[500:], 100_000, 99_000), Expected(Kind.FIRST, DEFAULT_ALIAS, 99_000, 500)
    yield drive(dice, CROWD[100:300], 80_000, 79_000), Expected(Kind.IMPROVEMENT, "crowd-299", 79_000, 200)


def _names_and_disqualifications() -> Iterator[Move]:
    """A champion who is disqualified, names that change with a lap and without, a tie that is dissolved."""
    yield lap("Eve", 50_000), Expected(Kind.CHAMPION, "Eve", 50_000)
    yield disqualify("Eve"), Expected(Kind.CHAMPION, "Lewis", 64_999, by_lap=False)
    yield rename("Nigel", "Mansell"), None
    yield lap("Nigel", 65_500), Expected(Kind.IMPROVEMENT, "Mansell", 65_500)
    yield lap("Nigel", 64_999), Expected(Kind.LEVEL, "Mansell", 64_999)
    yield disqualify("Lewis"), None
    yield (
        all_of(rename("Ada", "Countess"), lap("Ada", 64_000)),
        Expected(Kind.CHAMPION, "Countess", 64_000),
    )


def _two_renamed_at_once() -> Iterator[Move]:
    """Two change their names at once: who is who nobody can tell, nor that either is new."""
    yield (
        all_of(
            rename("Grace", "Admiral"), rename("Nigel", "Red5"), lap("Grace", 63_900), lap("Nigel", 63_950)
        ),
        Expected(Kind.CHAMPION, "Admiral", 63_900),
    )
    yield lap("Turing", 63_000, after_failures=2), Expected(Kind.CHAMPION, "Turing", 63_000)
    yield lap("crowd-999", 63_500), Expected(Kind.PODIUM, DEFAULT_ALIAS, 63_500)
    yield (
        all_of(disqualify("Turing"), lap("crowd-999", 63_400)),
        Expected(Kind.CHAMPION, DEFAULT_ALIAS, 63_400),
    )
    yield lap("Hopper", 63_400), Expected(Kind.LEVEL, "Hopper", 63_400)
    yield disqualify("Hopper"), None
    yield (
        all_of(lap("Grace", 63_300), lap("Ada", 63_600), lap("Nigel", 63_350)),
        Expected(Kind.CHAMPION, "Admiral", 63_300, 3),
    )


def _corrections() -> Iterator[Move]:
    """A time that is corrected, and somebody new in the place of somebody else of the same alias."""
    yield lap("Grace", 63_700), Expected(Kind.CHAMPION, "Red5", 63_350, by_lap=False)
    yield (
        all_of(disqualify("crowd-999"), rename("Newcomer", DEFAULT_ALIAS), lap("Newcomer", 62_900)),
        Expected(Kind.CHAMPION, DEFAULT_ALIAS, 62_900),
    )
    yield lap("Newcomer", 62_800), Expected(Kind.RECORD, DEFAULT_ALIAS, 62_800)
    yield all_of(*map(disqualify, CROWD[300:400])), None


def _the_end(dice: random.Random) -> Iterator[Move]:
    """Three are level, one pulls away, a fourth place between two ties, a last lap under a new name."""
    yield (
        all_of(lap("Grace", 62_800), lap("Ada", 62_800)),
        Expected(Kind.LEVEL, "Admiral", 62_800, 2),
    )
    yield lap("Newcomer", 62_799), Expected(Kind.RECORD, DEFAULT_ALIAS, 62_799)
    yield read_twice(50), None
    yield lap("Hamilton", 62_900), Expected(Kind.FIRST, "Hamilton", 62_900)
    yield lap("Hamilton", 62_800), Expected(Kind.PODIUM, "Hamilton", 62_800)
    yield (
        all_of(
            drive(dice, CROWD[400:420], 71_000, 70_500),
            rename("Hamilton", "Lewis H"),
            lap("Hamilton", 62_500),
        ),
        Expected(Kind.CHAMPION, "Lewis H", 62_500, 21),
    )
    yield nothing, None
