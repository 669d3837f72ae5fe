"""The settler: takes the registrations that are due and brings the world nearer to what each should be.

One round leases a batch, then repeats: read fresh, decide (pure, `provisioning.deciding`), act for many at
once, record what came of it, until every registration of the batch rests. Whoever does not hold the lease any
more records nothing. A member is added only after the ledger's intent is committed, and called ready only
after every grant was confirmed by reading it back.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from provisioning import deciding, tallies
from provisioning.access import Push
from provisioning.checking import Checking
from provisioning.deciding import (
    Action,
    Add,
    BecomeGone,
    BecomeReady,
    CheckRacer,
    Confirm,
    Rest,
    TakeSeat,
    Tend,
    VerifyGone,
    Withdraw,
)
from provisioning.errors import StoreUnavailable
from provisioning.events import Event
from provisioning.granting import Granting
from provisioning.ids import EventId, PersonId, RegistrationKey, TargetId
from provisioning.ledger import Entry
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Job, Work
from provisioning.recording import audit, record
from provisioning.registrations import Registration
from provisioning.stepping import HELD, LEASE, Batch, Case, Rests, Systems, record_held
from provisioning.tending import quotas_of
from provisioning.withdrawing import Withdrawing

BATCH = 200  # registrations settled together: their adds fit well within a minute
STEPS_A_ROUND = 16  # a registration that has not come to rest by then goes to the back of the queue
SOON = timedelta(minutes=10)  # rests up to here stay on the queue; longer ones are the sweeper's

log = logging.getLogger(__name__)


class Settler:
    """Settles registrations, many at a time. One round is one batch."""

    def __init__(
        self,
        store: Store,
        systems: Systems,
        push: Push | None,
        clock: Clock,
        background: Systems | None = None,
    ) -> None:
        """Take the outside systems; `background` is the same for what is in no hurry: the daily checks."""
        self._store = store
        self._clock = clock
        self._takes_quotas = systems.takes_quotas
        self._granting = Granting(store, systems, push, clock)
        self._withdrawing = Withdrawing(store, systems, clock)
        self._checking = Checking(store, background or systems, clock)

    def round(self) -> int:
        """Settle the registrations that are due as far as they go now; returns how many keys were taken."""
        batch, taken = self._take()
        for _ in range(STEPS_A_ROUND):
            if not batch.active:
                break
            self._renew(batch)
            self._step(batch)
        self._rest(batch)
        return taken

    def _take(self) -> tuple[Batch, int]:
        now, token = self._clock.now(), uuid.uuid4().hex

        def unit(rows: Rows) -> tuple[dict[RegistrationKey, Job], int]:
            jobs = {
                RegistrationKey.parse(job.key): job
                for job in rows.queue.lease(Work.SETTLE, BATCH, token, now, now + LEASE)
            }
            held = rows.registrations.lease(jobs.keys(), token, now, now + LEASE) if jobs else frozenset()
            for key, job in jobs.items():
                if key in held:
                    continue
                if rows.registrations.get(key) is None:
                    rows.queue.done(job)  # forgotten meanwhile
                else:
                    rows.queue.retry(job, now + timedelta(seconds=1))
            return {key: job for key, job in jobs.items() if key in held}, len(jobs)

        held, taken = self._store.run(unit).result()
        return Batch(token, held, now), taken

    def _renew(self, batch: Batch) -> None:
        """Hold the leases of the active keys for another term, unless that was just done.

        What was lost is dropped from the batch.
        """
        now, active = self._clock.now(), batch.active
        if now < batch.held_at + HELD:
            return
        held = self._store.run(lambda rows: batch.renew(rows, now)).result()
        for key in active:
            if key not in held:
                del batch.jobs[key]
        batch.held_at = now

    def _step(self, batch: Batch) -> None:
        """Decide for every active registration, and do what was decided, grouped by what it is."""
        now = self._clock.now()
        sites = self._takes_quotas
        cases, rests = self._store.run(
            lambda rows: _read(rows, batch.active, now, takes_quotas=sites)
        ).result()
        batch.resting |= rests
        groups: dict[Action, list[Case]] = defaultdict(list)
        for case in cases:
            action = _decided(case, now)
            if isinstance(action, Rest):
                batch.resting[case.registration.key] = action.until
            else:
                groups[action].append(case)
        for action, group in groups.items():
            batch.resting |= self._act(action, group, batch)

    def _act(self, action: Action, group: Sequence[Case], batch: Batch) -> Rests:
        """Do one action for many; returns who rests now, and until when."""
        try:
            match action:
                case TakeSeat():
                    return self._take_seats(group, batch)
                case Add(grant):
                    return self._granting.add(grant, group, batch)
                case Confirm(grant):
                    return self._granting.confirm(grant, group, batch)
                case Withdraw(grant):
                    return self._withdrawing.withdraw(grant, group, batch)
                case VerifyGone(grant):
                    return self._withdrawing.verify_gone(grant, group, batch)
                case Tend(urgent):
                    return self._have_tended(group, urgent=urgent)
                case CheckRacer():
                    return self._checking.check(group, batch)
                case BecomeReady() | BecomeGone():
                    return self._become(action, group, batch)
                case Rest(until):
                    return {case.registration.key: until for case in group}
        except StoreUnavailable:  # what was done and not recorded is observed before it is done again
            log.warning(
                "store unavailable", extra={"action": "store-unavailable", "step": type(action).__name__}
            )
        except Exception:  # a defect in one step must not take the others with it; its keys come again
            log.exception("step failed", extra={"action": "defect", "step": type(action).__name__})
        later = self._clock.now() + timedelta(minutes=1)
        return {case.registration.key: later for case in group}

    def _take_seats(self, group: Sequence[Case], batch: Batch) -> Rests:
        now = self._clock.now()
        by_event: dict[EventId, list[Case]] = defaultdict(list)
        for case in group:
            by_event[case.event.id].append(case)

        def unit(rows: Rows) -> Rests:
            left_standing: Rests = {}
            for cases in by_event.values():
                event = cases[0].event
                # Those who asked earlier and wait already come first; fairness is decided here only.
                order = sorted(cases, key=lambda case: (case.registration.asked_at, case.registration.key))
                waiting = rows.registrations.in_line(event.id, len(order) + 1)
                asked = list(dict.fromkeys([*waiting, *(case.registration.key for case in order)]))
                seated = rows.events.take_seats(event.id, asked)
                ours = {case.key for case in order}
                for key in seated | ours:
                    current = rows.registrations.get(key)
                    if current is None:
                        continue
                    after = _placed(current, now, has_seat=key in seated)
                    if key in ours:
                        record_held(rows, current, after, event, now, batch.token)
                    else:  # somebody who waited already; whoever holds their lease sees it at the next step
                        record(rows, current, after, event, now)
                        rows.queue.put(Work.SETTLE, str(key), now)
                left_standing |= dict.fromkeys(ours - seated, event.over_at)  # then they hear that it is over
            return left_standing

        return self._store.run(unit).result()

    def _have_tended(self, group: Sequence[Case], *, urgent: bool) -> Rests:
        """Queue what the racing site is to be told; whoever tells it wakes those who wait for it."""
        now = self._clock.now()

        def unit(rows: Rows) -> None:
            for case in group:
                rows.queue.put(Work.TEND, str(case.key), now, urgent=urgent)

        self._store.run(unit).result()
        pause = deciding.TEND_AGAIN if urgent else SOON
        return {case.key: now + pause for case in group}

    def _become(self, action: BecomeReady | BecomeGone, group: Sequence[Case], batch: Batch) -> Rests:
        now = self._clock.now()

        def unit(rows: Rows) -> None:
            rows.expect((case.key for case in group), told=True)
            for case in group:
                current = rows.registrations.get(case.registration.key)
                # The wish may have changed since the decision; then the next step decides anew.
                if current is None or deciding.wants_racing(current, case.event, now) is not isinstance(
                    action, BecomeReady
                ):
                    continue
                if isinstance(action, BecomeReady):
                    ready = replace(
                        current, ready_at=now, waiting_for=None, problem=None, checked_at=now, gone_at=None
                    )
                    ready = replace(ready, first_ready_at=current.first_ready_at or now)
                    if record_held(rows, current, ready, case.event, now, batch.token):
                        _count(rows, current, now)
                        trace = current.correlation
                        audit(rows, now, "bot", "ready", current.key, case.event, correlation=trace)
                elif record_held(rows, current, _gone(current, now), case.event, now, batch.token):
                    _free_seat(rows, current, case.event, now)
                    audit(rows, now, "bot", "gone", current.key, case.event, correlation=current.correlation)

        self._store.run(unit).result()
        return {}

    def _rest(self, batch: Batch) -> None:
        """Give everything back: short rests stay on the queue, longer ones wake by the sweeper."""
        self._give_back(batch, list(batch.jobs), self._clock.now())

    def _give_back(self, batch: Batch, keys: Sequence[RegistrationKey], now: datetime) -> None:
        """Give these back in one unit; where one of them defies it, each in its own, and that one unread."""
        try:
            self._store.run(lambda rows: _rested(rows, batch, keys, now)).result()
            return
        except StoreUnavailable:
            raise
        except Exception:
            facts = {"action": "defect", "registrations": len(keys)}
            log.exception("registrations cannot be given back", extra=facts)
        if len(keys) > 1:
            for key in keys:
                self._give_back(batch, [key], now)
        else:
            self._store.run(lambda rows: _put_off(rows, batch, keys[0], now)).result()


def _decided(case: Case, now: datetime) -> Action:
    """Return the decision; a row that defies it rests, and the others go on."""
    try:
        return deciding.decide(case.registration, case.event, case.entries, now, case.quotas)
    except Exception:
        log.exception("a registration cannot be decided", extra={"action": "defect", "key": str(case.key)})
        return Rest(now + SOON)


def _read(
    rows: Rows, keys: Sequence[RegistrationKey], now: datetime, *, takes_quotas: bool
) -> tuple[list[Case], Rests]:
    """Read these; returns also who rests: whose row is gone, or cannot be read."""
    events = {event.id: event for event in rows.events.all()}
    rows.expect(keys)
    cases: list[Case] = []
    rests: Rests = {}
    for key in keys:
        try:
            registration = rows.registrations.get(key)
            if registration is None or key.event_id not in events:
                rests[key] = None
                continue
            event = events[key.event_id]
            entries = _entries(rows, event, key.person_id)
            quotas = quotas_of(rows, registration, event, now) if takes_quotas else {}
            cases.append(Case(registration, event, entries, quotas))
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a registration cannot be read", extra={"action": "defect", "key": str(key)})
            rests[key] = now + SOON
    return cases, rests


def _rested(rows: Rows, batch: Batch, keys: Sequence[RegistrationKey], now: datetime) -> None:
    rows.expect(jobs=[batch.jobs[key] for key in keys])
    for key in keys:
        moment = batch.resting.get(key, now)
        current = rows.registrations.get(key)
        event = rows.events.get(key.event_id) if current else None
        if current is not None and event is not None:
            after = deciding.held_up(current, now) if event.is_blocked else current
            record_held(rows, current, replace(after, wake_at=moment), event, now, batch.token)
        if moment is not None and moment <= now + SOON:
            rows.queue.retry(batch.jobs[key], moment)
        else:
            rows.queue.done(batch.jobs[key])
    rows.registrations.release(keys, batch.token)


def _put_off(rows: Rows, batch: Batch, key: RegistrationKey, now: datetime) -> None:
    """Have one come again that cannot be read or written; nothing else is known of it."""
    rows.queue.retry(batch.jobs[key], now + SOON)
    rows.registrations.release([key], batch.token)


def _entries(rows: Rows, event: Event, person_id: PersonId) -> dict[TargetId, Entry]:
    found = (rows.ledger.get(grant.target, person_id) for grant in (*event.grants, *event.retired))
    return {entry.target: entry for entry in found if entry is not None}


def _gone(registration: Registration, now: datetime) -> Registration:
    """Return the registration with nothing of ours left, to be looked at again after a cycle."""
    gone = replace(
        registration, gone_at=registration.gone_at or now, ready_at=None, waiting_for=None, problem=None
    )
    if registration.gone_at is None and registration.progress:
        return replace(gone, gone_recheck_at=now + deciding.AFTER_A_CYCLE)
    return gone


def _placed(registration: Registration, now: datetime, *, has_seat: bool) -> Registration:
    if has_seat:
        return deciding.seated(registration, now)
    return replace(registration, waiting_for=deciding.WAITS_FOR_SEAT)


def _count(rows: Rows, before: Registration, now: datetime) -> None:
    """Count that a join was ready, and after how long; who is ready again after a hold is not counted."""
    if before.first_ready_at is None:
        begun = before.seated_at or before.asked_at
        rows.tallies.add(before.key.event_id, tallies.READY)
        rows.tallies.add(before.key.event_id, tallies.wait((now - begun).total_seconds()))


def _free_seat(rows: Rows, registration: Registration, event: Event, now: datetime) -> None:
    """Free the seat and wake whoever is first in line."""
    if rows.events.free_seat(event.id, registration.key):
        for key in rows.registrations.in_line(event.id, 1):
            rows.queue.put(Work.SETTLE, str(key), now)
