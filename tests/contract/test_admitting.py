"""Requests of one person from two platforms are folded into one registration: the last word counts."""

from provisioning.admitting import admit
from provisioning.ids import RequestKey
from provisioning.ports import Store
from provisioning.registrations import Person, Registration
from provisioning.requests import ReplyTo, Request, Wish
from tests.contract.samples import SPRING, a_request, after, an_event, chat, person, racer

ADA = Person(person(1), "ada@example.com", "Ada")


def in_slack(wish: Wish, received: float) -> Request:
    return a_request(1, wish=wish, received=received)


def in_teams(wish: Wish, received: float) -> Request:
    there = chat(1, "teams")
    return Request(RequestKey(SPRING, there), wish, after(received), ReplyTo(there))


def looked_at(store: Store, *requests: Request) -> Registration | None:
    """Let the gate look at requests of one person in this order."""
    store.run(lambda rows: rows.events.save(an_event())).result()
    saved = [store.run(lambda rows, one=one: rows.requests.save(one)).result() for one in requests]  # type: ignore[misc]
    for one in saved:
        store.run(lambda rows, one=one: admit(rows, one.key, one.version, ADA, None, after(60))).result()  # type: ignore[misc]
    return store.read(lambda rows: rows.registrations.get(racer(1)))


def test_a_join_that_is_looked_at_after_the_leave_that_followed_it_elsewhere_lets_nobody_in(
    store: Store,
) -> None:
    found = looked_at(store, in_teams(Wish.GONE, 2.0), in_slack(Wish.RACING, 1.0))

    assert found is not None
    assert (found.wish, found.wish_at, found.reply) == (Wish.GONE, after(2), ReplyTo(chat(1)))
    assert "joined" not in [line.action for line in store.read(lambda rows: rows.audit.lines())]


def test_a_join_after_a_leave_that_had_nothing_to_leave_lets_them_in(store: Store) -> None:
    found = looked_at(store, in_teams(Wish.GONE, 1.0), in_slack(Wish.RACING, 2.0))

    assert found is not None
    assert (found.wish, found.wish_at) == (Wish.RACING, after(2))
