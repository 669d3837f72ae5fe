"""The company in a box, started as a whole."""

import asyncio
import stat
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import boto3
import httpx
import msal
import pytest
from botocore.config import Config
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.client import WebClient

from sandbox.company import IDENTITY_STORE_ID, ORGANIZERS_GROUP, RACERS_GROUP, Company
from sandbox.world import Address, World


@pytest.fixture
def company() -> Company:
    return Company.found(people=3)


def test_a_world_of_one_part_names_only_that_parts_settings(company: Company) -> None:
    with World(company, parts={"slack"}) as world:
        settings = world.environment()
        assert settings["SLACK_API_BASE_URL"] == f"{world.urls['slack']}/api/"
        assert settings["SLACK_RESPONSE_URL_HOSTS"] == world.urls["slack"].removeprefix("http://")
        assert not [name for name in settings if not name.startswith("SLACK_")]
        client = WebClient(settings["SLACK_BOT_TOKEN"], base_url=settings["SLACK_API_BASE_URL"])
        assert client.auth_test()["team_id"] == settings["SLACK_TEAM_IDS"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{world.urls['slack']}/_slack/people", trust_env=False)


def test_the_whole_world_is_reached_with_its_settings_alone(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(company) as world:
        settings = world.environment()
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        app = msal.ConfidentialClientApplication(
            settings["ENTRA_CLIENT_ID"],
            client_credential=settings["ENTRA_CLIENT_SECRET"],
            authority=f"{settings['ENTRA_AUTHORITY_URL']}/{settings['ENTRA_TENANT_ID']}",
            instance_discovery=False,
        )
        token = app.acquire_token_for_client([settings["GRAPH_SCOPE"]])
        assert "access_token" in token, token
        group = company.group(RACERS_GROUP)
        answer = httpx.get(
            f"{settings['GRAPH_BASE_URL']}/groups/{group.id}",
            headers={"Authorization": f"Bearer {token['access_token']}"},
            trust_env=False,
        )
        assert answer.json()["displayName"] == RACERS_GROUP
        store = boto3.client("identitystore", config=Config(retries={"mode": "standard"}))
        found = store.list_groups(IdentityStoreId=settings["IDENTITY_STORE_ID"])["Groups"]
        assert [group["DisplayName"] for group in found] == [RACERS_GROUP]
        app.http_client.close()
        store.close()


def test_work_is_done_on_the_simulators_thread_and_its_errors_come_back(company: Company) -> None:
    with World(company, parts={"slack"}) as world:
        hired = world.do(lambda: company.hire("late-comer"))
        client = WebClient(world.slack.token, base_url=f"{world.urls['slack']}/api/")
        assert client.users_info(user=hired.slack.id)["user"]["real_name"] == hired.slack.name

        def fail() -> None:
            raise LookupError("no such group")

        with pytest.raises(LookupError, match="no such group"):
            world.do(fail)


async def test_a_socket_asked_to_refresh_comes_back(company: Company) -> None:
    with World(company, parts={"slack"}) as world:
        async with aiohttp.ClientSession() as session:
            web = AsyncWebClient(base_url=world.environment()["SLACK_API_BASE_URL"], session=session)
            client = SocketModeClient(world.slack.app_token, web_client=web)
            back = asyncio.Event()

            async def listen(message: aiohttp.WSMessage) -> None:
                if (
                    world.do(lambda: world.slack.log.count("apps.connections.open")) > 1
                    and "hello" in message.data
                ):
                    back.set()

            client.on_message_listeners.append(listen)
            await client.connect()  # type: ignore[no-untyped-call]
            world.wait(world.slack.socket.disconnect("refresh_requested"))
            async with asyncio.timeout(10):
                await back.wait()
            await client.close()  # type: ignore[no-untyped-call]
        assert world.slack.log.count("socket") >= 1  # the first connection is over


def test_switches_reach_their_simulator(company: Company) -> None:
    with World(company, parts={"slack"}, slack={"grid": True}) as world:
        client = WebClient(world.slack.token, base_url=f"{world.urls['slack']}/api/")
        assert client.auth_test()["enterprise_id"].startswith("E")


def test_the_event_file_is_about_this_companys_groups(company: Company, tmp_path: Path) -> None:
    with World(company, parts={"slack"}) as world:
        path = world.event_file(tmp_path, capacity=3, name='The "Cup"')
    event = tomllib.loads(path.read_text(encoding="utf-8"))["event"]
    assert (event["id"], event["capacity"], event["name"]) == ("spring-cup-2027", 3, 'The "Cup"')
    assert event["opens"] < datetime.now(UTC) < event["closes"]
    assert event["ends"] - event["closes"] == timedelta(days=14)
    assert event["organizer_group"] == company.group(ORGANIZERS_GROUP).id
    entra, identity_center = event["grants"]
    assert entra == {"kind": "entra-group", "group_id": company.group(RACERS_GROUP).id}
    assert identity_center["identity_store_id"] == IDENTITY_STORE_ID
    assert identity_center["group_id"] == company.store_group(RACERS_GROUP).group_id


def test_a_player_in_another_process_finds_the_running_company(company: Company, tmp_path: Path) -> None:
    path = tmp_path / ".sandbox" / "world.json"
    with World(company, parts={"slack"}) as world:
        world.save_address(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = Address.load(path)
        assert found.environment == world.environment()
        with (
            found.person("employee", bot_url="http://127.0.0.1:1") as person,
            pytest.raises(httpx.ConnectError),
        ):
            person.command("join")
        assert world.do(lambda: world.slack.log.count("_slack/response_urls")) == 1
