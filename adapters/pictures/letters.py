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
    """Return the text in runs of one font each."""
    found: list[Run] = []
    for font, letter in _letters(text, weight, size):
        if found and found[-1][0] is font:
            found[-1] = (font, found[-1][1] + letter)
        else:
            found.append((font, letter))
    return found


def main_font(weight: Weight, size: int) -> Font:
    """Return the font that comes along."""
    return _manrope(weight, size)


def _letters(text: str, weight: Weight, size: int) -> Iterator[tuple[Font, str]]:
    """Yield each letter with its font; marks, joiners and blanks stay with the letter before them."""
    font, marks, after = _manrope(weight, size), 0, ""
    line = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text[:LONGEST])).strip()
    for letter in line:
        if letter == " ":
            if after not in ("", " "):
                yield font, letter
                after = letter
        elif unicodedata.category(letter)[0] == "M" or letter in _JOINERS:
            marks += 1
            if after not in ("", " ") and marks <= _MARKS and _has(font, letter):
                yield font, letter
        elif (having := _font_of(letter, weight, size)) is not None:
            font, marks, after = having, 0, letter
            yield font, letter
        else:
            marks = _MARKS  # what belongs to a letter that is left out is left out with it


def _font_of(letter: str, weight: Weight, size: int) -> Font | None:
    """Return the first font that has this letter; control and direction characters are in none."""
    if unicodedata.category(letter)[0] == "C":
        return None
    font = _manrope(weight, size)
    if _has(font, letter):
        return font
    if not features.check("raqm"):  # nobody would join letters, or set them from right to left
        return None
    others = (_of_the_machine(names[weight in _BOLD], size) for names in _OF_THE_MACHINE)
    return next((other for other in others if other is not None and _has(other, letter)), None)


@cache
def _has(font: Font, letter: str) -> bool:
    return _shape(font, letter) != _shape(font, _NO_LETTER)


def _shape(font: Font, letter: str) -> bytes:
    mask = font.getmask(letter)
    return bytes(mask) + repr(mask.size).encode()


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
