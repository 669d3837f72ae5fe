"""Block Kit as Slack judges it: the limits of each block, and what a reader finds in blocks that passed.

Limits are those of Slack's Block Kit reference and of `slack_sdk.models`; the messages have the wording and
the JSON pointers of Slack's own `invalid_blocks` answers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Surface = Literal["message", "modal", "home"]
Json = dict[str, Any]

_MOST_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
_TABLES = ("table", "data_table")
_MESSAGES_ONLY = (
    *_TABLES,
    "markdown",
    "data_visualization",
    "alert",
    "card",
    "carousel",
    "container",
    "context_actions",
)
_LONGEST_MARKDOWN = 12_000
_LARGEST_PAGE = 100  # rows of a data_table
_LONGEST_CELLS = 10_000  # all cells of a table together
_MOST_CHARTS = 2
_ALIGNMENTS = ("left", "center", "right")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Slack refuses these blocks: its error code, and one message a finding."""

    error: str
    messages: tuple[str, ...]


def refusal(blocks: object, surface: Surface = "message", pointer: str = "/blocks") -> Refusal | None:
    """Return why Slack would refuse these blocks, or None when it would show them."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return Refusal("invalid_blocks_format", ())
    inspection = _Inspection(surface)
    inspection.all_blocks(blocks, pointer)
    if inspection.found:
        return Refusal("invalid_blocks", tuple(inspection.found))
    if sum(block["type"] in _TABLES for block in blocks) > 1:
        return Refusal("invalid_attachments", ("only_one_table_allowed",))
    return None


def texts(blocks: object) -> Iterator[str]:
    """Yield every piece of text a reader sees in these blocks, in reading order."""
    if isinstance(blocks, dict):
        for name, value in blocks.items():
            if name in ("text", "alt_text", "title", "caption", "label") and isinstance(value, str):
                yield value
            elif name not in ("confirm", "value"):
                yield from texts(value)
    elif isinstance(blocks, list):
        for item in blocks:
            yield from texts(item)


def buttons(blocks: list[Json]) -> list[Json]:
    """Return every button of these blocks, each as sent, with the `block_id` of its block added."""
    return [
        {**element, "block_id": block.get("block_id", "")}
        for block in blocks
        for element in [*block.get("elements", []), block.get("accessory")]
        if isinstance(element, dict) and element.get("type") == "button"
    ]


class _Inspection:
    """One reading of a list of blocks; findings gather in `found`."""

    def __init__(self, surface: Surface) -> None:
        self.found: list[str] = []
        self._surface = surface
        self._block_ids: set[str] = set()
        self._markdown = 0
        self._charts = 0
        self._checks: dict[str, Callable[[Json, str], None]] = {
            "section": self._section,
            "header": self._header,
            "context": self._context,
            "actions": self._actions,
            "image": self._image,
            "markdown": self._markdown_block,
            "table": self._table,
            "data_table": self._data_table,
            "data_visualization": self._chart,
            "input": self._input,
            "rich_text": self._rich_text,
        }

    def all_blocks(self, blocks: list[Json], at: str) -> None:
        """Inspect the whole list."""
        if len(blocks) > _MOST_BLOCKS[self._surface]:
            self._fault(at, f"no more than {_MOST_BLOCKS[self._surface]} items allowed")
        for index, block in enumerate(blocks):
            self._block(block, f"{at}/{index}")

    def _block(self, block: Json, at: str) -> None:
        kind = block.get("type")
        known = kind in self._checks or kind in ("divider", "video", "file") or kind in _MESSAGES_ONLY
        if not known or (kind in _MESSAGES_ONLY and self._surface != "message"):
            self._fault(f"{at}/type", f"unsupported type: {kind}")
            return
        self._only(block, at, _FIELDS.get(str(kind)))
        name = block.get("block_id")
        if name is not None:
            self._length(name, f"{at}/block_id", 255)
            if name in self._block_ids:
                self._fault(at, f"`block_id` already exists: {name}")
            self._block_ids.add(name)
        check = self._checks.get(str(kind))
        if check is not None:
            check(block, at)

    def _section(self, block: Json, at: str) -> None:
        if "text" not in block and "fields" not in block:
            self._fault(at, "missing required field: text")
        if "text" in block:
            self._text(block["text"], f"{at}/text", 3000)
        if "fields" in block:
            for index, item in self._items(block["fields"], f"{at}/fields", 1, 10):
                self._text(item, f"{at}/fields/{index}", 2000)
        if "accessory" in block:
            self._element(block["accessory"], f"{at}/accessory", set())

    def _header(self, block: Json, at: str) -> None:
        self._text(block.get("text"), f"{at}/text", 150, plain=True)

    def _context(self, block: Json, at: str) -> None:
        for index, item in self._items(block.get("elements"), f"{at}/elements", 1, 10):
            if isinstance(item, dict) and item.get("type") == "image":
                self._image(item, f"{at}/elements/{index}")
            else:
                self._text(item, f"{at}/elements/{index}", 3000)

    def _actions(self, block: Json, at: str) -> None:
        action_ids: set[str] = set()
        for index, item in self._items(block.get("elements"), f"{at}/elements", 1, 25):
            self._element(item, f"{at}/elements/{index}", action_ids)

    def _input(self, block: Json, at: str) -> None:
        self._text(block.get("label"), f"{at}/label", 2000, plain=True)
        self._element(block.get("element"), f"{at}/element", set())

    def _rich_text(self, block: Json, at: str) -> None:
        self._items(block.get("elements"), f"{at}/elements", 1, None)

    def _image(self, block: Json, at: str) -> None:
        if "image_url" not in block and "slack_file" not in block:
            self._fault(at, "missing required field: image_url")
        elif "image_url" in block:
            self._length(block["image_url"], f"{at}/image_url", 3000)
        self._length(block.get("alt_text"), f"{at}/alt_text", 2000)
        if "title" in block:
            self._text(block["title"], f"{at}/title", 2000, plain=True)

    def _markdown_block(self, block: Json, at: str) -> None:
        self._length(block.get("text"), f"{at}/text", _LONGEST_MARKDOWN)
        self._markdown += len(str(block.get("text", "")))
        if self._markdown > _LONGEST_MARKDOWN:
            self._fault(
                f"{at}/text", f"must be less than {_LONGEST_MARKDOWN + 1} characters in all markdown blocks"
            )

    def _table(self, block: Json, at: str) -> None:
        for index, row in self._items(block.get("rows"), f"{at}/rows", 1, 100):
            self._row(row, f"{at}/rows/{index}", ("raw_text", "raw_number", "rich_text"))
        if sum(map(len, texts(block.get("rows")))) > _LONGEST_CELLS:
            self._fault(f"{at}/rows", f"must be less than {_LONGEST_CELLS + 1} characters in all cells")
        if "column_settings" in block:
            for index, column in self._items(block["column_settings"], f"{at}/column_settings", 0, 20):
                if not isinstance(column, dict) or column.get("align", "left") not in _ALIGNMENTS:
                    self._fault(f"{at}/column_settings/{index}/align", "must be a valid enum value")

    def _data_table(self, block: Json, at: str) -> None:
        self._length(block.get("caption"), f"{at}/caption", 3000)
        for index, row in self._items(block.get("rows"), f"{at}/rows", 1, 101):
            kinds = ("raw_text", "raw_number") if index == 0 else ("raw_text", "raw_number", "rich_text")
            self._row(row, f"{at}/rows/{index}", kinds)
        size = block.get("page_size", 5)
        if not isinstance(size, int) or not 1 <= size <= _LARGEST_PAGE:
            self._fault(f"{at}/page_size", f"must be between 1 and {_LARGEST_PAGE}")

    def _row(self, row: object, at: str, kinds: tuple[str, ...]) -> None:
        for index, cell in self._items(row, at, 1, 20):
            if not isinstance(cell, dict) or cell.get("type") not in kinds:
                self._fault(f"{at}/{index}", "failed to match all allowed schemas")
            elif cell["type"] == "raw_text":
                self._length(cell.get("text"), f"{at}/{index}/text", _LONGEST_CELLS)

    def _chart(self, block: Json, at: str) -> None:
        self._length(block.get("title"), f"{at}/title", 50)
        self._charts += 1
        if self._charts > _MOST_CHARTS:
            self._fault(at, f"no more than {_MOST_CHARTS} data_visualization blocks allowed")

    def _element(self, element: object, at: str, action_ids: set[str]) -> None:
        if not isinstance(element, dict) or not isinstance(element.get("type"), str):
            self._fault(at, "must be an object with a type")
            return
        kind = element["type"]
        if kind == "image":
            self._image(element, at)
            return
        if kind not in _ELEMENTS:
            self._fault(f"{at}/type", f"unsupported type: {kind}")
            return
        name = element.get("action_id")
        if name is not None:
            self._length(name, f"{at}/action_id", 255)
            if name in action_ids:
                self._fault(f"{at}/action_id", f"`action_id` already exists in this block: {name}")
            action_ids.add(name)
        if "confirm" in element:
            self._confirm(element["confirm"], f"{at}/confirm")
        if kind == "button":
            self._button(element, at)
        elif "placeholder" in element:
            self._text(element["placeholder"], f"{at}/placeholder", 150, plain=True)
        if kind in ("static_select", "multi_static_select", "overflow", "checkboxes", "radio_buttons"):
            self._options(element, at, {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}.get(kind, 100))

    def _button(self, element: Json, at: str) -> None:
        self._only(element, at, _FIELDS["button"])
        self._text(element.get("text"), f"{at}/text", 75, plain=True)
        if "value" in element:
            self._length(element["value"], f"{at}/value", 2000, at_least=0)
        if "url" in element:
            self._length(element["url"], f"{at}/url", 3000)
        if "accessibility_label" in element:
            self._length(element["accessibility_label"], f"{at}/accessibility_label", 75)
        if element.get("style") not in (None, "primary", "danger"):
            self._fault(f"{at}/style", "must be a valid enum value")

    def _options(self, element: Json, at: str, most: int) -> None:
        if "option_groups" in element:
            for index, group in self._items(element["option_groups"], f"{at}/option_groups", 1, 100):
                self._options(group, f"{at}/option_groups/{index}", most)
            return
        for index, option in self._items(element.get("options"), f"{at}/options", 1, most):
            here = f"{at}/options/{index}"
            if not isinstance(option, dict):
                self._fault(here, "must be an object")
                continue
            self._text(option.get("text"), f"{here}/text", 75)
            self._length(option.get("value"), f"{here}/value", 150)

    def _confirm(self, dialog: object, at: str) -> None:
        if not isinstance(dialog, dict):
            self._fault(at, "must be an object")
            return
        self._text(dialog.get("text"), f"{at}/text", 300)
        for name, longest in (("title", 100), ("confirm", 30), ("deny", 30)):
            if name in dialog:
                self._text(dialog[name], f"{at}/{name}", longest, plain=True)

    def _text(self, item: object, at: str, longest: int, *, plain: bool = False) -> None:
        if item is None:
            self._fault(at.rpartition("/")[0], f"missing required field: {at.rpartition('/')[2]}")
            return
        kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if not isinstance(item, dict) or item.get("type") not in kinds:
            self._fault(at, "failed to match all allowed schemas")
            return
        self._only(item, at, _FIELDS[item["type"]])
        self._length(item.get("text"), f"{at}/text", longest)

    def _length(self, value: object, at: str, longest: int, *, at_least: int = 1) -> None:
        if value is None:
            self._fault(at.rpartition("/")[0], f"missing required field: {at.rpartition('/')[2]}")
        elif not isinstance(value, str):
            self._fault(at, "must be a string")
        elif len(value) < at_least:
            self._fault(at, f"must be more than {at_least - 1} characters")
        elif len(value) > longest:
            self._fault(at, f"must be less than {longest + 1} characters")

    def _items(self, value: object, at: str, least: int, most: int | None) -> list[tuple[int, Any]]:
        """Check how many items there are, and return those that shall be inspected, each with its index."""
        if not isinstance(value, list):
            self._fault(at, "must be an array")
            return []
        if len(value) < least:
            self._fault(at, f"no fewer than {least} items allowed")
        if most is not None and len(value) > most:
            self._fault(at, f"no more than {most} items allowed")
        return list(enumerate(value))

    def _only(self, item: Json, at: str, allowed: frozenset[str] | None) -> None:
        if allowed is None:
            return
        for name in item:
            if name not in allowed and name != "type":
                self._fault(at, f"invalid additional property: {name}")

    def _fault(self, at: str, message: str) -> None:
        self.found.append(f"{message} [json-pointer:{at}]")


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


_FIELDS: dict[str, frozenset[str]] = {
    "section": _named("block_id text fields accessory expand"),
    "header": _named("block_id text level"),
    "context": _named("block_id elements"),
    "actions": _named("block_id elements"),
    "divider": _named("block_id"),
    "image": _named("block_id image_url slack_file alt_text title"),
    "markdown": _named("block_id text"),
    "table": _named("block_id rows column_settings"),
    "plain_text": _named("text emoji"),
    "mrkdwn": _named("text verbatim"),
    "button": _named("text action_id value url style confirm accessibility_label agent_prompt"),
}
_ELEMENTS = _named(
    "button overflow checkboxes radio_buttons datepicker timepicker datetimepicker workflow_button"
)
_ELEMENTS |= _named(
    "plain_text_input number_input email_text_input url_text_input file_input rich_text_input"
)
_ELEMENTS |= {
    f"{kind}_select"
    for what in ("static", "external", "users", "conversations", "channels")
    for kind in (what, f"multi_{what}")
}
