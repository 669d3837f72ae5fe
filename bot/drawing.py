"""Drawing: what a picture shows becomes one that goes with a message. Pillow is loaded with the first."""

from dataclasses import replace

from adapters.chat.message import Message, Picture
from bot import picture_wording
from bot.words import Words
from provisioning.boards import Board


def board(words: Words, shown: Board, room: int) -> Message:
    """Return a leaderboard as a picture of so many bytes at most; as a table when there is no room."""
    instead = picture_wording.board_instead(words, shown)
    if not room:
        return instead
    from adapters.pictures import leaderboard

    picture, alt = picture_wording.board_picture(words, shown)
    content = leaderboard.draw(picture, room)
    message = picture_wording.board_message(words, shown)
    return replace(message, picture=Picture("leaderboard.png", shown.name, content, alt, instead.parts))
