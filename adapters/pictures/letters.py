"""Letters: which font has which of them. What no font has is left out, for an empty box says nothing.

Manrope comes along and has the letters of Latin, Greek and Cyrillic alphabets; the one inside Pillow has
English ones only. Other scripts are drawn with fonts of the machine, where it has them.
"""

import io
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources
from typing import Final, Literal

from PIL import ImageFont, features

Weight = Literal["Regular", "Medium", "SemiBold", "Bold", "ExtraBold"]
Font = ImageFont.FreeTypeFont
Run = tuple[Font, str]

LONGEST: Final = 200  # characters of a line; no picture has room for more
_MARKS: Final = 2  # on one letter: Vietnamese needs two, and a tower of them would grow out of its line
_JOINERS: Final = "\u200c\u200d"  # they shape the letters beside them in Persian and in Indian scripts
_NO_LETTER: Final = "\U0010ffff"
_BOLD: Final = frozenset({"SemiBold", "Bold", "ExtraBold"})
# By the names that distributions give them; Pillow looks where the system keeps its fonts.
_OF_THE_MACHINE: Final = (
    ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"),
    ("NotoSansArabic-Regular.ttf", "NotoSansArabic-Bold.ttf"),
    ("NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf"),
    ("NotoSansDevanagari-Regular.ttf", "NotoSansDevanagari-Bold.ttf"),
    ("NotoSansThai-Regular.ttf", "NotoSansThai-Bold.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("Arial Unicode.ttf", "Arial Unicode.ttf"),
)


def written(text: str) -> str:
    """Return what of a text can be drawn, in one line; empty when nothing of it can be."""
    return _line(text, list(_files("Medium")))


def runs(text: str, weight: Weight, size: int) -> list[Run]:
    """Return the text in runs of one font each; in one run where one font has all of it."""
    files = list(_files(weight))
    line = _line(text, files)
    whole = next((file for file in files if all(_has(file, letter) for letter in line)), None)
    if whole is not None:
        return [(_font(whole, size), line)] if line else []
    found: list[tuple[str, str]] = []
    for letter in line:
        file = next(one for one in files if _has(one, letter))
        if found and (found[-1][0] == file or letter == " " or _is_mark(letter)):
            found[-1] = (found[-1][0], found[-1][1] + letter)
        else:
            found.append((file, letter))
    return [(_font(file, size), shown) for file, shown in found]


def main_font(weight: Weight, size: int) -> Font:
    """Return the font that comes along."""
    return _font(_manrope(weight), size)


def _line(text: str, files: list[str]) -> str:
    """Return what any of these fonts has of the text, in one line; marks go with the letter they stand on."""
    shown, marks, has_base = "", 0, False
    for letter in re.sub(r"\s+", " ", unicodedata.normalize("NFC", text[:LONGEST])).strip():
        if _is_mark(letter):
            marks += 1
            keeps = has_base and marks <= _MARKS
        elif letter == " ":
            keeps, has_base = bool(shown) and not shown.endswith(" "), False
        else:
            keeps = has_base = unicodedata.category(letter)[0] != "C" and _any_has(files, letter)
            marks = 0
        if keeps and _any_has(files, letter):
            shown += letter
    return shown.rstrip()


def _is_mark(letter: str) -> bool:
    return letter in _JOINERS or unicodedata.category(letter)[0] == "M"


def _manrope(weight: Weight) -> str:
    return f"Manrope-{weight}.ttf"


def _files(weight: Weight) -> Iterator[str]:
    """Yield the fonts that are there, by the names of their files, in the order in which they are asked."""
    yield _manrope(weight)
    if features.check("raqm"):  # else nobody would join letters, or set them from right to left
        names = (pair[weight in _BOLD] for pair in _OF_THE_MACHINE)
        yield from (name for name in names if _is_there(name))


def _any_has(files: list[str], letter: str) -> bool:
    return any(_has(file, letter) for file in files)


@lru_cache(10_000)
def _has(file: str, letter: str) -> bool:
    return _shape(file, letter) != _shape(file, _NO_LETTER)


def _shape(file: str, letter: str) -> bytes:
    """Return how a letter is drawn by itself, with nothing put under marks that stand alone."""
    mask = _font(file, 20, ImageFont.Layout.BASIC).getmask(letter)
    return bytes(mask) + repr(mask.size).encode()


@cache
def _is_there(file: str) -> bool:
    try:
        ImageFont.truetype(file, 20)
    except OSError:
        return False
    return True


@lru_cache(64)
def _font(file: str, size: int, layout: ImageFont.Layout | None = None) -> Font:
    if file.startswith("Manrope-"):
        content = (resources.files("font_manrope") / "files" / file).read_bytes()
        return ImageFont.truetype(io.BytesIO(content), size, layout_engine=layout)
    return ImageFont.truetype(file, size, layout_engine=layout)
