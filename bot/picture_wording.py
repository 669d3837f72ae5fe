"""What pictures say, and what is said with them. Pure; `bot.drawing` draws.

Each picture has the same in words beside it, for those who don't see it and for places that take none.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Final

from adapters.chat.message import Buttons, LinkButton, Message, Note, Paragraph
from adapters.chat.text import day, utc
from adapters.pictures.shown import BoardPicture, Certificate, Row
from bot import board_wording
from bot.words import Words
from provisioning.boards import Board
from provisioning.events import Event
from provisioning.leaderboards import Line
from provisioning.outcomes import Certificates, Drawing

DRAWN: Final = 10


@dataclass(frozen=True, slots=True)
class Finish:
    """How a racer finished: in which race of which event, on which line, and the name on the certificate."""

    event: Event
    board: Board
    line: Line
    name: str


def drawing(words: Words, outcome: Drawing | Certificates) -> Message:
    """Return that what was asked for is on its way, or that there is nothing to draw."""
    if isinstance(outcome, Drawing):
        summary = words.text("drawing.summary", race=outcome.race)
        return Message(summary, (Paragraph(words.text("drawing.next")),))
    if not outcome.races:
        return Message(words.text("certificates.none"), (Paragraph(words.text("certificates.none-next")),))
    summary = words.text("certificates.summary", count=len(outcome.races))
    return Message(summary, (Paragraph(words.text("certificates.next", races=", ".join(outcome.races))),))


def board_picture(words: Words, shown: Board) -> tuple[BoardPicture, str]:
    """Return what the picture of a leaderboard shows, and the same in words."""
    ranking = shown.ranking
    lines = [line for line in ranking.lines if line.place is not None][:DRAWN]
    rows = tuple(
        Row(
            str(line.place), line.alias, words.lap(line.time_ms or 0), board_wording.gap(words, ranking, line)
        )
        for line in lines
    )
    at = utc(words.when(shown.updated_at or shown.opens))
    picture = BoardPicture(
        shown.name,
        f"{words.plain('board.next', count=board_wording.timed(ranking))} {at}",
        rows,
        words.plain(
            f"board-picture.{'final' if shown.is_final else 'until'}", closes=utc(words.when(shown.closes))
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


def certificate(words: Words, finish: Finish) -> tuple[Certificate, str]:
    """Return what a certificate says, and the same in words."""
    place, time = _achieved(words, finish)
    board = finish.board
    made = Certificate(
        words.plain("certificate.heading"),
        words.plain("certificate.lead"),
        finish.name,
        words.plain("certificate.achievement", race=board.name, event=finish.event.name),
        ((words.plain("board.place"), place), (words.plain(f"board.{board.timing}"), time)),
        str(finish.line.place),
        day(board.closes.astimezone(UTC), words.language),
    )
    alt = words.plain("certificate.alt", name=made.name, race=board.name, place=place, time=time)
    return made, alt


def certificate_message(words: Words, finish: Finish) -> Message:
    """Return what is said with a certificate: how they finished, and how to have another name on it."""
    place, time = _achieved(words, finish)
    return Message(
        words.text("certificate.summary", race=finish.board.name),
        (
            Paragraph(words.text("certificate.next", place=place, time=time)),
            Note(words.text("certificate.other-name")),
        ),
    )


def certificate_instead(words: Words, finish: Finish, *, has_letters: bool) -> Message:
    """Return the same where no certificate goes along: for lack of a way to send it, or of letters."""
    message = certificate_message(words, finish)
    note = Note(words.text(f"certificate.{'refused' if has_letters else 'unwritten'}"))
    return Message(message.summary, (message.parts[0], note))


def _achieved(words: Words, finish: Finish) -> tuple[str, str]:
    place = words.plain(
        "certificate.place",
        place=str(finish.line.place),
        count=str(board_wording.timed(finish.board.ranking)),
    )
    return place, words.lap(finish.line.time_ms or 0)
