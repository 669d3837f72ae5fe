"""Names on leaderboards: racers appear by alias, and by name only where the event says so.

A name is shown for a line whose racer is known for sure; everybody else keeps their alias.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from provisioning.board_news import News
from provisioning.boards import Board
from provisioning.ids import RegistrationKey
from provisioning.leaderboards import Leaderboard
from provisioning.ports import Rows


def names_on(rows: Rows, board: Board) -> Mapping[str, str]:
    """Return what is shown for these aliases; nothing where the event shows no names."""
    event = rows.events.get(board.event_id)
    if event is None or not event.names:
        return {}
    lines = Counter(line.alias for line in board.ranking.lines)
    found = {
        claim.alias: rows.registrations.get(RegistrationKey(board.event_id, claim.person_id))
        for claim in rows.boards.claims(board.event_id, board.race_id)
        if lines[claim.alias] == 1
    }
    return {
        alias: registration.person.display_name
        for alias, registration in found.items()
        if registration is not None and registration.person.display_name
    }


def by_name(board: Board, names: Mapping[str, str]) -> Board:
    """Return the board as it is shown; its lines stay in their order."""
    lines = (replace(line, alias=names.get(line.alias, line.alias)) for line in board.ranking.lines)
    return replace(board, ranking=Leaderboard(tuple(lines))) if names else board


def news_by_name(news: News, names: Mapping[str, str]) -> News:
    """Return the news as it is told."""
    rival = news.rival
    return replace(
        news,
        line=replace(news.line, alias=names.get(news.line.alias, news.line.alias)),
        rival=rival and replace(rival, alias=names.get(rival.alias, rival.alias)),
    )
