"""A message as Slack shows it: fallback text and Block Kit blocks. Pure.

Text that came from people is only ever shown: `&`, `<` and `>` are escaped, so that no mention and no link
can be forged, and characters that would start or end formatting are replaced by look-alikes, because Slack
knows no escape for them. Every limit is Slack's own (Block Kit reference); lengths are counted in UTF-16
units, the widest way.
"""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from adapters.chat.message import (
    ANSWER,
    Ask,
    Bold,
    Button,
    Buttons,
    Channel,
    Code,
    Confirm,
    Facts,
    FormButton,
    Link,
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
from adapters.chat.text import (
    CUT,
    SIGNS,
    TYPEABLE,
    UNWANTED,
    aligned,
    called,
    cells,
    clean,
    encoded,
    in_blanks,
    one_line,
    pieces,
    plain_lines,
    short,
    size,
    utc,
    web_address,
)

Block = dict[str, Any]

COMMAND: Final = "/deepracer"
SAY: Final = "say:"  # the action ids of buttons that say their value: "say:0", "say:1", …
FORM: Final = "form:"  # those of buttons that open a form, with its language: "form:0:en"
_OPEN: Final = "open:"  # those of buttons that only open a page; Slack reports these clicks too

_BLOCKS: Final = 50
_SECTION: Final = 3000
_FIELD: Final = 2000
_FIELDS: Final = 10
_ELEMENTS: Final = 25
_ROWS, _COLUMNS = 100, 20  # of a table, its heads included; all cells may hold 10,000 characters together
_TABLE: Final = 6_000  # of these, at most so much, so that there is room beside it
_LABEL: Final = 75
_WORDS: Final = 2000
_QUESTION, _HINT, _TYPED = 2000, 150, 200
_BLOCK_ID, _VALUE, _OPTIONS = 255, 150, 100
_URL: Final = 3000
_CONFIRM_TITLE, _CONFIRM_TEXT, _CONFIRM_CHOICE = 100, 300, 30
_TOGETHER: Final = (
    12_000  # all text of one message; undocumented, 13,200 was measured in slackapi/bolt-js#2509
)
_BUTTONS_TOGETHER: Final = 4_000  # of these, at most so much for buttons
_FALLBACK: Final = 3000
_FALLBACK_BYTES: Final = 3_900  # chat.update takes 4,000 bytes of text
_LINK_URL, _LINK_LABEL = (
    2400,
    90,
)  # together with markup less than a section, even when every character is escaped

_SHORTENED_NOTE: Final[Block] = {
    "type": "context",
    "elements": [{"type": "plain_text", "text": CUT, "emoji": False}],
}
# A star, underscore or tilde formats only at the edge of a word; a backtick everywhere; ">" at the start
# of a line.
_LIVE: Final = re.compile(r"`|(?<![A-Za-z0-9])[*_~]|[*_~](?![A-Za-z0-9])|(?m:^[ \t]*>)")
_SPECIAL: Final = re.compile(r"[&<>*_~`]")
_LOOKALIKE: Final = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb", ">": "\u203a"}
_USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL: Final = re.compile(r"slack:(?P<id>[CG][A-Z0-9]{2,20})")
_ENDS_A_LINK: Final = re.compile(r"[\s<>|\"`]")
_DATE: Final = {
    "time": "{time}",
    "date": "{date_short_pretty}",
    "date-time": "{date_short_pretty} {time}",
}


def render(message: Message, *, with_tables: bool = True) -> tuple[str, list[Block]]:
    """Return the fallback text (the whole message in plain words) and the blocks. Neither is ever empty.

    Slack takes one table in a message, and not everywhere: any other, and without `with_tables` each, is
    shown as lines of code.
    """
    return fallback(message), _fitted(list(_blocks(message, 1 if with_tables else 0)))


def fallback(message: Message) -> str:
    """Return the message as plain lines, for notifications: times in UTC, links as `label: url`."""
    text = plain_lines(message, _plain, _plain_button)
    if size(text) <= _FALLBACK and len(text.encode()) <= _FALLBACK_BYTES:
        return text
    cut = text.encode("utf-16-le")[: 2 * (_FALLBACK - 1)].decode("utf-16-le", "ignore")
    cut = cut.encode()[: _FALLBACK_BYTES - 3].decode("utf-8", "ignore")
    return re.sub(r"&[a-z]{0,3}$", "", cut) + "…"


def _plain(text: Text) -> str:
    return "".join(_plain_span(span) for span in text)


def _plain_span(span: Span) -> str:
    match span:
        case Link(label, url):
            address = _escaped(clean(url))
            return address if label == url else f"{_literal(label)}: {address}"
        case When():
            return utc(span)
        case Mention():
            return _mention(span)
        case Channel():
            return _channel(span)
        case Typed(words):
            return _literal(f"{COMMAND} {words}")
    return _literal(span.text)


def _plain_button(button: Button | LinkButton | FormButton) -> str:
    if isinstance(button, LinkButton):
        return f"{_literal(button.label)}: {_escaped(clean(button.url))}"
    if isinstance(button, FormButton) or len(button.words) > TYPEABLE:
        return _literal(button.label)
    return f"{_literal(button.label)}: {COMMAND} {_literal(button.words)}"


def _blocks(message: Message, tables: int) -> Iterator[Block]:
    for piece, _ in _pieces(message.summary, _SECTION - 2):
        yield _section(_mrkdwn("*" + "".join(_span(span, in_bold=True) for span in piece).strip() + "*"))
    numbers = count()
    for part in message.parts:
        match part:
            case Paragraph(text):
                yield from map(_section, _text_objects(text))
            case Note(text):
                yield from ({"type": "context", "elements": [item]} for item in _text_objects(text))
            case Steps():
                yield from map(_section, _text_objects(_step_lines(part)))
            case Facts():
                yield from _facts(part)
            case Table(caption):
                yield from map(_section, _text_objects(caption))
                as_table = tables > 0 and _can_be_table(part)
                yield from _table(part) if as_table else _table_as_code(part)
                tables -= as_table
            case Ask():
                yield from _ask(part, next(numbers))
            case Buttons(buttons):
                elements = [made for button in buttons if (made := _button(button, numbers)) is not None]
                for start in range(0, len(elements), _ELEMENTS):
                    yield {"type": "actions", "elements": elements[start : start + _ELEMENTS]}


def _section(text: Block) -> Block:
    return {"type": "section", "text": text}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links and mentions of its own from names that only look like them
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _text_objects(text: Text) -> Iterator[Block]:
    """Return text without formatting as plain text, which shows every character as it is, else as mrkdwn.

    What looks like a mention or a link is always escaped.
    """
    for piece, rendered in _pieces(text, _SECTION):
        shown = "".join(clean(span.text) for span in piece if isinstance(span, Plain))
        if "<" not in shown and all(isinstance(span, Plain) for span in piece):
            yield {"type": "plain_text", "text": shown, "emoji": False}
        else:
            yield _mrkdwn(rendered)


def _can_be_table(table: Table) -> bool:
    return 0 < len(table.columns) <= _COLUMNS


def _table(table: Table) -> Iterator[Block]:
    """Return a table block with the rows that there is room for, from the top."""
    shown: list[list[Block]] = []
    room = _TABLE
    for row in cells(table):
        room -= sum(map(size, row))
        if room < 0 or len(shown) == _ROWS:
            break
        shown.append([{"type": "raw_text", "text": cell} for cell in row])
    columns = [{"align": "right" if column.is_number else "left"} for column in table.columns]
    yield {"type": "table", "column_settings": columns, "rows": shown}
    if len(shown) <= len(table.rows):
        yield _SHORTENED_NOTE


def _table_as_code(table: Table) -> Iterator[Block]:
    """Return a table as lines of code, as many as there is room for."""
    lines: list[str] = []
    room, is_cut = _SECTION - len("```\n\n```"), False
    for line in aligned(table):
        shown = _escaped(line.replace("`", _LOOKALIKE["`"]))
        room -= size(shown) + 1
        if room < 0:
            is_cut = True
            break
        lines.append(shown)
    if lines:
        yield _section(_mrkdwn("```\n" + "\n".join(lines) + "\n```"))
    if is_cut:
        yield _SHORTENED_NOTE


def _step_lines(steps: Steps) -> Text:
    spans: list[Span] = []
    for line in steps.lines:
        spans += [Plain(f"{SIGNS[line.state]} "), Bold(line.said), Plain(" · "), *line.label, Plain("\n")]
    return tuple(spans[:-1])


def _facts(facts: Facts) -> Iterator[Block]:
    """Return facts as fields, ten a section; one too long for a field gets sections of its own."""
    fields: list[Block] = []
    for row in facts.rows:
        text: Text = (Bold(row.name), Plain("\n"), *row.value)
        field = _mrkdwn("".join(_span(span) for span in text).strip())
        if not field["text"]:
            continue
        if size(field["text"]) <= _FIELD:
            fields.append(field)
        if fields and (len(fields) == _FIELDS or fields[-1] is not field):
            yield {"type": "section", "fields": fields}
            fields = []
        if size(field["text"]) > _FIELD:
            yield from map(_section, _text_objects(text))
    if fields:
        yield {"type": "section", "fields": fields}


def _plain_words(span: Span) -> str:
    """Return a span for an element that takes only plain text, which shows every character as it is."""
    match span:
        case Plain(text) | Bold(text) | Code(text) | Channel(text):
            return text
        case Link(label, url):
            return f"{label}: {url}"
        case When():
            return utc(span)
        case Typed(words):
            return f"{COMMAND} {words}"
        case Mention():
            return called(span)


def _ask(ask: Ask, number: int) -> Iterator[Block]:
    """Return the question with a list to choose from, or a field that sends what is typed on Enter."""
    label = _label("".join(map(_plain_words, ask.text)), _QUESTION)
    hint = _label(ask.hint, _HINT)
    name = f"{number} {ask.words}"  # two blocks of one name are refused, even where they say the same
    if size(name) > _BLOCK_ID or UNWANTED.search(ask.words):
        yield _section(label)
        return
    if not ask.options:
        field = {"type": "plain_text_input", "action_id": f"{SAY}{number}", "max_length": _TYPED}
        block = {"type": "input", "block_id": name, "label": label, "dispatch_action": True}
        yield block | {"element": field | {"placeholder": hint}}
        return
    options = [
        {"text": _label(shown, _LABEL), "value": said}
        for shown, for_it in ask.options
        if size(said := ask.words.replace(ANSWER, for_it)) <= _VALUE
    ]
    choice = {"type": "static_select", "action_id": f"{SAY}{number}", "placeholder": hint}
    yield _section(label) | ({"accessory": choice | {"options": options[:_OPTIONS]}} if options else {})


def _button(button: Button | LinkButton | FormButton, numbers: Iterator[int]) -> Block | None:
    """Return the button, or None when it could not do what it says: words cut short are other words."""
    made: Block = {"type": "button", "text": _label(button.label, _LABEL)}
    if isinstance(button, FormButton):
        fits = size(button.words) <= _WORDS and not UNWANTED.search(button.words)
        return (
            made | {"action_id": f"{FORM}{next(numbers)}:{button.language}", "value": button.words}
            if fits
            else None
        )
    if button.style != "plain":
        made["style"] = button.style
    if isinstance(button, LinkButton):
        url = _address(button.url)
        if url is None or size(url) > _URL:
            return None
        return made | {"action_id": f"{_OPEN}{next(numbers)}", "url": url}
    if size(button.words) > _WORDS or UNWANTED.search(button.words):
        return None
    made |= {"action_id": f"{SAY}{next(numbers)}", "value": button.words}
    if button.confirm is not None:
        made["confirm"] = _confirm(button.confirm)
    return made


def _confirm(confirm: Confirm) -> Block:
    return {
        "title": _label(confirm.title, _CONFIRM_TITLE),
        "text": _label(confirm.text, _CONFIRM_TEXT),
        "confirm": _label(confirm.yes, _CONFIRM_CHOICE),
        "deny": _label(confirm.no, _CONFIRM_CHOICE),
        "style": "danger",  # nobody is asked twice about what costs nothing
    }


def _label(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": short(one_line(text), limit) or "…", "emoji": False}


def _span(span: Span, *, in_bold: bool = False) -> str:
    """Return one span as mrkdwn."""
    match span:
        case Plain(text) | Bold(text) if in_bold:
            return _literal(one_line(text, strip=False)).replace("*", _LOOKALIKE["*"])
        case Plain(text):
            return _literal(text)
        case Bold(text):
            return _bold(text)
        case Typed(words):
            return _span(Code(f"{COMMAND} {words}"))
        case Code(text):
            inner = _escaped(one_line(text).replace("`", _LOOKALIKE["`"]))
            return f"`{inner}`" if inner else ""
        case Link(label, url):
            return _link(label, url)
        case When(at, style):
            return f"<!date^{int(at.timestamp())}^{_DATE[style]}|{utc(span)}>"
        case Mention():
            return _mention(span)
        case Channel():
            return _channel(span)


def _channel(channel: Channel) -> str:
    """Return a channel as Slack shows it; one of another platform as its place."""
    known = _CHANNEL.fullmatch(channel.text)
    return f"<#{known['id']}>" if known else _literal(channel.text)


def _mention(person: Mention) -> str:
    """Return a person as Slack shows them; somebody of another platform, or no user id, as plain text."""
    if person.chat.platform == "slack" and _USER.fullmatch(person.chat.user):
        return f"<@{person.chat.user}>"
    return _literal(called(person))


def _bold(text: str) -> str:
    before, inner, after = in_blanks(text)
    return f"{before}*{_literal(inner).replace('*', _LOOKALIKE['*'])}*{after}" if inner else before


def _link(label: str, url: str) -> str:
    address = _address(url)
    if address is None or size(_escaped(address)) > _LINK_URL:
        return _literal(f"{label}: {url}")
    shown = _literal(short(one_line(label), _LINK_LABEL)).replace("*", _LOOKALIKE["*"])
    return f"<{_escaped(address)}|{shown}>" if shown else f"<{_escaped(address)}>"


def _address(url: str) -> str | None:
    """Return a web address without characters that end it early in mrkdwn, or None for anything else."""
    address = web_address(url, "https://", "http://")
    return None if address is None else _ENDS_A_LINK.sub(encoded, address)


def _pieces(text: Text, limit: int) -> Iterator[tuple[Text, str]]:
    """Split text at word boundaries into pieces that, rendered, keep the limit; blank ones are left out.

    Yields each piece with its rendering.
    """
    rendered = "".join(_span(span) for span in text)
    if size(rendered) <= limit:
        if rendered.strip():
            yield text, rendered
        return
    for piece in pieces(map(_splittable, text), limit, _most):
        rendered = "".join(_span(span) for span in piece)
        if rendered.strip():
            yield piece, rendered


def _splittable(span: Span) -> Span:
    """Return what takes the place of this span when its text has to be split between words."""
    match span:
        case Link(label, url) if not _link(label, url).startswith("<"):
            return Plain(f"{label}: {url}")
        case Typed(words):
            return Code(f"{COMMAND} {words}")
    return span


def _most(span: Span) -> int:
    """Return the most room this span takes, wherever in a line it will stand."""
    if isinstance(span, Link | When | Mention | Typed):
        return size(_span(span))
    return size(_escaped(span.text)) + 2


def _fitted(blocks: list[Block]) -> list[Block]:
    """Return what Slack takes in one message of these: buttons before text, the beginning before the end."""
    if len(blocks) <= _BLOCKS and sum(map(_weight, blocks)) <= _TOGETHER:
        return blocks or [_section(_mrkdwn("…"))]
    kept: set[int] = set()
    places, room = _BLOCKS // 2, _BUTTONS_TOGETHER
    for index, block in enumerate(blocks):
        if block["type"] == "actions" and places and _weight(block) <= room:
            kept.add(index)
            places, room = places - 1, room - _weight(block)
    places, room = _BLOCKS - 1 - len(kept), _TOGETHER - len(CUT) - (_BUTTONS_TOGETHER - room)
    for index, block in enumerate(blocks):
        if block["type"] == "actions":
            continue
        if not places or _weight(block) > room:
            break
        kept.add(index)
        places, room = places - 1, room - _weight(block)
    return [block for index, block in enumerate(blocks) if index in kept] + [_SHORTENED_NOTE]


def _weight(found: object) -> int:
    """Return how much text a block holds, confirmations included."""
    if isinstance(found, list):
        return sum(map(_weight, found))
    if not isinstance(found, dict):
        return 0
    text = found.get("text")
    return (size(text) if isinstance(text, str) else 0) + sum(map(_weight, found.values()))


def _literal(text: str) -> str:
    """Return text as mrkdwn that shows these characters, or look-alikes of those that would format."""
    text = clean(text)
    if _SPECIAL.search(text) is None:
        return text
    return _escaped(_LIVE.sub(lambda found: found[0][:-1] + _LOOKALIKE[found[0][-1]], text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
