"""Who is an organizer: read from the directory, for a minute, and never in doubt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.directory import DirectoryUser
from provisioning.errors import DirectoryUnavailable, GroupMissing
from provisioning.events import EntraGroup, Event
from provisioning.ids import EventId, GroupId, PersonId
from provisioning.organizers import DENIED, HELD, Organized, Organizers
from provisioning.registrations import Person
from tests.unit.provisioning.spring_cup import ADA, NOON, SECOND, spring_cup

GRACE = PersonId("9999")
SPRING = spring_cup()
AUTUMN = replace(SPRING, id=EventId("autumn-cup"), organizer_group=GroupId("aaaa"))


@dataclass
class Company:
    """The groups and users of a directory that counts how often it is asked, and can fail."""

    members: dict[GroupId, set[PersonId]] = field(default_factory=dict)
    users: dict[PersonId, DirectoryUser | Failed | None] = field(default_factory=dict)
    failing: dict[GroupId, Failed] = field(default_factory=dict)
    asked: int = 0
    at: datetime = NOON

    batch = 20

    def presence(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        self.asked += 1
        if grant.group_id in self.failing:
            return {one.id: self.failing[grant.group_id] for one in people}
        members = self.members.get(grant.group_id, set())
        return {one.id: Present() if one.id in members else Absent() for one in people}

    add = remove = confirm = presence

    def check(self, grant: EntraGroup) -> None:
        raise AssertionError("nobody checks a group to know who is in it")

    def find(self, mails: Collection[str]) -> Mapping[str, tuple[DirectoryUser, ...] | Failed]:
        raise AssertionError("nobody is looked for by an address")

    def get(self, ids: Collection[PersonId]) -> Mapping[PersonId, DirectoryUser | Failed | None]:
        return {one: self.users.get(one) for one in ids}

    def now(self) -> datetime:
        return self.at


def employee(person_id: PersonId, **changes: object) -> DirectoryUser:
    user = DirectoryUser(person_id, "x@example.com", "X", enabled=True, user_type="Member")
    return replace(user, **changes)  # type: ignore[arg-type]


@pytest.fixture
def company() -> Company:
    return Company({SPRING.organizer_group: {ADA.id}}, {ADA.id: employee(ADA.id), GRACE: employee(GRACE)})


@pytest.fixture
def organizers(company: Company) -> Organizers:
    return Organizers(company, company, company)


def of(organizers: Organizers, *events: Event) -> Organized:
    return organizers.of([ADA.id], events)[ADA.id]


def test_a_member_organizes_the_events_of_the_group_and_no_others(organizers: Organizers) -> None:
    found = organizers.of([ADA.id, GRACE], [SPRING, AUTUMN])
    assert found == {ADA.id: Organized(frozenset({SPRING.id})), GRACE: Organized()}


@pytest.mark.parametrize(
    "user",
    [
        None,
        employee(ADA.id, enabled=False),
        employee(ADA.id, user_type="Guest"),
        employee(ADA.id, user_type=None),
    ],
)
def test_who_is_no_employee_organizes_nothing(
    company: Company, organizers: Organizers, user: DirectoryUser | None
) -> None:
    company.users[ADA.id] = user
    assert of(organizers, SPRING) == Organized()


def test_what_cannot_be_read_allows_nothing_and_is_asked_again_at_once(
    company: Company, organizers: Organizers
) -> None:
    company.failing[SPRING.organizer_group] = Failed(DirectoryUnavailable())
    found = of(organizers, SPRING)
    assert found.events == frozenset()
    assert isinstance(found.failed[SPRING.id], DirectoryUnavailable)

    company.failing.clear()
    company.users[ADA.id] = Failed(DirectoryUnavailable())
    assert isinstance(of(organizers, SPRING).failed[SPRING.id], DirectoryUnavailable)

    company.users[ADA.id] = employee(ADA.id)
    assert of(organizers, SPRING) == Organized(frozenset({SPRING.id}))


def test_a_group_that_is_gone_keeps_nobody_from_organizing_another_event(
    company: Company, organizers: Organizers
) -> None:
    company.failing[AUTUMN.organizer_group] = Failed(GroupMissing())
    found = of(organizers, SPRING, AUTUMN)
    assert found.events == {SPRING.id}
    assert set(found.failed) == {AUTUMN.id}


def test_a_membership_holds_for_a_minute_and_not_longer(company: Company, organizers: Organizers) -> None:
    assert of(organizers, SPRING).events
    company.members.clear()
    company.at = NOON + HELD - SECOND
    assert of(organizers, SPRING).events
    assert company.asked == 1

    company.at = NOON + HELD

    assert of(organizers, SPRING) == Organized()


def test_whoever_was_just_added_need_not_wait_a_minute(company: Company, organizers: Organizers) -> None:
    company.members.clear()
    assert of(organizers, SPRING) == Organized()
    company.members[SPRING.organizer_group] = {ADA.id}
    assert of(organizers, SPRING) == Organized()

    company.at = NOON + DENIED

    assert of(organizers, SPRING).events == {SPRING.id}


def test_a_directory_that_says_nothing_about_somebody_allows_nothing(company: Company) -> None:
    class Silent(Company):
        def presence(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
            return {}

    silent = Silent()
    found = Organizers(silent, company, company).of([ADA.id], [SPRING])
    assert found[ADA.id].events == frozenset()
    assert set(found[ADA.id].failed) == {SPRING.id}
