"""The rows of events, and the seats in them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from adapters.codec.events import pack_breakage, pack_event, unpack_breakage, unpack_event
from adapters.sqlite.sql import Sql, to_int
from provisioning.errors import StaleWrite
from provisioning.events import Breakage, Event
from provisioning.ids import EventId, RegistrationKey

_GET = "SELECT id, version, taken, broken, body FROM events WHERE id = ?"
_ALL = "SELECT id, version, taken, broken, body FROM events ORDER BY opens, id"
_INSERT = (
    "INSERT INTO events (version, opens, capacity, body, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_UPDATE = "UPDATE events SET version = ?, opens = ?, capacity = ?, body = ? WHERE id = ? AND version = ?"
_ROOM = "SELECT capacity - taken FROM events WHERE id = ?"
_TAKE = "UPDATE events SET taken = taken + ? WHERE id = ?"
_HAS_SEAT = "SELECT has_seat FROM registrations WHERE event_id = ? AND person_id = ?"
_SEAT = """
    UPDATE registrations SET has_seat = ?, version = version + 1
    WHERE event_id = ? AND person_id = ? AND has_seat <> ?
"""
_BREAK = "UPDATE events SET broken = ? WHERE id = ? AND broken IS NULL"
_HEAL = "UPDATE events SET broken = NULL WHERE id = ? AND broken IS NOT NULL"

# A definition changes a few times in its life and is read with every request.
_unpack = lru_cache(maxsize=128)(unpack_event)


class EventRows:
    """The events of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, event_id: EventId) -> Event | None:
        row = self._sql.one(_GET, (event_id,))
        return None if row is None else _event(row)

    def all(self) -> tuple[Event, ...]:
        return tuple(_event(row) for row in self._sql.all(_ALL))

    def save(self, event: Event) -> Event:
        body = pack_event(event)
        values = (event.version + 1, to_int(event.opens), event.capacity, body, event.id)
        if event.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, event.version))
        if not written:
            raise StaleWrite(row=f"event {event.id}")
        saved = self.get(event.id)
        if saved is None:  # never: it was written in this transaction
            raise StaleWrite(row=f"event {event.id}")
        return saved

    def take_seats(self, event_id: EventId, keys: Sequence[RegistrationKey]) -> frozenset[RegistrationKey]:
        row = self._sql.one(_ROOM, (event_id,))
        if row is None:
            return frozenset()
        room = max(0, row[0])
        taken = 0
        seated = set()
        for key in keys:
            if key.event_id != event_id:
                raise ValueError(f"{key} is no registration of {event_id}")
            found = self._sql.one(_HAS_SEAT, (event_id, key.person_id))
            if found is None:
                continue
            if not found[0]:
                if taken >= room:
                    continue
                taken += self._sql.change(_SEAT, (1, event_id, key.person_id, 1))
            seated.add(key)
        if taken:
            self._sql.change(_TAKE, (taken, event_id))
        return frozenset(seated)

    def free_seat(self, event_id: EventId, key: RegistrationKey) -> bool:
        if key.event_id != event_id:
            raise ValueError(f"{key} is no registration of {event_id}")
        if not self._sql.change(_SEAT, (0, event_id, key.person_id, 0)):
            return False
        self._sql.change(_TAKE, (-1, event_id))
        return True

    def mark_broken(self, event_id: EventId, breakage: Breakage) -> bool:
        return self._sql.change(_BREAK, (pack_breakage(breakage), event_id)) == 1

    def mark_healed(self, event_id: EventId) -> bool:
        return self._sql.change(_HEAL, (event_id,)) == 1


def _event(row: tuple[Any, ...]) -> Event:
    event_id, version, taken, broken, body = row
    event = _unpack(body, EventId(event_id), version)
    if not taken and broken is None:
        return event
    return replace(event, taken=taken, broken=None if broken is None else unpack_breakage(broken))
