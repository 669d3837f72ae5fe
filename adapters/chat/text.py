"""Text as every chat platform needs it: cleaned, measured in UTF-16 units, split, told in plain lines."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from babel.dates import format_date

from adapters.chat.message import (
    ANSWER,
    Ask,
    Bold,
    Button,
    Buttons,
    Code,
    Facts,
    FormButton,
    LinkButton,
    Mention,
    Message,
    Note,
    Paragraph,
    Plain,
    Span,
    Steps,
    Table,
    Text,
    Typed,
    When,
)

NAME: Final = 80  # what is shown of somebody's name
CELL: Final = 60  # what is shown of a cell of a table
BLANK: Final = "–"  # a cell without anything; Slack takes no empty one
TYPEABLE: Final = 100  # words longer than this nobody types
SIGNS: Final = {
    "done": "✅",
    "now": "⏳",
    "next": "▫️",
    "failed": "❌",
}  # beside the state's word, never alone
CUT: Final = "[…]"  # stands where a platform takes no more of a message, in every language

# Control characters, line separators, characters that turn the direction of what follows, halves of
# surrogate pairs.
UNWANTED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_TAG: Final = re.compile(r"[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8}){0,4}")
_WORD: Final = re.compile(r"\S{1,250}\s{0,50}|\s{1,50}")


def clean(text: str) -> str:
    """Return the text without characters that no reader sees but that break or reorder what they do see."""
    if text.isprintable():
        return text
    return UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))


def one_line(text: str, *, strip: bool = True) -> str:
    """Return the text, cleaned, as one line."""
    made = clean(text).replace("\n", " ").replace("\t", " ")
    return made.strip() if strip else made


def in_blanks(text: str) -> tuple[str, str, str]:
    """Return the text as one line in three: blanks, the words that marks may go round, blanks."""
    line = one_line(text, strip=False)
    words = line.strip()
    before, _, after = line.partition(words) if words else (line, "", "")
    return before, words, after


def size(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def short(text: str, limit: int) -> str:
    """Return the text with at most so many UTF-16 units; an ellipsis says that more was there."""
    if size(text) <= limit:
        return text
    return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore") + "…"


def utc(when: When) -> str:
    """Return a moment for readers whose zone is not known: in UTC, and saying so."""
    at = when.at.astimezone(UTC)
    date, time = day(at, when.language), f"{at:%H:%M} UTC"
    return {"time": time, "date": f"{date} (UTC)"}.get(when.style, f"{date}, {time}")


def day(at: datetime, language: str) -> str:
    """Return the date of a moment as this language writes it: `15 Mar 2027`, `15.03.2027`."""
    return f"{at.day} {at:%b %Y}" if language == "en" else format_date(at, "medium", locale=language)


def rfc3339(at: datetime) -> str:
    """Return a moment as programs read it: UTC, whole seconds, `2027-04-01T16:00:00Z`."""
    return f"{at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def called(person: Mention) -> str:
    """Return what somebody is called where they cannot be mentioned; ids would tell a reader nothing."""
    return short(one_line(person.name), NAME) or person.unnamed


def plain_lines(
    message: Message, text: Callable[[Text], str], button: Callable[[Button | LinkButton | FormButton], str]
) -> str:
    """Return the whole message as plain lines, in the platform's own way to write a text and a button.

    It is never empty.
    """
    lines = _lines(message, text, button)
    return "\n".join(line for line in lines if line.strip()) or "…"


def _lines(
    message: Message, text: Callable[[Text], str], button: Callable[[Button | LinkButton | FormButton], str]
) -> Iterator[str]:
    yield text(message.summary)
    for part in message.parts:
        match part:
            case Paragraph(said) | Note(said):
                yield text(said)
            case Steps(lines):
                yield from (text((Plain(f"{line.said}: "), *line.label)) for line in lines)
            case Facts(rows):
                yield from (text((Plain(row.name), Plain(": "), *row.value)) for row in rows)
            case Table(caption):
                yield text(caption)
                yield from (text((Plain(" · ".join(row)),)) for row in cells(part))
            case Ask(said, words, options=options):
                yield text(said)
                yield from (text((Plain(f"{said_for}: {label}"),)) for label, said_for in options)
                yield text((Typed(words.replace(ANSWER, "…")),))
            case Buttons(buttons):
                yield from map(button, buttons)


def cells(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield the heads and then the rows, every cell one short line and none of them empty."""
    for row in (tuple(column.head for column in table.columns), *table.rows):
        yield tuple(short(one_line(cell), CELL) or BLANK for cell in row)


def aligned(table: Table) -> Iterator[str]:
    """Yield heads and rows as lines whose columns stand below each other where all letters are as wide."""
    rows = list(cells(table))
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = ""
        for cell, column, width in zip(row, table.columns, widths, strict=True):
            gap = " " * (width - _width(cell))
            line += "  " + (gap + cell if column.is_number else cell + gap)
        yield line[2:].rstrip()


def _width(text: str) -> int:
    """Return how many letters' room a text takes: ideographs take two, marks on a letter none."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def pieces(text: Iterable[Span], limit: int, cost: Callable[[Span], int]) -> Iterator[Text]:
    """Split text between words into pieces whose words cost at most the limit together.

    A link, a moment and a mention stay whole; words longer than 250 characters are split.
    """
    piece: list[Span] = []
    room = limit
    for word in _words(text):
        price = cost(word)
        if price > room and piece:
            yield _joined(piece)
            piece, room = [], limit
        piece.append(word)
        room -= price
    if piece:
        yield _joined(piece)


def _words(text: Iterable[Span]) -> Iterator[Span]:
    for span in text:
        if isinstance(span, Plain | Bold | Code):
            yield from (type(span)(word) for word in _WORD.findall(clean(span.text)))
        else:
            yield span


def _joined(words: list[Span]) -> Text:
    """Return the words as one text, neighbors of one kind together again."""
    spans: list[Span] = []
    for kind, run in groupby(words, key=type):
        group = list(run)
        if kind in (Plain, Bold, Code):
            spans.append(kind("".join(span.text for span in group)))  # type: ignore[union-attr]
        else:
            spans += group
    return tuple(spans)


def language_tag(found: object) -> str | None:
    """Return the language tag that a platform has for somebody, None for anything that is none."""
    return found if isinstance(found, str) and _TAG.fullmatch(found) else None


def web_address(url: str, *schemes: str) -> str | None:
    """Return an address of one of these schemes, or None for anything else."""
    url = url.strip()
    return None if not url.startswith(schemes) or "\n" in url or UNWANTED.search(url) else url


def encoded(found: re.Match[str]) -> str:
    """Return what was found as an address writes it when it may not stand there as it is."""
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
