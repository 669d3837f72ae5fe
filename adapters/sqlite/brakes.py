"""The brakes, in the file so that every process sees them, and remembered so that asking costs nothing."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Protocol, TypeVar

from adapters.sqlite.rows import SqliteRows
from provisioning.brake import Brake
from provisioning.errors import StoreUnavailable
from provisioning.ports import Clock

T = TypeVar("T")

FRESH_SECONDS = 0.2  # how old may be what is known of other processes' brakes


class Units(Protocol):
    """Where units on the file are applied."""

    def write(self, unit: Callable[[SqliteRows], T]) -> Future[T]:
        """Apply the unit; the future resolves when its writes are durable."""
        ...

    def read(self, unit: Callable[[SqliteRows], T]) -> T:
        """Apply a unit that only reads."""
        ...


class SqliteBrakes:
    """The brakes of the file. A file out of reach leaves standing what this process knows."""

    def __init__(self, units: Units, clock: Clock) -> None:
        """Speak through these units."""
        self._units = units
        self._clock = clock
        self._known: dict[str, Brake] = {}
        self._lock = Lock()
        self._fresh_until = 0.0

    def wait(self, api: str) -> float:
        with self._lock:
            if monotonic() >= self._fresh_until:
                with suppress(StoreUnavailable):
                    for brake in self._units.read(lambda rows: rows.brakes.all()):
                        self._remember(brake)
                self._fresh_until = monotonic() + FRESH_SECONDS
            known = self._known.get(api)
        return 0.0 if known is None else known.holds(self._clock.now())

    def hold(self, brake: Brake) -> None:
        with self._lock:
            self._remember(brake)
        with suppress(StoreUnavailable):
            self._units.write(lambda rows: rows.brakes.hold(brake)).result()

    def _remember(self, brake: Brake) -> None:
        known = self._known.get(brake.api)
        if known is None or known.until < brake.until:
            self._known[brake.api] = brake
