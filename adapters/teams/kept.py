"""What this process kept lately: an address that has not changed is not written again at every word."""

from datetime import datetime, timedelta
from typing import Final

from adapters.teams.address import Address
from provisioning.ids import ChatIdentity

GOOD_FOR: Final = timedelta(minutes=10)  # then it is kept again: another process may have forgotten it
_MOST: Final = 20_000

Whose = tuple[ChatIdentity | None, str]


class Kept:
    """The newest address kept of each person and channel, the oldest of too many dropped."""

    def __init__(self) -> None:
        self._kept: dict[Whose, tuple[Address, datetime]] = {}

    def is_fresh(self, chat: ChatIdentity | None, address: Address, now: datetime) -> bool:
        """Whether exactly this was kept within the last ten minutes."""
        known = self._kept.get((chat, address.channel))
        return known is not None and known[0] == address and timedelta(0) <= now - known[1] < GOOD_FOR

    def add(self, chat: ChatIdentity | None, address: Address, now: datetime) -> None:
        """Note that it is kept now."""
        whose = (chat, address.channel)
        self._kept.pop(whose, None)
        self._kept[whose] = (address, now)
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]

    def drop(self, address: Address) -> None:
        """Note that nobody is reached there any more."""
        for whose in [whose for whose in self._kept if whose[1] == address.channel]:
            del self._kept[whose]
