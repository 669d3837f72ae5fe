"""The simulated Slack, spoken to by Slack's own SDK, over HTTP."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.client import WebClient

from sandbox.chatting import NothingToPress, OperationTimeout, SlackPerson, perform, sign
from sandbox.clock import Clock
from sandbox.company import ENTERPRISE_ID, TEAM_ID, Company
from sandbox.listening import listening
from sandbox.slack import APP_TOKEN, BOT_TOKEN, SCOPES, SIGNING_SECRET, SlackSimulator
from sandbox.slack_arguments import Refused
from sandbox.slack_channels import GENERAL, ORGANIZERS, RACING, SHARED
from sandbox.slack_people import APP_ID, BOT_USER
from sandbox.wire import CallLog, Fault, Faults
from tests.sandbox.still_clock import StillClock

Json = dict[str, Any]


@contextmanager
def workspace(
    *, people: int = 5, clock: Clock | None = None, **switches: Any
) -> Iterator[tuple[SlackSimulator, str]]:
    company = Company.found(people=people, clock=clock)
    slack = SlackSimulator(company, CallLog(company.clock), Faults(), **switches)
    with listening(slack.app()) as url:
        yield slack, url


@pytest.fixture
def slack_and_url() -> Iterator[tuple[SlackSimulator, str]]:
    with workspace(scopes=SCOPES | {"channels:read", "im:write"}) as found:
        yield found


@pytest.fixture
def slack(slack_and_url: tuple[SlackSimulator, str]) -> SlackSimulator:
    return slack_and_url[0]


@pytest.fixture
def url(slack_and_url: tuple[SlackSimulator, str]) -> str:
    return slack_and_url[1]


@pytest.fixture
def client(url: str) -> WebClient:
    return client_of(url)


def client_of(url: str, token: str = BOT_TOKEN) -> WebClient:
    return WebClient(token, base_url=f"{url}/api/")


def user_id(slack: SlackSimulator, key: str) -> str:
    return slack.company.people[key].slack.id


def refusal_of(call: Any, *args: Any, **kwargs: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    return caught.value.response


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str, text: str = "Join", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


# Who the app is, and what it may


def test_the_app_learns_its_workspace_and_its_scopes(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["team_id"], answer["user_id"]) == (TEAM_ID, BOT_USER.id)
    assert "enterprise_id" not in answer.data
    assert "users:read.email" in answer.headers["x-oauth-scopes"].split(",")


def test_a_workspace_of_an_organization_names_it() -> None:
    with workspace(grid=True) as (slack, url):
        client = client_of(url)
        assert client.auth_test()["enterprise_id"] == ENTERPRISE_ID
        user = client.users_info(user=user_id(slack, "employee"))["user"]
        assert user["enterprise_user"]["teams"] == [TEAM_ID]


@pytest.mark.parametrize(
    ("token", "error"),
    [("xoxb-wrong", "invalid_auth"), ("", "not_authed"), (APP_TOKEN, "not_allowed_token_type")],
)
def test_a_wrong_token_opens_nothing(url: str, token: str, error: str) -> None:
    assert refusal_of(client_of(url, token).auth_test)["error"] == error


def test_a_revoked_token_opens_nothing(slack: SlackSimulator, client: WebClient) -> None:
    slack.revoked.add(BOT_TOKEN)
    assert refusal_of(client.auth_test)["error"] == "token_revoked"


def test_a_missing_scope_is_named(slack: SlackSimulator, client: WebClient) -> None:
    slack.switches.scopes.discard("chat:write")
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="hello")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "users:read" in answer["provided"]


def test_an_unknown_method_is_said_to_be_unknown(client: WebClient) -> None:
    assert refusal_of(client.api_call, "chat.shout")["error"] == "unknown_method"


def test_arguments_may_come_in_the_query_a_form_or_json(slack: SlackSimulator, url: str) -> None:
    user = user_id(slack, "employee")
    api, headers = f"{url}/api", {"Authorization": f"Bearer {BOT_TOKEN}"}
    with httpx.Client(trust_env=False) as http:
        answers = [
            http.get(f"{api}/users.info", params={"user": user}, headers=headers),
            http.post(f"{api}/users.info", params={"user": user}, headers=headers),
            http.post(f"{api}/users.info", data={"user": user, "token": BOT_TOKEN}),
            http.post(f"{api}/chat.postMessage", json={"channel": user, "text": "hi"}, headers=headers),
        ]
        assert [answer.json()["ok"] for answer in answers] == [True] * 4
        # A method that only reads does not look into JSON.
        unread = http.post(f"{api}/users.info", json={"user": user}, headers=headers).json()
        assert unread["error"] == "invalid_arguments"
        broken = http.post(
            f"{api}/chat.postMessage", content=b"{", headers=headers | {"Content-Type": "application/json"}
        )
        assert broken.json()["error"] == "invalid_json"


# People


def test_without_the_email_scope_the_address_is_silently_missing() -> None:
    with workspace(scopes=SCOPES - {"users:read.email"}) as (slack, url):
        user = client_of(url).users_info(user=user_id(slack, "employee"))["user"]
        assert "email" not in user["profile"]
        assert user["profile"]["team"] == TEAM_ID


def test_a_user_object_leaves_out_what_is_not_so(slack: SlackSimulator, client: WebClient) -> None:
    user = client.users_info(user=user_id(slack, "employee"))["user"]
    assert user["profile"]["email"] == slack.company.people["employee"].slack.email
    assert not {"is_stranger", "is_invited_user", "enterprise_user", "locale"} & set(user)
    with_locale = client.users_info(user=user["id"], include_locale=True)["user"]
    assert with_locale["locale"] == "en-US"
    slack.switches.omit_deleted = True
    assert "deleted" not in client.users_info(user=user["id"])["user"]
    assert client.users_info(user=user_id(slack, "deactivated"))["user"]["deleted"] is True


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("guest", "is_restricted", True),
        ("single-channel-guest", "is_ultra_restricted", True),
        ("stranger", "is_stranger", True),
        ("foreigner", "team_id", "T0OTHER99"),
        ("bot", "is_bot", True),
        ("invited", "is_invited_user", True),
        ("unconfirmed", "is_email_confirmed", False),
    ],
)
def test_people_who_are_no_employees_in_good_standing_can_be_told(
    slack: SlackSimulator, client: WebClient, key: str, field: str, value: Any
) -> None:
    assert client.users_info(user=user_id(slack, key))["user"][field] == value


def test_slackbot_says_it_is_no_bot(client: WebClient) -> None:
    assert client.users_info(user="USLACKBOT")["user"]["is_bot"] is False


def test_an_unknown_person_is_not_found(client: WebClient) -> None:
    assert refusal_of(client.users_info, user="U0NOBODY")["error"] == "user_not_found"


def test_the_whole_workspace_comes_page_by_page_and_nobody_twice(
    slack: SlackSimulator, client: WebClient
) -> None:
    pages = [page["members"] for page in client.users_list(limit=10)]
    found = [member["id"] for page in pages for member in page]
    assert [len(page) for page in pages[:-1]] == [10] * (len(pages) - 1)
    assert sorted(found) == sorted([*slack.company.slack_users, BOT_USER.id, "USLACKBOT"])
    listed = next(m for page in pages for m in page if m["id"] == user_id(slack, "employee"))
    assert listed == client.users_info(user=listed["id"])["user"]
    assert refusal_of(client.users_list, cursor="bm9ib2R5")["error"] == "invalid_cursor"


def test_a_workspace_beyond_a_thousand_wants_a_limit() -> None:
    with workspace(people=1200) as (_, url):
        client = client_of(url)
        assert refusal_of(client.users_list)["error"] == "limit_required"
        assert len(client.users_list(limit=5000)["members"]) == 1000


# Messages


def test_a_message_to_a_person_opens_their_direct_conversation(
    slack: SlackSimulator, client: WebClient
) -> None:
    ada = user_id(slack, "employee")
    first = client.chat_postMessage(channel=ada, text="You are in")
    second = client.chat_postMessage(channel=first["channel"], text="Ready")
    assert first["channel"].startswith("D")
    assert second["channel"] == first["channel"]
    assert second["ts"] > first["ts"]
    newest = slack.transcript.newest_dm(ada)
    assert newest is not None
    assert newest.text == "Ready"
    assert slack.transcript.visible_to(user_id(slack, "employee-002")) == []


def test_a_channel_message_is_seen_by_its_members_and_by_no_guest(
    slack: SlackSimulator, client: WebClient
) -> None:
    client.chat_postMessage(channel=RACING, text="A race is open")
    client.chat_postMessage(channel=ORGANIZERS, text="12 joined")
    seen = {
        key: [entry.text for entry in slack.transcript.visible_to(user_id(slack, key))]
        for key in ("employee", "organizer", "guest", "foreigner")
    }
    assert seen == {
        "employee": ["A race is open"],
        "organizer": ["A race is open", "12 joined"],
        "guest": [],
        "foreigner": [],
    }


@pytest.mark.parametrize(
    ("channel", "error"),
    [("C0NOWHERE", "channel_not_found"), ("U0NOBODY", "channel_not_found"), (GENERAL, "not_in_channel")],
)
def test_a_message_to_the_wrong_place_is_refused(client: WebClient, channel: str, error: str) -> None:
    assert refusal_of(client.chat_postMessage, channel=channel, text="hello")["error"] == error


def test_with_the_public_scope_the_bot_posts_where_it_is_not_a_member(
    slack: SlackSimulator, client: WebClient
) -> None:
    slack.switches.scopes.add("chat:write.public")
    assert client.chat_postMessage(channel=GENERAL, text="hello")["channel"] == GENERAL


@pytest.mark.parametrize(("key", "error"), [("deactivated", "user_not_found"), ("bot", "cannot_dm_bot")])
def test_not_everybody_takes_direct_messages(
    slack: SlackSimulator, client: WebClient, key: str, error: str
) -> None:
    assert refusal_of(client.chat_postMessage, channel=user_id(slack, key), text="hello")["error"] == error


def test_without_a_messages_tab_there_are_no_direct_messages(
    slack: SlackSimulator, client: WebClient
) -> None:
    slack.switches.messages_tab = False
    answer = refusal_of(client.chat_postMessage, channel=user_id(slack, "employee"), text="hello")
    assert answer["error"] == "messages_tab_disabled"


def test_a_message_says_something_and_not_too_much(client: WebClient) -> None:
    assert refusal_of(client.api_call, "chat.postMessage", json={"channel": RACING})["error"] == "no_text"
    assert refusal_of(client.chat_postMessage, channel=RACING, text="x" * 40_001)["error"] == "msg_too_long"


def test_an_edit_changes_the_message_in_place(slack: SlackSimulator, client: WebClient) -> None:
    posted = client.chat_postMessage(channel=RACING, text="1. Ada", blocks=[section("1. Ada")])
    client.chat_update(channel=RACING, ts=posted["ts"], text="1. Li", blocks=[section("1. Li")])
    (entry,) = slack.transcript.in_channel(RACING)
    assert (entry.says(), entry.edited, entry.ts) == ("1. Li", True, posted["ts"])
    assert entry.versions[0]["text"] == "1. Ada"
    client.chat_update(channel=RACING, ts=posted["ts"], text="fallback only")
    assert entry.says() == "1. Li"


def test_an_edit_has_limits_of_its_own(slack: SlackSimulator, client: WebClient) -> None:
    ada = user_id(slack, "employee")
    posted = client.chat_postMessage(channel=ada, text="hello")
    assert (
        refusal_of(client.chat_update, channel=ada, ts=posted["ts"], text="x")["error"] == "channel_not_found"
    )
    unknown = refusal_of(client.chat_update, channel=posted["channel"], ts="1.000001", text="x")
    assert unknown["error"] == "message_not_found"
    # 1,000 ampersands are 5,000 bytes once escaped.
    long = refusal_of(client.chat_update, channel=posted["channel"], ts=posted["ts"], text="&" * 1000)
    assert long["error"] == "msg_too_long"
    theirs = slack.transcript.write("channel", RACING, author=ada, text="mine", blocks=[])
    assert (
        refusal_of(client.chat_update, channel=RACING, ts=theirs.ts, text="x")["error"]
        == "cant_update_message"
    )


def test_an_ephemeral_message_is_for_one_member_and_cannot_be_edited(
    slack: SlackSimulator, client: WebClient
) -> None:
    ada = user_id(slack, "employee")
    posted = client.chat_postEphemeral(channel=RACING, user=ada, text="psst")
    assert [entry.surface for entry in slack.transcript.visible_to(ada)] == ["ephemeral"]
    assert slack.transcript.visible_to(user_id(slack, "organizer")) == []
    edited = refusal_of(client.chat_update, channel=RACING, ts=posted["message_ts"], text="x")
    assert edited["error"] == "message_not_found"
    stranger = refusal_of(client.chat_postEphemeral, channel=RACING, user=user_id(slack, "guest"), text="x")
    assert stranger["error"] == "user_not_in_channel"


def test_a_shared_channel_can_be_told_before_anything_is_announced(client: WebClient) -> None:
    assert client.conversations_info(channel=SHARED)["channel"]["is_ext_shared"] is True
    assert client.conversations_info(channel=RACING)["channel"]["is_ext_shared"] is False


def test_a_direct_conversation_is_opened_once(slack: SlackSimulator, client: WebClient) -> None:
    ada = user_id(slack, "employee")
    first, second = client.conversations_open(users=ada), client.conversations_open(users=ada)
    assert first["channel"]["id"] == second["channel"]["id"]
    assert second["already_open"] is True
    deactivated = refusal_of(client.conversations_open, users=user_id(slack, "deactivated"))
    assert deactivated["error"] == "user_disabled"


# Block Kit


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
        ),
        (
            [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
            "failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        ),
        (
            [{"type": "actions", "elements": [button(str(n)) for n in range(26)]}],
            "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [{"type": "actions", "elements": [button("a", "x" * 76)]}],
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            [{"type": "actions", "elements": [button("a", value="x" * 2001)]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            [section("x", accessory=button("a", url="x" * 3001))],
            "must be less than 3001 characters [json-pointer:/blocks/0/accessory/url]",
        ),
        (
            [{"type": "actions", "elements": [button("x" * 256)]}],
            "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            [section("x", block_id="x" * 256)],
            "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        ([section("x", colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
        ([{"type": "banner"}], "unsupported type: banner [json-pointer:/blocks/0/type]"),
    ],
)
def test_blocks_beyond_a_limit_are_refused_with_a_pointer(
    client: WebClient, blocks: list[Json], message: str
) -> None:
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert f"[ERROR] {message}" in answer["response_metadata"]["messages"]


def test_ids_of_blocks_and_of_actions_in_a_block_are_unique(client: WebClient) -> None:
    for blocks in (
        [section("a", block_id="same"), section("b", block_id="same")],
        [{"type": "actions", "elements": [button("same"), button("same", "Leave")]}],
    ):
        assert (
            refusal_of(client.chat_postMessage, channel=RACING, blocks=blocks, text="x")["error"]
            == "invalid_blocks"
        )


def test_blocks_at_their_limits_are_shown(slack: SlackSimulator, client: WebClient) -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "h" * 150}},
        section("s" * 3000, accessory=button("join", "b" * 75, value="v" * 2000, style="primary")),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "f" * 100}] * 10},
        {"type": "actions", "elements": [button(str(n)) for n in range(25)]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "Ada"}]]},
        {"type": "divider"},
    ]
    client.chat_postMessage(channel=RACING, text="x", blocks=blocks)
    (entry,) = slack.transcript.in_channel(RACING)
    assert "s" * 3000 in entry.says()
    assert len({block["block_id"] for block in entry.blocks}) == len(blocks)


def test_one_message_has_one_table(client: WebClient) -> None:
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "Ada"}]]}
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x", blocks=[table, table])
    assert (answer["error"], answer["errors"]) == ("invalid_attachments", ["only_one_table_allowed"])


@pytest.mark.parametrize(
    "table",
    [
        {"rows": [[{"type": "raw_text", "text": ""}]]},
        {"rows": [[{"type": "raw_text", "text": "x" * 5001}] * 2]},
        {"rows": [[{"type": "raw_text", "text": "Ada"}]], "column_settings": [{"align": "middle"}]},
        {"rows": [[{"type": "raw_text", "text": "Ada"}]], "caption": "Racers"},
    ],
)
def test_a_table_is_judged_to_its_last_cell(client: WebClient, table: Json) -> None:
    blocks = [{"type": "table", **table}]
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"


def test_all_blocks_of_a_message_together_have_a_limit_too(client: WebClient) -> None:
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x", blocks=[section("x" * 2900)] * 5)
    assert answer["error"] == "msg_blocks_too_long"


def test_blocks_that_are_no_list_are_refused_as_such(client: WebClient) -> None:
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x", blocks='{"type": "divider"}')
    assert answer["error"] == "invalid_blocks_format"


# How often


def test_a_method_called_too_often_is_refused_alone_until_the_minute_is_over() -> None:
    with workspace(clock=StillClock()) as (slack, url):
        client = client_of(url)
        for _ in range(20):
            client.users_list(limit=1)
        slack.company.clock.turn(20)
        answer = refusal_of(client.users_list, limit=1)
        assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (
            429,
            "ratelimited",
            "40",
        )
        assert client.users_info(user=BOT_USER.id)["ok"]
        slack.company.clock.turn(40)
        assert client.users_list(limit=1)["ok"]


def test_one_channel_takes_a_burst_and_then_one_message_a_second() -> None:
    with workspace(clock=StillClock()) as (slack, url):
        client = client_of(url)
        for _ in range(5):
            client.chat_postMessage(channel=RACING, text="x")
        assert refusal_of(client.chat_postMessage, channel=RACING, text="x").headers["Retry-After"] == "1"
        # Another conversation is not held up, and has one rate under both of its names.
        ada = user_id(slack, "employee")
        for _ in range(3):
            conversation = client.chat_postMessage(channel=ada, text="x")["channel"]
        for _ in range(2):
            client.chat_postMessage(channel=conversation, text="x")
        assert refusal_of(client.chat_postMessage, channel=ada, text="x").status_code == 429
        slack.company.clock.turn(1)
        assert client.chat_postMessage(channel=RACING, text="x")["ok"]
        assert refusal_of(client.chat_postMessage, channel=RACING, text="x").status_code == 429


def test_the_scale_multiplies_the_allowances() -> None:
    with workspace(rate_scale=0.1) as (_, url):
        client = client_of(url)
        client.users_list(limit=1)
        client.users_list(limit=1)
        assert refusal_of(client.users_list, limit=1).status_code == 429


def test_throttling_on_demand_looks_like_the_real_one(slack: SlackSimulator, client: WebClient) -> None:
    slack.faults.arm(Fault("chat.postMessage", "throttle", retry_after=7.2))
    answer = refusal_of(client.chat_postMessage, channel=RACING, text="x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "8")
    assert slack.log.count("chat.postMessage", status=429) == 1


# Views


def test_a_trigger_opens_one_modal_within_three_seconds(
    slack: SlackSimulator, url: str, client: WebClient
) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Quota"}, "blocks": [section("x")]}

    def trigger() -> str:
        asked = httpx.post(f"{url}/_slack/response_urls", json={"person": "employee"}, trust_env=False).json()
        return str(asked["trigger_id"])

    used = trigger()
    assert client.views_open(trigger_id=used, view=view)["view"]["app_id"] == APP_ID
    assert refusal_of(client.views_open, trigger_id=used, view=view)["error"] == "exchanged_trigger_id"
    late = trigger()
    slack.company.clock.turn(4)
    assert refusal_of(client.views_open, trigger_id=late, view=view)["error"] == "expired_trigger_id"
    titled = view | {"title": {"type": "plain_text", "text": "x" * 25}}
    assert refusal_of(client.views_open, trigger_id=trigger(), view=titled)["error"] == "invalid_arguments"


def test_a_home_tab_is_not_overwritten_by_an_older_one(slack: SlackSimulator, client: WebClient) -> None:
    ada = user_id(slack, "employee")
    first = client.views_publish(user_id=ada, view={"type": "home", "blocks": [section("old")]})["view"]
    client.views_publish(user_id=ada, view={"type": "home", "blocks": [section("new")]}, hash=first["hash"])
    late = refusal_of(
        client.views_publish,
        user_id=ada,
        view={"type": "home", "blocks": [section("late")]},
        hash=first["hash"],
    )
    assert late["error"] == "hash_conflict"
    assert slack.views.homes[ada]["blocks"][0]["text"]["text"] == "new"


# Commands and clicks


class Bot:
    """A bot of a few lines: verifies the signature, keeps what it got, answers what it was told to."""

    def __init__(self) -> None:
        self.got: list[Json] = []
        self.headers: list[Json] = []
        self.answer: web.Response | None = None
        self.delay_seconds = 0.0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/slack/events", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if not SignatureVerifier(SIGNING_SECRET).is_valid_request(raw, dict(request.headers)):
            return web.Response(status=401)
        self.headers.append(dict(request.headers))
        if request.content_type == "application/json":
            body = json.loads(raw)
        else:
            form = dict(await request.post())
            body = json.loads(str(form["payload"])) if "payload" in form else form
        self.got.append(body)
        if body.get("type") == "url_verification":
            return web.json_response({"challenge": body["challenge"]})
        await asyncio.sleep(self.delay_seconds)
        return self.answer or web.Response()


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def bot_url(bot: Bot) -> Iterator[str]:
    with listening(bot.app()) as address:
        yield address


@pytest.fixture
def ada(url: str, bot_url: str) -> Iterator[SlackPerson]:
    with SlackPerson("employee", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=bot_url) as person:
        yield person


def test_the_signature_is_that_of_slacks_own_worked_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = sign("8f742231b10e8888abcd99yyyzzz85a5", body, 1531420618)
    assert (
        headers["X-Slack-Signature"] == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_a_command_arrives_as_slack_sends_it_and_its_answer_is_seen(bot: Bot, ada: SlackPerson) -> None:
    bot.answer = web.json_response({"text": "You're in the queue", "blocks": [section("You're *in*")]})
    answer = ada.command("join spring-cup")
    assert answer.status == 200
    (form,) = bot.got
    assert (form["command"], form["text"], form["team_id"]) == ("/deepracer", "join spring-cup", TEAM_ID)
    assert form["is_enterprise_install"] == "false"
    assert "enterprise_id" not in form
    assert "/commands/T0ACME001/" in form["response_url"]
    assert [(entry["surface"], entry["says"]) for entry in ada.sees()] == [("ephemeral", "You're *in*")]


def test_on_an_organizations_workspace_the_command_names_it(bot: Bot, bot_url: str) -> None:
    with (
        workspace(grid=True) as (_, url),
        SlackPerson("sibling", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=bot_url) as person,
    ):
        person.command("join")
    assert bot.got[0]["enterprise_id"] == ENTERPRISE_ID


def test_each_command_has_a_trigger_of_its_own(bot: Bot, ada: SlackPerson) -> None:
    ada.command("status")
    ada.command("status")
    first, second = bot.got
    assert first["trigger_id"] != second["trigger_id"]
    assert first["response_url"] != second["response_url"]


def test_a_replayed_request_arrives_again_and_a_stale_or_tampered_one_is_refused(
    bot: Bot, ada: SlackPerson
) -> None:
    sent = ada.command("join").sent
    assert ada.send(sent.body, sent.headers).status == 200
    assert bot.got[0] == bot.got[1]
    assert ada.send(sent.body.replace(b"join", b"quit"), sent.headers).status == 401
    assert ada.command("join", at=1_531_420_618).status == 401


def test_a_command_that_fails_or_takes_too_long_is_complained_about(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, ada: SlackPerson
) -> None:
    bot.answer = web.Response(status=500)
    ada.command("join")
    monkeypatch.setattr("sandbox.chatting.ANSWER_SECONDS", 0.05)
    bot.delay_seconds = 0.5
    with pytest.raises(OperationTimeout):
        ada.command("join")
    assert [(entry["author"], entry["text"]) for entry in ada.sees()] == [
        ("USLACKBOT", "/deepracer failed with: dispatch_failed"),
        ("USLACKBOT", "/deepracer failed with: operation_timeout"),
    ]


async def test_what_is_posted_for_a_command_is_shown_after_its_acknowledgment(
    slack: SlackSimulator, url: str
) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=url) as http:
        asked = {"person": "employee", "acks": True}
        response_url = (await http.post("/_slack/response_urls", json=asked)).json()["response_url"]
        late = {"text": "You're in", "replace_original": True}
        posting = asyncio.create_task(http.post(response_url, json=late))
        while slack.log.count("_slack/people") < 20:  # longer than a post takes
            await http.get("/_slack/people")

        await http.post("/_slack/acks", json={"response_url": response_url, "body": {"text": "In line"}})

        assert (await posting).status_code == 200
    (entry,) = slack.transcript.visible_to(user_id(slack, "employee"))
    assert (entry.text, [one["text"] for one in entry.versions]) == ("You're in", ["In line"])


def test_a_response_url_replaces_the_answer_five_times_and_no_more(bot: Bot, ada: SlackPerson) -> None:
    bot.answer = web.json_response({"text": "Working on it"})
    ada.command("join")
    response_url = bot.got[0]["response_url"]
    with httpx.Client(trust_env=False) as http:
        statuses = [
            http.post(response_url, json={"text": f"step {n}", "replace_original": True}).status_code
            for n in range(5)
        ]
        sixth = http.post(response_url, json={"text": "step 5", "replace_original": True})
    assert statuses == [200] * 5
    assert (sixth.status_code, sixth.text) == (404, "used_url")
    (entry,) = ada.sees()
    assert (entry["text"], entry["replaced"], len(entry["versions"])) == ("step 4", True, 5)


def test_a_response_url_dies_after_half_an_hour(slack: SlackSimulator, bot: Bot, ada: SlackPerson) -> None:
    ada.command("join")
    slack.company.clock.turn(30 * 60 + 1)
    late = httpx.post(bot.got[0]["response_url"], json={"text": "ready"}, trust_env=False)
    assert (late.status_code, late.text) == (404, "expired_url")


def test_a_response_url_refuses_what_slack_refuses(bot: Bot, ada: SlackPerson) -> None:
    ada.command("join")
    response_url = bot.got[0]["response_url"]
    with httpx.Client(trust_env=False) as http:
        assert http.post(response_url, content=b"{").text == "invalid_payload"
        assert http.post(response_url, json={}).text == "no_text"
        assert http.post(response_url, json={"blocks": [{"type": "banner"}]}).text == "invalid_blocks"
        assert (
            http.post(response_url.replace("/T0ACME001/", "/T0OTHER99/"), json={"text": "x"}).status_code
            == 404
        )
        # What was refused used none of the five posts up.
        assert [http.post(response_url, json={"text": "x"}).status_code for _ in range(6)][-2:] == [200, 404]


def test_a_public_answer_is_seen_by_the_channel(
    slack: SlackSimulator, url: str, bot: Bot, bot_url: str
) -> None:
    bot.answer = web.json_response({"text": "The board", "response_type": "in_channel"})
    with SlackPerson(
        "employee", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=bot_url, channel=RACING
    ) as person:
        person.command("leaderboard")
    assert bot.got[0]["channel_name"] == "racing"
    assert [entry.text for entry in slack.transcript.visible_to(user_id(slack, "organizer"))] == ["The board"]


def test_a_click_on_an_answer_carries_what_the_button_says(bot: Bot, ada: SlackPerson) -> None:
    actions = {
        "type": "actions",
        "block_id": "choice",
        "elements": [button("leave:yes", "Leave", value="cup|1")],
    }
    bot.answer = web.json_response({"text": "Leave?", "blocks": [section("Leave?"), actions]})
    ada.command("leave")
    bot.answer = None
    assert ada.press("Leave").status == 200
    click = bot.got[-1]
    (action,) = click["actions"]
    assert (click["type"], action["action_id"], action["value"], action["block_id"]) == (
        "block_actions",
        "leave:yes",
        "cup|1",
        "choice",
    )
    assert click["container"]["is_ephemeral"] is True
    assert "message" not in click
    # The click's response URL changes the message that was clicked.
    httpx.post(click["response_url"], json={"text": "You left", "replace_original": "true"}, trust_env=False)
    assert [entry["says"] for entry in ada.sees()] == ["You left"]
    httpx.post(click["response_url"], json={"delete_original": True}, trust_env=False)
    assert ada.sees() == []


def test_anybody_who_sees_a_channel_message_can_click_it(
    slack: SlackSimulator, client: WebClient, url: str, bot: Bot, bot_url: str
) -> None:
    actions = {"type": "actions", "elements": [button("join")]}
    posted = client.chat_postMessage(channel=SHARED, text="Join us", blocks=[actions])
    with SlackPerson("foreigner", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=bot_url) as person:
        person.press("join")
        with pytest.raises(NothingToPress):
            person.press("leave")
    (click,) = bot.got
    assert (click["user"]["team_id"], click["team"]["id"]) == ("T0OTHER99", TEAM_ID)
    assert click["message"]["ts"] == posted["ts"]


def test_an_event_can_be_delivered_again_and_an_url_be_verified(
    slack: SlackSimulator, bot: Bot, ada: SlackPerson
) -> None:
    ada.event({"type": "app_home_opened", "tab": "home"}, event_id="Ev01")
    ada.event({"type": "app_home_opened", "tab": "home"}, event_id="Ev01", retry=1)
    first, second = bot.got
    assert first["event_id"] == second["event_id"] == "Ev01"
    assert first["event"]["user"] == user_id(slack, "employee")
    assert first["authorizations"][0]["user_id"] == BOT_USER.id
    assert bot.headers[1]["X-Slack-Retry-Num"] == "1"
    answer = ada.verify_url()
    assert answer.body == {"challenge": bot.got[-1]["challenge"]}


async def test_a_crowd_types_at_once(slack: SlackSimulator, url: str, bot: Bot, bot_url: str) -> None:
    crowd = [
        SlackPerson(f"employee-00{n}", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=bot_url)
        for n in range(1, 6)
    ]
    async with httpx.AsyncClient(trust_env=False) as http:
        await asyncio.gather(*(perform(http, person.moves.command("join")) for person in crowd))
    for person in crowd:
        person.close()
    assert {form["user_id"] for form in bot.got} == {user_id(slack, f"employee-00{n}") for n in range(1, 6)}


def test_a_player_elsewhere_finds_people_and_reads_over_http(
    slack: SlackSimulator, url: str, client: WebClient
) -> None:
    client.chat_postMessage(channel=RACING, text="hello")
    with httpx.Client(trust_env=False) as http:
        people = http.get(f"{url}/_slack/people").json()
        assert people["organizer"]["user_id"] == user_id(slack, "organizer")
        seen = http.get(f"{url}/_slack/transcript", params={"user": people["organizer"]["user_id"]}).json()
        there = http.get(f"{url}/_slack/transcript", params={"channel": RACING}).json()
        assert http.post(f"{url}/_slack/response_urls", json={"person": "nobody"}).status_code == 404
    assert [entry["text"] for entry in seen] == [entry["text"] for entry in there] == ["hello"]


# Socket Mode


async def test_over_socket_mode_a_command_is_acknowledged_by_its_envelope(
    slack: SlackSimulator, url: str
) -> None:
    got: list[SocketModeRequest] = []

    async def take(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        got.append(request)
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": "You're in"}))

    async with aiohttp.ClientSession() as session:
        socket = SocketModeClient(
            APP_TOKEN, web_client=AsyncWebClient(base_url=f"{url}/api/", session=session)
        )
        socket.socket_mode_request_listeners.append(take)
        await socket.connect()  # type: ignore[no-untyped-call]
        person = SlackPerson("employee", slack_url=url, signing_secret=SIGNING_SECRET, bot_url=None)
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await perform(http, person.moves.command("join"))
        person.close()
        await socket.close()  # type: ignore[no-untyped-call]
    assert answer.body == {"text": "You're in"}
    assert (got[0].type, got[0].payload["text"]) == ("slash_commands", "join")
    assert [entry.text for entry in slack.transcript.visible_to(user_id(slack, "employee"))] == ["You're in"]


def test_only_an_app_token_opens_a_socket(url: str, client: WebClient) -> None:
    answer = refusal_of(client.apps_connections_open, app_token=BOT_TOKEN)
    assert answer["error"] == "not_allowed_token_type"
    opened = client.apps_connections_open(app_token=APP_TOKEN)["url"]
    assert opened.startswith("ws://127.0.0.1:")
    ticket = opened.replace("ws://", "http://").replace("ticket=", "ticket=x")
    assert httpx.get(ticket, trust_env=False).status_code == 403


def test_a_description_of_a_picture_has_a_limit_and_a_file_needs_membership(slack: SlackSimulator) -> None:
    asked = {"filename": "board.png", "length": "5", "alt_txt": "a" * 1000}
    file = slack.files.begin(asked)
    assert slack.files.files[file["file_id"]].alt == "a" * 1000
    with pytest.raises(Refused, match="alt_txt_too_large"):
        slack.files.begin(asked | {"alt_txt": "a" * 1001})

    assert slack.files.upload(file["upload_url"], b"bytes") == 200
    for channel, error in ((GENERAL, "not_in_channel"), ("C0NOWHERE", "channel_not_found")):
        with pytest.raises(Refused, match=error):
            slack.files.complete({"files": json.dumps([{"id": file["file_id"]}]), "channel_id": channel})
    slack.files.complete({"files": json.dumps([{"id": file["file_id"]}]), "channel_id": RACING})
    assert [one.channel for one in slack.files.shared()] == [RACING]
