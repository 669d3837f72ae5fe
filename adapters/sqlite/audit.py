"""The rows of the audit: one chain for the file, each line chained to the one before as it is written.

Whoever writes holds the file alone (`BEGIN IMMEDIATE`), so the head that is read is the one that is followed,
over all units of a commit and all processes; a unit that is undone takes its lines and its head along.
"""

import secrets
from collections.abc import Collection, Iterable
from typing import Any

from adapters.codec.audit import pack_line, text_digests, unpack_line
from adapters.codec.fields import pack_text, unpack_text
from adapters.sqlite.sql import Sql
from provisioning.audit import Head, Line, Link, chained, sealed
from provisioning.ids import EventId, PersonId

CHAIN = "file"  # the one chain of a file
_SALT_BYTES = 16

_HEAD = "SELECT count, digest FROM audit_head"
_MOVE = "UPDATE audit_head SET count = ?, digest = ?"
_APPEND = """
    INSERT INTO audit (number, event_id, actor, subject, previous, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_KEEP_TEXT = "INSERT INTO audit_texts (number, name, whose, salt, body) VALUES (?, ?, ?, ?, ?)"
_NEWEST = "SELECT number, body FROM audit ORDER BY number DESC LIMIT ?"
_NEWEST_OF = "SELECT number, body FROM audit WHERE event_id = ? ORDER BY number DESC LIMIT ?"
_BY_SUBJECT = "SELECT number, body FROM audit WHERE subject = ? ORDER BY number DESC LIMIT ?"
_BY_ACTOR = """
    SELECT number, body FROM audit WHERE actor = ? AND actor <> 'bot' ORDER BY number DESC LIMIT ?
"""
_LINKS = """
    SELECT number, previous, digest, body FROM audit WHERE number > ? ORDER BY number LIMIT ?
"""
_TEXTS = "SELECT name, salt, body FROM audit_texts WHERE number = ?"
_FORGET_OF = """
    DELETE FROM audit_texts WHERE number IN (
        SELECT number FROM audit_texts JOIN audit USING (number) WHERE event_id = ? LIMIT ?)
"""
_FORGET = "DELETE FROM audit_texts WHERE whose = ?"


class AuditRows:
    """The audit of the file, in the order of commits."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def append(self, line: Line) -> None:
        count, previous = self._sql.one(_HEAD)
        number = count + 1
        digests = {}
        for name, text in line.texts.items():
            salt = secrets.token_hex(_SALT_BYTES)
            digests[name] = sealed(salt, text)
            self._sql.change(_KEEP_TEXT, (number, name, line.whose, salt, pack_text(text)))
        body = pack_line(line, digests)
        digest = chained(previous, body)
        self._sql.change(_APPEND, (number, line.event_id, line.actor, line.subject, previous, digest, body))
        self._sql.change(_MOVE, (number, digest))

    def lines(self, event_id: EventId | None = None, limit: int = 1000) -> tuple[Line, ...]:
        if event_id is None:
            return self._read(self._sql.all(_NEWEST, (limit,)))
        return self._read(self._sql.all(_NEWEST_OF, (event_id, limit)))

    def about(self, names: Collection[str], limit: int) -> tuple[Line, ...]:
        found: dict[int, str] = {}
        for name in names:
            for statement in (_BY_SUBJECT, _BY_ACTOR):
                found |= dict(self._sql.all(statement, (name, limit)))
        return self._read(sorted(found.items(), reverse=True)[:limit])

    def heads(self) -> tuple[Head, ...]:
        return (Head(CHAIN, *self._sql.one(_HEAD)),)

    def links(self, chain: str, after: int, limit: int) -> tuple[Link, ...]:
        if chain != CHAIN:
            return ()
        return tuple(self._link(*row) for row in self._sql.all(_LINKS, (after, limit)))

    def forget_texts_of(self, event_id: EventId, limit: int) -> int:
        return self._sql.change(_FORGET_OF, (event_id, limit))

    def forget_texts(self, person_id: PersonId) -> int:
        return self._sql.change(_FORGET, (person_id,))

    def _read(self, newest_first: Iterable[tuple[int, str]]) -> tuple[Line, ...]:
        found = [
            unpack_line(body, {name: text for name, (_, text) in self._texts(number, body).items()})
            for number, body in newest_first
        ]
        return tuple(reversed(found))

    def _link(self, number: int, previous: str, digest: str, body: str) -> Link:
        kept = self._texts(number, body)
        line = unpack_line(body, {name: text for name, (_, text) in kept.items()})
        return Link(number, line, body, previous, digest, kept, text_digests(body))

    def _texts(self, number: int, body: str) -> dict[str, tuple[str, str]]:
        """Return salt and text by name; only few lines have any."""
        if not text_digests(body):
            return {}
        rows: list[Any] = self._sql.all(_TEXTS, (number,))
        return {name: (salt, unpack_text(text)) for name, salt, text in rows}
