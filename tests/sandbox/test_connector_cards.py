"""Adaptive Cards as the simulated Teams judges them and shows them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.connector_cards import actions, fault, inputs, texts
from tests.sandbox.teams_tenant import card, execute, text_block

Json = dict[str, Any]
GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "teams").glob("*.json"))
CELL = {"type": "TableCell", "items": [text_block("cell")]}
CHOICE = {"title": "One", "value": "1"}
OPEN = {"type": "Action.OpenUrl", "title": "Open", "url": "https://a.example"}


def in_body(element: Any) -> Json:
    return card() | {"body": [element]}


def text(**more: Any) -> Json:
    return in_body(text_block("x") | more)


def mention(**more: Any) -> Json:
    entity = {"type": "mention", "text": "<at>Ada</at>", "mentioned": {"id": "29:1", "name": "Ada"}} | more
    return card(text_block("<at>Ada</at>"), msteams={"entities": [entity]})


def picture(url: str = "data:image/png;base64,iVBORw0KGgo=", **more: Any) -> Json:
    return in_body({"type": "Image", "url": url, "altText": "The leaderboard"} | more)


GOOD: list[Json] = [
    picture(),
    picture("https://pictures.example.com/board.png"),
    card(),
    card(text_block("x"), version="1.0"),
    {"type": "AdaptiveCard", "version": "1.4"},
    in_body({"type": "Container", "items": [text_block("x")], "style": "emphasis", "selectAction": OPEN}),
    in_body({"type": "ColumnSet", "columns": [{"width": "auto", "items": [text_block("x")]}]}),
    in_body({"type": "ColumnSet", "columns": [{"type": "Column"}]}),
    in_body({"type": "FactSet", "facts": [{"title": "a", "value": "b"}]}),
    in_body({"type": "RichTextBlock", "inlines": ["a", {"type": "TextRun", "text": "b"}]}),
    in_body({"type": "ImageSet", "images": [{"type": "Image", "url": "https://a.example/i.png"}]}),
    in_body({"type": "Table", "columns": [{"width": 1}], "rows": [{"type": "TableRow", "cells": [CELL]}]}),
    in_body({"type": "Input.ChoiceSet", "id": "a", "choices": [CHOICE], "style": "Compact"}),
    in_body({"type": "Marquee", "text": "x", "fallback": "drop"}),
    in_body({"type": "Marquee", "fallback": text_block("x")}),
    text(size="Medium", weight="Bolder", style="heading", isSubtle=True),
    card(actions=[execute("Go", "go"), OPEN, {"type": "Action.Submit", "title": "S", "data": {}}]),
    card(
        actions=[{"type": "Action.ShowCard", "title": "More", "card": {"type": "AdaptiveCard", "body": []}}]
    ),
    card(actions=[{"type": "Action.ToggleVisibility", "targetElements": ["a"]}]),
    card(refresh={"action": execute("Refresh", "status"), "userIds": ["29:1"]}),
    mention(),
]

BAD: list[tuple[Any, str]] = [
    (None, "card: type must be AdaptiveCard"),
    ({"type": "HeroCard"}, "card: type must be AdaptiveCard"),
    ({"type": "AdaptiveCard", "body": []}, "card: version is missing or malformed"),
    (card(version="1.5.1"), "card: version is missing or malformed"),
    (card(version="1.6"), "card: version 1.6 is not supported"),
    (card(version="1.10"), "card: version 1.10 is not supported"),
    (card() | {"body": {}}, "card/body: must be a list"),
    (in_body("text"), "card/body/0: must be an object"),
    (in_body({"text": "x"}), "card/body/0: unknown type None"),
    (in_body({"type": "Media", "sources": []}), "card/body/0: unknown type Media"),
    (in_body({"type": "Column", "items": []}), "card/body/0: unknown type Column"),
    (in_body({"type": "Marquee", "fallback": {"type": "X"}}), "card/body/0/fallback: unknown type X"),
    (in_body({"type": "TextBlock"}), "card/body/0/text: TextBlock needs text"),
    (in_body({"type": "Image"}), "card/body/0/url: Image needs url"),
    (picture(altText=7), "card/body/0/altText: must be a string"),
    *(
        (picture(url), "card/body/0/url: must be https, or a PNG, JPEG or GIF as base64")
        for url in (
            "http://pictures.example.com/board.png",
            "data:image/png;base64,R0lGODlh",
            "data:image/png;base64,no base64",
            "data:image/svg+xml;base64,PHN2Zy8+",
        )
    ),
    (text(fallback=7), "card/body/0/fallback: must be an object or 'drop'"),
    (text(size="huge"), "card/body/0/size: unknown value huge"),
    (text(color="red"), "card/body/0/color: unknown value red"),
    (text(style="person"), "card/body/0/style: unknown value person"),
    (text(wrap="yes"), "card/body/0/wrap: must be true or false"),
    (text(id=7), "card/body/0/id: must be a string"),
    (in_body({"type": "Container"}), "card/body/0/items: Container needs items"),
    (in_body({"type": "Container", "items": [{"type": "X"}]}), "card/body/0/items/0: unknown type X"),
    (
        in_body({"type": "ColumnSet", "columns": [text_block("x")]}),
        "card/body/0/columns/0: must be a Column",
    ),
    (
        in_body({"type": "FactSet", "facts": [{"title": "a"}]}),
        "card/body/0/facts/0/value: Fact needs value",
    ),
    (in_body({"type": "RichTextBlock", "inlines": [7]}), "card/body/0/inlines/0: must be a TextRun"),
    (
        in_body({"type": "Table", "columns": [], "rows": [{"cells": [{"type": "TableCell"}]}]}),
        "card/body/0/rows/0/cells/0/items: TableCell needs items",
    ),
    (in_body({"type": "Input.Text"}), "card/body/0/id: Input.Text needs id"),
    (in_body({"type": "Input.Toggle", "id": "a"}), "card/body/0/title: Input.Toggle needs title"),
    (
        in_body({"type": "Input.ChoiceSet", "id": "a", "choices": [{"title": "x"}]}),
        "card/body/0/choices/0/value: Input.Choice needs value",
    ),
    (
        card({"type": "Input.Text", "id": "a"}, {"type": "Input.Date", "id": "a"}),
        "card/body/1/id: id 'a' is empty or there twice",
    ),
    (card(actions=[{"type": "Action.Http"}]), "card/actions/0: unknown type Action.Http"),
    (card(actions=[{"type": "Action.OpenUrl"}]), "card/actions/0/url: Action.OpenUrl needs url"),
    (card(actions=[{"type": "Action.ShowCard"}]), "card/actions/0/card: Action.ShowCard needs card"),
    (
        card(actions=[{"type": "Action.ShowCard", "card": card({"type": "X"})}]),
        "card/actions/0/card/body/0: unknown type X",
    ),
    (card(actions=[execute("Go", "go", verb=7)]), "card/actions/0/verb: must be a string"),
    (card(actions=[execute("Go", "go", style="loud")]), "card/actions/0/style: unknown value loud"),
    (
        card(actions=[execute("Go", "go", fallback={"type": "Action.Http"})]),
        "card/actions/0/fallback: unknown type Action.Http",
    ),
    (card(selectAction={"type": "X"}), "card/selectAction: unknown type X"),
    (card(refresh="now"), "card/refresh: must be an object"),
    (card(refresh={"action": OPEN}), "card/refresh/action: must be an Action.Execute"),
    (
        card(refresh={"action": execute("R", "status"), "userIds": ["29:1"] * 61}),
        "card/refresh/userIds: no more than 60 ids allowed",
    ),
    (mention(text="Ada"), "card/msteams/entities/0/text: must be <at>…</at>"),
    (
        mention(mentioned={"id": "29:1"}),
        "card/msteams/entities/0: must be a mention of somebody with an id and a name",
    ),
]


@pytest.mark.parametrize("good", GOOD, ids=range(len(GOOD)))
def test_a_card_by_the_schema_is_shown(good: Json) -> None:
    assert fault(good) is None


@pytest.mark.parametrize(("bad", "found"), BAD)
def test_each_fault_is_found_where_it_is(bad: Any, found: str) -> None:
    assert fault(bad) == found


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_every_card_of_the_bot_is_one_that_teams_shows(golden: Path) -> None:
    assert fault(json.loads(golden.read_text(encoding="utf-8"))["card"]) is None


def test_there_are_cards_of_the_bot_to_judge() -> None:
    assert len(GOLDEN) > 3


def test_a_reader_sees_all_text_in_its_order() -> None:
    shown = card(
        text_block("Heading"),
        {"type": "FactSet", "facts": [{"title": "Racer", "value": "Ada"}]},
        {"type": "RichTextBlock", "inlines": ["one ", {"type": "TextRun", "text": "line"}]},
        {"type": "ColumnSet", "columns": [{"items": [text_block("left")]}, {"items": [text_block("right")]}]},
        {"type": "Table", "columns": [], "rows": [{"cells": [CELL]}]},
        {"type": "Input.Text", "id": "why", "label": "Why?", "value": "unsaid", "placeholder": "unsaid"},
        {"type": "Input.Toggle", "id": "sure", "title": "Sure", "value": "unsaid"},
        actions=[execute("Leave", "unsaid")],
        fallback=text_block("unsaid"),
    )
    assert list(texts(picture())) == ["The leaderboard"]
    lines = ["Heading", "Racer: Ada", "one line", "left", "right", "cell", "Why?", "Sure", "Leave"]
    assert list(texts(shown)) == lines


def test_buttons_and_inputs_are_found_wherever_they_stand() -> None:
    field = {"type": "Input.Text", "id": "why"}
    unfolded = {"type": "AdaptiveCard", "body": [field], "actions": [execute("Yes", "yes")]}
    shown = card(
        {"type": "ActionSet", "actions": [OPEN]},
        {"type": "Container", "items": [field | {"id": "how"}]},
        actions=[{"type": "Action.ShowCard", "title": "Ask", "card": unfolded}],
    )
    assert [action["title"] for action in actions(shown)] == ["Open", "Ask", "Yes"]
    assert [found["id"] for found in inputs(shown)] == ["how", "why"]
