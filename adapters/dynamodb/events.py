"""The rows of events, and the seats in them.

A seat is taken in the commit that marks it on the registration: the event's item is written once for however
many are seated together, by the worker and never while somebody waits for an answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from adapters.codec.events import pack_breakage, pack_event, unpack_breakage, unpack_event
from adapters.dynamodb.items import EVENTS, Item, event_key
from adapters.dynamodb.registrations import item_of, registration_of, row_key
from adapters.dynamodb.session import Session
from provisioning.errors import StaleWrite
from provisioning.events import Breakage, Event
from provisioning.ids import EventId, RegistrationKey

# A definition changes a few times in its life and is read with every request.
_unpack = lru_cache(maxsize=128)(unpack_event)


class EventRows:
    """The events of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, event_id: EventId) -> Event | None:
        row = self._session.row(event_key(event_id))
        return None if row is None else _event(event_id, row)

    def all(self) -> tuple[Event, ...]:
        found = [_event(EventId(key[1]), row) for key, row in self._session.partition(EVENTS)]
        return tuple(sorted(found, key=lambda event: (event.opens, event.id)))

    def save(self, event: Event) -> Event:
        key = event_key(event.id)
        stored = self._session.row(key) or {}
        kept = {name: value for name, value in stored.items() if name in {"taken", "broken"}}
        row = {"taken": 0, **kept, "body": pack_event(event)}
        self._session.save(key, row, event.version, f"event {event.id}")
        saved = self.get(event.id)
        if saved is None:  # never: it was written in this session
            raise StaleWrite(row=f"event {event.id}")
        return saved

    def take_seats(self, event_id: EventId, keys: Sequence[RegistrationKey]) -> frozenset[RegistrationKey]:
        for key in keys:
            _ensure_of(event_id, key)
        event = self.get(event_id)
        if event is None:
            return frozenset()
        self._session.load(row_key(key) for key in keys)
        room, taken = max(0, event.capacity - event.taken), 0
        seated = set()
        for key in keys:
            row = self._session.row(row_key(key))
            if row is None:
                continue
            if not row["has_seat"]:
                if taken >= room:
                    continue
                taken += 1
                self._move_seat(key, row, has_seat=True)
            seated.add(key)
        self._count(event_id, taken)
        return frozenset(seated)

    def free_seat(self, event_id: EventId, key: RegistrationKey) -> bool:
        _ensure_of(event_id, key)
        row = self._session.row(row_key(key))
        if row is None or not row["has_seat"]:
            return False
        self._move_seat(key, row, has_seat=False)
        self._count(event_id, -1)
        return True

    def mark_broken(self, event_id: EventId, breakage: Breakage) -> bool:
        row = self._session.row(event_key(event_id))
        if row is None or "broken" in row:
            return False
        self._session.put(event_key(event_id), {**row, "broken": pack_breakage(breakage)})
        return True

    def mark_healed(self, event_id: EventId) -> bool:
        row = self._session.row(event_key(event_id))
        if row is None or "broken" not in row:
            return False
        healed = {name: value for name, value in row.items() if name != "broken"}
        self._session.put(event_key(event_id), healed)
        return True

    def _move_seat(self, key: RegistrationKey, row: Item, *, has_seat: bool) -> None:
        moved = replace(registration_of(key, row), has_seat=has_seat)
        self._session.set(row_key(key), item_of(moved, row), moved.version + 1)

    def _count(self, event_id: EventId, seats: int) -> None:
        row = self._session.row(event_key(event_id))
        if seats and row is not None:
            self._session.put(event_key(event_id), {**row, "taken": int(row["taken"]) + seats})


def _ensure_of(event_id: EventId, key: RegistrationKey) -> None:
    if key.event_id != event_id:
        raise ValueError(f"{key} is no registration of {event_id}")


def _event(event_id: EventId, row: Item) -> Event:
    event = _unpack(str(row["body"]), event_id, int(row["version"]))
    taken, broken = int(row["taken"]), row.get("broken")
    if not taken and broken is None:
        return event
    return replace(event, taken=taken, broken=None if broken is None else unpack_breakage(str(broken)))
