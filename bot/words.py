"""The catalog: sentences by key, filled with values, in the reader's language.

A sentence may hold `{name}` (a value), `` `…` `` (something to type) and `**…**` (weight). Only the catalog's
own marks make spans: a value is always shown as it is. Something to type that begins with `/deepracer` is
words to the bot, which every platform shows in its own way. Where a sentence speaks of Slack, a second
file of the language (`en.teams.toml`) has it for the other platform.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_decimal, get_decimal_symbol

from adapters.chat.message import Bold, Channel, Code, Link, Mention, Plain, Span, Text, Typed, When
from provisioning.ids import Platform
from provisioning.leaderboards import lap_time

DEFAULT = "en"
COMMAND = "/deepracer "
Value = str | int | datetime | timedelta | Link | Mention | Channel

_MARKS = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\{(?P<name>[a-z_]+)\}")
_NAME = re.compile(r"\{([a-z_]+)\}")


class Words:
    """The sentences of one language."""

    def __init__(self, language: str, sentences: Mapping[str, str]) -> None:
        """Take the sentences by dotted key."""
        self.language = language
        self._sentences = sentences
        self._locale = Locale.parse(language)
        self._parsed: dict[str, tuple[Span | str, ...]] = {}

    def __contains__(self, key: str) -> bool:
        """Whether there is a sentence of this key."""
        return key in self._sentences

    def raw(self, key: str) -> str:
        """Return the sentence of this key as it is written. Raises KeyError for an unknown one."""
        return self._sentences[key]

    def keys(self) -> frozenset[str]:
        """Return every key."""
        return frozenset(self._sentences)

    def text(self, key: str, /, **values: Value) -> Text:
        """Return the sentence of this key with these values. Raises KeyError for an unknown key or value."""
        spans: list[Span] = []
        for part in self._parts(self._chosen(key, values)):
            spans.append(part if not isinstance(part, str) else self._span(values[part]))  # noqa: PERF401
        return tuple(self._with(span, values) for span in spans)

    def plain(self, key: str, /, **values: Value) -> str:
        """Return the sentence as one string, for labels. Raises KeyError like `text`."""
        return self._filled(self._sentences[self._chosen(key, values)], values)

    def when(self, at: datetime, style: Literal["time", "date", "date-time"] = "date-time") -> When:
        """Return a moment for readers of this language."""
        return When(at, style, self.language)

    def lap(self, milliseconds: int) -> str:
        """Return a time or a distance of a ranking as this language writes it: `59.600`, `1:02,418`."""
        return lap_time(milliseconds).replace(".", get_decimal_symbol(self._locale))

    def amount(self, number: Decimal, unit: str = "", *, pattern: str | None = None) -> str:
        """Return a number with its unit as this language writes it: `1,234.50 USD`, `1.234,50 USD`."""
        return f"{format_decimal(number, pattern, locale=self._locale)} {unit}".rstrip()

    def _chosen(self, key: str, values: Mapping[str, Value]) -> str:
        if key in self._sentences:
            return key
        count = values.get("count")
        if count == 0 and f"{key}.zero" in self._sentences:
            return f"{key}.zero"
        if isinstance(count, int):
            form = f"{key}.{self._locale.plural_form(count)}"
            return form if form in self._sentences else f"{key}.other"
        raise KeyError(key)

    def _parts(self, key: str) -> tuple[Span | str, ...]:
        """Return the sentence cut into spans, with names of values as strings; cut once, then remembered."""
        if key not in self._parsed:
            self._parsed[key] = tuple(_cut(self._sentences[key]))
        return self._parsed[key]

    def _with(self, span: Span, values: Mapping[str, Value]) -> Span:
        """Return a marked span with the values that stand inside its mark."""
        if isinstance(span, Typed):
            return Typed(self._filled(span.words, values))
        return type(span)(self._filled(span.text, values)) if isinstance(span, Code | Bold) else span

    def _span(self, value: Value) -> Span:
        if isinstance(value, Link | Channel):
            return value
        if isinstance(value, Mention):
            if value.name:
                return value
            unnamed = self.plain("mention.unnamed", platform=value.chat.platform.capitalize())
            return replace(value, unnamed=unnamed)
        if isinstance(value, datetime):
            return self.when(value)
        return Plain(self._shown(value))

    def _shown(self, value: Any) -> str:
        if isinstance(value, timedelta):
            return str(format_timedelta(value, threshold=1.5, locale=self._locale))
        return str(value)

    def _filled(self, sentence: str, values: Mapping[str, Value]) -> str:
        return _NAME.sub(lambda found: self._shown(values[found[1]]), sentence)


@cache
def words(language: str | None = None, platform: Platform = "slack") -> Words:
    """Return the catalog nearest to this language tag ("de-AT"): its language if there is one, or English.

    It speaks of `platform` wherever it speaks of one.
    """
    tag = (language or DEFAULT).replace("_", "-").split("-", 1)[0].lower()
    folder = resources.files("bot") / "catalogs"
    file = folder / f"{tag}.toml"
    if not (tag.isascii() and tag.isalpha() and file.is_file()):  # a tag comes from outside: no path
        tag, file = DEFAULT, folder / f"{DEFAULT}.toml"
    sentences = dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))
    own = folder / f"{tag}.{platform}.toml"
    if own.is_file():
        sentences |= _flat(tomllib.loads(own.read_text(encoding="utf-8")))
    return Words(tag, sentences)


def _cut(sentence: str) -> list[Span | str]:
    parts: list[Span | str] = []
    end = 0
    for mark in _MARKS.finditer(sentence):
        if mark.start() > end:
            parts.append(Plain(sentence[end : mark.start()]))
        if mark["code"]:
            code = mark["code"]
            is_said = code.startswith(COMMAND)
            parts.append(Typed(code.removeprefix(COMMAND)) if is_said else Code(code))
        elif mark["bold"]:
            parts.append(Bold(mark["bold"]))
        else:
            parts.append(mark["name"])
        end = mark.end()
    if end < len(sentence):
        parts.append(Plain(sentence[end:]))
    return parts


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        rows += _flat(value, f"{key}.") if isinstance(value, Mapping) else [(key, str(value))]
    return rows
