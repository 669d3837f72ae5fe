"""Races, moments and answers: what organizers post, what was done in its time, what racers said."""

from dataclasses import replace
from typing import Any

import pytest

from provisioning.errors import StaleWrite
from provisioning.ports import Store
from provisioning.races import Race
from tests.contract.samples import AUTUMN, MORNING, SPRING, after, person, racer


def a_race(number: int = 1, **changes: Any) -> Race:
    race = Race(SPRING, number, "Lap <!channel> \ud800", "https://racing.example.com/1", person(1), MORNING)
    return replace(race, **changes)


def save(store: Store, race: Race) -> Race:
    return store.run(lambda rows: rows.races.save(race)).result()


def test_a_race_is_read_back_as_it_was_saved(store: Store) -> None:
    full = a_race(
        track="re:Invent 2018",
        opens=after(60),
        closes=after(3600),
        channels=("slack:C1", "teams:19:x@thread.tacv2"),
        state="withdrawn",
    )
    for race in (full, a_race(2)):
        assert save(store, race) == replace(race, version=1)
        assert store.read(lambda rows, race=race: rows.races.get(SPRING, race.number)) == replace(  # type: ignore[misc]
            race, version=1
        )
    assert store.read(lambda rows: rows.races.get(SPRING, 3)) is None


def test_races_of_an_event_come_by_number(store: Store) -> None:
    for number in (10, 2, 1):
        save(store, a_race(number))
    save(store, a_race(5, event_id=AUTUMN))
    found = store.read(lambda rows: rows.races.of_event(SPRING))
    assert [race.number for race in found] == [1, 2, 10]
    assert all(race.event_id == SPRING for race in found)


@pytest.mark.parametrize("version", [0, 2])
def test_a_race_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    race = save(store, a_race())
    with pytest.raises(StaleWrite):
        save(store, replace(race, title="other", version=version))
    assert store.read(lambda rows: rows.races.get(SPRING, 1)) == race
    assert save(store, replace(race, title="other")).version == 2


def test_a_moment_is_noted_with_what_was_known_then(store: Store, other: Store) -> None:
    assert store.read(lambda rows: rows.moments.get("opened:spring")) is None
    store.run(lambda rows: rows.moments.note("opened:spring", MORNING)).result()
    assert other.read(lambda rows: rows.moments.get("opened:spring")) == {}
    store.run(lambda rows: rows.moments.note("opened:spring", after(1), {"racing": "7"})).result()
    assert other.read(lambda rows: rows.moments.get("opened:spring")) == {"racing": "7"}


def test_an_answer_takes_the_place_of_an_earlier_one(store: Store) -> None:
    def answer(question: str, text: str, number: int = 1) -> None:
        key = racer(number)
        store.run(lambda rows: rows.answers.save(key, question, text, MORNING)).result()

    answer("ml", "never")
    answer("aws", "some")
    answer("ml", "a \ud800 lot")
    answer("ml", "none", 2)
    assert store.read(lambda rows: rows.answers.of(racer(1))) == {"ml": "a \ud800 lot", "aws": "some"}
    assert store.read(lambda rows: rows.answers.of_event(SPRING)) == (
        (person(1), "aws", "some"),
        (person(1), "ml", "a \ud800 lot"),
        (person(2), "ml", "none"),
    )
    assert store.read(lambda rows: rows.answers.of_event(AUTUMN)) == ()


def test_forgotten_answers_are_gone_and_nobody_elses(store: Store) -> None:
    for number in (1, 2):
        key = racer(number)
        store.run(lambda rows, key=key: rows.answers.save(key, "ml", "x", MORNING)).result()  # type: ignore[misc]
    assert store.run(lambda rows: rows.answers.forget(racer(1))).result() == 1
    assert store.read(lambda rows: (rows.answers.of(racer(1)), rows.answers.of(racer(2)))) == (
        {},
        {"ml": "x"},
    )
