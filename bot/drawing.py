"""Drawing: what a picture shows becomes one that goes with a message. Pillow is loaded with the first."""

from dataclasses import replace

from adapters.chat.message import Message, Picture
from bot import picture_wording
from bot.picture_wording import Finish
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


def certificate(words: Words, finish: Finish, room: int) -> Message:
    """Return a certificate, as a picture of so many bytes at most; in words when it cannot be one."""
    if not room:
        return picture_wording.certificate_instead(words, finish, has_letters=True)
    from adapters.pictures import certificate as sheet
    from adapters.pictures.letters import written

    name = written(finish.name)
    instead = picture_wording.certificate_instead(words, finish, has_letters=bool(name))
    if not name:
        return instead
    made, alt = picture_wording.certificate(words, replace(finish, name=name))
    picture = Picture("certificate.png", made.heading, sheet.draw(made, room), alt, instead.parts[1:])
    return replace(picture_wording.certificate_message(words, finish), picture=picture)
