"""A board: the ranking of one race as it was last read, what has been told of it, and who watches it.

a reading ─▶ the board shows it at once ─▶ when news is due: the weightiest since news was last told

News is a difference to what was told, not to the reading before. So a pause, a restart or a muted channel
neither loses any nor tells any twice, and of much that happens at once only the weightiest is said.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provisioning import races
from provisioning.board_news import News, changes, weightiest
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard
from provisioning.platform import Race, Timing

NEWS_EVERY = timedelta(minutes=2)  # no channel hears more of one race
SETTLED_AFTER = timedelta(minutes=10)  # models that were in line when the race closed are still to be judged


@dataclass(frozen=True, slots=True)
class Watch:
    """A channel that shows a board. One that hears no news still has its board kept up to date."""

    channel: str
    hears_news: bool = True


@dataclass(frozen=True, slots=True)
class Board:
    """The ranking of a race of the platform. `race_id`, `name` and `url` are the platform's."""

    event_id: EventId
    race_id: str
    name: str
    url: str
    timing: Timing
    opens: datetime
    closes: datetime
    ranking: Leaderboard = field(default_factory=Leaderboard)
    updated_at: datetime | None = None  # when the ranking was first found as it is; None before any reading
    told: Leaderboard | None = None  # as it was when news was last told; None before the first reading
    told_at: datetime | None = None
    is_final: bool = False
    watches: tuple[Watch, ...] = ()
    version: int = 0

    @property
    def key(self) -> str:
        """Return the name of the board over all events: `spring-cup-2027/3fPq…`."""
        return f"{self.event_id}/{self.race_id}"

    @property
    def shows(self) -> str:
        """Return the version of what a channel is shown: another one means that the message is edited."""
        final = "final" if self.is_final else self.closes.isoformat()
        return f"{self.ranking.version} {final} {self.name}"

    def is_watched_in(self, channel: str) -> bool:
        """Whether this channel shows the board."""
        return any(watch.channel == channel for watch in self.watches)

    def is_open(self, at: datetime) -> bool:
        """Whether models may be submitted at this moment."""
        return self.opens <= at < self.closes

    def is_settled(self, at: datetime) -> bool:
        """Whether what is read at this moment is the result."""
        return at >= self.closes + SETTLED_AFTER


def named(boards: Sequence[Board], name: str, posted: Sequence[races.Race] = ()) -> tuple[Board, ...]:
    """Return the board of this race's id, or those of this name, or those whose name begins so.

    Where an organizer posted a race under another title, that is a name of its board, too.
    """
    wanted = " ".join(name.casefold().split())
    by_id = tuple(board for board in boards if board.race_id == name)
    names = [(board, {board.name.casefold(), *_titles(board, posted)}) for board in boards]
    by_name = tuple(board for board, known in names if wanted in known)
    begun = tuple(board for board, known in names if any(one.startswith(wanted) for one in known))
    return by_id or by_name or begun


def _titles(board: Board, posted: Sequence[races.Race]) -> Iterator[str]:
    """Yield under which titles organizers have posted the race of this board."""
    for race in posted:
        if race.event_id == board.event_id and race.link.rstrip("/") == board.url.rstrip("/"):
            yield " ".join(race.title.casefold().split())


def of_race(event_id: EventId, race: Race, known: Board | None) -> Board:
    """Return the board of this race as the platform has it now; what was read and told of it stays."""
    if known is None:
        return Board(event_id, race.id, race.name, race.url, race.timing, race.opens, race.closes)
    return replace(
        known, name=race.name, url=race.url, timing=race.timing, opens=race.opens, closes=race.closes
    )


def read(board: Board, ranking: Leaderboard, at: datetime) -> tuple[Board, News | None]:
    """Return the board after this reading, and the news to tell now.

    The first reading is where news begins, and the last one is told by the podium.
    """
    is_new = board.updated_at is None or ranking.version != board.ranking.version
    now = replace(
        board,
        ranking=ranking,
        updated_at=at if is_new else board.updated_at,
        is_final=board.is_settled(at),
    )
    if board.told is None or now.is_final:
        return replace(now, told=ranking), None
    if board.told_at is not None and at < board.told_at + NEWS_EVERY:
        return now, None
    news = weightiest(changes(board.told, ranking))
    return replace(now, told=ranking, told_at=at if news is not None else board.told_at), news


def has_lost(before: Leaderboard, after: Leaderboard) -> bool:
    """Whether racers are missing who were there.

    They may have been disqualified, or have moved from one page to another while the pages were read; then
    reading once more finds them.
    """
    return len(after.lines) < len(before.lines) or bool(
        Counter(line.alias for line in before.lines) - Counter(line.alias for line in after.lines)
    )
