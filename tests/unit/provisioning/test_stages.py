"""How a registration looks from the racer's side, and what the racer is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.deciding import (
    RESULTS,
    WAITS_FOR_SEAT,
    WAITS_FOR_STORE,
    Stage,
    after_add,
    held_up,
    is_late,
    seated,
    stage_of,
    stepped,
    tell,
    wants_racing,
    withdrawing,
)
from provisioning.events import Event
from provisioning.registrations import Registration, Step, Told
from provisioning.requests import Wish
from tests.unit.provisioning.any_registration import EVENTS, registrations
from tests.unit.provisioning.spring_cup import (
    EFFECT,
    HOUR,
    MINUTE,
    NOON,
    RECORD,
    REMOVED,
    SECOND,
    SUSPENDED,
    ada,
    at,
    broken,
    gone,
    ready,
    spring_cup,
)

CUP = spring_cup()
OVER = spring_cup(ends=NOON)


# --- how it looks -------------------------------------------------------------------------------------------

WAITING_FOR_AWS = {"has_seat": True, "progress": at(Step.ADDED), "waiting_for": WAITS_FOR_STORE}


@pytest.mark.parametrize(
    ("registration", "event", "minutes", "stage"),
    [
        pytest.param(ada(), CUP, 0, Stage.ADDING, id="a new racer is being added"),
        pytest.param(ada(progress=at(Step.ADDED)), CUP, 0, Stage.ADDING, id="until every grant is in place"),
        pytest.param(ada(progress=at(Step.ADDED, Step.INTENDED)), CUP, 0, Stage.ADDING, id="intent is none"),
        pytest.param(
            ada(progress=at(Step.ADDED, Step.ADDED)), CUP, 0, Stage.CONFIRMING, id="then it is confirmed"
        ),
        pytest.param(
            ada(progress=at(Step.ADDED, Step.CONFIRMED)),
            CUP,
            0,
            Stage.CONFIRMING,
            id="not ready before that is recorded",
        ),
        pytest.param(ready(), CUP, 0, Stage.READY, id="ready"),
        pytest.param(ready(), CUP, 9999, Stage.READY, id="who is ready is never late"),
        pytest.param(
            ready(problem="DR-241"), CUP, 0, Stage.READY, id="a refusal later takes nothing from who is ready"
        ),
        pytest.param(ready(), spring_cup(broken=broken()), 0, Stage.READY, id="nor does a broken event"),
        pytest.param(ada(waiting_for=WAITS_FOR_SEAT), CUP, 0, Stage.IN_LINE, id="without a place, in line"),
        pytest.param(
            ada(waiting_for=WAITS_FOR_SEAT), CUP, 9999, Stage.IN_LINE, id="a line is long, nobody is late"
        ),
        pytest.param(ada(**WAITING_FOR_AWS), CUP, 0, Stage.WAITING, id="AWS does not know them yet"),
        pytest.param(ada(**WAITING_FOR_AWS), CUP, 60, Stage.WAITING, id="for a SCIM cycle and more"),
        pytest.param(ada(**WAITING_FOR_AWS), CUP, 61, Stage.LATE, id="but not for ever"),
        pytest.param(ada(), CUP, 15, Stage.ADDING, id="a quarter of an hour is patience"),
        pytest.param(ada(), CUP, 16, Stage.LATE, id="longer is late"),
        pytest.param(ada(problem="DR-241"), CUP, 0, Stage.REFUSED, id="refused where access is given"),
        pytest.param(ada(problem="DR-241"), CUP, 9999, Stage.REFUSED, id="refused is not late"),
        pytest.param(ada(problem="DR-500"), CUP, 0, Stage.ADDING, id="a problem of ours is no refusal"),
        pytest.param(ada(), spring_cup(broken=broken()), 9999, Stage.BROKEN, id="the event is broken"),
        pytest.param(
            ada(problem="DR-241"),
            spring_cup(broken=broken()),
            0,
            Stage.REFUSED,
            id="what the racer can mend comes first",
        ),
        pytest.param(ready(wish=Wish.GONE), CUP, 0, Stage.LEAVING, id="leaving"),
        pytest.param(ready(hold=SUSPENDED), CUP, 0, Stage.LEAVING, id="suspended takes time as well"),
        pytest.param(ready(), OVER, 0, Stage.LEAVING, id="and so does the end"),
        pytest.param(gone(), CUP, 0, Stage.GONE, id="gone"),
        pytest.param(gone(wish=Wish.RACING), OVER, 0, Stage.GONE, id="gone with the event"),
        pytest.param(gone(hold=SUSPENDED), CUP, 0, Stage.SUSPENDED, id="suspended"),
        pytest.param(gone(hold=REMOVED), CUP, 0, Stage.REMOVED, id="removed"),
    ],
)
def test_how_a_registration_looks(
    registration: Registration, event: Event, minutes: int, stage: Stage
) -> None:
    assert stage_of(registration, event, NOON + minutes * MINUTE) is stage


def test_only_who_waits_for_the_directory_is_given_the_time_of_its_cycle() -> None:
    assert is_late(ada(), NOON + 30 * MINUTE)
    assert not is_late(ada(waiting_for=WAITS_FOR_STORE), NOON + 30 * MINUTE)


def test_who_waited_in_line_for_hours_is_not_late_when_a_place_is_theirs() -> None:
    later = NOON + 3 * HOUR
    placed = seated(ada(waiting_for=WAITS_FOR_SEAT, told=Told.IN_LINE, has_seat=True), later)
    assert tell(placed, CUP, later + MINUTE)[0].told is Told.IN_LINE


def test_who_waited_for_the_directory_is_not_late_when_aws_knows_them() -> None:
    later = NOON + 35 * MINUTE
    arrived = after_add(ada(**WAITING_FOR_AWS, told=Told.WAITING), EFFECT.target, later, "subject")
    assert stage_of(arrived, CUP, later + SECOND) is Stage.CONFIRMING


def test_a_mended_event_makes_nobody_late_at_once() -> None:
    later = NOON + 2 * HOUR
    waited = held_up(ada(has_seat=True, told=Told.BROKEN), later - 5 * MINUTE)
    assert stage_of(waited, CUP, later) is Stage.ADDING


def test_who_is_put_back_after_the_end_was_put_off_is_not_called_gone_when_it_comes() -> None:
    over, put_off = spring_cup(ends=NOON), spring_cup(ends=NOON + HOUR)
    back = stepped(seated(gone(wish=Wish.RACING), NOON), RECORD.target, Step.ADDED, NOON)
    assert stage_of(back, put_off, NOON) is Stage.ADDING
    assert stage_of(back, over, NOON) is Stage.LEAVING


def test_who_has_lost_a_grant_is_not_ready_although_the_end_was_put_off() -> None:
    withdrawn = withdrawing(ready(), CUP, EFFECT.target, Step.WITHDRAWING, NOON)
    assert stage_of(withdrawn, CUP, NOON) is not Stage.READY


# --- what the racer is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registration", "event", "minutes", "told"),
    [
        pytest.param(ada(), CUP, 0, None, id="that it is under way is no result"),
        pytest.param(ada(progress=at(Step.ADDED, Step.ADDED)), CUP, 0, None, id="nor is confirming"),
        pytest.param(ready(wish=Wish.GONE), CUP, 0, None, id="nor is leaving"),
        pytest.param(ready(), CUP, 0, Told.READY, id="ready is"),
        pytest.param(ready(told=Told.READY), CUP, 0, None, id="once"),
        pytest.param(ready(told=Told.LATE), CUP, 0, Told.READY, id="also after another result"),
        pytest.param(ada(waiting_for=WAITS_FOR_SEAT), CUP, 0, Told.IN_LINE, id="in line"),
        pytest.param(ada(**WAITING_FOR_AWS), CUP, 0, None, id="a wait that may be short is not worth a word"),
        pytest.param(ada(**WAITING_FOR_AWS), CUP, 1, Told.WAITING, id="after a minute it is"),
        pytest.param(ada(), CUP, 16, Told.LATE, id="late"),
        pytest.param(ada(problem="DR-241"), CUP, 0, Told.REFUSED, id="refused"),
        pytest.param(ada(), spring_cup(broken=broken()), 0, Told.BROKEN, id="broken"),
        pytest.param(gone(), CUP, 0, Told.GONE, id="gone"),
        pytest.param(gone(hold=SUSPENDED), CUP, 0, Told.SUSPENDED, id="suspended"),
        pytest.param(gone(hold=REMOVED), CUP, 0, Told.REMOVED, id="removed"),
    ],
)
def test_what_the_racer_is_told(
    registration: Registration, event: Event, minutes: int, told: Told | None
) -> None:
    after, news = tell(registration, event, NOON + minutes * MINUTE)
    assert news is (told is not None)
    if told is None:
        assert after == registration
    else:
        serial = registration.serial + 1
        assert after == replace(registration, told=told, last_result=told, serial=serial)


def test_every_result_but_nothing_belongs_to_one_stage() -> None:
    assert set(RESULTS.values()) == set(Told) - {Told.NOTHING}
    assert len(set(RESULTS.values())) == len(RESULTS)


# --- what is true of every stage ----------------------------------------------------------------------------


@given(registrations(), EVENTS, st.integers(-100, 100))
def test_ready_is_never_shown_to_who_never_was(
    registration: Registration, event: Event, minutes: int
) -> None:
    stage = stage_of(registration, event, NOON + minutes * MINUTE)
    if stage is Stage.READY:
        assert registration.ready_at is not None
        assert wants_racing(registration, event, NOON + minutes * MINUTE)
    if stage in {Stage.GONE, Stage.SUSPENDED, Stage.REMOVED}:
        assert registration.gone_at is not None


@given(registrations(), EVENTS, st.integers(-100, 100))
def test_what_was_told_is_not_told_again(registration: Registration, event: Event, minutes: int) -> None:
    moment = NOON + minutes * MINUTE
    after, news = tell(registration, event, moment)
    assert tell(after, event, moment) == (after, False)
    assert after.serial == registration.serial + news
