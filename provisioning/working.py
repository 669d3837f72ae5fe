"""The worker: a lane for each kind of work, so that no slow system holds up another.

Lanes are threads over one store: the gate, the settler, the sweeper and the speakers. Any number of processes
may work on the same store; leases keep them apart.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provisioning.errors import StoreUnavailable
from provisioning.ports import Store
from provisioning.queue import Work

IDLE_SECONDS = 1.0  # a lane looks at least this often
AFTER_DEFECT_SECONDS = 2.0

log = logging.getLogger(__name__)

Round = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Lane:
    """A name for logs, and a round that returns how many keys it took.

    An idle lane sleeps until there is work of its kind (None: for a second). Before every round it waits
    `gathering_seconds` for what arrives together, to do it together.
    """

    name: str
    round: Round
    work: Work | None = None
    gathering_seconds: float = 0.0


class Worker:
    """Runs lanes in threads until it is stopped."""

    def __init__(self, store: Store, lanes: Sequence[Lane]) -> None:
        """Take the lanes; each gets a thread of its own."""
        self._store = store
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=lane.name, daemon=True) for lane in lanes
        ]

    def start(self) -> None:
        """Start every lane."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 20.0) -> None:
        """Let every lane finish the round it is in, for so long all together."""
        self._stopping.set()
        last = time.monotonic() + timeout_seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, last - time.monotonic()))

    def is_alive(self) -> bool:
        """Whether every lane is running."""
        return all(thread.is_alive() for thread in self._threads)

    def _idle(self, lane: Lane) -> None:
        if lane.work is None:
            self._stopping.wait(IDLE_SECONDS)
        else:
            self._store.wait_for_work(IDLE_SECONDS, lane.work)

    def _run(self, lane: Lane) -> None:
        while not self._stopping.is_set():
            try:
                if not lane.round():
                    self._idle(lane)
                self._stopping.wait(lane.gathering_seconds)
            except StoreUnavailable:
                log.warning("store unavailable", extra={"action": "store-unavailable", "lane": lane.name})
                self._stopping.wait(AFTER_DEFECT_SECONDS)
            except Exception:
                log.exception("round failed", extra={"action": "defect", "lane": lane.name})
                self._stopping.wait(AFTER_DEFECT_SECONDS)
