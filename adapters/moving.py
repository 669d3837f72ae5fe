"""Rows on their way from one kind of store to another: plain, in the words of neither.

A record is one row, as both stores keep it: its key, and facts that are texts and numbers. A sum over records
is the same whatever their order, so that what has left and what has arrived can be held against each other.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

Fact = str | int | None

# In the order in which they move. What is to be done and for which event comes last: a bot that was started
# too early finds no event and no work.
NOUNS: Final = (
    *("bindings", "requests", "registrations", "ledger", "answers"),
    *("outbox", "references", "instructions", "changes"),
    *("races", "boards", "claims", "moments", "closings", "tallies", "mark keys", "marks"),
    *("audit texts", "audit lines", "audit head"),
    *("queue", "events"),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One row. Leases and brakes are none: they hold for a moment, and for processes that have ended."""

    noun: str
    key: tuple[str, ...]
    facts: Mapping[str, Fact]

    @property
    def digest(self) -> str:
        """The digest of all that is in it."""
        text = json.dumps([self.noun, self.key, self.facts], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class Sum:
    """How many records there are, and a digest over them all."""

    digests: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many records."""
        return len(self.digests)

    @property
    def digest(self) -> str:
        """The digest over all of them, whatever their order."""
        return hashlib.sha256("".join(sorted(self.digests)).encode()).hexdigest()


def sums(records: Iterable[Record]) -> Mapping[str, Sum]:
    """Return the sum for every noun."""
    found = {noun: Sum() for noun in NOUNS}
    for record in records:
        found[record.noun].digests.append(record.digest)
    return found


class NotMoved(Exception):
    """Nothing can be moved there, or no further. The message says why and what to do."""


class Departures(Protocol):
    """A store that is left. Nobody else opens it while it is being left."""

    @property
    def name(self) -> str:
        """Something by which a later run knows that it is the same one."""
        ...

    def records(self) -> Iterator[Record]:
        """Yield every record, in the order of `NOUNS`."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Arrivals(Protocol):
    """A store that is moved into."""

    def begin(self, name: str) -> None:
        """Note that the store of this name moves in. Raises NotMoved when anything else is there."""
        ...

    def take_in(self, records: Iterable[Record]) -> None:
        """Write these. What is there already stays; raises NotMoved when it is not the same."""
        ...

    def records(self) -> Iterator[Record]:
        """Yield every record that is there, in no order."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
