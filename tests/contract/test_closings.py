"""Closings, tallies and marks: what is left of an event when its people are gone."""

from dataclasses import replace

import pytest

from provisioning.closings import Closing
from provisioning.errors import StaleWrite
from provisioning.ports import Store
from provisioning.registrations import Hold
from provisioning.requests import ReplyTo
from tests.contract.samples import AUTUMN, MORNING, SPRING, a_result, after, chat, person, racer

CLOSING = Closing(
    SPRING,
    MORNING,
    7,
    2,
    ReplyTo(chat(1), "https://hooks.example.com/1", after(60), 5, "de"),
    {"withdrawn": 5},
    {"DR-302": 2},
    after(1),
    after(2),
    after(3),
)
HOLD = Hold("suspended", person(9), MORNING, "unfair")


def save(store: Store, closing: Closing) -> Closing:
    return store.run(lambda rows: rows.closings.save(closing)).result()


def test_a_closing_is_read_back_as_it_was_saved(store: Store, other: Store) -> None:
    saved = save(store, CLOSING)
    assert saved == replace(CLOSING, version=1)
    assert other.read(lambda rows: rows.closings.get(SPRING)) == saved
    assert other.read(lambda rows: rows.closings.get(AUTUMN)) is None


def test_a_closing_with_nothing_but_its_numbers_is_read_back(store: Store) -> None:
    saved = save(store, Closing(SPRING, MORNING, 0, 0))
    assert store.read(lambda rows: rows.closings.get(SPRING)) == saved


@pytest.mark.parametrize("version", [0, 2])
def test_a_closing_that_somebody_else_wrote_is_not_overwritten(store: Store, version: int) -> None:
    save(store, CLOSING)
    with pytest.raises(StaleWrite):
        save(store, replace(CLOSING, version=version))


def test_tallies_add_up_by_event_and_name(store: Store, other: Store) -> None:
    for name, number in (("asked", 1), ("asked", 1), ("refused:DR-211", 3), ("answer:aws:some", -1)):
        store.run(lambda rows, name=name, number=number: rows.tallies.add(SPRING, name, number)).result()  # type: ignore[misc]
    assert other.read(lambda rows: rows.tallies.of(SPRING)) == {
        "answer:aws:some": -1,
        "asked": 2,
        "refused:DR-211": 3,
    }
    assert other.read(lambda rows: rows.tallies.of(AUTUMN)) == {}


def test_a_mark_is_found_for_its_person_and_event_once(store: Store, other: Store) -> None:
    store.run(lambda rows: rows.marks.keep(SPRING, person(1), HOLD)).result()
    store.run(lambda rows: rows.marks.keep(AUTUMN, person(2), HOLD)).result()

    assert store.run(lambda rows: rows.marks.take(SPRING, person(2))).result() is None
    assert store.run(lambda rows: rows.marks.take(AUTUMN, person(1))).result() is None
    assert other.run(lambda rows: rows.marks.of(SPRING, person(1))).result() == HOLD
    assert other.run(lambda rows: rows.marks.take(SPRING, person(1))).result() == HOLD
    assert store.run(lambda rows: rows.marks.of(SPRING, person(1))).result() is None
    assert store.run(lambda rows: rows.marks.take(SPRING, person(1))).result() is None


def test_a_newer_mark_takes_the_place_of_the_older(store: Store) -> None:
    newer = replace(HOLD, kind="removed")
    for hold in (HOLD, newer):
        store.run(lambda rows, hold=hold: rows.marks.keep(SPRING, person(1), hold)).result()  # type: ignore[misc]
    assert store.run(lambda rows: rows.marks.take(SPRING, person(1))).result() == newer


def test_the_marks_of_an_event_are_deleted_together(store: Store) -> None:
    for number in (1, 2):
        store.run(lambda rows, number=number: rows.marks.keep(SPRING, person(number), HOLD)).result()  # type: ignore[misc]
    store.run(lambda rows: rows.marks.keep(AUTUMN, person(1), HOLD)).result()

    assert store.run(lambda rows: rows.marks.forget(SPRING)).result() == 2

    assert store.run(lambda rows: rows.marks.take(SPRING, person(1))).result() is None
    assert store.run(lambda rows: rows.marks.take(AUTUMN, person(1))).result() == HOLD


def test_what_is_owed_about_somebody_is_forgotten_whatever_became_of_it(store: Store) -> None:
    for number in (1, 2):
        for serial in (1, 2):
            owed = a_result(number, serial)
            store.run(lambda rows, owed=owed: rows.outbox.put(owed)).result()  # type: ignore[misc]

    assert store.run(lambda rows: rows.outbox.forget_about(f"registration:{racer(1)}")).result() == 2

    assert store.read(lambda rows: rows.outbox.get(a_result(1).id)) is None
    assert store.read(lambda rows: rows.outbox.get(a_result(2).id)) is not None
