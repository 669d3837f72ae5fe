"""Items, their keys, and the lists (sparse indexes) in which they are found.

An item is made of parts that change by themselves: the *row* of a noun, the place of its key on the *queue*,
and what it *owes* to the books (`adapters.dynamodb.books`). So the request of a join, its key on the queue
and its line of the audit are one item, and one conditional write.
"""

import json
import lzma
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adapters.dynamodb.definition import EXPIRES, INDEXES

Value = str | int
Item = Mapping[str, Value]
Key = tuple[str, str]

EVENTS: Final = "events"
STAMP: Final = "stamp"  # of the commit that wrote the item last
OWES: Final = "owes"
OWES_SINCE: Final = "owes_since"
FADES: Final = "fades"  # when a row is not needed any more; it stays while there is more than the row
QUEUED: Final = "q_due"  # there while the key is on the queue
_LONG: Final = 10_000  # characters; longer texts are kept compressed
_VERY_LONG: Final = 100_000  # of these, what comes again stands too far apart for zlib
# Fast, and it looks back over all that an item could ever hold.
_FAR: Final = ({"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 1 << 23},)
_XZ: Final = b"\xfd7zXZ"  # with which its results begin
_DERIVED: Final = ("owed", "owed_at", EXPIRES)
_BESIDE_THE_ROW: Final = ("q", OWES, STAMP)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# List → the index that holds it. Lists that one item may be in at the same time are in different ones.
_INDEX_OF: Final = {
    **dict.fromkeys(("registrations", "requests", "lines", "texts", "answers", "changes"), "find1"),
    **dict.fromkeys(("line", "folded", "about", "subject", "places", "claimed"), "find2"),
    **dict.fromkeys(("due", "waiting", "instructions", "undelivered", "actor"), "find3"),
    **dict.fromkeys(("ready", "refused", "over", "instructed", "changed", "kept"), "find4"),
    "unclaimed": "find5",
    "queue": "queue",
    "owed": "owed",
}


def event_key(event_id: str) -> Key:
    """Return where this event is: all of them are together."""
    return (EVENTS, event_id)


def index_of(kind: str) -> tuple[str, str, str]:
    """Return the index of this kind of list, and its two attributes."""
    name = _INDEX_OF[kind]
    return (name, *INDEXES[name])


def listed(kind: str, of: str, order: str) -> dict[str, Value]:
    """Return the attributes that put an item into this list, at this place."""
    _, partition, at = index_of(kind)
    return {partition: f"{kind}#{of}", at: order}


def place_in(item: Item, kind: str, of: str) -> str | None:
    """Return the item's place in this list, None when it is not in it."""
    _, partition, at = index_of(kind)
    return str(item[at]) if item.get(partition) == f"{kind}#{of}" else None


def list_of(item: Item, kind: str) -> str | None:
    """Return whose list of this kind the item is in, None when it is in none."""
    _, partition, _ = index_of(kind)
    found = str(item.get(partition, ""))
    return found.removeprefix(f"{kind}#") if found.startswith(f"{kind}#") else None


def is_row(item: Item | None) -> bool:
    """Whether there is a row in this item."""
    return item is not None and "version" in item


def beside_the_row(item: Item | None) -> dict[str, Value]:
    """Return what is in the item without its row, which any other row may take the place of."""
    if item is None:
        return {}
    return {name: value for name, value in item.items() if name.split("_")[0] in _BESIDE_THE_ROW}


def plain(item: Item) -> dict[str, Value]:
    """Return the item without what `finished` makes of the rest."""
    return {name: value for name, value in item.items() if name not in _DERIVED}


def is_same(one: Item | None, other: Item | None) -> bool:
    """Whether there is nothing to write to make one of the other."""
    if one is None or other is None:
        return one is other
    return plain(one) | {STAMP: ""} == plain(other) | {STAMP: ""}


def finished(item: Item, stamp: str) -> dict[str, Value]:
    """Return the item as it is written by this commit."""
    whole = plain(item) | {STAMP: stamp}
    if OWES in item:
        whole |= listed("owed", "", str(item[OWES_SINCE]))
    elif FADES in item and QUEUED not in item:
        whole[EXPIRES] = item[FADES]
    return whole


def to_wire(item: Item) -> dict[str, Any]:
    """Return the item as the API takes it."""
    return {name: _wire_value(value) for name, value in item.items()}


def from_wire(found: Mapping[str, Any]) -> tuple[Key, dict[str, Value]]:
    """Return key and attributes of an item as the API gives it."""
    item: dict[str, Any] = {name: _value(wired) for name, wired in found.items()}
    return (item.pop("pk"), item.pop("sk")), item


def _wire_value(value: Value) -> dict[str, Any]:
    if isinstance(value, int):
        return {"N": str(value)}
    # An item holds 400 KB: a large race's ranking, or a change for thousands of racers, only like this.
    return {"S": value} if len(value) < _LONG else {"B": _compressed(value)}


def _compressed(value: str) -> bytes:
    if len(value) < _VERY_LONG:
        return zlib.compress(value.encode())
    return lzma.compress(value.encode(), filters=_FAR)


def _value(wired: Mapping[str, Any]) -> Value:
    if "N" in wired:
        return int(wired["N"])
    if "S" in wired:
        return str(wired["S"])
    compressed: bytes = wired["B"]
    is_far = compressed.startswith(_XZ)
    return (lzma.decompress(compressed) if is_far else zlib.decompress(compressed)).decode()


def packed(item: Item | None) -> str:
    """Write an item, or that there is none, as a value of another."""
    return json.dumps(item)


def unpacked(text: Value) -> dict[str, Value] | None:
    """Read what `packed` wrote."""
    found: dict[str, Value] | None = json.loads(str(text))
    return found


def to_int(moment: datetime) -> int:
    """Return the moment as microseconds since 1970. Raises TypeError for one without a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def to_int_if(moment: datetime | None) -> int | None:
    """Return the moment as microseconds, or None."""
    return None if moment is None else to_int(moment)


def to_moment(microseconds: Value) -> datetime:
    """Return the moment, in UTC."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def ordered(microseconds: int) -> str:
    """Return microseconds so that texts come in the order of time."""
    return f"{microseconds:017}"


def fading(moment: datetime, kept: timedelta) -> int:
    """Return when time to live may delete what is kept so long after that moment, with a day's grace."""
    return to_int(moment + kept + timedelta(days=1)) // 1_000_000
