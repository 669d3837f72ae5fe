"""The brakes of a store: kept where every process sees them, and remembered so that asking costs nothing."""

from collections.abc import Callable, Collection
from contextlib import suppress
from threading import Lock
from time import monotonic

from provisioning.brake import Brake
from provisioning.errors import StoreUnavailable
from provisioning.ports import Clock


class StoredBrakes:
    """The brakes that these two calls read and raise. A store out of reach leaves standing what is known.

    `fresh_seconds` is how old may be what is known of other processes' brakes.
    """

    def __init__(
        self,
        read: Callable[[], Collection[Brake]],
        write: Callable[[Brake], None],
        clock: Clock,
        fresh_seconds: float,
    ) -> None:
        self._read = read
        self._write = write
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._known: dict[str, Brake] = {}
        self._lock = Lock()
        self._fresh_until = 0.0

    def wait(self, api: str) -> float:
        with self._lock:
            if monotonic() >= self._fresh_until:
                with suppress(StoreUnavailable):
                    for brake in self._read():
                        self._remember(brake)
                self._fresh_until = monotonic() + self._fresh_seconds
            known = self._known.get(api)
        return 0.0 if known is None else known.holds(self._clock.now())

    def hold(self, brake: Brake) -> None:
        with self._lock:
            self._remember(brake)
        with suppress(StoreUnavailable):
            self._write(brake)

    def _remember(self, brake: Brake) -> None:
        known = self._known.get(brake.api)
        if known is None or known.until < brake.until:
            self._known[brake.api] = brake
