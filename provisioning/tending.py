"""Tending: racing sites are told what racers may use, many at a time, on a lane of their own.

    settler ─▶ key ─▶ what the racer may use ─▶ the site ─▶ the ledger: what it was told ─▶ settler

A site takes five calls a second; told by the settler, the quotas of two thousand would hold up everybody who
joins or leaves meanwhile. Telling a site twice is telling it once, so a crash repeats a call at most.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning.deciding import IN_PLACE, backoff, wants_racing
from provisioning.errors import ProvisioningError, Unavailable, Unexpected
from provisioning.events import DeepRacerOnAws, Event, Quota
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.platform import Allowance, Profile, RacingPlatform
from provisioning.ports import Clock, Job, Rows, Store, Work
from provisioning.quotas import most_of
from provisioning.recording import audit, post_to_organizers
from provisioning.registrations import Registration

LEASE = timedelta(seconds=60)
BATCH = 50  # racers told in one round: ten seconds at the rate a site admits
LISTED_FROM = 20  # racers of one round from which on it is read first who has been told already
MOST_IN_VAIN = 3  # calls in a row after which a site is not asked for the others
LONGEST_PAUSE = 300.0  # seconds between two attempts to tell a site


@dataclass(frozen=True, slots=True)
class Case:
    """One racer of whom a site is to be told something."""

    job: Job
    registration: Registration
    event: Event
    grant: DeepRacerOnAws
    profile_id: str
    quota: Quota

    @property
    def wanted(self) -> Allowance:
        """Return the quota as a site counts it."""
        return allowance(self.quota)


class Tender:
    """Tells racing sites what is due. One round is one batch."""

    def __init__(self, store: Store, platform: Callable[[], RacingPlatform | None], clock: Clock) -> None:
        """Take the way to the platform; None where the bot has no user of its own on the sites."""
        self._store = store
        self._platform = platform
        self._clock = clock

    def round(self) -> int:
        """Tell the sites what is due; returns how many keys were taken."""
        now, token = self._clock.now(), uuid.uuid4().hex
        cases, taken = self._store.run(lambda rows: _take(rows, token, now)).result()
        platform = self._platform() if cases else None
        if platform is None:
            self._store.run(lambda rows: _let_go(rows, cases)).result()
            return taken
        by_grant: dict[DeepRacerOnAws, list[Case]] = defaultdict(list)
        for case in cases:
            by_grant[case.grant].append(case)
        for grant, group in by_grant.items():
            errors = _tell(platform, grant, group)
            now = self._clock.now()
            self._store.run(
                lambda rows, group=group, errors=errors, now=now: _record(rows, group, errors, now)  # type: ignore[misc]
            ).result()
        return taken


def allowance(quota: Quota) -> Allowance:
    """Return a quota as a racing site counts it."""
    return Allowance(quota.training_hours * 60, quota.models)


def quotas_of(
    rows: Rows, registration: Registration, event: Event, now: datetime
) -> Mapping[TargetId, Quota]:
    """Return what this racer may use on the racing sites of the event on which they have an account.

    A site has one quota for a person: who races in several events on it has the most that any of them gives.
    """
    found: dict[TargetId, Quota] = {}
    for grant in event.grants:
        if isinstance(grant, DeepRacerOnAws) and _is_on(registration, grant.target):
            quota = _quota_on(rows, grant.target, registration.key.person_id, now)
            if quota is not None:
                found[grant.target] = quota
    return found


def _quota_on(rows: Rows, target: TargetId, person: PersonId, now: datetime) -> Quota | None:
    quotas = []
    for one in rows.registrations.of_person(person):
        event = rows.events.get(one.key.event_id)
        if event is not None and _is_on(one, target) and target in event.targets:
            quotas += [one.quota_in(event)] if wants_racing(one, event, now) else []
    return most_of(quotas)


def _is_on(registration: Registration, target: TargetId) -> bool:
    progress = registration.progress.get(target)
    return progress is not None and progress.step in IN_PLACE


def _take(rows: Rows, token: str, now: datetime) -> tuple[list[Case], int]:
    jobs = rows.queue.lease(Work.TEND, BATCH, token, now, now + LEASE)
    cases = []
    for job in jobs:
        case = _due(rows, job, now)
        if case is not None:
            cases.append(case)
            continue
        registration = rows.registrations.get(RegistrationKey.parse(job.key))
        if registration is not None and not registration.is_ready:  # told for another event meanwhile
            rows.queue.put(Work.SETTLE, job.key, now)
        rows.queue.done(job)
    return cases, len(jobs)


def _let_go(rows: Rows, cases: Sequence[Case]) -> None:
    """Be done with these: without a user of the bot's own no site can be told anything."""
    for case in cases:
        rows.queue.done(case.job)


def _due(rows: Rows, job: Job, now: datetime) -> Case | None:
    """Return what a site is to be told of this racer; None when it knows, or is not to be told any more."""
    key = RegistrationKey.parse(job.key)
    registration, event = rows.registrations.get(key), rows.events.get(key.event_id)
    if registration is None or event is None:
        return None
    for target, quota in quotas_of(rows, registration, event, now).items():
        grant, entry = event.grant_of(target), rows.ledger.get(target, key.person_id)
        if isinstance(grant, DeepRacerOnAws) and entry is not None and entry.on_site.quota != quota:
            subject = registration.progress[target].subject or ""
            return Case(job, registration, event, grant, subject, quota)
    return None


def _tell(
    platform: RacingPlatform, grant: DeepRacerOnAws, group: Sequence[Case]
) -> Mapping[RegistrationKey, ProvisioningError]:
    """Tell one site; returns for whom it could not be told, and why."""
    try:
        known = _known(platform, grant, group)
    except ProvisioningError as error:
        return {case.registration.key: error for case in group}
    errors: dict[RegistrationKey, ProvisioningError] = {}
    in_vain: list[ProvisioningError] = []
    for case in group:
        if len(in_vain) < MOST_IN_VAIN:
            try:
                _set(platform, case, known)
            except ProvisioningError as error:
                in_vain.append(error)
            else:
                in_vain.clear()
                continue
        errors[case.registration.key] = in_vain[-1]
    return errors


def _known(platform: RacingPlatform, grant: DeepRacerOnAws, group: Sequence[Case]) -> Mapping[str, Profile]:
    """Return the racers of the site by their id, where reading them may save many calls; else nobody."""
    if len(group) < LISTED_FROM:
        return {}
    return {profile.id: profile for profile in platform.profiles(grant)}


def _set(platform: RacingPlatform, case: Case, known: Mapping[str, Profile]) -> None:
    """Tell the site what this racer may use, unless it is so already. Raises ProvisioningError."""
    profile = known.get(case.profile_id)
    if profile is not None and profile.allowance == case.wanted:
        return
    found = platform.set_allowance(case.grant, case.profile_id, case.wanted)
    if found != case.wanted:
        raise Unexpected(action="set a quota", reason="the site has another one after that")


def _record(
    rows: Rows,
    group: Sequence[Case],
    errors: Mapping[RegistrationKey, ProvisioningError],
    now: datetime,
) -> None:
    for case in group:
        key, error = case.registration.key, errors.get(case.registration.key)
        target = case.grant.target
        entry = rows.ledger.get(target, key.person_id)
        if entry is None:
            rows.queue.done(case.job)
            continue
        known = entry.on_site
        if error is not None:  # it may have arrived all the same: what holds there now is not known
            since = known.untold_since or now
            rows.ledger.save(replace(entry, on_site=replace(known, quota=None, untold_since=since)))
            _tell_organizers(rows, case, error, now)
            rows.queue.retry(case.job, now + _pause(error, case.job))
            continue
        told = replace(known, quota=case.quota, told_at=now, untold_since=None)
        rows.ledger.save(replace(entry, on_site=told))
        hours, models = str(case.quota.training_hours), str(case.quota.models)
        audit(rows, now, "bot", "allotted", key, case.event, target=target, hours=hours, models=models)
        if not case.registration.is_ready:
            rows.queue.put(Work.SETTLE, str(key), now)
        rows.queue.done(case.job)


def _tell_organizers(rows: Rows, case: Case, error: ProvisioningError, now: datetime) -> None:
    what = f"quota-untold:{error.code}:{now:%Y%m%d}"  # what meets all of them is one message a day
    told = {"code": error.code, "target": case.grant.target}
    post_to_organizers(rows, case.event, "organizers-quota-untold", what, now, told)


def _pause(error: ProvisioningError, job: Job) -> timedelta:
    advice = error.retry_after if isinstance(error, Unavailable) else None
    return timedelta(seconds=advice) if advice else backoff(job.attempts, ceiling=LONGEST_PAUSE)
