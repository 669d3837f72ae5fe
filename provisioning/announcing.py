"""Announcing: what an event's channels show, posted once and edited in place whenever it changes.

event + races + what was announced + now ─▶ announcements ─▶ those whose state differs ─▶ the outbox

One announcement is one notice, for one subject in one channel. Its `state` says what it shows; a state that
is owed already changes nothing, whoever finds it due, however often. Subjects:

    open · soon <closes> · closed <closes>         of the event's join window
    race <number> · race-soon <number> <closes>    of one race
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioning.events import Event
from provisioning.ids import EventId
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows
from provisioning.races import Race

MADE_UP_FOR = timedelta(minutes=15)  # an event first seen so long after it opened is announced nevertheless
CLOSED_IS_NEWS = timedelta(days=1)
SOON = ((timedelta(days=2), timedelta(days=1)), (timedelta(hours=2), timedelta(hours=1)))
SINCE = "since"  # among what is noted of an event's announcements: when the event was first seen


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the channels should show of one subject. `posts_to`: where it is news, if nothing stands there."""

    subject: str
    state: str
    posts_to: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return the first word of the subject: "open", "soon", "closed", "race" or "race-soon"."""
        return self.subject.split(" ", 1)[0]


def announcements(
    event: Event, races: Sequence[Race], known: Sequence[str], since: datetime, now: datetime
) -> tuple[Announcement, ...]:
    """Return what should be shown of the event and its races, and of every subject that is `known` already.

    `since` is when the event was first seen: what it was before is no news.
    """
    fresh = {one.subject: one for one in (*_of_window(event, since, now), *_of_races(event, races, now))}
    old = [subject for subject in known if subject not in fresh]
    by_number = {race.number: race for race in races}
    return (*fresh.values(), *(Announcement(one, _state(event, by_number, one, now)) for one in old))


def soon_at(opens: datetime, closes: datetime) -> datetime | None:
    """Return when to remind of the closing; None for what is open too short a time to need it."""
    for at_least, before in SOON:
        if closes - opens >= at_least:
            return closes - before
    return None


def announce(rows: Rows, event: Event, now: datetime) -> int:
    """Owe the channels what has changed, or has become news; returns how many posts and edits that is."""
    noted = f"announced:{event.id}"
    shown = dict(rows.moments.get(noted) or {SINCE: now.isoformat()})
    races = rows.races.of_event(event.id)
    due = list(_due(event, races, shown, now))
    for one, channel in due:
        rows.outbox.put(_notice(event, one, channel, now))
        shown[f"{channel} {one.subject}"] = one.state
    if due or rows.moments.get(noted) is None:
        rows.moments.note(noted, now, shown)
    return len(due)


def has_news(rows: Rows, event: Event, now: datetime) -> bool:
    """Whether `announce` would do anything."""
    shown = rows.moments.get(f"announced:{event.id}")
    return shown is None or any(_due(event, rows.races.of_event(event.id), shown, now))


def is_worth_posting(rows: Rows, notice: Notice, now: datetime) -> bool:
    """Whether what this notice announces is still news where nothing stands yet."""
    event = rows.events.get(subject_event(notice))
    if event is None:
        return False
    if "board" in notice.facts:
        board = rows.boards.get(event.id, notice.facts["board"])
        return board is not None and board.is_watched_in(notice.about)
    if notice.says in {"open", "soon"}:
        return event.phase(now) == "open"
    if notice.says == "closed":
        return event.phase(now) == "closed"
    race = rows.races.get(event.id, int(notice.facts["race"]))
    return race is not None and race.phase(now) in {"announced", "open"}


def subject_event(notice: Notice) -> EventId:
    """Return the event that this notice announces something of."""
    return EventId(notice.facts["event"])


def _due(
    event: Event, races: Sequence[Race], shown: Mapping[str, str], now: datetime
) -> Iterator[tuple[Announcement, str]]:
    places: dict[str, list[str]] = {}
    for place in shown:
        if place != SINCE:
            channel, _, subject = place.partition(" ")
            places.setdefault(subject, []).append(channel)
    since = datetime.fromisoformat(shown[SINCE])
    for one in announcements(event, races, tuple(places), since, now):
        for channel in dict.fromkeys((*places.get(one.subject, ()), *one.posts_to)):
            if shown.get(f"{channel} {one.subject}") != one.state:
                yield one, channel


def _of_window(event: Event, since: datetime, now: datetime) -> Iterator[Announcement]:
    phase = event.phase(now)
    news: list[str] = []
    if phase == "open" and event.opens >= since - MADE_UP_FOR:
        news.append("open")
    reminder = soon_at(event.opens, event.closes)
    if phase == "open" and reminder is not None and now >= reminder:
        news.append(f"soon {event.closes.isoformat()}")
    if phase == "closed" and since < event.closes and now < event.closes + CLOSED_IS_NEWS:
        news.append(f"closed {event.closes.isoformat()}")
    for subject in news:
        yield Announcement(subject, _state(event, {}, subject, now), event.channels)


def _of_races(event: Event, races: Sequence[Race], now: datetime) -> Iterator[Announcement]:
    by_number = {race.number: race for race in races}
    for race in races:
        phase = race.phase(now)
        channels = tuple(channel for channel in race.channels if channel in event.channels)
        if phase in {"announced", "open"}:
            subject = f"race {race.number}"
            yield Announcement(subject, _state(event, by_number, subject, now), channels)
        if phase != "open" or race.closes is None:
            continue
        reminder = soon_at(race.opens or race.posted_at, race.closes)
        if reminder is not None and now >= reminder:
            subject = f"race-soon {race.number} {race.closes.isoformat()}"
            yield Announcement(subject, _state(event, by_number, subject, now), channels)


def _state(event: Event, races: Mapping[int, Race], subject: str, now: datetime) -> str:
    """Return a digest of everything that is shown of this subject."""
    joining = event.phase(now) if event.paused is None else f"{event.phase(now)} paused"
    facts: list[object] = [event.name, joining]
    if subject.startswith("race"):
        race = races[int(subject.split(" ")[1])]
        facts += [race.title, race.track, race.link, race.opens, race.closes, race.phase(now)]
    else:
        facts += [event.opens, event.closes, event.ends]
    return hashlib.blake2b("|".join(map(str, facts)).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _notice(event: Event, one: Announcement, channel: str, now: datetime) -> Notice:
    facts = {"event": str(event.id)}
    if one.kind.startswith("race"):
        facts["race"] = one.subject.split(" ")[1]
    notice_id = f"announcement:{channel}:{event.id}:{one.subject}"
    return Notice(notice_id, Kind.ANNOUNCEMENT, channel, None, 0, one.kind, facts, now)
