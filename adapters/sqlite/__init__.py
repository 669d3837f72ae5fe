"""The store in one SQLite file, for a bot on one machine."""

from adapters.sqlite.leaving import leave
from adapters.sqlite.store import SqliteStore, open_store
from adapters.unfit import StoreUnfit

__all__ = ["SqliteStore", "StoreUnfit", "leave", "open_store"]
