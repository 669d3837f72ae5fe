"""A leaderboard: the ranking of a race as people read it.

The platform's rows have no id. A racer is told by an alias that need not be unique and that is the one of the
moment when the row was made or improved; rows that tie have different ranks; and a row may be read twice when
the ranking changes between two pages. A leaderboard is made of what is left when all that is taken away.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000  # milliseconds


class Ranked(Protocol):
    """What the platform tells of a racer in a ranking; `time_ms` is None without a valid time."""

    @property
    def alias(self) -> str:
        """What the racer was called when the row was made or improved."""
        ...

    @property
    def time_ms(self) -> int | None:
        """The racer's best, in thousandths of a second."""
        ...

    @property
    def submitted_at(self) -> datetime:
        """When it was driven."""
        ...

    @property
    def submissions(self) -> int:
        """Which of the racer's submissions it was, counted from 1."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a leaderboard. Equal times share a place; without a valid time there is none."""

    place: int | None
    alias: str
    time_ms: int | None
    submitted_at: datetime
    submissions: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The lines of a ranking, each once, the best first; of equal times the earlier one stands above.

    Lines without a valid time stand below all others.
    """

    lines: tuple[Line, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Ranked]) -> Self:
        """Make the leaderboard of these rows, in whatever order and however often they were read."""
        found = {
            (row.time_ms is None, row.time_ms or 0, row.submitted_at, row.alias, row.submissions)
            for row in rows
        }
        lines: list[Line] = []
        for position, (is_void, time_ms, submitted_at, alias, submissions) in enumerate(sorted(found), 1):
            if is_void:
                lines.append(Line(None, alias, None, submitted_at, submissions))
                continue
            ties = bool(lines) and lines[-1].time_ms == time_ms
            place = lines[-1].place if ties else position
            lines.append(Line(place, alias, time_ms, submitted_at, submissions))
        return cls(tuple(lines))

    @property
    def leaders(self) -> tuple[Line, ...]:
        """Return who is in the first place; several with equal times, nobody before the first valid one."""
        return tuple(line for line in self.lines if line.place == 1)

    @property
    def podium(self) -> tuple[Line, ...]:
        """Return the first three places; more lines than three where times are equal."""
        return tuple(line for line in self.lines if is_on_podium(line))

    @property
    def version(self) -> str:
        """Return a digest of what the ranking shows: places, aliases and times of all lines.

        Two readings of the same version read the same.
        """
        shown = json.dumps([[line.place, line.alias, line.time_ms] for line in self.lines])
        return hashlib.sha256(shown.encode()).hexdigest()[:16]

    def lines_of(self, alias: str) -> tuple[Line, ...]:
        """Return the lines of everybody with this alias, in whatever case it is typed."""
        wanted = alias.casefold()
        return tuple(line for line in self.lines if line.alias.casefold() == wanted)

    def gap_ms(self, line: Line) -> int | None:
        """Return how far this line is behind the best time; None without a valid time."""
        leaders = self.leaders
        if line.time_ms is None or not leaders or leaders[0].time_ms is None:
            return None
        return line.time_ms - leaders[0].time_ms


PODIUM = 3


def is_on_podium(line: Line) -> bool:
    """Whether this line is in one of the first three places."""
    return line.place is not None and line.place <= PODIUM


def lap_time(time_ms: int) -> str:
    """Return a time as racers read it: `59.999`, `1:02.345`, `1:00:02.345`."""
    seconds = f"{time_ms % _MINUTE // _SECOND}"
    rest = f".{time_ms % _SECOND:03}"
    if time_ms < _MINUTE:
        return seconds + rest
    minutes = f"{time_ms % _HOUR // _MINUTE}"
    if time_ms < _HOUR:
        return f"{minutes}:{seconds:0>2}{rest}"
    return f"{time_ms // _HOUR}:{minutes:0>2}:{seconds:0>2}{rest}"
