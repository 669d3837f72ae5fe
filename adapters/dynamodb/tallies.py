"""The rows of tallies: numbers by event and name, raised by the bookkeepers (`adapters.dynamodb.books`)."""

from collections import Counter
from collections.abc import Callable, Mapping

from adapters.dynamodb.books import an_addition
from adapters.dynamodb.session import Session
from provisioning.ids import EventId

_PREFIX = "tally#"


class TallyRows:
    """The tallies of the table."""

    def __init__(self, session: Session, enter: Callable[[], None]) -> None:
        """Speak through this session; `enter` brings the books up to date."""
        self._session = session
        self._enter = enter

    def add(self, event_id: EventId, name: str, number: int = 1) -> None:
        self._session.owe(an_addition(event_id, name, number))

    def of(self, event_id: EventId) -> Mapping[str, int]:
        self._enter()
        numbers = Counter(
            {
                key[1].removeprefix(_PREFIX): int(row["number"])
                for key, row in self._session.partition(f"event#{event_id}", _PREFIX)
            }
        )
        for entry in self._session.owed:
            if entry.get("event") == event_id:
                numbers[entry["name"]] += entry["add"]
        return dict(sorted(numbers.items()))
