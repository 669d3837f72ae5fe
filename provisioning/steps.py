"""The steps that touch the world: add, confirm, withdraw, verify, check. Each is done for many at once.

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
from provisioning.access import Absent, Access, Failed, NotThere, Outcome, Present, Push
from provisioning.deciding import ASSIGNMENT_GRACE, MAY_LAND, backoff
from provisioning.directory import Directory, DirectoryUser
from provisioning.errors import (
    AssignmentMissing,
    GroupMissing,
    Misconfigured,
    ProvisioningError,
    Refusal,
    StaleWrite,
    Unavailable,
    Unexpected,
)
from provisioning.events import Breakage, Event, Grant, IdentityCenterGroup
from provisioning.identity import is_employee
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.ledger import Entry
from provisioning.ports import Clock, Job, Rows, Store
from provisioning.recording import audit, named, post_to_organizers, record
from provisioning.registrations import Person, Registration, Step

BUSY = timedelta(seconds=1)  # another worker writes to this target
PARKED = timedelta(minutes=5)  # at most, after what there is no word for; organizers know of it
PUSH_AGAIN = timedelta(minutes=10)  # a person is pushed on demand at most this often

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)  # every outside call ends well within it; a crash costs at most so long

Rests = dict[RegistrationKey, datetime | None]


@dataclass(slots=True)
class Batch:
    """What one round holds: the leased keys, and when those that have come to rest are looked at again."""

    token: str
    jobs: dict[RegistrationKey, Job]
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
    """The outside systems: the access that each kind of grant ("entra-group") gives, and the directory."""

    accesses: Mapping[str, Access[Any]]
    directory: Directory


@dataclass(frozen=True, slots=True)
class Case:
    """One registration as it was read for one decision."""

    registration: Registration
    event: Event
    entries: Mapping[TargetId, Entry]

    @property
    def key(self) -> RegistrationKey:
        """Return the registration's key."""
        return self.registration.key

    @property
    def person(self) -> Person:
        """Return the racer."""
        return self.registration.person


def record_held(
    rows: Rows, before: Registration, after: Registration, event: Event, now: datetime, token: str
) -> Registration | None:
    """Record under the lease; None when the lease was lost, and then nothing is written."""
    try:
        return record(rows, before, after, event, now, token)
    except StaleWrite:
        return None


class Steps:
    """Does one step for a group of registrations. Every method returns who rests now, and until when."""

    def __init__(
        self,
        store: Store,
        systems: Systems,
        background: Systems,
        push: Push | None,
        clock: Clock,
    ) -> None:
        """Take the collaborators of the settler."""
        self._store = store
        self._accesses = systems.accesses
        self._background = background
        self._push = push
        self._clock = clock

    # --- add ------------------------------------------------------------------------------------------------

    def add(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Make these people members, in chunks the outside system takes well within a lease."""
        access = self._accesses[grant.kind]
        with self._writing(grant.target, batch) as mine:
            if not mine:
                return self._all(group, BUSY)
            rests: Rests = {}
            known = self._presence(access, grant, group)
            for chunk in _chunks(group, access.batch):
                rests |= self._add_chunk(access, grant, chunk, known, batch)
            return rests

    def _presence(self, access: Access[Any], grant: Grant, group: Sequence[Case]) -> dict[PersonId, Outcome]:
        """Read who is a member already. Where a feeder decides whose the membership is, the add will tell."""
        unread = [case for case in group if case.event.feeder_of(grant) is None]
        return dict(_guarded(access.presence, grant, unread)) if unread else {}

    def _add_chunk(
        self,
        access: Access[Any],
        grant: Grant,
        chunk: Sequence[Case],
        known: Mapping[PersonId, Outcome],
        batch: Batch,
    ) -> Rests:
        undecided = {
            case.person.id: found
            for case in chunk
            if isinstance(found := known.get(case.person.id), Failed | NotThere)
        }
        clear = [case for case in chunk if case.person.id not in undecided]
        doubts = self._intend(grant, clear, known, batch)
        held = [case for case in clear if case.key in doubts]
        # Readings lag behind writes: somebody whom we took out a moment ago may still be shown as a member.
        members = {
            case.person.id: known[case.person.id]
            for case in held
            if isinstance(known.get(case.person.id), Present) and not _was_ours(case, grant)
        }
        outcomes = members | _guarded(
            access.add, grant, [case for case in held if case.person.id not in members]
        )
        pushed = self._pushed(
            grant,
            [case for case in chunk if isinstance((undecided | outcomes).get(case.person.id), NotThere)],
        )
        return self._record_adds(grant, chunk, undecided | outcomes, doubts, pushed, batch)

    def _intend(
        self, grant: Grant, chunk: Sequence[Case], known: Mapping[PersonId, Outcome], batch: Batch
    ) -> dict[RegistrationKey, datetime | None]:
        """Commit the ledger's intents. Returns the add doubt that stood before, for those still held."""
        now = self._clock.now()

        def unit(rows: Rows) -> dict[RegistrationKey, datetime | None]:
            doubts: dict[RegistrationKey, datetime | None] = {}
            for case in self._hold(rows, grant.target, chunk, batch):
                current = rows.registrations.get(case.key)
                if current is None or not deciding.wants_racing(current, case.event, now):
                    continue  # the wish changed since the decision
                progress = current.progress.get(grant.target)
                if progress is None or progress.step not in deciding.IN_PLACE:
                    current_step = deciding.stepped(current, grant.target, Step.INTENDED, now)
                    if record_held(rows, current, current_step, case.event, now, batch.token) is None:
                        continue
                entry = rows.ledger.get(grant.target, case.person.id)
                doubts[case.key] = entry.add_may_land_until if entry else None
                present = _present_before(rows, case, grant, known)
                intent = ledger.intend(
                    entry,
                    grant.target,
                    case.person.id,
                    case.event.id,
                    present=present,
                    may_land_until=now + MAY_LAND,
                )
                rows.ledger.save(intent)
            return doubts

        return self._store.run(unit).result()

    def _pushed(self, grant: Grant, absent: Sequence[Case]) -> set[PersonId]:
        """Push people who are not in the identity store yet, within the budget of the push."""
        now = self._clock.now()
        if self._push is None or not isinstance(grant, IdentityCenterGroup):
            return set()
        due = [
            case for case in absent if (at := case.registration.pushed_at) is None or now - at > PUSH_AGAIN
        ]
        if not due:
            return set()
        return {
            person
            for person, worked in self._push.push(grant, [case.person for case in due]).items()
            if worked
        }

    def _record_adds(
        self,
        grant: Grant,
        chunk: Sequence[Case],
        outcomes: Mapping[PersonId, Outcome],
        doubts: Mapping[RegistrationKey, datetime | None],
        pushed: set[PersonId],
        batch: Batch,
    ) -> Rests:
        now = self._clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            for case in chunk:
                current = rows.registrations.get(case.key)
                outcome = outcomes.get(case.person.id)
                if current is None or outcome is None:
                    continue
                if not (isinstance(outcome, Failed) and outcome.may_have_landed) and case.key in doubts:
                    _settle_add(rows, grant.target, case.person.id, doubts[case.key])
                if isinstance(outcome, Present):
                    after = deciding.after_add(current, grant.target, now, outcome.subject)
                    if record_held(rows, current, after, case.event, now, batch.token):
                        audit(rows, now, "bot", "granted", case.key, case.event, target=grant.target)
                elif isinstance(outcome, NotThere):
                    after, rests[case.key] = deciding.after_not_there(
                        current, now, pushed=case.person.id in pushed
                    )
                    record_held(rows, current, after, case.event, now, batch.token)
                elif isinstance(outcome, Failed):
                    rests |= self._failed(rows, case, grant.target, outcome.error, batch)
                else:
                    rests[case.key] = now + backoff(current.attempts)
            return rests

        return self._store.run(unit).result()

    # --- confirm --------------------------------------------------------------------------------------------

    def confirm(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Read back whether access works, and record it for those for whom it does."""
        outcomes = _guarded(self._accesses[grant.kind].confirm, grant, group)
        now = self._clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            for case in group:
                current, outcome = rows.registrations.get(case.key), outcomes[case.person.id]
                if current is None or grant.target not in current.progress:
                    continue
                if isinstance(outcome, Present):
                    after = deciding.stepped(current, grant.target, Step.CONFIRMED, now, outcome.subject)
                    record_held(
                        rows,
                        current,
                        replace(after, waiting_for=None, problem=None),
                        case.event,
                        now,
                        batch.token,
                    )
                    _settle_removal(rows, grant.target, case.person.id, None)
                elif isinstance(outcome, Failed) and not _is_assignment_under_way(
                    outcome, current, grant, now
                ):
                    rests |= self._failed(rows, case, grant.target, outcome.error, batch)
                else:
                    after, rests[case.key] = deciding.after_confirm_absent(current, grant.target, now)
                    record_held(rows, current, after, case.event, now, batch.token)
            return rests

        return self._store.run(unit).result()

    # --- withdraw -------------------------------------------------------------------------------------------

    def withdraw(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """End these memberships as far as they are ours and no other event needs them."""
        access = self._accesses[grant.kind]
        with self._writing(grant.target, batch) as mine:
            if not mine:
                return self._all(group, BUSY)
            rests: Rests = {}
            for chunk in _chunks(group, access.batch):
                doubts = self._intend_withdrawal(grant, chunk, batch)
                ours = [case for case in chunk if case.key in doubts]
                outcomes = _guarded(access.remove, grant, ours) if ours else {}
                rests |= self._record_withdrawals(grant, ours, outcomes, doubts, batch)
            return rests

    def _intend_withdrawal(
        self, grant: Grant, chunk: Sequence[Case], batch: Batch
    ) -> dict[RegistrationKey, datetime | None]:
        """Give up this event's need. Returns the doubt that stood before, for memberships to end now."""
        now = self._clock.now()

        def unit(rows: Rows) -> dict[RegistrationKey, datetime | None]:
            doubts: dict[RegistrationKey, datetime | None] = {}
            for case in self._hold(rows, grant.target, chunk, batch):
                current = rows.registrations.get(case.key)
                if current is None or (
                    deciding.wants_racing(current, case.event, now) and grant.target in case.event.targets
                ):
                    continue  # the wish changed since the decision
                entry = rows.ledger.get(grant.target, case.person.id)
                left, ours = ledger.release(entry, case.event.id) if entry else (None, False)
                ours = ours and not _is_still_fed(rows, case, grant)
                step = Step.WITHDRAWING if ours else (Step.KEPT if entry else Step.ABSENT)
                if (
                    record_held(
                        rows,
                        current,
                        deciding.withdrawing(current, case.event, grant.target, step, now),
                        case.event,
                        now,
                        batch.token,
                    )
                    is None
                ):
                    continue
                if left is None:
                    continue
                if ours:
                    doubts[case.key] = left.remove_may_land_until
                    rows.ledger.save(ledger.withdrawing(left, now + MAY_LAND))
                elif left.needed_by or left.is_ours:
                    rows.ledger.save(left)
                else:  # the person was a member before us: nothing of ours remains
                    rows.ledger.delete(left)
            return doubts

        return self._store.run(unit).result()

    def _record_withdrawals(
        self,
        grant: Grant,
        ours: Sequence[Case],
        outcomes: Mapping[PersonId, Outcome],
        doubts: Mapping[RegistrationKey, datetime | None],
        batch: Batch,
    ) -> Rests:
        now = self._clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            for case in ours:
                current, outcome = rows.registrations.get(case.key), outcomes[case.person.id]
                if current is None:
                    continue
                if not (isinstance(outcome, Failed) and outcome.may_have_landed):
                    _settle_removal(rows, grant.target, case.person.id, doubts[case.key])
                if isinstance(outcome, Failed) and not _went_with_its_group(outcome, case, grant):
                    rests |= self._failed(rows, case, grant.target, outcome.error, batch)
                    continue
                after = deciding.stepped(current, grant.target, Step.WITHDRAWN, now)
                if record_held(rows, current, after, case.event, now, batch.token):
                    audit(rows, now, "bot", "withdrawn", case.key, case.event, target=grant.target)
            return rests

        return self._store.run(unit).result()

    def verify_gone(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Read back that the membership is gone. One that came back (by SCIM, or a late call) is ended again.

        A record whose effect is elsewhere is taken at its word at first: the directory that keeps it promises
        no fresh reading. It is read with the others a SCIM cycle later.
        """
        now = self._clock.now()
        final = [case for case in group if _is_recheck(case.registration, now)]
        targets = {case.key: _touched(case) if case in final else (grant,) for case in group}
        seen: dict[tuple[RegistrationKey, TargetId], Outcome] = {}
        for one in {found for grants in targets.values() for found in grants}:
            cases = [case for case in group if one in targets[case.key]]
            trusted = [case for case in cases if _is_taken_at_its_word(case, one, now)]
            read = [case for case in cases if case not in trusted]
            outcomes = _guarded(self._accesses[one.kind].presence, one, read) if read else {}
            seen |= {(case.key, one.target): outcomes[case.person.id] for case in read}
            seen |= {(case.key, one.target): Absent() for case in trusted}
        return self._record_gone(group, targets, seen, batch)

    def _record_gone(
        self,
        group: Sequence[Case],
        targets: Mapping[RegistrationKey, Sequence[Grant]],
        seen: Mapping[tuple[RegistrationKey, TargetId], Outcome],
        batch: Batch,
    ) -> Rests:
        now = self._clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            for case in group:
                current = rows.registrations.get(case.key)
                if current is None:
                    continue
                failures = [
                    (grant.target, found.error)
                    for grant in targets[case.key]
                    if isinstance(found := seen[case.key, grant.target], Failed)
                ]
                if failures:
                    rests |= self._failed(rows, case, *failures[0], batch)
                    continue
                after, pause = _after_reading(rows, case, current, targets[case.key], seen, now)
                if pause is not None:
                    rests[case.key] = now + pause
                record_held(rows, current, after, case.event, now, batch.token)
            return rests

        return self._store.run(unit).result()

    # --- the daily look -------------------------------------------------------------------------------------

    def check(self, group: Sequence[Case], batch: Batch) -> Rests:
        """Look whether these are still employees and, once ready, members where access takes effect."""
        users = self._background.directory.get({case.person.id for case in group})
        group = [_refreshed(case, users.get(case.person.id)) for case in group]
        absent: set[RegistrationKey] = set()
        failed: dict[RegistrationKey, tuple[TargetId, ProvisioningError]] = {}
        ready = [case for case in group if case.registration.is_ready]
        for grant in {grant for case in ready for grant in case.event.grants}:
            cases = [case for case in ready if grant in case.event.grants]
            outcomes = _guarded(self._background.accesses[grant.kind].presence, grant, cases)
            for case in cases:
                outcome = outcomes[case.person.id]
                if isinstance(outcome, Failed):
                    failed[case.key] = (grant.target, outcome.error)
                elif not isinstance(outcome, Present):
                    absent.add(case.key)
        now = self._clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            for case in group:
                current, user = rows.registrations.get(case.key), users.get(case.person.id)
                if current is None or not deciding.wants_racing(current, case.event, now):
                    continue
                if isinstance(user, Failed):
                    rests |= self._failed(rows, case, case.event.targets[0], user.error, batch)
                    continue
                employee = is_employee(user)
                if (
                    employee and case.key in failed
                ):  # whoever is gone from the directory need not be read further
                    rests |= self._failed(rows, case, *failed[case.key], batch)
                    continue
                current_person = replace(current, person=case.person)
                after = deciding.after_check(
                    current_person, now, absent=case.key in absent, employee=employee
                )
                record_held(rows, current, after, case.event, now, batch.token)
                if after.hold is not None:
                    audit(rows, now, "directory", "removed", case.key, case.event, reason=after.hold.reason)
            return rests

        return self._store.run(unit).result()

    # --- what all of them share -----------------------------------------------------------------------------

    def _failed(
        self, rows: Rows, case: Case, target: TargetId, error: ProvisioningError, batch: Batch
    ) -> Rests:
        """Sort an error by who can act, write down what it means here, and say when to try again."""
        now = self._clock.now()
        current = rows.registrations.get(case.key)
        if current is None:
            return {}
        event = case.event
        attempts = current.attempts + 1
        if isinstance(error, Refusal):
            after = replace(current, problem=error.code, wake_at=None)
            until = now + deciding.REFUSED_PAUSE
            audit(rows, now, "bot", "refused", case.key, event, code=error.code, target=target)
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
    def _writing(self, target: TargetId, batch: Batch) -> Iterator[bool]:
        """Hold the one lease for writing to this target; yields False while another worker has it."""
        name, now = f"target:{target}", self._clock.now()
        mine = self._store.run(lambda rows: rows.leases.take(name, batch.token, now, now + LEASE)).result()
        try:
            yield mine
        finally:
            if mine:
                self._store.run(lambda rows: rows.leases.release(name, batch.token)).result()

    def _hold(self, rows: Rows, target: TargetId, chunk: Sequence[Case], batch: Batch) -> list[Case]:
        """Hold the target and the batch for another term, before an effect; returns the cases still ours."""
        now = self._clock.now()
        if not rows.leases.take(f"target:{target}", batch.token, now, now + LEASE):
            return []
        held = batch.renew(rows, now)
        return [case for case in chunk if case.key in held]

    def _all(self, group: Sequence[Case], pause: timedelta) -> Rests:
        until = self._clock.now() + pause
        return {case.key: until for case in group}


def _guarded(call: Any, grant: Grant, cases: Sequence[Case]) -> dict[PersonId, Outcome]:
    """Ask an outside system for these people. A defect there, or an answer left out, fails each person."""
    people = {case.person.id: _as_known(case, grant) for case in cases}
    if not people:
        return {}
    try:
        answers: Mapping[PersonId, Outcome] = call(grant, list(people.values()))
    except Exception:
        log.exception("outside call failed", extra={"action": "defect", "target": grant.target})
        answers = {}
    return {person: answers.get(person, Failed(Unexpected(), may_have_landed=True)) for person in people}


def _as_known(case: Case, grant: Grant) -> Person:
    """Return the person with the id by which the outside system knows them, if it told us once."""
    progress = case.registration.progress.get(grant.target)
    return replace(case.person, subject=progress.subject) if progress else case.person


def _refreshed(case: Case, user: DirectoryUser | Failed | None) -> Case:
    """Return the case with the names the directory has now: a rename makes nobody another."""
    if not isinstance(user, DirectoryUser):
        return case
    person = Person(case.person.id, user.user_principal_name, user.display_name)
    return replace(case, registration=replace(case.registration, person=person))


def _chunks(group: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    for start in range(0, len(group), size):
        yield group[start : start + size]


def _present_before(rows: Rows, case: Case, grant: Grant, known: Mapping[PersonId, Outcome]) -> bool:
    """Whether the person was a member before us: as the feeder's entry says, or as was just read."""
    feeder = case.event.feeder_of(grant)
    if feeder is None:
        return isinstance(known.get(case.person.id), Present)
    entry = rows.ledger.get(feeder.target, case.person.id)
    return entry is not None and entry.present_before


def _was_ours(case: Case, grant: Grant) -> bool:
    """Whether we have made this membership before, and so may have ended it since."""
    entry = case.entries.get(grant.target)
    return entry is not None and entry.is_ours


def _went_with_its_group(outcome: Failed, case: Case, grant: Grant) -> bool:
    """Whether the membership ended with a group that the event grants no more, and that is gone."""
    return isinstance(outcome.error, GroupMissing) and grant.target not in case.event.targets


def _is_still_fed(rows: Rows, case: Case, grant: Grant) -> bool:
    """Whether the feeder's membership stays for another event: SCIM would bring back what is taken here."""
    feeder = case.event.feeder_of(grant)
    entry = rows.ledger.get(feeder.target, case.person.id) if feeder else None
    others = entry.needed_by - {case.event.id} if entry else frozenset()
    # An event that grants this target itself needs it in its own name, and lets go of it in its own name.
    return any(
        (event := rows.events.get(one)) is None or event.grant_of(grant.target) is None for one in others
    )


def _settle_add(rows: Rows, target: TargetId, person: PersonId, doubt: datetime | None) -> None:
    entry = rows.ledger.get(target, person)
    if entry is not None and entry.add_may_land_until != doubt:
        rows.ledger.save(ledger.added(entry, doubt))


def _settle_removal(rows: Rows, target: TargetId, person: PersonId, doubt: datetime | None) -> None:
    entry = rows.ledger.get(target, person)
    if entry is not None and entry.remove_may_land_until != doubt:
        rows.ledger.save(ledger.withdrawn(entry, doubt))


def _is_assignment_under_way(
    outcome: Failed, registration: Registration, grant: Grant, now: datetime
) -> bool:
    since = registration.progress[grant.target].since
    return isinstance(outcome.error, AssignmentMissing) and now - since < ASSIGNMENT_GRACE


def _is_recheck(registration: Registration, now: datetime) -> bool:
    return registration.gone_recheck_at is not None and registration.gone_recheck_at <= now


def _touched(case: Case) -> tuple[Grant, ...]:
    return tuple(grant for target in case.registration.progress if (grant := case.event.grant_of(target)))


def _is_taken_at_its_word(case: Case, grant: Grant, now: datetime) -> bool:
    entry = case.entries.get(grant.target)
    doubted = entry is not None and entry.add_may_land_until is not None
    return (
        case.event.takes_effect_elsewhere(grant) and not doubted and not _is_recheck(case.registration, now)
    )


def _after_reading(
    rows: Rows,
    case: Case,
    current: Registration,
    grants: Sequence[Grant],
    seen: Mapping[tuple[RegistrationKey, TargetId], Outcome],
    now: datetime,
) -> tuple[Registration, timedelta | None]:
    """Return the registration after its memberships were read, and how long to wait before reading again."""
    after, pause = current, None
    for grant in grants:
        if current.progress[grant.target].step is Step.KEPT:
            continue
        entry = rows.ledger.get(grant.target, case.person.id)
        still_ours = entry is not None and entry.is_ours and not entry.needed_by
        if isinstance(seen[case.key, grant.target], Present) and still_ours:
            progress = current.progress[grant.target]
            if progress.step is Step.WITHDRAWN and now - progress.since < timedelta(seconds=10):
                pause = timedelta(seconds=2)  # readings lag behind writes for a while
                continue
            after = deciding.stepped(after, grant.target, Step.WITHDRAWING, now)  # it is back: end it again
            continue
        step = Step.KEPT if entry is not None and entry.needed_by else Step.ABSENT
        after = deciding.stepped(after, grant.target, step, now)
        if still_ours and entry is not None:
            if _is_recheck(current, now):
                rows.ledger.delete(entry)
            else:
                rows.ledger.save(ledger.added(entry, None))
    if _is_recheck(current, now) and pause is None:
        after = replace(
            after, gone_recheck_at=None, gone_at=None if after.progress != current.progress else after.gone_at
        )
    return after, pause


def _break(rows: Rows, event: Event, breakage: Breakage, now: datetime) -> None:
    """Mark the event broken; whoever does so first tells the organizers."""
    if rows.events.mark_broken(event.id, breakage):
        facts = {**breakage.facts, "code": breakage.code, "target": breakage.target}
        post_to_organizers(rows, event, "organizers-broken", f"broken:{breakage.incident}", now, facts)
        audit(rows, now, "bot", "broken", event.id, event, code=breakage.code, target=breakage.target)
