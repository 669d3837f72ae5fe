"""The one writer of this process: a thread that applies units, many to a commit.

    units ─▶ inbox ─▶ BEGIN IMMEDIATE ─▶ each in its savepoint ─▶ COMMIT ─▶ futures

Whatever has gathered while one commit waits for the disk shares the next, so the rate grows with the load.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from adapters.sqlite.rows import SqliteRows
from adapters.sqlite.sql import BUSY_SECONDS, Sql
from provisioning.errors import StoreUnavailable
from provisioning.ports import Clock
from provisioning.queue import Work

T = TypeVar("T")
Unit = Callable[[SqliteRows], T]
Waiting = tuple[Unit[Any], Future[Any]]
Outcome = tuple[Any, BaseException | None]

INBOX = 10_000  # units that may wait
GROUP = 128  # units that share a commit


class Writer:
    """Applies units in the order given. `queued` is called after a commit that queued these kinds of work."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        clock: Clock,
        queued: Callable[[Collection[Work]], None],
        *,
        inbox: int = INBOX,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Open the connection on the writer's own thread and start it. Raises what opening raises."""
        self._connect = connect
        self._clock = clock
        self._queued = queued
        self._room = inbox
        self._busy_seconds = busy_seconds
        self._inbox: SimpleQueue[Waiting | None] = SimpleQueue()
        self._closing = Lock()
        self._closed = False
        started: Future[None] = Future()
        self._thread = Thread(target=self._work, args=(started,), name="store-writer", daemon=True)
        self._thread.start()
        started.result()

    def submit(self, unit: Unit[T]) -> Future[T]:
        """Give a unit to the writer. Raises StoreUnavailable when too many wait or the writer is closed."""
        future: Future[T] = Future()
        with self._closing:
            if self._closed or self._inbox.qsize() >= self._room:
                raise StoreUnavailable
            self._inbox.put((unit, future))
        return future

    def close(self) -> None:
        """Apply what was given and end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._inbox.put(None)
        self._thread.join()

    def _work(self, started: Future[None]) -> None:
        try:
            sql = Sql(self._connect())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            started.set_exception(error)
            return
        started.set_result(None)
        rows = SqliteRows.over(sql, self._clock)
        more = True
        while more:
            group, more = self._gather()
            if group:
                self._apply(group, sql, rows)
        sql.close()

    def _gather(self) -> tuple[list[Waiting], bool]:
        """Wait for a unit; return it with those behind it, and whether there will be more."""
        group: list[Waiting] = []
        waiting = self._inbox.get()
        try:
            while waiting is not None:
                if waiting[1].set_running_or_notify_cancel():
                    group.append(waiting)
                if len(group) >= GROUP:
                    return group, True
                waiting = self._inbox.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _apply(self, group: Sequence[Waiting], sql: Sql, rows: SqliteRows) -> None:
        rows.queue.touched.clear()
        try:
            sql.begin_writing(self._busy_seconds)
            outcomes = [_attempt(unit, sql, rows) for unit, _ in group]
            sql.commit()
        except (sqlite3.Error, StoreUnavailable) as error:
            _abandon(sql)
            for _, future in group:
                refused = StoreUnavailable()
                refused.__cause__ = error
                future.set_exception(refused)
            return
        if rows.queue.touched:
            self._queued(rows.queue.touched)
        for (_, future), (value, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)


def _attempt(unit: Unit[Any], sql: Sql, rows: SqliteRows) -> Outcome:
    """Apply one unit. Raises sqlite3.Error when the transaction of the whole group is lost."""
    try:
        value = unit(rows)
    except BaseException as error:
        if sql.failure is not None:
            raise sql.failure from error
        sql.undo()
        return None, error
    if sql.failure is not None:  # the unit passed over it
        raise sql.failure
    sql.keep()
    return value, None


def _abandon(sql: Sql) -> None:
    try:
        sql.abandon()
    except sqlite3.Error:
        # SQLite has ended the transaction or will refuse the next BEGIN; either way nothing of it is kept.
        return
