"""What is wanted of a registration, and what it needs next."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from provisioning.deciding import (
    AFTER_A_CYCLE,
    DAILY,
    Action,
    Add,
    BecomeGone,
    BecomeReady,
    CheckRacer,
    Confirm,
    Rest,
    TakeSeat,
    VerifyGone,
    Withdraw,
    decide,
    wants_racing,
)
from provisioning.events import Event
from provisioning.ids import TargetId
from provisioning.ledger import Entry
from provisioning.registrations import Registration, Step
from provisioning.requests import Wish
from tests.unit.provisioning.any_registration import EVENTS, ledgers, registrations
from tests.unit.provisioning.spring_cup import (
    DAY,
    EFFECT,
    HOUR,
    MINUTE,
    NOON,
    OTHER_RECORD,
    RECORD,
    REMOVED,
    SECOND,
    SUSPENDED,
    ada,
    at,
    broken,
    entry,
    gone,
    ready,
    spring_cup,
)

CUP = spring_cup()
OVER = spring_cup(ends=NOON)


def doubted(grant: Any, **doubts: datetime) -> dict[TargetId, Entry]:
    return {grant.target: entry(grant, **doubts)}


# --- what is wanted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registration", "event", "wanted"),
    [
        pytest.param(ada(), CUP, True, id="who asked to race races"),
        pytest.param(ada(wish=Wish.GONE), CUP, False, id="who asked to leave does not"),
        pytest.param(ada(hold=SUSPENDED), CUP, False, id="nor who is suspended"),
        pytest.param(ada(hold=REMOVED), CUP, False, id="nor who is removed"),
        pytest.param(ada(), OVER, False, id="nor anybody when the event has ended"),
        pytest.param(ada(), spring_cup(closes=NOON), True, id="a closed event goes on for its racers"),
        pytest.param(ada(), spring_cup(opens=NOON + DAY), True, id="an event not yet open may have racers"),
    ],
)
def test_wish_hold_and_the_end_of_the_event_decide_who_races(
    registration: Registration, event: Event, wanted: bool
) -> None:
    assert wants_racing(registration, event, NOON) is wanted


# --- what comes next ----------------------------------------------------------------------------------------

JOINING = [
    pytest.param(ada(), CUP, {}, TakeSeat(), id="who has no place takes one"),
    pytest.param(ada(has_seat=True), CUP, {}, Add(RECORD), id="with a place, the first grant is added"),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED)), CUP, {}, Add(EFFECT), id="then the next in order"
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.INTENDED)),
        CUP,
        {},
        Add(RECORD),
        id="an add that was only intended is made",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.WITHDRAWING, Step.CONFIRMED)),
        CUP,
        {},
        Add(RECORD),
        id="a removal that was under way is made good",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.WITHDRAWN, Step.ABSENT)),
        CUP,
        {},
        Add(RECORD),
        id="who comes back is added again",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.ADDED)),
        CUP,
        {},
        Confirm(EFFECT),
        id="access is confirmed where it takes effect, the record is not",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED)),
        spring_cup(RECORD),
        {},
        Confirm(RECORD),
        id="a record that feeds nothing is confirmed itself",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.ADDED)),
        CUP,
        doubted(RECORD, remove_may_land_until=NOON),
        Confirm(RECORD),
        id="a record that an unanswered removal may have ended is confirmed too",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.ADDED)),
        CUP,
        doubted(RECORD, remove_may_land_until=NOON + SECOND),
        Rest(NOON + SECOND),
        id="while a removal may land, confirming would settle nothing",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.CONFIRMED)),
        CUP,
        doubted(EFFECT, remove_may_land_until=NOON + SECOND),
        Rest(NOON + SECOND),
        id="what was confirmed while a removal may land is not believed",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.CONFIRMED)),
        CUP,
        {},
        BecomeReady(),
        id="with everything confirmed, they are ready",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED, Step.CONFIRMED)),
        CUP,
        doubted(EFFECT, add_may_land_until=NOON + MINUTE),
        BecomeReady(),
        id="an older add that may still land can only help",
    ),
    pytest.param(
        ada(), spring_cup(broken=broken()), {}, Rest(NOON + 5 * MINUTE), id="a broken event is waited for"
    ),
    pytest.param(
        ada(has_seat=True, problem="DR-241"), CUP, {}, Rest(NOON + HOUR), id="who is refused is tried hourly"
    ),
    pytest.param(
        ada(has_seat=True, problem="DR-241", wake_at=NOON + MINUTE),
        CUP,
        {},
        Rest(NOON + MINUTE),
        id="not before it is time",
    ),
    pytest.param(ada(has_seat=True, problem="DR-241", wake_at=NOON), CUP, {}, Add(RECORD), id="and then is"),
    pytest.param(
        ada(has_seat=True, problem="DR-500"),
        CUP,
        {},
        Add(RECORD),
        id="a problem of ours is no reason to stop trying",
    ),
    pytest.param(
        ada(has_seat=True, problem="DR-999"), CUP, {}, Add(RECORD), id="nor is a code that nobody knows"
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED), checked_at=NOON - DAILY),
        spring_cup(broken=broken(EFFECT.target)),
        {},
        CheckRacer(),
        id="who has some of it already is checked daily while the rest is broken",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.ADDED), checked_at=NOON - DAILY, problem="DR-241"),
        CUP,
        {},
        CheckRacer(),
        id="or refused",
    ),
    pytest.param(
        ada(checked_at=NOON - DAILY), CUP, {}, CheckRacer(), id="who waited for a place is checked before it"
    ),
    pytest.param(
        gone(wish=Wish.RACING, checked_at=NOON - DAILY),
        CUP,
        {},
        TakeSeat(),
        id="whose event goes on after its end begins with a place",
    ),
    pytest.param(
        gone(wish=Wish.RACING, checked_at=NOON - DAILY, gone_at=None, has_seat=True),
        CUP,
        {},
        CheckRacer(),
        id="and is checked next",
    ),
]

RACING = [
    pytest.param(ready(), CUP, {}, Rest(NOON + DAILY), id="who is ready is checked a day later"),
    pytest.param(
        ready(checked_at=NOON - DAILY), CUP, {}, CheckRacer(), id="and is checked when the day is over"
    ),
    pytest.param(
        ready(checked_at=None), CUP, {}, Rest(NOON + DAILY), id="without a check yet, ready counts as one"
    ),
    pytest.param(
        ready(missing_since=NOON),
        CUP,
        {},
        Rest(NOON + AFTER_A_CYCLE),
        id="who was missing is looked at after a cycle",
    ),
    pytest.param(
        ready(missing_since=NOON - AFTER_A_CYCLE), CUP, {}, CheckRacer(), id="and then checked again"
    ),
    pytest.param(
        ready(), spring_cup(ends=NOON + HOUR), {}, Rest(NOON + HOUR), id="nobody rests past the event's end"
    ),
    pytest.param(
        ready(), spring_cup(broken=broken()), {}, Rest(NOON + DAILY), id="a broken event leaves racers alone"
    ),
    pytest.param(
        ready(),
        spring_cup(RECORD, EFFECT, OTHER_RECORD),
        {},
        Add(OTHER_RECORD),
        id="a grant the event has got since is added",
    ),
    pytest.param(
        ready(checked_at=NOON - DAILY),
        spring_cup(RECORD, EFFECT, OTHER_RECORD),
        {},
        CheckRacer(),
        id="the daily check does not wait for it",
    ),
    pytest.param(
        ready(checked_at=NOON - DAILY),
        spring_cup(RECORD, retired=(EFFECT,)),
        {},
        CheckRacer(),
        id="nor for what is to be withdrawn",
    ),
    pytest.param(
        ready(),
        spring_cup(RECORD, retired=(EFFECT,)),
        {},
        Confirm(RECORD),
        id="a record that feeds nothing any more is read back itself",
    ),
    pytest.param(
        ready(progress=at(Step.CONFIRMED, Step.CONFIRMED)),
        spring_cup(RECORD, retired=(EFFECT,)),
        {},
        Withdraw(EFFECT),
        id="then the grant the event has retired is withdrawn",
    ),
    pytest.param(
        ready(progress=at(Step.CONFIRMED, Step.ABSENT)),
        spring_cup(RECORD, retired=(EFFECT,)),
        {},
        Rest(NOON + DAILY),
        id="and then forgotten",
    ),
]

LEAVING = [
    pytest.param(
        ready(wish=Wish.GONE), CUP, {}, Withdraw(EFFECT), id="who leaves loses the effect before the record"
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.ADDED, Step.WITHDRAWN)),
        CUP,
        {},
        Withdraw(RECORD),
        id="then the record",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.ADDED, Step.WITHDRAWING)),
        CUP,
        {},
        Withdraw(EFFECT),
        id="a removal of unknown outcome is made again",
    ),
    pytest.param(
        ada(wish=Wish.GONE, has_seat=True, progress=at(Step.INTENDED)),
        CUP,
        {},
        Withdraw(RECORD),
        id="an add that was only intended is undone as well",
    ),
    pytest.param(ready(hold=SUSPENDED), CUP, {}, Withdraw(EFFECT), id="who is suspended loses access"),
    pytest.param(ready(hold=REMOVED), CUP, {}, Withdraw(EFFECT), id="who is removed loses access"),
    pytest.param(ready(), OVER, {}, Withdraw(EFFECT), id="everybody does when the event ends"),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.WITHDRAWN, Step.WITHDRAWN)),
        CUP,
        {},
        VerifyGone(EFFECT),
        id="with everything withdrawn it is read back",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.WITHDRAWN, Step.WITHDRAWN)),
        CUP,
        doubted(EFFECT, add_may_land_until=NOON + MINUTE),
        VerifyGone(RECORD),
        id="first what no add may bring back",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.WITHDRAWN, Step.WITHDRAWN)),
        CUP,
        doubted(EFFECT, add_may_land_until=NOON + MINUTE) | doubted(RECORD, add_may_land_until=NOON + SECOND),
        Rest(NOON + SECOND),
        id="and nothing before an unanswered add can land no more",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.WITHDRAWN, Step.WITHDRAWN)),
        CUP,
        doubted(EFFECT, add_may_land_until=NOON),
        VerifyGone(EFFECT),
        id="from that moment on it is read",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.ABSENT, Step.ABSENT)),
        CUP,
        {},
        BecomeGone(),
        id="with nothing left they are gone",
    ),
    pytest.param(
        ready(wish=Wish.GONE, progress=at(Step.KEPT, Step.KEPT)),
        CUP,
        {},
        BecomeGone(),
        id="what is not ours is left to them",
    ),
    pytest.param(
        ada(has_seat=True, progress=at(Step.KEPT, Step.KEPT)),
        CUP,
        {},
        Add(RECORD),
        id="what was left to them is asked for again by who comes back",
    ),
    pytest.param(ada(wish=Wish.GONE), CUP, {}, BecomeGone(), id="who never had anything is gone at once"),
    pytest.param(gone(has_seat=True), CUP, {}, BecomeGone(), id="a place that was kept is given back"),
    pytest.param(gone(), CUP, {}, Rest(NOON + 45 * MINUTE), id="who is gone is looked at after a SCIM cycle"),
    pytest.param(gone(gone_recheck_at=NOON), CUP, {}, VerifyGone(RECORD), id="and once more read back then"),
    pytest.param(gone(gone_recheck_at=None), CUP, {}, Rest(None), id="after that they rest for good"),
    pytest.param(
        gone(wish=Wish.RACING), OVER, {}, Rest(NOON + 45 * MINUTE), id="so does who raced to the end"
    ),
]


@pytest.mark.parametrize(("registration", "event", "entries", "action"), [*JOINING, *RACING, *LEAVING])
def test_the_next_thing_to_do(
    registration: Registration, event: Event, entries: Mapping[TargetId, Entry], action: Action
) -> None:
    assert decide(registration, event, entries, NOON) == action


# --- what is true of every decision -------------------------------------------------------------------------


def in_place(registration: Registration, target: TargetId) -> bool:
    progress = registration.progress.get(target)
    return progress is not None and progress.step in {Step.ADDED, Step.CONFIRMED}


@given(registrations(), EVENTS, ledgers())
def test_ready_is_decided_only_when_all_is_in_place_confirmed_and_safe_from_removals(
    registration: Registration, event: Event, entries: dict[TargetId, Entry]
) -> None:
    if decide(registration, event, entries, NOON) != BecomeReady():
        return
    assert wants_racing(registration, event, NOON)
    assert registration.has_seat
    for grant in event.grants:
        assert in_place(registration, grant.target)
        known = entries.get(grant.target)
        assert known is None or not known.may_yet_vanish(NOON)
        confirmed = registration.progress[grant.target].step is Step.CONFIRMED
        assert confirmed or event.takes_effect_elsewhere(grant)


@given(registrations(), EVENTS, ledgers())
def test_gone_is_decided_only_when_nothing_is_left(
    registration: Registration, event: Event, entries: dict[TargetId, Entry]
) -> None:
    if decide(registration, event, entries, NOON) != BecomeGone():
        return
    assert not wants_racing(registration, event, NOON)
    known = [
        registration.progress[grant.target]
        for grant in (*event.grants, *event.retired)
        if grant.target in registration.progress
    ]
    assert all(progress.step in {Step.ABSENT, Step.KEPT} for progress in known)


@given(registrations(), EVENTS, ledgers())
def test_nobody_is_read_as_gone_while_an_add_may_land(
    registration: Registration, event: Event, entries: dict[TargetId, Entry]
) -> None:
    action = decide(replace(registration, gone_recheck_at=None), event, entries, NOON)
    if isinstance(action, VerifyGone):
        known = entries.get(action.grant.target)
        assert known is None or not known.may_yet_appear(NOON)


@given(registrations(), EVENTS, ledgers())
def test_who_is_not_to_race_is_never_added_and_who_is_loses_nothing_the_event_grants(
    registration: Registration, event: Event, entries: dict[TargetId, Entry]
) -> None:
    action = decide(registration, event, entries, NOON)
    if wants_racing(registration, event, NOON):
        assert not isinstance(action, BecomeGone)
        assert not (isinstance(action, Withdraw) and action.grant in event.grants)
    else:
        assert not isinstance(action, TakeSeat | Add | Confirm | BecomeReady | CheckRacer)


@given(registrations(), EVENTS, ledgers())
def test_a_rest_ends_in_the_future_or_not_at_all(
    registration: Registration, event: Event, entries: dict[TargetId, Entry]
) -> None:
    action = decide(registration, event, entries, NOON)
    if isinstance(action, Rest):
        assert action.until is None or action.until > NOON
