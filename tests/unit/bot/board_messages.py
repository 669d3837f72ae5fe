"""Everything that is said of leaderboards, for the tests that look at all of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.chat.message import Message
from bot import board_wording, picture_wording, wording
from bot.picture_wording import Finish
from bot.words import Words
from provisioning.board_news import Kind, News
from provisioning.boards import Board
from provisioning.leaderboards import Leaderboard, Line
from provisioning.outcomes import BoardsShown, Certificates, Drawing
from provisioning.platform import Timing
from tests.unit.provisioning.spring_cup import NOON, spring_cup

WEEK = timedelta(days=7)


def line(place: int | None, alias: str, time_ms: int | None, at: datetime = NOON) -> Line:
    return Line(place, alias, time_ms, at, 1)


def board_of(*lines: Line, name: str = "Lap of R&D", timing: Timing = "best-lap") -> Board:
    url = "https://d111111abcdef8.cloudfront.net/races/7"
    race = Board(spring_cup().id, "7", name, url, timing, NOON - WEEK, NOON + WEEK)
    return replace(race, ranking=Leaderboard.of(lines), updated_at=NOON)


def board_messages(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    """Yield every message of a leaderboard, with this name wherever a person may have chosen one."""
    crowd = [line(None, name, 70_000 + number, NOON + timedelta(seconds=number)) for number in range(30)]
    void = line(None, name, None)
    timings: tuple[Timing, ...] = ("best-lap", "average-lap", "total")
    for lines in ((), (void,), crowd[:1], crowd[:21], (*crowd, void)):
        for timing in timings:
            shown = board_of(*lines, name=name, timing=timing)
            yield "board", board_wording.board(words, shown)
            yield "board, withdrawn", board_wording.withdrawn(words, shown)
            yield "board, final", board_wording.board(words, replace(shown, is_final=True))
            yield "podium", board_wording.podium(words, replace(shown, is_final=True))
            yield "boards, one", wording.answer(words, BoardsShown((shown,), name))
        yield "picture, message", picture_wording.board_message(words, shown)
        yield "picture, instead", picture_wording.board_instead(words, shown)
        picture_wording.board_picture(words, shown)
        picture_wording.board_picture(words, replace(shown, is_final=True))
    shared = board_of(*(replace(one, time_ms=70_000) for one in crowd[:2]), name=name)
    yield "podium, shared", board_wording.podium(words, replace(shared, is_final=True))
    yield "drawing", wording.answer(words, Drawing(name))
    for line_of_mine in (*board_of(*crowd).ranking.lines[:1], *board_of(void).ranking.lines):
        own = BoardsShown((board_of(*crowd, void, name=name),), own=line_of_mine)
        yield "boards, own", wording.answer(words, own)
    yield from _certificates(words, name)
    yield "boards, none", wording.answer(words, BoardsShown(()))
    yield "boards, nobody", wording.answer(words, BoardsShown((board_of(void),), f"not {name}"))
    yield "boards, several", wording.answer(words, BoardsShown((board_of(name=name),) * 7))
    yield from _news(words, name)


def _certificates(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    for races in ((), (name,), (name, "Lap")):
        yield "certificates", wording.answer(words, Certificates(races))
    board = board_of(line(None, name, 62_345), name=name)
    finish = Finish(spring_cup(name=name), board, board.ranking.lines[0], name)
    yield "certificate", picture_wording.certificate_message(words, finish)
    for has_letters in (True, False):
        yield (
            "certificate, instead",
            picture_wording.certificate_instead(words, finish, has_letters=has_letters),
        )
    picture_wording.certificate(words, finish)


def _news(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    shown = board_of(name=name)
    first, other = line(1, name, 62_345), line(2, name, 62_500)
    for kind in (Kind.CHAMPION, Kind.RECORD):
        for rival in (None, other):
            yield f"news, {kind}", board_wording.news(words, shown, News(kind, first, rival, 63_000))
    yield "news, overtaken", board_wording.news(words, shown, News(Kind.RECORD, first, other))
    for rival in (None, other):
        inherited = News(Kind.CHAMPION, first, rival, 62_345, by_lap=False)
        yield "news, inherited", board_wording.news(words, shown, inherited)
    for by_lap in (True, False):
        level = News(Kind.LEVEL, first, replace(first), by_lap=by_lap)
        yield "news, level", board_wording.news(words, shown, level)
    for kind in (Kind.PODIUM, Kind.FIRST, Kind.IMPROVEMENT):
        yield f"news, {kind}", board_wording.news(words, shown, News(kind, other, first, 63_000))
