"""A canvas: shapes and lines of text on a sheet, in the sizes of the finished picture.

Everything is drawn twice as large and made smaller at the end, which gives circles and slanted edges soft
borders. The font is Manrope, which has the letters of Latin, Greek and Cyrillic alphabets; the one inside
Pillow has English letters only.
"""

import io
from functools import cache
from importlib import resources
from typing import Final, Literal

from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Weight = Literal["Regular", "Medium", "SemiBold", "Bold", "ExtraBold"]
Anchor = Literal["l", "m", "r"]  # where a text stands: to the right of its point, around it, to the left

_SCALE: Final = 2
_SMALLEST: Final = 0.6  # a text too long for its room is drawn no smaller than so much of its size; it is cut
_COLORS: Final = 256  # enough for flat colors with soft edges, and a third of the bytes
_NO_LETTER: Final = "\U0010ffff"


class Canvas:
    """A sheet of so many pixels, in one color to begin with."""

    def __init__(self, width: int, height: int, color: Color) -> None:
        """Take the size of the finished picture."""
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), color)
        self._draw = ImageDraw.Draw(self._image)

    def box(
        self,
        corners: tuple[float, float, float, float],
        fill: Color | None = None,
        *,
        radius: float = 0,
        border: Color | None = None,
        border_width: float = 0,
    ) -> None:
        """Draw a rectangle from left and top to right and bottom, its corners rounded by the radius."""
        left, top, right, bottom = (round(value * _SCALE) for value in corners)
        width = round(border_width * _SCALE)
        self._draw.rounded_rectangle(
            (left, top, right - 1, bottom - 1), round(radius * _SCALE), fill, border, max(1, width)
        )

    def disc(self, x: float, y: float, radius: float, fill: Color) -> None:
        """Draw a filled circle around this point."""
        self._draw.circle((x * _SCALE, y * _SCALE), radius * _SCALE, fill)

    def polygon(self, points: list[tuple[float, float]], fill: Color) -> None:
        """Draw a filled polygon."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill)

    def checkers(self, corners: tuple[float, float, float, float], rows: int, color: Color) -> None:
        """Draw a flag: so many rows of squares, every other one in this color."""
        left, top, right, bottom = corners
        side = (bottom - top) / rows
        for row in range(rows):
            x = left + (row % 2) * side
            while x < right:
                edge = min(x + side, right)
                self.box((x, top + row * side, edge, top + (row + 1) * side), color)
                x += 2 * side

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: float,
        color: Color,
        *,
        weight: Weight = "Regular",
        anchor: Anchor = "l",
        room: float | None = None,
    ) -> None:
        """Write a line whose middle is at this height, smaller or cut where the room is too narrow for it."""
        font, shown = _fitted(text, size, weight, None if room is None else room * _SCALE)
        x, y = at
        self._draw.text((x * _SCALE, y * _SCALE), shown, color, font, f"{anchor}m")

    def figures(
        self, at: tuple[float, float], text: str, size: float, color: Color, *, weight: Weight = "Regular"
    ) -> None:
        """Write a time to the left of this point, every digit as wide as the widest."""
        font = _font(weight, round(size * _SCALE))
        digit = max(map(font.getlength, "0123456789"))
        x, y = at[0] * _SCALE, at[1] * _SCALE
        for letter in reversed(text):
            width = digit if letter.isdigit() else font.getlength(letter)
            x -= width
            self._draw.text((x + width / 2, y), letter, color, font, "mm")

    def png(self) -> bytes:
        """Return the finished picture as a PNG; the same drawing is the same bytes."""
        finished = self._image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        finished = finished.quantize(_COLORS, dither=Image.Dither.NONE)
        file = io.BytesIO()
        finished.save(file, "PNG", optimize=True)
        return file.getvalue()


def unwritable(text: str) -> str:
    """Return the characters of a text that no font here has a letter for, each once, in their order."""
    font = _font("Medium", 20)
    nothing = _shape(font, _NO_LETTER)
    missing = (letter for letter in text if not letter.isspace() and _shape(font, letter) == nothing)
    return "".join(dict.fromkeys(missing))


def _shape(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    mask = font.getmask(letter)
    return bytes(mask) + repr(mask.size).encode()


def _fitted(text: str, size: float, weight: Weight, room: float | None) -> tuple[ImageFont.FreeTypeFont, str]:
    """Return the font in which this text fits into the room, and as much of the text as does."""
    font = _font(weight, round(size * _SCALE))
    if room is None or (width := font.getlength(text)) <= room:
        return font, text
    font = _font(weight, max(round(font.size * _SMALLEST), int(font.size * room / width)))
    shown = text
    while shown and font.getlength(shown) > room:
        shown = shown.removesuffix("…")[:-1].rstrip() + "…" if len(shown) > 1 else ""
    return font, shown


@cache
def _font(weight: Weight, size: int) -> ImageFont.FreeTypeFont:
    file = resources.files("font_manrope") / "files" / f"Manrope-{weight}.ttf"
    return ImageFont.truetype(io.BytesIO(file.read_bytes()), size)
