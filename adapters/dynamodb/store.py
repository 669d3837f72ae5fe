"""The store in one DynamoDB table: any number of processes on any number of machines.

A unit runs on a session of its own and is committed as a whole; where somebody else was faster, it runs
again. Of one process only one such unit runs at a time, so that a crowd around one item does not keep itself
from getting on. What units owe to the books is entered a moment later, many at once, by the store's thread.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime
from threading import Event, Lock, RLock, Thread
from time import monotonic
from typing import Any, Final, TypeVar

from adapters.bell import Bell
from adapters.brakes import StoredBrakes
from adapters.dynamodb import books
from adapters.dynamodb.commit import finish_plans
from adapters.dynamodb.rows import DynamoRows
from adapters.dynamodb.session import Session
from adapters.dynamodb.table import Conflict, Table
from provisioning.brake import Brake
from provisioning.errors import StoreUnavailable
from provisioning.ports import Clock, Unit
from provisioning.queue import Work

T = TypeVar("T")

UNITS_AT_ONCE: Final = 16  # of one process
INBOX: Final = 10_000  # units that may wait
RUNS: Final = 20  # of one unit that others are always faster than
PAUSE_SECONDS: Final = 0.01  # before the second run, then up to twice as long each time
LONGEST_PAUSE_SECONDS: Final = 1.0
POLL_SECONDS: Final = 1.0  # how often the table is asked for keys that other processes queued
FRESH_SECONDS: Final = 1.0  # how old may be what is known of other processes' brakes
GATHERING_SECONDS: Final = 2.0  # what is owed in about this time is entered together
TIDYING_SECONDS: Final = 10.0  # how often a process looks for what others owe and left unfinished

log = logging.getLogger(__name__)


class DynamoStore:
    """The store in this table. Open it with `open_store`."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        """Speak through this client, which does not retry by itself. Starts the bookkeeper."""
        self._table = Table(client, table)
        self._clock = clock
        self._bells: dict[Work, Bell] = {work: Bell() for work in Work}
        self._threads = ThreadPoolExecutor(UNITS_AT_ONCE, thread_name_prefix="store")
        self._looked: dict[Work, tuple[int, datetime | None]] = {}
        self._waiting = 0
        self._lock = Lock()
        self._closed = False
        self._again = RLock()
        self._brakes = StoredBrakes(
            lambda: self.read(lambda rows: rows.brakes.all()), self._hold, clock, FRESH_SECONDS
        )
        self._debts, self._ending = Event(), Event()
        self._bookkeeper = Thread(target=self._keep_books, name="store-books", daemon=True)
        self._bookkeeper.start()

    @property
    def brakes(self) -> StoredBrakes:
        """The brakes of all APIs."""
        return self._brakes

    def run(self, unit: Unit[T]) -> Future[T]:
        with self._lock:
            if self._closed or self._waiting >= INBOX:
                raise StoreUnavailable
            self._waiting += 1
            future = self._threads.submit(self._apply, unit)
        future.add_done_callback(self._count_down)
        return future

    def read(self, unit: Callable[[DynamoRows], T]) -> T:
        if self._closed:
            raise StoreUnavailable
        return unit(DynamoRows.over(Session(self._table, reads_only=True), self._clock, self._enter))

    def heard(self, work: Work) -> int:
        return self._bells[work].heard()

    def wait_for_work(self, seconds: float, work: Work) -> None:
        bell = self._bells[work]
        last = monotonic() + seconds
        looked = self._looked.pop(work, None)  # by whoever found nothing to lease just now
        while not self._closed and (left := last - monotonic()) > 0:
            heard, due_at = looked or (bell.heard(), self._next_due(work))
            due_in = POLL_SECONDS if due_at is None else (due_at - self._clock.now()).total_seconds()
            if due_in <= 0:
                return
            bell.wait(heard, min(due_in, POLL_SECONDS, left))
            looked = None

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._threads.shutdown()
        self._ring(Work)
        self._ending.set()
        self._debts.set()
        self._bookkeeper.join()

    def _apply(self, unit: Callable[[DynamoRows], T]) -> T:
        """Apply a unit as a whole, again while others are faster. Raises what it raises, StoreUnavailable."""
        for runs in range(RUNS):
            with self._again if runs else nullcontext():
                session = Session(self._table)
                rows = DynamoRows.over(session, self._clock, self._enter)
                heard = {work: bell.heard() for work, bell in self._bells.items()}
                value = unit(rows)
                try:
                    session.commit()
                except Conflict:
                    pause = min(PAUSE_SECONDS * 2**runs, LONGEST_PAUSE_SECONDS)
                    time.sleep(pause * random.random())  # noqa: S311 - spreads, hides nothing
                    continue
            self._looked |= {work: (heard[work], due_at) for work, due_at in rows.queue.looked.items()}
            self._ring(rows.queue.touched)
            if session.owes_anything:
                self._debts.set()
            return value
        log.warning("others were always faster", extra={"action": "store-contended"})
        raise StoreUnavailable

    def _hold(self, brake: Brake) -> None:
        if self._closed:
            raise StoreUnavailable
        self._apply(lambda rows: rows.brakes.hold(brake))

    def _enter(self) -> None:
        """Bring the books up to date."""
        while self._enter_some():
            pass

    def _enter_some(self) -> bool:
        for runs in range(RUNS):
            with self._again:
                session = Session(self._table)
                more = books.enter(session)
                try:
                    session.commit()
                except Conflict:
                    time.sleep(PAUSE_SECONDS * (runs + 1) * random.random())  # noqa: S311
                else:
                    return more
        raise StoreUnavailable

    def _keep_books(self) -> None:
        """Enter what this process owes soon after, and now and then what others left behind."""
        tidied = monotonic()
        while not self._ending.is_set():
            if self._debts.wait(TIDYING_SECONDS):
                self._ending.wait(GATHERING_SECONDS * (0.5 + random.random()))  # noqa: S311 - several at once
            self._debts.clear()
            try:
                self._enter()
                if monotonic() >= tidied + TIDYING_SECONDS:
                    finish_plans(self._table)
                    tidied = monotonic()
            except StoreUnavailable:
                log.warning("the books wait", extra={"action": "store-unavailable"})
            except Exception:  # a defect must not keep what is owed later from being entered
                log.exception("the books cannot be kept", extra={"action": "defect"})

    def _next_due(self, work: Work) -> datetime | None:
        """Return when a key of this kind can be leased next, None when there is none."""
        try:
            return self.read(lambda rows: rows.queue.next_due((work,)))
        except StoreUnavailable:
            if self._closed:  # just now
                return None
            raise

    def _ring(self, works: Iterable[Work]) -> None:
        for work in works:
            self._bells[work].ring()

    def _count_down(self, _: Future[Any]) -> None:
        with self._lock:
            self._waiting -= 1
