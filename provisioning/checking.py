"""Checking: the daily look whether a racer is still an employee, and still a member of everything."""

from collections.abc import Sequence
from dataclasses import replace

from provisioning import deciding
from provisioning.access import Failed, Present
from provisioning.correlation import about
from provisioning.directory import DirectoryUser
from provisioning.errors import ProvisioningError
from provisioning.events import Grant
from provisioning.identity import is_employee
from provisioning.ids import RegistrationKey, TargetId
from provisioning.ports import Rows
from provisioning.recording import audit
from provisioning.registrations import Person
from provisioning.stepping import Batch, Case, Rests, Stepping, guarded, record_held, traces


class Checking(Stepping):
    """Looks at racers, through systems that serve what is in no hurry."""

    def check(self, group: Sequence[Case], batch: Batch) -> Rests:
        """Look whether these are still employees and, once ready, members of what they were given."""
        with about(traces(group)):
            users = self.directory.get({case.person.id for case in group})
        group = [_refreshed(case, users.get(case.person.id)) for case in group]
        absent: set[RegistrationKey] = set()
        failed: dict[RegistrationKey, tuple[TargetId, ProvisioningError]] = {}
        ready = [case for case in group if case.registration.is_ready]
        for grant in {grant for case in ready for grant in case.event.grants}:
            cases = [case for case in ready if grant in case.event.grants and _has(case, grant)]
            outcomes = guarded(self.accesses[grant.kind].presence, grant, cases)
            for case in cases:
                outcome = outcomes[case.person.id]
                if isinstance(outcome, Failed):
                    failed[case.key] = (grant.target, outcome.error)
                elif not isinstance(outcome, Present):
                    absent.add(case.key)
        now = self.clock.now()

        def unit(rows: Rows) -> Rests:
            rows.expect(case.key for case in group)
            rests: Rests = {}
            for case in self.ours(rows, group, batch):
                current, user = rows.registrations.get(case.key), users.get(case.person.id)
                if current is None or not deciding.wants_racing(current, case.event, now):
                    continue
                if isinstance(user, Failed):
                    rests |= self.failed(rows, case, case.event.targets[0], user.error, batch)
                    continue
                employee = is_employee(user)
                if (
                    employee and case.key in failed
                ):  # whoever is gone from the directory need not be read further
                    rests |= self.failed(rows, case, *failed[case.key], batch)
                    continue
                current_person = replace(current, person=case.person)
                after = deciding.after_check(
                    current_person, now, absent=case.key in absent, employee=employee
                )
                record_held(rows, current, after, case.event, now, batch.token)
                if after.hold is not None:
                    audit(rows, now, "directory", "removed", case.key, case.event, reason=after.hold.reason)
            return rests

        return self.store.run(unit).result()


def _has(case: Case, grant: Grant) -> bool:
    """Whether they were given this; what the event has got since they may still be on their way to."""
    progress = case.registration.progress.get(grant.target)
    return progress is not None and progress.step in deciding.IN_PLACE


def _refreshed(case: Case, user: DirectoryUser | Failed | None) -> Case:
    """Return the case with the names the directory has now: a rename makes nobody another."""
    if not isinstance(user, DirectoryUser):
        return case
    person = Person(case.person.id, user.user_principal_name, user.display_name)
    return replace(case, registration=replace(case.registration, person=person))
