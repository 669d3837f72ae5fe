"""The queue: keys in one sparse list for each kind of work, in the order in which they are due.

The key of a request is on the request's own item, so that asking to join is one write; every other key has a
small item of its own. `q_due` is when it can be leased next, while it is leased the end of the lease: a lease
that runs out needs no sweeping.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from adapters.dynamodb.items import QUEUED, Item, Key, Value, listed, ordered, to_int, to_moment
from adapters.dynamodb.requests import row_key
from adapters.dynamodb.session import Listed, Session
from provisioning.ids import RequestKey
from provisioning.queue import Job, Work

_URGENT, _OTHERS = "0", "1"


class QueueRows:
    """The queue of the table. `touched` collects the kinds of work of which a key may have become ready.

    `looked` holds when the next key is due, of the kinds of work of which none was ready just now.
    """

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session
        self.touched: set[Work] = set()
        self.looked: dict[Work, datetime | None] = {}

    def put(self, work: Work, key: str, ready_at: datetime, *, urgent: bool = False) -> None:
        item, ready = self._session.get(home_of(work, key)) or {}, to_int(ready_at)
        self.touched.add(work)
        if QUEUED not in item:
            self._write(work, key, _new(ready, urgent=urgent))
        elif "q_token" in item:
            again = min(ready, int(item.get("q_again", ready)))
            self._write(work, key, {"q_again": again, "q_urgent": max(int(urgent), int(item["q_urgent"]))})
        else:
            moments = ("q_due", "q_ready", "q_queued")
            forward: dict[str, Value] = {name: min(ready, int(item[name])) for name in moments}
            self._write(work, key, {**forward, "q_urgent": max(int(urgent), int(item["q_urgent"]))})

    def ensure(self, work: Work, key: str, ready_at: datetime) -> None:
        if QUEUED not in (self._session.get(home_of(work, key)) or {}):
            self._write(work, key, _new(to_int(ready_at), urgent=False))
            self.touched.add(work)

    def lease(self, work: Work, limit: int, token: str, now: datetime, until: datetime) -> tuple[Job, ...]:
        next_due = self.next_due((work,))
        if next_due is None or next_due > now:  # a worker with nothing to do asks no more than this
            self.looked[work] = next_due
            return ()
        jobs: list[Job] = []
        for urgency in (one.order[0] for one in self._firsts(work)):
            high = f"{urgency}{ordered(to_int(now) + 1)}"
            found = (
                self._session.found("queue", work, urgency, high, limit - len(jobs))
                if limit > len(jobs)
                else []
            )
            taken = [(int(item["q_ready"]), str(item["q_key"]), item) for _, item in found]
            for _, key, item in sorted(taken, key=lambda one: one[:2]):
                attempts = int(item["q_attempts"]) + 1
                leased: Item = {"q_token": token, "q_due": to_int(until), "q_attempts": attempts}
                self._write(work, key, leased, without=("q_again",))
                jobs.append(Job(work, key, token, attempts, to_moment(item["q_queued"])))
        return tuple(jobs)

    def renew(self, jobs: Collection[Job], until: datetime) -> frozenset[str]:
        self._session.load(home_of(job.work, job.key) for job in jobs)
        held = [job for job in jobs if self._held(job) is not None]
        for job in held:
            self._write(job.work, job.key, {"q_due": to_int(until)})
        return frozenset(job.key for job in held)

    def done(self, job: Job) -> None:
        item = self._held(job)
        if item is None:
            return
        again = item.get("q_again")
        if again is None:
            left = {name: value for name, value in item.items() if name.split("_")[0] != "q"}
            self._session.put(home_of(job.work, job.key), left)
            return
        fresh = _new(int(again), urgent=bool(item["q_urgent"]))
        self._write(job.work, job.key, fresh, without=("q_again", "q_token"))
        self.touched.add(job.work)

    def retry(self, job: Job, ready_at: datetime) -> None:
        item = self._held(job)
        if item is not None:
            ready = min(to_int(ready_at), int(item.get("q_again", to_int(ready_at))))
            back: Item = {"q_due": ready, "q_ready": ready}
            self._write(job.work, job.key, back, without=("q_again", "q_token"))
            self.touched.add(job.work)

    def carry_over(
        self, work: Work, key: str, ready_at: int, *, queued_at: int, attempts: int, urgent: bool
    ) -> None:
        """Queue a key as it was on the queue of another store; the moments are microseconds."""
        moments = {"q_due": ready_at, "q_ready": ready_at, "q_queued": queued_at}
        self._write(work, key, {**moments, "q_attempts": attempts, "q_urgent": int(urgent)})

    def depth(self) -> Mapping[Work, int]:
        return {work: self._session.count("queue", work) if self._firsts(work) else 0 for work in Work}

    def oldest_seconds(self, now: datetime) -> float:
        due_at = self.next_due()
        return 0.0 if due_at is None else max(0.0, (now - due_at).total_seconds())

    def next_due(self, works: Iterable[Work] = Work) -> datetime | None:
        """Return when the next key of these kinds can be leased (in the past: now), or None."""
        due = [int(one.order[1:].partition("#")[0]) for work in works for one in self._firsts(work)]
        return to_moment(min(due)) if due else None

    def _firsts(self, work: Work) -> list[Listed]:
        """Return the first urgent key of this kind and the first of the others, where there is one."""
        first = self._session.listed("queue", work, limit=1)
        if first and first[0].order < _OTHERS:  # urgent ones are first in the list, and hide the others
            return first + self._session.listed("queue", work, _OTHERS, limit=1)
        return first

    def _held(self, job: Job) -> Item | None:
        item = self._session.get(home_of(job.work, job.key))
        return item if item is not None and item.get("q_token") == job.token else None

    def _write(self, work: Work, key: str, changes: Item, without: Collection[str] = ()) -> None:
        home = home_of(work, key)
        before = self._session.get(home) or {}
        item = {**{name: value for name, value in before.items() if name not in without}, **changes}
        urgency = _URGENT if item["q_urgent"] else _OTHERS
        order = f"{urgency}{ordered(int(item['q_due']))}#{key}"
        self._session.put(home, {**item, "q_key": key, **listed("queue", work, order)})


def home_of(work: Work, key: str) -> Key:
    """Return the item that carries this key."""
    return (
        row_key(RequestKey.parse(key)) if work is Work.ANSWER and "/" in key else (f"queue#{work}#{key}", "-")
    )


def _new(ready: int, *, urgent: bool) -> Item:
    moments = dict.fromkeys(("q_due", "q_ready", "q_queued"), ready)
    return {**moments, "q_attempts": 0, "q_urgent": int(urgent)}
