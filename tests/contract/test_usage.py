"""What is used, as a site tells it: kept, told once to who comes near the limit, put right where altered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.closing import Stored, counted, stored_by
from provisioning.errors import SiteUnavailable
from provisioning.events import DeepRacerOnAws, Quota
from provisioning.ledger import Entry
from provisioning.outbox import Notice
from provisioning.platform import Allowance, Profile, RacingPlatform
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.quotas import OnSite, Used
from provisioning.registrations import Hold
from provisioning.usage import LAG, Usage, read, used_of
from tests.contract.samples import MORNING, SPRING, SetClock, an_event, person
from tests.contract.test_tending import AT_SITE, SITE, enrolled, on_site, queued

ALLOWED = Allowance(600, 5)
MARCH = "2027-03"


def profile(minutes: int = 0, queued: int = 0, allowed: Allowance = ALLOWED, number: int = 1) -> Profile:
    return Profile(f"racer{number}", "Ada", allowed, minutes, queued, 2, 5_000)


class Site:
    """A racing site with these racers."""

    def __init__(self, *profiles: Profile) -> None:
        self.rows: Sequence[Profile] = profiles

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        if not self.rows:
            raise SiteUnavailable(reason="down")
        return self.rows


def usage(store: Store, site: Site | None, clock: SetClock) -> Usage:
    return Usage(store, lambda: cast("RacingPlatform | None", site), clock)


def told(store: Store) -> list[Notice]:
    """Return what is owed to racers and organizers, in the order of the ids."""

    def read_all(rows: Any) -> list[Notice]:
        jobs = rows.queue.lease(Work.SPEAK, 100, "me", MORNING + timedelta(days=60), MORNING)
        return sorted((rows.outbox.get(job.key) for job in jobs), key=lambda one: str(one.id))

    return store.run(read_all).result()


@pytest.fixture
def cup(store: Store, clock: SetClock) -> Any:
    """An event with one racer, whose quota the site was told long ago."""
    event = an_event(grants=(SITE,), organizer_channel="slack:C1")
    store.run(lambda rows: rows.events.save(event)).result()
    enrolled(store)

    def tell(rows: Any) -> None:
        entry = rows.ledger.get(SITE.target, person(1))
        rows.ledger.save(replace(entry, on_site=OnSite(Quota(10, 5), MORNING - LAG)))
        for job in rows.queue.lease(Work.TEND, 9, "me", MORNING, MORNING):
            rows.queue.done(job)

    store.run(tell).result()
    return store.read(lambda rows: rows.events.get(SPRING))


def test_a_reading_is_kept_and_one_that_is_the_same_writes_nothing(
    store: Store, clock: SetClock, cup: Any
) -> None:
    site = Site(profile(100, 21), profile(number=9))
    assert usage(store, site, clock).of(cup) == {person(1): Quota(3, 2)}
    assert on_site(store).used == Used(MARCH, 100, 21, 2, 5_000)

    before = store.read(lambda rows: rows.ledger.get(SITE.target, person(1)))
    usage(store, site, clock).of(cup)
    assert store.read(lambda rows: rows.ledger.get(SITE.target, person(1))) == before
    assert (told(store), queued(store, Work.TEND)) == ([], 0)


def test_each_level_is_told_once_to_the_racer_and_the_organizers_and_again_next_month(
    store: Store, other: Store, clock: SetClock, cup: Any
) -> None:
    for minutes in (479, 480, 590, 600, 480, 600):  # more hours and then fewer again are no news either
        for each in (store, other):
            usage(each, Site(profile(minutes)), clock).of(cup)
    clock.moment = datetime(2027, 4, 1, tzinfo=UTC)
    usage(other, Site(profile(600)), clock).of(cup)

    says = [notice.says for notice in told(store)]
    assert sorted(says) == [*["organizers-usage"] * 3, *["used-100"] * 2, "used-80"]


def test_an_organizers_channel_that_wants_no_usage_hears_none(
    store: Store, clock: SetClock, cup: Any
) -> None:
    silent = store.run(lambda rows: rows.events.save(replace(cup, feed=()))).result()
    usage(store, Site(profile(480)), clock).of(silent)
    assert [notice.says for notice in told(store)] == ["used-80"]


def test_a_quota_that_somebody_changed_at_the_site_is_put_back_and_told_of(
    store: Store, clock: SetClock, cup: Any
) -> None:
    usage(store, Site(profile(allowed=Allowance(None, 5))), clock).of(cup)

    assert on_site(store).quota is None
    assert queued(store, Work.TEND) == 1
    assert [notice.says for notice in told(store)] == ["organizers-quota-altered"]
    (line,) = [line for line in store.read(lambda rows: rows.audit.lines()) if line.action == "altered"]
    assert (line.facts["minutes"], line.facts["models"]) == ("None", "5")


def test_what_a_list_shows_just_after_the_site_was_told_is_not_held_against_anybody() -> None:
    known = OnSite(Quota(10, 5), MORNING)
    late = profile(allowed=Allowance(None, None))
    assert not read(known, late, Quota(10, 5), MORNING + LAG / 2).is_altered
    assert read(known, late, Quota(10, 5), MORNING + LAG).is_altered
    told_another = profile(allowed=Allowance(1200, 5))
    assert not read(known, told_another, Quota(20, 5), MORNING + LAG).is_altered


def test_nobody_who_is_out_is_warned_and_nobody_without_a_site_is_known(
    store: Store, clock: SetClock, cup: Any
) -> None:
    enrolled(store, 2, hold=Hold("suspended", "organizer", MORNING))
    usage(store, Site(profile(600, number=2)), clock).of(cup)
    assert told(store) == []
    assert usage(store, None, clock).of(cup) == {}
    with pytest.raises(SiteUnavailable):
        usage(store, Site(), clock).of(cup)


def test_a_key_that_got_lost_is_queued_again(store: Store, clock: SetClock, cup: Any) -> None:
    def forget(rows: Any) -> None:
        entry: Entry = rows.ledger.get(SITE.target, person(1))
        rows.ledger.save(replace(entry, on_site=OnSite()))

    store.run(forget).result()
    usage(store, Site(profile()), clock).of(cup)
    assert queued(store, Work.TEND) == 1


def test_a_new_month_begins_at_nothing(store: Store, clock: SetClock, cup: Any) -> None:
    usage(store, Site(profile(300)), clock).of(cup)
    racer = store.read(lambda rows: rows.registrations.of_event(SPRING, None, 1))[0]
    assert racer.progress == AT_SITE

    def known(at: datetime) -> Used | None:
        return store.read(lambda rows: used_of(rows, racer, cup, at))

    assert known(MORNING) == Used(MARCH, 300, 0, 2, 5_000)
    assert known(datetime(2027, 4, 1, tzinfo=UTC)) == Used("2027-04", stored=5_000)


def test_what_is_stored_is_told_when_the_event_ends_by_racers_and_size(
    store: Store, clock: SetClock, cup: Any
) -> None:
    enrolled(store, 2)
    usage(store, Site(profile(), replace(profile(number=2), storage_bytes=0)), clock).of(cup)
    racers = store.read(lambda rows: rows.registrations.of_event(SPRING, None, 9))

    assert store.read(lambda rows: stored_by(rows, cup, racers)) == Stored(1, 1)
    assert store.read(lambda rows: counted(rows, cup)).stored == Stored(1, 1)


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 20))
def test_what_is_left_is_never_below_nothing_and_the_level_follows_what_is_used(
    minutes: int, queued: int, hours: int
) -> None:
    used, quota = Used(MARCH, minutes, queued), Quota(hours, 1)
    assert used.left_of(quota) == max(0, hours * 60 - minutes - queued)
    assert used.level_in(quota) in {0, 80, 100}
    assert (used.level_in(quota) == 100) == (0 < hours * 60 <= minutes)
