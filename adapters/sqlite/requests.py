"""The rows of requests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.codec.requests import pack_request, unpack_request
from adapters.sqlite.sql import Sql, to_int
from provisioning.errors import StaleWrite
from provisioning.ids import ChatIdentity, EventId, PersonId, RequestKey
from provisioning.requests import Request

_GET = "SELECT event_id, chat, version, body FROM requests WHERE chat = ? AND event_id = ?"
_OF = "SELECT event_id, chat, version, body FROM requests WHERE chat = ? ORDER BY received_at DESC, event_id"
_OF_PERSON = """
    SELECT event_id, chat, version, body FROM requests
    WHERE person_id = ? AND event_id = ? AND state = 'folded' ORDER BY received_at DESC, chat
"""
_INSERT = """
    INSERT INTO requests (version, state, received_at, person_id, body, chat, event_id)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE requests SET version = ?, state = ?, received_at = ?, person_id = ?, body = ?
    WHERE chat = ? AND event_id = ? AND version = ?
"""
_WAITING = """
    SELECT event_id, chat FROM requests
    WHERE state = 'waiting' AND received_at < ? ORDER BY received_at, rowid LIMIT ?
"""
_WAITING_AHEAD = """
    SELECT count(*) FROM (SELECT 1 FROM requests WHERE state = 'waiting' AND received_at < ? LIMIT ?)
"""
_DELETE = "DELETE FROM requests WHERE chat = ? AND event_id = ? AND version = ?"
_FORGET_EVENT = """
    DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests WHERE event_id = ? LIMIT ?) RETURNING chat
"""
_FORGET = "DELETE FROM requests WHERE state = 'refused' AND received_at < ? RETURNING chat"


class RequestRows:
    """The requests of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, key: RequestKey) -> Request | None:
        row = self._sql.one(_GET, (str(key.chat), key.event_id))
        return None if row is None else unpack_request(row[3], key, row[2])

    def of(self, chat: ChatIdentity) -> tuple[Request, ...]:
        return tuple(_request(row) for row in self._sql.all(_OF, (str(chat),)))

    def of_person(self, event_id: EventId, person_id: PersonId) -> tuple[Request, ...]:
        return tuple(_request(row) for row in self._sql.all(_OF_PERSON, (person_id, event_id)))

    def save(self, request: Request) -> Request:
        version = request.version + 1
        values = (
            version,
            request.state,
            to_int(request.received_at),
            request.person_id,
            pack_request(request),
            str(request.key.chat),
            request.key.event_id,
        )
        if request.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, request.version))
        if not written:
            raise StaleWrite(row=f"request {request.key}")
        return replace(request, version=version)

    def waiting(self, received_before: datetime, limit: int) -> tuple[RequestKey, ...]:
        return tuple(_key(*row) for row in self._sql.all(_WAITING, (to_int(received_before), limit)))

    def waiting_ahead(self, received_at: datetime, limit: int) -> int:
        return int(self._sql.one(_WAITING_AHEAD, (to_int(received_at), limit))[0])

    def delete(self, request: Request) -> None:
        key = request.key
        if not self._sql.change(_DELETE, (str(key.chat), key.event_id, request.version)):
            raise StaleWrite(row=f"request {key}")

    def forget_event(self, event_id: EventId, limit: int) -> Sequence[ChatIdentity]:
        return _chats(self._sql.change_returning(_FORGET_EVENT, (event_id, limit)))

    def forget_refused(self, received_before: datetime) -> Sequence[ChatIdentity]:
        return _chats(self._sql.change_returning(_FORGET, (to_int(received_before),)))


def _key(event_id: str, chat: str) -> RequestKey:
    return RequestKey(EventId(event_id), ChatIdentity.parse(chat))


def _chats(rows: list[Any]) -> Sequence[ChatIdentity]:
    return [ChatIdentity.parse(chat) for (chat,) in rows]


def _request(row: tuple[Any, ...]) -> Request:
    event_id, chat, version, body = row
    return unpack_request(body, _key(event_id, chat), version)
