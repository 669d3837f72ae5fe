"""Holds: whatever state a registration is in, a hold keeps out, and lifting it gives back the wish."""

from hypothesis import given
from hypothesis import strategies as st

from provisioning.deciding import CheckRacer, Rest, Stage, Withdraw, decide, stage_of, wants_racing
from provisioning.events import Event
from provisioning.hold_changes import held, lifted
from provisioning.registrations import Hold, Registration, Step, Told
from provisioning.requests import Wish
from tests.unit.provisioning.any_registration import EVENTS, registrations
from tests.unit.provisioning.spring_cup import (
    EFFECT,
    MINUTE,
    NOON,
    RECORD,
    SUSPENDED,
    ada,
    at,
    entry,
    gone,
    ready,
    spring_cup,
)

HOLDS = st.builds(
    Hold, st.sampled_from(["suspended", "removed"]), st.just("0a0a"), st.just(NOON), st.text(max_size=9)
)
CUP = spring_cup()
LEDGER = {grant.target: entry(grant) for grant in (RECORD, EFFECT)}


@given(registrations(), HOLDS, EVENTS)
def test_whoever_is_held_does_not_race_and_keeps_their_wish(
    racer: Registration, hold: Hold, event: Event
) -> None:
    after = held(racer, hold, NOON)

    assert not wants_racing(after, event, NOON)
    assert after.wish is racer.wish
    assert after.progress == racer.progress
    assert not after.is_ready
    assert stage_of(after, event, NOON) in {Stage.LEAVING, Stage.SUSPENDED, Stage.REMOVED}


@given(registrations(), HOLDS, EVENTS)
def test_whoever_is_let_in_again_wants_what_they_wanted(
    racer: Registration, hold: Hold, event: Event
) -> None:
    after = lifted(held(racer, hold, NOON), event, NOON)

    assert after.hold is None
    assert (after.wish, after.asked_at, after.quota) == (racer.wish, racer.asked_at, racer.quota)
    assert wants_racing(after, event, NOON) is (racer.wish is Wish.RACING and event.phase(NOON) != "ended")
    assert not after.is_ready


def test_access_ends_where_it_takes_effect_before_where_it_is_recorded() -> None:
    suspended = held(ready(), SUSPENDED, NOON)

    assert decide(suspended, CUP, LEDGER, NOON) == Withdraw(EFFECT)
    half = held(ready(progress=at(Step.ADDED, Step.WITHDRAWN)), SUSPENDED, NOON)
    assert decide(half, CUP, LEDGER, NOON) == Withdraw(RECORD)


def test_the_directory_is_asked_again_before_access_comes_back() -> None:
    away = gone(wish=Wish.RACING, hold=SUSPENDED, checked_at=NOON)

    assert decide(lifted(away, CUP, NOON + MINUTE), CUP, LEDGER, NOON + MINUTE) == CheckRacer()


def test_whoever_had_left_stays_away_without_another_farewell() -> None:
    after = lifted(gone(hold=SUSPENDED, gone_recheck_at=None), CUP, NOON)

    assert stage_of(after, CUP, NOON) is Stage.GONE
    assert after.told is Told.GONE
    assert decide(after, CUP, {}, NOON) == Rest(None)


def test_somebody_who_waits_in_line_is_held_as_well() -> None:
    after = held(ada(waiting_for="seat", told=Told.IN_LINE), SUSPENDED, NOON)

    assert stage_of(after, CUP, NOON) is Stage.LEAVING
    assert after.waiting_for is None
