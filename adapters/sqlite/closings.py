"""The rows of closings."""

from dataclasses import replace

from adapters.codec.closings import pack_closing, unpack_closing
from adapters.sqlite.sql import Sql
from provisioning.closings import Closing
from provisioning.errors import StaleWrite
from provisioning.ids import EventId

_GET = "SELECT version, body FROM closings WHERE event_id = ?"
_INSERT = "INSERT INTO closings (version, body, event_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE closings SET version = ?, body = ? WHERE event_id = ? AND version = ?"


class ClosingRows:
    """The closings of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, event_id: EventId) -> Closing | None:
        row = self._sql.one(_GET, (event_id,))
        return None if row is None else unpack_closing(row[1], event_id, row[0])

    def save(self, closing: Closing) -> Closing:
        version = closing.version + 1
        values = (version, pack_closing(closing), closing.event_id)
        if closing.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, closing.version))
        if not written:
            raise StaleWrite(row=f"closing {closing.event_id}")
        return replace(closing, version=version)
