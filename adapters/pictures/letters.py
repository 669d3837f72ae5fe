"""Letters: which font has which of them. What no font has is left out, for an empty box says nothing.

Manrope comes along and has the letters of Latin, Greek and Cyrillic alphabets; the one inside Pillow has
English ones only. Other scripts are drawn with fonts of the machine, where it has them.
"""

import io
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
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
    return "".join(shown for _, shown in runs(text, "Medium", 20)).strip()


def runs(text: str, weight: Weight, size: int) -> list[Run]:
    """Return the text in runs of one font each; in one run where one font has all of it."""
    fonts = list(_fonts(weight, size))
    line = _line(text, fonts)
    whole = next((font for font in fonts if all(_has(font, letter) for letter in line)), None)
    if whole is not None:
        return [(whole, line)] if line else []
    found: list[Run] = []
    for letter in line:
        font = next(one for one in fonts if _has(one, letter))
        if found and (found[-1][0] is font or letter == " " or _is_mark(letter)):
            found[-1] = (found[-1][0], found[-1][1] + letter)
        else:
            found.append((font, letter))
    return found


def main_font(weight: Weight, size: int) -> Font:
    """Return the font that comes along."""
    return _manrope(weight, size)


def _line(text: str, fonts: list[Font]) -> str:
    """Return what any of these fonts has of the text, in one line; marks go with the letter they stand on."""
    shown, marks, has_base = "", 0, False
    for letter in re.sub(r"\s+", " ", unicodedata.normalize("NFC", text[:LONGEST])).strip():
        if _is_mark(letter):
            marks += 1
            keeps = has_base and marks <= _MARKS
        elif letter == " ":
            keeps, has_base = not shown.endswith(" ") and bool(shown), False
        else:
            keeps = has_base = unicodedata.category(letter)[0] != "C" and any(
                _has(font, letter) for font in fonts
            )
            marks = 0
        if keeps and any(_has(font, letter) for font in fonts):
            shown += letter
    return shown.rstrip()


def _is_mark(letter: str) -> bool:
    return letter in _JOINERS or unicodedata.category(letter)[0] == "M"


def _fonts(weight: Weight, size: int) -> Iterator[Font]:
    yield _manrope(weight, size)
    if features.check("raqm"):  # else nobody would join letters, or set them from right to left
        others = (_of_the_machine(names[weight in _BOLD], size) for names in _OF_THE_MACHINE)
        yield from (font for font in others if font is not None)


@cache
def _has(font: Font, letter: str) -> bool:
    return _shape(font, letter) != _shape(font, _NO_LETTER)


def _shape(font: Font, letter: str) -> bytes:
    mask = _plain(font).getmask(letter)
    return bytes(mask) + repr(mask.size).encode()


@cache
def _plain(font: Font) -> Font:
    """Return the font as it draws single letters, nothing put under marks that stand alone."""
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


@cache
def _manrope(weight: Weight, size: int) -> Font:
    file = resources.files("font_manrope") / "files" / f"Manrope-{weight}.ttf"
    return ImageFont.truetype(io.BytesIO(file.read_bytes()), size)


@cache
def _of_the_machine(name: str, size: int) -> Font | None:
    """Return this font of the machine, None where it is missing."""
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
