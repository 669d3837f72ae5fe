"""The client of Slack's Web API, against the simulated Slack over HTTP."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.slack.client import METHODS, SlackClient, translated
from provisioning.brake import NO_ADVICE, Brake
from provisioning.errors import (
    ChatUnavailable,
    CredentialRefused,
    ProvisioningError,
    ScopeMissing,
    Undeliverable,
    Unexpected,
)
from sandbox.slack import SCOPES
from sandbox.slack_channels import RACING
from sandbox.wire import Fault
from tests.sandbox.still_clock import StillClock
from tests.unit.adapters.graph_company import Told, scripted
from tests.unit.adapters.slack_workspace import CompanyTime, HeldBrakes, Workspace, workspace


@pytest.fixture
def acme() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


def test_structures_travel_as_json_strings_in_a_form(acme: Workspace) -> None:
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": "Grüße & <b>"}}]

    answer = acme.client.call(
        "chat.postMessage", channel=RACING, text="hi", blocks=blocks, unfurl_links=False
    )

    assert answer["message"]["blocks"][0]["text"]["text"] == "Grüße & <b>"


def test_the_scopes_of_the_token_come_from_the_answer(acme: Workspace) -> None:
    assert acme.client.granted is None
    assert acme.client.scopes() == SCOPES
    assert acme.client.granted == SCOPES


def test_scopes_that_slack_does_not_tell_are_asked_for_once_an_hour() -> None:
    untold = Told(body={"ok": True})
    with scripted([Told(503, {}), untold, untold]) as (url, asked):
        time = CompanyTime(StillClock())
        client = SlackClient(f"{url}/api/", "xoxb-made-up", HeldBrakes(time), time, sleep=time.sleep)
        with pytest.raises(ChatUnavailable):
            client.has("files:write")  # no answer is none to remember
        assert [client.has(scope) for scope in ("files:write", "files:read")] == [False, False]
        assert len(asked) == 2
        time.sleep(3600)
        assert not client.has("files:write")
        assert len(asked) == 3
        client.close()


def test_every_method_that_is_called_exists_in_slack_with_the_scope_it_is_said_to_need(
    acme: Workspace,
) -> None:
    known = acme.slack.web.methods()
    for name, method in METHODS.items():
        scope = known[name].scope
        assert scope is None or scope in method.scopes
        assert method.rate.per_minute <= known[name].per_minute


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        ("invalid_auth", CredentialRefused),
        ("token_revoked", CredentialRefused),
        ("account_inactive", CredentialRefused),
        ("token_expired", CredentialRefused),
        ("not_authed", CredentialRefused),
        ("missing_scope", ScopeMissing),
        ("user_not_found", Undeliverable),
        ("users_not_found", Undeliverable),
        ("channel_not_found", Undeliverable),
        ("messages_tab_disabled", ScopeMissing),
        ("cannot_dm_bot", Undeliverable),
        ("user_disabled", Undeliverable),
        ("is_archived", Undeliverable),
        ("not_in_channel", Undeliverable),
        ("message_not_found", Undeliverable),
        ("ratelimited", ChatUnavailable),
        ("internal_error", ChatUnavailable),
        ("fatal_error", ChatUnavailable),
        ("service_unavailable", ChatUnavailable),
        ("request_timeout", ChatUnavailable),
        ("invalid_blocks", Unexpected),
        ("an_error_slack_invents_tomorrow", Unexpected),
    ],
)
def test_each_error_of_slack_is_sorted_by_who_can_act(error: str, ours: type[ProvisioningError]) -> None:
    found = translated(error, method="chat.postMessage", needed="chat:write")

    assert type(found) is ours
    assert found.facts["method"] == "chat.postMessage"


def test_a_missing_scope_is_named() -> None:
    with workspace(scopes=SCOPES - {"chat:write"}) as acme, pytest.raises(ScopeMissing) as caught:
        acme.client.call("chat.postMessage", channel=RACING, text="hi")

    assert caught.value.facts["needed"] == "chat:write"


def test_a_refused_token_concerns_the_operator() -> None:
    with workspace(token="xoxb-somebody-elses") as acme, pytest.raises(CredentialRefused) as caught:
        acme.client.call("auth.test")

    assert caught.value.facts["reason"] == "invalid_auth"


def test_an_empty_token_is_refused_at_once() -> None:
    with workspace() as acme, pytest.raises(ValueError, match="token"):
        type(acme.client)(acme.url, "  ", acme.brakes, acme.time)


def test_a_throttling_answer_holds_the_brake_for_everybody(acme: Workspace) -> None:
    acme.slack.faults.arm(Fault("users.info", "throttle", retry_after=7))

    with pytest.raises(ChatUnavailable) as caught:
        acme.client.call("users.info", user=acme.chat("employee").user)

    assert caught.value.retry_after == 7
    assert acme.brakes.held == [Brake("slack:users.info", acme.time.now() + timedelta(seconds=7))]


def test_throttling_without_sensible_advice_brakes_for_a_while(acme: Workspace) -> None:
    acme.slack.faults.arm(Fault("users.info", "status", status=429, body="slow down"))

    with pytest.raises(ChatUnavailable) as caught:
        acme.client.call("users.info", user=acme.chat("employee").user)

    assert caught.value.retry_after is None
    assert acme.brakes.held[0].until == acme.time.now() + NO_ADVICE


def test_a_short_brake_is_waited_for_and_a_long_one_is_the_callers(acme: Workspace) -> None:
    acme.brakes.hold(Brake("slack:auth.test", acme.time.now() + timedelta(seconds=1.5)))
    acme.client.call("auth.test")
    assert acme.time.slept == [pytest.approx(1.5)]

    acme.brakes.hold(Brake("slack:auth.test", acme.time.now() + timedelta(seconds=40)))
    with pytest.raises(ChatUnavailable) as caught:
        acme.client.call("auth.test")
    assert caught.value.retry_after == pytest.approx(40)
    assert acme.slack.log.count("auth.test") == 1


def test_the_brake_of_one_method_leaves_the_others_free(acme: Workspace) -> None:
    acme.brakes.hold(Brake("slack:users.info", acme.time.now() + timedelta(minutes=1)))

    assert acme.client.call("auth.test")["team_id"]


def test_a_long_row_of_lookups_is_paced_so_that_slack_never_throttles(acme: Workspace) -> None:
    user = acme.chat("employee").user
    for _ in range(150):
        acme.client.call("users.info", user=user)

    assert acme.slack.log.count("users.info", status=200) == 150
    assert not acme.brakes.held
    assert max(acme.time.slept) <= 2


def test_messages_into_one_conversation_are_paced_and_then_handed_back(acme: Workspace) -> None:
    for _ in range(3):
        acme.client.call("chat.postMessage", channel=RACING, text="lap record")
    assert not acme.time.slept

    for _ in range(5):
        acme.client.call("chat.postMessage", channel=RACING, text="lap record")

    assert acme.slack.log.count("chat.postMessage", status=429) == 0
    assert all(wait <= 2 for wait in acme.time.slept)


def test_a_wait_beyond_the_patience_is_handed_back_without_a_call(acme: Workspace) -> None:
    for _ in range(8):
        acme.client.call("users.list", limit=1)

    with pytest.raises(ChatUnavailable) as caught:
        acme.client.call("users.list", limit=1)

    assert caught.value.retry_after == pytest.approx(5)
    assert acme.slack.log.count("users.list") == 8


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_of_slack_is_worth_another_try(acme: Workspace, status: int) -> None:
    acme.slack.faults.arm(Fault("auth.test", "status", status=status))

    with pytest.raises(ChatUnavailable):
        acme.client.call("auth.test")


def test_a_message_whose_answer_was_lost_is_not_sent_again(acme: Workspace) -> None:
    acme.slack.faults.arm(Fault("chat.postMessage", "drop"))

    with pytest.raises(ChatUnavailable):
        acme.client.call("chat.postMessage", channel=RACING, text="once")

    assert [entry.text for entry in acme.slack.transcript.entries] == ["once"]


def test_a_page_that_is_no_json_is_no_answer(acme: Workspace) -> None:
    acme.slack.faults.arm(Fault("auth.test", "status", status=200, body="<html>Welcome to the proxy</html>"))

    with pytest.raises(ChatUnavailable):
        acme.client.call("auth.test")


def test_a_redirect_is_not_followed_with_the_token(acme: Workspace) -> None:
    acme.slack.faults.arm(Fault("auth.test", "status", status=302))

    with pytest.raises(Unexpected) as caught:
        acme.client.call("auth.test")

    assert caught.value.facts["reason"] == "http_302"
