"""The rows of races."""

from dataclasses import replace

from adapters.codec.races import pack_race, unpack_race
from adapters.sqlite.sql import Sql
from provisioning.errors import StaleWrite
from provisioning.ids import EventId
from provisioning.races import Race

_GET = "SELECT version, body FROM races WHERE event_id = ? AND number = ?"
_OF_EVENT = "SELECT number, version, body FROM races WHERE event_id = ? ORDER BY number"
_INSERT = "INSERT INTO races (version, body, event_id, number) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE races SET version = ?, body = ? WHERE event_id = ? AND number = ? AND version = ?"


class RaceRows:
    """The races of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, event_id: EventId, number: int) -> Race | None:
        row = self._sql.one(_GET, (event_id, number))
        return None if row is None else unpack_race(row[1], event_id, number, row[0])

    def of_event(self, event_id: EventId) -> tuple[Race, ...]:
        return tuple(
            unpack_race(body, event_id, number, version)
            for number, version, body in self._sql.all(_OF_EVENT, (event_id,))
        )

    def save(self, race: Race) -> Race:
        version = race.version + 1
        values = (version, pack_race(race), race.event_id, race.number)
        if race.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, race.version))
        if not written:
            raise StaleWrite(row=f"race {race.key}")
        return replace(race, version=version)
