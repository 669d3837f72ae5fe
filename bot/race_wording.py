"""Races as racers read them: the list, and the lines in the ready message. Pure."""

from collections.abc import Iterable
from datetime import datetime

from adapters.chat.message import Link, Message, Note, Paragraph, Part
from bot.words import Words
from provisioning.events import Event
from provisioning.outcomes import RacesShown
from provisioning.races import Race

RACES_SHOWN = 15


def races(words: Words, shown: RacesShown) -> Message:
    """Return the races that are open and those to come, with links and times."""
    several = len({event.id for event, _ in (*shown.open, *shown.coming)}) > 1
    parts: list[Part] = [
        Paragraph(words.text(f"races.{'none' if not shown.open else 'next'}")),
        *(_open_line(words, event, race, several=several) for event, race in shown.open[:RACES_SHOWN]),
    ]
    if shown.coming:
        parts.append(Paragraph(words.text("races.coming")))
        parts += [_coming_line(words, race) for _, race in shown.coming[:RACES_SHOWN]]
    if len(shown.open) > RACES_SHOWN:
        parts.append(Note(words.text("races.more", count=len(shown.open) - RACES_SHOWN)))
    return Message(words.text("races.summary", count=len(shown.open)), tuple(parts))


def race_lines(words: Words, event: Event, found: Iterable[Race]) -> list[Part]:
    """Return one line for each of these open races: its link, and until when."""
    return [_open_line(words, event, race) for race in list(found)[:RACES_SHOWN]]


def _open_line(words: Words, event: Event, race: Race, *, several: bool = False) -> Paragraph:
    key = "races.line-event" if several else "races.line"
    link = Link(race.title, race.link)
    return Paragraph(words.text(key, race=link, closes=closing(event, race), event=event.name))


def _coming_line(words: Words, race: Race) -> Paragraph:
    return Paragraph(words.text("races.line-coming", race=race.title, opens=race.opens or race.posted_at))


def closing(event: Event, race: Race) -> datetime:
    """Return when the race closes: with the event, when it says nothing itself."""
    return min(race.closes or event.over_at, event.over_at)
