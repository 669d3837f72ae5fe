"""How requests become one registration: the newest received wins, in whatever order they are looked at."""

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.admitting import folded
from provisioning.ids import ChatIdentity
from provisioning.registrations import Hold, Person, Registration, Told
from provisioning.requests import ReplyTo, Request, Wish
from tests.unit.provisioning.spring_cup import (
    ADA,
    HOUR,
    MINUTE,
    NOON,
    REMOVED,
    SECOND,
    SUSPENDED,
    ada,
    asked,
    broken,
    gone,
    ready,
)

LATER = NOON + HOUR
ANSWERS = [ReplyTo(ChatIdentity("slack", "T0123", f"U{number}")) for number in range(9)]


@st.composite
def request_lists(draw: st.DrawFn) -> list[Request]:
    """Requests of one person from anywhere, each at a moment of its own."""
    minutes = draw(st.lists(st.integers(0, 59), min_size=1, max_size=6, unique=True))
    return [
        asked(draw(st.sampled_from(Wish)), NOON + minute * MINUTE, reply=ANSWERS[index])
        for index, minute in enumerate(minutes)
    ]


def fold(before: Registration | None, requests: list[Request]) -> Registration:
    after = reduce(lambda one, request: folded(one, request, ADA, LATER), requests, before)
    assert after is not None
    return after


@given(st.data(), st.sampled_from([None, ada(), ready(), gone(), ready(hold=SUSPENDED)]))
def test_the_newest_request_wins_whatever_the_order_of_looking(
    data: st.DataObject, before: Registration | None
) -> None:
    requests = data.draw(request_lists())
    newest = max(requests, key=lambda request: request.received_at)
    for order in (requests, data.draw(st.permutations(requests))):
        after = fold(before, order)
        assert (after.wish, after.wish_at, after.reply) == (newest.wish, newest.received_at, newest.reply)


@given(request_lists(), st.sampled_from([SUSPENDED, REMOVED, Hold("removed", "directory", NOON)]))
def test_no_request_clears_a_hold(requests: list[Request], hold: Hold) -> None:
    assert fold(ready(hold=hold), requests).hold == hold


@given(request_lists(), st.sampled_from(Told))
def test_whoever_asks_deserves_an_answer_even_one_given_before(requests: list[Request], told: Told) -> None:
    after = fold(ready(told=told, serial=7), requests)
    assert after.told is Told.NOTHING
    assert after.serial == 7


def test_an_older_request_that_comes_late_changes_nothing() -> None:
    before = gone(wish_at=NOON)
    assert folded(before, asked(Wish.RACING, NOON - SECOND), ADA, LATER) is before


def test_the_first_request_makes_the_registration() -> None:
    request = asked(Wish.RACING, NOON, reply=ANSWERS[3])
    after = folded(None, request, ADA, LATER)
    assert after == ada(reply=ANSWERS[3], moved_at=LATER, checked_at=LATER, wake_at=LATER)


def test_who_changes_their_mind_begins_anew_and_keeps_what_is_in_place() -> None:
    racer = ready(told=Told.READY, problem="DR-500", missing_since=NOON, attempts=3, waiting_for="seat")
    left = folded(racer, asked(Wish.GONE, LATER), ADA, LATER)
    assert (left.ready_at, left.waiting_for, left.problem, left.missing_since) == (None, None, None, None)
    assert (left.progress, left.has_seat, left.attempts) == (racer.progress, True, 0)
    assert left.wake_at == LATER
    back = folded(gone(), asked(Wish.RACING, LATER), ADA, LATER)
    assert (back.gone_at, back.gone_recheck_at, back.asked_at) == (None, None, LATER)
    assert back.progress == gone().progress


def test_asking_again_keeps_the_place_in_line_and_what_has_been_reached() -> None:
    again = folded(ready(waiting_for="seat"), asked(Wish.RACING, LATER), ADA, LATER)
    assert (again.asked_at, again.ready_at, again.waiting_for) == (NOON, NOON, "seat")
    assert again.wish_at == LATER
    twice = folded(gone(), asked(Wish.GONE, LATER), ADA, LATER)
    assert (twice.gone_at, twice.gone_recheck_at) == (gone().gone_at, gone().gone_recheck_at)


def test_leaving_does_not_move_the_moment_of_joining() -> None:
    assert folded(ready(), asked(Wish.GONE, LATER), ADA, LATER).asked_at == NOON


def test_the_person_is_known_by_the_newest_name() -> None:
    married = Person(ADA.id, "ada.king@example.com", "Ada King")
    assert folded(ready(), asked(Wish.RACING, LATER), married, LATER).person == married


@pytest.mark.parametrize("code", ["DR-241", broken().code])
def test_asking_again_is_worth_another_try(code: str) -> None:
    refused = replace(ada(), problem=code, attempts=9)
    again = folded(refused, asked(Wish.RACING, LATER), ADA, LATER)
    assert (again.problem, again.attempts) == (None, 0)
