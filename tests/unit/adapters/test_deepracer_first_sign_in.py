"""The first sign-in to an account that the bot made, at the simulated user pool."""

import re
from collections.abc import Iterator

import pytest

from adapters.deepracer.first_sign_in import OneTimePasswords, made_up
from adapters.deepracer.pool import Pool
from provisioning.errors import AccessUnavailable, PasswordTheirOwn, PermissionMissing
from provisioning.platform import FirstPassword, FirstSignIn
from provisioning.registrations import Person
from sandbox.racing import CLIENT_ID, FACILITATORS, RACERS, USER_POOL_ID
from sandbox.wire import Fault
from tests.unit.adapters.racing_world import RacingWorld, racing_world


@pytest.fixture
def world() -> Iterator[RacingWorld]:
    with racing_world() as found:
        yield found


@pytest.fixture
def racer(world: RacingWorld) -> Person:
    person = world.person()
    world.access.add(world.grant, [person])
    return person


@pytest.fixture
def sign_in(world: RacingWorld) -> FirstSignIn:
    pool = Pool(
        world.clients["cognito-idp"], USER_POOL_ID, brakes=world.brakes, clock=world.clock, rate_scale=1000.0
    )
    return OneTimePasswords(lambda _: pool)


def challenge(world: RacingWorld, given: FirstPassword) -> str:
    answer = world.clients["cognito-idp"].initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=CLIENT_ID,
        AuthParameters={"USERNAME": given.sign_in_as, "PASSWORD": given.password},
    )
    return str(answer["ChallengeName"])


def test_a_racer_gets_in_with_it_and_must_choose_their_own(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    given = sign_in.renew(world.grant, racer)
    assert given.sign_in_as == world.mail(racer)
    assert challenge(world, given) == "NEW_PASSWORD_REQUIRED"
    assert world.racing.mails == []


def test_a_group_on_a_second_page_counts_as_well(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    world.own(racer).groups.add(FACILITATORS)
    page = f'{{"Groups": [{{"GroupName": "{RACERS}"}}], "NextToken": "more"}}'
    world.cognito.faults.arm(Fault("AdminListGroupsForUser", "status", status=200, body=page))
    with pytest.raises(PasswordTheirOwn):
        sign_in.renew(world.grant, racer)


def test_each_one_makes_the_one_before_it_void(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    first, second = sign_in.renew(world.grant, racer), sign_in.renew(world.grant, racer)
    assert first.password != second.password
    with pytest.raises(world.clients["cognito-idp"].exceptions.NotAuthorizedException):
        challenge(world, first)
    assert challenge(world, second) == "NEW_PASSWORD_REQUIRED"


def test_a_password_of_the_racers_own_is_left_alone(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    user = world.own(racer)
    user.password, user.status = "Of-her-own-1", "CONFIRMED"
    with pytest.raises(PasswordTheirOwn):
        sign_in.renew(world.grant, racer)
    assert user.password == "Of-her-own-1"


def test_an_account_that_may_do_more_or_nothing_is_left_alone(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    user = world.own(racer)
    before = user.password
    for groups, enabled in (({RACERS, FACILITATORS}, True), (set(), True), ({RACERS}, False)):
        user.groups, user.enabled = groups, enabled
        with pytest.raises(PasswordTheirOwn):
            sign_in.renew(world.grant, racer)
    assert user.password == before


def test_an_account_that_somebody_else_made_is_left_alone(world: RacingWorld, sign_in: FirstSignIn) -> None:
    person = world.person(2)
    theirs = world.own_account(person, RACERS)
    theirs.status = "FORCE_CHANGE_PASSWORD"
    known = Person(person.id, person.user_principal_name, person.display_name, theirs.username)
    with pytest.raises(PasswordTheirOwn):
        sign_in.renew(world.grant, known)
    with pytest.raises(AccessUnavailable):
        sign_in.renew(world.grant, person)
    assert world.calls("AdminSetUserPassword") == 0


def test_what_the_pool_refuses_is_told_in_our_words(
    world: RacingWorld, racer: Person, sign_in: FirstSignIn
) -> None:
    body = '{"__type": "AccessDeniedException", "message": "No."}'
    world.cognito.faults.arm(Fault("AdminSetUserPassword", "status", status=400, body=body))
    with pytest.raises(PermissionMissing):
        sign_in.renew(world.grant, racer)


def test_passwords_meet_every_policy_are_never_alike_and_show_in_no_log() -> None:
    made = {made_up() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) == 16
        assert all(re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", r"[!#%+\-=?]"))
        assert not set(password) & set("0O1lI")
        assert password not in repr(FirstPassword("ada@acme.example", password))
