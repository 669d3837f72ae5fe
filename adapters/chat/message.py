"""A message: what the bot says, free of any platform. Renderers turn it into Block Kit or Adaptive Cards.

The summary is the outcome in one line, the parts are what follows. Text is a sequence of spans, so that
values that came from people can never turn into markup: only the catalog's own words choose a span's kind.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from provisioning.ids import ChatIdentity


@dataclass(frozen=True, slots=True)
class Plain:
    """Text shown as it is, with every character harmless."""

    text: str


@dataclass(frozen=True, slots=True)
class Bold:
    """Text with weight."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Something to type, letter by letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Words to say to the bot: Slack shows them behind its command, Teams bare."""

    words: str


@dataclass(frozen=True, slots=True)
class Link:
    """A label that opens an https address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class When:
    """A moment, in the reader's own time zone where the platform can, else in UTC with the zone named.

    `language` is the reader's, for the latter.
    """

    at: datetime
    style: Literal["time", "date", "date-time"] = "date-time"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Mention:
    """A person of a chat platform, under the name it shows for them.

    `name` is what they are called where the platform of the reader does not know them, `unnamed` what stands
    there without a name: their id would tell a reader nothing.
    """

    chat: ChatIdentity
    name: str = ""
    unnamed: str = "?"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel by its place (`slack:C0123`), under its name where the reader's platform shows that."""

    text: str


Span = Plain | Bold | Code | Typed | Link | When | Mention | Channel
Text = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    text: Text


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of several. `said` is the state in words: no renderer says it by a sign alone."""

    label: Text
    state: Literal["done", "now", "next", "failed"]
    said: str


@dataclass(frozen=True, slots=True)
class Steps:
    """What has happened, what is happening, and what comes next."""

    lines: tuple[StepLine, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: Text


@dataclass(frozen=True, slots=True)
class Facts:
    """A short table of names and values."""

    rows: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, and whether its cells are numbers, which stand at the right."""

    head: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what it shows, its columns, and its rows with one cell a column, each shown as it is.

    A platform shows as much of it as it takes, from the top; a message has room for one. Raises ValueError
    when a row has more or fewer cells than there are columns.
    """

    caption: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a row needs one cell a column")


@dataclass(frozen=True, slots=True)
class Confirm:
    """What is asked before a button acts: a title, what will happen, and the words on the two choices."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button that says `words` to the bot, as if the person had typed them."""

    label: str
    words: str
    style: Literal["plain", "primary", "danger"] = "plain"
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True)
class LinkButton:
    """A button that opens an https address."""

    label: str
    url: str
    style: Literal["plain", "primary"] = "plain"


@dataclass(frozen=True, slots=True)
class FormButton:
    """A button that opens a form for a list, pasted or as a file; `words` are then said with it.

    The form is in `language`. Where a platform has no form, nothing shows.
    """

    label: str
    words: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Buttons:
    """Buttons in one row."""

    buttons: tuple[Button | LinkButton | FormButton, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. What is chosen or typed stands in the place of `{answer}` in `words`, which are then said.

    `options` are what is shown and what is said for it; without any, a short text is asked for.
    """

    text: Text
    words: str
    hint: str
    send: str  # what sends the answer, where choosing it does not
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Small print: an error code to quote, a hint."""

    text: Text


ANSWER = "{answer}"  # in the words of a question

Part = Paragraph | Steps | Facts | Table | Buttons | Note | Ask


@dataclass(frozen=True, slots=True)
class Document:
    """A file that goes with a message where the platform takes files.

    The message then says `said`; where no file goes, it has the parts `instead`.
    """

    name: str
    title: str
    content: str
    said: Part
    instead: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture (PNG) that goes with a new message. `alt` says the same to whoever does not see it.

    Where it cannot go along after all, the message has the parts `instead`.
    """

    name: str
    title: str
    content: bytes
    alt: str
    instead: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """Something the bot says: the outcome first, then what happens next.

    `passing`: it only says that the answer comes, through the reply handle. A door whose answer to a click
    travels by itself leaves it out, because it could arrive last.
    """

    summary: Text
    parts: tuple[Part, ...] = ()
    passing: bool = False
    document: Document | None = None
    picture: Picture | None = None

    def without_picture(self) -> "Message":
        """Return the message as it is said where its picture does not go along."""
        instead = () if self.picture is None else self.picture.instead
        return replace(self, parts=(*self.parts, *instead), picture=None)
