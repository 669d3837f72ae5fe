"""Text in a Teams card: what people typed stays text, and only our own spans become markup. Pure.

Teams' service turns `<at>…</at>` in a card into a mention before any client sees it, and every client reads
TextBlock and FactSet as markdown. A backslash escapes on the desktop but shows on phones
(microsoft/AdaptiveCards#5590), so characters that would start something are replaced by look-alikes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from adapters.chat.message import (
    Ask,
    Bold,
    Channel,
    Code,
    Facts,
    Link,
    Mention,
    Message,
    Note,
    Paragraph,
    Part,
    Plain,
    Span,
    Steps,
    Table,
    Text,
    Typed,
    When,
)
from adapters.chat.text import (
    NAME,
    called,
    clean,
    encoded,
    in_blanks,
    one_line,
    rfc3339,
    short,
    size,
    utc,
    web_address,
)
from provisioning.ids import ChatIdentity

_LABEL, _URL = 300, 2000  # an address may be its own label
_USER: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_BREAK: Final = "\u2060"  # word joiner: nothing to see, and the end of whatever had begun

# Live everywhere in a card: tags of the service, functions such as {{DATE(…)}}, character references.
_REFERENCE: Final = r"&(?=#?\w{1,31};)"
_LIVE: Final = re.compile(r"<|\{(?=\{)|" + _REFERENCE)
# Live where markdown is read, in clients of two minds; an underscore between letters and digits is not.
_LIVE_IN_MARKDOWN: Final = re.compile(_LIVE.pattern + r"|[*`~{\]\\]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_INDENTED: Final = re.compile(r"(?m)^[ \t]+")  # would be a block of code
_STARTS_A_BLOCK: Final = re.compile(r"(?m)^(?=[-+#>]|\d{1,9}[.)])")  # a list, a heading, a quotation
# A mark that formats by itself gets a look-alike. One that needs another behind it is kept apart from that.
_HARMLESS: Final = str.maketrans(
    {
        "<": "\u2039",
        "*": "\u2217",
        "_": "\u02cd",
        "`": "\u02cb",
        "~": "\u223c",
        "\\": "\u2216",
        "{": "{" + _BREAK,
        "&": "&" + _BREAK,
        "]": "]" + _BREAK,
    }
)
_IN_ANGLES: Final = re.compile(r"<([^<>\n]*)>")
_IN_A_LABEL: Final = str.maketrans("[]", "()")
_ENDS_AN_ADDRESS: Final = re.compile(r"[\s<>\"]")
_LIVE_IN_A_LINK: Final = re.compile(_LIVE_IN_MARKDOWN.pattern + r"|[()\[']")

People = Mapping[ChatIdentity, str]  # the name by which each person is mentioned, no two alike


def plain(text: Text) -> str:
    """Return a text in plain words: times in UTC, links as `label: url`, people by name."""
    return inert("".join(map(plain_span, text)))  # once more: two spans may be live only side by side


def plain_span(span: Span) -> str:
    """Return one span in plain words."""
    match span:
        case Link(label, url):
            return inert(f"{label}: {url}")
        case When():
            return utc(span)
        case Mention():
            return inert(called(span))
        case Typed(words):
            return inert(words)
    return inert(span.text)


def inert(text: str) -> str:
    """Return text that is shown as it is, without what Teams would act on before any client shows it."""
    return _LIVE.sub(lambda found: found[0].translate(_HARMLESS), _paired(clean(text)))


def markdown(text: Text, people: People, *, in_bold: bool = False) -> str:
    """Return a text as TextBlock and FactSet read it: only our own spans format, only line ends end lines."""
    made = "".join(_span(span, people, in_bold=in_bold) for span in text).replace("****", "")
    made = re.sub(_REFERENCE, "&" + _BREAK, made)  # of two spans, that is
    made = _STARTS_A_BLOCK.sub(_BREAK, _INDENTED.sub("", made)).replace("![", f"!{_BREAK}[")  # no pictures
    return re.sub(r"[ \t]*\n[ \t\n]*", "\n\n", made).strip()


def people_of(message: Message) -> dict[ChatIdentity, str]:
    """Return who can be mentioned: people of Teams whose name is known.

    Teams finds the person by the text between the tags, so that two of the same name are numbered.
    """
    people: dict[ChatIdentity, str] = {}
    for span in _spans(message):
        if not isinstance(span, Mention) or span.chat in people:
            continue
        name = _literal(short(one_line(span.name), NAME)).replace(">", "\u203a")
        if name and span.chat.platform == "teams" and _USER.fullmatch(span.chat.user):
            taken = set(people.values())
            people[span.chat] = next(free for free in _numbered(name) if free not in taken)
    return people


def https_address(url: str) -> str | None:
    """Return an https address without characters that end it early, or None for anything else."""
    address = web_address(url, "https://")
    address = None if address is None else _ENDS_AN_ADDRESS.sub(encoded, address)
    return None if address is None or size(address) > _URL else address


def _span(span: Span, people: People, *, in_bold: bool) -> str:
    match span:
        case Plain(text) | Channel(text):
            return _literal(text)
        case Bold(text) | Code(text) | Typed(text):
            return _literal(one_line(text, strip=False)) if in_bold else _bold(text)
        case Link(label, url):
            return _link(label, url)
        case When(at, style):
            moment = rfc3339(at)
            date, time = f"{{{{DATE({moment}, SHORT)}}}}", f"{{{{TIME({moment})}}}}"
            return {"date": date, "time": time}.get(style, f"{date} {time}")
        case Mention(chat):
            return f"<at>{people[chat]}</at>" if chat in people else _literal(called(span))


def _bold(text: str) -> str:
    before, inner, after = in_blanks(text)
    return f"{before}**{_literal(inner)}**{after}" if inner else before


def _link(label: str, url: str) -> str:
    address = https_address(url)
    if address is None:
        return _literal(f"{label}: {url}")
    shown = _literal(short(one_line(label), _LABEL).translate(_IN_A_LABEL)) or "…"
    return f"[{shown}]({_LIVE_IN_A_LINK.sub(encoded, address)})"


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in range(2, 1_000_000))


def _spans(message: Message) -> Iterator[Span]:
    yield from message.summary
    for part in message.parts:
        yield from _spans_of(part)


def _spans_of(part: Part) -> Iterator[Span]:
    match part:
        case Paragraph(text) | Note(text) | Table(text) | Ask(text):
            yield from text
        case Steps(lines):
            for line in lines:
                yield from line.label
        case Facts(rows):
            for row in rows:
                yield from row.value


def _literal(text: str) -> str:
    """Return text as markdown that shows these characters, or look-alikes of those that would format."""
    return _LIVE_IN_MARKDOWN.sub(lambda found: found[0].translate(_HARMLESS), _paired(clean(text)))


def _paired(text: str) -> str:
    """Return the text with what stands in angle brackets between look-alikes of both, as in `race <link>`."""
    return _IN_ANGLES.sub("\u2039\\1\u203a", text)
