"""What `doctor` looks at in the store: whether it can be kept there, takes a write, and what waits there."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.sqlite.fitness import check_folder, check_library, path_of
from adapters.unfit import StoreUnfit
from bot.checks import Check
from bot.stores import DYNAMODB, is_made
from provisioning.ports import Rows, Store

WAITING_WARNS: Final = 300.0  # seconds for which a key that is ready may wait before somebody should look


def place_of_store(url: str) -> Iterator[Check]:
    """Look whether a store can be kept there."""
    is_table = url.startswith(DYNAMODB)
    try:
        if not is_table:
            check_library()
            check_folder(path_of(url))
        is_there = is_made(url)
    except StoreUnfit as error:
        yield Check("store", "failed", error.why, f"{error.mend}.")
        return
    if not is_there:
        where = "the table" if is_table else path_of(url)
        yield Check("store", "warn", f"{where} is not there yet", "The bot makes it when it starts first.")


def store(opened: Store, url: str) -> Iterator[Check]:
    """Look into the store: whether it takes a write, how it is kept, and what waits on the queue."""

    def write(rows: Rows) -> None:
        now = datetime.now(UTC)
        rows.leases.take("doctor", "doctor", now, now)
        rows.leases.release("doctor", "doctor")

    opened.run(write).result(timeout=5)
    if url.startswith(DYNAMODB):
        yield from _table(url)
    else:
        yield _file(path_of(url))
    seconds, depth = opened.read(
        lambda rows: (rows.queue.oldest_seconds(datetime.now(UTC)), sum(rows.queue.depth().values()))
    )
    if seconds > WAITING_WARNS:
        mend = (
            "Look whether a worker runs: `deepracer-bot serve` without --no-worker, or `deepracer-bot work`."
        )
        yield Check("queue", "warn", f"{depth} on it, the oldest ready for {seconds:.0f} s", mend)
    else:
        found = f"{depth} on it, the oldest ready for {seconds:.0f} s" if depth else "empty"
        yield Check("queue", "ok", found)


def _file(path: Path) -> Check:
    reader = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        (journal,) = reader.execute("PRAGMA journal_mode").fetchone()
        (tables,) = reader.execute("PRAGMA user_version").fetchone()
    finally:
        reader.close()
    found = (
        f"{path} takes writes; SQLite {sqlite3.sqlite_version}, journal {journal}, tables of version {tables}"
    )
    if journal == "wal":
        return Check("store", "ok", found)
    return Check("store", "failed", found, "Name a file on a local disk in BOT_STORE.")


def _table(url: str) -> Iterator[Check]:
    from adapters.dynamodb import missing_from

    missing = missing_from(url)
    if missing:
        mend = "Deploy the template again, or switch it on: DynamoDB, Tables, your table."
        yield Check("store", "warn", f"the table takes writes; it lacks {', '.join(missing)}", mend)
    else:
        yield Check("store", "ok", "the table takes writes, is encrypted and can be restored")
