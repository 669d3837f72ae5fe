"""The simulated racing site and its API, asked by httpx with botocore's own signatures."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.company import Company
from sandbox.listening import listening
from sandbox.racing import ADMINS, FACILITATORS, NO_VALID_TIME, RACERS, SERVICE_USER, Keys
from sandbox.racing_site import RacingSimulator
from sandbox.wire import CallLog, Fault, Faults
from tests.sandbox.still_clock import StillClock

OURS = "deepracer-bot"


@dataclass
class Site:
    """The site, and calls of its API as somebody in a group."""

    company: Company
    simulator: RacingSimulator
    url: str
    http: httpx.Client

    def keys(self, group: str = ADMINS, seconds: float = 3600.0) -> Keys:
        racing = self.company.racing
        user = racing.users[SERVICE_USER]
        user.groups = {group}
        found = Keys("ASIAMADEUP", "secret", "a/token+=", self.company.clock.now() + seconds, user.sub, group)
        racing.keys[found.access_key] = found
        return found

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        keys: Keys | None = None,
        agent: str = OURS,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        given = keys or self.keys()
        content = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        wanted = AWSRequest(method, f"{self.url}/prod{path}", {**kind, **(headers or {})}, content)
        signer = SigV4Auth(
            Credentials(given.access_key, given.secret_key, given.session_token), "execute-api", "us-east-1"
        )
        signer.add_auth(wanted)
        signed = {**dict(wanted.headers.items()), "User-Agent": agent}
        return self.http.request(method, str(wanted.url), headers=signed, content=content)

    def enroll(self, count: int) -> None:
        for number in range(count):
            self.company.racing.enroll(f"racer{number:010d}", f"racer{number}@acme.example", RACERS, 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    company = Company.found(people=1, clock=StillClock())
    simulator = RacingSimulator(company, CallLog(company.clock), Faults(), rate_scale=1000)
    with listening(simulator.app()) as url, httpx.Client(trust_env=False, timeout=60) as http:
        yield Site(company, simulator, url, http)


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers.get("x-amzn-ErrorType", "")


def test_the_site_says_where_its_api_is_and_shows_its_page_for_everything_else(site: Site) -> None:
    text = httpx.get(f"{site.url}/env.js", trust_env=False).text
    found = json.loads(text.removeprefix("window.EnvironmentConfig = ").removesuffix(";"))
    assert found["apiEndpointUrl"] == f"{site.url}/prod/"
    lost = httpx.get(f"{site.url}/no/such/page", trust_env=False)
    assert (lost.status_code, lost.text[:15]) == (200, "<!doctype html>")


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "Boto3/1.44", "curl/8.5.0", ""])
def test_the_firewall_lets_no_library_through(site: Site, agent: str) -> None:
    answer = site.call("GET", "/profile", agent=agent)
    assert kind(answer) == (403, "ForbiddenException")
    assert answer.json() == {"message": "Forbidden"}


def test_the_firewall_lets_browsers_through_and_whom_the_operator_admits(site: Site) -> None:
    assert site.call("GET", "/profile", agent="Mozilla/5.0 (X11; Linux) Gecko").status_code == 200
    assert site.call("GET", "/profile").status_code == 200
    site.simulator.firewall_admits = ()
    assert site.call("GET", "/profile").status_code == 403


def test_the_firewall_lets_a_hundred_admin_calls_through_in_five_minutes(site: Site) -> None:
    answers = [site.call("GET", "/admin/profiles").status_code for _ in range(101)]
    assert answers == [200] * 100 + [403]
    site.company.clock.turn(301)
    assert site.call("GET", "/admin/profiles").status_code == 200


def test_an_unsigned_call_and_an_unknown_route_look_the_same(site: Site) -> None:
    unsigned = httpx.get(f"{site.url}/prod/profile", headers={"User-Agent": OURS}, trust_env=False)
    for answer in (unsigned, site.call("GET", "/no/such/route")):
        assert kind(answer) == (403, "MissingAuthenticationTokenException")


def test_a_signature_by_another_secret_and_an_expired_one_are_refused(site: Site) -> None:
    good = site.keys()
    wrong = Keys(good.access_key, "another", good.session_token, good.expires_at, good.sub, good.role)
    assert kind(site.call("GET", "/profile", keys=wrong)) == (403, "InvalidSignatureException")
    site.company.clock.turn(3601)
    assert kind(site.call("GET", "/profile", keys=good)) == (403, "ExpiredTokenException")


def test_a_facilitator_may_not_list_whole_profiles_and_hears_it_with_a_capital_m(site: Site) -> None:
    answer = site.call("GET", "/profiles", keys=site.keys(FACILITATORS))
    assert kind(answer) == (403, "AccessDeniedException")
    assert "execute-api:Invoke" in answer.json()["Message"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("GET", "/profile", {"Content-Type": "application/json"}), ("GET", "/profile", {"Accept": "text/html"})],
)
def test_headers_that_the_server_does_not_expect_are_refused(
    site: Site, method: str, path: str, headers: dict[str, str]
) -> None:
    assert site.call(method, path, headers=headers).status_code in {406, 415}


def test_a_caller_who_is_gone_is_an_error_of_the_gateway(site: Site) -> None:
    keys = site.keys()
    del site.company.racing.users[SERVICE_USER]
    answer = site.call("GET", "/profile", keys=keys)
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_the_pages_of_profiles_hold_everybody_once_if_the_token_is_encoded(site: Site) -> None:
    site.enroll(150)
    first = site.call("GET", "/profiles").json()
    assert {"+", "/", "="} & set(first["token"])
    token = str(httpx.QueryParams({"token": first["token"]}))
    second = site.call("GET", f"/profiles?{token}").json()
    ids = [one["profileId"] for page in (first, second) for one in page["profiles"]]
    assert (len(ids), len(set(ids)), "token" in second) == (152, 152, False)


def test_before_the_version_that_pages_only_the_first_page_can_be_read(site: Site) -> None:
    site.enroll(150)
    site.company.racing.version = "v1.1.0"
    assert "token" not in site.call("GET", "/profiles").json()


def test_a_made_up_token_breaks_the_operation(site: Site) -> None:
    answer = site.call("GET", "/profiles?token=abcd")
    assert (answer.status_code, answer.json()) == (500, {})


def test_a_profile_without_an_id_is_the_callers_own(site: Site) -> None:
    site.call("PATCH", "/profile", {"alias": "the-bot"})
    assert site.company.racing.profiles[SERVICE_USER].alias == "the-bot"


def test_a_quota_is_written_as_it_is_given(site: Site) -> None:
    site.enroll(1)
    body = {"profileId": "racer0000000000", "maxTotalComputeMinutes": 600, "maxModelCount": 5}
    shown = site.call("PATCH", "/profile", body).json()["profile"]
    assert (shown["maxTotalComputeMinutes"], shown["maxModelCount"]) == (600, 5)
    assert "emailAddress" not in shown


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        ({"profileId": "racer0000000000", "maxTotalComputeMinutes": None}, 400, "errorMessage"),
        ({"profileId": "racer0000000000"}, 400, "message"),
        ({"profileId": "racer9999999999", "maxModelCount": 1}, 500, None),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_in_the_form_of_its_layer(
    site: Site, body: dict[str, Any], status: int, key: str | None
) -> None:
    site.enroll(1)
    answer = site.call("PATCH", "/profile", body)
    assert answer.status_code == status
    assert list(answer.json()) == ([key] if key else [])


def test_a_facilitator_may_not_change_quotas(site: Site) -> None:
    site.enroll(1)
    keys = site.keys(FACILITATORS)
    body = {"profileId": "racer0000000000", "maxModelCount": 1}
    assert site.call("PATCH", "/profile", body, keys=keys).status_code == 400


def test_an_invitation_makes_a_racer_without_saying_which(site: Site) -> None:
    keys = site.keys(FACILITATORS)
    answer = site.call("POST", "/profile", {"emailAddress": "ada@acme.example"}, keys=keys)
    assert list(answer.json()) == ["message"]
    user = site.company.racing.user("ada@acme.example")
    assert user is not None
    assert user.groups == {RACERS}
    again = site.call("POST", "/profile", {"emailAddress": "ada@acme.example"}, keys=keys)
    assert (again.status_code, again.json()["message"]) == (
        400,
        "A user with this email address already exists.",
    )


def test_the_invitation_that_the_day_does_not_allow_is_an_error_like_any_other(site: Site) -> None:
    keys = site.keys(FACILITATORS)
    for number in range(50):
        site.call("POST", "/profile", {"emailAddress": f"racer{number}@acme.example"}, keys=keys)
    answer = site.call("POST", "/profile", {"emailAddress": "ada@acme.example"}, keys=keys)
    assert (answer.status_code, answer.json()["message"]) == (
        500,
        "Unable to create profile. Please try again.",
    )
    orphans = [one for one in site.company.racing.profiles.values() if one.email == "ada@acme.example"]
    assert len(orphans) == 1
    assert site.company.racing.user("ada@acme.example") is None


def test_a_new_profile_is_not_listed_for_a_while(site: Site) -> None:
    site.simulator.api.visibility_seconds = 60.0
    site.company.racing.enroll("late00000000001", "late@acme.example", RACERS, site.company.clock.now())

    def listed() -> bool:
        rows = site.call("GET", "/admin/profiles").json()["profiles"]
        return "late00000000001" in {one["profileId"] for one in rows}

    assert not listed()
    site.company.clock.turn(61)
    assert listed()


def test_the_models_of_an_unknown_racer_are_none_and_an_id_of_another_form_is_refused(site: Site) -> None:
    assert site.call("GET", "/admin/profiles/racer9999999999/models").json() == {"models": []}
    assert kind(site.call("GET", "/admin/profiles/with-a-hyphen15/models")) == (400, "ValidationException")


def test_a_setting_is_read_by_its_path(site: Site) -> None:
    path = "/settings/usageQuotas.newUser.newUserComputeMinutesLimit"
    assert site.call("GET", path).json() == {"value": -1}
    assert site.call("GET", "/settings/no.such").status_code == 404


def test_a_ranking_holds_one_row_a_racer_with_the_alias_of_that_moment(site: Site) -> None:
    racing, now = site.company.racing, site.company.clock.now()
    site.enroll(2)
    race = racing.add_race("Qualifier", opens_at=now - 10, closes_at=now + 10)
    racing.rank(race, "racer0000000000", 12_345, now)
    racing.rank(race, "racer0000000000", 13_000, now + 1)
    racing.rank(race, "racer0000000001", NO_VALID_TIME, now + 2)
    racing.profiles["racer0000000000"].alias = "renamed"
    rows = site.call("GET", f"/leaderboards/{race.race_id}/rankings").json()["rankings"]
    assert [(row["rank"], row["rankingScore"]) for row in rows] == [(1, 12_345), (2, NO_VALID_TIME)]
    assert rows[0]["userProfile"]["alias"] == "RacerAlias"
    assert "profileId" not in rows[0]
    assert site.call("GET", "/leaderboards/nosuchrace00000").status_code == 404


def test_races_come_the_first_to_close_first(site: Site) -> None:
    racing = site.company.racing
    for number in (3, 1, 2):
        racing.add_race(f"race {number}", opens_at=0.0, closes_at=float(number))
    shown = site.call("GET", "/leaderboards").json()["leaderboards"]
    assert [race["name"] for race in shown] == ["race 1", "race 2", "race 3"]


def test_a_month_begins_with_nothing_used(site: Site) -> None:
    site.enroll(1)
    profile = site.company.racing.profiles["racer0000000000"]
    profile.minutes_used, profile.models_counted = 90, 2
    site.company.racing.begin_month()
    assert (profile.minutes_used, profile.models_counted) == (0, 0)


def test_mishaps_come_on_demand_and_every_call_is_logged(site: Site) -> None:
    site.simulator.faults.arm(Fault("GET /leaderboards", "throttle"))
    site.simulator.faults.arm(Fault("GET /leaderboards", "status", status=500, body="{}"))
    assert [site.call("GET", "/leaderboards").status_code for _ in range(3)] == [429, 500, 200]
    assert site.simulator.log.count("GET /leaderboards") == 3
