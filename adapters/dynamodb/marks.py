"""The rows of marks: holds of people who were forgotten, under a digest that only this event's key makes."""

import secrets

from adapters.codec.registrations import pack_hold, unpack_hold
from adapters.dynamodb.items import Key
from adapters.dynamodb.session import Session
from provisioning.ids import EventId, PersonId
from provisioning.marks import digest
from provisioning.registrations import Hold

_KEY_BYTES = 32
_PREFIX = "mark#"


class MarkRows:
    """The marks of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def keep(self, event_id: EventId, person_id: PersonId, hold: Hold) -> None:
        if self._session.row(secret_key(event_id)) is None:
            self._session.set(secret_key(event_id), {"secret": secrets.token_hex(_KEY_BYTES)})
        key = self._key(event_id, person_id)
        if key is not None:
            self._session.set(key, {"body": pack_hold(hold)})

    def of(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        key = self._key(event_id, person_id)
        row = None if key is None else self._session.row(key)
        return None if row is None else unpack_hold(str(row["body"]))

    def take(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        found, key = self.of(event_id, person_id), self._key(event_id, person_id)
        if found is not None and key is not None:
            self._session.drop([key])
        return found

    def forget(self, event_id: EventId) -> int:
        self._session.drop([secret_key(event_id)])
        return self._session.drop([key for key, _ in self._session.partition(f"event#{event_id}", _PREFIX)])

    def _key(self, event_id: EventId, person_id: PersonId) -> Key | None:
        row = self._session.row(secret_key(event_id))
        if row is None:
            return None
        return mark_key(event_id, digest(bytes.fromhex(str(row["secret"])), person_id))


def secret_key(event_id: EventId) -> Key:
    """Return where the key of the event is."""
    return (f"event#{event_id}", "secret")


def mark_key(event_id: EventId, made: str) -> Key:
    """Return where the mark under this digest is."""
    return (f"event#{event_id}", f"{_PREFIX}{made}")
