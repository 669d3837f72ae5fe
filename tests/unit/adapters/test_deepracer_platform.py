"""The API of a racing site through our client: signed, paged, and its refusals told in our words."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import httpx
import pytest

from adapters.aws.pace import Pace
from adapters.deepracer.client import SiteClient, SiteError
from adapters.deepracer.platform import DeepRacerPlatform
from adapters.deepracer.session import AHEAD_SECONDS, ServiceUser, Session
from provisioning.errors import (
    CredentialRefused,
    PermissionMissing,
    ProvisioningError,
    SiteFirewalled,
    SiteUnavailable,
    Unexpected,
)
from provisioning.platform import Allowance, Profile, RacingPlatform, Standing
from sandbox.racing import (
    FACILITATORS,
    NO_VALID_TIME,
    RACERS,
    SERVICE_PASSWORD,
    SERVICE_USER,
)
from sandbox.wire import Fault
from tests.unit.adapters.racing_world import RacingWorld, racing_world

ADA = "ada000000000001"


@dataclass
class Reached:
    """The site, and the platform as our client reaches it."""

    world: RacingWorld
    http: httpx.Client
    agent: str = "deepracer-bot"
    password: str = SERVICE_PASSWORD
    made: dict[str, SiteClient] = field(default_factory=dict)

    pace: Pace = field(default_factory=lambda: Pace(rate=1e6, most=1e6))

    def client_of(self, url: str) -> SiteClient:
        if url not in self.made:
            shared: dict[str, Any] = {"brakes": self.world.brakes, "clock": self.world.clock}
            self.made[url] = SiteClient(
                self.world.sites.of(url),
                self.session,
                self.http,
                user_agent=self.agent,
                pace=self.pace,
                **shared,
            )
        return self.made[url]

    @cached_property
    def session(self) -> Session:
        clients, site = self.world.clients, self.world.sites.of(self.world.site_url)
        return Session(
            site,
            ServiceUser(SERVICE_USER, self.password),
            clients["cognito-idp"],
            clients["cognito-identity"],
            brakes=self.world.brakes,
            clock=self.world.clock,
        )

    @property
    def client(self) -> SiteClient:
        return self.client_of(self.world.site_url)

    @property
    def platform(self) -> RacingPlatform:
        return DeepRacerPlatform(self.client_of)

    def befalls(self, operation: str, kind: str, **fields: Any) -> None:
        self.world.site.faults.arm(Fault(operation, kind, **fields))  # type: ignore[arg-type]

    def answers(self, operation: str, *bodies: Any) -> None:
        """Let the site answer the next calls so, one after the other."""
        for body in bodies:
            self.befalls(f"{operation}$", "status", status=200, body=json.dumps(body))

    def pool_answers(self, operation: str, body: Any) -> None:
        fault = Fault(operation, "status", status=200, body=json.dumps(body))
        self.world.cognito.faults.arm(fault)

    def signs_in(self) -> int:
        return self.world.calls("InitiateAuth")


@pytest.fixture
def reached() -> Iterator[Reached]:
    with racing_world() as world, httpx.Client(trust_env=False) as http:
        world.racing.enroll(ADA, "ada@acme.example", RACERS, 0.0)
        yield Reached(world, http)


def reason_of(error: ProvisioningError) -> str:
    return error.facts["reason"]


# --- quotas and usage


def test_every_racer_is_read_over_all_pages(reached: Reached) -> None:
    for number in range(230):
        reached.world.racing.enroll(f"racer{number:010d}", f"racer{number}@acme.example", RACERS, 0.0)
    found = reached.platform.profiles(reached.world.grant)
    assert sorted(one.id for one in found) == sorted(reached.world.racing.profiles)
    assert reached.world.site.log.count("GET /profiles") == 3


def test_a_profile_tells_what_may_be_used_and_what_is(reached: Reached) -> None:
    profile = reached.world.racing.profiles[ADA]
    profile.minutes_used, profile.minutes_queued, profile.minutes_allowed = 200, 60, 600
    profile.models_counted, profile.models_allowed, profile.storage_bytes = 2, None, 5_000
    (ada,) = [one for one in reached.platform.profiles(reached.world.grant) if one.id == ADA]
    made = datetime(1970, 1, 1, tzinfo=UTC)
    assert ada == Profile(ADA, "RacerAlias", Allowance(600, 0), 200, 60, 2, 5_000, "ada@acme.example", made)


@pytest.mark.parametrize(
    ("allowance", "minutes", "models"),
    [(Allowance(600, 5), 600, 5), (Allowance(None, None), -1, -1), (Allowance(0, 0), 0, 0)],
)
def test_a_quota_is_written_in_minutes_and_comes_back(
    reached: Reached, allowance: Allowance, minutes: int, models: int
) -> None:
    assert reached.platform.set_allowance(reached.world.grant, ADA, allowance) == allowance
    profile = reached.world.racing.profiles[ADA]
    assert (profile.minutes_allowed, profile.models_allowed) == (minutes, models)


def test_a_quota_of_nobody_is_never_written_to_the_bots_own_profile(reached: Reached) -> None:
    with pytest.raises(Unexpected):
        reached.platform.set_allowance(reached.world.grant, "", Allowance(1, 1))
    assert reached.world.racing.profiles[SERVICE_USER].minutes_allowed == -1


def test_a_quota_of_a_racer_without_a_profile_says_that_the_body_was_empty(reached: Reached) -> None:
    with pytest.raises(SiteUnavailable) as caught:
        reached.platform.set_allowance(reached.world.grant, "nobody000000001", Allowance(1, 1))
    assert reason_of(caught.value) == "500 with an empty body"


def test_what_newcomers_may_use_is_read_as_number_or_text(reached: Reached) -> None:
    quotas = reached.world.racing.settings["usageQuotas"]
    quotas["newUser"] = {"newUserComputeMinutesLimit": "600", "newUserModelCountLimit": -1}
    assert reached.platform.newcomers_allowance(reached.world.grant) == Allowance(600, None)


# --- models and races


def test_a_racers_models_are_listed_and_deleted(reached: Reached) -> None:
    reached.world.racing.add_model(ADA, "fast one", 1_800_000_000.25, "TRAINING")
    (model,) = reached.platform.models(reached.world.grant, ADA)
    assert (model.name, model.status) == ("fast one", "TRAINING")
    assert model.created_at == datetime.fromtimestamp(1_800_000_000.25, UTC)
    reached.platform.delete_models(reached.world.grant, ADA)
    assert reached.platform.models(reached.world.grant, ADA) == []


def test_races_tell_when_they_are_open_what_counts_and_where_they_are(reached: Reached) -> None:
    now = reached.world.clock.now()
    at = now.timestamp()
    racing = reached.world.racing
    race = racing.add_race("Final", opens_at=at - 60, closes_at=at + 60, timing="TOTAL_TIME")
    racing.add_race("Qualifier", opens_at=at - 120, closes_at=at - 60)
    over, final = reached.platform.races(reached.world.grant)
    assert (over.name, over.is_open(now), final.name, final.is_open(now)) == (
        "Qualifier",
        False,
        "Final",
        True,
    )
    assert (over.timing, final.timing) == ("best-lap", "total")
    assert final.url == f"{reached.world.site_url}/races/{race.race_id}"


def test_standings_are_read_over_all_pages_and_a_row_without_a_valid_time_has_none(reached: Reached) -> None:
    racing, at = reached.world.racing, reached.world.clock.now().timestamp()
    race = racing.add_race("Final", opens_at=at - 60, closes_at=at + 60)
    for number in range(150):
        racing.enroll(f"racer{number:010d}", f"racer{number}@acme.example", RACERS, 0.0)
        racing.rank(race, f"racer{number:010d}", 9_000 + number // 2, at)
    racing.rank(race, ADA, NO_VALID_TIME, at)
    rows = reached.platform.standings(reached.world.grant, race.race_id)
    assert rows is not None
    assert [row.rank for row in rows] == list(range(1, 152))
    assert rows[0] == Standing(1, "RacerAlias", 9_000, rows[0].submitted_at, 1)
    assert (rows[1].time_ms, rows[-1].time_ms) == (9_000, None)


def test_a_race_that_is_not_there_has_no_standings(reached: Reached) -> None:
    assert reached.platform.standings(reached.world.grant, "nosuchrace00000") is None
    with pytest.raises(Unexpected):
        reached.platform.standings(reached.world.grant, "no such form")


# --- signing in


def test_the_bot_signs_in_once_and_again_before_its_credentials_expire(reached: Reached) -> None:
    for _ in range(3):
        reached.client.call("GET", "/profile")
    assert reached.signs_in() == 1
    reached.world.turn(3600 - AHEAD_SECONDS + 1)
    reached.client.call("GET", "/profile")
    assert reached.signs_in() == 2


def test_credentials_that_are_refused_as_expired_are_renewed_and_the_call_repeated(reached: Reached) -> None:
    reached.client.call("GET", "/profile")
    reached.world.racing.keys.clear()
    reached.client.call("GET", "/profile")
    assert reached.signs_in() == 2


def test_a_wrong_password_and_a_first_password_are_the_operators_to_mend(reached: Reached) -> None:
    user = reached.world.racing.users[SERVICE_USER]
    user.password = "Another-1"
    with pytest.raises(CredentialRefused) as caught:
        reached.client.call("GET", "/profile")
    assert reason_of(caught.value) == "NotAuthorizedException"
    user.password, user.status = SERVICE_PASSWORD, "FORCE_CHANGE_PASSWORD"
    with pytest.raises(CredentialRefused) as caught:
        reached.client.call("GET", "/profile")
    assert reason_of(caught.value) == "NEW_PASSWORD_REQUIRED"


def test_a_user_of_no_group_lacks_a_role(reached: Reached) -> None:
    reached.world.racing.users[SERVICE_USER].groups.clear()
    with pytest.raises(PermissionMissing) as caught:
        reached.client.call("GET", "/profile")
    assert caught.value.facts["permission"] == "group dr-admins"


def test_nothing_that_is_printed_gives_a_secret_away(reached: Reached) -> None:
    reached.client.call("GET", "/profile")
    keys = reached.session.keys()
    for shown in (repr(ServiceUser("bot", "a secret")), repr(keys)):
        assert "secret" not in shown
        assert keys.secret_key not in shown


# --- refusals


def test_the_firewall_is_told_from_a_missing_role(reached: Reached) -> None:
    reached.agent = "python-httpx/0.28"
    with pytest.raises(SiteFirewalled):
        reached.client.call("GET", "/profile")
    reached.made.clear()
    del reached.session
    reached.agent = "deepracer-bot"
    reached.world.racing.users[SERVICE_USER].groups = {FACILITATORS}
    with pytest.raises(PermissionMissing) as caught:
        reached.platform.profiles(reached.world.grant)
    assert caught.value.facts["permission"] == "GET /profiles"
    with pytest.raises(PermissionMissing):
        reached.platform.set_allowance(reached.world.grant, ADA, Allowance(1, 1))


def test_a_call_too_many_holds_the_brake_for_all(reached: Reached) -> None:
    reached.befalls("GET /profile", "throttle")
    with pytest.raises(SiteUnavailable):
        reached.client.call("GET", "/profile")
    calls = reached.world.site.log.count("GET /profile")
    with pytest.raises(SiteUnavailable) as caught:
        reached.client.call("GET", "/profile")
    assert reason_of(caught.value) == "throttled a moment ago"
    assert reached.world.site.log.count("GET /profile") == calls
    reached.world.turn(60)
    reached.client.call("GET", "/profile")


def test_a_site_that_says_how_long_to_wait_is_left_alone_for_so_long(reached: Reached) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "40"}, stream=httpx.ByteStream(b"{}"))

    with httpx.Client(transport=httpx.MockTransport(answer)) as reached.http:
        with pytest.raises(SiteUnavailable) as caught:
            reached.client.call("GET", "/profile")
        assert caught.value.retry_after == 40
        reached.world.turn(30)
        with pytest.raises(SiteUnavailable) as caught:
            reached.client.call("GET", "/profile")
        assert caught.value.retry_after is not None
        assert 9 < caught.value.retry_after <= 10


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_reading_that_the_gateway_fails_is_repeated_once(reached: Reached, status: int) -> None:
    reached.befalls("GET /leaderboards", "status", status=status, body='{"message":"Internal server error"}')
    assert reached.platform.races(reached.world.grant) == []
    reached.befalls("GET /leaderboards", "status", status=status, times=2)
    with pytest.raises(SiteUnavailable) as caught:
        reached.platform.races(reached.world.grant)
    assert reason_of(caught.value).startswith(str(status))


def test_an_invitation_is_never_repeated(reached: Reached) -> None:
    reached.befalls("POST /profile", "status", status=502)
    with pytest.raises(SiteUnavailable):
        reached.client.call("POST", "/profile", {"emailAddress": "eve@acme.example"})
    assert reached.world.site.log.count("POST /profile") == 1


def test_an_empty_body_a_page_and_a_cut_connection_are_the_sites_trouble(reached: Reached) -> None:
    reached.befalls("GET /leaderboards", "status", status=500, body="{}")
    with pytest.raises(SiteUnavailable) as caught:
        reached.platform.races(reached.world.grant)
    assert reason_of(caught.value) == "500 with an empty body"
    reached.befalls("GET /leaderboards", "status", status=200, body="<html></html>")
    with pytest.raises(SiteUnavailable):
        reached.platform.races(reached.world.grant)
    reached.befalls("GET /leaderboards", "refuse")
    with pytest.raises(SiteUnavailable):
        reached.platform.races(reached.world.grant)


def test_an_answer_of_another_form_is_unexpected(reached: Reached) -> None:
    reached.befalls("GET /leaderboards", "status", status=200, body='{"leaderboards": [{}]}')
    with pytest.raises(Unexpected):
        reached.platform.races(reached.world.grant)


def test_profiles_come_with_what_a_site_tells_and_one_without_an_id_is_nobodys(reached: Reached) -> None:
    rows = [
        {"profileId": "a00000000000001"},
        {"alias": "nobody"},
        {
            "profileId": "b00000000000001",
            "alias": "bee",
            "maxTotalComputeMinutes": "600",
            "maxModelCount": -1.0,
            "computeMinutesUsed": None,
            "computeMinutesQueued": 12.5,
            "emailAddress": "",
            "favoriteColor": {"is": "unheard of"},
        },
    ]
    reached.answers("GET /profiles", {"profiles": [], "token": "bW9yZQ=="}, {"profiles": rows, "token": None})
    first, second = reached.platform.profiles(reached.world.grant)
    assert first == Profile("a00000000000001", "", Allowance(0, 0), 0, 0, 0, 0)
    assert second == Profile("b00000000000001", "bee", Allowance(600, None), 0, 12, 0, 0)


def test_a_race_that_is_timed_as_nobody_knows_yet_does_not_hide_the_others(reached: Reached) -> None:
    times = {"openTime": "2027-03-01T09:00:00", "closeTime": "2027-03-01T11:00:00.5+01:00"}
    race = {"leaderboardId": "r", "name": "Lap", "timingMethod": "BEST_LAP_TIME", **times}
    odd = {**race, "leaderboardId": "s", "timingMethod": "WORST_LAP_TIME"}
    reached.answers("GET /leaderboards", {"leaderboards": [odd, race], "token": ""})
    (found,) = reached.platform.races(reached.world.grant)
    assert (found.id, found.racers) == ("r", 0)
    assert found.opens == datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert found.closes == datetime(2027, 3, 1, 10, 0, 0, 500_000, UTC)


def test_a_ranking_may_leave_out_what_its_rows_say_by_their_order(reached: Reached) -> None:
    rows = [
        {"userProfile": {"alias": "bolt"}, "rankingScore": "62345", "submittedAt": "2027-03-01T09:00:00Z"},
        {"userProfile": {"alias": "dash"}, "rankingScore": None, "submittedAt": 1_800_000_000},
    ]
    reached.answers("GET /leaderboards/.*/rankings", {})
    assert reached.platform.standings(reached.world.grant, "r") == []
    reached.answers("GET /leaderboards/.*/rankings", {"rankings": rows})
    at = datetime(2027, 3, 1, 9, tzinfo=UTC), datetime.fromtimestamp(1_800_000_000, UTC)
    assert reached.platform.standings(reached.world.grant, "r") == [
        Standing(1, "bolt", 62_345, at[0], 1),
        Standing(2, "dash", None, at[1], 1),
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"message":"Forbidden"}', SiteFirewalled),
        ("<html><body>Request blocked.</body></html>", SiteFirewalled),
        ("", SiteFirewalled),
        (
            '{"Message":"User: arn:x is not authorized to perform: execute-api:Invoke on resource: y"}',
            PermissionMissing,
        ),
        ('{"__type":"com.amazon#AccessDeniedException:http://x/"}', PermissionMissing),
        ('{"message":"Missing Authentication Token"}', CredentialRefused),
    ],
)
def test_a_403_that_names_no_error_is_known_by_what_it_says(
    reached: Reached, body: str, error: type[Exception]
) -> None:
    reached.befalls("GET /profile", "status", status=403, body=body)
    with pytest.raises(error):
        reached.client.call("GET", "/profile")


def test_credentials_that_expired_are_known_by_the_sentence_alone(reached: Reached) -> None:
    said = '{"message":"The security token included in the request is expired"}'
    reached.befalls("GET /profile", "status", status=403, body=said)
    reached.client.call("GET", "/profile")
    assert reached.signs_in() == 2


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"cognito:groups": ["dr-admins", "dr-racers"]}, {"dr-admins", "dr-racers"}),
        ({"cognito:groups": "dr-admins,dr-racers"}, {"dr-admins", "dr-racers"}),
        ({"cognito:groups": None}, set()),
        ({}, set()),
    ],
)
def test_the_groups_of_the_bots_user_are_a_list_or_a_text(
    reached: Reached, claims: dict[str, Any], groups: set[str]
) -> None:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    signed_in = {"AuthenticationResult": {"IdToken": f"e30.{body}.x"}, "ChallengeParameters": {}}
    keys = {"AccessKeyId": "A", "SecretKey": "S", "SessionToken": "T", "Expiration": 4_000_000_000}
    reached.pool_answers("InitiateAuth", signed_in)
    reached.pool_answers("GetId", {"IdentityId": "us-east-1:x"})
    reached.pool_answers("GetCredentialsForIdentity", {"IdentityId": "us-east-1:x", "Credentials": keys})
    assert reached.client.groups() == groups


def test_a_token_that_is_none_is_no_defect_of_the_bots(reached: Reached) -> None:
    reached.pool_answers("InitiateAuth", {"AuthenticationResult": {"IdToken": "opaque"}})
    with pytest.raises(Unexpected):
        reached.client.groups()


def test_a_refusal_of_what_was_asked_is_kept_for_the_asker(reached: Reached) -> None:
    with pytest.raises(SiteError) as caught:
        reached.client.call("POST", "/profile", {"emailAddress": "ada@acme.example"})
    assert (caught.value.status, caught.value.kind) == (400, "BadRequestError")
    assert "already exists" in caught.value.text
    assert "ada" not in str(caught.value)


def test_calls_that_come_too_fast_wait_and_too_many_are_put_off(reached: Reached) -> None:
    reached.pace = Pace(rate=0.1, most=0.1, burst=1)
    client = reached.client
    client.call("GET", "/profile")
    with pytest.raises(SiteUnavailable) as caught:
        client.call("GET", "/profile")
    assert caught.value.retry_after is not None
    assert 5 < caught.value.retry_after <= 10
