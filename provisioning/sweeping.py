"""The sweeper: finds what should have moved and did not, and queues it again. Nobody is silently stuck.

It looks after moments that have come (deadlines, daily checks, rechecks), requests whose key got lost, places
in line that can be filled, events that were broken, and rows that are not needed any more.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from provisioning.access import Access
from provisioning.closing import follow
from provisioning.deciding import wants_racing
from provisioning.errors import ProvisioningError, StaleWrite, StoreUnavailable
from provisioning.events import Breakage, Event
from provisioning.forgetting import forget_event, forget_refused
from provisioning.ids import EventId, PersonId
from provisioning.instructions import KEPT
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Work
from provisioning.recording import audit, post_to_organizers
from provisioning.references import ANSWER

EVERY = timedelta(seconds=5)  # how often the sweeper comes by
FORGETTING = timedelta(hours=1)  # how often it looks for rows that are not needed any more
PROBE = timedelta(seconds=10)  # how often a broken event is looked at
UNPROVEN = timedelta(minutes=5)  # how often what only a write can prove is tried again
LOST = timedelta(seconds=30)  # a waiting request of this age should be on the queue
REFUSED_KEPT = timedelta(days=7)  # refused requests keep chat identity and reason for so long
SENT_KEPT = timedelta(days=14)  # so long an earlier message can be brought up to date
LEASES_KEPT = timedelta(days=1)  # so long one that a dead worker left may be looked at; its name is an id
ANSWERS_KEPT = timedelta(days=30)  # so long an answer in Teams can be brought up to date
PAGE = 500
WOKEN = "woken"  # of a change: everybody was queued

log = logging.getLogger(__name__)


class Sweeper:
    """Keeps everything moving. One process at a time does the sweeping."""

    def __init__(self, store: Store, accesses: Mapping[str, Access[Any]], clock: Clock) -> None:
        """Take the systems that give access, to look at broken events with."""
        self._store = store
        self._accesses = accesses
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._next = self._forgets_at = clock.now()
        self._probes: dict[EventId, datetime] = {}
        self._known: dict[EventId, int] = {}  # versions that nobody is to be woken for any more

    def round(self) -> int:
        """Sweep once when it is time and nobody else does; returns how many keys were queued."""
        now = self._clock.now()
        if now < self._next:
            return 0
        self._next = now + EVERY
        if not self._store.run(
            lambda rows: rows.leases.take("sweeper", self._token, now, now + 6 * EVERY)
        ).result():
            return 0
        woken = self._store.run(lambda rows: _wake_due(rows, now)).result()
        if now >= self._forgets_at and not self._store.run(lambda rows: _forget_old(rows, now)).result():
            self._forgets_at = now + FORGETTING  # there is no more
        for event in self._store.read(lambda rows: rows.events.all()):
            woken += self._look_after(event, now)
        return woken

    def _look_after(self, event: Event, now: datetime) -> int:
        """Look after one event; a defect with it must not keep the others from being looked after."""
        woken = 0
        try:
            if event.broken is not None and self._probes.get(event.id, now) <= now:
                self._probes[event.id] = now + PROBE
                self._probe(event)
            if self._known.get(event.id) != event.version:
                woken += self._wake_owed(event, now)
            if event.phase(now) == "ended":
                self._close(event, now)
            elif event.broken is None and event.taken < event.capacity:
                woken += self._store.run(lambda rows: _fill_seats(rows, event, now)).result()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("sweeping failed", extra={"action": "defect", "event": event.id})
        return woken

    def _wake_owed(self, event: Event, now: datetime) -> int:
        """Wake the event of whoever changed it and was gone before they had woken everybody."""
        owed = self._store.read(lambda rows: rows.moments.get(_waking(event.id)))
        if owed is None or WOKEN in owed:
            self._known[event.id] = event.version
            return 0
        if now < datetime.fromisoformat(owed["at"]) + LOST:
            return 0  # they are at it
        return wake_event(self._store, event.id, now)

    def _close(self, event: Event, now: datetime) -> None:
        """Follow an event that is over to its end."""
        try:
            if not follow(self._store, event, now):
                forget_event(self._store, event, now)
        except StaleWrite:  # somebody else was there first; the next round sees what they wrote
            return

    def _probe(self, event: Event) -> None:
        """Look whether what broke the event is mended; then tell the organizers and wake all who wait.

        What the event grants no more need not be mended, and must not stand before what else breaks it.
        """
        broken = event.broken
        if broken is None or (event.is_blocked and not self._is_mended(event, broken)):
            return
        now, code = self._clock.now(), broken.code

        def unit(rows: Rows) -> None:
            if rows.events.mark_healed(event.id):
                what = f"healed:{broken.incident}"
                post_to_organizers(rows, event, "organizers-healed", what, now, {"code": code})
                audit(rows, now, "bot", "healed", event.id, event, code=code)

        self._store.run(unit).result()
        wake_event(self._store, event.id, now)

    def _is_mended(self, event: Event, broken: Breakage) -> bool:
        grant = event.grant_of(broken.target)
        if grant is None or (broken.is_unprovable and self._clock.now() < broken.since + UNPROVEN):
            return False
        try:
            self._accesses[grant.kind].check(grant)
        except ProvisioningError:
            return False  # still wrong, or nothing is known: the next probe tells
        return True


def owe_waking(rows: Rows, event: Event, now: datetime) -> None:
    """Owe everybody of the event a look at what was changed in it, whatever becomes of who changed it."""
    rows.moments.note(_waking(event.id), now, {"version": str(event.version), "at": now.isoformat()})


def wake_event(store: Store, event_id: EventId, now: datetime) -> int:
    """Queue every registration of the event: after a change of the event itself."""
    after: PersonId | None = None
    woken = 0
    owed = store.read(lambda rows: rows.moments.get(_waking(event_id)))

    def settled(rows: Rows) -> None:
        if owed is not None and rows.moments.get(_waking(event_id)) == owed:
            rows.moments.note(_waking(event_id), now, {**owed, WOKEN: "yes"})

    while True:

        def unit(rows: Rows, start: PersonId | None = after) -> tuple[int, PersonId | None]:
            page = rows.registrations.of_event(event_id, start, PAGE)
            rows.expect(registration.key for registration in page)
            for registration in page:
                rows.queue.put(Work.SETTLE, str(registration.key), now)
            return len(page), page[-1].key.person_id if len(page) == PAGE else None

        count, after = store.run(unit).result()
        woken += count
        if after is None:
            store.run(settled).result()
            return woken


def _waking(event_id: EventId) -> str:
    return f"changed:{event_id}"


def _wake_due(rows: Rows, now: datetime) -> int:
    due = rows.registrations.due(now, PAGE)
    rows.expect(due)
    for key in due:
        rows.queue.ensure(Work.SETTLE, str(key), now)
    lost = rows.requests.waiting(now - LOST, PAGE)
    for request in lost:
        rows.queue.ensure(Work.ANSWER, str(request), now)
    for instruction in rows.instructions.waiting(now - LOST, PAGE):
        rows.queue.ensure(Work.INSTRUCT, instruction, now)
    return len(due) + len(lost)


def _forget_old(rows: Rows, now: datetime) -> int:
    """Delete some of what is not needed any more; returns how much."""
    return (
        rows.instructions.forget(now - KEPT)
        + rows.changes.forget(now - KEPT)
        + forget_refused(rows, now - REFUSED_KEPT)
        + rows.outbox.forget_sent(now - SENT_KEPT)
        + rows.references.forget(ANSWER, now - ANSWERS_KEPT)
        + rows.leases.forget(now - LEASES_KEPT)
    )


def _fill_seats(rows: Rows, event: Event, now: datetime) -> int:
    """Wake the first in line when seats are free: the capacity was raised, or a wake-up got lost."""
    waiting = rows.registrations.in_line(event.id, min(PAGE, event.capacity - event.taken))
    rows.expect(waiting)
    for key in waiting:
        registration = rows.registrations.get(key)
        if registration is not None and wants_racing(registration, event, now):
            rows.queue.ensure(Work.SETTLE, str(key), now)
    return len(waiting)
