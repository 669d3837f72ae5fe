"""The roster: how racers are called in a list that organizers read."""

from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.registrations import Person, Registration
from provisioning.roster import listed, told_apart
from tests.unit.provisioning.spring_cup import NOON, ada, spring_cup


def racer(number: int, name: str, sign_in: str = "") -> Registration:
    person = Person(PersonId(f"person-{number}"), sign_in, name)
    return ada(key=RegistrationKey(EventId("spring-cup"), person.id), person=person)


def test_namesakes_are_told_apart_by_what_they_sign_in_with_and_nobody_else_is() -> None:
    found = [
        racer(1, "Ada Lovelace", "ada@example.com"),
        racer(2, "ada lovelace", "ada.l@example.com"),
        racer(3, "Grace Hopper", "grace@example.com"),
        racer(4, "", "linus@example.com"),
        racer(5, "Linus"),
        racer(6, "Linus"),
    ]

    assert list(told_apart(found).values()) == [
        "Ada Lovelace (ada@example.com)",
        "ada lovelace (ada.l@example.com)",
        "Grace Hopper",
        "linus@example.com",
        "Linus",
        "Linus",
    ]
    assert [one.name for one in listed(found, spring_cup(), NOON)] == list(told_apart(found).values())
