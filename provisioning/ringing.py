"""Ringing: a worker that does not watch the queue is woken for what a unit queued, once that is committed.

    unit ─▶ its keys noted ─▶ commit ─▶ rung ─▶ the unit's value

The row on the queue is the truth, the ring only says that it is worth looking. A ring that gets lost costs
time, never the work: whoever looks by the clock finds the row.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from provisioning.brake import Brakes
from provisioning.correlation import requests
from provisioning.outbox import Notice
from provisioning.ports import Outbox, Rows, Store, Unit
from provisioning.queue import Queue, Work

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ring:
    """A key that can be worked on from then on; an empty one stands for whatever is due of its kind.

    `correlation` is that of the chat request for which it is rung, "" when it is for none or for many.
    """

    work: Work
    key: str
    ready_at: datetime
    correlation: str = ""


class Ringer(Protocol):
    """Wakes workers, wherever they run."""

    def ring(self, rings: Sequence[Ring]) -> None:
        """Have a worker look when these are ready. Raises nothing: the clock finds what is not heard."""
        ...


class RingingStore:
    """A store whose units ring for what they queued. Implements `Store`."""

    def __init__(self, store: Store, ringer: Ringer) -> None:
        """Take the store that keeps the rows, and the ringer."""
        self._store = store
        self._ringer = ringer

    @property
    def brakes(self) -> Brakes:
        """The brakes of all APIs."""
        return self._store.brakes

    def run(self, unit: Unit[T]) -> Future[T]:
        """Apply the unit as `Store.run` does; the future resolves when its keys were rung for, too."""
        rings: list[Ring] = []
        rung: Future[T] = Future()
        asked = requests()
        correlation = asked[0] if len(asked) == 1 else ""

        def noted(rows: Rows) -> T:
            rings.clear()  # a unit may run more than once
            return unit(cast("Rows", _NotedRows(rows, rings)))

        self._store.run(noted).add_done_callback(partial(self._rung, rings, correlation, rung))
        return rung

    def read(self, unit: Unit[T]) -> T:
        return self._store.read(unit)

    def heard(self, work: Work) -> int:
        return self._store.heard(work)

    def wait_for_work(self, seconds: float, work: Work) -> None:
        self._store.wait_for_work(seconds, work)

    def close(self) -> None:
        self._store.close()

    def _rung(self, rings: list[Ring], correlation: str, rung: Future[T], committed: Future[T]) -> None:
        error = committed.exception()
        if error is not None:
            rung.set_exception(error)
            return
        if rings:
            self._ringer.ring([replace(ring, correlation=correlation) for ring in dict.fromkeys(rings)])
        rung.set_result(committed.result())


class _NotedRows:
    """The rows of a unit, with the two ways onto the queue noted: by itself, and with a message owed."""

    def __init__(self, rows: Rows, rings: list[Ring]) -> None:
        self._rows = rows
        self.queue = _NotedQueue(rows.queue, rings)
        self.outbox = _NotedOutbox(rows.outbox, rings)

    def __getattr__(self, noun: str) -> Any:
        return getattr(self._rows, noun)


class _NotedQueue:
    def __init__(self, queue: Queue, rings: list[Ring]) -> None:
        self._queue = queue
        self._rings = rings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def put(self, work: Work, key: str, ready_at: datetime, *, urgent: bool = False) -> None:
        self._queue.put(work, key, ready_at, urgent=urgent)
        self._rings.append(Ring(work, key, ready_at))

    def ensure(self, work: Work, key: str, ready_at: datetime) -> None:
        self._queue.ensure(work, key, ready_at)
        self._rings.append(Ring(work, key, ready_at))


class _NotedOutbox:
    def __init__(self, outbox: Outbox, rings: list[Ring]) -> None:
        self._outbox = outbox
        self._rings = rings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def put(self, notice: Notice) -> None:
        self._outbox.put(notice)
        if notice.created_at is not None:
            work = Work.SPEAK if notice.is_new_message else Work.REFRESH
            self._rings.append(Ring(work, notice.id, notice.created_at))
