"""Tending: racing sites are told what racers may use, many at a time, on a lane of their own.

    settler ─▶ key ─▶ what the racer may use ─▶ the site ─▶ the ledger: what it was told ─▶ settler

Where an organizer wants so, the models of racers are deleted on the same way.

A site takes five calls a second; told by the settler, the quotas of two thousand would hold up everybody who
joins or leaves meanwhile. Telling a site twice is telling it once, so a crash repeats a call at most.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning.correlation import about, only
from provisioning.deciding import IN_PLACE, backoff, wants_racing
from provisioning.errors import ProvisioningError, SiteUnavailable, Unavailable, Unexpected
from provisioning.events import DeepRacerOnAws, Event, Quota
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.ledger import Entry
from provisioning.platform import Allowance, Profile, RacingPlatform
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Job, Work
from provisioning.quotas import NOTHING_KNOWN, OnSite, most_of
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
    quota: Quota | None  # None: the site knows it, or is not to be told any
    gives_back: Allowance | None = None  # to an account of their own that no event needs any more
    is_first: bool = False  # nothing was told yet of this account
    was_member: bool = False  # before the bot, who so cannot have made the account

    @property
    def allowance(self) -> Allowance | None:
        """Return what the site is to be told, if anything."""
        return self.gives_back if self.quota is None else allowance(self.quota)


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
            with about({case.registration.key.person_id: case.registration.correlation for case in group}):
                errors = self._tell(platform, grant, group)
            now = self._clock.now()
            self._store.run(
                lambda rows, group=group, errors=errors, now=now: _record(rows, group, errors, now)  # type: ignore[misc]
            ).result()
        return taken

    def _tell(
        self, platform: RacingPlatform, grant: DeepRacerOnAws, group: Sequence[Case]
    ) -> Mapping[RegistrationKey, ProvisioningError]:
        """Tell one site, having kept what people's own accounts were allowed; returns whom not, and why."""
        try:
            theirs = [case for case in group if case.is_first and _is_theirs(platform, case)]
            listed = bool(theirs) or len(group) >= LISTED_FROM  # to read them all may save many calls
            known = {one.id: one for one in platform.profiles(grant)} if listed else {}
        except ProvisioningError as error:
            return {case.registration.key: error for case in group}
        if theirs:
            self._store.run(lambda rows: _keep(rows, theirs, known)).result()
        return _tell_each(platform, group, known)


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


def account_on(registration: Registration, event: Event) -> tuple[DeepRacerOnAws, str] | None:
    """Return the site of the event on which this racer has or had an account, and their profile's id there.

    The id is empty as long as the site has not told it.
    """
    for grant in event.grants:
        progress = registration.progress.get(grant.target)
        if isinstance(grant, DeepRacerOnAws) and progress is not None:
            return grant, progress.subject or ""
    return None


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
    """Return what a site is to be told of this racer; None when there is nothing (any more)."""
    key = RegistrationKey.parse(job.key)
    registration, event = rows.registrations.get(key), rows.events.get(key.event_id)
    account = account_on(registration, event) if registration is not None and event is not None else None
    if registration is None or event is None or account is None:
        return None
    grant, profile_id = account
    quota = quotas_of(rows, registration, event, now).get(grant.target)
    entry = rows.ledger.get(grant.target, key.person_id)
    gives_back = entry.on_site.before if entry is not None and not entry.needed_by else None
    if entry is None or entry.on_site.quota == quota:
        quota = None
    if quota is None and gives_back is None and registration.models_unwanted_since is None:
        return None
    is_first = quota is not None and entry is not None and entry.on_site.told_at is None
    was_member = entry is not None and entry.present_before
    return Case(
        job,
        registration,
        event,
        grant,
        profile_id,
        quota,
        gives_back,
        is_first=is_first,
        was_member=was_member,
    )


def _is_theirs(platform: RacingPlatform, case: Case) -> bool:
    """Whether the racer had this account before."""
    return case.was_member or platform.is_theirs(case.grant, case.profile_id, case.registration.key.person_id)


def _keep(rows: Rows, theirs: Sequence[Case], known: Mapping[str, Profile]) -> None:
    """Write what these accounts were allowed; what stands there already was before anything was told."""
    for case in theirs:
        entry = rows.ledger.get(case.grant.target, case.registration.key.person_id)
        profile = known.get(case.profile_id)
        if entry is not None and entry.on_site.before is None and profile is not None:
            rows.ledger.save(replace(entry, on_site=replace(entry.on_site, before=profile.allowance)))


def _tell_each(
    platform: RacingPlatform, group: Sequence[Case], known: Mapping[str, Profile]
) -> Mapping[RegistrationKey, ProvisioningError]:
    """Tell the site of these racers; returns for whom it could not be told, and why."""
    errors: dict[RegistrationKey, ProvisioningError] = {}
    in_vain: list[ProvisioningError] = []
    for case in group:
        if len(in_vain) < MOST_IN_VAIN:
            try:
                with only([case.registration.key.person_id]):
                    if case.allowance is not None:
                        _set(platform, case, case.allowance, known)
                    if case.registration.models_unwanted_since is not None:
                        _clear(platform, case, case.registration.models_unwanted_since)
            except ProvisioningError as error:
                in_vain.append(error)
            else:
                in_vain.clear()
                continue
        errors[case.registration.key] = in_vain[-1]
    return errors


def _set(platform: RacingPlatform, case: Case, wanted: Allowance, known: Mapping[str, Profile]) -> None:
    """Tell the site what this racer may use, unless it is so already. Raises ProvisioningError."""
    profile = known.get(case.profile_id)
    if profile is not None and profile.allowance == wanted:
        return
    if platform.set_allowance(case.grant, case.profile_id, wanted) != wanted:
        raise Unexpected(action="set a quota", reason="the site has another one after that")


def _clear(platform: RacingPlatform, case: Case, since: datetime) -> None:
    """Delete the racer's models until none is left that was there at this moment. Raises ProvisioningError.

    A site that was slow may have deleted some of them, and models made since are none of this.
    """

    def is_left() -> bool:
        return any(model.created_at <= since for model in platform.models(case.grant, case.profile_id))

    if is_left():
        platform.delete_models(case.grant, case.profile_id)
        if is_left():
            raise SiteUnavailable(reason="some models are still there")


def _record(
    rows: Rows,
    group: Sequence[Case],
    errors: Mapping[RegistrationKey, ProvisioningError],
    now: datetime,
) -> None:
    for case in group:
        key, error = case.registration.key, errors.get(case.registration.key)
        entry = rows.ledger.get(case.grant.target, key.person_id)
        if entry is not None and case.quota is not None:
            rows.ledger.save(replace(entry, on_site=_after(entry.on_site, case.quota, now, error)))
        elif entry is not None and case.gives_back is not None and error is None:
            _record_given_back(rows, case, entry, case.gives_back, now)
        if error is not None:
            _tell_organizers(rows, case, error, now)
            rows.queue.retry(case.job, now + _pause(error, case.job))
            continue
        if case.quota is not None:
            _record_told(rows, case, case.quota, now)
        if case.registration.models_unwanted_since is not None:
            _record_cleared(rows, case, now)
        rows.queue.done(case.job)


def _after(known: OnSite, quota: Quota, now: datetime, error: ProvisioningError | None) -> OnSite:
    """Return what is known of the site now; a call in vain may have arrived all the same."""
    if error is not None:
        return replace(known, quota=None, untold_since=known.untold_since or now)
    return replace(known, quota=quota, told_at=now, untold_since=None)


def _record_told(rows: Rows, case: Case, quota: Quota, now: datetime) -> None:
    key, target = case.registration.key, case.grant.target
    hours, models = str(quota.training_hours), str(quota.models)
    audit(rows, now, "bot", "allotted", key, case.event, target=target, hours=hours, models=models)
    if not case.registration.is_ready:
        rows.queue.put(Work.SETTLE, str(key), now)


def _record_given_back(rows: Rows, case: Case, entry: Entry, allowance: Allowance, now: datetime) -> None:
    """Write that an account is as it was; an entry that stood for nothing else any more goes."""
    if entry.needed_by:  # they came back meanwhile: the site is told again
        rows.ledger.save(replace(entry, on_site=replace(entry.on_site, quota=None)))
    elif entry.present_before:
        rows.ledger.delete(entry)
    else:
        rows.ledger.save(replace(entry, on_site=NOTHING_KNOWN))
    minutes, models = str(allowance.minutes), str(allowance.models)
    key, target = case.registration.key, case.grant.target
    audit(rows, now, "bot", "given-back", key, case.event, target=target, minutes=minutes, models=models)


def _record_cleared(rows: Rows, case: Case, now: datetime) -> None:
    """Write that the models are gone; those of whom it was said once more meanwhile are looked at again."""
    current = rows.registrations.get(case.registration.key)
    if current is not None and current.models_unwanted_since == case.registration.models_unwanted_since:
        rows.registrations.save(replace(current, models_unwanted_since=None))
        audit(rows, now, "bot", "cleared", current.key, case.event, target=case.grant.target)


def _tell_organizers(rows: Rows, case: Case, error: ProvisioningError, now: datetime) -> None:
    says = "organizers-models-left"
    if case.quota is not None:
        says = "organizers-quota-untold"
    elif case.gives_back is not None:
        says = "organizers-quota-not-back"
    what = f"{says}:{error.code}:{now:%Y%m%d}"  # what meets all of them is one message a day
    told = {"code": error.code, "target": case.grant.target}
    post_to_organizers(rows, case.event, says, what, now, told)


def _pause(error: ProvisioningError, job: Job) -> timedelta:
    advice = error.retry_after if isinstance(error, Unavailable) else None
    return timedelta(seconds=advice) if advice else backoff(job.attempts, ceiling=LONGEST_PAUSE)
