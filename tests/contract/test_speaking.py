"""Speaking: whoever dies while messages leave repeats one at most, and each is true when it is sent."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.dynamodb import DynamoStore
from adapters.dynamodb import table as calls
from provisioning.errors import Misconfigured, StoreUnavailable
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.registrations import Told
from provisioning.speaking import KEPT_TRYING, LEASE, Speaking
from tests.contract.faulty_dynamodb import Client, Dying
from tests.contract.samples import MORNING, SetClock, a_registration, a_result, racer

PEOPLE = 5
RESULTS = [a_result(number).id for number in range(PEOPLE)]


class Killed(BaseException):
    """The process dies here."""


class Voice:
    """Says everything; `then` is called with how many it has said, after each."""

    def __init__(self, then: Callable[[int], None] = lambda _: None) -> None:
        self.said: list[str] = []
        self._then = then

    def say(self, notice: Notice) -> str:
        self.said.append(notice.id)
        self._then(len(self.said))
        return f"address of {notice.id}"


def owe(store: Store, people: int = PEOPLE) -> None:
    """Owe each of these people the result that they are in."""

    def unit(rows: Rows) -> None:
        for number in range(people):
            rows.registrations.save(a_registration(number, serial=1, told=Told.READY))
            rows.outbox.put(a_result(number))

    store.run(unit).result()


def speak(store: Store, voice: Voice, clock: SetClock, rounds: int = 1) -> None:
    """Let speakers work one after the other, each when what the one before it held is free again."""
    speaking = Speaking(store, {"slack": voice}, clock, Work.SPEAK)
    for _ in range(rounds):
        speaking.round()
        clock.moment += LEASE + timedelta(seconds=1)


def reopened(store: Store, serial: int) -> Callable[[Rows], None]:
    """Return the unit in which the racer of this number is told something newer."""

    def unit(rows: Rows) -> None:
        found = rows.registrations.get(racer(serial))
        assert found is not None
        rows.registrations.save(replace(found, serial=2))
        rows.outbox.put(a_result(serial, 2))

    return unit


@pytest.mark.parametrize("dies_after", range(1, PEOPLE + 1))
def test_whoever_dies_after_sending_repeats_that_message_alone(
    store: Store, clock: SetClock, dies_after: int
) -> None:
    owe(store)

    def die(said: int) -> None:
        if said == dies_after:
            raise Killed

    voice = Voice(die)
    with suppress(Killed):
        speak(store, voice, clock)
    clock.moment += LEASE + timedelta(seconds=1)
    speak(store, voice, clock, rounds=2)

    assert sorted(set(voice.said)) == RESULTS
    assert [key for key, times in Counter(voice.said).items() if times > 1] == [voice.said[dies_after - 1]]
    kept = [store.read(lambda rows, key=key: rows.outbox.get(key)) for key in RESULTS]  # type: ignore[misc]
    assert [one.reference for one in kept] == [f"address of {key}" for key in RESULTS]
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 0


@pytest.mark.parametrize("writes", range(PEOPLE + 3))
def test_a_process_that_dies_at_any_write_repeats_one_message_at_most(
    dynamodb: Any, table: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(calls, "PAUSE_SECONDS", 0)
    monkeypatch.setattr("adapters.dynamodb.store.GATHERING_SECONDS", 3600)
    voice = Voice()
    with closing(DynamoStore(dynamodb, table, clock)) as store:
        owe(store)
        with closing(DynamoStore(Dying(dynamodb, writes), table, clock)) as dying, suppress(StoreUnavailable):
            speak(dying, voice, clock)
        before = len(voice.said)
        clock.moment += LEASE + timedelta(seconds=1)
        speak(store, voice, clock, rounds=2)

    assert sorted(set(voice.said)) == RESULTS
    assert len(voice.said) <= PEOPLE + 1
    assert before == min(max(0, writes - 1), PEOPLE)  # one write leases them, one each lets it be said


def test_what_is_overtaken_while_another_message_is_sent_is_not_sent(store: Store, clock: SetClock) -> None:
    owe(store)
    overtaken = {1: 1, 3: 4}  # after so many messages this racer's is out of date
    voice = Voice(
        lambda said: store.run(reopened(store, overtaken[said])).result() if said in overtaken else None
    )

    speak(store, voice, clock, rounds=2)

    newer = {number: a_result(number, 2).id for number in overtaken.values()}
    expected = [newer.get(number, RESULTS[number]) for number in range(PEOPLE)]
    assert sorted(voice.said) == sorted(expected)


def test_one_that_cannot_be_read_has_nobody_wait_and_nobody_told_twice(store: Store, clock: SetClock) -> None:
    owe(store)
    for name in ("a", "z"):  # one comes before all the others, and one behind them
        owed = replace(a_result(1), id=f"{name}:poison", about="registration:poison")
        store.run(lambda rows, owed=owed: rows.outbox.put(owed)).result()  # type: ignore[misc]
    voice = Voice()

    speak(store, voice, clock, rounds=3)

    assert sorted(voice.said) == RESULTS
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 2


def test_one_that_can_never_be_read_is_given_up_when_it_is_no_news_any_more(
    store: Store, clock: SetClock
) -> None:
    owed = replace(a_result(1), about="registration:poison")
    store.run(lambda rows: rows.outbox.put(owed)).result()
    voice = Voice()
    speak(store, voice, clock)
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 1

    clock.moment += KEPT_TRYING
    speak(store, voice, clock)

    assert voice.said == []
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 0
    assert [one.dropped for one in store.read(lambda rows: rows.outbox.undelivered(9))] == ["DR-500"]


def test_one_of_which_nothing_can_be_recorded_is_not_said_for_ever(store: Store, clock: SetClock) -> None:
    owed = Notice(
        "announcement:slack:C1:?", Kind.ANNOUNCEMENT, "slack:C1", reference="1.1", created_at=MORNING
    )
    store.run(lambda rows: rows.outbox.put(owed)).result()  # it does not say of which event it is

    def refuse(_: int) -> None:
        raise Misconfigured

    voice = Voice(refuse)
    speaking = Speaking(store, {"slack": voice}, clock, Work.REFRESH)
    for _ in range(3):
        speaking.round()
        clock.moment += LEASE + timedelta(seconds=1)

    assert voice.said == [owed.id]
    assert store.read(lambda rows: rows.queue.depth())[Work.REFRESH] == 0


def test_a_message_of_many_costs_two_requests(
    dynamodb: Any, table: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.dynamodb.store.GATHERING_SECONDS", 3600)
    counted: list[list[str]] = []
    client = Client(dynamodb)

    def count(_: int) -> None:
        counted.append([operation for operation, _ in client.calls])
        client.calls.clear()

    with closing(DynamoStore(client, table, clock)) as store:
        owe(store)
        speak(store, Voice(count), clock)

    # What the two are and depend on; then what became of the one is written, and the other claimed.
    assert counted[1:] == [["batch_get_item", "transact_write_items"]] * (PEOPLE - 1)
