"""The rows of references: where people, channels and answers are reached."""

from datetime import datetime

from adapters.sqlite.sql import Sql, to_int, to_moment
from provisioning.references import Reference

_GET = "SELECT address, kept_at, dead FROM refs WHERE place = ?"
_SAVE = """
    INSERT INTO refs (place, address, kept_at, dead) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET address = ?2, kept_at = ?3, dead = ?4 WHERE kept_at <= ?3
"""
_DELETE = "DELETE FROM refs WHERE place = ?"
_FORGET = "DELETE FROM refs WHERE place >= ?1 AND place < ?2 AND kept_at < ?3"


class ReferenceRows:
    """The references of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, place: str) -> Reference | None:
        row = self._sql.one(_GET, (place,))
        return None if row is None else Reference(place, row[0], to_moment(row[1]), row[2])

    def save(self, reference: Reference) -> None:
        kept_at = to_int(reference.kept_at)
        self._sql.change(_SAVE, (reference.place, reference.address, kept_at, reference.dead))

    def delete(self, place: str) -> None:
        self._sql.change(_DELETE, (place,))

    def forget(self, prefix: str, kept_before: datetime) -> int:
        return self._sql.change(_FORGET, (prefix, f"{prefix}\U0010ffff", to_int(kept_before)))
