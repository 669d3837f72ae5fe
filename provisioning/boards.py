"""A board: the ranking of one race as it was last read, and what has been told of it.

a reading ─▶ the board shows it at once ─▶ when news is due: the weightiest since news was last told

News is a difference to what was told, not to the reading before. So a pause, a restart or a muted channel
neither loses any nor tells any twice, and of much that happens at once only the weightiest is said.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from provisioning.board_news import News, changes, weightiest
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard

Timing = Literal["best-lap", "average-lap", "total"]

NEWS_EVERY = timedelta(minutes=2)  # no channel hears more of one race
SETTLED_AFTER = timedelta(minutes=10)  # models that were in line when the race closed are still to be judged


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
    read_at: datetime | None = None  # when it was last found as it is, or otherwise
    told: Leaderboard | None = None  # as it was when news was last told; None before the first reading
    told_at: datetime | None = None
    is_final: bool = False
    version: int = 0

    @property
    def key(self) -> str:
        """Return the name of the board over all events: `spring-cup-2027/3fPq…`."""
        return f"{self.event_id}/{self.race_id}"

    def is_settled(self, at: datetime) -> bool:
        """Whether what is read at this moment is the result."""
        return at >= self.closes + SETTLED_AFTER


def read(board: Board, ranking: Leaderboard, at: datetime) -> tuple[Board, News | None]:
    """Return the board after this reading, and the news to tell now.

    The first reading is where news begins, and the last one is told by the podium.
    """
    now = replace(board, ranking=ranking, read_at=at, is_final=board.is_settled(at))
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
