"""Withdrawing: memberships are ended as far as they are ours, and read back until they are gone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from provisioning import deciding, ledger
from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.deciding import AFTER_A_CYCLE, MAY_LAND
from provisioning.errors import GroupMissing
from provisioning.events import Event, Grant
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.outbox import speaking_lease
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.recording import audit
from provisioning.registrations import Registration, Step
from provisioning.stepping import (
    BUSY,
    LEASE,
    Batch,
    Case,
    Rests,
    Stepping,
    chunks,
    guarded,
    record_held,
    settle_removal,
)

BEING_SAID = timedelta(milliseconds=200)  # a message is under way for about so long
GIVEN_BACK_WITHIN = timedelta(days=1)  # so long nobody is forgotten whose account a site cannot be told of


class Withdrawing(Stepping):
    """Withdraws and verifies. Every method returns who rests now, and until when."""

    def withdraw(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """End these memberships as far as they are ours and no other event needs them."""
        access = self.accesses[grant.kind]
        with self.writing(grant.target, batch) as mine:
            if not mine:
                return self.all_rest(group, BUSY)
            rests: Rests = {}
            spoken_to = self._spoken_to(group, batch)
            rests |= self.all_rest(spoken_to, BEING_SAID)
            for chunk in chunks([case for case in group if case not in spoken_to], access.batch):
                doubts = self._intend_withdrawal(grant, chunk, batch)
                ours = [case for case in chunk if case.key in doubts]
                outcomes = guarded(access.remove, grant, ours) if ours else {}
                rests |= self._record_withdrawals(grant, ours, outcomes, doubts, batch)
            return rests

    def _spoken_to(self, group: Sequence[Case], batch: Batch) -> list[Case]:
        """Return those whom a message is on its way to, worded before it was known that they are to leave.

        What it says is true until the first effect, so that waits. Whatever is worded from now on knows.
        """
        now = self.clock.now()

        def unit(rows: Rows) -> list[Case]:
            names = {case.key: speaking_lease(f"registration:{case.key}") for case in group}
            free = {
                key for key, name in names.items() if rows.leases.take(name, batch.token, now, now + LEASE)
            }
            for key in free:
                rows.leases.release(names[key], batch.token)
            return [case for case in group if case.key not in free]

        return self.store.run(unit).result()

    def _intend_withdrawal(
        self, grant: Grant, chunk: Sequence[Case], batch: Batch
    ) -> dict[RegistrationKey, datetime | None]:
        """Give up this event's need. Returns the doubt that stood before, for memberships to end now."""
        now = self.clock.now()

        def unit(rows: Rows) -> dict[RegistrationKey, datetime | None]:
            doubts: dict[RegistrationKey, datetime | None] = {}
            rows.expect(case.key for case in chunk)
            for case in self.hold(rows, grant.target, chunk, batch):
                current = rows.registrations.get(case.key)
                if current is None or (
                    deciding.wants_racing(current, case.event, now) and grant.target in case.event.targets
                ):
                    continue  # the wish changed since the decision
                entry = rows.ledger.get(grant.target, case.person.id)
                left, ours = ledger.release(entry, case.event.id) if entry else (None, False)
                ours = ours and not is_still_fed(rows, case.event, case.person.id, grant)
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
                gives_back = left.on_site.before is not None and not left.needed_by
                if gives_back:  # what the person's own account was allowed before us
                    rows.queue.put(Work.TEND, str(case.key), now)
                if ours:
                    doubts[case.key] = left.remove_may_land_until
                    rows.ledger.save(ledger.withdrawing(left, now + MAY_LAND))
                elif left.needed_by or left.is_ours or gives_back:
                    rows.ledger.save(left)
                else:  # the person was a member before us: nothing of ours remains
                    rows.ledger.delete(left)
            return doubts

        return self.store.run(unit).result()

    def _record_withdrawals(
        self,
        grant: Grant,
        ours: Sequence[Case],
        outcomes: Mapping[PersonId, Outcome],
        doubts: Mapping[RegistrationKey, datetime | None],
        batch: Batch,
    ) -> Rests:
        now = self.clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            rows.expect(case.key for case in ours)
            for case in self.ours(rows, ours, batch):
                current, outcome = rows.registrations.get(case.key), outcomes[case.person.id]
                if current is None:
                    continue
                if not (isinstance(outcome, Failed) and outcome.may_have_landed):
                    settle_removal(rows, grant.target, case.person.id, doubts[case.key])
                if isinstance(outcome, Failed) and not _went_with_its_group(outcome, case, grant):
                    rests |= self.failed(rows, case, grant.target, outcome.error, batch)
                    continue
                after = deciding.stepped(current, grant.target, Step.WITHDRAWN, now)
                if record_held(rows, current, after, case.event, now, batch.token):
                    trace = current.correlation
                    audit(
                        rows,
                        now,
                        "bot",
                        "withdrawn",
                        case.key,
                        case.event,
                        correlation=trace,
                        target=grant.target,
                    )
            return rests

        return self.store.run(unit).result()

    def verify_gone(self, grant: Grant, group: Sequence[Case], batch: Batch) -> Rests:
        """Read back that the membership is gone. One that came back (by SCIM, or a late call) is ended again.

        A record whose effect is elsewhere is taken at its word at first: the directory that keeps it promises
        no fresh reading. It is read with the others a SCIM cycle later.
        """
        now = self.clock.now()
        final = [case for case in group if _is_recheck(case.registration, now)]
        targets = {case.key: _touched(case) if case in final else (grant,) for case in group}
        seen: dict[tuple[RegistrationKey, TargetId], Outcome] = {}
        for one in {found for grants in targets.values() for found in grants}:
            cases = [case for case in group if one in targets[case.key]]
            trusted = [case for case in cases if _is_taken_at_its_word(case, one, now)]
            read = [case for case in cases if case not in trusted]
            outcomes = guarded(self.accesses[one.kind].presence, one, read) if read else {}
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
        now = self.clock.now()

        def unit(rows: Rows) -> Rests:
            rests: Rests = {}
            rows.expect(case.key for case in group)
            for case in self.ours(rows, group, batch):
                current = rows.registrations.get(case.key)
                if current is None:
                    continue
                failures = [
                    (grant.target, found.error)
                    for grant in targets[case.key]
                    if isinstance(found := seen[case.key, grant.target], Failed)
                ]
                if failures:
                    rests |= self.failed(rows, case, *failures[0], batch)
                    continue
                after, pause = _after_reading(rows, case, current, targets[case.key], seen, now)
                if pause is not None:
                    rests[case.key] = now + pause
                record_held(rows, current, after, case.event, now, batch.token)
            return rests

        return self.store.run(unit).result()


def _went_with_its_group(outcome: Failed, case: Case, grant: Grant) -> bool:
    """Whether the membership ended with a group that the event grants no more, and that is gone."""
    return isinstance(outcome.error, GroupMissing) and grant.target not in case.event.targets


def is_still_fed(rows: Rows, event: Event, person_id: PersonId, grant: Grant) -> bool:
    """Whether the feeder's membership stays for another event: SCIM would bring back what is taken here."""
    feeder = event.feeder_of(grant)
    entry = rows.ledger.get(feeder.target, person_id) if feeder else None
    others = entry.needed_by - {event.id} if entry else frozenset()
    # An event that grants this target itself needs it in its own name, and lets go of it in its own name.
    return any(
        (other := rows.events.get(one)) is None or other.grant_of(grant.target) is None for one in others
    )


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
            if _is_recheck(current, now) and entry.on_site.before is None:
                rows.ledger.delete(entry)
            else:
                rows.ledger.save(ledger.added(entry, None))
    if _is_recheck(current, now) and pause is None:
        again = now + AFTER_A_CYCLE if _awaits_giving_back(rows, current, grants, now) else None
        after = replace(
            after,
            gone_recheck_at=again,
            gone_at=None if after.progress != current.progress else after.gone_at,
        )
    return after, pause


def _awaits_giving_back(rows: Rows, current: Registration, grants: Sequence[Grant], now: datetime) -> bool:
    """Whether a site has yet to give an account back what it was allowed; after a day that is let go."""
    found = (rows.ledger.get(grant.target, current.key.person_id) for grant in grants)
    owed = [one for one in found if one is not None and one.on_site.before is not None and not one.needed_by]
    if owed and current.gone_at is not None and now - current.gone_at < GIVEN_BACK_WITHIN:
        return True
    for entry in owed:
        rows.ledger.delete(entry)
    return False
