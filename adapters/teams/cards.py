"""A message as Teams shows it: plain text for notifications, and an Adaptive Card 1.5. Pure.

Text goes out in one of two kinds of element. A RichTextBlock takes what needs none of TextBlock's own
features: its runs are no markdown, so that names, codes and words to type stand there letter by letter, and
it alone has a monospaced font. Moments, links and mentions need a TextBlock: in a run Teams shows the source
of a moment (microsoft/AdaptiveCards#6194, MicrosoftDocs/msteams-docs#8030), and knows no mention. Text and
card are two messages to Teams, which would split them and then return no id.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any, Final

from adapters.chat.message import (
    ANSWER,
    Ask,
    Bold,
    Button,
    Buttons,
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
    Picture,
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
    NAME,
    SIGNS,
    TYPEABLE,
    UNWANTED,
    aligned,
    cells,
    clean,
    one_line,
    pieces,
    plain_lines,
    short,
    size,
)
from adapters.teams.markup import People, https_address, inert, markdown, people_of, plain, plain_span
from adapters.teams.words import LONGEST_INPUT, SAY

Json = dict[str, Any]

_CARD: Final = 36_000  # UTF-16 units of JSON, 72 KB; Teams takes 100 KB, with everything around the card
# A picture travels in its card as base64. Together they stay below 40 KB, which clients have been seen to
# refuse (microsoft/BotFramework-Services#228), also where they take the documented 100 KB of UTF-16.
LARGEST_PICTURE: Final = 22_000
_WITH_PICTURE: Final = 6_000  # units of JSON for what else is in such a card
_ALT: Final = 1000
_BUTTONS: Final = 16_000  # of these, at most so much for buttons
_FALLBACK: Final = 3000
_PIECE: Final = 4000  # a longer text is split, so that a card can be cut between its pieces
_ROW: Final = 500  # a longer fact is told as text of its own
_ROWS: Final = 10
_TABLE: Final = 20_000  # of a card, at most so much for each of its tables
_AS_LINES: Final = 4_000  # of these, for the lines that stand in for a table
_ACTIONS: Final = 6  # Teams on the desktop shows no more in one set (MicrosoftDocs/msteams-docs#5356)
_LABEL, _WORDS, _QUESTION = 75, 1000, 500
_CONFIRM_TITLE, _CONFIRM_TEXT = 100, 300

# Teams shows these plain, other hosts of cards in color.
_STYLES: Final = {"primary": "positive", "danger": "destructive"}


def render(message: Message) -> tuple[str, Json]:
    """Return the whole message in plain words (for notifications) and as a card. Neither is ever empty."""
    people = people_of(message)
    body = _fitted(list(_body(message, people)), _CARD if message.picture is None else _WITH_PICTURE)
    if message.picture is not None:
        body.insert(1, _image(message.picture))
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": body,
    }
    mentioned = _mentioned(people, body)
    return fallback(message), card | ({"msteams": {"entities": mentioned}} if mentioned else {})


def fallback(message: Message) -> str:
    """Return the message as plain lines: times in UTC, links as `label: url`, people by name.

    It is meant to be sent as plain text; no link can be forged even where it is read as markdown.
    """
    return short(plain_lines(message, plain, _plain_button).replace("](", "] ("), _FALLBACK)


def _plain_button(button: Button | LinkButton | FormButton) -> str:
    if isinstance(button, FormButton):
        return ""
    if isinstance(button, LinkButton):
        return inert(f"{button.label}: {button.url}")
    return inert(f"{button.label}: “{button.words}”" if len(button.words) <= TYPEABLE else button.label)


def _body(message: Message, people: People) -> Iterator[Json]:
    for piece in _pieces(message.summary):
        if shown := markdown(piece, people, in_bold=True):
            yield _text_block(shown) | {"size": "Medium", "weight": "Bolder", "style": "heading"}
    numbers = count(1)
    for part in message.parts:
        match part:
            case Paragraph(text):
                yield from _texts(text, people)
            case Note(text):
                yield from _texts(text, people, size="Small", isSubtle=True)
            case Steps(lines):
                yield from _rows(((f"{SIGNS[line.state]} {line.said}", line.label) for line in lines), people)
            case Facts(rows):
                yield from _rows(((row.name, row.value) for row in rows), people)
            case Table(caption):
                yield from _texts(caption, people)
                yield from _table(part)
            case Ask():
                yield from _ask(part, next(numbers))
            case Buttons(buttons):
                actions = [made for button in buttons if (made := _button(button)) is not None]
                for start in range(0, len(actions), _ACTIONS):
                    yield {"type": "ActionSet", "actions": actions[start : start + _ACTIONS]}


def _image(picture: Picture) -> Json:
    """Return the picture as an element; a tap on it shows it large."""
    content = base64.b64encode(picture.content).decode("ascii")
    return {
        "type": "Image",
        "url": f"data:image/png;base64,{content}",
        "altText": short(one_line(picture.alt), _ALT),
        "size": "stretch",
        "msteams": {"allowExpand": True},
    }


def _texts(text: Text, people: People, **look: Any) -> Iterator[Json]:
    for piece in _pieces(text):
        if any(isinstance(span, When | Mention | Link) for span in piece):
            if shown := markdown(piece, people):
                yield _text_block(shown) | look
        elif plain(piece).strip():
            yield {"type": "RichTextBlock", "inlines": [run | look for run in _runs(piece)]}


def _text_block(text: str) -> Json:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _runs(text: Text) -> Iterator[Json]:
    for span in text:
        if shown := plain_span(span):
            run = {"type": "TextRun", "text": shown}
            match span:
                case Bold() | Typed():
                    run["weight"] = "Bolder"
                case Code():
                    run["fontType"] = "Monospace"
            yield run


def _rows(rows: Iterable[tuple[str, Text]], people: People) -> Iterator[Json]:
    """Return names and values as fact sets, ten facts each; a long one becomes text of its own."""
    facts: list[Json] = []
    for name, value in rows:
        title, shown = markdown((Plain(name),), people), markdown(value, people)
        fits = size(title) + size(shown) <= _ROW
        if fits and title + shown:
            facts.append({"title": title or "…", "value": shown or "…"})
        if facts and (len(facts) == _ROWS or not fits):
            yield {"type": "FactSet", "facts": facts}
            facts = []
        if not fits:
            yield from _texts((Bold(name), Plain("\n"), *value), people)
    if facts:
        yield {"type": "FactSet", "facts": facts}


def _table(table: Table) -> Iterator[Json]:
    """Return a table with the rows that there is room for, from the top, and lines for who shows no tables.

    Its cells are RichTextBlocks, because a TextBlock would make a list of what begins with "59.".
    """
    columns = [
        {
            "width": 1 if column.is_number else 2,
            "horizontalCellContentAlignment": "right" if column.is_number else "left",
        }
        for column in table.columns
    ]
    shown: list[Json] = []
    room = _TABLE - _AS_LINES
    for row in cells(table):
        look = {} if shown else {"weight": "Bolder"}
        made = {"type": "TableRow", "cells": [_cell(cell, **look) for cell in row]}
        room -= _weight(made)
        if room < 0:
            break
        shown.append(made)
    lines = plain((Plain("\n".join(islice(aligned(table), len(shown)))),))
    as_lines = {"type": "TextRun", "text": short(lines, _AS_LINES // 2), "fontType": "Monospace"}
    if columns:
        fallback = {"type": "RichTextBlock", "inlines": [as_lines]}
        yield {"type": "Table", "columns": columns, "rows": shown, "fallback": fallback}
    if len(shown) <= len(table.rows):
        yield from _texts((Plain(CUT),), {}, size="Small", isSubtle=True)


def _cell(text: str, **look: str) -> Json:
    run = {"type": "TextRun", "text": inert(text)} | look
    return {"type": "TableCell", "items": [{"type": "RichTextBlock", "inlines": [run]}]}


def _ask(ask: Ask, number: int) -> Iterator[Json]:
    """Return the question with a list or a field, and the button that sends what is in it."""
    name = f"answer{number}"
    label = short(inert(one_line(plain(ask.text))), _QUESTION) or "…"
    hint = short(inert(one_line(ask.hint)), _LABEL) or "…"
    field: Json = {"type": "Input.Text", "id": name, "label": label, "maxLength": LONGEST_INPUT}
    if ask.options:
        choices = [
            {"title": short(inert(one_line(shown)), _LABEL) or "…", "value": said}
            for shown, said in ask.options
        ]
        field = {
            "type": "Input.ChoiceSet",
            "id": name,
            "label": label,
            "style": "compact",
            "choices": choices,
        }
    yield field | {"placeholder": hint}
    words = ask.words.replace(ANSWER, f"{{{name}}}")
    if size(words) <= _WORDS and not UNWANTED.search(words):
        send = _saying(short(inert(one_line(ask.send)), _LABEL) or "…", words)
        yield {"type": "ActionSet", "actions": [send | {"id": f"send-{name}"}]}


def _button(button: Button | LinkButton | FormButton) -> Json | None:
    """Return the button, or None when it could not do what it says: words cut short are other words."""
    if isinstance(button, FormButton):
        return None  # what a form would take is pasted into the chat
    title = short(inert(one_line(button.label)), _LABEL) or "…"
    style = {"style": _STYLES[button.style]} if button.style in _STYLES else {}
    if isinstance(button, LinkButton):
        address = https_address(button.url)
        if address is None:
            return None
        return {"type": "Action.OpenUrl", "title": title, "url": address} | style
    if size(button.words) > _WORDS or UNWANTED.search(button.words):
        return None
    if button.confirm is None:
        return _saying(title, button.words) | style
    return {"type": "Action.ShowCard", "title": title, "card": _question(button.confirm, button)} | style


def _saying(title: str, words: str) -> Json:
    submit = {"type": "Action.Submit", "title": title, "data": {SAY: words}}
    return submit | {"type": "Action.Execute", "verb": SAY, "fallback": submit}


def _question(confirm: Confirm, button: Button) -> Json:
    """Return what unfolds under a button that asks before it acts.

    There is none for "no": only the button that unfolded the question folds it up again. With
    Action.ToggleVisibility there could be one, but that has failed in Teams more than once, on the desktop
    and on iOS (MicrosoftDocs/msteams-docs#8157, #8114).
    """
    title, text = short(one_line(confirm.title), _CONFIRM_TITLE), short(clean(confirm.text), _CONFIRM_TEXT)
    body = [*_texts((Bold(title),), {}), *_texts((Plain(text),), {})]
    yes = _saying(short(inert(one_line(confirm.yes)), _LABEL) or "…", button.words)
    yes["style"] = _STYLES["danger"]  # nobody is asked twice about what costs nothing
    return {"type": "AdaptiveCard", "body": body, "actions": [yes]}


def _mentioned(people: People, body: list[Json]) -> list[Json]:
    """Return the people whom this body mentions. One who is named here but not there is none to Teams."""
    said = json.dumps(body, ensure_ascii=False)
    return [
        {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": chat.user, "name": name}}
        for chat, name in people.items()
        if json.dumps(f"<at>{name}</at>", ensure_ascii=False)[1:-1] in said
    ]


def _pieces(text: Text) -> Iterator[Text]:
    if sum(map(_cost, text)) <= _PIECE:
        yield text
    else:
        yield from pieces(map(_splittable, text), _PIECE, _cost)


def _splittable(span: Span) -> Span:
    """Return what takes the place of this span when its text has to be split between words."""
    match span:
        case Link(label, url) if https_address(url) is None:
            return Plain(f"{label}: {url}")
        case Typed(words):
            return Bold(words)
    return span


def _cost(span: Span) -> int:
    match span:
        case Link(label, url):
            return size(label) + size(url)
        case When() | Mention():
            return NAME
        case Typed(words):
            return size(words)
    return size(span.text)


def _fitted(body: list[Json], room: int) -> list[Json]:
    """Return what there is room for in a card of these: buttons before text, the beginning before the end."""
    if sum(map(_weight, body)) <= room:
        return body or [_text_block("…")]
    kept: set[int] = set()
    for_buttons = left = min(_BUTTONS, room // 2)
    for index, element in enumerate(body):
        if element["type"] == "ActionSet" and _weight(element) <= left:
            kept.add(index)
            left -= _weight(element)
    shortened = next(_texts((Plain(CUT),), {}, size="Small", isSubtle=True))
    room -= for_buttons - left + _weight(shortened)
    for index, element in enumerate(body):
        if element["type"] == "ActionSet":
            continue
        if _weight(element) > room:
            break
        kept.add(index)
        room -= _weight(element)
    return [element for index, element in enumerate(body) if index in kept] + [shortened]


def _weight(element: Json) -> int:
    return size(json.dumps(element, ensure_ascii=False))
