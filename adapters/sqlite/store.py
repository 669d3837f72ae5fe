"""The store in one SQLite file: one writer thread for each process, and readers beside it.

Several processes may have the file open. Whatever a write depends on is looked at in the transaction that
makes it, and BEGIN IMMEDIATE lets only one of those run at a time.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from adapters.bell import Bell
from adapters.brakes import StoredBrakes
from adapters.sqlite.fitness import check_folder, check_library, path_of
from adapters.sqlite.opening import open_for_reading, open_for_writing
from adapters.sqlite.rows import SqliteRows
from adapters.sqlite.sql import BUSY_SECONDS, Sql
from adapters.sqlite.writer import INBOX, Writer
from provisioning.brake import Brake
from provisioning.errors import StoreUnavailable
from provisioning.ports import Clock, Unit
from provisioning.queue import Work

T = TypeVar("T")

POLL_SECONDS = 0.2  # how often the file is asked for keys that other processes queued
FRESH_SECONDS = 0.2  # how old may be what is known of other processes' brakes


class UtcClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SqliteStore:
    """The store in this file. Open it with `open_store`."""

    def __init__(
        self, path: Path, clock: Clock, *, inbox: int = INBOX, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        """Open the file, bring its tables forward and start the writer. Raises StoreUnfit."""
        self._path = path
        self._clock = clock
        self._readers: deque[tuple[Sql, SqliteRows]] = deque()
        self._bells: dict[Work, Bell] = {work: Bell() for work in Work}
        self._closed = False
        self._writer = Writer(
            partial(open_for_writing, path), clock, self._ring, inbox=inbox, busy_seconds=busy_seconds
        )
        self._brakes = StoredBrakes(
            lambda: self.read(lambda rows: rows.brakes.all()), self._hold, clock, FRESH_SECONDS
        )

    @property
    def brakes(self) -> StoredBrakes:
        """The brakes of all APIs."""
        return self._brakes

    def run(self, unit: Unit[T]) -> Future[T]:
        return self._writer.submit(unit)

    def read(self, unit: Callable[[SqliteRows], T]) -> T:
        sql, rows = self._reader()
        try:
            sql.begin_reading()
            return unit(rows)
        finally:
            sql.abandon()
            self._readers.append((sql, rows))
            if self._closed:
                self._close_readers()

    def heard(self, work: Work) -> int:
        return self._bells[work].heard()

    def wait_for_work(self, seconds: float, work: Work) -> None:
        bell = self._bells[work]
        last = monotonic() + seconds
        while not self._closed:
            heard = bell.heard()
            pause = min(self._due_in(work), POLL_SECONDS, last - monotonic())
            if pause <= 0:
                return
            bell.wait(heard, pause)

    def close(self) -> None:
        self._writer.close()
        self._closed = True
        self._ring(Work)
        self._close_readers()

    def _hold(self, brake: Brake) -> None:
        self._writer.submit(lambda rows: rows.brakes.hold(brake)).result()

    def _due_in(self, work: Work) -> float:
        """Return the seconds until a key of this kind can be leased, `POLL_SECONDS` when there is none."""
        try:
            due_at = self.read(lambda rows: rows.queue.next_due((work,)))
        except StoreUnavailable:
            if self._closed:  # just now
                return 0.0
            raise
        return POLL_SECONDS if due_at is None else (due_at - self._clock.now()).total_seconds()

    def _ring(self, works: Iterable[Work]) -> None:
        for work in works:
            self._bells[work].ring()

    def _reader(self) -> tuple[Sql, SqliteRows]:
        # A thread takes the reader that was used last, so there are as many as ever read at once.
        if self._closed:
            raise StoreUnavailable
        try:
            return self._readers.pop()
        except IndexError:
            sql = Sql(open_for_reading(self._path))
            return sql, SqliteRows.over(sql, self._clock)

    def _close_readers(self) -> None:
        while True:
            try:
                sql, _ = self._readers.pop()
            except IndexError:
                return
            sql.close()


def open_store(url: str, clock: Clock | None = None) -> SqliteStore:
    """Open the store that `sqlite:///relative.db` or `sqlite:////absolute.db` names, made when it is new.

    `clock` tells when a queued key is ready and a brake is over; the clock on the wall unless given. Raises
    StoreUnfit, a ValueError that says what is wrong and what mends it.
    """
    path = path_of(url)
    check_library()
    check_folder(path)
    return SqliteStore(path.absolute(), clock or UtcClock())
