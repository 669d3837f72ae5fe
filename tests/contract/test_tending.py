"""Tending: a site is told what racers may use, once, whoever dies when; "ready" waits for it for a while."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from provisioning.audit import Line
from provisioning.deciding import QUOTA_PATIENCE, BecomeReady, CheckRacer, Rest, Tend, decide
from provisioning.errors import ProvisioningError, SiteFirewalled, SiteUnavailable
from provisioning.events import DeepRacerOnAws, Quota
from provisioning.ids import EventId, PersonId
from provisioning.ledger import Entry, intend
from provisioning.platform import Allowance, Model, Profile, RacingPlatform
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.quotas import OnSite
from provisioning.registrations import Hold, Progress, Registration, Step
from provisioning.requests import Wish
from provisioning.tending import LISTED_FROM, MOST_IN_VAIN, Tender, quotas_of
from tests.contract.samples import AUTUMN, MORNING, SPRING, SetClock, a_registration, after, an_event, person

SITE = DeepRacerOnAws("https://racing.example.com")
UNLIMITED = Allowance(None, None)


class Site:
    """A racing site on which everybody begins with no limit."""

    def __init__(self) -> None:
        self.allowances: dict[str, Allowance] = {}
        self.theirs: set[str] = set()
        self.told: list[str] = []
        self.listed = 0
        self.garage: list[Model] = []
        self.deletions = 0
        self.error: ProvisioningError | None = None

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        self.listed += 1
        return [Profile(one, one, allowed, 0, 0, 0, 0) for one, allowed in self.allowances.items()]

    def is_theirs(self, grant: DeepRacerOnAws, profile_id: str, person_id: PersonId) -> bool:
        return profile_id in self.theirs

    def models(self, grant: DeepRacerOnAws, profile_id: str) -> Sequence[Model]:
        return self.garage

    def delete_models(self, grant: DeepRacerOnAws, profile_id: str) -> None:
        """Delete one at a time, as a site that is too slow for its own gateway does."""
        self.deletions += 1
        self.garage.pop(0)

    def set_allowance(self, grant: DeepRacerOnAws, profile_id: str, allowance: Allowance) -> Allowance:
        self.told.append(profile_id)
        if self.error is not None:
            raise self.error
        self.allowances[profile_id] = allowance
        return allowance


def tender(store: Store, site: Site | None, clock: SetClock) -> Tender:
    return Tender(store, lambda: cast("RacingPlatform | None", site), clock)


def enrolled(store: Store, number: int = 1, event_id: EventId = SPRING, **changes: Any) -> Registration:
    """Let a racer have an account on the site, with a key on the queue."""
    at_site = {SITE.target: Progress(Step.CONFIRMED, MORNING, f"racer{number}")}
    registration = a_registration(number, event_id, **{"has_seat": True, "progress": at_site, **changes})

    def write(rows: Any) -> Registration:
        if rows.events.get(event_id) is None:
            rows.events.save(an_event(event_id, grants=(SITE,)))
        if rows.ledger.get(SITE.target, person(number)) is None:
            rows.ledger.save(Entry(SITE.target, person(number), False, frozenset({event_id})))
        rows.queue.put(Work.TEND, str(registration.key), MORNING)
        return cast("Registration", rows.registrations.save(registration))

    return store.run(write).result()


def on_site(store: Store, number: int = 1) -> OnSite:
    entry = store.read(lambda rows: rows.ledger.get(SITE.target, person(number)))
    assert entry is not None
    return entry.on_site


def queued(store: Store, work: Work) -> int:
    return store.read(lambda rows: rows.queue.depth()[work])


def audited(store: Store) -> list[Line]:
    lines = store.read(lambda rows: rows.audit.lines())
    return [line for line in lines if line.action == "allotted"]


def test_a_site_is_told_the_quota_once_and_whoever_waits_for_it_is_woken(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    racer = enrolled(store)

    assert tender(store, site, clock).round() == 1

    assert site.allowances == {"racer1": Allowance(600, 5)}
    assert on_site(store) == OnSite(Quota(10, 5), MORNING)
    assert [(line.subject, line.facts["hours"], line.facts["models"]) for line in audited(store)] == [
        (str(racer.key), "10", "5")
    ]
    assert (queued(store, Work.TEND), queued(store, Work.SETTLE)) == (0, 1)

    store.run(lambda rows: rows.queue.put(Work.TEND, str(racer.key), MORNING)).result()
    assert tender(store, site, clock).round() == 1
    assert site.told == ["racer1"]


def test_a_quota_of_their_own_and_one_taken_back_are_told_alike(store: Store, clock: SetClock) -> None:
    site, racer = Site(), enrolled(store, quota=Quota(0, 0))
    tender(store, site, clock).round()
    assert site.allowances == {"racer1": Allowance(0, 0)}

    def take_back(rows: Any) -> None:
        rows.registrations.save(replace(racer, quota=None))
        rows.queue.put(Work.TEND, str(racer.key), MORNING)

    store.run(take_back).result()
    tender(store, site, clock).round()
    assert site.allowances == {"racer1": Allowance(600, 5)}


def test_who_races_in_two_events_on_one_site_has_the_most_of_both(store: Store, clock: SetClock) -> None:
    site = Site()
    enrolled(store, quota=Quota(20, 1))
    other = enrolled(store, event_id=AUTUMN, quota=Quota(3, 9))
    tender(store, site, clock).round()
    assert site.allowances == {"racer1": Allowance(1200, 9)}

    held = store.run(
        lambda rows: rows.registrations.save(replace(other, hold=Hold("suspended", "organizer", MORNING)))
    ).result()
    quotas = store.read(lambda rows: quotas_of(rows, held, an_event(AUTUMN, grants=(SITE,)), MORNING))
    assert quotas == {SITE.target: Quota(20, 1)}


def leaves(store: Store, racer: Registration, *, present_before: bool = False) -> None:
    """Let no event need the racer's account any more."""

    def write(rows: Any) -> None:
        entry = rows.ledger.get(SITE.target, racer.key.person_id)
        rows.ledger.save(replace(entry, needed_by=frozenset(), present_before=present_before))
        rows.registrations.save(replace(racer, wish=Wish.GONE, progress={SITE.target: GONE}))
        rows.queue.put(Work.TEND, str(racer.key), MORNING)

    store.run(write).result()


GONE = Progress(Step.ABSENT, MORNING, "racer1")


@pytest.mark.parametrize("present_before", [False, True])
def test_an_account_of_their_own_gets_back_what_it_was_allowed_before(
    store: Store, clock: SetClock, *, present_before: bool
) -> None:
    site = Site()
    site.theirs, site.allowances = {"racer1"}, {"racer1": Allowance(90, None)}
    racer = enrolled(store)
    tender(store, site, clock).round()
    assert site.allowances == {"racer1": Allowance(600, 5)}
    assert on_site(store).before == Allowance(90, None)

    leaves(store, racer, present_before=present_before)
    site.error = SiteUnavailable(reason="timeout")
    tender(store, site, clock).round()
    site.error, clock.moment = None, after(301)
    tender(store, site, clock).round()

    assert site.allowances == {"racer1": Allowance(90, None)}
    assert queued(store, Work.TEND) == 0
    left = store.read(lambda rows: rows.ledger.get(SITE.target, racer.key.person_id))
    assert (left is None) is present_before
    assert left is None or left.on_site == OnSite()
    back = [line.facts for line in store.read(lambda rows: rows.audit.lines()) if line.action == "given-back"]
    assert [(facts["minutes"], facts["models"]) for facts in back] == [("90", "None")]


def test_what_an_account_was_allowed_is_known_before_the_site_is_told_anything(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    site.theirs, site.allowances = {"racer1"}, {"racer1": UNLIMITED}
    enrolled(store)
    site.error = SiteUnavailable(reason="timeout")
    tender(store, site, clock).round()
    assert on_site(store).before == UNLIMITED
    site.allowances["racer1"] = Allowance(600, 5)  # the call arrived all the same

    site.error, clock.moment = None, after(301)
    tender(store, site, clock).round()

    assert on_site(store).before == UNLIMITED


def test_whoever_was_a_racer_before_has_an_account_of_their_own_whatever_its_name(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    site.allowances = {"racer1": UNLIMITED}
    racer = enrolled(store)
    known = store.read(lambda rows: rows.ledger.get(SITE.target, racer.key.person_id))
    assert known is not None
    store.run(lambda rows: rows.ledger.save(replace(known, present_before=True))).result()

    tender(store, site, clock).round()

    assert (site.allowances, on_site(store).before) == ({"racer1": Allowance(600, 5)}, UNLIMITED)


def test_an_account_of_the_bots_making_is_given_nothing_back(store: Store, clock: SetClock) -> None:
    site = Site()
    site.allowances = {"racer1": UNLIMITED}
    racer = enrolled(store)
    tender(store, site, clock).round()
    leaves(store, racer)
    tender(store, site, clock).round()
    assert site.allowances == {"racer1": Allowance(600, 5)}
    assert site.listed == 0


@pytest.mark.parametrize(
    "changes",
    [{"hold": Hold("suspended", "organizer", MORNING)}, {"progress": {}}],
    ids=["held", "no account"],
)
def test_nothing_is_told_of_who_is_to_be_out_or_not_in_yet(
    store: Store, clock: SetClock, changes: dict[str, Any]
) -> None:
    site = Site()
    enrolled(store, **changes)
    assert tender(store, site, clock).round() == 1
    assert (site.told, queued(store, Work.TEND)) == ([], 0)


def test_of_many_the_site_is_read_first_and_only_those_who_differ_are_told(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    for number in range(1, LISTED_FROM + 1):
        enrolled(store, number)
        site.allowances[f"racer{number}"] = Allowance(600, 5)
    site.allowances["racer7"] = UNLIMITED
    del site.allowances["racer8"]  # not listed yet: lists lag behind

    tender(store, site, clock).round()

    assert (site.listed, sorted(site.told)) == (1, ["racer7", "racer8"])
    assert all(on_site(store, number).quota == Quota(10, 5) for number in range(1, LISTED_FROM + 1))


def test_a_site_that_cannot_be_told_is_tried_again_and_told_of_once_a_day(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    site.error = SiteFirewalled(action="PATCH /profile")
    store.run(lambda rows: rows.events.save(an_event(grants=(SITE,), organizer_channel="slack:C1"))).result()
    for number in range(1, 7):
        enrolled(store, number)

    tender(store, site, clock).round()

    assert len(site.told) == MOST_IN_VAIN  # the others are not worth a call
    assert all(on_site(store, number) == OnSite(untold_since=MORNING) for number in range(1, 7))
    assert (queued(store, Work.TEND), queued(store, Work.SPEAK)) == (6, 1)
    site.error = None
    clock.moment = after(301)
    tender(store, site, clock).round()
    assert on_site(store) == OnSite(Quota(10, 5), after(301))
    assert (queued(store, Work.TEND), queued(store, Work.SPEAK)) == (0, 1)


def test_a_change_whose_call_got_no_answer_is_told_again_even_when_it_is_taken_back(
    store: Store, clock: SetClock
) -> None:
    site = Site()
    racer = enrolled(store)
    tender(store, site, clock).round()
    site.error = SiteUnavailable(reason="timeout")

    def give(quota: Quota | None) -> None:
        def write(rows: Any) -> None:
            current = rows.registrations.get(racer.key)
            rows.registrations.save(replace(current, quota=quota))
            rows.queue.put(Work.TEND, str(racer.key), clock.now())

        store.run(write).result()

    give(Quota(99, 99))
    tender(store, site, clock).round()
    site.error = None
    clock.moment = after(301)
    give(None)
    tender(store, site, clock).round()
    assert site.told == ["racer1"] * 3


def test_without_a_user_of_the_bots_own_nothing_is_told_and_nothing_stays_queued(
    store: Store, clock: SetClock
) -> None:
    enrolled(store)
    assert tender(store, None, clock).round() == 1
    assert (queued(store, Work.TEND), on_site(store)) == (0, OnSite())


def a_model(seconds: float) -> Model:
    return Model(f"m{seconds:.0f}", "Lightning", "READY", after(seconds))


@pytest.mark.parametrize("hold", [None, Hold("suspended", "organizer", MORNING)], ids=["racing", "held"])
def test_models_that_are_unwanted_are_deleted_until_none_of_them_is_left(
    store: Store, clock: SetClock, hold: Hold | None
) -> None:
    site = Site()
    site.garage = [a_model(0), a_model(10), a_model(20)]
    racer = enrolled(store, models_unwanted_since=after(10), hold=hold)

    def unwanted() -> object:
        found = store.read(lambda rows: rows.registrations.get(racer.key))
        return found and found.models_unwanted_since

    tender(store, site, clock).round()
    assert (site.deletions, unwanted()) == (1, after(10))
    clock.moment = after(301)
    tender(store, site, clock).round()
    assert (site.garage, unwanted(), queued(store, Work.TEND)) == ([a_model(20)], None, 0)

    store.run(lambda rows: rows.queue.put(Work.TEND, str(racer.key), clock.now())).result()
    tender(store, site, clock).round()
    assert site.deletions == 2
    cleared = [line for line in store.read(lambda rows: rows.audit.lines()) if line.action == "cleared"]
    assert [line.subject for line in cleared] == [str(racer.key)]


# --- when it is due


def decided(registration: Registration, known: OnSite, *, seconds: float = 0.0) -> object:
    entry = Entry(SITE.target, registration.key.person_id, False, frozenset({SPRING}), on_site=known)
    event = an_event(grants=(SITE,))
    return decide(registration, event, {SITE.target: entry}, after(seconds), {SITE.target: Quota(10, 5)})


AT_SITE = {SITE.target: Progress(Step.CONFIRMED, MORNING, "racer1")}
JOINING = a_registration(1, has_seat=True, progress=AT_SITE)
READY = replace(JOINING, ready_at=MORNING, checked_at=MORNING)


def test_ready_waits_for_the_quota_but_not_for_ever() -> None:
    assert decided(JOINING, OnSite()) == Tend(urgent=True)
    assert decided(JOINING, OnSite(), seconds=3600) == Tend(urgent=True)  # it has not been tried yet
    assert decided(JOINING, OnSite(Quota(10, 5), MORNING)) == BecomeReady()
    in_vain = OnSite(untold_since=MORNING)
    assert decided(JOINING, in_vain, seconds=QUOTA_PATIENCE.total_seconds() - 1) == Tend(urgent=True)
    assert decided(JOINING, in_vain, seconds=QUOTA_PATIENCE.total_seconds()) == BecomeReady()


def test_who_is_ready_stays_ready_while_another_quota_is_told_and_is_checked_every_day() -> None:
    assert decided(READY, OnSite(Quota(1, 1), MORNING)) == Tend(urgent=False)
    assert decided(READY, OnSite(Quota(1, 1)), seconds=timedelta(hours=24).total_seconds()) == CheckRacer()
    assert isinstance(decided(READY, OnSite(Quota(10, 5), MORNING)), Rest)


def test_whoever_is_added_anew_is_told_of_anew() -> None:
    known = Entry(SITE.target, person(1), False, frozenset(), on_site=OnSite(Quota(10, 5), MORNING))
    added = intend(known, SITE.target, person(1), SPRING, present=False, may_land_until=after(60))
    assert added.on_site.quota is None
