"""The rows of boards."""

from collections.abc import Collection
from dataclasses import replace

from adapters.codec.boards import pack_board, unpack_board
from adapters.codec.fields import pack_text, unpack_text
from adapters.sqlite.sql import Sql, to_int, to_moment
from provisioning.boards import Board
from provisioning.errors import StaleWrite
from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.whose import Claim

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
_CLAIMS = """
    SELECT person_id, alias, submitted_at FROM board_racers WHERE event_id = ? AND race_id = ?
    ORDER BY person_id
"""
_CLEAR = "DELETE FROM board_racers WHERE event_id = ? AND race_id = ?"
_CLAIM = """
    INSERT INTO board_racers (event_id, race_id, person_id, alias, submitted_at) VALUES (?, ?, ?, ?, ?)
"""
_FORGET_CLAIMS = "DELETE FROM board_racers WHERE event_id = ? AND person_id = ?"
_FORGET = ("DELETE FROM boards WHERE event_id = ?", "DELETE FROM board_racers WHERE event_id = ?")


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
        return unpack_board(body, event_id, race_id, to_moment(closes_at), version)

    def of_event(self, event_id: EventId) -> tuple[Board, ...]:
        return tuple(
            unpack_board(body, event_id, race_id, to_moment(closes_at), version)
            for race_id, closes_at, version, body in self._sql.all(_OF_EVENT, (event_id,))
        )

    def save(self, board: Board) -> Board:
        version = board.version + 1
        values = (version, to_int(board.closes), pack_board(board), board.event_id, board.race_id)
        if board.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, board.version))
        if not written:
            raise StaleWrite(row=f"board {board.key}")
        return replace(board, version=version)

    def forget(self, event_id: EventId) -> None:
        for statement in _FORGET:
            self._sql.change(statement, (event_id,))

    def claims(self, event_id: EventId, race_id: str) -> tuple[Claim, ...]:
        return tuple(
            Claim(PersonId(person_id), unpack_text(alias), to_moment(submitted_at))
            for person_id, alias, submitted_at in self._sql.all(_CLAIMS, (event_id, race_id))
        )

    def save_claims(self, event_id: EventId, race_id: str, claims: Collection[Claim]) -> None:
        self._sql.change(_CLEAR, (event_id, race_id))
        for claim in claims:
            alias, at = pack_text(claim.alias), to_int(claim.submitted_at)
            self._sql.change(_CLAIM, (event_id, race_id, claim.person_id, alias, at))

    def forget_claims(self, key: RegistrationKey) -> int:
        return self._sql.change(_FORGET_CLAIMS, (key.event_id, key.person_id))
