"""The rows of the ledger: those of one person together."""

from dataclasses import replace

from adapters.codec.ledger import pack_entry, unpack_entry
from adapters.dynamodb.items import Key
from adapters.dynamodb.session import Session
from provisioning.errors import StaleWrite
from provisioning.ids import PersonId, TargetId
from provisioning.ledger import Entry

_PREFIX = "ledger#"


class LedgerRows:
    """The ledger of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, target: TargetId, person_id: PersonId) -> Entry | None:
        row = self._session.row(entry_key(target, person_id))
        return None if row is None else unpack_entry(str(row["body"]), target, person_id, int(row["version"]))

    def save(self, entry: Entry) -> Entry:
        key, row = entry_key(entry.target, entry.person_id), {"body": pack_entry(entry)}
        return replace(entry, version=self._session.save(key, row, entry.version, _called(entry)))

    def delete(self, entry: Entry) -> None:
        key = entry_key(entry.target, entry.person_id)
        row = self._session.row(key)
        if row is None or int(row["version"]) != entry.version:
            raise StaleWrite(row=_called(entry))
        self._session.drop([key])


def entry_key(target: TargetId, person_id: PersonId) -> Key:
    """Return where this entry is."""
    return (f"person#{person_id}", f"{_PREFIX}{target}")


def _called(entry: Entry) -> str:
    return f"ledger {entry.target} {entry.person_id}"
