"""The registrations: versions, the line, what is due, and the lease of each."""

from dataclasses import replace

import pytest

from provisioning.errors import StaleWrite
from provisioning.ids import EventId, PersonId, RegistrationKey, TargetId
from provisioning.ports import Store
from provisioning.registrations import Hold, Progress, Registration, Step, Told
from provisioning.requests import ReplyTo, Wish
from tests.contract.samples import (
    AUTUMN,
    MORNING,
    SPRING,
    a_registration,
    after,
    an_event,
    chat,
    person,
    racer,
)

SUSPENDED = Hold("suspended", str(person(99)), MORNING, "spectating")


def save(store: Store, registration: Registration, token: str | None = None) -> Registration:
    return store.run(lambda rows: rows.registrations.save(registration, token)).result()


def get(store: Store, number: int) -> Registration:
    found = store.read(lambda rows: rows.registrations.get(racer(number)))
    assert found is not None
    return found


def page_of(store: Store, behind: PersonId | None) -> tuple[Registration, ...]:
    return store.read(lambda rows: rows.registrations.of_event(SPRING, behind, 2))


def ahead(store: Store, key: RegistrationKey) -> int:
    return store.read(lambda rows: rows.registrations.line_ahead(key))


def lease(store: Store, token: str, *numbers: int, now: float = 0, until: float = 60) -> set[RegistrationKey]:
    keys = [racer(number) for number in numbers]
    return set(
        store.run(lambda rows: rows.registrations.lease(keys, token, after(now), after(until))).result()
    )


def test_a_registration_is_read_back_as_it_was_saved(store: Store) -> None:
    registration = a_registration(
        1,
        wish=Wish.GONE,
        reply=ReplyTo(chat(1), "https://hooks.slack.com/commands/1", after(1800), 5, "en-US"),
        hold=SUSPENDED,
        progress={
            TargetId("entra-group:0c1a"): Progress(Step.CONFIRMED, after(1)),
            TargetId("identity-center:d-1/9067"): Progress(Step.INTENDED, after(2), "subject"),
        },
        waiting_for="directory",
        problem="DR-241",
        ready_at=after(3),
        gone_at=after(4),
        checked_at=after(5),
        missing_since=after(6),
        gone_recheck_at=after(7),
        pushed_at=after(8),
        attempts=9,
        wake_at=after(10),
        told=Told.LATE,
        serial=11,
    )
    saved = save(store, registration)
    assert saved == replace(registration, version=1)
    assert get(store, 1) == saved


def test_an_unknown_registration_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.registrations.get(racer(1))) is None


@pytest.mark.parametrize("version", [0, 2])
def test_a_registration_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    first = save(store, a_registration(1))
    with pytest.raises(StaleWrite):
        save(store, a_registration(1, wish=Wish.GONE, version=version))
    assert get(store, 1) == first


def test_a_person_has_registrations_in_several_events(store: Store) -> None:
    for event_id in (SPRING, AUTUMN):
        save(store, a_registration(1, event_id))
    save(store, a_registration(2))
    found = store.read(lambda rows: rows.registrations.of_person(person(1)))
    assert {registration.key for registration in found} == {racer(1, SPRING), racer(1, AUTUMN)}


def test_an_event_is_read_page_by_page(store: Store) -> None:
    for number in (3, 1, 5, 2, 4):
        save(store, a_registration(number))
    save(store, a_registration(6, AUTUMN))
    pages = []
    after_whom = None
    while page := page_of(store, after_whom):
        pages.append([registration.key for registration in page])
        after_whom = page[-1].key.person_id
    assert pages == [[racer(1), racer(2)], [racer(3), racer(4)], [racer(5)]]


def test_a_lease_is_held_by_one_until_it_is_over(store: Store, other: Store) -> None:
    save(store, a_registration(1))
    assert lease(store, "a", 1) == {racer(1)}
    assert lease(other, "b", 1, now=59.999) == set()
    assert lease(other, "b", 1, now=60, until=120) == {racer(1)}
    assert lease(store, "a", 1, now=61) == set()


def test_who_holds_a_lease_may_take_it_again(store: Store, other: Store) -> None:
    save(store, a_registration(1))
    lease(store, "a", 1, until=60)
    assert lease(store, "a", 1, now=30, until=90) == {racer(1)}
    assert lease(other, "b", 1, now=80) == set()


def test_only_existing_free_registrations_are_leased(store: Store) -> None:
    for number in (1, 2):
        save(store, a_registration(number))
    lease(store, "a", 1)
    assert lease(store, "b", 1, 2, 3) == {racer(2)}


def test_a_released_lease_is_free_and_only_its_holder_can_release_it(store: Store) -> None:
    save(store, a_registration(1))
    lease(store, "a", 1)
    store.run(lambda rows: rows.registrations.release([racer(1)], "b")).result()
    assert lease(store, "b", 1) == set()
    store.run(lambda rows: rows.registrations.release([racer(1)], "a")).result()
    assert lease(store, "b", 1) == {racer(1)}


def test_a_lease_is_held_until_it_is_released_or_somebody_else_took_it(store: Store, other: Store) -> None:
    for number in (1, 2, 3, 4):
        save(store, a_registration(number))
    lease(store, "a", 1, 2, 3)
    lease(other, "b", 2, now=60, until=120)
    store.run(lambda rows: rows.registrations.release([racer(3)], "a")).result()

    keys = [racer(number) for number in range(1, 6)]
    assert store.read(lambda rows: rows.registrations.held(keys, "a")) == {racer(1)}


def test_leases_leave_the_version_alone(store: Store) -> None:
    saved = save(store, a_registration(1))
    lease(store, "a", 1)
    store.run(lambda rows: rows.registrations.release([racer(1)], "a")).result()
    assert get(store, 1) == saved


def test_the_holder_of_the_lease_writes_with_its_token(store: Store) -> None:
    saved = save(store, a_registration(1))
    lease(store, "a", 1)
    assert save(store, replace(saved, serial=1), "a").version == 2
    assert get(store, 1).serial == 1


def test_a_lost_token_writes_nothing(store: Store, other: Store) -> None:
    saved = save(store, a_registration(1))
    lease(store, "a", 1)
    lease(other, "b", 1, now=60, until=120)
    with pytest.raises(StaleWrite):
        save(store, replace(saved, serial=1), "a")
    assert get(store, 1) == saved


def test_a_lease_that_ran_out_and_was_taken_by_nobody_still_writes(store: Store) -> None:
    saved = save(store, a_registration(1))
    lease(store, "a", 1, now=0, until=1)
    assert save(store, saved, "a").version == 2


@pytest.mark.parametrize("version", [0, 1])
def test_a_token_without_a_lease_writes_nothing(store: Store, version: int) -> None:
    if version:
        save(store, a_registration(1))
    with pytest.raises(StaleWrite):
        save(store, a_registration(1, version=version), "a")


def test_the_gate_writes_while_a_worker_holds_the_lease_and_the_worker_reads_again(store: Store) -> None:
    saved = save(store, a_registration(1))
    lease(store, "a", 1)
    save(store, replace(saved, wish=Wish.GONE))
    with pytest.raises(StaleWrite):
        save(store, replace(saved, serial=1), "a")
    assert save(store, replace(get(store, 1), serial=1), "a").wish is Wish.GONE


def test_saving_does_not_move_a_seat(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    saved = save(store, a_registration(1))
    assert not save(store, replace(saved, has_seat=True)).has_seat
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(1)])).result()
    assert save(store, replace(get(store, 1), has_seat=False)).has_seat
    assert get(store, 1).has_seat


def test_the_line_is_who_wants_a_seat_in_the_order_of_asking(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event(capacity=1))).result()
    for number, asked in ((1, 50), (2, 40), (3, 30), (4, 20), (5, 10), (6, 0)):
        save(store, a_registration(number, asked=asked))
    save(store, replace(get(store, 3), hold=SUSPENDED))
    save(store, replace(get(store, 4), wish=Wish.GONE))
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(6)])).result()
    assert store.read(lambda rows: rows.registrations.in_line(SPRING, 10)) == (racer(5), racer(2), racer(1))
    assert store.read(lambda rows: rows.registrations.in_line(SPRING, 1)) == (racer(5),)
    assert [ahead(store, racer(number)) for number in (5, 2, 1)] == [0, 1, 2]


def test_who_gives_the_seat_back_and_still_wants_one_is_in_line_again(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    save(store, a_registration(1))
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(1)])).result()
    assert store.read(lambda rows: rows.registrations.in_line(SPRING, 10)) == ()
    store.run(lambda rows: rows.events.free_seat(SPRING, racer(1))).result()
    assert store.read(lambda rows: rows.registrations.in_line(SPRING, 10)) == (racer(1),)


def test_nobody_is_ahead_of_somebody_unknown(store: Store) -> None:
    save(store, a_registration(1))
    assert ahead(store, racer(2)) == 0


def test_who_asked_at_the_same_moment_is_in_line_once_and_always_in_the_same_order(store: Store) -> None:
    for number in (3, 1, 2):
        save(store, a_registration(number, asked=5))
    line = store.read(lambda rows: rows.registrations.in_line(SPRING, 10))
    assert [ahead(store, key) for key in line] == [0, 1, 2]


def test_due_registrations_come_earliest_first(store: Store) -> None:
    for number, wake in ((1, 30), (2, 10), (3, 20), (4, 31)):
        save(store, a_registration(number, wake_at=after(wake)))
    save(store, a_registration(5))
    assert store.read(lambda rows: rows.registrations.due(after(30), 10)) == (racer(2), racer(3), racer(1))
    assert store.read(lambda rows: rows.registrations.due(after(30), 2)) == (racer(2), racer(3))
    save(store, replace(get(store, 2), wake_at=None))
    assert store.read(lambda rows: rows.registrations.due(after(30), 10)) == (racer(3), racer(1))


def test_waits_are_those_of_the_newest_ready(store: Store) -> None:
    for number, asked, ready in ((1, 0, 90), (2, 10, 70.5), (3, 20, 95)):
        save(store, a_registration(number, asked=asked, ready_at=after(ready)))
    save(store, a_registration(4))
    assert store.read(lambda rows: rows.registrations.waits(SPRING, 2)) == (75.0, 90.0)
    assert store.read(lambda rows: rows.registrations.waits(AUTUMN, 2)) == ()


def test_an_event_is_counted(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    for number in (1, 2, 3):
        save(store, a_registration(number))
    save(store, a_registration(4, ready_at=after(1), problem="DR-241"))
    save(store, a_registration(5, wish=Wish.GONE, gone_at=after(2)))
    save(store, a_registration(6, hold=SUSPENDED))
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(1), racer(4)])).result()
    assert store.read(lambda rows: rows.registrations.count(SPRING)) == {
        "racing": 4,
        "ready": 1,
        "gone": 1,
        "held": 1,
        "in_line": 2,
        "problem": 1,
        "all": 6,
    }
    assert set(store.read(lambda rows: rows.registrations.count(AUTUMN)).values()) == {0}


def test_events_with_a_registration_that_nobody_has_claimed_are_known(store: Store) -> None:
    def found() -> set[EventId]:
        return set(store.run(lambda rows: rows.registrations.unclaimed()).result())

    save(store, a_registration(1))
    assert found() == set()
    added = [save(store, a_registration(number, AUTUMN, reply=None, unclaimed=True)) for number in (2, 3)]
    assert found() == {AUTUMN}
    for one in added:
        save(store, replace(one, reply=ReplyTo(chat(9)), unclaimed=False))
    assert found() == set()
