"""What people are told, by kind: the catalogs' own first lines, in every language, read backwards."""

import html
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from sandbox.connector_cards import actions

CATALOGS = Path(__file__).parents[2] / "bot" / "catalogs"
Place = Literal["direct", "answer", "channel"]  # a message of its own; where they asked; for everybody

CLOSING = ("teardown-", "report-", "export-", "closing", "closed")
_CODE = re.compile(r"Code (DR-\d{3})\.")
_PLACES: Mapping[str, Place] = {"dm": "direct", "ephemeral": "answer", "channel": "channel"}
# Which of the catalog's first lines are which kind, where the key does not say it well.
_KINDS = {
    "queued.join": "queued",
    "queued.leave": "leaving",
    "choose.join": "choice",
    "choose.leave": "choice",
    "standing.gone.ended": "over",
    "help.unknown": "unknown",
    "confirm-leave": "are you sure",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it stands now.

    `kind` is "ready", "gone", "in-line", "queued", … or, for a refusal, its code; `event` the name it says.
    """

    kind: str
    event: str | None
    place: Place
    text: str
    buttons: tuple[str, ...]
    number: int
    links: tuple[str, ...]
    earlier: tuple[str, ...]  # kinds of the wordings this message had before
    came_as: str  # its text when it came

    @property
    def first(self) -> str:
        """What this message said when it came."""
        return self.earlier[0] if self.earlier else self.kind


def said(entry: Mapping[str, Any]) -> Said:
    """Return an entry of the transcript as what it says."""
    kind, event = kind_of(entry["text"])
    elements = [one for block in entry["blocks"] for one in block.get("elements", ())]
    buttons = [one for one in elements if one.get("type") == "button"]
    return Said(
        kind,
        event,
        _PLACES[entry["surface"]],
        html.unescape(entry["text"]),
        tuple(one["text"]["text"] for one in buttons),
        entry["number"],
        tuple(one["url"] for one in buttons if "url" in one),
        tuple(kind_of(version["text"])[0] for version in entry["versions"]),
        html.unescape([*(version["text"] for version in entry["versions"]), entry["text"]][0]),
    )


def said_in_teams(entry: Mapping[str, Any]) -> Said:
    """Return an entry of Teams' transcript, as its reader sees it, as what it says."""
    kind, event = kind_of(entry["says"])
    pressable = actions(entry["card"]) if entry["card"] else []
    return Said(
        kind,
        event,
        "answer" if entry["answers"] or entry["replaced"] else "direct",
        entry["says"],
        tuple(one["title"] for one in pressable),
        entry["number"],
        tuple(one["url"] for one in pressable if "url" in one),
        tuple(kind_of(wording)[0] for wording in entry["wordings"][:-1]),
        entry["wordings"][0],
    )


@lru_cache(maxsize=10_000)  # scenarios that wait read the same messages many times a second
def kind_of(text: str) -> tuple[str, str | None]:
    """Return the kind of a message and the event it names."""
    first = html.unescape(text).split("\n", 1)[0]
    for kind, pattern in _summaries():
        if match := pattern.fullmatch(first):
            return _coded(kind, text), match.groupdict().get("event")
    return _coded("refused", text), None


def _coded(kind: str, text: str) -> str:
    code = _CODE.search(text)
    return code[1] if kind in {"refused", "over"} and code else kind


@cache
def kinds_of_notes() -> frozenset[str]:
    """Return the kinds of what racers are told beside the results: what somebody else changed for them."""
    return _kinds_of("told.")


@cache
def kinds_for_organizers() -> frozenset[str]:
    """Return the kinds of what only organizers are told: answers to what they said under "admin"."""
    shown = (
        "event-shown.",
        "audit-shown",
        "quota-shown",
        "usage-listed",
        "models-shown",
        "racers-shown",
        "stuck-shown",
    )
    return _kinds_of(
        *shown, "races-listed", "feed-shown", "change.", "admin-", "add-", "instructed", *CLOSING
    )


def _kinds_of(*sections: str) -> frozenset[str]:
    keys = (key for key, _ in _flat(tomllib.loads((CATALOGS / "en.toml").read_text(encoding="utf-8"))))
    return frozenset(
        key.partition(".summary")[0].split(".")[-1]
        for key in keys
        if ".summary" in key and key.startswith(sections)
    )


@cache
def _summaries() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    files = sorted(CATALOGS.glob("*.toml"), key=lambda file: (not file.name.startswith("en."), file.name))
    sentences = [one for file in files for one in _flat(tomllib.loads(file.read_text(encoding="utf-8")))]
    for key, sentence in sentences:
        base = re.sub(r"[.-]summary(\.(zero|one|other))?$", "", key)
        if base != key or key in _KINDS:
            kind = "refused" if base.startswith("error.") else _KINDS.get(base, base.split(".")[-1])
            found.append((kind, re.compile(_pattern(sentence))))
    return tuple(found)


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield f"{above}{name}", value
        else:
            yield from _flat(value, f"{above}{name}.")


def _pattern(sentence: str) -> str:
    literal = re.escape(sentence)
    return re.sub(r"\\\{([a-z_]+)\\\}", lambda name: f"(?P<{name[1]}>.+?)", literal)
