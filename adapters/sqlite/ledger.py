"""The rows of the ledger."""

from dataclasses import replace

from adapters.codec.ledger import pack_entry, unpack_entry
from adapters.sqlite.sql import Sql
from provisioning.errors import StaleWrite
from provisioning.ids import PersonId, TargetId
from provisioning.ledger import Entry

_GET = "SELECT version, body FROM ledger WHERE target = ? AND person_id = ?"
_INSERT = "INSERT INTO ledger (version, body, target, person_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE ledger SET version = ?, body = ? WHERE target = ? AND person_id = ? AND version = ?"
_DELETE = "DELETE FROM ledger WHERE target = ? AND person_id = ? AND version = ?"


class LedgerRows:
    """The ledger of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, target: TargetId, person_id: PersonId) -> Entry | None:
        row = self._sql.one(_GET, (target, person_id))
        return None if row is None else unpack_entry(row[1], target, person_id, row[0])

    def save(self, entry: Entry) -> Entry:
        version = entry.version + 1
        values = (version, pack_entry(entry), entry.target, entry.person_id)
        if entry.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, entry.version))
        if not written:
            raise StaleWrite(row=f"ledger {entry.target} {entry.person_id}")
        return replace(entry, version=version)

    def delete(self, entry: Entry) -> None:
        if not self._sql.change(_DELETE, (entry.target, entry.person_id, entry.version)):
            raise StaleWrite(row=f"ledger {entry.target} {entry.person_id}")
