"""What somebody asks at several doors comes to what they asked last, and they hear so everywhere."""

from datetime import datetime, timedelta

import pytest

from provisioning.admitting import admit
from provisioning.ids import ChatIdentity
from provisioning.joining import Asking, request_join, request_leave
from provisioning.ports import Rows, Store
from provisioning.registrations import Person
from provisioning.requests import ReplyTo, Wish
from tests.contract.samples import MORNING, SPRING, an_event, chat, person, racer

ADA = Person(person(1), "ada@example.com", "Ada Lovelace")
TEAMS = ChatIdentity("teams", "acme", person(1))


def asking(asked_id: str, now: datetime, who: ChatIdentity | None = None) -> Asking:
    """Return an asking by Ada at a door whose clock says so; where she asked she can still be answered."""
    who = who or chat(1)
    reply = ReplyTo(who, f"handle of {asked_id}", MORNING + timedelta(days=1), 5)
    return Asking(who, asked_id, now, reply)


def fold(rows: Rows, who: ChatIdentity, now: datetime) -> None:
    """Find out that it is Ada who asks."""
    (request,) = rows.requests.of(who)
    admit(rows, request.key, request.version, ADA, None, now)


def wish(store: Store) -> Wish:
    found = store.read(lambda rows: rows.registrations.get(racer(1)))
    assert found is not None
    return found.wish


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=-2), timedelta(minutes=20)])
@pytest.mark.parametrize("is_met_between", [False, True])
def test_what_was_asked_last_counts_also_at_a_door_whose_clock_is_behind(
    store: Store, ahead: timedelta, *, is_met_between: bool
) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    said = [(request_join, {}), (request_leave, {"confirmed": True}), (request_join, {})]
    for number, (ask, how) in enumerate(said):
        now = MORNING + timedelta(seconds=number) + (ahead if number == 1 else timedelta(0))
        one = asking(str(number), now)
        store.run(lambda rows, ask=ask, one=one, how=how: ask(rows, one, SPRING, **how)).result()  # type: ignore[misc]
        if is_met_between:
            store.run(lambda rows: fold(rows, chat(1), MORNING)).result()
            assert wish(store) is (Wish.GONE if ask is request_leave else Wish.RACING)

    if not is_met_between:
        store.run(lambda rows: fold(rows, chat(1), MORNING)).result()
    assert wish(store) is Wish.RACING


def test_who_asked_for_something_newer_elsewhere_hears_of_it_in_both_places(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    later = MORNING + timedelta(seconds=1)
    store.run(lambda rows: request_join(rows, asking("1", MORNING, TEAMS), SPRING)).result()
    store.run(lambda rows: request_join(rows, asking("2", later), SPRING)).result()

    for who in (chat(1), TEAMS):  # the newer one is looked at first
        store.run(lambda rows, who=who: fold(rows, who, later)).result()  # type: ignore[misc]

    about = f"registration:{racer(1)}"
    for where, platform in ((chat(1), "slack"), (TEAMS, "teams")):
        card = store.read(lambda rows, platform=platform: rows.outbox.get(f"card:{about}:{platform}"))  # type: ignore[misc]
        assert card is not None
        assert card.to is not None
        assert card.to.chat == where
