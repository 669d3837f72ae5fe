"""What every step that touches the world shares: the batch it works on, leases, and how a failure is sorted.

Every step runs: intent (one unit) ─▶ the outside calls ─▶ what came of it (one unit). A crash between any two
leaves an intent behind, and the next worker reads the world before it calls anything settled. All writes to
one target hold the lease of that target, over all processes.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from provisioning import deciding, ledger
from provisioning.access import Access, Failed, Outcome
from provisioning.correlation import about
from provisioning.deciding import backoff
from provisioning.directory import Directory
from provisioning.errors import (
    Misconfigured,
    ProvisioningError,
    Refusal,
    StaleWrite,
    Unavailable,
    Unexpected,
)
from provisioning.events import Breakage, Event, Grant, Quota
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.ledger import Entry
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Job
from provisioning.recording import audit, named, post_to_organizers, record
from provisioning.registrations import Person, Registration

LEASE = timedelta(seconds=30)  # every outside call ends well within it; a crash costs at most so long
HELD = timedelta(
    seconds=5
)  # so long after a lease no other term is needed: what is left is enough for any call
BUSY = timedelta(seconds=1)  # another worker writes to this target
PARKED = timedelta(minutes=5)  # at most, after what there is no word for; organizers know of it

log = logging.getLogger(__name__)

Rests = dict[RegistrationKey, datetime | None]


@dataclass(slots=True)
class Batch:
    """What one round holds: the leased keys, since when, and when those that rest are looked at again."""

    token: str
    jobs: dict[RegistrationKey, Job]
    held_at: datetime
    resting: Rests = field(default_factory=dict)

    @property
    def active(self) -> list[RegistrationKey]:
        """Return the keys still being worked on."""
        return [key for key in self.jobs if key not in self.resting]

    def renew(self, rows: Rows, now: datetime) -> frozenset[RegistrationKey]:
        """Hold everything for another term; returns the active keys that are still ours."""
        rows.queue.renew(list(self.jobs.values()), now + LEASE)
        return rows.registrations.lease(self.active, self.token, now, now + LEASE)


@dataclass(frozen=True, slots=True)
class Systems:
    """The outside systems: the access that each kind of grant ("entra-group") gives, and the directory.

    `takes_quotas`: the bot can tell racing sites what racers may use.
    """

    accesses: Mapping[str, Access[Any]]
    directory: Directory
    takes_quotas: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One registration as it was read for one decision."""

    registration: Registration
    event: Event
    entries: Mapping[TargetId, Entry]
    quotas: Mapping[TargetId, Quota] = field(default_factory=dict)  # on racing sites that can be told

    @property
    def key(self) -> RegistrationKey:
        """Return the registration's key."""
        return self.registration.key

    @property
    def person(self) -> Person:
        """Return the racer."""
        return self.registration.person


def traces(cases: Sequence[Case]) -> dict[str, str]:
    """Return by person what led to each of these, for `correlation.about`."""
    return {case.person.id: case.registration.correlation for case in cases}


def record_held(
    rows: Rows, before: Registration, after: Registration, event: Event, now: datetime, token: str
) -> Registration | None:
    """Record under the lease; None when the lease was lost, and then nothing is written."""
    try:
        return record(rows, before, after, event, now, token)
    except StaleWrite:
        return None


class Stepping:
    """The ground of every kind of step: the store, the outside systems, and the clock."""

    def __init__(self, store: Store, systems: Systems, clock: Clock) -> None:
        self.store = store
        self.accesses = systems.accesses
        self.directory = systems.directory
        self.clock = clock

    def failed(
        self, rows: Rows, case: Case, target: TargetId, error: ProvisioningError, batch: Batch
    ) -> Rests:
        """Sort an error by who can act, write down what it means here, and say when to try again."""
        now = self.clock.now()
        current = rows.registrations.get(case.key)
        if current is None:
            return {}
        event = case.event
        attempts = current.attempts + 1
        if isinstance(error, Refusal):
            after = replace(current, problem=error.code, wake_at=None)
            until = now + deciding.REFUSED_PAUSE
            trace = current.correlation
            audit(
                rows,
                now,
                "bot",
                "refused",
                case.key,
                event,
                correlation=trace,
                code=error.code,
                target=target,
            )
        elif (
            isinstance(error, Misconfigured) and not isinstance(error, Unexpected) and target in event.targets
        ):
            _break(rows, event, Breakage(target, error.code, error.key(), now, dict(error.facts)), now)
            after, until = replace(current, attempts=attempts), now + deciding.BROKEN_PAUSE
        elif isinstance(error, Unavailable):
            advice = error.retry_after
            after = current if advice else replace(current, attempts=attempts)
            until = now + (timedelta(seconds=advice) if advice else backoff(attempts))
        else:
            what = f"defect:{error.code}:{now:%Y%m%d}"
            told = {"code": error.code, "target": target}
            post_to_organizers(rows, event, "organizers-defect", what, now, told)
            after = replace(current, problem=error.code, attempts=attempts)
            until = now + min(timedelta(seconds=20) * attempts, PARKED)
        record_held(rows, current, after, rows.events.get(event.id) or event, now, batch.token)
        if deciding.is_stuck_leaving(current, event, now):
            told = {"code": error.code, "target": target, **named(current)}
            what = f"stuck-leaving:{now:%Y%m%d%H}"
            post_to_organizers(rows, event, "organizers-stuck-leaving", what, now, told)
        return {case.key: until}

    @contextmanager
    def writing(self, target: TargetId, batch: Batch) -> Iterator[bool]:
        """Hold the one lease for writing to this target; yields False while another worker has it."""
        name, now = f"target:{target}", self.clock.now()
        mine = self.store.run(lambda rows: rows.leases.take(name, batch.token, now, now + LEASE)).result()
        try:
            yield mine
        finally:
            if mine:
                self.store.run(lambda rows: rows.leases.release(name, batch.token)).result()

    def hold(self, rows: Rows, target: TargetId, chunk: Sequence[Case], batch: Batch) -> list[Case]:
        """Hold the target and the batch for another term, before an effect; returns the cases still ours."""
        now = self.clock.now()
        if not rows.leases.take(f"target:{target}", batch.token, now, now + LEASE):
            return []
        held = batch.renew(rows, now)
        return [case for case in chunk if case.key in held]

    def ours(self, rows: Rows, cases: Sequence[Case], batch: Batch) -> list[Case]:
        """Return those of whom what an outside call came to may be recorded: their lease was not lost."""
        held = rows.registrations.held([case.key for case in cases], batch.token)
        return [case for case in cases if case.key in held]

    def all_rest(self, group: Sequence[Case], pause: timedelta) -> Rests:
        until = self.clock.now() + pause
        return {case.key: until for case in group}


def guarded(call: Any, grant: Grant, cases: Sequence[Case]) -> dict[PersonId, Outcome]:
    """Ask an outside system for these people. A defect there, or an answer left out, fails each person."""
    people = {case.person.id: _as_known(case, grant) for case in cases}
    if not people:
        return {}
    try:
        with about(traces(cases)):
            answers: Mapping[PersonId, Outcome] = call(grant, list(people.values()))
    except Exception:
        log.exception("outside call failed", extra={"action": "defect", "target": grant.target})
        answers = {}
    return {person: answers.get(person, Failed(Unexpected(), may_have_landed=True)) for person in people}


def _as_known(case: Case, grant: Grant) -> Person:
    """Return the person with the id by which the outside system knows them, if it told us once."""
    progress = case.registration.progress.get(grant.target)
    return replace(case.person, subject=progress.subject) if progress else case.person


def chunks(group: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    """Yield the cases so many at a time."""
    for start in range(0, len(group), size):
        yield group[start : start + size]


def _break(rows: Rows, event: Event, breakage: Breakage, now: datetime) -> None:
    """Mark the event broken; whoever does so first tells the organizers."""
    if rows.events.mark_broken(event.id, breakage):
        facts = {**breakage.facts, "code": breakage.code, "target": breakage.target}
        post_to_organizers(rows, event, "organizers-broken", f"broken:{breakage.incident}", now, facts)
        audit(rows, now, "bot", "broken", event.id, event, code=breakage.code, target=breakage.target)


def settle_removal(rows: Rows, target: TargetId, person: PersonId, doubt: datetime | None) -> None:
    """Write down until when a removal of this person may still land; None: it will not."""
    entry = rows.ledger.get(target, person)
    if entry is not None and entry.remove_may_land_until != doubt:
        rows.ledger.save(ledger.withdrawn(entry, doubt))
