"""The rows of named leases."""

from datetime import datetime, timedelta

from adapters.dynamodb.items import FADES, Item, Key, fading, to_int
from adapters.dynamodb.session import Session


class LeaseRows:
    """The named leases of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def take(self, name: str, token: str, now: datetime, until: datetime) -> bool:
        held = self._session.row(lease_key(name))
        if held is not None and held["token"] != token and int(held["until"]) > to_int(now):
            return False
        row: Item = {"token": token, "until": to_int(until), FADES: fading(until, timedelta(0))}
        self._session.set(lease_key(name), row)
        return True

    def release(self, name: str, token: str) -> None:
        held = self._session.row(lease_key(name))
        if held is not None and held["token"] == token:
            self._session.drop([lease_key(name)])

    def forget(self, over_before: datetime) -> int:
        return 0  # time to live deletes what is over


def lease_key(name: str) -> Key:
    """Return where this lease is."""
    return (f"lease#{name}", "-")
