"""The rows of moments: what was done because its time had come."""

import json
from collections.abc import Mapping
from datetime import datetime

from adapters.dynamodb.items import Item, Key, to_int
from adapters.dynamodb.session import Session


class MomentRows:
    """The moments of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, what: str) -> Mapping[str, str] | None:
        row = self._session.row(_key(what))
        if row is None:
            return None
        found: dict[str, str] = json.loads(str(row["facts"]))
        return found

    def note(self, what: str, at: datetime, facts: Mapping[str, str] | None = None) -> None:
        row: Item = {"noted_at": to_int(at), "facts": json.dumps(dict(facts or {}))}
        self._session.set(_key(what), row)


def _key(what: str) -> Key:
    return (f"moment#{what}", "-")
