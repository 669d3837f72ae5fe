"""A canvas: shapes and lines of text on a sheet, in the sizes of the finished picture.

Everything is drawn twice as large and made smaller at the end, which gives circles and slanted edges soft
borders.
"""

import io
from typing import Final, Literal

from PIL import Image, ImageDraw

from adapters.pictures.letters import Font, Run, Weight, main_font, runs

Color = tuple[int, int, int]
Anchor = Literal["l", "m", "r"]  # where a text stands: to the right of its point, around it, to the left

_SCALE: Final = 2
_SMALLEST: Final = 0.6  # a text too long for its room is drawn no smaller than so much of its size; it is cut
_SOFT: Final = (0.5, 0.25, 0.75)  # how much of the sheet's color is in the colors of soft edges
# How a picture is finished, the best first: its size, and its colors.
_WAYS: Final = ((1.0, 64), (0.8, 32), (0.65, 32), (0.55, 32), (0.5, 32), (0.5, 16), (0.4, 16))


class Canvas:
    """A sheet of so many pixels, in one color to begin with."""

    def __init__(self, width: int, height: int, color: Color) -> None:
        """Take the size of the finished picture."""
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), color)
        self._draw = ImageDraw.Draw(self._image)
        self._colors = {color: None}  # in their order, the sheet's first

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
        self._use(fill, border)
        self._draw.rounded_rectangle(
            (left, top, right - 1, bottom - 1), round(radius * _SCALE), fill, border, max(1, width)
        )

    def disc(self, x: float, y: float, radius: float, fill: Color) -> None:
        """Draw a filled circle around this point."""
        self._use(fill)
        self._draw.circle((x * _SCALE, y * _SCALE), radius * _SCALE, fill)

    def polygon(self, points: list[tuple[float, float]], fill: Color) -> None:
        """Draw a filled polygon."""
        self._use(fill)
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
        smallest: float = _SMALLEST,
    ) -> None:
        """Write a line whose middle is at this height, smaller or cut where the room is too narrow for it."""
        font, found = _fitted(text, size, weight, None if room is None else room * _SCALE, smallest)
        if found:
            self._use(color)
        ascent, descent = font.getmetrics()
        x, y = at[0] * _SCALE, at[1] * _SCALE + (ascent - descent) / 2
        x -= _width(found) * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor]
        for own, shown in found:
            self._draw.text((x, y), shown, color, own, "ls")
            x += own.getlength(shown)

    def figures(
        self, at: tuple[float, float], text: str, size: float, color: Color, *, weight: Weight = "Regular"
    ) -> None:
        """Write a time to the left of this point, every digit as wide as the widest."""
        self._use(color)
        font = main_font(weight, round(size * _SCALE))
        digit = max(map(font.getlength, "0123456789"))
        x, y = at[0] * _SCALE, at[1] * _SCALE
        for letter in reversed(text):
            width = digit if letter.isdigit() else font.getlength(letter)
            x -= width
            self._draw.text((x + width / 2, y), letter, color, font, "mm")

    def png(self, room: int | None = None) -> bytes:
        """Return the finished picture as a PNG; the same drawing is the same bytes.

        With little room (bytes) it is made with fewer colors and smaller, down to where nobody could read it.
        """
        made = b""
        for share, colors in _WAYS:
            made = self._finished(share, colors)
            if room is None or len(made) <= room:
                break
        return made

    def _use(self, *colors: Color | None) -> None:
        self._colors |= dict.fromkeys(color for color in colors if color is not None)

    def _finished(self, share: float, colors: int) -> bytes:
        size = (round(self.width * share), round(self.height * share))
        finished = self._image.resize(size, Image.Resampling.LANCZOS)
        finished = finished.quantize(palette=self._palette(colors), dither=Image.Dither.NONE)
        file = io.BytesIO()
        finished.save(file, "PNG", optimize=True)
        return file.getvalue()

    def _palette(self, count: int) -> Image.Image:
        """Return so many colors: those that were drawn with, and then their mixtures with the sheet's."""
        sheet, *others = self._colors
        soft = (
            tuple(round(mine + (ours - mine) * share) for mine, ours in zip(other, sheet, strict=True))
            for share in _SOFT
            for other in others
        )
        chosen = list(dict.fromkeys((sheet, *others, *soft)))[:count]
        palette = Image.new("P", (1, 1))
        palette.putpalette([value for color in chosen for value in color])
        return palette


def _fitted(
    text: str, size: float, weight: Weight, room: float | None, smallest: float
) -> tuple[Font, list[Run]]:
    """Return the text as it fits into the room, whole or cut, with the size of font that it has there."""
    font = main_font(weight, round(size * _SCALE))
    found = runs(text, weight, round(font.size))
    if room is None or (width := _width(found)) <= room:
        return font, found
    points = max(round(font.size * smallest), int(font.size * room / width))
    shown = "".join(part for _, part in found)
    found = runs(shown, weight, points)
    if (width := _width(found)) > room:
        shown = shown[: round(len(shown) * room / width * 1.2) + 1] + "…"
        found = runs(shown, weight, points)
    while shown and _width(found) > room:
        shown = shown.removesuffix("…")[:-1].rstrip() + "…" if len(shown) > 1 else ""
        found = runs(shown, weight, points)
    return main_font(weight, points), found


def _width(found: list[Run]) -> float:
    return sum(font.getlength(shown) for font, shown in found)
