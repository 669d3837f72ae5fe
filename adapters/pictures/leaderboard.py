"""A picture of a leaderboard, for a channel's screen or a slide: the first ten places."""

from dataclasses import replace
from typing import Final

from adapters.pictures.canvas import Canvas, Color
from adapters.pictures.letters import Weight, written
from adapters.pictures.shown import BoardPicture, Row

ROWS: Final = 10
WIDTH: Final = 1200
_HEADER, _ROW, _FOOTER, _EDGE = 190, 76, 84, 64

_NIGHT: Final[Color] = (16, 24, 40)
_LANE: Final[Color] = (24, 34, 54)
_WHITE: Final[Color] = (245, 247, 250)
_QUIET: Final[Color] = (152, 164, 184)
_ACCENT: Final[Color] = (255, 153, 51)
_CHECKER: Final[Color] = (40, 54, 80)
_MEDALS: Final[dict[str, Color]] = {"1": (255, 200, 60), "2": (198, 206, 218), "3": (214, 142, 84)}


def draw(board: BoardPicture, room: int | None = None) -> bytes:
    """Return the picture as a PNG, 1200 pixels wide and as high as its rows need; smaller to fit the room."""
    rows = [replace(row, alias=written(row.alias) or board.unwritten) for row in board.rows[:ROWS]]
    height = _HEADER + max(1, len(rows)) * _ROW + _FOOTER
    canvas = Canvas(WIDTH, height, _NIGHT)
    canvas.checkers((WIDTH - 300, 0, WIDTH, 100), 4, _CHECKER)
    canvas.box((0, 0, WIDTH, 10), _ACCENT)
    canvas.text((_EDGE, 84), board.title, 46, _WHITE, weight="ExtraBold", room=WIDTH - 2 * _EDGE - 260)
    canvas.text((_EDGE, 142), board.subtitle, 24, _QUIET, weight="Medium", room=WIDTH - 2 * _EDGE)
    for number, row in enumerate(rows):
        _row(canvas, row, _HEADER + number * _ROW, is_lane=number % 2 == 0)
    canvas.text(
        (_EDGE, height - _FOOTER / 2), board.footer, 22, _QUIET, weight="Medium", room=WIDTH - 2 * _EDGE
    )
    return canvas.png(room)


def _row(canvas: Canvas, row: Row, top: float, *, is_lane: bool) -> None:
    middle = top + _ROW / 2
    medal = _MEDALS.get(row.place)
    if is_lane:
        canvas.box((_EDGE - 24, top + 4, WIDTH - _EDGE + 24, top + _ROW - 4), _LANE, radius=16)
    if medal is not None:
        canvas.disc(_EDGE + 26, middle, 26, medal)
    place = _NIGHT if medal is not None else _QUIET
    canvas.text((_EDGE + 26, middle), row.place, 28, place, weight="Bold", anchor="m", room=52)
    name: Weight = "Bold" if medal is not None else "Medium"
    canvas.text((_EDGE + 84, middle), row.alias, 32, _WHITE, weight=name, room=560)
    canvas.figures((WIDTH - _EDGE - 190, middle), row.time, 34, _WHITE, weight="Bold")
    canvas.figures((WIDTH - _EDGE, middle), row.gap, 26, medal or _QUIET, weight="Medium")
