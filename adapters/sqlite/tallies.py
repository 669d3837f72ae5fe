"""The rows of tallies: numbers by event and name."""

from collections.abc import Mapping

from adapters.sqlite.sql import Sql
from provisioning.ids import EventId

_ADD = """
    INSERT INTO tallies (event_id, name, number) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET number = number + excluded.number
"""
_OF = "SELECT name, number FROM tallies WHERE event_id = ? ORDER BY name"


class TallyRows:
    """The tallies of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def add(self, event_id: EventId, name: str, number: int = 1) -> None:
        self._sql.change(_ADD, (event_id, name, number))

    def of(self, event_id: EventId) -> Mapping[str, int]:
        return dict(self._sql.all(_OF, (event_id,)))
