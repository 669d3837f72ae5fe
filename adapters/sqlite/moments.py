"""The rows of moments: what was done because its time had come."""

import json
from collections.abc import Mapping
from datetime import datetime

from adapters.sqlite.sql import Sql, to_int

_GET = "SELECT facts FROM moments WHERE what = ?"
_NOTE = """
    INSERT INTO moments (what, noted_at, facts) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET noted_at = ?2, facts = ?3
"""


class MomentRows:
    """The moments of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, what: str) -> Mapping[str, str] | None:
        row = self._sql.one(_GET, (what,))
        if row is None:
            return None
        found: dict[str, str] = json.loads(row[0])
        return found

    def note(self, what: str, at: datetime, facts: Mapping[str, str] | None = None) -> None:
        self._sql.change(_NOTE, (what, to_int(at), json.dumps(dict(facts or {}))))
