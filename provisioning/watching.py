"""Watching: the rankings of the platform's races, read on the clock and shown where somebody watches them.

races of the site ─▶ boards        a ranking ─▶ its board ─▶ the outbox, all in one unit of work

What is owed follows from the row that is written with it. So a watcher that dies anywhere has either written
and owed everything or nothing, and the next one reads and goes on from there. One process at a time watches.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from provisioning.board_news import Kind as NewsKind
from provisioning.board_news import News
from provisioning.boards import Board, has_lost, named, of_race, read
from provisioning.errors import ProvisioningError, StaleWrite, StoreUnavailable
from provisioning.events import DeepRacerOnAws, Event
from provisioning.forgetting import kept_until
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard, Line
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import BoardsShown
from provisioning.platform import RacingPlatform
from provisioning.ports import Clock, Rows, Store

EVERY = timedelta(seconds=5)  # how often the watcher looks whether something is due
LIST_EVERY = timedelta(minutes=5)
READ_EVERY = timedelta(seconds=10)  # a ranking of up to a page
A_PAGE, PER_PAGE = 100, timedelta(seconds=3)  # each is a request, of which a site takes five a second
LEASE = timedelta(seconds=45)
OVER = timedelta(days=1)  # so long after its end an event's races are still watched

BOARD, NEWS, PODIUM = "board", "board-news", "board-podium"  # what notices of a board say

log = logging.getLogger(__name__)


class Watcher:
    """Reads what is due."""

    def __init__(self, store: Store, platform: Callable[[], RacingPlatform], clock: Clock) -> None:
        """Take the way to the platform; it is not reached before an event has races there."""
        self._store = store
        self._platform = platform
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._next = clock.now()
        self._looked: dict[str, datetime] = {}

    def round(self) -> int:
        """Read what is due when nobody else does; returns how many messages became owed."""
        now = self._clock.now()
        if now < self._next or not self._is_mine(now):
            return 0
        self._next = now + EVERY
        return sum(
            self._look(event, grant)
            for event in self._store.read(lambda rows: rows.events.all())
            if event.opens <= now and is_followed(event, now)
            for grant in event.grants
            if isinstance(grant, DeepRacerOnAws)
        )

    def _is_mine(self, now: datetime) -> bool:
        return self._store.run(
            lambda rows: rows.leases.take("watcher", self._token, now, now + LEASE)
        ).result()

    def _look(self, event: Event, grant: DeepRacerOnAws) -> int:
        """Look at one event; what keeps it from being read must not keep the others."""
        owed = 0
        try:
            if self._is_due(f"{event.id}", LIST_EVERY):
                owed += self._list(event, grant)
            for board in self._store.read(lambda rows: rows.boards.of_event(event.id)):
                if not board.is_final and board.opens <= self._clock.now():
                    owed += self._read(grant, board) if self._is_due(board.key, read_every(board)) else 0
        except StoreUnavailable:
            raise
        except ProvisioningError as error:
            log.warning("races unread", extra={"action": "watch", "event": event.id, "error": error.code})
        except Exception:
            log.exception("watching failed", extra={"action": "defect", "event": event.id})
        return owed

    def _is_due(self, what: str, every: timedelta) -> bool:
        """Whether this was not looked at lately, which it is from now on, whatever comes of it."""
        now = self._clock.now()
        if now < self._looked.get(what, now - every) + every:
            return False
        self._looked[what] = now
        return True

    def _list(self, event: Event, grant: DeepRacerOnAws) -> int:
        races = self._platform().races(grant)
        known = {
            board.race_id: board for board in self._store.read(lambda rows: rows.boards.of_event(event.id))
        }
        owed = 0
        for race in races:
            if race.closes < event.opens or race.opens > event.ends:
                continue
            board = of_race(event.id, race, known.get(race.id))
            if board != known.get(race.id):
                owed += self._written(lambda rows, board=board: _save(rows, board, self._clock.now()))  # type: ignore[misc]
        return owed

    def _read(self, grant: DeepRacerOnAws, board: Board) -> int:
        ranking = self._ranking(grant, board)
        if ranking is not None and has_lost(board.ranking, ranking):
            ranking = self._ranking(grant, board)
        now = self._clock.now()
        if ranking is None or not self._is_mine(now):
            return 0
        found = ranking
        return self._written(lambda rows: record(rows, board.event_id, board.race_id, found, now))

    def _ranking(self, grant: DeepRacerOnAws, board: Board) -> Leaderboard | None:
        standings = self._platform().standings(grant, board.race_id)
        return None if standings is None else Leaderboard.of(standings)

    def _written(self, unit: Callable[[Rows], int]) -> int:
        """Apply the unit; a row that somebody wrote meanwhile is looked at again the next time."""
        try:
            return self._store.run(unit).result()
        except StaleWrite:
            return 0


def read_every(board: Board) -> timedelta:
    """Return how often this ranking is read: a small one every ten seconds, a thousand rows every thirty."""
    return max(READ_EVERY, PER_PAGE * (len(board.ranking.lines) // A_PAGE + 1))


def record(rows: Rows, event_id: EventId, race_id: str, ranking: Leaderboard, now: datetime) -> int:
    """Keep this reading of a ranking, and owe what it means to the channels; returns how many messages."""
    board = rows.boards.get(event_id, race_id)
    if board is None:
        return 0
    after, news = read(board, ranking, now)
    if after == board:
        return 0
    owed = _save(rows, after, now)
    for watch in after.watches:
        if watch.hears_news and (news is not None or after.is_final):
            rows.outbox.put(_post(after, watch.channel, news, now))
            owed += 1
    return owed


def is_followed(event: Event, now: datetime) -> bool:
    """Whether races are read and shown: until a day after the event, if its people are known so long."""
    return now < min(event.over_at + OVER, kept_until(event))


def ask_boards(rows: Rows, name: str, alias: str, now: datetime) -> BoardsShown:
    """Return the leaderboards of this name; without one those of open races, else the last that was run."""
    boards = [
        board
        for event in rows.events.all()
        if is_followed(event, now)
        for board in rows.boards.of_event(event.id)
        if board.opens <= now
    ]
    found = named(boards, name)
    if not name:
        found = tuple(board for board in found if board.is_open(now)) or found[-1:]
    return BoardsShown(found, alias)


def show(rows: Rows, board: Board, channel: str, now: datetime) -> None:
    """Owe the channel the board as it is now: the first time as a post, then as an edit of it."""
    facts = {"event": str(board.event_id), "board": board.race_id}
    notice_id = f"announcement:{channel}:{board.event_id}:board {board.race_id}"
    rows.outbox.put(Notice(notice_id, Kind.ANNOUNCEMENT, channel, None, 0, BOARD, facts, now))


def board_of(rows: Rows, notice: Notice) -> Board | None:
    """Return the board that this notice is about."""
    return rows.boards.get(EventId(notice.facts["event"]), notice.facts["board"])


def news_of(notice: Notice) -> News:
    """Return the news that a notice carries; it is about a moment, not about what the board shows now."""
    facts = notice.facts
    return News(
        NewsKind(facts["kind"]),
        _line(facts, "line", notice),
        _line(facts, "rival", notice) if "rival time" in facts else None,
        int(facts["own"]) if "own" in facts else None,
        by_lap="inherited" not in facts,
    )


def _save(rows: Rows, board: Board, now: datetime) -> int:
    """Write the board, and owe it where it is watched and shows something else than before."""
    before = rows.boards.get(board.event_id, board.race_id)
    saved = rows.boards.save(board)
    if before is None or before.shows == board.shows:
        return 0
    for watch in saved.watches:
        show(rows, saved, watch.channel, now)
    return len(saved.watches)


def _post(board: Board, channel: str, news: News | None, now: datetime) -> Notice:
    """Return the post of this news, or of the podium when there is none; each is owed once."""
    facts = {"event": str(board.event_id), "board": board.race_id}
    if news is None:
        notice_id = f"post:{channel}:{PODIUM} {board.key}"
        return Notice(notice_id, Kind.POST, channel, None, 0, PODIUM, facts, now)
    facts |= {"kind": str(news.kind)} | dict(_facts("line", news.line))
    if news.rival is not None:
        facts |= dict(_facts("rival", news.rival))
    if news.own_ms is not None:
        facts["own"] = str(news.own_ms)
    if not news.by_lap:
        facts["inherited"] = "yes"
    # With somebody disqualified a ranking may become what it was before: only the row's version never does.
    notice_id = f"post:{channel}:{NEWS} {board.key} {board.ranking.version} {board.version}"
    return Notice(notice_id, Kind.POST, channel, None, 0, NEWS, facts, now)


def _facts(name: str, line: Line) -> Iterator[tuple[str, str]]:
    yield f"{name} alias", line.alias
    yield f"{name} place", str(line.place)
    yield f"{name} time", str(line.time_ms)


def _line(facts: Mapping[str, str], name: str, notice: Notice) -> Line:
    at = notice.created_at or datetime.min.replace(tzinfo=UTC)
    return Line(int(facts[f"{name} place"]), facts[f"{name} alias"], int(facts[f"{name} time"]), at, 0)
