"""The `identity-center` grant against the simulated AWS account, with real boto3 over HTTP."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from adapters.aws.identity_center import IdentityCenter
from adapters.aws.pace import Pace
from provisioning.access import Absent, Failed, NotThere, Outcome, Present
from provisioning.brake import Brake
from provisioning.errors import (
    AccessAccountDisabled,
    AccessAccountMismatch,
    AccessUnavailable,
    AssignmentMissing,
    CredentialRefused,
    GroupMissing,
    Misconfigured,
    PermissionMissing,
    PermissionSetMissing,
    ProvisioningError,
    StoreUnavailable,
)
from provisioning.events import IdentityCenterGroup
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person
from sandbox.aws import AwsSimulator
from sandbox.company import (
    ACCOUNT_ID,
    IDENTITY_STORE_ID,
    INSTANCE_ARN,
    PERMISSION_SET_ARN,
    RACERS_GROUP,
    Company,
    StoreGroup,
    StoreUser,
)
from sandbox.listening import listening
from sandbox.wire import CallLog, Fault, Faults
from tests.unit.adapters.graph_company import Told, scripted

STORE_CALLS = "(List|Get|Describe)(Users?|Group)|.*GroupMembership|IsMember"


@dataclass
class Hands:
    """A clock that is turned by hand."""

    seconds: float = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@dataclass
class Board:
    """The brakes of one process, kept in memory."""

    clock: Hands
    held: dict[str, Brake] = field(default_factory=dict)
    away: bool = False

    def wait(self, api: str) -> float:
        if self.away:
            raise StoreUnavailable
        return self.held[api].holds(self.clock.now()) if api in self.held else 0.0

    def hold(self, brake: Brake) -> None:
        if self.away:
            raise StoreUnavailable
        self.held[brake.api] = brake


@dataclass
class World:
    """The simulated account, the adapter that asks it, and the grant of the racers' group."""

    company: Company
    aws: AwsSimulator
    access: IdentityCenter
    grant: IdentityCenterGroup
    clock: Hands
    brakes: Board
    again: Callable[[], IdentityCenter]

    @property
    def group(self) -> StoreGroup:
        return self.company.store_group(RACERS_GROUP)

    def person(self, key: str) -> Person:
        user = self.company.people[key].entra
        assert user is not None
        return Person(PersonId(user.id), user.user_principal_name, user.display_name)

    def employees(self, count: int) -> list[Person]:
        return [self.person(f"employee-{number:03d}") for number in range(1, count + 1)]

    def user(self, person: Person) -> StoreUser:
        return next(found for found in self.company.store_users.values() if found.external_id == person.id)

    def put_in(self, people: Sequence[Person]) -> None:
        for person in people:
            self.group.memberships[self.company.store_id()] = self.user(person).user_id

    def calls(self, operation: str = STORE_CALLS) -> int:
        return self.aws.log.count(operation)


def found_world(people: int, *, patience_seconds: float = 30.0) -> Iterator[World]:
    company = Company.found(people=people)
    aws = AwsSimulator(company, CallLog(company.clock), Faults(), assignment_seconds=60, rate_scale=1000)
    clock = Hands()
    brakes = Board(clock)
    grant = IdentityCenterGroup(
        IDENTITY_STORE_ID,
        GroupId(company.store_group(RACERS_GROUP).group_id),
        INSTANCE_ARN,
        ACCOUNT_ID,
        PERMISSION_SET_ARN,
    )
    with listening(aws.app()) as url:
        clients = [
            boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=url,
                aws_access_key_id="AKIAMADEUP",
                aws_secret_access_key="made-up",
                config=Config(
                    retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=patience_seconds
                ),
            )
            for service in ("identitystore", "sso-admin")
        ]

        def again() -> IdentityCenter:
            fast = Pace(rate=1e6, most=1e6)
            return IdentityCenter(clients[0], clients[1], brakes=brakes, clock=clock, pace=fast)

        yield World(company, aws, again(), grant, clock, brakes, again)
        for client in clients:
            client.close()


@contextmanager
def scripted_store(*answers: dict[str, Any] | Told) -> Iterator[IdentityCenter]:
    """Serve these answers, one after another, to an adapter: for what our simulator never says."""
    told = [one if isinstance(one, Told) else Told(body=one) for one in answers]
    with scripted(told) as (url, _):
        clients = [
            boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=url,
                aws_access_key_id="AKIAMADEUP",
                aws_secret_access_key="made-up",
                config=Config(retries={"total_max_attempts": 1}),
            )
            for service in ("identitystore", "sso-admin")
        ]
        clock = Hands()
        fast = Pace(rate=1e6, most=1e6)
        yield IdentityCenter(clients[0], clients[1], brakes=Board(clock), clock=clock, pace=fast)
        for client in clients:
            client.close()


@pytest.fixture
def world() -> Iterator[World]:
    yield from found_world(60)


@pytest.fixture
def impatient() -> Iterator[World]:
    yield from found_world(60, patience_seconds=2.0)


@pytest.fixture
def large_world() -> Iterator[World]:
    yield from found_world(2000)


def failed(outcome: Outcome) -> ProvisioningError:
    assert isinstance(outcome, Failed)
    return outcome.error


# --- who is who


def test_a_person_is_matched_by_object_id_even_under_another_user_name(world: World) -> None:
    person = world.person("employee")
    world.user(person).user_name = "maiden.name@acme.example"
    outcome = world.access.add(world.grant, [person])[person.id]
    assert outcome == Present(world.user(person).user_id)


def test_a_person_without_object_id_in_the_store_is_matched_by_user_name_in_any_case(world: World) -> None:
    person = world.person("employee")
    user = world.user(person)
    user.external_id, user.user_name = None, user.user_name.upper()
    assert world.access.add(world.grant, [person])[person.id] == Present(user.user_id)


def test_an_external_id_that_is_no_object_id_does_not_stand_in_the_way_of_the_name(world: World) -> None:
    person = world.person("employee")
    user = world.user(person)
    user.external_id = "mail-nickname"
    assert world.access.add(world.grant, [person])[person.id] == Present(user.user_id)


@pytest.mark.parametrize("together", [1, 30])
def test_a_user_of_the_same_name_with_another_object_id_is_refused(world: World, together: int) -> None:
    people = world.employees(together)
    world.user(people[0]).external_id = world.company.guid()
    outcomes = world.access.add(world.grant, people)
    assert isinstance(failed(outcomes[people[0].id]), AccessAccountMismatch)
    assert len(world.group.memberships) == together - 1


@pytest.mark.parametrize("together", [1, 30])
def test_nobody_is_matched_by_mail(world: World, together: int) -> None:
    people = world.employees(together)
    user = world.user(people[0])
    user.external_id, user.user_name = None, "another.name@acme.example"
    assert user.email == people[0].user_principal_name
    assert world.access.add(world.grant, people)[people[0].id] == NotThere()


@pytest.mark.parametrize("together", [0, 30])
def test_somebody_not_in_the_store_is_not_there(world: World, together: int) -> None:
    newcomer = world.person("newcomer")
    outcomes = world.access.presence(world.grant, [newcomer, *world.employees(together)])
    assert outcomes[newcomer.id] == NotThere()
    assert world.access.add(world.grant, [newcomer])[newcomer.id] == NotThere()
    assert world.access.confirm(world.grant, [newcomer])[newcomer.id] == NotThere()


def test_somebody_pushed_in_the_meantime_is_found_at_once(world: World) -> None:
    newcomer = world.person("newcomer")
    world.access.presence(world.grant, [newcomer, *world.employees(30)])
    entra = world.company.people["newcomer"].entra
    assert entra is not None
    user = world.company.bring_to_store(entra)
    assert world.access.add(world.grant, [newcomer])[newcomer.id] == Present(user.user_id)


@pytest.mark.parametrize("together", [1, 30])
def test_a_disabled_user_is_neither_added_nor_confirmed_but_can_be_taken_out(
    world: World, together: int
) -> None:
    people = world.employees(together)
    world.user(people[0]).status = "DISABLED"
    assert isinstance(failed(world.access.add(world.grant, people)[people[0].id]), AccessAccountDisabled)
    world.put_in(people[:1])
    assert isinstance(failed(world.access.confirm(world.grant, people)[people[0].id]), AccessAccountDisabled)
    assert isinstance(world.access.presence(world.grant, people)[people[0].id], Present)
    assert world.access.remove(world.grant, people)[people[0].id] == Absent()
    assert world.group.memberships == {}


def test_who_was_found_stays_so_for_five_minutes_and_no_longer(world: World) -> None:
    people = world.employees(30)
    world.access.presence(world.grant, people)
    read = world.calls("ListUsers")
    world.clock.seconds += 299
    world.access.presence(world.grant, people)
    assert world.calls("ListUsers") == read
    world.clock.seconds += 2
    world.access.presence(world.grant, people)
    assert world.calls("ListUsers") == 2 * read


def test_who_was_not_there_is_looked_for_again_after_a_minute(world: World) -> None:
    people = world.employees(30)
    late = [world.company.store_users.pop(world.user(person).user_id) for person in people[:12]]
    assert world.access.presence(world.grant, people)[people[0].id] == NotThere()
    world.company.store_users |= {user.user_id: user for user in late}
    assert world.access.presence(world.grant, people)[people[0].id] == NotThere()
    world.clock.seconds += 61
    assert world.access.presence(world.grant, people)[people[0].id] == Absent()


def test_a_user_deleted_and_brought_again_is_found_under_the_new_id(world: World) -> None:
    person = world.person("employee")
    world.access.presence(world.grant, [person])
    entra = world.company.people["employee"].entra
    assert entra is not None
    del world.company.store_users[world.user(person).user_id]
    user = world.company.bring_to_store(entra)
    assert world.access.add(world.grant, [person])[person.id] == NotThere()
    assert world.access.add(world.grant, [person])[person.id] == Present(user.user_id)


# --- membership


@pytest.mark.parametrize("together", [1, 30])
def test_people_are_added_confirmed_and_taken_out_again(world: World, together: int) -> None:
    people = world.employees(together)
    ids = {person.id: world.user(person).user_id for person in people}
    assert world.access.presence(world.grant, people) == dict.fromkeys(ids, Absent())
    expected = {key: Present(user_id) for key, user_id in ids.items()}
    assert world.access.add(world.grant, people) == expected
    assert sorted(world.group.memberships.values()) == sorted(ids.values())
    assert world.access.presence(world.grant, people) == expected
    assert world.access.confirm(world.grant, people) == expected
    assert world.access.remove(world.grant, people) == dict.fromkeys(ids, Absent())
    assert world.group.memberships == {}


@pytest.mark.parametrize("together", [1, 30])
def test_adding_and_removing_can_be_repeated(world: World, together: int) -> None:
    people = world.employees(together)
    assert world.access.add(world.grant, people) == world.access.add(world.grant, people)
    assert len(world.group.memberships) == together
    assert world.access.remove(world.grant, people) == world.access.remove(world.grant, people)
    assert world.group.memberships == {}


def test_taking_out_somebody_who_is_not_in_the_store_is_done(world: World) -> None:
    newcomer = world.person("newcomer")
    assert world.access.remove(world.grant, [newcomer])[newcomer.id] == Absent()


def test_a_membership_that_reads_do_not_show_yet_is_not_confirmed_yet(world: World) -> None:
    world.aws.identity_store.visibility_seconds = 1000
    person = world.person("employee")
    assert isinstance(world.access.add(world.grant, [person])[person.id], Present)
    assert world.access.confirm(world.grant, [person])[person.id] == Absent()
    world.company.clock.turn(1000)
    assert isinstance(world.access.confirm(world.grant, [person])[person.id], Present)


def test_a_collision_with_another_writer_is_worth_another_try_and_stops_nobody_else(world: World) -> None:
    people = world.employees(30)
    world.aws.identity_store.concurrent_modification_chance = 0.4
    outcomes = world.access.add(world.grant, people)
    collided = [found for found in outcomes.values() if isinstance(found, Failed)]
    assert 0 < len(collided) < 30
    assert all(isinstance(found.error, AccessUnavailable) for found in collided)
    assert not any(found.may_have_landed for found in collided)
    assert len(world.group.memberships) == 30 - len(collided)


def test_a_long_list_is_not_read_to_find_a_few(large_world: World) -> None:
    world = large_world
    world.put_in(world.employees(500))
    three = [world.person(f"employee-{number}") for number in (101, 700, 900)]
    outcomes = world.access.presence(world.grant, three)
    assert [type(outcomes[person.id]) for person in three] == [Present, Absent, Absent]
    assert world.calls("ListGroupMemberships|IsMember") <= 6
    before = world.calls()
    world.access.presence(world.grant, three)
    assert world.calls() - before == 3


# --- the assignment


def test_membership_without_the_assignment_is_not_confirmed(world: World) -> None:
    person, other = world.person("employee"), world.person("organizer")
    world.access.add(world.grant, [person])
    world.aws.sso_admin.assignments.clear()
    outcomes = world.access.confirm(world.grant, [person, other])
    assert isinstance(failed(outcomes[person.id]), AssignmentMissing)
    assert outcomes[other.id] == Absent()


def test_the_assignment_is_read_once_for_many_people(world: World) -> None:
    people = world.employees(30)
    world.access.add(world.grant, people)
    world.access.confirm(world.grant, people)
    assert world.calls("ListAccountAssignments") == 1


# --- trouble


def test_a_group_that_is_gone_is_told_with_its_id(world: World) -> None:
    people = world.employees(30)
    del world.company.store_groups[world.grant.group_id]
    for outcomes in (
        world.access.presence(world.grant, people),
        world.access.add(world.grant, people),
        world.access.remove(world.grant, people),
    ):
        errors = [failed(outcome) for outcome in outcomes.values()]
        assert len(errors) == 30
        assert all(isinstance(error, GroupMissing) for error in errors)
        assert errors[0].facts["group"] == world.grant.group_id


def test_throttling_brakes_every_process_and_asks_no_more(world: World) -> None:
    people = world.employees(30)
    world.access.presence(world.grant, people)
    world.aws.faults.arm(Fault("CreateGroupMembership", "throttle", times=None, retry_after=7))
    outcomes = world.access.add(world.grant, people)
    errors = [failed(outcome) for outcome in outcomes.values()]
    assert all(isinstance(error, AccessUnavailable) and error.retry_after == 7 for error in errors)
    assert world.calls("CreateGroupMembership") == 1
    assert world.brakes.wait(f"identitystore:{IDENTITY_STORE_ID}") == 7
    before = world.calls("")
    other_process = world.again()
    assert isinstance(failed(other_process.add(world.grant, people)[people[0].id]), AccessUnavailable)
    assert world.calls("") == before
    world.aws.faults.disarm()
    world.clock.seconds += 7
    assert isinstance(other_process.add(world.grant, people)[people[0].id], Present)


def test_throttling_in_the_middle_of_a_batch_loses_nothing_of_what_was_done(world: World) -> None:
    people = world.employees(30)
    world.access.presence(world.grant, people)
    world.aws.identity_store.bucket.limit(0.001, 12)
    outcomes = world.access.add(world.grant, people)
    done = {found.subject for found in outcomes.values() if isinstance(found, Present)}
    assert len(done) == 12
    assert done == set(world.group.memberships.values())
    left = [found for found in outcomes.values() if isinstance(found, Failed)]
    assert len(left) == 18
    assert not any(found.may_have_landed for found in left)


def test_throttled_while_reading_users_it_reads_on_from_the_same_page(large_world: World) -> None:
    world = large_world
    people = world.employees(50)
    world.aws.identity_store.bucket.limit(0.1, 10)
    throttled = world.access.presence(world.grant, people)
    assert all(isinstance(failed(found), AccessUnavailable) for found in throttled.values())
    world.aws.identity_store.bucket.limit(1e6, 1e6)
    world.clock.seconds += 10
    assert set(world.access.presence(world.grant, people).values()) == {Absent()}
    assert world.calls("ListUsers") == 22  # 21 pages, one of them asked for twice


@pytest.mark.parametrize(
    "fault",
    [
        Fault("CreateGroupMembership", "status", status=503),
        Fault("CreateGroupMembership", "drop"),
        Fault("CreateGroupMembership", "unheard", seconds=60.0),
    ],
    ids=["server error", "cut", "timeout"],
)
def test_an_add_without_an_answer_may_have_landed(impatient: World, fault: Fault) -> None:
    world = impatient
    person = world.person("employee")
    world.aws.faults.arm(fault)
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(failed(outcome), AccessUnavailable)
    assert isinstance(outcome, Failed)
    assert outcome.may_have_landed
    assert isinstance(world.access.add(world.grant, [person])[person.id], Present)
    assert len(world.group.memberships) == 1


def test_one_person_for_whom_the_api_breaks_does_not_hold_up_the_others(world: World) -> None:
    people = world.employees(30)
    world.aws.faults.arm(Fault("CreateGroupMembership", "status", status=500))
    outcomes = world.access.add(world.grant, people)
    assert sum(isinstance(found, Present) for found in outcomes.values()) == 29


def test_an_api_that_is_down_is_not_asked_for_everybody(world: World) -> None:
    people = world.employees(30)
    world.access.presence(world.grant, people)
    world.aws.faults.arm(Fault("CreateGroupMembership", "refuse", times=None))
    outcomes = world.access.add(world.grant, people)
    assert all(isinstance(failed(found), AccessUnavailable) for found in outcomes.values())
    assert world.calls("CreateGroupMembership") == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [("AccessDeniedException", PermissionMissing), ("ExpiredTokenException", CredentialRefused)],
)
def test_a_missing_permission_or_credential_is_for_the_operator(
    world: World, code: str, expected: type[Misconfigured]
) -> None:
    person = world.person("employee")
    world.aws.faults.arm(
        Fault("CreateGroupMembership", "status", status=400, body=f'{{"__type": "{code}", "Message": "no"}}')
    )
    error = failed(world.access.add(world.grant, [person])[person.id])
    assert isinstance(error, expected)
    if expected is PermissionMissing:
        assert error.facts["permission"] == "identitystore:CreateGroupMembership"


def test_nothing_is_asked_while_the_brakes_cannot_be_read(world: World) -> None:
    world.brakes.away = True
    person = world.person("employee")
    assert isinstance(failed(world.access.add(world.grant, [person])[person.id]), StoreUnavailable)
    assert world.calls("") == 0


# --- the preflight


def test_a_working_grant_passes_the_check(world: World) -> None:
    world.access.check(world.grant)
    assert world.calls("DescribeGroup|DescribeInstance|DescribePermissionSet|ListAccountAssignments") == 4


def test_the_check_names_what_is_missing(world: World) -> None:
    def drop_group() -> None:
        del world.company.store_groups[world.grant.group_id]

    def switch_off() -> None:
        world.aws.sso_admin.permission_sets_enabled = False

    broken: list[tuple[Callable[[], Any], type[Misconfigured]]] = [
        (world.aws.sso_admin.assignments.clear, AssignmentMissing),
        (world.aws.sso_admin.permission_sets.clear, PermissionSetMissing),
        (switch_off, PermissionSetMissing),
        (drop_group, GroupMissing),
    ]
    for breaking, expected in broken:
        breaking()
        with pytest.raises(expected) as caught:
            world.access.check(world.grant)
        assert caught.value.facts


def test_the_check_says_when_it_cannot_know(world: World) -> None:
    for operation in ("DescribeGroup", "ListAccountAssignments"):
        world.aws.faults.arm(Fault(operation, "status", status=500))
        with pytest.raises(AccessUnavailable):
            world.access.check(world.grant)


def test_the_check_does_without_descriptions_that_the_role_may_not_read(world: World) -> None:
    world.aws.faults.arm(Fault("Describe(Instance|PermissionSet)", "status", status=500, times=2))
    world.access.check(world.grant)
    assert world.aws.log.count("ListAccountAssignments", status=200) == 1


# --- the budget


def test_five_hundred_joins_cost_at_most_1_3_identity_store_requests_each(large_world: World) -> None:
    world = large_world
    people = world.employees(500)
    for start in range(0, 500, 100):  # the settler reads for its whole round, and adds in chunks
        batch = people[start : start + 100]
        assert set(world.access.presence(world.grant, batch).values()) == {Absent()}
        for chunk in range(0, 100, world.access.batch):
            world.access.add(world.grant, batch[chunk : chunk + world.access.batch])
        confirmed = world.access.confirm(world.grant, batch)
        assert all(isinstance(found, Present) for found in confirmed.values())
    assert len(world.group.memberships) == 500
    assert world.calls() <= 650


def test_one_join_at_rest_costs_few_requests(large_world: World) -> None:
    world = large_world
    person = world.person("employee")
    world.access.presence(world.grant, [person])
    world.access.add(world.grant, [person])
    world.access.confirm(world.grant, [person])
    assert world.calls() <= 6


# Answers that keep to the contract in another way than our simulator.

GRANT = IdentityCenterGroup(IDENTITY_STORE_ID, GroupId("g-1"), INSTANCE_ARN, ACCOUNT_ID, PERMISSION_SET_ARN)
ADA = Person(PersonId("00000000-aaaa-4000-8000-000000000001"), "ada@acme.example", "Ada")
A_USER = {"UserId": "u-1", "UserName": "ada@acme.example", "ExternalIds": [{"Issuer": "i", "Id": ADA.id}]}
A_MEMBER = {"Results": [{"GroupId": "g-1", "MemberId": {"UserId": "u-1"}, "MembershipExists": True}]}
ASSIGNED = {"PrincipalType": "GROUP", "PrincipalId": "g-1"}


def test_a_page_may_be_empty_in_the_middle_and_the_last_token_too() -> None:
    with scripted_store(
        {"Users": [A_USER], "NextToken": ""},
        A_MEMBER,
        {"AccountAssignments": [], "NextToken": "more"},
        {"NextToken": "more still"},
        {"AccountAssignments": [ASSIGNED], "NextToken": ""},
    ) as access:
        assert access.confirm(GRANT, [ADA]) == {ADA.id: Present("u-1")}


def test_no_list_of_assignments_means_no_assignment() -> None:
    with scripted_store({"Users": [A_USER]}, A_MEMBER, {}) as access:
        (outcome,) = access.confirm(GRANT, [ADA]).values()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AssignmentMissing)


@pytest.mark.parametrize("code", ["SlowDown", "RequestThrottledException", "ThrottledException"])
def test_whatever_a_throttle_is_called_it_is_waited_for(code: str) -> None:
    with scripted([Told(400, {"__type": code, "message": "Rate exceeded"})]) as (url, _):
        client = boto3.client(
            "identitystore",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="AKIAMADEUP",
            aws_secret_access_key="made-up",
            config=Config(retries={"total_max_attempts": 1}),
        )
        clock = Hands()
        brakes = Board(clock)
        access = IdentityCenter(client, client, brakes=brakes, clock=clock)
        (outcome,) = access.presence(GRANT, [ADA]).values()
        client.close()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AccessUnavailable)
    assert brakes.held


def test_an_object_id_is_found_under_another_name_though_the_first_users_have_none() -> None:
    by_hand = {"UserId": "u-9", "UserName": "root@acme.example"}
    another = {"UserId": "u-8", "UserName": "b", "ExternalIds": [{"Issuer": "i", "Id": f"{ADA.id[:-1]}2"}]}
    not_found = Told(400, {"__type": "ResourceNotFoundException", "ResourceType": "USER"})
    with scripted_store(
        {"Users": [by_hand], "NextToken": "1"},
        not_found,  # nobody has the principal name as user name
        {"Users": [], "NextToken": "2"},
        {"Users": [another], "NextToken": "3"},
        {"UserId": "u-1"},  # now that it is known who issues object ids
        {**A_USER, "UserName": "renamed"},
        A_MEMBER,
    ) as access:
        assert access.presence(GRANT, [ADA]) == {ADA.id: Present("u-1")}


@pytest.mark.parametrize("kind", ["GROUP_MEMBERSHIP", "MEMBERSHIP", None])
def test_a_membership_that_is_gone_meanwhile_is_a_withdrawal_done(kind: str | None) -> None:
    gone = {"__type": "com.amazonaws.identitystore#ResourceNotFoundException"}
    told = Told(400, gone if kind is None else gone | {"ResourceType": kind})
    with scripted_store({"Users": [A_USER]}, {"MembershipId": "m-1"}, told) as access:
        assert access.remove(GRANT, [ADA]) == {ADA.id: Absent()}


def test_rows_of_a_list_without_a_member_are_passed_over() -> None:
    """A membership whose user was deleted may name nobody; the page's others are still read."""
    bob = Person(PersonId(f"{ADA.id[:-1]}2"), "bob@acme.example", "Bob")
    his = {"UserId": "u-2", "UserName": "bob@acme.example", "ExternalIds": [{"Issuer": "i", "Id": bob.id}]}
    page = {
        "GroupMemberships": [
            {"MembershipId": "m-0"},
            {"MembershipId": "m-1", "MemberId": {"UserId": "u-1"}},
        ]
    }
    with scripted_store({"Users": [A_USER, his]}, {"UserId": "u-2"}, his, page) as access:
        assert access.presence(GRANT, [ADA, bob]) == {ADA.id: Present("u-1"), bob.id: Absent()}
