"""The store in one SQLite file, for a bot on one machine."""

from adapters.sqlite.fitness import StoreUnfit
from adapters.sqlite.store import SqliteStore, open_store

__all__ = ["SqliteStore", "StoreUnfit", "open_store"]
