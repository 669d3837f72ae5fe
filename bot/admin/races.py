"""The verbs about races: post, update, list, remove."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from adapters.chat.message import Link, Message, Note, Paragraph, Plain
from bot.admin.paging import Page, paged
from bot.admin.phrases import SHOWN, Phrase, channels, line, link, moment, names_channel, page
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Value, Words
from provisioning import race_changes
from provisioning.errors import InstructionUnclear, ValueUnusable
from provisioning.events import Event
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.races import Race

_POST: Final = {"title": True, "track": True, "opens": True, "closes": True}
_UPDATE: Final = {**_POST, "link": False}
RACES_A_PAGE: Final = 15
_ADDRESS = re.compile(r"<?https?://\S+", re.IGNORECASE)
_NAMED = re.compile(r"#[^\W\d][\w-]*")  # a channel that the platform did not resolve


@dataclass(frozen=True, slots=True)
class RacePost(AdminCommand):
    """Post a race; values as they were typed."""

    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RaceUpdate(AdminCommand):
    """Change fields of a race; values as they were typed."""

    race: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RaceRemove(AdminCommand):
    """Withdraw a race."""

    race: str = ""


@dataclass(frozen=True, slots=True)
class RaceList(AdminCommand):
    """List the races."""

    page: int = 1


@dataclass(frozen=True, slots=True)
class RacesListed:
    """The races of an event, the newest first."""

    event: Event
    now: datetime
    page: Page[Race]


# --- words to commands --------------------------------------------------------------------------------------


def _post(said: Phrase) -> RacePost:
    words, values = _apart(said)
    if not words or not _ADDRESS.match(words[0]):
        raise ValueUnusable(field="link", value=" ".join(words)[:SHOWN], form="link")
    address, *title = words
    if title:
        values.setdefault("title", " ".join(title))
    return RacePost(event=said.event, dry_run=said.dry_run, values={"link": address, **values})


def _update(said: Phrase) -> RaceUpdate:
    words, values = _apart(said)
    if not words or not values:
        raise InstructionUnclear(word=said.text[:SHOWN] or "race update")
    return RaceUpdate(event=said.event, dry_run=said.dry_run, race=" ".join(words), values=values)


def _apart(said: Phrase) -> tuple[list[str], dict[str, str]]:
    """Return the words without the channels among them, and the values with those channels."""
    found = [word for word in said.words if _is_channel(word)]
    words = [word for word in said.words if not _is_channel(word)]
    unknown = next((word.partition("=")[0] for word in words if re.match(r"[A-Za-z_]+=", word)), None)
    if unknown is not None:
        raise InstructionUnclear(word=unknown[:SHOWN])
    values = {name: value for name, value in said.options.items() if name != "event"}
    return words, values | ({"channels": " ".join(found)} if found else {})


def _is_channel(word: str) -> bool:
    return word.startswith("<#") or names_channel(word) or bool(_NAMED.fullmatch(word))


def _remove(said: Phrase) -> RaceRemove:
    if not said.text:
        raise InstructionUnclear(word="race remove")
    return RaceRemove(event=said.event, dry_run=said.dry_run, race=said.text)


def _list(said: Phrase) -> RaceList:
    return RaceList(event=said.event or said.text or None, page=page(said))


# --- commands to plans --------------------------------------------------------------------------------------


def _read(values: Mapping[str, str], now: datetime) -> dict[str, str]:
    return {name: _value(name, text, now) for name, text in values.items()}


def _value(name: str, text: str, now: datetime) -> str:
    if name in {"opens", "closes"}:
        return "" if text.casefold() == "none" else moment(name, text, now).astimezone(UTC).isoformat()
    if name == "link":
        return link(name, text)
    if name == "channels":
        return channels(name, text)
    return "" if name == "track" and text.casefold() == "none" else line(name, text)


def _plan_post(rows: Rows, order: Order, command: RacePost) -> Draft:
    return race_changes.post(rows, order, _read(command.values, order.at))


def _plan_update(rows: Rows, order: Order, command: RaceUpdate) -> Draft:
    return race_changes.update(rows, order, command.race, _read(command.values, order.at))


def _plan_remove(rows: Rows, order: Order, command: RaceRemove) -> Draft:
    return race_changes.remove(rows, order, command.race)


def _listed(rows: Rows, order: Order, command: RaceList) -> RacesListed:
    races = tuple(reversed(rows.races.of_event(order.event.id)))
    again = f"admin race list event={order.event.id}"
    return RacesListed(order.event, order.at, paged(races, command.page, RACES_A_PAGE, again))


# --- what is said -------------------------------------------------------------------------------------------


def _say_races(words: Words, shown: RacesListed) -> Message:
    lines = tuple(_line(words, race, shown.now) for race in shown.page.items)
    lines = lines or (Paragraph(words.text("races-listed.none")),)
    summary = words.text("races-listed.summary", event=shown.event.name)
    note = Note(words.text("races-listed.note"))
    return Message(summary, (*lines, *shown.page.parts(words), note))


def _line(words: Words, race: Race, now: datetime) -> Paragraph:
    values: dict[str, Value] = {
        "number": race.number,
        "race": Link(race.title, race.link),
        "opens": race.opens or race.posted_at,
        "closes": race.closes or race.posted_at,
    }
    ends = "until" if race.phase(now) == "open" and race.closes is not None else race.phase(now)
    said = words.text(f"races-listed.{ends}", **values)
    return Paragraph((*said, *((Plain(f" · {race.track}"),) if race.track else ())))


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin race post",
            "admin race post <link> [title] [opens=…] [closes=…] [track=…] [#channel]",
            "organizers",
            _post,
            options=_POST,
        ),
        AdminVerb(
            "admin race update",
            "admin race update <race> title=… closes=…",
            "organizers",
            _update,
            options=_UPDATE,
        ),
        AdminVerb(
            "admin race list",
            "admin race list",
            "organizers",
            _list,
            ("admin race",),
            options={"page": False},
        ),
        AdminVerb("admin race remove", "admin race remove <race>", "organizers", _remove),
    ),
    plans={RacePost: _plan_post, RaceUpdate: _plan_update, RaceRemove: _plan_remove},
    queries={RaceList: _listed},
    answers={RacesListed: _say_races},
)
