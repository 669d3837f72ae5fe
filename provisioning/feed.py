"""The feed: what the organizers' channel is told, by the kinds that organizers switched on.

What happens to many is told together, at most once in `EVERY` for each kind, as numbers and never as names.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from provisioning.changes import Change, undoable
from provisioning.errors import AlreadySo, UndoOvertaken
from provisioning.events import Event
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.recording import FEED_KINDS, post_to_organizers

EVERY: Final = timedelta(minutes=5)
COUNTED: Final = frozenset({"joins", "refusals", "waiting", "capacity"})  # the kinds that are told as numbers
LEVELS: Final = (80, 100)  # percent of the capacity
_LINES: Final = 2000  # of the audit that are looked through for refusals


@dataclass(frozen=True, slots=True)
class Numbers:
    """How an event stands, as far as the feed tells of it."""

    racing: int
    ready: int
    in_line: int
    taken: int
    capacity: int

    @property
    def level(self) -> int:
        """Return the highest of the levels that is reached, 0 for none."""
        return max((level for level in LEVELS if self.taken * 100 >= level * self.capacity), default=0)


def numbers_of(rows: Rows, event: Event) -> Numbers:
    """Return how the event stands now."""
    counts = rows.registrations.count(event.id)
    racing, ready, in_line = (counts.get(name, 0) for name in ("racing", "ready", "in_line"))
    return Numbers(racing, ready, in_line, event.taken, event.capacity)


def told_of(
    before: Numbers, now: Numbers, refused: Mapping[str, int]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what there is to tell since `before`: the kind, and the facts of its sentence."""
    if now.racing > before.racing:
        facts = {"racing": str(now.racing), "ready": str(now.ready)}
        yield "joins", {"count": str(now.racing - before.racing), **facts}
    if refused:
        yield "refusals", {"codes": ", ".join(f"{code} × {count}" for code, count in sorted(refused.items()))}
    seats = {"taken": str(now.taken), "capacity": str(now.capacity)}
    if now.in_line > before.in_line:
        yield "waiting", {"count": str(now.in_line), **seats}
    if now.level > before.level:
        yield "capacity", {"level": str(now.level), **seats}


def is_feed_due(rows: Rows, event: Event, now: datetime) -> bool:
    """Whether it is time to look what the numbers tell."""
    if event.organizer_channel is None or not COUNTED.intersection(event.feed):
        return False
    noted = rows.moments.get(f"feed:{event.id}")
    return noted is None or now >= datetime.fromisoformat(noted["at"]) + EVERY


def post_feed(rows: Rows, event: Event, now: datetime) -> int:
    """Owe the organizers' channel what the numbers tell since the last look; returns how many posts.

    The first look tells nothing: what was before is no news.
    """
    what = f"feed:{event.id}"
    noted, numbers = rows.moments.get(what), numbers_of(rows, event)
    found = {name: str(getattr(numbers, name)) for name in Numbers.__slots__}
    rows.moments.note(what, now, {"at": now.isoformat(), **found})
    if noted is None:
        return 0
    since = datetime.fromisoformat(noted["at"])
    before = Numbers(**{name: int(noted[name]) for name in Numbers.__slots__})
    due = [one for one in told_of(before, numbers, _refused(rows, event, since)) if one[0] in event.feed]
    for kind, facts in due:
        post_to_organizers(rows, event, SAYS[kind], f"{kind}:{now.isoformat()}", now, facts)
    return len(due)


SAYS: Final = {
    "joins": "organizers-joins",
    "refusals": "organizers-refusals",
    "waiting": "organizers-waiting",
    "capacity": "organizers-capacity",
}


def _refused(rows: Rows, event: Event, since: datetime) -> Counter[str]:
    if "refusals" not in event.feed:
        return Counter()
    return Counter(
        line.facts["code"]
        for line in rows.audit.lines(event.id, _LINES)
        if line.action == "refused" and line.at > since and "verb" not in line.facts and "code" in line.facts
    )


def switch(rows: Rows, order: Order, wanted: Mapping[str, bool], kind: str = "feed-set") -> Draft:
    """Plan to switch these kinds on or off. Raises AlreadySo."""
    event = order.event
    altered = {name: on for name, on in wanted.items() if on != (name in event.feed)}
    if not altered:
        raise AlreadySo(event=event.name)
    feed = tuple(name for name in FEED_KINDS if altered.get(name, name in event.feed))
    change = Change(
        order.id,
        event.id,
        order.by,
        order.at,
        kind,
        tuple(f"event.feed-{name}" for name in altered),
        before={f"feed-{name}": _text(on=not on) for name, on in altered.items()},
        after={f"feed-{name}": _text(on=on) for name, on in altered.items()},
    )

    def make(rows: Rows) -> None:
        rows.events.save(replace(event, feed=feed))

    return Draft(undoable(change), make)


def _undo(rows: Rows, order: Order, change: Change) -> Draft:
    made = {name.removeprefix("feed-"): text for name, text in change.after.items()}
    if any(text != _text(on=name in order.event.feed) for name, text in made.items()):
        raise UndoOvertaken
    return switch(rows, order, {name: text == "off" for name, text in made.items()}, change.kind)


UNDOS: Final[Mapping[str, Undo]] = {"feed-set": _undo}


def _text(*, on: bool) -> str:
    return "on" if on else "off"
