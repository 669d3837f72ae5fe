"""Adaptive Cards as Teams judges them, and what a reader finds in cards that passed.

Elements, actions and their required properties are those of the Adaptive Cards schema 1.5
(adaptivecards.io/explorer); Teams takes no media from bots (its documentation, "Cards reference").
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
NEWEST = (1, 5)
_PICTURES = {"data:image/png": b"\x89PNG\r\n", "data:image/jpeg": b"\xff\xd8", "data:image/gif": b"GIF8"}
_SIZES = ("default", "small", "medium", "large", "extraLarge")
_COLORS = ("default", "dark", "light", "accent", "good", "warning", "attention")
_CONTAINER_STYLES = ("default", "emphasis", "good", "attention", "warning", "accent")

# What must be there, with the type of its value. The lists hold elements unless `_PARTS` says otherwise.
_ELEMENTS: dict[str, dict[str, type]] = {
    "TextBlock": {"text": str},
    "RichTextBlock": {"inlines": list},
    "Image": {"url": str},
    "ImageSet": {"images": list},
    "ActionSet": {"actions": list},
    "Container": {"items": list},
    "ColumnSet": {},
    "FactSet": {"facts": list},
    "Table": {"columns": list, "rows": list},
    "Input.Text": {"id": str},
    "Input.Number": {"id": str},
    "Input.Date": {"id": str},
    "Input.Time": {"id": str},
    "Input.Toggle": {"id": str, "title": str},
    "Input.ChoiceSet": {"id": str},
}
_ACTIONS: dict[str, dict[str, type]] = {
    "Action.Execute": {},
    "Action.OpenUrl": {"url": str},
    "Action.ShowCard": {"card": dict},
    "Action.Submit": {},
    "Action.ToggleVisibility": {"targetElements": list},
}
# Parts that are no elements of their own: their type may be left out where the place says it.
_PARTS: dict[str, dict[str, type]] = {
    "Column": {},
    "TableRow": {},
    "TableCell": {"items": list},
    "TextRun": {"text": str},
    "Fact": {"title": str, "value": str},
    "Input.Choice": {"title": str, "value": str},
}
_WORDS: dict[str, tuple[str, ...]] = {
    "size": (*_SIZES, "auto", "stretch"),
    "weight": ("default", "lighter", "bolder"),
    "color": _COLORS,
    "fontType": ("default", "monospace"),
    "horizontalAlignment": ("left", "center", "right"),
    "spacing": ("default", "none", "small", "medium", "large", "extraLarge", "padding"),
}
_STYLES: dict[str, tuple[str, ...]] = {
    "TextBlock": ("default", "heading"),
    "Image": ("default", "person"),
    "Input.Text": ("text", "tel", "url", "email", "password"),
    "Input.ChoiceSet": ("compact", "expanded", "filtered"),
    **dict.fromkeys(("Container", "Column", "ColumnSet", "TableRow", "TableCell"), _CONTAINER_STYLES),
    **dict.fromkeys(_ACTIONS, ("default", "positive", "destructive")),
}
_SWITCHES = ("isSubtle", "isMultiline", "isMultiSelect", "isRequired", "isVisible", "separator", "wrap")


def fault(card: object) -> str | None:
    """Return what Teams would find wrong with this card first, or None when it would show it."""
    inspection = _Inspection()
    inspection.card(card, "card", nested=False)
    return next(iter(inspection.found), None)


def texts(card: object) -> Iterator[str]:
    """Yield every line a reader sees in this card, in reading order, titles of buttons included."""
    runs: set[int] = set()
    for node in nodes(card):
        kind = str(node.get("type", ""))
        if kind == "FactSet":
            yield from (f"{fact['title']}: {fact['value']}" for fact in node["facts"])
        if kind == "RichTextBlock":
            runs |= {id(inline) for inline in node["inlines"]}
            yield "".join(inline if isinstance(inline, str) else inline["text"] for inline in node["inlines"])
        titled = kind.startswith("Action.") or kind == "Input.Toggle"
        if kind == "Image" and node.get("altText"):
            yield node["altText"]
        for name in ("text", "label", "title") if titled else ("text", "label"):
            if node.get(name) and id(node) not in runs:
                yield node[name]


def actions(card: object) -> list[Json]:
    """Return every button of this card, in reading order."""
    return [node for node in nodes(card) if str(node.get("type", "")).startswith("Action.")]


def inputs(card: object) -> list[Json]:
    """Return every input of this card, in reading order."""
    return [node for node in nodes(card) if str(node.get("type", "")).startswith("Input.")]


def nodes(card: object) -> Iterator[Json]:
    """Yield every object of the card that stands in the tree of what is shown; fallbacks are not."""
    if isinstance(card, dict):
        yield card
        for name, value in card.items():
            if name not in ("data", "fallback", "refresh", "authentication", "msteams", "metadata"):
                yield from nodes(value)
    elif isinstance(card, list):
        for item in card:
            yield from nodes(item)


class _Inspection:
    """One reading of a card; findings gather in `found`, each with the place it was found at."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._ids: set[str] = set()

    def card(self, card: object, at: str, *, nested: bool) -> None:
        """Inspect a whole card; one inside Action.ShowCard need not say its version."""
        if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
            self._fault(at, "type must be AdaptiveCard")
            return
        version = card.get("version")
        if version is not None or not nested:
            self._version(version, at)
        self._list(card, "body", at, self._element)
        self._list(card, "actions", at, self._action)
        if "selectAction" in card:
            self._action(card["selectAction"], f"{at}/selectAction")
        entities = card["msteams"].get("entities", []) if isinstance(card.get("msteams"), dict) else []
        for index, entity in enumerate(entities):
            self._mention(entity, f"{at}/msteams/entities/{index}")
        refresh = card.get("refresh")
        if refresh is not None:
            self._refresh(refresh, f"{at}/refresh")

    def _version(self, version: object, at: str) -> None:
        if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
            self._fault(at, "version is missing or malformed")
        elif tuple(map(int, version.split("."))) > NEWEST:
            self._fault(at, f"version {version} is not supported")

    def _refresh(self, refresh: object, at: str) -> None:
        if not isinstance(refresh, dict):
            self._fault(at, "must be an object")
            return
        action = refresh.get("action")
        if not isinstance(action, dict) or action.get("type") != "Action.Execute":
            self._fault(f"{at}/action", "must be an Action.Execute")
        if len(refresh.get("userIds", [])) > 60:  # noqa: PLR2004 - the most that Teams refreshes for
            self._fault(f"{at}/userIds", "no more than 60 ids allowed")

    def _mention(self, entity: object, at: str) -> None:
        found = entity if isinstance(entity, dict) else {}
        named = found.get("mentioned")
        who = (named.get("id"), named.get("name")) if isinstance(named, dict) else (None,)
        if found.get("type") != "mention" or not all(isinstance(part, str) and part for part in who):
            self._fault(at, "must be a mention of somebody with an id and a name")
        if not re.fullmatch(r"<at>[^<]+</at>", str(found.get("text"))):
            self._fault(f"{at}/text", "must be <at>…</at>")

    def _element(self, element: object, at: str) -> None:
        kind = self._typed(element, at, _ELEMENTS, self._element)
        if kind is None or not isinstance(element, dict):
            return
        if kind.startswith("Input."):
            self._input_id(element, at)
        if kind == "Image":
            self._image(element, at)
        lists: dict[str, tuple[str, Callable[[object, str], None]]] = {
            "Container": ("items", self._element),
            "ActionSet": ("actions", self._action),
            "ColumnSet": ("columns", self._column),
            "ImageSet": ("images", self._element),
            "FactSet": ("facts", self._fact),
            "RichTextBlock": ("inlines", self._inline),
            "Table": ("rows", self._row),
            "Input.ChoiceSet": ("choices", self._choice),
        }
        if kind in lists:
            name, inspect = lists[kind]
            self._list(element, name, at, inspect)
        if "selectAction" in element:
            self._action(element["selectAction"], f"{at}/selectAction")

    def _image(self, image: Json, at: str) -> None:
        """Inspect a picture: at an https address, or in the card itself as base64."""
        if not isinstance(image.get("altText", ""), str):
            self._fault(f"{at}/altText", "must be a string")
        if image["url"].startswith("https://"):
            return
        kind, _, content = image["url"].partition(";base64,")
        try:
            found = base64.b64decode(content, validate=True)
        except ValueError:
            found = b""
        if kind not in _PICTURES or not found.startswith(_PICTURES[kind]):
            self._fault(f"{at}/url", "must be https, or a PNG, JPEG or GIF as base64")

    def _column(self, column: object, at: str) -> None:
        if self._part("Column", column, at) and isinstance(column, dict):
            self._list(column, "items", at, self._element)

    def _row(self, row: object, at: str) -> None:
        if self._part("TableRow", row, at) and isinstance(row, dict):
            self._list(row, "cells", at, self._cell)

    def _cell(self, cell: object, at: str) -> None:
        if self._part("TableCell", cell, at) and isinstance(cell, dict):
            self._list(cell, "items", at, self._element)

    def _fact(self, fact: object, at: str) -> None:
        self._part("Fact", fact, at)

    def _choice(self, choice: object, at: str) -> None:
        self._part("Input.Choice", choice, at)

    def _inline(self, inline: object, at: str) -> None:
        if not isinstance(inline, str):
            self._part("TextRun", inline, at)

    def _action(self, action: object, at: str) -> None:
        kind = self._typed(action, at, _ACTIONS, self._action)
        if kind == "Action.ShowCard" and isinstance(action, dict):
            self.card(action["card"], f"{at}/card", nested=True)
        if kind == "Action.Execute" and isinstance(action, dict):
            verb = action.get("verb")
            if verb is not None and not isinstance(verb, str):
                self._fault(f"{at}/verb", "must be a string")

    def _typed(
        self, node: object, at: str, known: dict[str, dict[str, type]], again: Callable[[object, str], None]
    ) -> str | None:
        """Inspect what every element or action has; returns its type, or None when it is not to be shown."""
        if not isinstance(node, dict):
            self._fault(at, "must be an object")
            return None
        kind = str(node.get("type"))
        fallback = node.get("fallback")
        if isinstance(fallback, dict):
            again(fallback, f"{at}/fallback")
        elif fallback not in (None, "drop"):
            self._fault(f"{at}/fallback", "must be an object or 'drop'")
        if kind not in known:
            if fallback is None:
                self._fault(at, f"unknown type {kind}")
            return None
        return kind if self._properties(kind, node, known[kind], at) else None

    def _part(self, kind: str, part: object, at: str) -> bool:
        """Inspect a part whose place says what it is; returns True when it is one."""
        if not isinstance(part, dict) or part.get("type", kind) != kind:
            self._fault(at, f"must be a {kind}")
            return False
        return self._properties(kind, part, _PARTS[kind], at)

    def _properties(self, kind: str, node: Json, required: dict[str, type], at: str) -> bool:
        before = len(self.found)
        for name, wanted in required.items():
            if not isinstance(node.get(name), wanted):
                self._fault(f"{at}/{name}", f"{kind} needs {name}")
        for name, words in (_WORDS | {"style": _STYLES.get(kind, ())}).items():
            value = node.get(name)
            # The renderers take these words in any case.
            if isinstance(value, str) and words and value.lower() not in map(str.lower, words):
                self._fault(f"{at}/{name}", f"unknown value {value}")
        for name in _SWITCHES:
            if not isinstance(node.get(name, False), bool):
                self._fault(f"{at}/{name}", "must be true or false")
        for name in ("title", "label", "url", "id"):
            if not isinstance(node.get(name, ""), str):
                self._fault(f"{at}/{name}", "must be a string")
        return len(self.found) == before

    def _input_id(self, element: Json, at: str) -> None:
        if not element["id"] or element["id"] in self._ids:
            self._fault(f"{at}/id", f"id {element['id']!r} is empty or there twice")
        self._ids.add(element["id"])

    def _list(self, node: Json, name: str, at: str, inspect: Callable[[object, str], None]) -> None:
        items = node.get(name, [])
        if not isinstance(items, list):
            self._fault(f"{at}/{name}", "must be a list")
            return
        for index, item in enumerate(items):
            inspect(item, f"{at}/{name}/{index}")

    def _fault(self, at: str, what: str) -> None:
        self.found.append(f"{at}: {what}")
