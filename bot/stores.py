"""The store that BOT_STORE names; its adapter is imported only when it is chosen."""

from datetime import UTC, datetime
from typing import Final

from provisioning.ports import Clock, Store

DYNAMODB: Final = "dynamodb:"


class UtcClock:
    """The clock on the wall."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


def open_store(url: str, clock: Clock | None = None) -> Store:
    """Open the store, made when it is new; it goes by the clock on the wall unless given another.

    Raises the adapter's StoreUnfit, which says what is wrong and what mends it.
    """
    clock = clock or UtcClock()
    if url.startswith(DYNAMODB):
        from adapters import dynamodb

        return dynamodb.open_store(url, clock)
    from adapters import sqlite

    return sqlite.open_store(url, clock)


def is_made(url: str) -> bool:
    """Whether the store is there already. Raises StoreUnfit."""
    if url.startswith(DYNAMODB):
        from adapters.dynamodb import is_made as is_table_made

        return is_table_made(url)
    from adapters.sqlite.fitness import path_of

    return path_of(url).exists()
