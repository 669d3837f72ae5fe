"""The bindings: made once, one chat identity a person and platform."""

import pytest

from provisioning.errors import IdentityChanged, SecondChatIdentity
from provisioning.ids import ChatIdentity, PersonId
from provisioning.ports import Store
from tests.contract.samples import MORNING, chat, person


def claim(store: Store, who: ChatIdentity, whom: PersonId) -> bool:
    return store.run(lambda rows: rows.bindings.claim(who, whom, MORNING)).result()


def test_a_binding_is_made_once(store: Store, other: Store) -> None:
    assert claim(store, chat(1), person(1))
    assert not claim(other, chat(1), person(1))
    assert other.read(lambda rows: rows.bindings.person_of(chat(1))) == person(1)
    assert other.read(lambda rows: rows.bindings.chat_of(person(1), "slack")) == chat(1)


def test_nobody_is_bound_to_begin_with(store: Store) -> None:
    assert store.read(lambda rows: rows.bindings.person_of(chat(1))) is None
    assert store.read(lambda rows: rows.bindings.chat_of(person(1), "slack")) is None


def test_a_chat_identity_cannot_become_another_person(store: Store) -> None:
    claim(store, chat(1), person(1))
    with pytest.raises(IdentityChanged):
        claim(store, chat(1), person(2))
    assert store.read(lambda rows: rows.bindings.person_of(chat(1))) == person(1)


def test_a_person_has_one_chat_identity_on_each_platform(store: Store) -> None:
    claim(store, chat(1), person(1))
    with pytest.raises(SecondChatIdentity):
        claim(store, chat(2), person(1))
    assert store.read(lambda rows: rows.bindings.person_of(chat(2))) is None
    assert claim(store, chat(1, "teams"), person(1))
    assert store.read(lambda rows: rows.bindings.chat_of(person(1), "teams")) == chat(1, "teams")
    assert store.read(lambda rows: rows.bindings.chats_of(person(1))) == (chat(1), chat(1, "teams"))
    assert store.read(lambda rows: rows.bindings.chats_of(person(9))) == ()


def test_of_two_claims_at_once_one_wins(store: Store, other: Store) -> None:
    claims = [
        store.run(lambda rows: rows.bindings.claim(chat(1), person(1), MORNING)),
        other.run(lambda rows: rows.bindings.claim(chat(2), person(1), MORNING)),
    ]
    assert sorted(type(made.exception()).__name__ for made in claims) == ["NoneType", "SecondChatIdentity"]
