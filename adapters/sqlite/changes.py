"""The rows of changes."""

from dataclasses import replace
from datetime import datetime

from adapters.codec.changes import pack_change, unpack_change
from adapters.sqlite.sql import Sql, to_int
from provisioning.changes import Change
from provisioning.errors import StaleWrite
from provisioning.ids import EventId

_GET = "SELECT version, body FROM changes WHERE id = ?"
_INSERT = """
    INSERT INTO changes (version, event_id, made_at, body, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_UPDATE = "UPDATE changes SET version = ?, event_id = ?, made_at = ?, body = ? WHERE id = ? AND version = ?"
_SINCE = """
    SELECT id, version, body FROM changes WHERE event_id = ? AND made_at >= ?
    ORDER BY made_at DESC, rowid DESC
"""
_FORGET = "DELETE FROM changes WHERE made_at < ?"


class ChangeRows:
    """The changes of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, change_id: str) -> Change | None:
        row = self._sql.one(_GET, (change_id,))
        return None if row is None else unpack_change(row[1], change_id, row[0])

    def save(self, change: Change) -> Change:
        version = change.version + 1
        values = (version, change.event_id, to_int(change.at), pack_change(change), change.id)
        if change.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, change.version))
        if not written:
            raise StaleWrite(row=f"change {change.id}")
        return replace(change, version=version)

    def since(self, event_id: EventId, at: datetime) -> tuple[Change, ...]:
        return tuple(
            unpack_change(body, change_id, version)
            for change_id, version, body in self._sql.all(_SINCE, (event_id, to_int(at)))
        )

    def forget(self, made_before: datetime) -> int:
        return self._sql.change(_FORGET, (to_int(made_before),))
