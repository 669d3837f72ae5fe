"""What pictures say, and what is said with them. Pure; `bot.drawing` draws.

Each picture has the same in words beside it, for those who don't see it and for places that take none.
"""

from typing import Final

from adapters.chat.message import Buttons, LinkButton, Message, Note, Paragraph
from adapters.chat.text import utc
from adapters.pictures.shown import BoardPicture, Row
from bot import board_wording
from bot.words import Words
from provisioning.boards import Board
from provisioning.leaderboards import lap_time
from provisioning.outcomes import Drawing

DRAWN: Final = 10


def drawing(words: Words, outcome: Drawing) -> Message:
    """Return that a picture is on its way."""
    return Message(words.text("drawing.summary", race=outcome.race), (Paragraph(words.text("drawing.next")),))


def board_picture(words: Words, shown: Board) -> tuple[BoardPicture, str]:
    """Return what the picture of a leaderboard shows, and the same in words."""
    ranking = shown.ranking
    lines = [line for line in ranking.lines if line.place is not None][:DRAWN]
    rows = tuple(
        Row(str(line.place), line.alias, lap_time(line.time_ms or 0), board_wording.gap(ranking, line))
        for line in lines
    )
    at = utc(shown.updated_at or shown.opens, "date-time")
    picture = BoardPicture(
        shown.name,
        f"{words.plain('board.next', count=board_wording.timed(ranking))} {at}",
        rows,
        words.plain(
            f"board-picture.{'final' if shown.is_final else 'until'}", closes=utc(shown.closes, "date-time")
        ),
        words.plain("board-picture.unwritten"),
    )
    told = "; ".join(f"{row.place}. {row.alias} {row.time}" for row in rows)
    return picture, words.plain("board-picture.alt", race=shown.name, lines=told or picture.subtitle)


def board_message(words: Words, shown: Board) -> Message:
    """Return what is said with the picture of a leaderboard."""
    link = LinkButton(words.plain("board.open"), shown.url)
    return Message(words.text("board.summary", race=shown.name), (Buttons((link,)),))


def board_instead(words: Words, shown: Board) -> Message:
    """Return the leaderboard where no picture of it goes along, and why it does not."""
    message = board_wording.board(words, shown)
    return Message(message.summary, (*message.parts, Note(words.text("board-picture.refused"))))
