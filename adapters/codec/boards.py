"""Watched leaderboards."""

from datetime import datetime
from typing import Any

from adapters.codec.fields import Json, decode, encode, read_moment, read_moment_if, write_moment
from provisioning.boards import Board, Watch
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard
from provisioning.leaderboards import Line as BoardLine


def pack_board(board: Board) -> str:
    """Write all but event, race, closing time and version."""
    body: Json = {
        "name": board.name,
        "url": board.url,
        "timing": board.timing,
        "opens": write_moment(board.opens),
        "ranking": _ranking_body(board.ranking),
        "watches": [[watch.channel, watch.hears_news] for watch in board.watches],
    }
    if board.told is not None:  # most of the time nothing is untold
        body["told"] = True if board.told == board.ranking else _ranking_body(board.told)
    for name in ("updated_at", "told_at"):
        if (moment := getattr(board, name)) is not None:
            body[name] = write_moment(moment)
    if board.is_final:
        body["is_final"] = True
    return encode(body)


def unpack_board(body: str, event_id: EventId, race_id: str, closes: datetime, version: int) -> Board:
    """Read what `pack_board` wrote."""
    found: Json = decode(body)
    get = found.get
    ranking = _ranking(found["ranking"])
    told = get("told")
    return Board(
        event_id=event_id,
        race_id=race_id,
        name=found["name"],
        url=found["url"],
        timing=found["timing"],
        opens=read_moment(found["opens"]),
        closes=closes,
        ranking=ranking,
        updated_at=read_moment_if(get("updated_at")),
        told=ranking if told is True else None if told is None else _ranking(told),
        told_at=read_moment_if(get("told_at")),
        is_final=get("is_final", False),
        watches=tuple(Watch(channel, hears_news) for channel, hears_news in found["watches"]),
        version=version,
    )


def _ranking_body(ranking: Leaderboard) -> list[Any]:
    return [
        [line.place, line.alias, line.time_ms, write_moment(line.submitted_at), line.submissions]
        for line in ranking.lines
    ]


def _ranking(found: list[Any]) -> Leaderboard:
    return Leaderboard(
        tuple(
            BoardLine(place, alias, time_ms, read_moment(submitted_at), submissions)
            for place, alias, time_ms, submitted_at, submissions in found
        )
    )
