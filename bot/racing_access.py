"""Access to racing sites, reached when somebody first needs one: their libraries are not loaded before."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from provisioning.access import Outcome
from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
from provisioning.registrations import Person

if TYPE_CHECKING:
    from bot.racing_site import RacingSites


class RacingAccess:
    """The port `Access` of the racing sites, and the way to everything else about them."""

    batch = 40  # as `RacerAccounts` takes them; the slower way, by invitation, ends in time by itself

    def __init__(self, reach: Callable[[], "RacingSites"]) -> None:
        self._reach = reach
        self._reached: RacingSites | None = None
        self._lock = Lock()

    @property
    def sites(self) -> "RacingSites":
        """Return the racing sites; from here on everything is loaded."""
        with self._lock:
            if self._reached is None:
                self._reached = self._reach()
            return self._reached

    def close(self) -> None:
        """Close every connection, if there is one."""
        if self._reached is not None:
            self._reached.close()

    def presence(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self.sites.access.presence(grant, people)

    def add(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self.sites.access.add(grant, people)

    def remove(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self.sites.access.remove(grant, people)

    def confirm(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self.sites.access.confirm(grant, people)

    def check(self, grant: DeepRacerOnAws) -> None:
        self.sites.access.check(grant)
