"""References: the newest word on where a place is reached, and answers that are forgotten."""

from dataclasses import replace

import pytest

from provisioning.ports import Store
from provisioning.references import ANSWER, Reference
from tests.contract.samples import after, chat

ADA = Reference(str(chat(1, "teams")), '{"conversation":"a:1"}', after(0))


def save(store: Store, *references: Reference) -> None:
    for reference in references:
        store.run(lambda rows, reference=reference: rows.references.save(reference)).result()  # type: ignore[misc]


def test_a_reference_is_read_back_as_it_was_saved(store: Store, other: Store) -> None:
    save(store, ADA)
    assert other.read(lambda rows: rows.references.get(ADA.place)) == ADA


def test_an_unknown_place_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.references.get("teams:19:nowhere")) is None


@pytest.mark.parametrize("seconds", [0, 5])
def test_the_newest_word_counts(store: Store, seconds: float) -> None:
    newer = replace(ADA, address="moved", kept_at=after(seconds))
    save(store, ADA, newer)
    assert store.read(lambda rows: rows.references.get(ADA.place)) == newer


def test_an_older_word_changes_nothing(store: Store) -> None:
    save(store, ADA, replace(ADA, address="late news", kept_at=after(-1)))
    assert store.read(lambda rows: rows.references.get(ADA.place)) == ADA


def test_a_dead_place_lives_again_once_somebody_is_heard_from_there(store: Store) -> None:
    dead = replace(ADA, dead="BotNotInConversationRoster", kept_at=after(1))
    save(store, ADA, dead)
    assert store.read(lambda rows: rows.references.get(ADA.place)) == dead
    save(store, replace(ADA, kept_at=after(2)))
    assert store.read(lambda rows: rows.references.get(ADA.place)) == replace(ADA, kept_at=after(2))


def test_a_deleted_place_is_unknown(store: Store) -> None:
    save(store, ADA)
    store.run(lambda rows: rows.references.delete(ADA.place)).result()
    assert store.read(lambda rows: rows.references.get(ADA.place)) is None


def test_old_answers_are_forgotten_and_people_are_not(store: Store) -> None:
    old, new = (Reference(f"{ANSWER}a:1/{number}", "17", after(number)) for number in (1, 100))
    save(store, ADA, old, new)
    assert store.run(lambda rows: rows.references.forget(ANSWER, after(50))).result() == 1
    kept = store.read(lambda rows: [rows.references.get(one.place) for one in (ADA, old, new)])
    assert kept == [ADA, None, new]
