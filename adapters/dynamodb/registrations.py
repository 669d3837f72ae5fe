"""The rows of registrations, and the lease that each of them carries."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from adapters.codec.registrations import pack_registration, unpack_registration
from adapters.dynamodb.definition import FLAGS
from adapters.dynamodb.items import Item, Key, Value, event_key, listed, ordered, to_int
from adapters.dynamodb.session import Session
from provisioning.errors import StaleWrite
from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.registrations import Registration
from provisioning.requests import Wish

_PREFIX = "registration#"
_LEASE = ("lease_token", "lease_until")
_COUNTED = {  # as what, by its letter among the flags
    "racing": "w",
    "ready": "r",
    "gone": "g",
    "held": "h",
    "in_line": "l",
    "problem": "p",
}


class RegistrationRows:
    """The registrations of the table: those of one person together, and listed by event."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, key: RegistrationKey) -> Registration | None:
        # With its event: whoever asks for the one mostly asks for the other.
        self._session.load((row_key(key), event_key(key.event_id)))
        row = self._session.row(row_key(key))
        return None if row is None else registration_of(key, row)

    def of_person(self, person_id: PersonId) -> tuple[Registration, ...]:
        found = self._session.partition(f"person#{person_id}", _PREFIX)
        return tuple(registration_of(_key_in(key), row) for key, row in found)

    def of_event(self, event_id: EventId, after: PersonId | None, limit: int) -> tuple[Registration, ...]:
        low = "" if after is None else f"{after} "
        found = self._session.found("registrations", event_id, low, limit=limit)
        return tuple(registration_of(_key_in(key), row) for key, row in found)

    def save(self, registration: Registration, token: str | None = None) -> Registration:
        key = row_key(registration.key)
        stored = self._session.row(key) or {}
        called = f"registration {registration.key}"
        if token is not None and stored.get("lease_token") != token:
            raise StaleWrite(row=called)
        saved = replace(registration, has_seat=bool(stored.get("has_seat")))
        version = self._session.save(key, item_of(saved, stored), registration.version, called)
        return replace(saved, version=version)

    def lease(
        self, keys: Collection[RegistrationKey], token: str, now: datetime, until: datetime
    ) -> frozenset[RegistrationKey]:
        self._session.load(row_key(key) for key in keys)
        leased = set()
        for key in keys:
            row = self._session.row(row_key(key))
            if row is None:
                continue
            if row.get("lease_token", token) == token or int(row["lease_until"]) <= to_int(now):
                lease: Item = {"lease_token": token, "lease_until": to_int(until)}
                self._session.put(row_key(key), {**row, **lease})
                leased.add(key)
        return frozenset(leased)

    def release(self, keys: Collection[RegistrationKey], token: str) -> None:
        self._session.load(row_key(key) for key in keys)
        for key in keys:
            row = self._session.row(row_key(key))
            if row is not None and row.get("lease_token") == token:
                free = {name: value for name, value in row.items() if name not in _LEASE}
                self._session.put(row_key(key), free)

    def held(self, keys: Collection[RegistrationKey], token: str) -> frozenset[RegistrationKey]:
        self._session.load(row_key(key) for key in keys)
        found = ((key, self._session.row(row_key(key))) for key in keys)
        return frozenset(key for key, row in found if row is not None and row.get("lease_token") == token)

    def delete(self, key: RegistrationKey) -> bool:
        return self._session.drop([row_key(key)]) == 1

    def in_line(self, event_id: EventId, limit: int) -> tuple[RegistrationKey, ...]:
        return tuple(_key_in(key) for key, _ in self._session.found("line", event_id, limit=limit))

    def line_ahead(self, key: RegistrationKey) -> int:
        row = self._session.row(row_key(key))
        if row is None:
            return 0
        place = _place_in_line(registration_of(key, row))
        return self._session.count("line", key.event_id, high=place)

    def due(self, now: datetime, limit: int) -> tuple[RegistrationKey, ...]:
        found = self._session.found("due", high=ordered(to_int(now) + 1), limit=limit)
        return tuple(_key_in(key) for key, _ in found)

    def unclaimed(self) -> tuple[EventId, ...]:
        found = (_key_in(key).event_id for key, _ in self._session.found("unclaimed"))
        return tuple(dict.fromkeys(found))

    def waits(self, event_id: EventId, limit: int) -> tuple[float, ...]:
        found = self._session.listed("ready", event_id, limit=limit, newest_first=True)
        return tuple(int(one.order.split("#")[1]) / 1e6 for one in found)

    def count(self, event_id: EventId) -> Mapping[str, int]:
        flags = [one.flags for one in self._session.listed("registrations", event_id)]
        counted = {name: sum(letter in each for each in flags) for name, letter in _COUNTED.items()}
        return counted | {"all": len(flags)}


def row_key(key: RegistrationKey) -> Key:
    """Return where this registration is."""
    return (f"person#{key.person_id}", f"{_PREFIX}{key.event_id}")


def registration_of(key: RegistrationKey, row: Item) -> Registration:
    """Return the registration that is in this row."""
    return unpack_registration(
        str(row["body"]), key, has_seat=bool(row["has_seat"]), version=int(row["version"])
    )


def item_of(registration: Registration, stored: Item) -> dict[str, Value]:
    """Return the row of this registration, with the lease that is on the stored one."""
    event_id, person_id = registration.key.event_id, registration.key.person_id
    wants = registration.wish is Wish.RACING and registration.hold is None
    is_in_line = wants and not registration.has_seat
    flags = {
        "w": wants,
        "r": registration.ready_at is not None,
        "g": registration.gone_at is not None,
        "h": registration.hold is not None,
        "l": is_in_line,
        "p": registration.problem is not None,
    }
    row: dict[str, Value] = {
        "body": pack_registration(registration),
        "has_seat": int(registration.has_seat),
        FLAGS: "".join(letter for letter, is_so in flags.items() if is_so),
        **{name: stored[name] for name in _LEASE if name in stored},
        **listed("registrations", event_id, person_id),
    }
    if is_in_line:
        row |= listed("line", event_id, _place_in_line(registration))
    if registration.wake_at is not None:
        row |= listed("due", "", f"{ordered(to_int(registration.wake_at))}#{registration.key}")
    if registration.ready_at is not None:
        begun, ready = to_int(registration.seated_at or registration.asked_at), to_int(registration.ready_at)
        row |= listed("ready", event_id, f"{ordered(ready)}#{ready - begun}#{person_id}")
    if registration.unclaimed:
        row |= listed("unclaimed", "", str(registration.key))
    return row


def _place_in_line(registration: Registration) -> str:
    return f"{ordered(to_int(registration.asked_at))}#{registration.key.person_id}"


def _key_in(key: Key) -> RegistrationKey:
    return RegistrationKey(EventId(key[1].removeprefix(_PREFIX)), PersonId(key[0].removeprefix("person#")))
