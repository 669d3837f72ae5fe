"""The rows of the audit."""

from adapters import codec
from adapters.sqlite.sql import Sql
from provisioning.audit import Line
from provisioning.ids import EventId

_APPEND = "INSERT INTO audit (event_id, body) VALUES (?, ?)"
_NEWEST = "SELECT body FROM audit ORDER BY id DESC LIMIT ?"
_NEWEST_OF = "SELECT body FROM audit WHERE event_id = ? ORDER BY id DESC LIMIT ?"


class AuditRows:
    """The audit of the file, in the order of commits."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def append(self, line: Line) -> None:
        self._sql.change(_APPEND, (line.event_id, codec.pack_line(line)))

    def lines(self, event_id: EventId | None = None, limit: int = 1000) -> tuple[Line, ...]:
        if event_id is None:
            found = self._sql.all(_NEWEST, (limit,))
        else:
            found = self._sql.all(_NEWEST_OF, (event_id, limit))
        return tuple(codec.unpack_line(body) for (body,) in reversed(found))
