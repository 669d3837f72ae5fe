"""One connection to the file, as the rows see it: statements inside a transaction, and nothing else."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any, NoReturn

from provisioning.errors import StoreUnavailable

BUSY_SECONDS = 10.0  # how long another process may hold the file before a unit is refused
_RETRY_SECONDS = 0.001
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def to_int(moment: datetime) -> int:
    """Return the moment as a column holds it. Raises TypeError for one without a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def to_int_if(moment: datetime | None) -> int | None:
    """Return the moment as a column holds it, or None."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def to_moment(column: int) -> datetime:
    """Return the moment that a column holds, in UTC."""
    return _EPOCH + timedelta(microseconds=column)


class Sql:
    """The statements of one connection. They run inside a transaction or not at all.

    `failure` is set once the file itself failed in this transaction, and nothing more runs then: SQLite may
    have ended the transaction by itself, and a later statement would be a commit of its own.
    """

    __slots__ = ("_connection", "_execute", "_marked", "failure")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the connection over."""
        self._connection = connection
        self._execute = connection.execute
        self._marked = False
        self.failure: sqlite3.Error | None = None

    def one(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row as a tuple, or None."""
        self._check()
        try:
            return self._execute(statement, parameters).fetchone()
        except sqlite3.Error as error:
            self._fail(error)

    def all(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows as tuples."""
        self._check()
        try:
            return self._execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            self._fail(error)

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Make the change and return how many rows it touched."""
        self._mark()
        try:
            return self._execute(statement, parameters).rowcount
        except sqlite3.Error as error:
            self._fail(error)

    def change_returning(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Make the change and return the rows of its RETURNING clause, in no order."""
        self._mark()
        try:
            return self._execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            self._fail(error)

    def begin_reading(self) -> None:
        """Begin a transaction in which every read sees the same moment. Raises StoreUnavailable."""
        self.failure = None
        try:
            self._execute("BEGIN")
        except sqlite3.Error as error:
            raise StoreUnavailable from error

    def begin_writing(self, busy_seconds: float) -> None:
        """Begin a transaction, trying again while another process holds the file. Raises sqlite3.Error."""
        self.failure = None
        last = monotonic() + busy_seconds
        while True:
            try:
                self._execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or monotonic() >= last:
                    raise
                sleep(_RETRY_SECONDS)
            else:
                return

    def keep(self) -> None:
        """Keep what was changed since the last `keep` or `undo`."""
        if self._marked:
            self._marked = False
            self._execute("RELEASE unit")

    def undo(self) -> None:
        """Undo what was changed since the last `keep` or `undo`."""
        if self._marked:
            self._marked = False
            self._execute("ROLLBACK TO unit")
            self._execute("RELEASE unit")

    def commit(self) -> None:
        """Make everything durable. Raises sqlite3.Error when it is not."""
        self._execute("COMMIT")

    def abandon(self) -> None:
        """Undo the whole transaction, if SQLite has not done so already."""
        self._marked = False
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _check(self) -> None:
        if self.failure is not None or not self._connection.in_transaction:
            raise StoreUnavailable from self.failure

    def _mark(self) -> None:
        # The savepoint waits for the first change: units that only read are spared it.
        self._check()
        if not self._marked:
            self._execute("SAVEPOINT unit")
            self._marked = True

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        if is_unavailable(error):
            self.failure = error
            raise StoreUnavailable from error
        raise error


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the file, for now."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


def is_unavailable(error: sqlite3.Error) -> bool:
    """Whether the file itself failed: busy, full, broken or out of reach. All else is a mistake of ours."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _UNAVAILABLE
