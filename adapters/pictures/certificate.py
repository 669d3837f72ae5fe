"""A certificate for whoever finished a race, to be printed on A4 or hung up as it is."""

import math
from typing import Final

from adapters.pictures.canvas import Canvas, Color
from adapters.pictures.letters import Weight
from adapters.pictures.shown import Certificate

WIDTH, HEIGHT = 1754, 1240  # A4 across, 150 dots an inch

_PAPER: Final[Color] = (252, 250, 244)
_INK: Final[Color] = (22, 32, 52)
_QUIET: Final[Color] = (104, 112, 128)
_GOLD: Final[Color] = (196, 148, 52)
_BRIGHT: Final[Color] = (236, 196, 100)
_LINE: Final[Color] = (222, 214, 194)
_MIDDLE: Final = WIDTH / 2


def draw(certificate: Certificate, room: int | None = None) -> bytes:
    """Return the certificate as a PNG of 1754 × 1240 pixels; smaller to fit the room."""
    canvas = Canvas(WIDTH, HEIGHT, _PAPER)
    canvas.box((40, 40, WIDTH - 40, HEIGHT - 40), radius=18, border=_INK, border_width=6)
    canvas.box((58, 58, WIDTH - 58, HEIGHT - 58), radius=10, border=_GOLD, border_width=2)
    for left in (90, WIDTH - 90 - 196):
        canvas.checkers((left, 90, left + 196, 174), 3, _INK)
    _centered(canvas, 200, " ".join(certificate.heading.upper()), 40, _GOLD, "Bold", 1100)
    _centered(canvas, 318, certificate.lead, 32, _QUIET, "Medium", 1400)
    canvas.text(
        (_MIDDLE, 446), certificate.name, 108, _INK, weight="ExtraBold", anchor="m", room=1400, smallest=0.4
    )
    canvas.box((_MIDDLE - 300, 536, _MIDDLE + 300, 540), _GOLD)
    _centered(canvas, 612, certificate.achievement, 38, _INK, "Medium", 1460)
    _facts(canvas, certificate.facts[:3], 700)
    _seal(canvas, 980, certificate.seal)
    _centered(canvas, 1140, certificate.footer, 26, _QUIET, "Medium", 1400)
    return canvas.png(room)


def _centered(
    canvas: Canvas, y: float, text: str, size: float, color: Color, weight: Weight, room: float
) -> None:
    canvas.text((_MIDDLE, y), text, size, color, weight=weight, anchor="m", room=room)


def _facts(canvas: Canvas, facts: tuple[tuple[str, str], ...], top: float) -> None:
    width, gap = 400.0, 40.0
    left = _MIDDLE - (len(facts) * (width + gap) - gap) / 2
    for name, value in facts:
        canvas.box((left, top, left + width, top + 150), radius=16, border=_LINE, border_width=3)
        canvas.text((left + width / 2, top + 42), name, 24, _QUIET, anchor="m", room=width - 40)
        canvas.text((left + width / 2, top + 98), value, 50, _INK, weight="Bold", anchor="m", room=width - 40)
        left += width + gap


def _seal(canvas: Canvas, y: float, text: str) -> None:
    """Draw a seal with a jagged rim and two ribbons."""
    for side in (-1, 1):
        tail = [(20, 20), (78, 96), (46, 92), (26, 112)]
        canvas.polygon([(_MIDDLE + side * dx, y + dy) for dx, dy in tail], _INK)
    rim = []
    for step in range(48):
        radius = 92 if step % 2 else 84
        angle = step * math.pi / 24
        rim.append((_MIDDLE + radius * math.sin(angle), y - radius * math.cos(angle)))
    canvas.polygon(rim, _GOLD)
    canvas.disc(_MIDDLE, y, 72, _BRIGHT)
    canvas.disc(_MIDDLE, y, 66, _GOLD)
    canvas.text((_MIDDLE, y), text, 58, _PAPER, weight="ExtraBold", anchor="m", room=112)
