"""The rows of the queue.

One row a key. `due_at` is when the row can be leased next, so one index serves free and leased rows alike:
a lease that runs out needs no sweeping, its key is simply due again.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from operator import itemgetter

from adapters.sqlite.sql import Sql, to_int, to_moment
from provisioning.queue import Job, Work

_PUT = """
    INSERT INTO queue (work, key, urgent, due_at, ready_at, queued_at) VALUES (?1, ?2, ?3, ?4, ?4, ?4)
    ON CONFLICT DO UPDATE SET
        urgent = max(urgent, ?3),
        due_at = CASE WHEN token IS NULL THEN min(due_at, ?4) ELSE due_at END,
        ready_at = CASE WHEN token IS NULL THEN min(ready_at, ?4) ELSE ready_at END,
        queued_at = CASE WHEN token IS NULL THEN min(queued_at, ?4) ELSE queued_at END,
        again_at = CASE WHEN token IS NULL THEN NULL ELSE min(ifnull(again_at, ?4), ?4) END
"""
_ENSURE = """
    INSERT INTO queue (work, key, urgent, due_at, ready_at, queued_at) VALUES (?1, ?2, 0, ?3, ?3, ?3)
    ON CONFLICT DO NOTHING
"""
# Urgent and other keys are looked up apart: one ordered scan would pass over all urgent keys not yet due.
_LEASE = """
    UPDATE queue SET token = ?4, due_at = ?5, attempts = attempts + 1, again_at = NULL
    WHERE work = ?1 AND key IN (
        SELECT key FROM queue WHERE work = ?1 AND urgent = ?2 AND due_at <= ?3 ORDER BY due_at, key LIMIT ?6)
    RETURNING ready_at, key, attempts, queued_at
"""
_RENEW = "UPDATE queue SET due_at = ? WHERE work = ? AND key = ? AND token = ?"
_DONE = "DELETE FROM queue WHERE work = ? AND key = ? AND token = ? AND again_at IS NULL"
_DONE_FOR_NOW = """
    UPDATE queue SET
        due_at = again_at, ready_at = again_at, queued_at = again_at, again_at = NULL,
        attempts = 0, token = NULL
    WHERE work = ? AND key = ? AND token = ? AND again_at IS NOT NULL
"""
_RETRY = """
    UPDATE queue SET
        due_at = min(?1, ifnull(again_at, ?1)), ready_at = min(?1, ifnull(again_at, ?1)), again_at = NULL,
        token = NULL
    WHERE work = ?2 AND key = ?3 AND token = ?4
"""
_DEPTH = "SELECT work, count(*) FROM queue GROUP BY work"
_NEXT = "SELECT min(due_at) FROM queue WHERE work = ? AND urgent = ?"


class QueueRows:
    """The queue of the file. `touched` collects the kinds of work of which a key may have become ready."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql
        self.touched: set[Work] = set()

    def put(self, work: Work, key: str, ready_at: datetime, *, urgent: bool = False) -> None:
        self._sql.change(_PUT, (work, key, urgent, to_int(ready_at)))
        self.touched.add(work)

    def ensure(self, work: Work, key: str, ready_at: datetime) -> None:
        if self._sql.change(_ENSURE, (work, key, to_int(ready_at))):
            self.touched.add(work)

    def lease(self, work: Work, limit: int, token: str, now: datetime, until: datetime) -> tuple[Job, ...]:
        moment, end = to_int(now), to_int(until)
        jobs: list[Job] = []
        for urgent in (True, False):
            if len(jobs) == limit:
                break
            rows = self._sql.change_returning(_LEASE, (work, urgent, moment, token, end, limit - len(jobs)))
            rows.sort(key=itemgetter(0, 1))
            jobs += (Job(work, key, token, attempts, to_moment(at)) for _, key, attempts, at in rows)
        return tuple(jobs)

    def renew(self, jobs: Collection[Job], until: datetime) -> frozenset[str]:
        end = to_int(until)
        return frozenset(
            job.key for job in jobs if self._sql.change(_RENEW, (end, job.work, job.key, job.token))
        )

    def done(self, job: Job) -> None:
        held = (job.work, job.key, job.token)
        if not self._sql.change(_DONE, held) and self._sql.change(_DONE_FOR_NOW, held):
            self.touched.add(job.work)

    def retry(self, job: Job, ready_at: datetime) -> None:
        self._sql.change(_RETRY, (to_int(ready_at), job.work, job.key, job.token))
        self.touched.add(job.work)

    def depth(self) -> Mapping[Work, int]:
        counted = dict(self._sql.all(_DEPTH))
        return {work: counted.get(work.value, 0) for work in Work}

    def oldest_seconds(self, now: datetime) -> float:
        due_at = self.next_due()
        return 0.0 if due_at is None else max(0.0, (now - due_at).total_seconds())

    def next_due(self, works: Iterable[Work] = Work) -> datetime | None:
        """Return when the next key of these kinds can be leased (in the past: now), or None."""
        found = [self._sql.one(_NEXT, (work, urgent))[0] for work in works for urgent in (True, False)]
        due = [due_at for due_at in found if due_at is not None]
        return to_moment(min(due)) if due else None
