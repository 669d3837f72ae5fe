"""The rows of brakes, together in one partition: all of them are read at once."""

from datetime import timedelta

from adapters.dynamodb.items import FADES, Item, fading, to_int, to_moment
from adapters.dynamodb.session import Session
from provisioning.brake import Brake

_ALL = "brakes"


class BrakeRows:
    """The brakes of the table, one item for each API and tenant."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def hold(self, brake: Brake) -> None:
        """Raise the brake to this moment, unless it already stands later."""
        key, until = (_ALL, brake.api), to_int(brake.until)
        stored = self._session.row(key)
        if stored is None or int(stored["until"]) < until:
            row: Item = {"until": until, FADES: fading(brake.until, timedelta(0))}
            self._session.set(key, row)

    def all(self) -> tuple[Brake, ...]:
        """Return every brake, also those that hold no more."""
        return tuple(Brake(key[1], to_moment(row["until"])) for key, row in self._session.partition(_ALL))
