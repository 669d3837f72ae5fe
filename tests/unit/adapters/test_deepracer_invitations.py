"""The `deepracer-on-aws` grant through the site's API alone, against the simulated site."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.aws.pace import Pace
from adapters.deepracer.client import SiteClient
from adapters.deepracer.invitations import InvitedRacers
from adapters.deepracer.session import ServiceUser, Session
from provisioning.access import Absent, Failed, Present
from provisioning.errors import (
    AccessAccountMismatch,
    CredentialRefused,
    EmailUnusable,
    PermissionMissing,
    SiteFirewalled,
    SiteUnavailable,
)
from sandbox.racing import FACILITATORS, RACERS, SERVICE_PASSWORD, SERVICE_USER
from sandbox.wire import Fault
from tests.unit.adapters.racing_world import RacingWorld, failed, racing_world


@pytest.fixture
def world() -> Iterator[RacingWorld]:
    with racing_world() as found:
        yield found


@pytest.fixture
def access(world: RacingWorld) -> Iterator[InvitedRacers]:
    shared: dict[str, Any] = {"brakes": world.brakes, "clock": world.clock}
    site = world.sites.of(world.site_url)
    clients = world.clients
    with httpx.Client(trust_env=False) as http:
        user = ServiceUser(SERVICE_USER, SERVICE_PASSWORD)
        session = Session(site, user, clients["cognito-idp"], clients["cognito-identity"], **shared)
        fast = Pace(rate=1e6, most=1e6)
        client = SiteClient(site, session, http, user_agent="deepracer-bot", pace=fast, **shared)
        yield InvitedRacers(lambda _: client, world.mails)


def test_a_new_racer_is_invited_and_confirmed_by_their_profile(
    world: RacingWorld, access: InvitedRacers
) -> None:
    person = world.person()
    assert access.presence(world.grant, [person])[person.id] == Absent()
    assert access.add(world.grant, [person])[person.id] == Present()
    user = world.racing.user(world.mail(person))
    assert user is not None
    assert access.confirm(world.grant, [person])[person.id] == Present(user.username)
    assert [to for _, to in world.racing.mails] == [world.mail(person)]
    assert user.groups == {RACERS}


def test_who_is_invited_twice_exists_once(world: RacingWorld, access: InvitedRacers) -> None:
    person = world.person()
    world.site.api.visibility_seconds = 3600.0  # the list does not show them yet
    for _ in range(2):
        assert access.add(world.grant, [person])[person.id] == Present()
    assert access.confirm(world.grant, [person])[person.id] == Absent()
    assert len([user for user in world.racing.users.values() if user.email == world.mail(person)]) == 1


def test_who_leaves_may_use_nothing_and_who_comes_back_nothing_until_their_quota_is_told(
    world: RacingWorld, access: InvitedRacers
) -> None:
    person = world.person()
    world.racing.settings["usageQuotas"]["newUser"]["newUserComputeMinutesLimit"] = 600
    access.add(world.grant, [person])
    (profile,) = [one for one in world.racing.profiles.values() if one.email == world.mail(person)]
    for _ in range(2):
        assert access.remove(world.grant, [person])[person.id] == Absent()
    assert profile.minutes_allowed == 0
    assert profile.models_allowed == -2
    assert access.presence(world.grant, [person])[person.id] == Absent()

    assert access.add(world.grant, [person])[person.id] == Present(profile.profile_id)
    assert (profile.minutes_allowed, profile.models_allowed) == (0, 0)
    assert access.confirm(world.grant, [person])[person.id] == Present(profile.profile_id)


@pytest.mark.parametrize(("minutes", "models"), [(0, 0), (None, None), (600, -1)])
def test_a_racer_is_in_whatever_their_quota_and_keeps_it_when_added_again(
    world: RacingWorld, access: InvitedRacers, minutes: int | None, models: int | None
) -> None:
    person = world.person()
    access.add(world.grant, [person])
    (profile,) = [one for one in world.racing.profiles.values() if one.email == world.mail(person)]
    profile.minutes_allowed, profile.models_allowed = minutes, models
    assert access.presence(world.grant, [person])[person.id] == Present(profile.profile_id)
    assert access.add(world.grant, [person])[person.id] == Present(profile.profile_id)
    assert (profile.minutes_allowed, profile.models_allowed) == (minutes, models)
    assert access.remove(world.grant, [person])[person.id] == Absent()
    assert access.confirm(world.grant, [person])[person.id] == Absent()


def test_the_fiftieth_first_of_a_day_waits_and_the_rest_with_them(
    world: RacingWorld, access: InvitedRacers
) -> None:
    world.racing.mails = [(world.company.clock.now(), "somebody@acme.example")] * 50
    outcomes = access.add(world.grant, world.people(5))
    assert all(isinstance(failed(outcome), SiteUnavailable) for outcome in outcomes.values())
    assert world.site.log.count("POST /profile") == 2


def test_of_the_rows_that_failed_invitations_left_behind_none_is_taken_for_the_account(
    world: RacingWorld, access: InvitedRacers
) -> None:
    person = world.person()
    refusal = '{"message": "Unable to create profile. Please try again."}'
    world.site.faults.arm(Fault("POST /profile", "status", status=500, body=refusal))
    left_behind = world.racing.make_profile("orphan000000001", world.mail(person), None, 0.0)
    error = failed(access.add(world.grant, [person])[person.id])
    assert isinstance(error, SiteUnavailable)
    assert error.retry_after == 600.0  # each attempt may leave one more behind

    world.turn(1)
    world.site.api.visibility_seconds = 60.0  # the list does not show the new one yet
    assert access.confirm(world.grant, [person])[person.id] == Absent()
    user = world.racing.user(world.mail(person))
    assert user is not None
    assert access.confirm(world.grant, [person])[person.id] == Absent()
    world.turn(61)
    assert access.confirm(world.grant, [person])[person.id] == Present(user.username)
    for row in world.racing.profiles.values():
        row.created_at = left_behind.created_at
    assert isinstance(failed(access.confirm(world.grant, [person])[person.id]), AccessAccountMismatch)


def test_an_account_that_was_there_is_proven_by_the_address_as_it_is_spelt_there(
    world: RacingWorld, access: InvitedRacers
) -> None:
    person = world.person()
    theirs = world.racing.enroll("earlybird000001", world.mail(person).title(), RACERS, 0.0)
    for _ in range(2):
        assert access.confirm(world.grant, [person])[person.id] == Present(theirs.username)
    assert (world.site.log.count("POST /profile"), world.racing.mails) == (1, [])


def test_an_address_that_the_site_does_not_take_is_refused(world: RacingWorld, access: InvitedRacers) -> None:
    person = world.person()
    world.company.entra_users[person.id].mail = "o'neil@acme.example"
    assert isinstance(failed(access.add(world.grant, [person])[person.id]), EmailUnusable)


def test_an_invitation_without_an_answer_may_have_landed(world: RacingWorld, access: InvitedRacers) -> None:
    person = world.person()
    world.site.faults.arm(Fault("POST /profile", "drop"))
    outcome = access.add(world.grant, [person])[person.id]
    assert isinstance(outcome, Failed)
    assert outcome.may_have_landed
    user = world.racing.user(world.mail(person))
    assert user is not None
    assert access.add(world.grant, [person])[person.id] == Present(user.username)


def test_the_check_wants_an_administrator_whom_the_firewall_lets_through(
    world: RacingWorld, access: InvitedRacers
) -> None:
    access.check(world.grant)
    world.site.firewall_admits = ()
    with pytest.raises(SiteFirewalled):
        access.check(world.grant)
    assert isinstance(
        failed(access.presence(world.grant, [world.person()])[world.person().id]), SiteFirewalled
    )
    world.racing.users[SERVICE_USER].groups = {FACILITATORS}
    world.turn(3600)
    with pytest.raises(PermissionMissing):
        access.check(world.grant)
    world.racing.users[SERVICE_USER].enabled = False
    world.turn(3600)
    with pytest.raises(CredentialRefused):
        access.check(world.grant)
