"""The rows of the outbox."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.codec.outbox import pack_notice, unpack_notice
from adapters.dynamodb.items import FADES, Key, Value, fading, listed, ordered, to_int
from adapters.dynamodb.queue import QueueRows, home_of
from adapters.dynamodb.session import Session
from provisioning.errors import StaleWrite
from provisioning.outbox import DUE_AGAIN, Kind, Notice
from provisioning.ports import Clock
from provisioning.queue import Work
from provisioning.sweeping import SENT_KEPT

_PREFIX = "notice#"
_SWEPT = 100  # deleted in one unit; the sweeper comes again
# What was overtaken was dropped on purpose; of what is left, only what an error kept back has its code there.
_WORTH_KNOWING = {Kind.RESULT, Kind.NOTE, Kind.POST, Kind.ANSWER}


class OutboxRows:
    """The outbox of the table. What is owed goes on the queue with it."""

    def __init__(self, session: Session, queue: QueueRows, clock: Clock) -> None:
        """Speak through this session; `clock` dates what carries no moment of its own."""
        self._session = session
        self._queue = queue
        self._clock = clock

    def put(self, notice: Notice) -> None:
        owed = replace(notice, sent_at=None, dropped=None)
        work = Work.SPEAK if owed.is_new_message else Work.REFRESH
        self._session.load((row_key(notice.id), home_of(work, notice.id)))
        known = self.get(notice.id)
        if known is None:
            self._session.set(row_key(notice.id), row_of(owed))
        elif notice.kind in DUE_AGAIN:
            # The address of what is there already is what makes this an edit.
            owed = replace(owed, reference=notice.reference or known.reference, version=known.version)
            self.save(owed)
        else:
            return
        ready_at = notice.created_at or self._clock.now()
        # Whoever instructs waits for the answer; what they did may owe a message to hundreds.
        self._queue.put(work, notice.id, ready_at, urgent=notice.kind is Kind.ANSWER)

    def get(self, notice_id: str) -> Notice | None:
        row = self._session.row(row_key(notice_id))
        return None if row is None else unpack_notice(str(row["body"]), notice_id, int(row["version"]))

    def save(self, notice: Notice) -> Notice:
        over_at = notice.sent_at
        if over_at is None and notice.dropped is not None:
            over_at = self._clock.now()
        # An announcement stays: without its address the next word on it would be a second post.
        if notice.kind is Kind.ANNOUNCEMENT:
            over_at = None
        if self._session.row(row_key(notice.id)) is None:
            raise StaleWrite(row=f"notice {notice.id}")
        row = row_of(notice, over_at)
        version = self._session.save(row_key(notice.id), row, notice.version, f"notice {notice.id}")
        return replace(notice, version=version)

    def undelivered(self, limit: int) -> tuple[Notice, ...]:
        found = self._session.found("undelivered", limit=limit, newest_first=True)
        return tuple(
            unpack_notice(str(row["body"]), key[0].removeprefix(_PREFIX), int(row["version"]))
            for key, row in found
        )

    def forget_about(self, about: str) -> int:
        return self._drop([key for key, _ in self._session.found("about", about)])

    def forget_sent(self, before: datetime) -> int:
        found = self._session.found("over", high=ordered(to_int(before)), limit=_SWEPT)
        return self._drop([key for key, _ in found])

    def _drop(self, keys: Sequence[Key]) -> int:
        return self._session.drop(keys)


def row_key(notice_id: str) -> Key:
    """Return where this notice is."""
    return (f"{_PREFIX}{notice_id}", "-")


def row_of(notice: Notice, over_at: datetime | None = None) -> dict[str, Value]:
    """Return the row of this notice, which was sent or dropped at that moment."""
    row = {"body": pack_notice(notice), **listed("about", notice.about, notice.id)}
    if over_at is not None:
        order = f"{ordered(to_int(over_at))}#{notice.id}"
        row |= listed("over", "", order) | {FADES: fading(over_at, SENT_KEPT)}
        if notice.kind in _WORTH_KNOWING and (notice.dropped or "").startswith("DR-"):
            row |= listed("undelivered", "", order)
    return row
