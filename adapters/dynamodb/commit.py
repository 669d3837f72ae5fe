"""How the writes of one unit are made: as a whole or not at all, however many there are.

    one item ─▶ one conditional put
    up to 100 ─▶ one transaction
    more ─▶ a plan is opened ─▶ every item is taken, with what it is to be ─▶ the plan is done ─▶ items follow

The plan decides: while it is open, everybody reads the items as they were; once it is done, as they are to
be, and whoever meets an item that is still taken brings it forward. A plan whose process died is given up by
whoever is held up by it.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from adapters.dynamodb.definition import EXPIRES
from adapters.dynamodb.items import STAMP, Item, Key, Value, finished, listed, packed, unpacked
from adapters.dynamodb.table import TOGETHER, Conflict, Refused, Table, Write
from provisioning.errors import StoreUnavailable

PLAN_SECONDS: Final = 20.0  # so long a plan may be open without a sign of life of its process
_SIGN_SECONDS: Final = 5.0  # after so long a process that goes on taking gives a sign of life
_PART: Final = 50  # items taken in one call
_READABLE_SECONDS: Final = 86_400
_TRIES: Final = 5  # to read an item that others bring forward meanwhile
_LARGEST: Final = 3_000_000  # bytes in one transaction, of 4 MB

_BY: Final = "by_plan"  # on an item that is taken: the plan
_NEXT: Final = "next"  # what it is to be
_NEW: Final = "is_new"  # it was not there
_HELD: Final = "held"  # what a reader gets for a stamp: no write can be conditioned on it
_TAKEN: Final = (_BY, _NEXT, _NEW)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One item as it was read, and as it is to be; None where it is not there. `is_check`: it only stays."""

    key: Key
    before: Item | None
    after: Item | None
    is_check: bool = False


def commit(table: Table, changes: Sequence[Change]) -> None:
    """Make these changes. Raises Conflict, with nothing changed, when an item is not as it was read.

    Raises Refused for more than an item holds.
    """
    if not changes:
        return
    stamp = uuid.uuid4().hex
    size = sum(_length(change.before) + _length(change.after) for change in changes)
    if len(changes) == 1 or (len(changes) <= TOGETHER and size <= _LARGEST):
        table.write([_write(change, stamp) for change in changes], stamp)
    else:
        _carry_out(table, changes, stamp)


def read(table: Table, key: Key, item: Item | None) -> Item | None:
    """Return an item, as it was found, in the state in which it counts."""
    return None if item is None else read_all(table, [(key, item)])[key]


def read_all(table: Table, found: Iterable[tuple[Key, Item]]) -> dict[Key, Item | None]:
    """Return these items, as they were found, each in the state in which it counts."""
    items: dict[Key, Item | None] = dict(found)
    for _ in range(_TRIES):
        taken = [(key, item) for key, item in items.items() if item is not None and _BY in item]
        if not taken:
            return items
        for plan in {str(item[_BY]) for _, item in taken}:
            part = [(key, item) for key, item in taken if item[_BY] == plan]
            keys = [key for key, _ in part]
            state: Item | None = table.get(_plan_key(plan))
            if state is not None and state["state"] == "open" and time.time() < int(state["until"]):
                items |= {key: _held(item) for key, item in part}
                continue
            if state is not None and state["state"] == "open":
                state = _gave_up(table, plan, state)
            if state is None:  # forgotten, once all it had taken was released: what it has now came too late
                part = [(key, item) for key, item in table.get_all(keys) if item.get(_BY) == plan]
            if part:
                _release(table, part, plan, is_done=state is not None and state["state"] == "done")
            items |= dict.fromkeys(keys) | dict(table.get_all(keys))
    raise StoreUnavailable


def finish_plans(table: Table, limit: int = 10) -> int:
    """Bring forward, or give up, what processes that are gone left taken; returns how many plans."""
    late = f"{int(time.time() - 2 * PLAN_SECONDS):011}"
    plans = [
        str(key[0]).removeprefix("plan#") for key, _ in table.find("owed", "plans", high=late, limit=limit)
    ]
    for plan in plans:
        state = table.get(_plan_key(plan))
        if state is not None and state["state"] == "open":
            _gave_up(table, plan, state)
        read_all(table, table.get_all([key for key, _ in table.find("owed", f"plan#{plan}")]))
        _retire(table, plan)
    return len(plans)


def _write(change: Change, stamp: str) -> Write:
    after = None if change.after is None else finished(change.after, stamp)
    return Write(change.key, after, _condition(change), change.is_check)


def _condition(change: Change) -> tuple[str, Value] | None:
    return None if change.before is None else (STAMP, change.before[STAMP])


def _carry_out(table: Table, changes: Sequence[Change], plan: str) -> None:
    opened, open_since = _opened(), time.time()
    table.write([Write(_plan_key(plan), opened, None)], "open")
    conditions = {change.key: _condition(change) for change in changes}
    items = [(change.key, _taken(change, plan)) for change in changes]
    taken: list[tuple[Key, Item]] = []
    try:
        for part in _parts(items):
            taken += part
            table.write([Write(key, item, conditions[key]) for key, item in part], plan)
            if time.time() >= open_since + _SIGN_SECONDS:
                opened, open_since = _opened(), time.time()
                table.write([Write(_plan_key(plan), opened, (STAMP, "open"))], "open")
        table.write(
            [Write(_plan_key(plan), {**opened, "state": "done", STAMP: "done"}, (STAMP, "open"))], "done"
        )
    except (Conflict, Refused, StoreUnavailable):
        state = _gave_up(table, plan, opened)
        if state["state"] != "done":
            if _release(table, taken, plan, is_done=False):
                _forget(table, plan)
            raise
    try:
        if _release(table, taken, plan, is_done=True):
            _forget(table, plan)
    except StoreUnavailable:  # it is done, and whoever reads sees it so
        log.warning("a plan is to be finished later", extra={"action": "store-plan", "items": len(taken)})


def _opened() -> dict[str, Value]:
    until = int(time.time() + PLAN_SECONDS)
    return {"state": "open", "until": until, **listed("owed", "plans", f"{until:011}"), STAMP: "open"}


def _gave_up(table: Table, plan: str, state: Item) -> Item:
    """Give an open plan up, unless it has been decided meanwhile; returns how it was decided."""
    given_up = {**state, "state": "given up", STAMP: "given up"}
    try:
        table.write([Write(_plan_key(plan), given_up, (STAMP, "open"))], "given up")
    except Conflict:
        return table.get(_plan_key(plan)) or given_up
    return given_up


def _release(table: Table, taken: Sequence[tuple[Key, Item]], plan: str, *, is_done: bool) -> bool:
    """Bring these items forward, or back; False when others were in the way and one may still be taken."""
    stamp = uuid.uuid4().hex  # of this call: after a lost answer it tells what was written here
    released = True
    for part in _parts(taken):
        writes = [_released(key, item, plan, stamp, is_done=is_done) for key, item in part]
        released = _wrote(table, writes, stamp) and released
    return released


def _wrote(table: Table, writes: Sequence[Write], stamp: str) -> bool:
    """Make those of these writes that nobody has made before; False when it is not sure that all are made."""
    for _ in range(_TRIES):
        if not writes:
            return True
        try:
            table.write(writes, stamp)
        except Conflict as conflict:
            writes = [write for number, write in enumerate(writes) if number not in conflict.lost]
        else:
            return True
    return not writes


def _released(key: Key, item: Item, plan: str, stamp: str, *, is_done: bool) -> Write:
    if is_done:
        after: Item | None = unpacked(item[_NEXT])
    else:
        after = None if _NEW in item else _before(item)
    return Write(key, None if after is None else finished(after, stamp), (_BY, plan))


def _held(item: Item) -> Item:
    """Return a taken item as everybody reads it while its plan is open."""
    return ({} if _NEW in item else _before(item)) | {STAMP: _HELD}


def _before(item: Item) -> dict[str, Value]:
    return {name: value for name, value in item.items() if name not in _TAKEN}


def _taken(change: Change, plan: str) -> dict[str, Value]:
    taken: dict[str, Value] = (
        {STAMP: plan, _NEW: 1} if change.before is None else finished(change.before, plan)
    )
    taken.pop(EXPIRES, None)
    return taken | {_BY: plan, _NEXT: packed(change.after)} | listed("owed", f"plan#{plan}", change.key[0])


def _parts(writes: Sequence[tuple[Key, Item]]) -> Iterator[Sequence[tuple[Key, Item]]]:
    """Divide items so that one call takes each part."""
    part: list[tuple[Key, Item]] = []
    size = 0
    for key, item in writes:
        if part and (len(part) == _PART or size + _length(item) > _LARGEST):
            yield part
            part, size = [], 0
        part.append((key, item))
        size += _length(item)
    yield part


def _length(item: Item | None) -> int:
    return sum(len(str(value)) for value in (item or {}).values())


def _plan_key(plan: str) -> Key:
    return (f"plan#{plan}", "-")


def _retire(table: Table, plan: str) -> None:
    """Take a plan off the list. It stays readable for a day: an index may not have shown every item yet."""
    state = table.get(_plan_key(plan))
    if state is not None and state["state"] != "open":
        kept = {name: value for name, value in state.items() if not name.startswith("owed")}
        kept[EXPIRES] = int(time.time()) + _READABLE_SECONDS
        with suppress(Conflict):
            table.write([Write(_plan_key(plan), kept, (STAMP, state[STAMP]))], plan)


def _forget(table: Table, plan: str) -> None:
    state = table.get(_plan_key(plan))
    if state is not None:
        with suppress(Conflict):
            table.write([Write(_plan_key(plan), None, (STAMP, state[STAMP]))], plan)
