"""Organizers in chat: they instruct, and everybody else is turned away, whatever they say or press."""

import pytest

from tests.scenario.people import Racer
from tests.scenario.stage import EVENT, Stage


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


def answered(who: Racer, words: str, kind: str) -> str:
    """Say this under "admin" and return the answer, which takes the place of "working on it"."""
    assert who.says(f"admin {words}").kind in {"instructed", kind}
    return who.sees(kind).text


def test_an_organizer_is_shown_the_event_where_they_asked(stage: Stage, organizer: Racer) -> None:
    said = answered(organizer, "event show", "open")

    assert "0 of 2000 seats are taken" in said
    assert organizer.told == []
    assert stage.public() == []


def test_an_organizer_changes_the_event_and_takes_it_back(stage: Stage, organizer: Racer) -> None:
    said = answered(organizer, "event set capacity=1 name=Autumn Cup", "event-set-done")
    assert "Capacity: 2000 → 1" in said
    assert stage.event().capacity == 1
    assert stage.event().name == "Autumn Cup"

    organizer.presses("Undo")

    organizer.sees("any-undone")
    assert (stage.event().capacity, stage.event().name) == (2000, EVENT)
    assert stage.audit() == ["instructed", "changed", "instructed", "undone"]
