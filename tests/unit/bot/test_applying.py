from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.sqlite import SqliteStore, open_store
from bot.applying import apply, apply_at_start, plan
from bot.event_file import EventFileInvalid
from provisioning.errors import StaleWrite
from provisioning.events import EntraGroup, Event
from provisioning.ids import ChatIdentity, EventId, GroupId, PersonId, RegistrationKey
from provisioning.queue import Work
from provisioning.registrations import Person, Registration
from provisioning.requests import ReplyTo, Wish
from provisioning.sweeping import LOST, Sweeper

NOW = datetime(2027, 3, 2, tzinfo=UTC)
EVENT = Event(
    id=EventId("spring-cup-2027"),
    name="Spring Cup 2027",
    opens=datetime(2027, 3, 1, tzinfo=UTC),
    closes=datetime(2027, 4, 1, tzinfo=UTC),
    ends=datetime(2027, 4, 15, tzinfo=UTC),
    capacity=2000,
    email_domains=("acme.example",),
    organizer_group=GroupId("7d5e1111-2222-4333-8444-555566667777"),
    grants=(EntraGroup(GroupId("0c1a1111-2222-4333-8444-555566667777")),),
    access_url="https://racing.acme.example",
)
SWAPPED = replace(EVENT, grants=(EntraGroup(GroupId("0c1a1111-2222-4333-8444-555566668888")),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db")
    yield opened
    opened.close()


def register_somebody(store: SqliteStore) -> None:
    person = Person(PersonId("aaaa1111-2222-4333-8444-555566667777"), "ada@acme.example")
    registration = Registration(
        key=RegistrationKey(EVENT.id, person.id),
        person=person,
        wish=Wish.RACING,
        wish_at=NOW,
        reply=ReplyTo(ChatIdentity("slack", "T0ACME001", "U0ADA")),
        asked_at=NOW,
    )
    store.run(lambda rows: rows.registrations.save(registration)).result()


def stored(store: SqliteStore) -> Event:
    found = store.read(lambda rows: rows.events.get(EVENT.id))
    assert found is not None
    return found


def test_applying_writes_the_event_and_a_line_of_the_audit(store: SqliteStore) -> None:
    apply(store, plan(store, EVENT), NOW)
    apply(store, plan(store, replace(EVENT, capacity=7)), NOW)
    assert (stored(store).version, stored(store).capacity) == (2, 7)
    made, changed = store.read(lambda rows: rows.audit.lines(EVENT.id))
    assert (made.actor, made.action, made.facts["capacity"]) == ("command line", "applied", "- → 2000")
    assert changed.facts == {"capacity": "2000 → 7"}


def test_what_a_change_means_for_racers_outlives_whoever_applied_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(store, plan(store, EVENT), NOW)
    register_somebody(store)

    def die(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("bot.applying.wake_event", die)
    with pytest.raises(KeyboardInterrupt):
        apply(store, plan(store, replace(EVENT, ends=NOW, closes=NOW)), NOW)

    class Later:
        def now(self) -> datetime:
            return NOW + LOST

    assert store.read(lambda rows: rows.queue.depth())[Work.SETTLE] == 0
    Sweeper(store, {}, Later()).round()
    assert store.read(lambda rows: rows.queue.depth())[Work.SETTLE] == 1


def test_a_plan_is_refused_once_the_event_has_changed(store: SqliteStore) -> None:
    apply(store, plan(store, EVENT), NOW)
    seen = plan(store, replace(EVENT, capacity=7))
    apply(store, plan(store, replace(EVENT, name="Renamed in chat")), NOW)
    with pytest.raises(StaleWrite):
        apply(store, seen, NOW)
    assert (stored(store).name, stored(store).capacity) == ("Renamed in chat", 2000)


def test_a_swap_that_was_free_when_planned_is_refused_once_somebody_has_joined(store: SqliteStore) -> None:
    apply(store, plan(store, EVENT), NOW)
    planned = plan(store, SWAPPED)
    register_somebody(store)
    with pytest.raises(EventFileInvalid, match="swapped"):
        apply(store, planned, NOW)
    with pytest.raises(EventFileInvalid, match="swapped"):
        plan(store, SWAPPED)
    assert stored(store).grants == EVENT.grants


def test_a_grant_retired_under_registered_people_stays_known(store: SqliteStore) -> None:
    apply(store, plan(store, EVENT), NOW)
    register_somebody(store)
    apply(store, plan(store, replace(EVENT, grants=(*EVENT.grants, *SWAPPED.grants))), NOW)
    apply(store, plan(store, SWAPPED), NOW)
    assert (stored(store).grants, stored(store).retired) == (SWAPPED.grants, EVENT.grants)


def test_a_start_makes_the_event_once_and_then_only_tells_the_difference(store: SqliteStore) -> None:
    assert apply_at_start(store, EVENT, lambda: NOW) is None
    changes = apply_at_start(store, replace(EVENT, capacity=7), lambda: NOW)
    assert changes is not None
    assert [change.field for change in changes] == ["capacity"]
    assert stored(store).capacity == 2000
    assert store.read(lambda rows: rows.audit.lines(EVENT.id))[0].actor == "bot"
