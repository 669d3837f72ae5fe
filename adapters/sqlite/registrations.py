"""The rows of registrations, and the lease that each of them carries."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.codec.registrations import pack_registration, unpack_registration
from adapters.sqlite.sql import Sql, to_int, to_int_if
from provisioning.errors import StaleWrite
from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.registrations import Registration
from provisioning.requests import Wish

_GET = "SELECT version, has_seat, body FROM registrations WHERE event_id = ? AND person_id = ?"
_OF_PERSON = """
    SELECT event_id, person_id, version, has_seat, body FROM registrations
    WHERE person_id = ? ORDER BY event_id
"""
_OF_EVENT = """
    SELECT event_id, person_id, version, has_seat, body FROM registrations
    WHERE event_id = ? AND person_id > ? ORDER BY person_id LIMIT ?
"""
_INSERT = """
    INSERT INTO registrations (
        version, wants, held, has_problem, is_ready, is_gone,
        asked_at, begun_at, ready_at, wake_at, body, event_id, person_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING has_seat
"""
_UPDATE = """
    UPDATE registrations SET
        version = ?, wants = ?, held = ?, has_problem = ?, is_ready = ?, is_gone = ?,
        asked_at = ?, begun_at = ?, ready_at = ?, wake_at = ?, body = ?
    WHERE event_id = ? AND person_id = ? AND version = ? RETURNING has_seat
"""
_UPDATE_LEASED = _UPDATE.replace("RETURNING", "AND token = ? RETURNING")
_LEASE = """
    UPDATE registrations SET token = ?, lease_until = ?
    WHERE event_id = ? AND person_id = ? AND (token IS NULL OR token = ? OR lease_until <= ?)
"""
_RELEASE = """
    UPDATE registrations SET token = NULL, lease_until = NULL
    WHERE event_id = ? AND person_id = ? AND token = ?
"""
_HELD = "SELECT 1 FROM registrations WHERE event_id = ? AND person_id = ? AND token = ?"
_DELETE = "DELETE FROM registrations WHERE event_id = ? AND person_id = ?"
_IN_LINE = """
    SELECT event_id, person_id FROM registrations
    WHERE event_id = ? AND wants = 1 AND has_seat = 0 ORDER BY asked_at, person_id LIMIT ?
"""
_ASKED_AT = "SELECT asked_at FROM registrations WHERE event_id = ? AND person_id = ?"
_LINE_AHEAD = """
    SELECT count(*) FROM registrations
    WHERE event_id = ? AND wants = 1 AND has_seat = 0 AND (asked_at, person_id) < (?, ?)
"""
_DUE = """
    SELECT event_id, person_id FROM registrations
    WHERE wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at LIMIT ?
"""
# As the index has it, word for word.
_UNCLAIMED = "SELECT DISTINCT event_id FROM registrations WHERE json_extract(body, '$.unclaimed') = 1"
_WAITS = """
    SELECT ready_at - begun_at FROM registrations
    WHERE event_id = ? AND ready_at IS NOT NULL ORDER BY ready_at DESC LIMIT ?
"""
_COUNT = """
    SELECT
        total(wants), total(is_ready), total(is_gone),
        total(held), total(wants AND NOT has_seat), total(has_problem), count(*)
    FROM registrations WHERE event_id = ?
"""


class RegistrationRows:
    """The registrations of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, key: RegistrationKey) -> Registration | None:
        row = self._sql.one(_GET, (key.event_id, key.person_id))
        if row is None:
            return None
        version, has_seat, body = row
        return unpack_registration(body, key, has_seat=bool(has_seat), version=version)

    def of_person(self, person_id: PersonId) -> tuple[Registration, ...]:
        return tuple(_registration(row) for row in self._sql.all(_OF_PERSON, (person_id,)))

    def of_event(self, event_id: EventId, after: PersonId | None, limit: int) -> tuple[Registration, ...]:
        return tuple(_registration(row) for row in self._sql.all(_OF_EVENT, (event_id, after or "", limit)))

    def save(self, registration: Registration, token: str | None = None) -> Registration:
        version = registration.version + 1
        key = registration.key
        values = (version, *_columns(registration), key.event_id, key.person_id)
        if registration.version == 0 and token is None:
            written = self._sql.change_returning(_INSERT, values)
        elif token is None:
            written = self._sql.change_returning(_UPDATE, (*values, registration.version))
        else:
            written = self._sql.change_returning(_UPDATE_LEASED, (*values, registration.version, token))
        if not written:
            raise StaleWrite(row=f"registration {key}")
        return replace(registration, version=version, has_seat=bool(written[0][0]))

    def lease(
        self, keys: Collection[RegistrationKey], token: str, now: datetime, until: datetime
    ) -> frozenset[RegistrationKey]:
        moment, end = to_int(now), to_int(until)
        return frozenset(
            key
            for key in keys
            if self._sql.change(_LEASE, (token, end, key.event_id, key.person_id, token, moment))
        )

    def release(self, keys: Collection[RegistrationKey], token: str) -> None:
        for key in keys:
            self._sql.change(_RELEASE, (key.event_id, key.person_id, token))

    def held(self, keys: Collection[RegistrationKey], token: str) -> frozenset[RegistrationKey]:
        return frozenset(key for key in keys if self._sql.one(_HELD, (key.event_id, key.person_id, token)))

    def delete(self, key: RegistrationKey) -> bool:
        return bool(self._sql.change(_DELETE, (key.event_id, key.person_id)))

    def in_line(self, event_id: EventId, limit: int) -> tuple[RegistrationKey, ...]:
        return tuple(RegistrationKey(*row) for row in self._sql.all(_IN_LINE, (event_id, limit)))

    def line_ahead(self, key: RegistrationKey) -> int:
        row = self._sql.one(_ASKED_AT, (key.event_id, key.person_id))
        if row is None:
            return 0
        return int(self._sql.one(_LINE_AHEAD, (key.event_id, row[0], key.person_id))[0])

    def due(self, now: datetime, limit: int) -> tuple[RegistrationKey, ...]:
        return tuple(RegistrationKey(*row) for row in self._sql.all(_DUE, (to_int(now), limit)))

    def unclaimed(self) -> tuple[EventId, ...]:
        return tuple(EventId(event_id) for (event_id,) in self._sql.all(_UNCLAIMED, ()))

    def waits(self, event_id: EventId, limit: int) -> tuple[float, ...]:
        return tuple(microseconds / 1e6 for (microseconds,) in self._sql.all(_WAITS, (event_id, limit)))

    def count(self, event_id: EventId) -> Mapping[str, int]:
        racing, ready, gone, held, in_line, problem, everybody = map(int, self._sql.one(_COUNT, (event_id,)))
        return {
            "racing": racing,
            "ready": ready,
            "gone": gone,
            "held": held,
            "in_line": in_line,
            "problem": problem,
            "all": everybody,
        }


def _columns(registration: Registration) -> tuple[Any, ...]:
    ready_at = to_int_if(registration.ready_at)
    return (
        registration.wish is Wish.RACING and registration.hold is None,
        registration.hold is not None,
        registration.problem is not None,
        ready_at is not None,
        registration.gone_at is not None,
        to_int(registration.asked_at),
        to_int(registration.seated_at or registration.asked_at),
        ready_at,
        to_int_if(registration.wake_at),
        pack_registration(registration),
    )


def _registration(row: tuple[Any, ...]) -> Registration:
    event_id, person_id, version, has_seat, body = row
    key = RegistrationKey(EventId(event_id), PersonId(person_id))
    return unpack_registration(body, key, has_seat=bool(has_seat), version=version)
