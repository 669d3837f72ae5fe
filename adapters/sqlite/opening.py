"""How the file is opened: private, write-ahead logged, every commit on the disk before it is called done."""

import os
import sqlite3
from pathlib import Path
from time import monotonic, sleep

from adapters.sqlite.schema import migrate
from adapters.sqlite.sql import BUSY_SECONDS, is_busy
from adapters.unfit import StoreUnfit
from provisioning.errors import StoreUnavailable

_PRIVATE = 0o600
_RETRY_SECONDS = 0.01


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file for the calling thread, made when it is new, its tables brought forward.

    Raises StoreUnfit.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
        path.chmod(_PRIVATE)
        connection = _connect(path)
        try:
            log_ahead(connection)
            migrate(connection)
            connection.execute("PRAGMA busy_timeout = 0")  # from here on `Sql.begin` waits, in shorter steps
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise StoreUnfit(
            f"{path} cannot be opened as a store ({error})",
            "name a file of its own for the bot in BOT_STORE, owned by the bot's user",
        ) from error
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the file for one thread at a time, whichever it is. Raises StoreUnavailable."""
    try:
        connection = _connect(path, any_thread=True)
        connection.execute("PRAGMA query_only = 1")
    except sqlite3.Error as error:
        raise StoreUnavailable from error
    return connection


def _connect(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # a file that is gone is not made anew without its tables
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # transactions are begun and ended by us alone
        check_same_thread=not any_thread,
        cached_statements=256,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16384")  # KiB
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def log_ahead(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on, which lasts. Raises StoreUnfit when the file cannot have it."""
    last = monotonic() + BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # Of several processes that open a new file, SQLite turns all but one away without waiting.
            if not is_busy(error) or monotonic() >= last:
                raise
            sleep(_RETRY_SECONDS)
        else:
            break
    if mode != "wal":
        raise StoreUnfit(
            f"the file cannot use write-ahead logging (SQLite answers {mode!r})",
            "name a file on a local disk in BOT_STORE",
        )
