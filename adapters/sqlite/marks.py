"""The rows of marks: holds of people who were forgotten, under a digest that only this event's key makes."""

import secrets

from adapters.codec.registrations import pack_hold, unpack_hold
from adapters.sqlite.sql import Sql
from provisioning.ids import EventId, PersonId
from provisioning.marks import digest
from provisioning.registrations import Hold

_KEY_BYTES = 32

_KEY = "SELECT secret FROM mark_keys WHERE event_id = ?"
_MAKE_KEY = "INSERT INTO mark_keys (event_id, secret) VALUES (?, ?)"
_KEEP = "INSERT OR REPLACE INTO marks (event_id, digest, body) VALUES (?, ?, ?)"
_GET = "SELECT body FROM marks WHERE event_id = ? AND digest = ?"
_DELETE = "DELETE FROM marks WHERE event_id = ? AND digest = ?"
_FORGET = "DELETE FROM marks WHERE event_id = ?"
_FORGET_KEY = "DELETE FROM mark_keys WHERE event_id = ?"


class MarkRows:
    """The marks of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def keep(self, event_id: EventId, person_id: PersonId, hold: Hold) -> None:
        row = self._sql.one(_KEY, (event_id,))
        secret = row[0] if row is not None else secrets.token_bytes(_KEY_BYTES)
        if row is None:
            self._sql.change(_MAKE_KEY, (event_id, secret))
        self._sql.change(_KEEP, (event_id, digest(secret, person_id), pack_hold(hold)))

    def of(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        key = self._sql.one(_KEY, (event_id,))
        row = None if key is None else self._sql.one(_GET, (event_id, digest(key[0], person_id)))
        return None if row is None else unpack_hold(row[0])

    def take(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        found = self.of(event_id, person_id)
        if found is not None:
            key = self._sql.one(_KEY, (event_id,))
            self._sql.change(_DELETE, (event_id, digest(key[0], person_id)))
        return found

    def forget(self, event_id: EventId) -> int:
        self._sql.change(_FORGET_KEY, (event_id,))
        return self._sql.change(_FORGET, (event_id,))
