"""Which event somebody means."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.events import Event
from provisioning.ids import EventId
from provisioning.joining import find_event
from tests.unit.provisioning.spring_cup import spring_cup


def named(event_id: str, name: str) -> Event:
    return replace(spring_cup(), id=EventId(event_id), name=name)


SPRING = named("spring-cup-2027", "Spring Cup")
SUMMER = named("summer-cup-2027", "Summer Cup")
SPRINT = named("sprint", "Spring Cup Finals")
ALL = (SPRING, SUMMER, SPRINT)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        pytest.param("spring-cup-2027", SPRING, id="its id"),
        pytest.param("SPRING-CUP-2027", SPRING, id="its id in capitals"),
        pytest.param("Summer Cup", SUMMER, id="its name"),
        pytest.param("  summer   CUP ", SUMMER, id="its name with odd blanks and case"),
        pytest.param("Spring Cup", SPRING, id="a whole name, although another begins so"),
        pytest.param("sprint", SPRINT, id="a whole id"),
        pytest.param("summer", SUMMER, id="the beginning of only one"),
        pytest.param("Spring Cup F", SPRINT, id="the beginning of only one name"),
        pytest.param("spring-c", SPRING, id="the beginning of only one id"),
        pytest.param("spr", None, id="the beginning of two"),
        pytest.param("Spring", None, id="the beginning of two names"),
        pytest.param("cup", None, id="the middle of all"),
        pytest.param("winter", None, id="nothing of any"),
    ],
)
def test_the_event_that_is_meant(said: str, meant: Event | None) -> None:
    assert find_event(ALL, said) == meant


def test_a_name_that_two_events_share_means_neither_and_their_ids_still_do() -> None:
    twins = (named("one", "Cup"), named("two", "Cup"))
    assert find_event(twins, "Cup") is None
    assert find_event(twins, "two") == twins[1]


def test_letters_that_change_their_number_with_their_case_are_no_obstacle() -> None:
    road = named("road", "Straße")
    assert find_event((road, SUMMER), "STRASSE") == road


@given(st.text(), st.permutations(ALL))
def test_whatever_is_said_the_order_of_the_events_does_not_matter(said: str, order: list[Event]) -> None:
    assert find_event(tuple(order), said) == find_event(ALL, said)


@given(st.sampled_from(ALL), st.data())
def test_what_is_found_begins_as_was_said(event: Event, data: st.DataObject) -> None:
    said = event.name[: data.draw(st.integers(1, len(event.name)))]
    found = find_event(ALL, said)
    if found is not None:
        wanted = said.casefold().strip()
        assert found.id.casefold().startswith(wanted) or found.name.casefold().startswith(wanted)


def test_odd_blanks_in_the_name_itself_do_not_hide_an_event() -> None:
    odd = named("odd", "Spring  Cup")
    assert find_event((odd, SUMMER), "Spring  Cup") == odd
