"""Granting: people are made members, many at a time, and what was made is read back where it takes effect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from provisioning import deciding, ledger
from provisioning.access import Access, Failed, NotThere, Outcome, Present, Push
from provisioning.correlation import about
from provisioning.deciding import ASSIGNMENT_GRACE, MAY_LAND, backoff
from provisioning.errors import AssignmentMissing
from provisioning.events import Grant, IdentityCenterGroup
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.ports import Clock, Rows, Store
from provisioning.recording import audit
from provisioning.registrations import Registration, Step
from provisioning.stepping import (
    BUSY,
    Batch,
    Case,
    Rests,
    Stepping,
    Systems,
    chunks,
    guarded,
    record_held,
    settle_removal,
    traces,
)

PUSH_AGAIN = timedelta(minutes=10)  # a person is pushed on demand at most this often


class Granting(Stepping):
    """Adds and confirms. Every method returns who rests now, and until when."""

    def __init__(self, store: Store, systems: Systems, push: Push | None, clock: Clock) -> None:
        """Take the push that brings people to Identity Center ahead of the SCIM cycle, where there is one."""
        super().__init__(store, systems, clock)
        self._push = push

    def add(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Make these people members, in chunks the outside system takes well within a lease."""
        access = self.accesses[grant.kind]
        with self.writing(grant.target, batch) as mine:
            if not mine:
                return self.all_rest(group, BUSY)
            rests: Rests = {}
            known = self._presence(access, grant, group)
            for chunk in chunks(group, access.batch):
                rests |= self._add_chunk(access, grant, chunk, known, batch)
            return rests

    def _presence(self, access: Access[Any], grant: Grant, group: Sequence[Case]) -> dict[PersonId, Outcome]:
        """Read who is a member already. Where a feeder decides whose the membership is, the add will tell."""
        unread = [case for case in group if case.event.feeder_of(grant) is None]
        return dict(guarded(access.presence, grant, unread)) if unread else {}

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
        outcomes = members | guarded(
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
        now = self.clock.now()

        def unit(rows: Rows) -> dict[RegistrationKey, datetime | None]:
            doubts: dict[RegistrationKey, datetime | None] = {}
            rows.expect(case.key for case in chunk)
            for case in self.hold(rows, grant.target, chunk, batch):
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

        return self.store.run(unit).result()

    def _pushed(self, grant: Grant, absent: Sequence[Case]) -> set[PersonId]:
        """Push people who are not in the identity store yet, within the budget of the push."""
        now = self.clock.now()
        if self._push is None or not isinstance(grant, IdentityCenterGroup):
            return set()
        due = [
            case for case in absent if (at := case.registration.pushed_at) is None or now - at > PUSH_AGAIN
        ]
        if not due:
            return set()
        with about(traces(due)):
            pushed = self._push.push(grant, [case.person for case in due])
        return {person for person, worked in pushed.items() if worked}

    def _record_adds(
        self,
        grant: Grant,
        chunk: Sequence[Case],
        outcomes: Mapping[PersonId, Outcome],
        doubts: Mapping[RegistrationKey, datetime | None],
        pushed: set[PersonId],
        batch: Batch,
    ) -> Rests:
        now = self.clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            rows.expect((case.key for case in chunk), told=True)
            for case in self.ours(rows, chunk, batch):
                current = rows.registrations.get(case.key)
                outcome = outcomes.get(case.person.id)
                if current is None or outcome is None:
                    continue
                if not (isinstance(outcome, Failed) and outcome.may_have_landed) and case.key in doubts:
                    _settle_add(rows, grant.target, case.person.id, doubts[case.key])
                if isinstance(outcome, Present):
                    after = deciding.after_add(current, grant.target, now, outcome.subject)
                    if record_held(rows, current, after, case.event, now, batch.token):
                        trace = current.correlation
                        audit(
                            rows,
                            now,
                            "bot",
                            "granted",
                            case.key,
                            case.event,
                            correlation=trace,
                            target=grant.target,
                        )
                elif isinstance(outcome, NotThere):
                    after, rests[case.key] = deciding.after_not_there(
                        current, now, pushed=case.person.id in pushed
                    )
                    record_held(rows, current, after, case.event, now, batch.token)
                elif isinstance(outcome, Failed):
                    rests |= self.failed(rows, case, grant.target, outcome.error, batch)
                else:
                    rests[case.key] = now + backoff(current.attempts)
            return rests

        return self.store.run(unit).result()

    def confirm(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Read back whether access works, and record it for those for whom it does."""
        outcomes = guarded(self.accesses[grant.kind].confirm, grant, group)
        now = self.clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            rows.expect(case.key for case in group)
            for case in self.ours(rows, group, batch):
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
                    settle_removal(rows, grant.target, case.person.id, None)
                elif isinstance(outcome, Failed) and not _is_assignment_under_way(
                    outcome, current, grant, now
                ):
                    rests |= self.failed(rows, case, grant.target, outcome.error, batch)
                else:
                    after, rests[case.key] = deciding.after_confirm_absent(current, grant.target, now)
                    record_held(rows, current, after, case.event, now, batch.token)
            return rests

        return self.store.run(unit).result()


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


def _settle_add(rows: Rows, target: TargetId, person: PersonId, doubt: datetime | None) -> None:
    entry = rows.ledger.get(target, person)
    if entry is not None and entry.add_may_land_until != doubt:
        rows.ledger.save(ledger.added(entry, doubt))


def _is_assignment_under_way(
    outcome: Failed, registration: Registration, grant: Grant, now: datetime
) -> bool:
    since = registration.progress[grant.target].since
    return isinstance(outcome.error, AssignmentMissing) and now - since < ASSIGNMENT_GRACE
