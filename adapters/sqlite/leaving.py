"""How the rows leave the file for another kind of store: all of them, while nobody else can open it."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from adapters.codec.boards import pack_board, unpack_board
from adapters.codec.changes import pack_change, unpack_change
from adapters.codec.closings import pack_closing, unpack_closing
from adapters.codec.events import pack_breakage, pack_event, unpack_breakage, unpack_event
from adapters.codec.instructions import pack_instruction, unpack_instruction
from adapters.codec.ledger import pack_entry, unpack_entry
from adapters.codec.outbox import pack_notice, unpack_notice
from adapters.codec.races import pack_race, unpack_race
from adapters.codec.registrations import pack_hold, pack_registration, unpack_hold, unpack_registration
from adapters.codec.requests import pack_request, unpack_request
from adapters.moving import NOUNS, Fact, NotMoved, Record
from adapters.sqlite.fitness import check_library, path_of
from adapters.sqlite.opening import open_for_writing
from adapters.sqlite.sql import is_busy, to_moment
from adapters.unfit import StoreUnfit
from provisioning.ids import ChatIdentity, EventId, PersonId, RegistrationKey, RequestKey, TargetId

Row = tuple[Any, ...]
Made = tuple[tuple[Any, ...], dict[str, Fact]]  # key and facts


def _request(row: Row) -> Made:
    chat, event_id, version, body = row
    key = RequestKey(EventId(event_id), ChatIdentity.parse(chat))
    return (chat, event_id), _body(version, pack_request(unpack_request(body, key, version)))


def _registration(row: Row) -> Made:
    event_id, person_id, version, has_seat, body = row
    key = RegistrationKey(EventId(event_id), PersonId(person_id))
    found = unpack_registration(body, key, has_seat=bool(has_seat), version=version)
    return (event_id, person_id), _body(version, pack_registration(found)) | {"has_seat": has_seat}


def _binding(row: Row) -> Made:
    chat, person_id, bound_at = row
    return (chat,), {"person": person_id, "bound_at": bound_at}


def _entry(row: Row) -> Made:
    target, person_id, version, body = row
    found = unpack_entry(body, TargetId(target), PersonId(person_id), version)
    return (target, person_id), _body(version, pack_entry(found))


def _answer(row: Row) -> Made:
    event_id, person_id, question, answer, answered_at = row
    return (event_id, person_id, question), {"answer": answer, "answered_at": answered_at}


def _notice(row: Row) -> Made:
    notice_id, version, over_at, body = row
    packed = pack_notice(unpack_notice(body, notice_id, version))
    return (notice_id,), _body(version, packed) | {"over_at": over_at}


def _reference(row: Row) -> Made:
    place, address, kept_at, dead = row
    return (place,), {"address": address, "kept_at": kept_at, "dead": dead}


def _instruction(row: Row) -> Made:
    instruction_id, version, body = row
    found = unpack_instruction(body, instruction_id, version)
    return (instruction_id,), _body(version, pack_instruction(found))


def _change(row: Row) -> Made:
    change_id, version, body = row
    return (change_id,), _body(version, pack_change(unpack_change(body, change_id, version)))


def _race(row: Row) -> Made:
    event_id, number, version, body = row
    found = unpack_race(body, EventId(event_id), number, version)
    return (event_id, number), _body(version, pack_race(found))


def _board(row: Row) -> Made:
    event_id, race_id, version, closes_at, body = row
    found = unpack_board(body, EventId(event_id), race_id, to_moment(closes_at), version)
    return (event_id, race_id), _body(version, pack_board(found)) | {"closes_at": closes_at}


def _claim(row: Row) -> Made:
    event_id, race_id, person_id, alias, submitted_at = row
    return (event_id, race_id, person_id), {"alias": alias, "at": submitted_at}


def _moment(row: Row) -> Made:
    what, noted_at, facts = row
    return (what,), {"noted_at": noted_at, "facts": json.dumps(json.loads(facts))}


def _closing(row: Row) -> Made:
    event_id, version, body = row
    found = unpack_closing(body, EventId(event_id), version)
    return (event_id,), _body(version, pack_closing(found))


def _tally(row: Row) -> Made:
    event_id, name, number = row
    return (event_id, name), {"number": number}


def _mark_key(row: Row) -> Made:
    event_id, secret = row
    return (event_id,), {"secret": secret.hex()}


def _mark(row: Row) -> Made:
    event_id, digest, body = row
    return (event_id, digest), {"body": pack_hold(unpack_hold(body))}


def _text(row: Row) -> Made:
    number, name, event_id, whose, salt, text = row
    return (f"{number:012}", name), {"event_id": event_id, "whose": whose, "salt": salt, "text": text}


def _line(row: Row) -> Made:
    # Word for word: the digests are over these very words.
    number, previous, digest, body = row
    return (f"{number:012}",), {"previous": previous, "digest": digest, "body": body}


def _head(row: Row) -> Made:
    count, digest = row
    return (), {"count": count, "digest": digest}


def _key(row: Row) -> Made:
    # Whoever held it has ended: it is ready again, from the moment for which it was put first.
    work, key, urgent, ready_at, queued_at, attempts = row
    return (work, key), {
        "urgent": urgent,
        "ready_at": ready_at,
        "queued_at": queued_at,
        "attempts": attempts,
    }


def _event(row: Row) -> Made:
    event_id, version, taken, broken, body = row
    packed = pack_event(unpack_event(body, EventId(event_id), version))
    broke = None if broken is None else pack_breakage(unpack_breakage(broken))
    return (event_id,), _body(version, packed) | {"taken": taken, "broken": broke}


def _body(version: int, packed: str) -> dict[str, Fact]:
    return {"version": version, "body": packed}


_LEAVING: Final[Mapping[str, tuple[str, Callable[[Row], Made]]]] = {
    "bindings": ("SELECT chat, person_id, bound_at FROM bindings", _binding),
    "requests": ("SELECT chat, event_id, version, body FROM requests", _request),
    "registrations": (
        "SELECT event_id, person_id, version, has_seat, body FROM registrations",
        _registration,
    ),
    "ledger": ("SELECT target, person_id, version, body FROM ledger", _entry),
    "answers": ("SELECT event_id, person_id, question, answer, answered_at FROM answers", _answer),
    "outbox": ("SELECT id, version, over_at, body FROM outbox", _notice),
    "references": ("SELECT place, address, kept_at, dead FROM refs", _reference),
    "instructions": ("SELECT id, version, body FROM instructions", _instruction),
    "changes": ("SELECT id, version, body FROM changes", _change),
    "races": ("SELECT event_id, number, version, body FROM races", _race),
    "boards": ("SELECT event_id, race_id, version, closes_at, body FROM boards", _board),
    "claims": ("SELECT event_id, race_id, person_id, alias, submitted_at FROM board_racers", _claim),
    "moments": ("SELECT what, noted_at, facts FROM moments", _moment),
    "closings": ("SELECT event_id, version, body FROM closings", _closing),
    "tallies": ("SELECT event_id, name, number FROM tallies", _tally),
    "mark keys": ("SELECT event_id, secret FROM mark_keys", _mark_key),
    "marks": ("SELECT event_id, digest, body FROM marks", _mark),
    "audit texts": (
        """
        SELECT number, name, event_id, whose, salt, audit_texts.body
        FROM audit_texts JOIN audit USING (number)
        """,
        _text,
    ),
    "audit lines": ("SELECT number, previous, digest, body FROM audit ORDER BY number", _line),
    "audit head": ("SELECT count, digest FROM audit_head WHERE count > 0", _head),
    "queue": (
        """
        SELECT work, key, urgent, min(ready_at, ifnull(again_at, ready_at)), queued_at, attempts FROM queue
        """,
        _key,
    ),
    "events": ("SELECT id, version, taken, broken, body FROM events", _event),
}


class Leaving:
    """The file, held alone until it is closed. It stays as it is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through this connection."""
        self._connection = connection
        self._reading = connection.cursor()

    @property
    def name(self) -> str:
        """The first digest of the audit, which no other file has; of one without an audit, that."""
        row = self._connection.execute("SELECT digest FROM audit WHERE number = 1").fetchone()
        return "no audit" if row is None else str(row[0])

    def records(self) -> Iterator[Record]:
        """Yield every record, in the order of `NOUNS`."""
        for noun in NOUNS:
            statement, made = _LEAVING[noun]
            self._reading = self._connection.execute(statement)
            for row in self._reading:
                key, facts = made(row)
                yield Record(noun, tuple(map(str, key)), facts)

    def close(self) -> None:
        """Let others open the file again."""
        self._reading.close()  # one that was left in the middle would keep the file
        self._connection.close()


def leave(url: str) -> Leaving:
    """Hold the file of `sqlite:///…` alone. Raises NotMoved while a process has it open, StoreUnfit."""
    path = path_of(url).absolute()
    check_library()
    if not path.exists():
        raise StoreUnfit(f"there is no file {path}", "name the file that BOT_STORE named so far")
    with closing(open_for_writing(path)):  # its tables are brought forward
        pass
    return Leaving(_alone(path))


def _alone(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=1.0, isolation_level=None)
    try:
        # Whoever has a write-ahead logged file open shares it, also while doing nothing.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA query_only = 1")
    except sqlite3.OperationalError as error:
        connection.close()
        if not is_busy(error):
            raise
        raise NotMoved(
            f"A process of the bot has {path} open. Stop it first, then say this again."
        ) from error
    return connection
