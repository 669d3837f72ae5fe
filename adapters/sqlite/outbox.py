"""The rows of the outbox."""

from dataclasses import replace
from datetime import datetime

from adapters.codec.outbox import pack_notice, unpack_notice
from adapters.sqlite.queue import QueueRows
from adapters.sqlite.sql import Sql, to_int
from provisioning.errors import StaleWrite
from provisioning.outbox import DUE_AGAIN, Kind, Notice
from provisioning.ports import Clock
from provisioning.queue import Work

_GET = "SELECT version, body FROM outbox WHERE id = ?"
_INSERT = "INSERT INTO outbox (version, about, body, id) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE outbox SET version = ?, over_at = ?, body = ? WHERE id = ? AND version = ?"
# What was overtaken was dropped on purpose; of what is left, only what an error kept back has its code there.
_UNDELIVERED = """
    SELECT id, version, body FROM outbox
    WHERE over_at IS NOT NULL AND json_extract(body, '$.dropped') LIKE 'DR-%'
    AND json_extract(body, '$.kind') IN ('result', 'note', 'post', 'answer')
    ORDER BY over_at DESC, id LIMIT ?
"""
_FORGET = "DELETE FROM outbox WHERE over_at IS NOT NULL AND over_at < ?"
_FORGET_ABOUT = "DELETE FROM outbox WHERE about = ?"


class OutboxRows:
    """The outbox of the file. What is owed goes on the queue with it."""

    def __init__(self, sql: Sql, queue: QueueRows, clock: Clock) -> None:
        """Speak through this connection; `clock` dates what carries no moment of its own."""
        self._sql = sql
        self._queue = queue
        self._clock = clock

    def put(self, notice: Notice) -> None:
        owed = replace(notice, sent_at=None, dropped=None)
        if not self._sql.change(_INSERT, (notice.about, pack_notice(owed), notice.id)):
            known = self.get(notice.id)
            if notice.kind not in DUE_AGAIN or known is None:
                return
            # The address of what is there already is what makes this an edit.
            owed = replace(owed, reference=notice.reference or known.reference, version=known.version)
            self._write(owed)
        ready_at = notice.created_at or self._clock.now()
        work = Work.SPEAK if owed.is_new_message else Work.REFRESH
        # Whoever instructs waits for the answer; what they did may owe a message to hundreds.
        self._queue.put(work, notice.id, ready_at, urgent=notice.kind is Kind.ANSWER)

    def get(self, notice_id: str) -> Notice | None:
        row = self._sql.one(_GET, (notice_id,))
        return None if row is None else unpack_notice(row[1], notice_id, row[0])

    def save(self, notice: Notice) -> Notice:
        return self._write(notice)

    def undelivered(self, limit: int) -> tuple[Notice, ...]:
        found = self._sql.all(_UNDELIVERED, (limit,))
        return tuple(unpack_notice(body, notice_id, version) for notice_id, version, body in found)

    def forget_about(self, about: str) -> int:
        return self._sql.change(_FORGET_ABOUT, (about,))

    def forget_sent(self, before: datetime) -> int:
        return self._sql.change(_FORGET, (to_int(before),))

    def _write(self, notice: Notice) -> Notice:
        over_at = notice.sent_at
        if over_at is None and notice.dropped is not None:
            over_at = self._clock.now()
        version = notice.version + 1
        # An announcement stays: without its address the next word on it would be a second post.
        keeps = over_at is None or notice.kind is Kind.ANNOUNCEMENT
        over = None if over_at is None or keeps else to_int(over_at)
        if not self._sql.change(_UPDATE, (version, over, pack_notice(notice), notice.id, notice.version)):
            raise StaleWrite(row=f"notice {notice.id}")
        return replace(notice, version=version)
