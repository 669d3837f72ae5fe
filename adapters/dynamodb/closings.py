"""The rows of closings."""

from dataclasses import replace

from adapters.codec.closings import pack_closing, unpack_closing
from adapters.dynamodb.items import Key
from adapters.dynamodb.session import Session
from provisioning.closings import Closing
from provisioning.ids import EventId


class ClosingRows:
    """The closings of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, event_id: EventId) -> Closing | None:
        row = self._session.row(_key(event_id))
        return None if row is None else unpack_closing(str(row["body"]), event_id, int(row["version"]))

    def save(self, closing: Closing) -> Closing:
        key, row = _key(closing.event_id), {"body": pack_closing(closing)}
        version = self._session.save(key, row, closing.version, f"closing {closing.event_id}")
        return replace(closing, version=version)


def _key(event_id: EventId) -> Key:
    return (f"event#{event_id}", "closing")
