"""The requests: the newest of every chat identity to every event."""

from dataclasses import replace

import pytest

from provisioning.errors import StaleWrite
from provisioning.ids import RequestKey
from provisioning.ports import Rows, Store, Unit
from provisioning.requests import ReplyTo, Request, Seen, Wish
from tests.contract.samples import AUTUMN, MORNING, SPRING, a_request, after, chat, person


def save(store: Store, request: Request) -> Request:
    return store.run(lambda rows: rows.requests.save(request)).result()


def keys(*numbers: int) -> tuple[RequestKey, ...]:
    return tuple(RequestKey(SPRING, chat(number)) for number in numbers)


def of(number: int) -> Unit[tuple[Request, ...]]:
    return lambda rows: rows.requests.of(chat(number))


def test_a_request_is_read_back_as_it_was_saved(store: Store) -> None:
    request = a_request(
        1,
        wish=Wish.GONE,
        reply=ReplyTo(chat(1), "https://hooks.slack.com/commands/1", after(1800), 5, "en-US"),
        state="refused",
        person_id=person(1),
        refusal="DR-211",
        overdue_told=True,
        seen=(Seen("1.2.3", MORNING, "queued"), Seen("4.5.6", after(1), "known")),
    )
    saved = save(store, request)
    assert saved == replace(request, version=1)
    assert store.read(lambda rows: rows.requests.get(request.key)) == saved


def test_an_unknown_request_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.requests.get(keys(1)[0])) is None


@pytest.mark.parametrize("version", [0, 2])
def test_a_request_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    first = save(store, a_request(1))
    with pytest.raises(StaleWrite):
        save(store, a_request(1, wish=Wish.GONE, version=version))
    assert store.read(lambda rows: rows.requests.get(first.key)) == first


def test_requests_of_a_chat_identity_come_newest_first(store: Store) -> None:
    save(store, a_request(1, SPRING, received=1))
    save(store, a_request(1, AUTUMN, received=2))
    save(store, a_request(2, SPRING, received=3))
    found = store.read(lambda rows: rows.requests.of(chat(1)))
    assert [request.key.event_id for request in found] == [AUTUMN, SPRING]


def test_only_folded_requests_are_requests_of_a_person(store: Store) -> None:
    folded = save(store, a_request(1, state="folded", person_id=person(1)))
    save(store, a_request(2, state="waiting", person_id=person(1)))
    save(store, a_request(3, state="folded", person_id=person(3)))
    save(store, a_request(1, AUTUMN, state="folded", person_id=person(1)))
    assert store.read(lambda rows: rows.requests.of_person(SPRING, person(1))) == (folded,)


def test_waiting_requests_come_oldest_first_and_not_from_after_the_moment(store: Store) -> None:
    for number, received in ((1, 30), (2, 10), (3, 20), (4, 40)):
        save(store, a_request(number, received=received))
    save(store, a_request(5, received=5, state="refused"))
    assert store.read(lambda rows: rows.requests.waiting(after(40), 10)) == keys(2, 3, 1)
    assert store.read(lambda rows: rows.requests.waiting(after(40), 2)) == keys(2, 3)


def test_those_ahead_are_the_waiting_ones_received_earlier(store: Store) -> None:
    for number in range(5):
        save(store, a_request(number, received=number))
    first = store.read(lambda rows: rows.requests.get(keys(0)[0]))
    assert first is not None
    save(store, replace(first, state="folded", person_id=person(0)))
    assert store.read(lambda rows: rows.requests.waiting_ahead(after(3), 10)) == 2


def test_those_ahead_are_counted_up_to_a_limit(store: Store) -> None:
    for number in range(5):
        save(store, a_request(number, received=number))

    def counted(limit: int) -> int:
        return store.read(lambda rows: rows.requests.waiting_ahead(after(4), limit))

    assert [counted(limit) for limit in (1, 3, 4, 5)] == [1, 3, 4, 4]


def test_a_unit_counts_what_it_has_changed_itself(store: Store) -> None:
    for number in range(4):
        save(store, a_request(number, received=number))

    def unit(rows: Rows) -> list[int]:
        for number in (0, 1):
            request = rows.requests.get(keys(number)[0])
            assert request is not None
            rows.requests.save(replace(request, state="folded", person_id=person(number)))
        return [rows.requests.waiting_ahead(after(9), limit) for limit in (1, 2, 3)]

    assert store.run(unit).result() == [1, 2, 2]


def test_only_old_refusals_are_forgotten(store: Store) -> None:
    save(store, a_request(1, received=1, state="refused", refusal="DR-204"))
    save(store, a_request(2, received=9, state="refused", refusal="DR-204"))
    save(store, a_request(3, received=1))
    assert store.run(lambda rows: rows.requests.forget_refused(after(5))).result() == [chat(1)]
    left = [len(store.read(rows_of)) for rows_of in (of(1), of(2), of(3))]
    assert left == [0, 1, 1]
