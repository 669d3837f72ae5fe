"""What racers have used, as the racing sites of an event know it: read, kept, and told where it is much.

A reading is kept in the ledger, where whoever asks in chat is answered from. What it means (a word to a
racer, the organizers' feed, a quota to be put right) is owed in the same unit of work, so that no restart and
no second process owes it twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning.deciding import wants_racing
from provisioning.events import DeepRacerOnAws, Event, Quota
from provisioning.ids import PersonId, RegistrationKey
from provisioning.platform import Profile, RacingPlatform
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Work
from provisioning.quotas import NEAR, OnSite, Used, month_of
from provisioning.recording import audit, owe_note, post_to_organizers
from provisioning.registrations import Registration
from provisioning.roster import everybody
from provisioning.tending import allowance, quotas_of

LAG = timedelta(minutes=1)  # so long a list may still show what held before a site was told another quota
TOGETHER = 200  # racers whose readings are kept in one unit of work
SAYS = {level: f"used-{level}" for level in NEAR}  # what racers are told at each level


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reading of a racer's profile comes to.

    `level`: the one of which they have not heard yet, 0 for none. `is_altered`: somebody else has changed
    the quota at the site.
    """

    on_site: OnSite
    level: int = 0
    is_altered: bool = False


class Usage:
    """Looks up what has been used of quotas."""

    def __init__(self, store: Store, platform: Callable[[], RacingPlatform | None], clock: Clock) -> None:
        """Take the way to the platform; None where the bot has no user of its own on the sites."""
        self._store = store
        self._platform = platform
        self._clock = clock

    def of(self, event: Event) -> Mapping[PersonId, Quota]:
        """Return what racers of this event have used and reserved this month, begun hours as whole ones.

        Who is missing used nothing, as far as is known: without a racing site nothing is. Keeps what it read,
        and owes what that means. Raises what `RacingPlatform` does while a site does not tell.
        """
        grants = [grant for grant in event.grants if isinstance(grant, DeepRacerOnAws)]
        platform = self._platform() if grants else None
        if platform is None:
            return {}
        used: dict[PersonId, Quota] = {}
        for grant in grants:
            at = self._clock.now()
            for key, profile in self.keep(event, grant, platform.profiles(grant), at).items():
                hours = -(-(profile.minutes_used + profile.minutes_queued) // 60)
                used[key.person_id] = Quota(hours, profile.models)
        return used

    def keep(
        self, event: Event, grant: DeepRacerOnAws, profiles: Sequence[Profile], at: datetime
    ) -> Mapping[RegistrationKey, Profile]:
        """Keep what everybody's profile at this site showed at this moment; returns those of the event."""
        people = self._store.read(lambda rows: people_at(rows, event, grant))
        found = {RegistrationKey(event.id, people[one.id]): one for one in profiles if one.id in people}
        self._keep(event, grant, found, at)
        return found

    def _keep(
        self, event: Event, grant: DeepRacerOnAws, found: Mapping[RegistrationKey, Profile], at: datetime
    ) -> None:
        """Keep these readings, some hundreds at a time; what is as it was needs no writing."""
        new = self._store.read(
            lambda rows: [key for key in found if _read(rows, event, grant, key, found[key], at) is not None]
        )
        for start in range(0, len(new), TOGETHER):
            page = {key: found[key] for key in new[start : start + TOGETHER]}
            self._store.run(lambda rows, page=page: record(rows, event, grant, page, at)).result()  # type: ignore[misc]


def record(
    rows: Rows, event: Event, grant: DeepRacerOnAws, found: Mapping[RegistrationKey, Profile], at: datetime
) -> None:
    """Keep what these profiles showed at this moment, and owe what it means to racers and organizers."""
    reached: Counter[int] = Counter()
    altered = 0
    for key, profile in found.items():
        reading = _read(rows, event, grant, key, profile, at)
        registration, entry = rows.registrations.get(key), rows.ledger.get(grant.target, key.person_id)
        if reading is None or registration is None or entry is None:
            continue
        rows.ledger.save(replace(entry, on_site=reading.on_site))
        if reading.level:
            owe_note(rows, registration, SAYS[reading.level], month_of(at), at)
            reached[reading.level] += 1
        if reading.is_altered:
            minutes, models = str(profile.allowance.minutes), str(profile.allowance.models)
            target = grant.target
            audit(rows, at, "site", "altered", key, event, target=target, minutes=minutes, models=models)
            altered += 1
        if quotas_of(rows, registration, event, at).get(grant.target) != reading.on_site.quota:
            rows.queue.ensure(Work.TEND, str(key), at)
    told = [("organizers-usage", str(level), count) for level, count in sorted(reached.items())]
    told += [("organizers-quota-altered", "", altered)] if altered else []
    for says, level, count in told:
        facts = {"count": str(count), "level": level}
        post_to_organizers(rows, event, says, f"{says}:{level}:{at.isoformat()}", at, facts)


def read(known: OnSite, profile: Profile, quota: Quota, at: datetime) -> Reading:
    """Return what this profile, as it was read at this moment, comes to for somebody with this quota."""
    used = Used(
        month_of(at), profile.minutes_used, profile.minutes_queued, profile.models, profile.storage_bytes
    )
    is_fresh = known.told_at is not None and known.told_at + LAG <= at
    # What is wanted may be there already, told a moment ago by somebody who has yet to write that down.
    is_ours = profile.allowance in {allowance(known.quota or quota), allowance(quota)}
    is_altered = known.quota is not None and is_fresh and not is_ours
    level = used.level_in(quota)
    is_news = level > known.warned_at(at)
    after = replace(
        known,
        quota=None if is_altered else known.quota,
        used=used,
        warned_in=month_of(at) if is_news else known.warned_in,
        warned=level if is_news else known.warned,
    )
    return Reading(after, level if is_news else 0, is_altered)


def used_of(rows: Rows, registration: Registration, event: Event, now: datetime) -> Used | None:
    """Return what this racer has used this month, as it was read last; None where nothing is known."""
    for grant in event.grants:
        if isinstance(grant, DeepRacerOnAws):
            entry = rows.ledger.get(grant.target, registration.key.person_id)
            return None if entry is None else entry.on_site.used_in(now)
    return None


def _read(
    rows: Rows,
    event: Event,
    grant: DeepRacerOnAws,
    key: RegistrationKey,
    profile: Profile,
    at: datetime,
) -> Reading | None:
    """Return what is to be kept of this racer; None for whoever is out, and where nothing is new."""
    registration, entry = rows.registrations.get(key), rows.ledger.get(grant.target, key.person_id)
    if registration is None or entry is None or not wants_racing(registration, event, at):
        return None
    wanted = quotas_of(rows, registration, event, at).get(grant.target)
    if wanted is None:
        return None
    reading = read(entry.on_site, profile, wanted, at)
    is_due = reading.on_site.quota != wanted
    return reading if is_due or reading.on_site != entry.on_site else None


def people_at(rows: Rows, event: Event, grant: DeepRacerOnAws) -> Mapping[str, PersonId]:
    """Return who of the event has which profile at the site of the grant."""
    found = ((one.progress.get(grant.target), one.key.person_id) for one in everybody(rows, event.id))
    return {at.subject: person for at, person in found if at is not None and at.subject is not None}
