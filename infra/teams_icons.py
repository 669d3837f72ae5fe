"""Draw the icons of the Teams app: a checkered flag, once in color and once in white.

A picture is made of layers, each a shape (which points lie within?) and its paint. A pixel is the mean of a
grid of points in it, which smooths the edges. The standard library does it all, so that no picture has to be
kept beside the code.
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache

Shape = Callable[[float, float], bool]
Paint = tuple[int, int, int]
Layer = tuple[Shape, Paint]
Pixel = tuple[int, int, int, int]  # red, green, blue, and how much of it is covered

GROUND: Paint = (0x16, 0x32, 0x4F)  # the background color of the Slack app
WOOD: Paint = (0xFF, 0x99, 0x33)
DARK: Paint = (0x0B, 0x1A, 0x2B)
WHITE: Paint = (255, 255, 255)

COLOR_SIZE, SYMBOL, OUTLINE_SIZE = 192, 96, 32
POINTS = 4  # along each side of a pixel

# On a field of 96 by 96, origin at the top left. Upright edges lie on multiples of three: whole pixels of the
# outline icon.
LEFT, RIGHT, TOP, BOTTOM = 12, 96, 13, 67
COLUMNS, ROWS = 4, 3
WAVE = 7.0  # how far the cloth moves up and down
POLE, KNOB, END = 6, 6, 93  # the middle of the pole, the knob's radius, where the foot's round end begins


def square(x: float, y: float) -> tuple[int, int] | None:
    """Return the square of the cloth at this point, as column and row; None beside the cloth."""
    across = (x - LEFT) / (RIGHT - LEFT)
    down = (y - TOP - WAVE * math.sin(math.tau * across)) / (BOTTOM - TOP)
    if not (0 <= across < 1 and 0 <= down < 1):
        return None
    return int(across * COLUMNS), int(down * ROWS)


def cloth(x: float, y: float) -> bool:
    return square(x, y) is not None


def white_squares(x: float, y: float) -> bool:
    found = square(x, y)
    return found is not None and sum(found) % 2 == 0


def pole(x: float, y: float) -> bool:
    knob = math.hypot(x - POLE, y - KNOB) <= KNOB
    foot = math.hypot(x - POLE, y - END) <= KNOB / 2
    return knob or foot or (abs(x - POLE) <= KNOB / 2 and KNOB <= y <= END)


@cache
def color_icon() -> bytes:
    """Return the color icon as PNG: the flag in the middle, where no cropping reaches, on a full square."""
    flag = _drawn(((cloth, DARK), (white_squares, WHITE), (pole, WOOD)), SYMBOL)
    margin = (COLOR_SIZE - SYMBOL) // 2
    ground = (*GROUND, 255)
    empty = [ground] * COLOR_SIZE
    beside = [ground] * margin
    rows = [[*beside, *(_on_ground(pixel) for pixel in row), *beside] for row in flag]
    return _png([*[empty] * margin, *rows, *[empty] * margin])


@cache
def outline_icon() -> bytes:
    """Return the outline icon as PNG: pure white where the flag is, nothing elsewhere, and no margin."""
    return _png(_drawn(((white_squares, WHITE), (pole, WHITE)), OUTLINE_SIZE))


def _drawn(layers: Sequence[Layer], size: int) -> list[list[Pixel]]:
    scale = SYMBOL / size
    step = scale / POINTS
    return [
        [
            _mean(
                [
                    _paint(layers, x * scale + (i + 0.5) * step, y * scale + (j + 0.5) * step)
                    for j in range(POINTS)
                    for i in range(POINTS)
                ]
            )
            for x in range(size)
        ]
        for y in range(size)
    ]


def _paint(layers: Sequence[Layer], x: float, y: float) -> Paint | None:
    """Return the uppermost paint at this point."""
    return next((paint for shape, paint in reversed(layers) if shape(x, y)), None)


def _mean(points: Sequence[Paint | None]) -> Pixel:
    covered = [paint for paint in points if paint is not None]
    if not covered:
        return (*WHITE, 0)
    red, green, blue = (round(sum(part) / len(covered)) for part in zip(*covered, strict=True))
    return red, green, blue, round(255 * len(covered) / len(points))


def _on_ground(pixel: Pixel) -> Pixel:
    covered = pixel[3] / 255
    red, green, blue = (
        round(over * covered + under * (1 - covered)) for over, under in zip(pixel[:3], GROUND, strict=True)
    )
    return red, green, blue, 255


def _png(rows: Iterable[Sequence[Pixel]]) -> bytes:
    """Return the picture as PNG, with eight bits each of red, green, blue and alpha."""
    lines = [b"\0" + bytes(part for pixel in row for part in pixel) for row in rows]
    header = struct.pack(">IIBBBBB", len(lines[0]) // 4, len(lines), 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
