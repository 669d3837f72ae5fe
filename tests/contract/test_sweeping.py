"""The sweeper deletes what is not needed any more: all of it, and then it looks only now and then.

And it keeps moving what does not move by itself.
"""

from dataclasses import replace
from typing import Any, cast

import pytest

from provisioning.admitting import admit
from provisioning.errors import GroupMissing
from provisioning.events import Breakage, EntraGroup
from provisioning.ids import GroupId, PersonId
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.registrations import Person
from provisioning.requests import Wish
from provisioning.sweeping import (
    EVERY,
    FORGETTING,
    LOST,
    REFUSED_KEPT,
    WOKEN,
    Sweeper,
    owe_waking,
    wake_event,
)
from tests.contract.samples import (
    AUTUMN,
    MORNING,
    SPRING,
    SetClock,
    a_registration,
    a_request,
    an_event,
    chat,
    defy,
    person,
    racer,
)

GONE, NEW = EntraGroup(GroupId("0c1a")), EntraGroup(GroupId("0c1b"))


class Deleted:
    """Groups of the directory, one of which was deleted."""

    def check(self, grant: EntraGroup) -> None:
        if grant == GONE:
            raise GroupMissing


def refuse(store: Store, *numbers: int) -> None:
    """Have these been refused just longer ago than a refusal is kept."""

    def unit(rows: Rows) -> None:
        for number in numbers:
            rows.requests.save(a_request(number, received=-1.0, state="refused", refusal="DR-204"))

    store.run(unit).result()


def left(store: Store, *numbers: int) -> list[int]:
    return store.read(lambda rows: [number for number in numbers if rows.requests.of(chat(number))])


def test_old_rows_are_deleted_until_there_are_none_and_looked_for_again_after_an_hour(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.dynamodb.requests._SWEPT", 2)
    clock.moment = MORNING + REFUSED_KEPT
    sweeper = Sweeper(store, {}, clock)
    refuse(store, 1, 2, 3)

    for _ in range(3):
        sweeper.round()
        clock.moment += EVERY

    assert left(store, 1, 2, 3) == []
    refuse(store, 4)
    sweeper.round()
    assert left(store, 4) == [4]
    clock.moment += FORGETTING
    sweeper.round()
    assert left(store, 4) == []


def test_whoever_asked_to_leave_what_they_were_not_in_is_known_no_longer_than_their_request(
    store: Store, clock: SetClock
) -> None:
    def unit(rows: Rows) -> None:
        rows.events.save(an_event())
        rows.registrations.save(a_registration(2))
        for number in (1, 2):
            rows.requests.save(a_request(number, received=-1.0, wish=Wish.GONE))
            key, who = a_request(number).key, Person(person(number), f"racer{number}@example.com")
            admit(rows, key, 1, who, None, MORNING)
        refused = rows.requests.get(a_request(2).key)
        assert refused is not None
        rows.requests.save(replace(refused, state="refused"))

    def known(rows: Rows) -> list[PersonId | None]:
        return [rows.bindings.person_of(chat(number)) for number in (1, 2)]

    store.run(unit).result()
    assert store.read(known) == [person(1), person(2)]
    clock.moment = MORNING + REFUSED_KEPT

    Sweeper(store, {}, clock).round()

    assert store.read(known) == [None, person(2)]


def test_what_an_event_grants_no_more_keeps_it_from_nothing(store: Store, clock: SetClock) -> None:
    def unit(rows: Rows) -> None:
        rows.events.save(an_event(grants=(NEW,), retired=(GONE,)))
        rows.events.mark_broken(SPRING, Breakage(GONE.target, GroupMissing.code, "group-missing", MORNING))
        rows.registrations.save(a_registration(1))

    store.run(unit).result()

    sweeper = Sweeper(store, {"entra-group": cast("Any", Deleted())}, clock)
    sweeper.round()
    clock.moment += EVERY
    sweeper.round()  # finds a free place, and who waits for it

    event, depth = store.read(lambda rows: (rows.events.get(SPRING), rows.queue.depth()))
    assert event is not None
    assert event.broken is None  # the next that breaks it is seen and told
    assert depth[Work.SETTLE] == 1


def test_an_event_that_defies_the_sweeper_keeps_no_other_from_being_looked_after(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unit(rows: Rows) -> None:
        for event_id in (SPRING, AUTUMN):
            rows.events.save(an_event(event_id))
            rows.registrations.save(a_registration(1, event_id))

    store.run(unit).result()
    defy(monkeypatch, "registration", racer(1, AUTUMN))  # the one that is looked after first

    assert Sweeper(store, {}, clock).round() == 1


def test_a_group_that_the_event_needs_is_waited_for(store: Store, clock: SetClock) -> None:
    def unit(rows: Rows) -> None:
        rows.events.save(an_event(grants=(GONE, NEW)))
        rows.events.mark_broken(SPRING, Breakage(GONE.target, GroupMissing.code, "group-missing", MORNING))

    store.run(unit).result()

    Sweeper(store, {"entra-group": cast("Any", Deleted())}, clock).round()

    event = store.read(lambda rows: rows.events.get(SPRING))
    assert event is not None
    assert event.is_blocked


def test_whoever_dies_between_a_change_and_its_meaning_for_racers_leaves_it_to_the_sweeper(
    store: Store, clock: SetClock
) -> None:
    def unit(rows: Rows) -> None:
        rows.registrations.save(a_registration(1, wish=Wish.GONE))  # at rest, for all that it knows
        owe_waking(rows, rows.events.save(an_event()), clock.moment)

    store.run(unit).result()
    sweeper = Sweeper(store, {}, clock)

    woken = [sweeper.round()]  # whoever made the change may be at it
    for _ in range(2):
        clock.moment += LOST
        woken.append(sweeper.round())

    assert woken == [0, 1, 0]
    assert store.read(lambda rows: rows.queue.depth())[Work.SETTLE] == 1


@pytest.mark.parametrize("is_changed_meanwhile", [False, True])
def test_waking_everybody_settles_what_was_owed_when_it_began(
    store: Store, other: Store, clock: SetClock, *, is_changed_meanwhile: bool
) -> None:
    event = store.run(lambda rows: rows.events.save(an_event())).result()
    store.run(lambda rows: owe_waking(rows, event, clock.moment)).result()

    class Interrupted:
        """A store in which the event is changed once more while everybody is woken."""

        def read(self, read: Any) -> Any:
            found = store.read(read)
            if is_changed_meanwhile:
                newer = replace(event, version=event.version + 1)
                other.run(lambda rows: owe_waking(rows, newer, clock.moment)).result()
            return found

        def run(self, unit: Any) -> Any:
            return store.run(unit)

    wake_event(cast("Any", Interrupted()), SPRING, clock.moment)

    noted = store.read(lambda rows: rows.moments.get(f"changed:{SPRING}"))
    assert noted is not None
    assert (WOKEN in noted) is not is_changed_meanwhile
