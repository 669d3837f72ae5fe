"""The queue: keys to work on, never payloads. What is to be done stands in the rows that they name."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Work(StrEnum):
    """The kinds of work on the queue, and what their key names."""

    SETTLE = "settle"  # a registration key
    ANSWER = "answer"  # a request key
    TEND = "tend"  # a registration key: what a racing site is to be told of the racer
    INSTRUCT = "instruct"  # the id of an instruction
    SPEAK = "speak"  # the id of a notice that is a new message; as fast as the chat platform takes them
    REFRESH = "refresh"  # the id of a notice that changes an earlier one; never in the way of a new message


@dataclass(frozen=True, slots=True)
class Job:
    """One key leased from the queue. `attempts` counts the leases since it was last done, with this one;
    `queued_at` is the moment for which it was put since then.
    """

    work: Work
    key: str
    token: str
    attempts: int
    queued_at: datetime


class Queue(Protocol):
    """Keys to work on, each at most once in the queue; delivered at least once, to one worker at a time."""

    def put(self, work: Work, key: str, ready_at: datetime, *, urgent: bool = False) -> None:
        """Queue the key, or bring it forward. A key being worked on is worked on once more afterwards."""
        ...

    def ensure(self, work: Work, key: str, ready_at: datetime) -> None:
        """Queue the key unless it is on the queue already; then nothing changes, whenever it is due."""
        ...

    def lease(self, work: Work, limit: int, token: str, now: datetime, until: datetime) -> tuple[Job, ...]:
        """Take up to `limit` ready keys (urgent first, then the longest ready) and hold them until then."""
        ...

    def renew(self, jobs: Collection[Job], until: datetime) -> frozenset[str]:
        """Hold these keys longer; returns the keys still held by their token."""
        ...

    def done(self, job: Job) -> None:
        """Take the key off the queue, unless it was put again meanwhile or the lease was lost."""
        ...

    def retry(self, job: Job, ready_at: datetime) -> None:
        """Give the key back, to be delivered not before then; nothing when the lease was lost."""
        ...

    def depth(self) -> Mapping[Work, int]:
        """Count the keys on the queue, leased ones included."""
        ...

    def oldest_seconds(self, now: datetime) -> float:
        """Return for how long the oldest ready key has been waiting, 0.0 when none waits."""
        ...

    def next_due(self, works: Iterable[Work]) -> datetime | None:
        """Return when the next key of these kinds can be leased (in the past: now), None when there is none.

        A key that is leased counts from the end of its lease.
        """
        ...
