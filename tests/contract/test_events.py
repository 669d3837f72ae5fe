"""The events: definitions by version, seats and breakage by themselves."""

from concurrent.futures import Future
from dataclasses import replace

import pytest

from provisioning.errors import StaleWrite
from provisioning.events import Breakage, Event, Quota, TrainingLink
from provisioning.ids import RegistrationKey, TargetId
from provisioning.ports import Store
from provisioning.registrations import Registration
from tests.contract.samples import AUTUMN, MORNING, SPRING, a_registration, after, an_event, racer

BREAKAGE = Breakage(TargetId("entra-group:0c1a"), "DR-401", "group-missing", MORNING, {"group": "0c1a"})


def save(store: Store, event: Event) -> Event:
    return store.run(lambda rows: rows.events.save(event)).result()


def get(store: Store) -> Event:
    event = store.read(lambda rows: rows.events.get(SPRING))
    assert event is not None
    return event


def ask(store: Store, *numbers: int) -> list[RegistrationKey]:
    for number in numbers:
        save_registration(store, a_registration(number, asked=number))
    return [racer(number) for number in numbers]


def save_registration(store: Store, registration: Registration) -> None:
    store.run(lambda rows: rows.registrations.save(registration)).result()


def taking(store: Store, keys: list[RegistrationKey]) -> Future[frozenset[RegistrationKey]]:
    return store.run(lambda rows: rows.events.take_seats(SPRING, keys))


def take(store: Store, keys: list[RegistrationKey]) -> frozenset[RegistrationKey]:
    return taking(store, keys).result()


def mark_broken(store: Store, breakage: Breakage) -> bool:
    return store.run(lambda rows: rows.events.mark_broken(SPRING, breakage)).result()


def test_an_event_is_read_back_as_it_was_saved(store: Store) -> None:
    event = an_event(
        quota=Quota(3, 2),
        link_hosts=("race.example.com",),
        training_links=(TrainingLink("Get started", "https://example.com"),),
        channels=("slack:C1", "teams:19:abc@thread.tacv2"),
        organizer_channel="slack:C2",
        retention_days=7,
    )
    saved = save(store, event)
    assert saved == replace(event, version=1)
    assert get(store) == saved


def test_an_unknown_event_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.events.get(SPRING)) is None


def test_events_come_by_opening_time(store: Store) -> None:
    save(store, an_event(AUTUMN, opens=after(100)))
    save(store, an_event(SPRING, opens=after(0)))
    assert [event.id for event in store.read(lambda rows: rows.events.all())] == [SPRING, AUTUMN]


def test_a_changed_definition_has_the_next_version(store: Store) -> None:
    first = save(store, an_event())
    second = save(store, replace(first, name="Spring Cup"))
    assert (second.version, get(store).name) == (2, "Spring Cup")


@pytest.mark.parametrize("version", [0, 2])
def test_a_definition_somebody_else_changed_is_stale(store: Store, version: int) -> None:
    save(store, an_event())
    with pytest.raises(StaleWrite):
        save(store, an_event(name="mine", version=version))
    assert get(store).name == "Spring Cup 2027"


def test_an_event_that_is_not_there_cannot_be_changed(store: Store) -> None:
    with pytest.raises(StaleWrite):
        save(store, an_event(version=1))


def test_saving_a_definition_keeps_seats_and_breakage(store: Store) -> None:
    event = save(store, an_event())
    take(store, ask(store, 1, 2))
    mark_broken(store, BREAKAGE)
    saved = save(store, replace(event, capacity=9))
    assert (saved.taken, saved.broken, saved.capacity) == (2, BREAKAGE, 9)
    assert get(store) == saved


def test_seats_go_to_those_who_come_first(store: Store) -> None:
    save(store, an_event(capacity=3))
    keys = ask(store, 4, 1, 3, 2)
    assert take(store, keys) == {racer(4), racer(1), racer(3)}
    assert get(store).taken == 3


def test_a_seat_is_marked_on_the_registration_as_a_new_version(store: Store) -> None:
    save(store, an_event())
    take(store, ask(store, 1))
    registration = store.read(lambda rows: rows.registrations.get(racer(1)))
    assert registration is not None
    assert (registration.has_seat, registration.version) == (True, 2)


def test_taking_a_seat_twice_takes_one(store: Store) -> None:
    save(store, an_event(capacity=2))
    keys = ask(store, 1, 2, 3)
    assert take(store, [keys[0], keys[0]]) == {racer(1)}
    assert take(store, keys) == {racer(1), racer(2)}
    assert take(store, keys) == {racer(1), racer(2)}
    assert get(store).taken == 2


def test_who_has_a_seat_keeps_it_when_the_event_is_full(store: Store) -> None:
    save(store, an_event(capacity=1))
    keys = ask(store, 1, 2)
    take(store, keys[:1])
    assert take(store, [racer(2), racer(1)]) == {racer(1)}


def test_nobody_gets_a_seat_while_the_capacity_is_below_the_seats_taken(store: Store) -> None:
    event = save(store, an_event(capacity=2))
    take(store, ask(store, 1, 2))
    save(store, replace(event, capacity=1))
    assert take(store, ask(store, 3)) == frozenset()
    assert get(store).taken == 2


def test_somebody_without_a_registration_gets_no_seat(store: Store) -> None:
    save(store, an_event())
    assert take(store, [racer(7)]) == frozenset()
    assert get(store).taken == 0


def test_an_unknown_event_has_no_seats(store: Store) -> None:
    assert take(store, ask(store, 1)) == frozenset()


def test_a_registration_of_another_event_gets_no_seat_here(store: Store) -> None:
    save(store, an_event())
    with pytest.raises(ValueError, match="no registration of"):
        take(store, [racer(1, AUTUMN)])


def test_two_processes_never_seat_more_than_there_is_room_for(store: Store, other: Store) -> None:
    save(store, an_event(capacity=10))
    keys = ask(store, *range(40))
    futures = [taking((store, other)[turn % 2], [key]) for turn, key in enumerate(keys)]
    seated = frozenset[RegistrationKey]().union(*(future.result() for future in futures))
    assert len(seated) == 10
    assert get(other).taken == 10


def test_a_freed_seat_goes_to_the_next(store: Store) -> None:
    save(store, an_event(capacity=1))
    keys = ask(store, 1, 2)
    take(store, keys)
    freed = [store.run(lambda rows: rows.events.free_seat(SPRING, racer(1))).result() for _ in range(2)]
    assert freed == [True, False]
    assert get(store).taken == 0
    assert take(store, [racer(2)]) == {racer(2)}
    registration = store.read(lambda rows: rows.registrations.get(racer(1)))
    assert registration is not None
    assert (registration.has_seat, registration.version) == (False, 3)


def test_one_call_breaks_an_event_and_one_heals_it(store: Store) -> None:
    save(store, an_event())
    later = replace(BREAKAGE, code="DR-402")
    broke = [mark_broken(store, breakage) for breakage in (BREAKAGE, later)]
    assert broke == [True, False]
    assert (get(store).broken, get(store).version) == (BREAKAGE, 1)
    healed = [store.run(lambda rows: rows.events.mark_healed(SPRING)).result() for _ in range(2)]
    assert healed == [True, False]
    assert get(store).broken is None
