"""The rows of boards, and whose lines of them are known: those of one event together."""

from collections.abc import Collection
from dataclasses import replace

from adapters.codec.boards import pack_board, unpack_board
from adapters.codec.fields import pack_text, unpack_text
from adapters.dynamodb.items import Item, Key, listed, to_int, to_moment
from adapters.dynamodb.session import Session
from provisioning.boards import Board
from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.whose import Claim

_PREFIX = "board#"
_CLAIMS = "claim#"


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
        row: Item = {"body": pack_board(board), "closes_at": to_int(board.closes)}
        key = _key(board.event_id, board.race_id)
        return replace(board, version=self._session.save(key, row, board.version, f"board {board.key}"))

    def forget(self, event_id: EventId) -> None:
        claims = self._session.partition(f"event#{event_id}", _CLAIMS)
        self._session.drop([key for key, _ in (*self._all(event_id), *claims)])

    def claims(self, event_id: EventId, race_id: str) -> tuple[Claim, ...]:
        return tuple(
            Claim(PersonId(str(row["person"])), unpack_text(str(row["alias"])), to_moment(row["at"]))
            for _, row in self._claims(event_id, race_id)
        )

    def save_claims(self, event_id: EventId, race_id: str, claims: Collection[Claim]) -> None:
        kept = {f"{_claims_of(race_id)}{claim.person_id}": claim for claim in claims}
        self._session.drop([key for key, _ in self._claims(event_id, race_id) if key[1] not in kept])
        for claim in kept.values():
            self.keep_claim(event_id, race_id, claim)

    def keep_claim(self, event_id: EventId, race_id: str, claim: Claim) -> None:
        """Keep one claim beside the others."""
        row: Item = {
            "person": claim.person_id,
            "alias": pack_text(claim.alias),
            "at": to_int(claim.submitted_at),
            **listed("claimed", f"{event_id}/{claim.person_id}", race_id),
        }
        self._session.set((f"event#{event_id}", f"{_claims_of(race_id)}{claim.person_id}"), row)

    def forget_claims(self, key: RegistrationKey) -> int:
        return self._session.drop([found for found, _ in self._session.found("claimed", str(key))])

    def _claims(self, event_id: EventId, race_id: str) -> list[tuple[Key, Item]]:
        return self._session.partition(f"event#{event_id}", _claims_of(race_id))

    def _all(self, event_id: EventId) -> list[tuple[Key, Item]]:
        return self._session.partition(f"event#{event_id}", _PREFIX)


def _key(event_id: EventId, race_id: str) -> Key:
    return (f"event#{event_id}", f"{_PREFIX}{race_id}")


def _claims_of(race_id: str) -> str:
    return f"{_CLAIMS}{race_id}#"


def _board(event_id: EventId, key: Key, row: Item) -> Board:
    race_id, closes = key[1].removeprefix(_PREFIX), to_moment(row["closes_at"])
    return unpack_board(str(row["body"]), event_id, race_id, closes, int(row["version"]))
