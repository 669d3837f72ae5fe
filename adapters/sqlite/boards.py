"""The rows of boards."""

from dataclasses import replace

from adapters import codec
from adapters.sqlite.sql import Sql, to_int, to_moment
from provisioning.boards import Board
from provisioning.errors import StaleWrite
from provisioning.ids import EventId

_GET = "SELECT closes_at, version, body FROM boards WHERE event_id = ? AND race_id = ?"
_OF_EVENT = """
    SELECT race_id, closes_at, version, body FROM boards WHERE event_id = ? ORDER BY closes_at, race_id
"""
_INSERT = """
    INSERT INTO boards (version, closes_at, body, event_id, race_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE boards SET version = ?, closes_at = ?, body = ? WHERE event_id = ? AND race_id = ? AND version = ?
"""
_FORGET = "DELETE FROM boards WHERE event_id = ?"


class BoardRows:
    """The boards of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, event_id: EventId, race_id: str) -> Board | None:
        row = self._sql.one(_GET, (event_id, race_id))
        if row is None:
            return None
        closes_at, version, body = row
        return codec.unpack_board(body, event_id, race_id, to_moment(closes_at), version)

    def of_event(self, event_id: EventId) -> tuple[Board, ...]:
        return tuple(
            codec.unpack_board(body, event_id, race_id, to_moment(closes_at), version)
            for race_id, closes_at, version, body in self._sql.all(_OF_EVENT, (event_id,))
        )

    def save(self, board: Board) -> Board:
        version = board.version + 1
        values = (version, to_int(board.closes), codec.pack_board(board), board.event_id, board.race_id)
        if board.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, board.version))
        if not written:
            raise StaleWrite(row=f"board {board.key}")
        return replace(board, version=version)

    def forget(self, event_id: EventId) -> None:
        self._sql.change(_FORGET, (event_id,))
