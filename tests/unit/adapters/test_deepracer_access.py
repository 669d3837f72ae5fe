"""The `deepracer-on-aws` grant against the simulated user pool, with real boto3 over HTTP."""

from collections.abc import Iterator

import pytest

from adapters.deepracer.names import alias_of, username_of
from adapters.deepracer.pool import PAGE
from provisioning.access import Absent, Failed, Present
from provisioning.brake import NO_ADVICE
from provisioning.errors import (
    AccessAccountDisabled,
    AccessUnavailable,
    CredentialRefused,
    DirectoryUnavailable,
    GroupMissing,
    NotInDirectory,
    PermissionMissing,
    SiteTooOld,
    SiteUnavailable,
    Unexpected,
)
from provisioning.registrations import Person
from sandbox.racing import ADMINS, FACILITATORS, RACERS, USER_POOL_ID
from sandbox.wire import Fault
from tests.unit.adapters.racing_world import RacingWorld, failed, racing_world


@pytest.fixture
def world() -> Iterator[RacingWorld]:
    with racing_world() as found:
        yield found


def join(world: RacingWorld, person: Person) -> str:
    """Do what the settler does for a join; return the username."""
    assert world.access.presence(world.grant, [person])[person.id] == Absent()
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(outcome, Present)
    assert outcome.subject
    known = Person(person.id, person.user_principal_name, subject=outcome.subject)
    assert world.access.confirm(world.grant, [known])[person.id] == outcome
    return outcome.subject


def known(person: Person, username: str) -> Person:
    return Person(person.id, person.user_principal_name, person.display_name, username)


# --- who has nothing yet


def test_a_new_racer_gets_an_account_of_a_name_that_follows_from_the_person(world: RacingWorld) -> None:
    person = world.person()
    username = join(world, person)
    user = world.own(person)
    assert username == user.username == username_of(USER_POOL_ID, person.id)
    assert (user.email, user.email_verified, user.enabled) == (world.mail(person), True, True)
    assert user.groups == {RACERS}
    assert world.racing.profiles[username].alias == alias_of(username)


def test_nothing_is_mailed_unless_it_is_wanted(world: RacingWorld) -> None:
    join(world, world.person(1))
    assert world.racing.mails == []
    world.access = world.again(invites=True)
    join(world, world.person(2))
    assert [to for _, to in world.racing.mails] == [world.mail(world.person(2))]


def test_a_join_takes_four_requests(world: RacingWorld) -> None:
    join(world, world.person())
    operations = [call.operation for call in world.cognito.log.calls]
    assert operations == [
        "AdminGetUser",
        "AdminCreateUser",
        "AdminAddUserToGroup",
        "AdminListGroupsForUser",
    ]


def test_many_joins_are_confirmed_by_the_pages_of_the_group() -> None:
    with racing_world(people=130) as world:
        people = world.people(130)
        world.access.presence(world.grant, people)
        outcomes = world.access.add(world.grant, people)
        named = [known(one, str(getattr(outcomes[one.id], "subject", ""))) for one in people]
        before = world.calls()
        assert world.access.confirm(world.grant, named) == outcomes
        assert world.calls() - before == -(-130 // PAGE)
        assert world.calls() <= 4 * len(people)
        assert len(world.racers()) == len(set(world.racers())) == 130


def test_the_directory_is_asked_for_everybodys_mail_at_once(world: RacingWorld) -> None:
    people = world.people(5)
    world.access.presence(world.grant, people)
    world.access.add(world.grant, people)
    assert sorted(world.asked_for_mail) == sorted(person.id for person in people)


def test_whose_mail_the_directory_does_not_tell_fails_alone(world: RacingWorld) -> None:
    people = world.people(4)
    world.without_mail = {people[0].id: None, people[1].id: Failed(DirectoryUnavailable())}
    outcomes = world.access.add(world.grant, people)
    assert isinstance(failed(outcomes[people[0].id]), NotInDirectory)
    assert isinstance(failed(outcomes[people[1].id]), DirectoryUnavailable)
    assert all(isinstance(outcomes[person.id], Present) for person in people[2:])
    assert isinstance(failed(world.access.presence(world.grant, people)[people[1].id]), DirectoryUnavailable)


# --- crashes, repetition


def test_an_account_that_was_created_before_a_crash_is_found_and_finished(world: RacingWorld) -> None:
    person = world.person()
    world.cognito.faults.arm(Fault("AdminAddUserToGroup", "refuse"))
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(failed(outcome), AccessUnavailable)
    assert world.own(person).groups == set()
    world.access = world.again()
    join(world, person)
    assert len(world.racers()) == 1
    assert world.calls("AdminCreateUser") == 1


@pytest.mark.parametrize("operation", ["AdminCreateUser", "AdminAddUserToGroup"])
def test_a_request_whose_answer_is_lost_may_have_landed_and_is_repeated_without_harm(
    world: RacingWorld, operation: str
) -> None:
    person = world.person()
    world.cognito.faults.arm(Fault(operation, "drop"))
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(outcome, Failed)
    assert outcome.may_have_landed
    assert isinstance(world.access.add(world.grant, [person])[person.id], Present)
    assert world.racers() == [world.own(person).username]


def test_who_is_added_twice_is_in_once(world: RacingWorld) -> None:
    person = world.person()
    first = world.access.add(world.grant, [person])
    assert world.again().add(world.grant, [person]) == first
    assert world.racers() == [world.own(person).username]


def test_an_account_that_vanishes_between_two_requests_is_made_again(world: RacingWorld) -> None:
    person = world.person()
    join(world, person)
    del world.racing.users[world.own(person).username]
    assert isinstance(failed(world.access.add(world.grant, [person])[person.id]), AccessUnavailable)
    assert isinstance(world.access.add(world.grant, [person])[person.id], Present)


# --- leaving and coming back


def test_who_leaves_loses_the_group_and_the_use_of_our_account_which_is_kept(world: RacingWorld) -> None:
    person = world.person()
    username = join(world, person)
    named = known(person, username)
    for _ in range(2):
        assert world.access.remove(world.grant, [named])[person.id] == Absent()
    user = world.own(person)
    assert (user.enabled, user.groups) == (False, set())
    assert world.access.presence(world.grant, [named])[person.id] == Absent()
    assert username in world.racing.profiles


def test_who_leaves_after_a_crash_is_found_without_their_username(world: RacingWorld) -> None:
    person = world.person()
    join(world, person)
    world.access = world.again()
    assert world.access.remove(world.grant, [person])[person.id] == Absent()
    assert (world.own(person).enabled, world.own(person).groups) == (False, set())


def test_who_left_the_company_is_found_without_a_mail_address(world: RacingWorld) -> None:
    person = world.person()
    join(world, person)
    world.access, world.without_mail = world.again(), {person.id: None}
    assert isinstance(world.access.presence(world.grant, [person])[person.id], Present)
    assert world.access.remove(world.grant, [person])[person.id] == Absent()
    assert not world.own(person).enabled


def test_who_comes_back_gets_the_same_account_enabled(world: RacingWorld) -> None:
    person = world.person()
    username = join(world, person)
    world.access.remove(world.grant, [known(person, username)])
    world.turn(3600)
    assert join(world, person) == username
    assert world.own(person).enabled


def test_who_comes_back_under_a_new_mail_address_can_sign_in_with_it(world: RacingWorld) -> None:
    person = world.person()
    username = join(world, person)
    world.access.remove(world.grant, [known(person, username)])
    world.turn(3600)
    world.company.entra_users[person.id].mail = "Married.Name@acme.example"
    assert join(world, person) == username
    assert world.own(person).email == "married.name@acme.example"


def test_nobody_is_removed_who_has_no_account(world: RacingWorld) -> None:
    person = world.person()
    assert world.access.remove(world.grant, [person])[person.id] == Absent()


# --- who has an account of their own


def test_an_account_of_their_own_is_put_in_the_group_and_nothing_else(world: RacingWorld) -> None:
    person = world.person()
    theirs = world.own_account(person, FACILITATORS)
    assert join(world, person) == theirs.username
    assert theirs.groups == {FACILITATORS, RACERS}
    assert [user.username for user in world.racing.users.values() if user.email == theirs.email] == [
        theirs.username
    ]


def test_an_account_of_their_own_loses_only_what_was_added(world: RacingWorld) -> None:
    person = world.person()
    theirs = world.own_account(person, FACILITATORS)
    join(world, person)
    world.access = world.again()
    world.access.remove(world.grant, [person])
    assert (theirs.enabled, theirs.groups) == (True, {FACILITATORS})


def test_who_races_already_is_present(world: RacingWorld) -> None:
    person = world.person()
    theirs = world.own_account(person, RACERS)
    assert world.access.presence(world.grant, [person])[person.id] == Present(theirs.username)


def test_an_account_of_their_own_that_is_disabled_is_refused(world: RacingWorld) -> None:
    person = world.person()
    world.own_account(person).enabled = False
    world.access.presence(world.grant, [person])
    assert isinstance(failed(world.access.add(world.grant, [person])[person.id]), AccessAccountDisabled)
    assert world.racers() == []


def test_a_second_look_finds_the_account_that_took_the_mail_address(world: RacingWorld) -> None:
    person = world.person()
    world.access.presence(world.grant, [person])
    theirs = world.own_account(person)
    assert world.access.add(world.grant, [person])[person.id] == Present(theirs.username)


def test_an_account_of_their_own_is_found_whatever_the_case_of_its_address(world: RacingWorld) -> None:
    person = world.person()
    theirs = world.own_account(person)
    theirs.email = theirs.email.upper()
    assert join(world, person) == theirs.username
    assert world.again().presence(world.grant, [person])[person.id] == Present(theirs.username)
    assert [user.username for user in world.racing.users.values() if RACERS in user.groups] == [
        theirs.username
    ]


def test_an_account_that_only_claims_an_address_is_not_taken_for_theirs(world: RacingWorld) -> None:
    """Whoever signs in to the site can write any address there; until it is verified it says nothing."""
    person = world.person()
    claimed = world.own_account(person)
    claimed.email_verified = False
    assert join(world, person) == world.own(person).username
    world.access.remove(world.grant, [person])
    assert (claimed.enabled, claimed.groups) == (True, set())
    assert not world.own(person).enabled


# --- reading back


def test_a_disabled_account_is_not_confirmed(world: RacingWorld) -> None:
    person = world.person()
    username = join(world, person)
    world.own(person).enabled = False
    world.turn(61)
    outcome = world.access.confirm(world.grant, [known(person, username)])[person.id]
    assert isinstance(failed(outcome), AccessAccountDisabled)


def test_a_membership_that_lists_do_not_show_yet_is_not_confirmed_yet() -> None:
    with racing_world(visibility_seconds=3600.0) as world:
        people = world.people(5)
        outcomes = world.access.add(world.grant, people)
        named = [known(one, str(getattr(outcomes[one.id], "subject", ""))) for one in people]
        assert set(world.access.confirm(world.grant, named).values()) == {Absent()}
        world.turn(3600)
        assert world.access.confirm(world.grant, named) == outcomes


def test_a_membership_is_read_for_many_from_the_list_and_for_one_by_itself(world: RacingWorld) -> None:
    people = [known(one, join(world, one)) for one in world.people(5)]
    world.own(people[0]).groups.clear()
    for some in (people, people[:1]):
        found = world.access.presence(world.grant, some)
        assert found[people[0].id] == Absent()
    assert world.access.presence(world.grant, people[1:])[people[1].id] == Present(people[1].subject)


# --- what goes wrong


def test_throttling_ends_the_call_and_holds_the_brake_of_that_category(world: RacingWorld) -> None:
    people = world.people(4)
    world.access.presence(world.grant, people)
    world.cognito.faults.arm(Fault("AdminCreateUser", "throttle"))
    errors = [failed(outcome) for outcome in world.access.add(world.grant, people).values()]
    assert all(isinstance(error, AccessUnavailable) for error in errors)
    assert {error.retry_after for error in errors if isinstance(error, AccessUnavailable)} == {
        NO_ADVICE.total_seconds()
    }
    assert world.calls("AdminCreateUser") == 1
    assert list(world.brakes.held) == [f"cognito-idp:{USER_POOL_ID}:AdminCreateUser"]
    before = world.calls()
    assert isinstance(failed(world.again().add(world.grant, people[:1])[people[0].id]), AccessUnavailable)
    assert world.calls() == before


def test_the_invitations_that_the_day_does_not_allow_wait(world: RacingWorld) -> None:
    world.racing.mails = [(world.company.clock.now(), "somebody@acme.example")] * 50
    outcomes = world.again(invites=True).add(world.grant, world.people(2))
    for outcome in outcomes.values():
        error = failed(outcome)
        assert isinstance(error, SiteUnavailable)
        assert (error.retry_after, "invitations" in error.facts["reason"]) == (3600.0, True)
    assert world.calls("AdminCreateUser") == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "AccessDeniedException", PermissionMissing),
        (400, "UnrecognizedClientException", CredentialRefused),
        (400, "ResourceNotFoundException", GroupMissing),
        (400, "UserLambdaValidationException", Unexpected),
        (400, "UnexpectedLambdaException", SiteUnavailable),
        (400, "InvalidLambdaResponseException", SiteUnavailable),
        (400, "CodeDeliveryFailureException", SiteUnavailable),
        (500, "InternalErrorException", AccessUnavailable),
    ],
)
def test_what_the_pool_refuses_is_told_in_our_words(
    world: RacingWorld, status: int, code: str, error: type[Exception]
) -> None:
    body = f'{{"__type": "{code}", "message": "No."}}'
    world.cognito.faults.arm(Fault("AdminCreateUser", "status", status=status, body=body))
    person = world.person()
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(failed(outcome), error)


def test_a_trigger_that_failed_after_it_made_a_profile_is_asked_once_more(world: RacingWorld) -> None:
    body = '{"__type": "UnexpectedLambdaException", "message": "PreSignUp failed"}'
    world.cognito.faults.arm(Fault("AdminCreateUser", "status", status=400, body=body))
    person = world.person()
    outcome = world.access.add(world.grant, [person])[person.id]
    assert isinstance(outcome, Failed)
    assert outcome.may_have_landed
    assert isinstance(world.access.add(world.grant, [person])[person.id], Present)
    assert world.racers() == [world.own(person).username]


def test_an_account_that_tells_nothing_but_its_name_is_an_account(world: RacingWorld) -> None:
    person = world.person()
    theirs = world.own_account(person, RACERS)
    body = f'{{"Username": "{theirs.username}"}}'
    world.cognito.faults.arm(Fault("AdminGetUser", "status", status=200, body=body))
    assert world.access.presence(world.grant, [person])[person.id] == Present(theirs.username)


def test_a_list_of_racers_ends_with_an_empty_token_too(world: RacingWorld) -> None:
    people = [world.person(number, subject=f"gone{number:011d}") for number in range(1, 6)]
    fault = Fault("ListUsersInGroup", "status", status=200, body='{"NextToken": ""}')
    world.cognito.faults.arm(fault)
    assert set(world.access.presence(world.grant, people).values()) == {Absent()}
    assert (world.calls("ListUsersInGroup"), world.calls("AdminListGroupsForUser")) == (1, 0)


def test_a_grant_that_works_passes_the_check(world: RacingWorld) -> None:
    world.access.check(world.grant)


def test_a_missing_group_is_named(world: RacingWorld) -> None:
    world.racing.groups.discard(RACERS)
    with pytest.raises(GroupMissing) as caught:
        world.access.check(world.grant)
    assert caught.value.facts == {"group": RACERS, "store": USER_POOL_ID}
    person = world.person()
    assert failed(world.access.add(world.grant, [person])[person.id]).facts == caught.value.facts


def test_a_site_whose_group_or_pool_is_gone_is_read_anew_as_it_may_have_been_deployed_anew(
    world: RacingWorld,
) -> None:
    person = world.person()
    world.access.check(world.grant)
    world.racing.groups.discard(RACERS)
    with pytest.raises(GroupMissing):
        world.access.check(world.grant)
    world.sites.of(world.site_url)
    assert world.site.log.count("GET /env.js") == 2
    world.access.add(world.grant, [person])
    world.sites.of(world.site_url)
    assert world.site.log.count("GET /env.js") == 3


def test_a_site_that_shows_only_its_first_hundred_racers_is_too_old(world: RacingWorld) -> None:
    world.racing.version = "v1.1.9"
    with pytest.raises(SiteTooOld):
        world.access.check(world.grant)


def test_an_administrators_account_of_the_site_is_nobodys_business(world: RacingWorld) -> None:
    before = {user.username: (user.enabled, set(user.groups)) for user in world.racing.members(ADMINS)}
    for person in world.people(3):
        world.access.remove(world.grant, [known(person, join(world, person))])
    after = {user.username: (user.enabled, set(user.groups)) for user in world.racing.members(ADMINS)}
    assert after == before
