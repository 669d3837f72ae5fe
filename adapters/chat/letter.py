"""A message as a letter: a subject, plain text, and HTML that says the same. Pure.

A letter is read outside the chat: what would say words to the bot is left out, what opens an address stays.
"""

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adapters.chat.message import (
    Ask,
    Bold,
    Button,
    Buttons,
    Channel,
    Code,
    Facts,
    FormButton,
    Link,
    LinkButton,
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
from adapters.chat.text import called, cells, clean, one_line, plain_lines, short, utc, web_address

SUBJECT = 120  # what mail programs show of a subject, generously
_PAGE = (
    '<!doctype html><html lang="{}">'
    '<body style="font-family:sans-serif;font-size:16px;line-height:1.5;color:#1d1c1d;max-width:36em">'
    "{}</body></html>"
)
_BUTTON = (
    '<a href="{}" style="display:inline-block;padding:.6em 1.2em;border-radius:6px;background:#1a5fb4;'
    'color:#ffffff;text-decoration:none">{}</a>'
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is mailed."""

    subject: str
    text: str
    html: str


def letter(message: Message, language: str) -> Letter:
    """Return the message as a letter, the same in both bodies; nothing that was typed is markup.

    `language` is the tag of the one it is worded in, for programs that read aloud.
    """
    mailed = replace(message, parts=tuple(_mailed(message.parts)), document=None)
    body = "".join([f"<h1 style='font-size:1.3em'>{_html(mailed.summary)}</h1>", *map(_part, mailed.parts)])
    return Letter(
        short(one_line(_plain(mailed.summary)), SUBJECT),
        plain_lines(mailed, _plain, _button_line),
        _PAGE.format(language, body),
    )


def _mailed(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, Ask):
            continue
        if isinstance(part, Buttons):
            links = tuple(button for button in part.buttons if isinstance(button, LinkButton))
            if links:
                yield Buttons(links)
            continue
        yield part


def _plain(text: Text) -> str:
    return clean("".join(map(_plain_span, text)))


def _plain_span(span: Span) -> str:
    match span:
        case Link(label, url):
            return url if label == url else f"{label}: {url}"
        case When():
            return utc(span)
        case Mention():
            return called(span)
        case Typed(words):
            return words
    return span.text


def _button_line(button: Button | LinkButton | FormButton) -> str:
    return f"{button.label}: {button.url}" if isinstance(button, LinkButton) else ""


def _html(text: Text) -> str:
    return "".join(map(_html_span, text)).replace("\n", "<br>")


def _html_span(span: Span) -> str:
    match span:
        case Link(label, url):
            address = web_address(url, "https://")
            shown = _literal(label)
            return f'<a href="{_literal(address)}">{shown}</a>' if address else f"{shown}: {_literal(url)}"
        case Bold() | Typed():
            return f"<b>{_literal(_plain_span(span))}</b>"
        case Code():
            return f"<code>{_literal(_plain_span(span))}</code>"
        case Plain() | Channel() | When() | Mention():
            return _literal(_plain_span(span))


def _part(part: Part) -> str:
    match part:
        case Paragraph(text):
            return f"<p>{_html(text)}</p>"
        case Note(text):
            return f'<p style="font-size:.85em;color:#616061">{_html(text)}</p>'
        case Steps(lines):
            return _list(f"{_literal(line.said)}: {_html(line.label)}" for line in lines)
        case Facts(rows):
            return _list(f"{_literal(row.name)}: {_html(row.value)}" for row in rows)
        case Table(caption):
            heads, *below = cells(part)
            shown = [_row(heads, "th"), *(_row(row, "td") for row in below)]
            return f"<p>{_html(caption)}</p><table>{''.join(shown)}</table>"
        case Buttons(buttons):
            links = [button for button in buttons if isinstance(button, LinkButton)]
            return "".join(f"<p>{_link_button(button)}</p>" for button in links)
        case Ask():
            return ""


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _row(row: tuple[str, ...], kind: str) -> str:
    return f"<tr>{''.join(f'<{kind} align=left>{_literal(cell)}</{kind}>' for cell in row)}</tr>"


def _link_button(button: LinkButton) -> str:
    address = web_address(button.url, "https://")
    return _BUTTON.format(_literal(address), _literal(button.label)) if address else _literal(button.label)


def _literal(text: str) -> str:
    return html.escape(clean(text), quote=True)
