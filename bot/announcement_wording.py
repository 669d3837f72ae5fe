"""Announcements: what a channel shows of an event or a race, as it is true now. Pure but for reading rows.

Whoever reads one later finds it edited: closed, withdrawn, with new times, and without a button that would
do nothing.
"""

from datetime import datetime
from typing import Literal

from adapters.chat.message import (
    Button,
    Buttons,
    Fact,
    Facts,
    LinkButton,
    Message,
    Paragraph,
    Part,
    Plain,
)
from bot import board_wording
from bot.race_wording import closing
from bot.words import Value, Words
from provisioning.announcing import subject_event
from provisioning.errors import Undeliverable
from provisioning.events import Event
from provisioning.naming import by_name, names_on, news_by_name
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows
from provisioning.races import Race
from provisioning.watching import NEWS, PODIUM, board_of, news_of


def announcement(words: Words, rows: Rows, notice: Notice, now: datetime) -> Message:
    """Return what this announcement shows. Raises Undeliverable when what it tells of is no more."""
    event = rows.events.get(subject_event(notice))
    if event is None:
        raise Undeliverable(reason="overtaken")
    if "board" in notice.facts:
        return of_board(words, rows, notice)
    if "race" not in notice.facts:
        return of_event(words, notice.says, event, now)
    race = rows.races.get(event.id, int(notice.facts["race"]))
    if race is None:
        raise Undeliverable(reason="overtaken")
    return of_race(words, notice.says, event, race, now)


def of_board(words: Words, rows: Rows, notice: Notice) -> Message:
    """Return what is said of a leaderboard. Raises Undeliverable when there is none any more."""
    board = board_of(rows, notice)
    if board is None:
        raise Undeliverable(reason="overtaken")
    names = names_on(rows, board)
    shown = by_name(board, names)
    if notice.kind is Kind.ANNOUNCEMENT and not board.is_watched_in(notice.about):
        return board_wording.withdrawn(words, board)
    if notice.says == NEWS:
        return board_wording.news(words, shown, news_by_name(news_of(notice), names))
    return board_wording.podium(words, shown) if notice.says == PODIUM else board_wording.board(words, shown)


def of_race(words: Words, kind: str, event: Event, race: Race, now: datetime) -> Message:
    """Return the card of a race, or the reminder that it closes soon."""
    phase = race.phase(now)
    if event.phase(now) == "ended" and phase != "withdrawn":
        phase = "closed"
    key = f"announcement.{kind if phase == 'open' else 'race'}-{phase}"
    opens, closes = race.opens or race.posted_at, closing(event, race)
    values: dict[str, Value] = {"race": race.title, "event": event.name, "opens": opens, "closes": closes}
    parts: list[Part] = [Paragraph(words.text(f"{key}.next", **values))]
    if phase != "withdrawn":
        facts = [Fact(words.plain("announcement.track"), (Plain(race.track),))] if race.track else []
        if phase == "announced":
            facts.append(Fact(words.plain("announcement.opens"), (words.when(opens),)))
        closing_key = "closed-at" if phase == "closed" else "closes"
        facts.append(Fact(words.plain(f"announcement.{closing_key}"), (words.when(closes),)))
        style: Literal["plain", "primary"] = "primary" if phase == "open" else "plain"
        link = LinkButton(words.plain("announcement.watch"), race.link, style)
        parts += [Facts(tuple(facts)), Buttons((link, *_join(words, event, now, wanted=phase != "closed")))]
    return Message(words.text(f"{key}.summary", **values), tuple(parts))


def of_event(words: Words, kind: str, event: Event, now: datetime) -> Message:
    """Return what is said of joining: that it is open, closes soon, or has closed."""
    phase = event.phase(now)
    if phase == "open":
        key = f"announcement.{'soon' if kind == 'soon' else 'open'}"
    else:
        key = f"announcement.{phase}"
    values: dict[str, Value] = {
        "event": event.name,
        "closes": event.closes,
        "opens": event.opens,
        "ends": event.over_at,
    }
    parts: list[Part] = [Paragraph(words.text(f"{key}.next", **values))]
    if phase == "open" and event.paused is not None:
        parts.append(Paragraph(words.text("announcement.paused")))
    buttons = _join(words, event, now, wanted=True)
    if buttons:
        parts.append(Buttons(buttons))
    return Message(words.text(f"{key}.summary", **values), tuple(parts))


def _join(words: Words, event: Event, now: datetime, *, wanted: bool) -> tuple[Button, ...]:
    """Return the button that joins, while somebody can."""
    if not wanted or event.phase(now) != "open" or event.paused is not None:
        return ()
    return (Button(words.plain("nothing.join", event=event.name), f"join {event.id}"),)
