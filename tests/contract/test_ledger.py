"""The ledger: one row a membership, written under its version."""

from dataclasses import replace

import pytest

from provisioning.errors import StaleWrite
from provisioning.ids import TargetId
from provisioning.ledger import Entry
from provisioning.ports import Store
from tests.contract.samples import AUTUMN, SPRING, after, person

ENTRA = TargetId("entra-group:0c1a")
CENTER = TargetId("identity-center:d-1/9067")


def save(store: Store, entry: Entry) -> Entry:
    return store.run(lambda rows: rows.ledger.save(entry)).result()


def test_an_entry_is_read_back_as_it_was_saved(store: Store) -> None:
    entry = Entry(ENTRA, person(1), True, frozenset({SPRING, AUTUMN}), after(30), after(60))
    saved = save(store, entry)
    assert saved == replace(entry, version=1)
    assert store.read(lambda rows: rows.ledger.get(ENTRA, person(1))) == saved


def test_an_unknown_entry_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.ledger.get(ENTRA, person(1))) is None


def test_a_person_has_an_entry_for_each_target(store: Store) -> None:
    entra = save(store, Entry(ENTRA, person(1), False, frozenset({SPRING})))
    center = save(store, Entry(CENTER, person(1), False, frozenset({SPRING})))
    save(store, Entry(ENTRA, person(2), False, frozenset({SPRING})))
    assert store.read(lambda rows: [rows.ledger.get(one, person(1)) for one in (ENTRA, CENTER)]) == [
        entra,
        center,
    ]


@pytest.mark.parametrize("version", [0, 2])
def test_an_entry_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    saved = save(store, Entry(ENTRA, person(1), True, frozenset({SPRING})))
    with pytest.raises(StaleWrite):
        save(store, Entry(ENTRA, person(1), False, frozenset({AUTUMN}), version=version))
    assert store.read(lambda rows: rows.ledger.get(ENTRA, person(1))) == saved


def test_two_intents_at_once_cannot_both_say_who_was_there_before(store: Store, other: Store) -> None:
    absent, present = (Entry(ENTRA, person(1), before, frozenset()) for before in (False, True))
    intents = [
        store.run(lambda rows: rows.ledger.save(absent)),
        other.run(lambda rows: rows.ledger.save(present)),
    ]
    assert sorted(type(intent.exception()).__name__ for intent in intents) == ["NoneType", "StaleWrite"]


def test_an_entry_is_deleted_only_as_it_was_read(store: Store) -> None:
    first = save(store, Entry(ENTRA, person(1), False, frozenset()))
    second = save(store, replace(first, needed_by=frozenset({SPRING})))
    with pytest.raises(StaleWrite):
        store.run(lambda rows: rows.ledger.delete(first)).result()
    store.run(lambda rows: rows.ledger.delete(second)).result()
    assert store.read(lambda rows: rows.ledger.get(ENTRA, person(1))) is None
    with pytest.raises(StaleWrite):
        store.run(lambda rows: rows.ledger.delete(second)).result()
