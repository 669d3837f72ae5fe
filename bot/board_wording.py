"""Leaderboards in words: the board, its news and the podium. Pure.

Racers appear by the alias that the ranking has for them, never by name.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.chat.message import (
    Button,
    Buttons,
    Column,
    LinkButton,
    Message,
    Note,
    Paragraph,
    Part,
    Plain,
    Table,
)
from bot.words import Value, Words
from provisioning.board_news import Kind, News
from provisioning.boards import Board
from provisioning.leaderboards import Leaderboard, Line
from provisioning.outcomes import BoardsShown

SHOWN: Final = 20
CHOICES: Final = 5


def board(words: Words, shown: Board) -> Message:
    """Return the leaderboard: the first twenty lines, how many there are, and when it was read."""
    ranking = shown.ranking
    count = words.text("board.next", count=timed(ranking))
    parts: list[Part] = [Paragraph((*count, Plain(" "), *words.text("board.updated", at=_updated_at(shown))))]
    if ranking.lines:
        parts.append(_table(words, shown, ranking.lines[:SHOWN]))
    if len(ranking.lines) > SHOWN:
        parts.append(Note(words.text("board.more", count=len(ranking.lines) - SHOWN)))
    parts.append(Note(words.text(f"board.{_phase(shown)}", closes=shown.closes)))
    return Message(words.text("board.summary", race=shown.name), (*parts, _open(words, shown)))


def withdrawn(words: Words, shown: Board) -> Message:
    """Return what stands where a leaderboard was shown until an organizer took that back."""
    said = Paragraph(words.text("board.withdrawn-next"))
    return Message(words.text("board.withdrawn", race=shown.name), (said, _open(words, shown)))


def shown(words: Words, asked: BoardsShown) -> Message:
    """Return the leaderboard that was asked for, or what there is to choose from."""
    if len(asked.boards) == 1:
        message = board(words, asked.boards[0])
        mine = _mine(words, asked)
        return replace(message, parts=(message.parts[0], *mine, *message.parts[1:]))
    if not asked.boards:
        return Message(words.text("boards.none"), (Paragraph(words.text("boards.none-next")),))
    some, more = asked.boards[:CHOICES], " picture" if asked.as_picture else ""
    buttons = Buttons(tuple(Button(found.name, f"leaderboard {found.race_id}{more}") for found in some))
    return Message(words.text("boards.summary"), (buttons, Note(words.text("boards.next"))))


def _mine(words: Words, asked: BoardsShown) -> tuple[Paragraph, ...]:
    """Return the place of everybody who goes by the alias that was named, else the asker's own."""
    own, alias = asked.own, asked.alias
    if not alias:
        if own is None:
            return ()
        if own.place is None:
            return (Paragraph(words.text("boards.own-void")),)
        return (Paragraph(words.text("boards.own", place=str(own.place), time=_time(words, own))),)
    lines = asked.boards[0].ranking.lines_of(alias)
    if not lines:
        return (Paragraph(words.text("boards.not-there", racer=alias)),)
    return tuple(
        Paragraph(words.text("boards.mine", racer=line.alias, place=str(line.place), time=_time(words, line)))
        if line.place is not None
        else Paragraph(words.text("boards.mine-void", racer=line.alias))
        for line in lines[:CHOICES]
    )


def news(words: Words, shown: Board, told: News) -> Message:
    """Return one piece of news, with the race it is of, so that it is true when read alone."""
    line, rival = told.line, told.rival
    values: dict[str, Value] = {"race": shown.name, "racer": line.alias, "time": _time(words, line)}
    values["place"] = str(line.place)
    if rival is not None:
        values |= {"rival": rival.alias, "gap": _distance(words, line, rival)}
    if told.own_ms is not None and line.time_ms is not None:
        values |= {"own": words.lap(told.own_ms), "better": words.lap(abs(told.own_ms - line.time_ms))}
    kind = told.kind if told.by_lap else f"{told.kind}-inherited"
    following = "alone" if rival is None else "next"
    if told.kind is Kind.RECORD and told.own_ms is None:
        following = "overtaken"
    summary = words.text(f"board-news.{kind}.summary", **values)
    return Message(
        summary, (Paragraph(words.text(f"board-news.{kind}.{following}", **values)), _open(words, shown))
    )


def podium(words: Words, shown: Board) -> Message:
    """Return who has won, once the race is over."""
    winners = shown.ranking.podium
    if not winners:
        summary, lead = words.text("podium.empty", race=shown.name), words.text("podium.nobody")
        return Message(summary, (Paragraph(lead), _open(words, shown)))
    leaders = shown.ranking.leaders
    names = ", ".join(line.alias for line in leaders)
    summary = words.text("podium.summary", count=len(leaders), race=shown.name, racers=names)
    lead = words.text("podium.next", count=timed(shown.ranking))
    return Message(summary, (Paragraph(lead), _table(words, shown, winners), _open(words, shown)))


def _table(words: Words, shown: Board, lines: tuple[Line, ...]) -> Table:
    ranking = shown.ranking
    columns = (
        Column(words.plain("board.place"), is_number=True),
        Column(words.plain("board.racer")),
        Column(words.plain(f"board.{shown.timing}"), is_number=True),
        Column(words.plain("board.gap"), is_number=True),
    )
    rows = tuple(
        (
            "" if line.place is None else str(line.place),
            line.alias,
            _time(words, line),
            gap(words, ranking, line),
        )
        for line in lines
    )
    return Table(words.text("board.caption"), columns, rows)


def _open(words: Words, shown: Board) -> Buttons:
    return Buttons((LinkButton(words.plain("board.open"), shown.url),))


def _phase(shown: Board) -> str:
    return "final" if shown.is_final else "until"


def _updated_at(shown: Board) -> datetime:
    return shown.updated_at or shown.opens


def timed(ranking: Leaderboard) -> int:
    """Return how many racers have a valid time."""
    return sum(line.place is not None for line in ranking.lines)


def _time(words: Words, line: Line) -> str:
    return "" if line.time_ms is None else words.lap(line.time_ms)


def gap(words: Words, ranking: Leaderboard, line: Line) -> str:
    """Return how far this line is behind the best; nothing for the best."""
    behind = ranking.gap_ms(line)
    return f"+{words.lap(behind)}" if behind else ""


def _distance(words: Words, line: Line, other: Line) -> str:
    """Return how far two lines are apart, in seconds or in minutes and seconds."""
    return words.lap(abs((line.time_ms or 0) - (other.time_ms or 0)))
