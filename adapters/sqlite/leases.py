"""The rows of named leases."""

from datetime import datetime

from adapters.sqlite.sql import Sql, to_int

_TAKE = """
    INSERT INTO leases (name, token, lease_until) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET token = ?2, lease_until = ?3 WHERE token = ?2 OR lease_until <= ?4
"""
_FORGET = "DELETE FROM leases WHERE lease_until < ?"
_RELEASE = "DELETE FROM leases WHERE name = ? AND token = ?"


class LeaseRows:
    """The named leases of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def take(self, name: str, token: str, now: datetime, until: datetime) -> bool:
        return self._sql.change(_TAKE, (name, token, to_int(until), to_int(now))) == 1

    def release(self, name: str, token: str) -> None:
        self._sql.change(_RELEASE, (name, token))

    def forget(self, over_before: datetime) -> int:
        return self._sql.change(_FORGET, (to_int(over_before),))
