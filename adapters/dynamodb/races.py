"""The rows of races: those of one event together."""

from dataclasses import replace

from adapters.codec.races import pack_race, unpack_race
from adapters.dynamodb.items import Key
from adapters.dynamodb.session import Session
from provisioning.ids import EventId
from provisioning.races import Race

_PREFIX = "race#"


class RaceRows:
    """The races of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, event_id: EventId, number: int) -> Race | None:
        row = self._session.row(_key(event_id, number))
        return None if row is None else unpack_race(str(row["body"]), event_id, number, int(row["version"]))

    def of_event(self, event_id: EventId) -> tuple[Race, ...]:
        return tuple(
            unpack_race(str(row["body"]), event_id, int(key[1].removeprefix(_PREFIX)), int(row["version"]))
            for key, row in self._session.partition(f"event#{event_id}", _PREFIX)
        )

    def save(self, race: Race) -> Race:
        key, row = _key(race.event_id, race.number), {"body": pack_race(race)}
        return replace(race, version=self._session.save(key, row, race.version, f"race {race.key}"))


def _key(event_id: EventId, number: int) -> Key:
    return (f"event#{event_id}", f"{_PREFIX}{number:06}")
