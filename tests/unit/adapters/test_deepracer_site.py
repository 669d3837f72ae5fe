"""Where a racing site keeps its accounts and its API, as its `env.js` or the settings tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from adapters.deepracer.site import KEPT_SECONDS, MOST_HOPS, Sites, Told, environment_of, version_of
from provisioning.errors import SiteTooOld, SiteUnavailable, SiteUnknown
from sandbox.racing import CLIENT_ID, IDENTITY_POOL_ID, USER_POOL_ID
from sandbox.wire import Fault
from tests.unit.adapters.graph_company import Told as Answer
from tests.unit.adapters.graph_company import scripted
from tests.unit.adapters.racing_world import RacingWorld, racing_world


@dataclass
class Hands:
    """A clock that is turned by hand."""

    seconds: float = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@pytest.fixture(scope="module")
def world() -> Iterator[RacingWorld]:
    with racing_world(people=1) as found:
        yield found


@pytest.fixture
def clock() -> Hands:
    return Hands()


def sites(clock: Hands, told: Told | None = None) -> Sites:
    return Sites(lambda: httpx.Client(trust_env=False, timeout=30), told or Told(), clock)


def test_everything_is_found_at_the_site(world: RacingWorld, clock: Hands) -> None:
    site = sites(clock).of(world.site_url)
    assert (site.user_pool_id, site.client_id, site.identity_pool_id) == (
        USER_POOL_ID,
        CLIENT_ID,
        IDENTITY_POOL_ID,
    )
    assert (site.api_url, site.region) == (f"{world.site_url}/prod", "us-east-1")
    assert site.version == (1, 2, 5)


def test_what_was_read_stays_known_for_ten_minutes(world: RacingWorld, clock: Hands) -> None:
    known = sites(clock)
    before = world.site.log.count("GET /env.js")
    for _ in range(3):
        known.of(world.site_url)
    clock.seconds += KEPT_SECONDS + 1
    known.of(world.site_url)
    assert world.site.log.count("GET /env.js") == before + 2


def test_settings_come_first_and_when_they_tell_all_nothing_is_read(world: RacingWorld, clock: Hands) -> None:
    before = world.site.log.count("GET /env.js")
    whole = Told(None, "https://api.example.com/prod/", "eu-west-1_Pool", "client", "eu-west-1:pool")
    site = sites(clock, whole).of("https://nobody.invalid")
    assert (site.api_url, site.region, site.version) == ("https://api.example.com/prod", "eu-west-1", ())
    assert world.site.log.count("GET /env.js") == before
    part = sites(clock, Told(env_url=world.site_url, client_id="another")).of("https://nobody.invalid")
    assert (part.client_id, part.user_pool_id) == ("another", USER_POOL_ID)


def test_a_page_in_place_of_the_file_is_no_site(world: RacingWorld, clock: Hands) -> None:
    world.site.faults.arm(Fault("GET /env.js", "status", status=200, body="<!doctype html>"))
    with pytest.raises(SiteUnknown) as caught:
        sites(clock).of(world.site_url)
    assert caught.value.facts["missing"] == "apiEndpointUrl"


ENVIRONMENT = (
    'window.EnvironmentConfig = {"apiEndpointUrl": "https://api.example.com/prod/", '
    '"userPoolId": "us-east-1_a", "userPoolClientId": "c", "identityPoolId": "us-east-1:p"};'
)


def onward(to: str) -> Answer:
    return Answer(302, headers={"Location": to})


@pytest.mark.parametrize("to", ["/v1.0/current/env.js", "{here}/current/env.js", "current/env.js"])
def test_a_file_that_has_moved_within_its_server_is_read_where_it_is(clock: Hands, to: str) -> None:
    first = onward(to)
    with scripted([first, Answer(body=ENVIRONMENT)]) as (url, heard):
        first.headers = {"Location": to.format(here=url)}
        assert sites(clock).of(url).user_pool_id == "us-east-1_a"
    assert [one.path for one in heard] == ["/v1.0/env.js", "/v1.0/current/env.js"]


def test_nobody_is_sent_to_another_server_or_around_in_circles(clock: Hands) -> None:
    with scripted([Answer(body=ENVIRONMENT)]) as (elsewhere, strangers):
        for to in (
            f"{elsewhere}/env.js",
            "http://169.254.169.254/env.js",
            "file:///env.js",
            "//u@{here}/env.js",
        ):
            moved = onward(to)
            with scripted([moved]) as (url, _):
                moved.headers = {"Location": to.format(here=url.removeprefix("http://"))}
                with pytest.raises(SiteUnknown):
                    sites(clock).of(url)
        assert strangers == []
    with scripted([onward("/env.js")] * 9) as (url, heard), pytest.raises(SiteUnknown):
        sites(clock).of(url)
    assert len(heard) == 1 + MOST_HOPS


@pytest.mark.parametrize("ending", ["", "/", "/env.js"])
def test_the_file_may_be_named_by_its_folder_or_by_itself(
    world: RacingWorld, clock: Hands, ending: str
) -> None:
    site = sites(clock, Told(env_url=world.site_url + ending)).of("https://nobody.invalid")
    assert site.user_pool_id == USER_POOL_ID


def test_a_site_that_does_not_answer_is_asked_again(world: RacingWorld, clock: Hands) -> None:
    known = sites(clock)
    for fault in (
        Fault("GET /env.js", "status", status=503),
        Fault("GET /env.js", "status", status=429),
        Fault("GET /env.js", "refuse"),
    ):
        world.site.faults.arm(fault)
        with pytest.raises(SiteUnavailable):
            known.of(world.site_url)
    assert known.of(world.site_url).user_pool_id == USER_POOL_ID


@pytest.mark.parametrize(
    "text",
    [
        """window.EnvironmentConfig = {"userPoolId": "us-east-1_a", "region": "us-east-1"};""",
        """window.EnvironmentConfig={userPoolId: 'us-east-1_a', region: 'us-east-1'};""",
        """window.EnvironmentConfig = {\n  'userPoolId': 'us-east-1_a',\n  region: "us-east-1",\n};""",
        """\ufeffwindow["EnvironmentConfig"] = {"userPoolId": " us-east-1_a ", "region": "us-east-1\\n"}""",
        """self['EnvironmentConfig']\n=\n{ userPoolId : `us-east-1_a`\n, region:'us-east-1' // here\n}""",
        """window.EnvironmentConfig={"userPoolId":"us-east-1_a","region":"us-east-1","iot":null,"x":1};""",
    ],
)
def test_the_file_is_json_or_a_literal_of_an_older_generator(text: str) -> None:
    assert environment_of(text) == {"userPoolId": "us-east-1_a", "region": "us-east-1"}


@pytest.mark.parametrize(
    ("text", "version"), [("v1.2.5", (1, 2, 5)), ("1.10.0-rc1", (1, 10, 0)), ("", ()), ("main", ())]
)
def test_a_version_is_read_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


@pytest.mark.parametrize(("version", "is_old"), [("v1.1.9", True), ("v1.2.0", False), ("v1.10.0", False)])
def test_a_version_is_compared_by_number(
    world: RacingWorld, clock: Hands, version: str, *, is_old: bool
) -> None:
    world.racing.version = version
    site = sites(clock).of(world.site_url)
    if is_old:
        with pytest.raises(SiteTooOld):
            site.check_version()
    else:
        site.check_version()
