"""The rows of brakes."""

from adapters.sqlite.sql import Sql, to_int, to_moment
from provisioning.brake import Brake

_HOLD = """
    INSERT INTO brakes (api, held_until) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET held_until = max(held_until, excluded.held_until)
"""
_ALL = "SELECT api, held_until FROM brakes"


class BrakeRows:
    """The brakes of the file, one for each API and tenant."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def hold(self, brake: Brake) -> None:
        """Raise the brake to this moment, unless it already stands later."""
        self._sql.change(_HOLD, (brake.api, to_int(brake.until)))

    def all(self) -> tuple[Brake, ...]:
        """Return every brake, also those that hold no more."""
        return tuple(Brake(api, to_moment(held_until)) for api, held_until in self._sql.all(_ALL))
