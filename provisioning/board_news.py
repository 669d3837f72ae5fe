"""News of a leaderboard: what is worth saying between two readings of it, the weightiest first.

News comes of a lap: of a line that was not there before. Whose line that is has to be told without ids:

    the same alias and time were there      nothing happened
    the same alias was there                it is theirs; one of them, where several share it
    another alias is gone                   a racer who has improved and goes by another alias now, when only
                                            one line that is gone can have been theirs
    else                                    a racer whose first lap this is

Where more than one line can have been theirs, only the place is told, which is true whoever it is. The one
news without a lap is a new champion, when a time was taken off the board.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from provisioning.leaderboards import Leaderboard, Line, is_on_podium


class Kind(StrEnum):
    """What happened, the weightiest first."""

    CHAMPION = "champion"  # somebody else leads alone
    LEVEL = "level"  # somebody drew level with the best time
    RECORD = "record"  # the champion was faster still
    PODIUM = "podium"  # somebody came into the first three places
    FIRST = "first"  # a new racer's first valid time
    IMPROVEMENT = "improvement"  # somebody beat their own time


_WEIGHT = {kind: weight for weight, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened on a leaderboard; all it says is true of the newer reading.

    `rival` leads as well (LEVEL), comes next (CHAMPION and RECORD, None when nobody does), or is the one who
    leads. `own_ms` is the time that the racer had before, None when they had none or when that is not known;
    with a RECORD also when it may not have been the record any more.
    """

    kind: Kind
    line: Line
    rival: Line | None = None
    own_ms: int | None = None
    by_lap: bool = True  # False: they lead because a time was taken off the board


@dataclass(frozen=True, slots=True)
class _Lap:
    """A line that was not there before: the same racer's line before it, or those that may have been."""

    line: Line
    before: Line | None = None
    perhaps: tuple[Line, ...] = ()

    @property
    def is_first(self) -> bool:
        """Whether this racer had no valid time before."""
        if self.before is not None:
            return self.before.time_ms is None
        return not self.perhaps

    @property
    def is_faster(self) -> bool:
        return self.before is not None and _beats(self.line, self.before)


def changes(before: Leaderboard, after: Leaderboard) -> tuple[News, ...]:
    """Return what is news in `after` for those who know `before`, at most one of each racer."""
    laps = _laps(before, after)
    found = [news for lap in laps if (news := _of_lap(lap, before, after)) is not None]
    found += _inherited(before, after, {lap.line for lap in laps})
    order = {line: number for number, line in enumerate(after.lines)}
    return tuple(sorted(found, key=lambda news: (_WEIGHT[news.kind], order[news.line])))


def weightiest(news: Iterable[News]) -> News | None:
    """Return the news to tell when only one can be told; the earliest of equals, None of none."""
    return min(news, key=lambda one: _WEIGHT[one.kind], default=None)


def _of_lap(lap: _Lap, before: Leaderboard, after: Leaderboard) -> News | None:
    line, own_ms = lap.line, lap.before.time_ms if lap.before is not None else None
    if line.time_ms is None:
        return None
    has_led = lap.before is not None and lap.before.place == 1
    gained = lap.is_first or lap.is_faster or bool(lap.perhaps)
    if line.place == 1 and (gained or not has_led):
        others = [other for other in after.leaders if other != line]
        if others:
            return News(Kind.LEVEL, line, others[0], own_ms)
        if has_led:
            second = _second(after)
            return News(Kind.RECORD, line, second, None if _has_beaten(second, own_ms) else own_ms)
        return News(Kind.CHAMPION, line, _second(after), own_ms)
    if gained and is_on_podium(line) and not any(map(is_on_podium, _known(lap))):
        return News(Kind.PODIUM, line, after.leaders[0], own_ms)
    if lap.is_first:
        return News(Kind.FIRST, line, after.leaders[0])
    return News(Kind.IMPROVEMENT, line, after.leaders[0], own_ms) if lap.is_faster else None


def _has_beaten(second: Line | None, record_ms: int | None) -> bool:
    """Whether whoever comes next has beaten the old record, and so may have held it between two readings."""
    if second is None or second.time_ms is None or record_ms is None:
        return False
    return second.time_ms < record_ms


def _known(lap: _Lap) -> tuple[Line, ...]:
    return (lap.before,) if lap.before is not None else lap.perhaps


def _inherited(before: Leaderboard, after: Leaderboard, new: set[Line]) -> Iterator[News]:
    """Yield the new champion whom only the removal of another has made one; the first of several."""
    leaders = after.leaders
    if not leaders or not new.isdisjoint(leaders):
        return
    have_led = {(line.alias, line.time_ms) for line in before.leaders}
    if any((line.alias, line.time_ms) in have_led for line in leaders):
        return
    if len(leaders) > 1:
        yield News(Kind.LEVEL, leaders[0], leaders[1], leaders[0].time_ms, by_lap=False)
    else:
        yield News(Kind.CHAMPION, leaders[0], _second(after), leaders[0].time_ms, by_lap=False)


def _second(board: Leaderboard) -> Line | None:
    """Return who comes next after a champion who leads alone."""
    return next((line for line in board.lines[1:2] if line.time_ms is not None), None)


def _laps(before: Leaderboard, after: Leaderboard) -> tuple[_Lap, ...]:
    """Return the lines that were not there before, each with what is known of its racer."""
    gone: defaultdict[str, list[Line]] = defaultdict(list)
    for line in before.lines:
        gone[line.alias].append(line)
    new: list[Line] = []
    for line in after.lines:
        same = next((old for old in gone[line.alias] if old.time_ms == line.time_ms), None)
        if same is None:
            new.append(line)
        else:
            gone[line.alias].remove(same)
    # Where racers share an alias, a first submission is the last to be taken for one of those who were there.
    known: dict[Line, Line] = {}
    for line in sorted(new, key=lambda line: line.submissions == 1):
        theirs = gone[line.alias]
        if theirs:
            known[line] = next((old for old in theirs if _beats(line, old)), theirs[0])
            theirs.remove(known[line])
    rest = [line for line in new if line not in known]
    perhaps = _renamed(rest, list(chain.from_iterable(gone.values())))
    return tuple(_lap(line, known, perhaps) for line in new)


def _lap(line: Line, known: dict[Line, Line], perhaps: dict[Line, tuple[Line, ...]]) -> _Lap:
    match perhaps.get(line, ()):
        case (old,) if sum(old in others for others in perhaps.values()) == 1:
            return _Lap(line, old)
        case others:
            return _Lap(line, known.get(line), others)


def _renamed(new: Sequence[Line], gone: Sequence[Line]) -> dict[Line, tuple[Line, ...]]:
    """Return, for each line of an alias that was not there, the lines that are gone and may have been theirs.

    The platform shows a new alias only with an improvement, and that is never a first submission.
    """
    return {
        line: tuple(
            old
            for old in gone
            if _beats(line, old)
            and old.submitted_at < line.submitted_at
            and old.submissions < line.submissions
        )
        for line in new
    }


def _beats(line: Line, old: Line) -> bool:
    """Whether this is a valid time, and better than what was there."""
    return line.time_ms is not None and (old.time_ms is None or line.time_ms < old.time_ms)
