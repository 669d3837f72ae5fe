"""The rows of changes."""

from dataclasses import replace
from datetime import datetime

from adapters.codec.changes import pack_change, unpack_change
from adapters.dynamodb.items import FADES, Key, Value, fading, listed, ordered, to_int
from adapters.dynamodb.session import Session
from provisioning.changes import Change
from provisioning.ids import EventId
from provisioning.instructions import KEPT

_PREFIX = "change#"
_SWEPT = 100  # deleted in one unit; the sweeper comes again


class ChangeRows:
    """The changes of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, change_id: str) -> Change | None:
        row = self._session.row(_key(change_id))
        return None if row is None else unpack_change(str(row["body"]), change_id, int(row["version"]))

    def save(self, change: Change) -> Change:
        order = f"{ordered(to_int(change.at))}#{change.id}"
        row: dict[str, Value] = {
            "body": pack_change(change),
            FADES: fading(change.at, KEPT),
            **listed("changes", change.event_id, order),
            **listed("changed", "", order),
        }
        version = self._session.save(_key(change.id), row, change.version, f"change {change.id}")
        return replace(change, version=version)

    def since(self, event_id: EventId, at: datetime) -> tuple[Change, ...]:
        found = self._session.found("changes", event_id, ordered(to_int(at)), newest_first=True)
        return tuple(
            unpack_change(str(row["body"]), key[0].removeprefix(_PREFIX), int(row["version"]))
            for key, row in found
        )

    def forget(self, made_before: datetime) -> int:
        found = self._session.found("changed", high=ordered(to_int(made_before)), limit=_SWEPT)
        return self._session.drop([key for key, _ in found])


def _key(change_id: str) -> Key:
    return (f"{_PREFIX}{change_id}", "-")
