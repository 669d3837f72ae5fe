"""Watching: what racing sites show, read on the clock: rankings, for those who watch them, and what is used.

races of the site ─▶ boards        a ranking ─▶ its board ─▶ the outbox, all in one unit of work

What is owed follows from the row that is written with it. So a watcher that dies anywhere has either written
and owed everything or nothing, and the next one reads and goes on from there. One process at a time watches.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from provisioning.board_news import Kind as NewsKind
from provisioning.board_news import News
from provisioning.boards import SETTLED_AFTER, Board, has_lost, named, of_race, read
from provisioning.certifying import certify, own_line
from provisioning.errors import ProvisioningError, StaleWrite, StoreUnavailable
from provisioning.events import DeepRacerOnAws, Event
from provisioning.forgetting import kept_until
from provisioning.ids import ChatIdentity, EventId, RegistrationKey
from provisioning.leaderboards import Leaderboard, Line
from provisioning.naming import by_name, names_on
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import BoardsShown
from provisioning.platform import Profile, RacingPlatform
from provisioning.ports import Clock, Rows, Store
from provisioning.usage import Usage, people_at
from provisioning.whose import Claim, carried, claimed

EVERY = timedelta(seconds=5)  # how often the watcher looks whether something is due
LIST_EVERY = timedelta(minutes=5)
PROFILES_EVERY = timedelta(minutes=5)  # two thousand racers are twenty requests
READ_EVERY = timedelta(seconds=10)  # a ranking of up to a page
A_PAGE, PER_PAGE = 100, timedelta(seconds=3)  # each is a request, of which a site takes five a second
LEASE = timedelta(seconds=45)
PATIENCE = timedelta(hours=1)  # so long a race that is over waits to learn what its racers are called
OVER = timedelta(days=1)  # so long after its end an event's races are still watched

BOARD, NEWS, PODIUM = "board", "board-news", "board-podium"  # what notices of a board say

log = logging.getLogger(__name__)


class Watcher:
    """Reads what is due."""

    def __init__(
        self, store: Store, platform: Callable[[], RacingPlatform], usage: Usage, clock: Clock
    ) -> None:
        """Take the way to the platform; it is not reached before an event has races there."""
        self._store = store
        self._usage = usage
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
                    due = self._is_due(board.key, read_every(board))
                    owed += self._read(event, grant, board) if due else 0
            if self._is_due(f"profiles {event.id}", PROFILES_EVERY):
                owed += self._look_at_racers(event, grant)
        except StoreUnavailable:
            raise
        except ProvisioningError as error:
            log.warning("site unread", extra={"action": "watch", "event": event.id, "error": error.code})
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

    def _read(self, event: Event, grant: DeepRacerOnAws, board: Board) -> int:
        ranking = self._ranking(grant, board)
        if ranking is not None and has_lost(board.ranking, ranking):
            ranking = self._ranking(grant, board)
        now = self._clock.now()
        aliases = self._last_aliases(grant, board, now) if board.is_settled(now) else {}
        if ranking is None or aliases is None or not self._is_mine(now):
            return 0
        reading = Reading(grant, ranking, aliases, now)
        return self._written(lambda rows: record(rows, event, board.race_id, reading))

    def _look_at_racers(self, event: Event, grant: DeepRacerOnAws) -> int:
        """Read everybody at the site: what they have used, and whose lines there are on boards being read."""
        at = self._clock.now()
        profiles = self._platform().profiles(grant)
        if not self._is_mine(self._clock.now()):
            return 0
        self._usage.keep(event, grant, profiles, at)
        boards = self._store.read(lambda rows: rows.boards.of_event(event.id))
        if not any(board.ranking.lines and not board.is_final for board in boards):
            return 0
        aliases = aliases_of(profiles)
        return self._written(lambda rows: claim(rows, event, grant, aliases, self._clock.now()))

    def _last_aliases(self, grant: DeepRacerOnAws, board: Board, now: datetime) -> Mapping[str, str] | None:
        """Return what everybody is called at the end of a race; None while its result can wait for that."""
        try:
            return aliases_of(self._platform().profiles(grant))
        except ProvisioningError as error:
            facts = {"action": "watch", "event": board.event_id, "error": error.code}
            log.warning("aliases unread", extra=facts)
            return {} if now >= board.closes + SETTLED_AFTER + PATIENCE else None

    def _ranking(self, grant: DeepRacerOnAws, board: Board) -> Leaderboard | None:
        standings = self._platform().standings(grant, board.race_id)
        return None if standings is None else Leaderboard.of(standings)

    def _written(self, unit: Callable[[Rows], int]) -> int:
        """Apply the unit; a row that somebody wrote meanwhile is looked at again the next time."""
        try:
            return self._store.run(unit).result()
        except StaleWrite:
            return 0


def aliases_of(profiles: Sequence[Profile]) -> Mapping[str, str]:
    """Return what everybody is called, by the id of their profile."""
    return {profile.id: profile.alias for profile in profiles}


def read_every(board: Board) -> timedelta:
    """Return how often this ranking is read: a small one every ten seconds, a thousand rows every thirty."""
    return max(READ_EVERY, PER_PAGE * (len(board.ranking.lines) // A_PAGE + 1))


@dataclass(frozen=True, slots=True)
class Reading:
    """A ranking as it was read at a site; at its end with what everybody there is called, by profile id."""

    grant: DeepRacerOnAws
    ranking: Leaderboard
    aliases: Mapping[str, str]
    at: datetime


def record(rows: Rows, event: Event, race_id: str, reading: Reading) -> int:
    """Keep this reading of a ranking, and owe what it means to channels and racers; returns how many."""
    board, now = rows.boards.get(event.id, race_id), reading.at
    if board is None:
        return 0
    after, news = read(board, reading.ranking, now)
    if after == board:
        return 0
    known = rows.boards.claims(event.id, race_id)
    claims = carried(after.ranking, known)
    if after.is_final:
        claims = claimed(after.ranking, known, reading.aliases, people_at(rows, event, reading.grant))
    if claims != known:
        rows.boards.save_claims(event.id, race_id, claims)
    owed = _save(rows, after, now)
    if after.is_final:
        owed += certify(rows, event, after, claims, now, elsewhere=_elsewhere(rows, event, after, reading))
    for watch in after.watches:
        if watch.hears_news and (news is not None or after.is_final):
            rows.outbox.put(_post(after, watch.channel, news, now))
            owed += 1
    return owed


def _elsewhere(rows: Rows, event: Event, board: Board, reading: Reading) -> list[Claim]:
    """Return whose lines these are in the other events at the site: a race there is a race of each."""
    return [
        found
        for other in rows.events.all()
        if other.id != event.id and reading.grant.target in other.targets
        for found in claimed(
            board.ranking,
            rows.boards.claims(other.id, board.race_id),
            reading.aliases,
            people_at(rows, other, reading.grant),
        )
    ]


def claim(rows: Rows, event: Event, grant: DeepRacerOnAws, aliases: Mapping[str, str], now: datetime) -> int:
    """Keep whose lines there are on the boards that are being read; returns how many messages that owes."""
    racers = people_at(rows, event, grant)
    owed = 0
    for board in rows.boards.of_event(event.id):
        known = rows.boards.claims(event.id, board.race_id)
        claims = known if board.is_final else claimed(board.ranking, known, aliases, racers)
        if set(claims) != set(known):
            rows.boards.save_claims(event.id, board.race_id, claims)
            if event.names:
                owed += _show(rows, board, now)
    return owed


def is_followed(event: Event, now: datetime) -> bool:
    """Whether races are read and shown: until a day after the event, if its people are known so long."""
    return now < min(event.over_at + OVER, kept_until(event))


def ask_boards(
    rows: Rows, name: str, now: datetime, *, alias: str = "", chat: ChatIdentity | None = None
) -> BoardsShown:
    """Return the leaderboards of this name; without one those of open races, else the last that was run.

    Of a single one, the line of the chat identity is told where it is known for sure.
    """
    followed = [event.id for event in rows.events.all() if is_followed(event, now)]
    boards = [board for one in followed for board in rows.boards.of_event(one) if board.opens <= now]
    posted = [race for one in followed for race in rows.races.of_event(one)] if name else []
    found = named(boards, name, posted)
    if not name:
        found = tuple(board for board in found if board.is_open(now)) or found[-1:]
    if len(found) != 1:
        return BoardsShown(found, alias)
    (board,) = found
    person = rows.bindings.person_of(chat) if chat is not None else None
    own = None if person is None else own_line(rows, board, RegistrationKey(board.event_id, person))
    names = names_on(rows, board)
    called = next((names[one] for one in names if one.casefold() == alias.casefold()), alias)
    return BoardsShown((by_name(board, names),), called, own=own)


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
    return _show(rows, saved, now)


def _show(rows: Rows, board: Board, now: datetime) -> int:
    for watch in board.watches:
        show(rows, board, watch.channel, now)
    return len(board.watches)


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
