"""An outlook on the queue: when the next key of each kind is due, looked up only where that may be news.

What units of this process queue is heard at once; of what other processes queue it is told by a ring, and now
and then it is looked for. An index may be behind its rows, so what was just queued is looked for twice.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from time import monotonic

from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Work
from provisioning.ringing import Ring

INDEX_SECONDS = 1.0  # how far the index of a store may be behind its rows
AGAIN_SECONDS = 5.0  # how old may be what is known of other processes' keys


def next_ring(rows: Rows, works: Iterable[Work]) -> Ring | None:
    """Return the ring for what is due next of these kinds, None when there is nothing."""
    return _first(_next_due(rows, works))


class Outlook:
    """What one process knows of its queue. Not for use by several threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Begin knowing nothing."""
        self._store = store
        self._clock = clock
        self._due: dict[Work, datetime | None] = {}
        self._looked_at: dict[Work, float] = {}
        self._heard: dict[Work, int] = {work: store.heard(work) for work in Work}
        self._rung_at: dict[Work, float] = {}

    def next(self, works: Collection[Work]) -> Ring | None:
        """Return the ring for what is due next of these kinds. Raises StoreUnavailable."""
        now = monotonic()
        for work in works:
            heard = self._store.heard(work)
            if heard != self._heard[work]:
                self._heard[work], self._rung_at[work] = heard, now
        if asked := [work for work in works if self._may_be_news(work, now)]:
            self._due |= self._store.read(lambda rows: _next_due(rows, asked))
            self._looked_at |= dict.fromkeys(asked, now)
        return _first({work: self._due[work] for work in works})

    def ready(self, works: Iterable[Work]) -> frozenset[Work]:
        """Return those of these kinds of which a key is due, as far as is known."""
        now = self._clock.now()
        return frozenset(work for work in works if (due := self._due.get(work)) is not None and due <= now)

    def unsure_seconds(self, works: Iterable[Work]) -> float | None:
        """Return after how long another look shows what the last one may have missed; None when nothing."""
        unsure = [self._sure_at(work) for work in works if not self._is_sure(work)]
        return max(0.0, max(unsure) - monotonic()) if unsure else None

    def forget(self, works: Iterable[Work]) -> None:
        """Know nothing of these kinds any more: somebody works on them."""
        for work in works:
            self._looked_at.pop(work, None)

    def _may_be_news(self, work: Work, now: float) -> bool:
        if not self._is_sure(work) or now - self._looked_at[work] > AGAIN_SECONDS:
            return True
        due = self._due[work]
        return due is not None and due <= self._clock.now()  # it may have been worked on since

    def _is_sure(self, work: Work) -> bool:
        return work in self._looked_at and self._looked_at[work] >= self._sure_at(work)

    def _sure_at(self, work: Work) -> float:
        return self._rung_at[work] + INDEX_SECONDS if work in self._rung_at else 0.0


def _next_due(rows: Rows, works: Iterable[Work]) -> dict[Work, datetime | None]:
    return {work: rows.queue.next_due([work]) for work in works}


def _first(due: dict[Work, datetime | None]) -> Ring | None:
    rings = [Ring(work, "", ready_at) for work, ready_at in due.items() if ready_at is not None]
    return min(rings, key=lambda ring: ring.ready_at, default=None)
