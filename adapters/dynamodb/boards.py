"""The rows of boards: those of one event together."""

from dataclasses import replace

from adapters import codec
from adapters.dynamodb.items import Item, Key, to_int, to_moment
from adapters.dynamodb.session import Session
from provisioning.boards import Board
from provisioning.ids import EventId

_PREFIX = "board#"


class BoardRows:
    """The boards of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, event_id: EventId, race_id: str) -> Board | None:
        key = _key(event_id, race_id)
        row = self._session.row(key)
        return None if row is None else _board(event_id, key, row)

    def of_event(self, event_id: EventId) -> tuple[Board, ...]:
        found = [_board(event_id, key, row) for key, row in self._all(event_id)]
        return tuple(sorted(found, key=lambda board: (board.closes, board.race_id)))

    def save(self, board: Board) -> Board:
        row: Item = {"body": codec.pack_board(board), "closes_at": to_int(board.closes)}
        key = _key(board.event_id, board.race_id)
        return replace(board, version=self._session.save(key, row, board.version, f"board {board.key}"))

    def forget(self, event_id: EventId) -> None:
        self._session.drop([key for key, _ in self._all(event_id)])

    def _all(self, event_id: EventId) -> list[tuple[Key, Item]]:
        return self._session.partition(f"event#{event_id}", _PREFIX)


def _key(event_id: EventId, race_id: str) -> Key:
    return (f"event#{event_id}", f"{_PREFIX}{race_id}")


def _board(event_id: EventId, key: Key, row: Item) -> Board:
    race_id, closes = key[1].removeprefix(_PREFIX), to_moment(row["closes_at"])
    return codec.unpack_board(str(row["body"]), event_id, race_id, closes, int(row["version"]))
