"""One unit of work on the table: what it has read, and what it will have written.

    unit ─▶ reads, remembered with their stamps ─▶ writes, kept back and seen by its own reads ─▶ commit

Nothing is written before the unit has come to its end. The commit holds only while every item that the unit
writes is as it read it; otherwise the unit runs again, on what is there then. What it merely read is not
watched, unless a noun asks for it with `hold_still`.
"""

import json
import time
import uuid
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any, Final, NamedTuple

from adapters.dynamodb.commit import Change, commit, read, read_all
from adapters.dynamodb.definition import FLAGS
from adapters.dynamodb.items import (
    OWES,
    OWES_SINCE,
    QUEUED,
    Item,
    Key,
    beside_the_row,
    is_row,
    is_same,
    ordered,
    place_in,
    plain,
)
from adapters.dynamodb.table import Table
from provisioning.errors import StaleWrite

OWED_TOGETHER: Final = 40  # entries for the books that one item carries, at most as many again
_sequence = count()

Entry = dict[str, Any]  # for the books: a line of the audit, or a number to add


class Listed(NamedTuple):
    """What an index says of one item."""

    order: str
    key: Key
    flags: str


class ReadOnly(Exception):
    """A unit that only reads tried to write: its store is readonly."""


class Session:
    """The items as one unit sees them."""

    def __init__(self, table: Table, *, reads_only: bool = False) -> None:
        """Begin with nothing read."""
        self._table = table
        self._reads_only = reads_only
        self._seen: dict[Key, Item | None] = {}
        self._written: dict[Key, Item | None] = {}
        self._held_still: set[Key] = set()
        self._partitions: dict[tuple[str, str], list[Key]] = {}
        self._lists: dict[tuple[Any, ...], list[Listed]] = {}
        self.owed: list[Entry] = []
        self.owes_anything = False

    def get(self, key: Key) -> Item | None:
        """Return the item as this unit sees it."""
        if key in self._written:
            return self._written[key]
        if key not in self._seen and not self._is_known_to_be_absent(key):
            self._seen[key] = read(self._table, key, self._table.get(key))
        return self._seen.get(key)

    def row(self, key: Key) -> Item | None:
        """Return the item if there is a row in it."""
        item = self.get(key)
        return item if is_row(item) else None

    def load(self, keys: Iterable[Key]) -> None:
        """Read these items together, for `get` to find them."""
        missing = [
            key
            for key in dict.fromkeys(keys)
            if key not in self._seen and key not in self._written and not self._is_known_to_be_absent(key)
        ]
        if len(missing) <= 1:
            return
        self._seen |= dict.fromkeys(missing)
        self._seen |= read_all(self._table, self._table.get_all(missing))

    def hold_still(self, key: Key) -> None:
        """Make the commit depend on this item too, without writing it."""
        self.get(key)
        self._held_still.add(key)

    def partition(self, pk: str, prefix: str = "") -> list[tuple[Key, Item]]:
        """Return the rows of this partition whose second key begins so, in its order."""
        asked = (pk, prefix)
        if asked not in self._partitions:
            high = f"{prefix}\U0010ffff" if prefix else None
            there = read_all(self._table, self._table.partition(pk, prefix, high))
            self._seen = there | self._seen
            self._partitions[asked] = list(there)
        known = set(self._partitions[asked])
        known |= {key for key in self._written if key[0] == pk and key[1].startswith(prefix)}
        found = ((key, self.get(key)) for key in sorted(known))
        return [(key, item) for key, item in found if item is not None and is_row(item)]

    def pages(
        self, pk: str, low: str, high: str, limit: int, *, newest_first: bool = False
    ) -> list[tuple[Key, Item]]:
        """Return some items of a partition that only grows, as they are in the table."""
        return list(self._table.partition(pk, low, high, limit, newest_first=newest_first))

    def listed(
        self,
        kind: str,
        of: str = "",
        low: str = "",
        high: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
    ) -> list[Listed]:
        """Return what is in this list from `low` on and before `high`, as the index knows it.

        An index is a moment behind the table, but for what this unit itself has written.
        """
        asked = (kind, of, low, high, limit, newest_first)
        if asked not in self._lists:
            wanted = None if limit is None else limit + len(self._written)
            found = self._table.find(kind, of, low, high, wanted, newest_first=newest_first)
            self._lists[asked] = [
                Listed(place, key, str(item.get(FLAGS, "")))
                for key, item in found
                if (place := place_in(item, kind, of)) is not None
            ]
        mine = [
            Listed(place, key, str(item.get(FLAGS, "")))
            for key, item in self._written.items()
            if item is not None and (place := place_in(item, kind, of)) is not None
            if place >= low and (high is None or place < high)
        ]
        others = [one for one in self._lists[asked] if one.key not in self._written]
        return sorted([*others, *mine], reverse=newest_first)[:limit]

    def found(
        self,
        kind: str,
        of: str = "",
        low: str = "",
        high: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
    ) -> list[tuple[Key, Item]]:
        """Return the items of this list, each read from the table and still in it, in their order."""
        found: dict[Key, tuple[str, Item]] = {}
        while limit is None or len(found) < limit:
            wanted = None if limit is None else limit - len(found)
            page = self.listed(kind, of, low, high, wanted, newest_first=newest_first)
            self.load(one.key for one in page)
            for one in page:
                item = self.get(one.key)
                place = None if item is None else place_in(item, kind, of)
                if item is not None and place is not None and place >= low and (high is None or place < high):
                    found[one.key] = (place, item)
            if wanted is None or len(page) < wanted:
                break
            if newest_first:
                high = page[-1].order
            else:
                low = f"{page[-1].order} "
        inside = sorted(found.items(), key=lambda one: one[1][0], reverse=newest_first)
        return [(key, item) for key, (_, item) in inside]

    def count(
        self, kind: str, of: str = "", low: str = "", high: str | None = None, limit: int | None = None
    ) -> int:
        """Count what is in this list, up to `limit`, as the index knows it and this unit has changed it."""
        wanted = None if limit is None else limit + len(self._written)
        counted = self._table.count(kind, of, low, high, wanted)
        for key, item in self._written.items():
            for sign, one in ((1, item), (-1, self._seen.get(key))):
                place = None if one is None else place_in(one, kind, of)
                if place is not None and place >= low and (high is None or place < high):
                    counted += sign
        counted = max(0, counted)
        return counted if limit is None else min(counted, limit)

    def put(self, key: Key, item: Item) -> None:
        """Have the item be so. What is left without row, queue and debts is deleted."""
        if self._reads_only:
            raise ReadOnly("a unit that only reads cannot write: the store is readonly to it")
        before = self.get(key)
        is_anything = is_row(item) or QUEUED in item or OWES in item
        if before is None and not is_anything:
            return
        self._written[key] = plain(item) if is_anything else None

    def save(self, key: Key, row: Item, version: int, called: str) -> int:
        """Write a row if the stored version is still this one (0: none yet); returns the next one.

        Raises StaleWrite, saying how the row is called.
        """
        stored = self.get(key)
        present = int(stored["version"]) if stored is not None and is_row(stored) else 0
        if present != version:
            raise StaleWrite(row=called)
        self.set(key, row, version + 1)
        return version + 1

    def set(self, key: Key, row: Item, version: int = 1) -> None:
        """Write a row, whatever was there."""
        self.put(key, {**beside_the_row(self.get(key)), **row, "version": version})

    def add(self, key: Key, row: Item) -> None:
        """Write a row that is not there; without looking, because the commit would show it."""
        self._seen.setdefault(key)
        self.put(key, {**row, "version": 1})

    def drop(self, keys: Collection[Key]) -> int:
        """Delete these rows; returns how many were there."""
        there = [key for key in keys if self.row(key) is not None]
        for key in there:
            self.put(key, beside_the_row(self.get(key)))
        return len(there)

    def owe(self, entry: Entry) -> None:
        """Have this entered in the books, once the unit is done."""
        if self._reads_only:
            raise ReadOnly("a unit that only reads cannot write: the store is readonly to it")
        self.owed.append(entry)

    def commit(self) -> None:
        """Make the writes. Raises Conflict when the unit is to run again, StoreUnavailable."""
        self._hand_out_debts()
        changes = [
            Change(key, self._seen.get(key), item)
            for key, item in self._written.items()
            if not is_same(item, self._seen.get(key))
        ]
        if changes:
            held = (key for key in self._held_still if key not in self._written)
            changes += [Change(key, self._seen.get(key), self._seen.get(key), is_check=True) for key in held]
        self.owes_anything = any(OWES in change.after for change in changes if change.after is not None)
        commit(self._table, changes)

    def _hand_out_debts(self) -> None:
        """Let the items that are written anyway carry what is owed; only without any does it take its own."""
        since = f"{ordered(time.time_ns() // 1000)}{next(_sequence) % 10**6:06}"
        carriers = [
            key
            for key, item in self._written.items()
            if item is not None and not is_same(item, self._seen.get(key))
        ]
        for number in range(0, len(self.owed), OWED_TOGETHER):
            part = self.owed[number : number + OWED_TOGETHER]
            key = carriers.pop(0) if carriers else (f"owed#{uuid.uuid4().hex}", "-")
            item = self._written.get(key) or {}
            earlier = json.loads(str(item.get(OWES, "[]")))
            if len(earlier) > OWED_TOGETHER:
                key, item, earlier = (f"owed#{uuid.uuid4().hex}", "-"), {}, []
            owes = {OWES: json.dumps(earlier + part), OWES_SINCE: item.get(OWES_SINCE, f"{since}{number:04}")}
            self._seen.setdefault(key)
            self._written[key] = {**item, **owes}

    def _is_known_to_be_absent(self, key: Key) -> bool:
        """Whether the key's partition was read, and it was not in it."""
        return any(
            key[0] == pk and key[1].startswith(prefix) and key not in keys
            for (pk, prefix), keys in self._partitions.items()
        )
