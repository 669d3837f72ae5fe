"""Moving from one store into another: everything is copied, and then held against what it was."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final

from adapters.moving import NOUNS, Arrivals, Departures, NotMoved, Sum, sums
from bot.stores import DYNAMODB, UtcClock

STEP: Final = 500  # records between two lines of progress

Told = Callable[[str, int, int], None]  # the noun, how many of them have arrived, and of how many


@dataclass(frozen=True, slots=True)
class Compared:
    """One noun on both sides."""

    noun: str
    left: Sum
    arrived: Sum

    @property
    def is_same(self) -> bool:
        """Whether all arrived as it left, and nothing else is there."""
        return self.left.digest == self.arrived.digest


def leave(source: str, target: str) -> Departures:
    """Open what is left, alone. Raises NotMoved, StoreUnfit."""
    if not source.startswith("sqlite:") or not target.startswith(DYNAMODB):
        raise NotMoved("A bot moves from a file into a table: --from sqlite:///… --to dynamodb://…")
    from adapters import sqlite

    return sqlite.leave(source)


def arrive(target: str) -> Arrivals:
    """Open what is moved into. Raises StoreUnfit."""
    from adapters import dynamodb

    return dynamodb.open_arrivals(target, UtcClock())


def move(source: Departures, target: Arrivals, told: Told) -> tuple[Compared, ...]:
    """Copy everything that is not there yet, and compare. Safe to repeat. Raises NotMoved."""
    left = sums(source.records())
    target.begin(source.name)
    for noun, records in groupby(source.records(), key=lambda record: record.noun):
        arrived = 0
        while some := tuple(islice(records, STEP)):
            target.take_in(some)
            arrived += len(some)
            told(noun, arrived, left[noun].count)
    found = sums(target.records())
    return tuple(Compared(noun, left[noun], found[noun]) for noun in NOUNS)
