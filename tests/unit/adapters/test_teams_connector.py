"""The client of Bot Connector, against the simulated one over HTTP."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.teams.connector import DEAD, Connector, translated
from provisioning.brake import NO_ADVICE, Brake
from provisioning.errors import (
    ChatUnavailable,
    CredentialRefused,
    DirectoryUnavailable,
    ProvisioningError,
    Undeliverable,
    Unexpected,
)
from sandbox import connector_errors
from sandbox.company import TENANT_ID
from sandbox.connector_conversations import ORGANIZERS, RACING
from sandbox.wire import Fault
from tests.unit.adapters.teams_tenant import GivenTokens, Tenant, tenant

HELLO = {"text": "hello", "textFormat": "plain"}
ERRORS: list[tuple[int, str, type[ProvisioningError]]] = [
    (302, "", Unexpected),
    (400, "BadSyntax", Unexpected),
    (400, "BadArgument", Unexpected),
    (401, "", CredentialRefused),
    (403, "BotNotInConversationRoster", Undeliverable),
    (403, "ConversationBlockedByUser", Undeliverable),
    (403, "BotDisabledByAdmin", Undeliverable),
    (403, "MessageWritesBlocked", Undeliverable),
    (403, "ForbiddenOperationException", Undeliverable),
    (403, "NotEnoughPermissions", Undeliverable),
    (403, "BadArgument", Undeliverable),
    (403, "", Undeliverable),
    (404, "ConversationNotFound", Undeliverable),
    (404, "ActivityNotFoundInConversation", Undeliverable),
    (404, "MemberNotFoundInConversation", Undeliverable),
    (404, "UserNotFound", Undeliverable),
    (404, "", Undeliverable),
    (405, "", Unexpected),
    (408, "", ChatUnavailable),
    (409, "Conflict", ChatUnavailable),
    (412, "PreconditionFailed", ChatUnavailable),
    (413, "MessageSizeTooBig", Unexpected),
    (429, "Throttled", ChatUnavailable),
    (500, "ServiceError", Unexpected),
    (502, "BadGateway", ChatUnavailable),
    (503, "ServiceUnavailable", ChatUnavailable),
    (504, "GatewayTimeout", ChatUnavailable),
    (501, "a code Teams invents tomorrow", Unexpected),
]
AS_SORTED = pytest.mark.parametrize(
    ("status", "code", "ours"), ERRORS, ids=[f"{status} {code}".strip() for status, code, _ in ERRORS]
)


@pytest.fixture
def acme() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.fixture(scope="module")
def lasting() -> Iterator[Tenant]:
    """A tenant for the whole table of errors; each takes its own time."""
    with tenant() as found:
        yield found


def said(acme: Tenant, text: str = "hello", key: str = "employee") -> str:
    return acme.connector.send(acme.personal(key), {"text": text})


# --- what it can do -----------------------------------------------------------------------------------------


def test_a_message_is_posted_answered_and_changed_in_place(acme: Tenant) -> None:
    asked = acme.heard("join")

    activity = acme.connector.send(asked.address, HELLO, reply_to=asked.activity_id)
    acme.connector.update(asked.address, activity, {"text": "good-bye"})

    (entry,) = acme.sees()
    assert (entry.activity_id, entry.answers, entry.text) == (activity, asked.activity_id, "good-bye")
    assert entry.edited


def test_a_personal_chat_is_opened_with_somebody_met_elsewhere(acme: Tenant) -> None:
    met = acme.channel(RACING, "employee")

    opened = acme.connector.open_personal(met)

    assert opened == acme.personal()
    assert acme.connector.open_personal(met) == opened
    with pytest.raises(Undeliverable):
        acme.connector.open_personal(acme.channel(RACING))


def test_a_post_to_a_channel_begins_a_thread_in_which_one_can_go_on(acme: Tenant) -> None:
    thread, activity = acme.connector.open_thread(acme.channel(RACING), {"text": "lap record"})
    acme.connector.send(thread, {"text": "and another one"})

    assert thread.conversation == f"{RACING};messageid={activity}"
    assert {entry.thread for entry in acme.teams.transcript.in_conversation(RACING)} == {activity}


@pytest.mark.parametrize("name", ["id", "aad_object_id", "user_principal_name"])
def test_a_member_is_found_by_each_of_their_names(acme: Tenant, name: str) -> None:
    user = acme.company.people["employee"].teams

    found = acme.connector.member(acme.personal(), getattr(user, name))

    assert (found["objectId"], found["userRole"]) == (user.aad_object_id, "user")


def test_signing_in_asks_for_a_token_and_nothing_else(acme: Tenant) -> None:
    acme.connector.sign_in()
    assert acme.teams.log.calls == []

    acme.tokens.error = CredentialRefused(reason="invalid_client")
    with pytest.raises(CredentialRefused):
        acme.connector.sign_in()


# --- what can go wrong --------------------------------------------------------------------------------------


@AS_SORTED
def test_each_error_of_teams_is_sorted_by_who_can_act(
    status: int, code: str, ours: type[ProvisioningError]
) -> None:
    found = translated(status, code, method="POST")

    assert type(found) is ours
    assert found.facts == {"method": "POST", "reason": found.facts["reason"]}
    assert found.facts["reason"] in {code, f"http_{status}"}


@AS_SORTED
def test_the_same_holds_over_http(
    lasting: Tenant, status: int, code: str, ours: type[ProvisioningError]
) -> None:
    acme, before = lasting, lasting.teams.log.count("POST activities")
    acme.time.sleep(60)
    body = json.dumps({"error": {"code": code, "message": "…"}}) if code else ""
    acme.teams.faults.arm(Fault("POST activities", "status", times=None, status=status, body=body))

    with pytest.raises(ours) as caught:
        said(acme)

    assert type(caught.value) is ours
    assert acme.teams.log.count("POST activities") == before + (2 if status == 401 else 1)
    acme.teams.faults.disarm()


def test_a_question_that_met_a_defect_of_teams_may_be_asked_again(acme: Tenant) -> None:
    acme.teams.faults.arm(Fault("GET member", "status", status=500))

    with pytest.raises(ChatUnavailable):
        acme.connector.member(acme.personal(), acme.chat().user)


def test_every_way_in_which_a_conversation_ends_is_known_as_dead(acme: Tenant) -> None:
    assert set(connector_errors.DEAD) <= DEAD
    for code in connector_errors.DEAD:
        acme.time.sleep(5)
        acme.dies("employee", code)
        with pytest.raises(Undeliverable) as caught:
            said(acme)
        assert caught.value.facts["reason"] == code


@pytest.mark.parametrize(
    "call",
    [
        lambda acme: acme.connector.update(acme.personal(), "1234", HELLO),
        lambda acme: acme.connector.send(acme.personal(), HELLO, reply_to="1234"),
        lambda acme: acme.connector.member(acme.personal(), "29:nobody"),
        lambda acme: acme.connector.open_personal(acme.channel(RACING, "teams-partner")),
        lambda acme: acme.connector.open_thread(acme.channel("19:nowhere@thread.tacv2"), HELLO),
    ],
    ids=["change", "answer", "member", "outsider", "channel"],
)
def test_what_is_not_there_cannot_be_reached(lasting: Tenant, call: Callable[[Tenant], Any]) -> None:
    lasting.time.sleep(60)

    with pytest.raises(Undeliverable):
        call(lasting)


@pytest.mark.parametrize("kind", ["refuse", "drop"])
def test_a_message_whose_answer_was_lost_is_not_sent_again(acme: Tenant, kind: str) -> None:
    acme.teams.faults.arm(Fault("POST activities", kind))  # type: ignore[arg-type]

    with pytest.raises(ChatUnavailable):
        said(acme, "once")

    assert acme.reads() == (["once"] if kind == "drop" else [])


@pytest.mark.parametrize("page", ["<html>Welcome to the proxy</html>", "[]", '"yes"'])
def test_a_page_that_is_no_object_is_no_answer(lasting: Tenant, page: str) -> None:
    lasting.time.sleep(60)
    lasting.teams.faults.arm(Fault("POST activities", "status", status=200, body=page))

    with pytest.raises(ChatUnavailable):
        said(lasting)


def test_an_empty_answer_to_a_change_will_do(acme: Tenant) -> None:
    activity = said(acme)
    acme.teams.faults.arm(Fault("PUT activity", "status", status=200))

    acme.connector.update(acme.personal(), activity, HELLO)

    assert acme.teams.log.count("PUT activity", status=200) == 1


def test_a_conversation_without_an_id_has_not_been_opened(acme: Tenant) -> None:
    for opening in (
        lambda: acme.connector.open_personal(acme.channel(RACING, "employee")),
        lambda: acme.connector.open_thread(acme.channel(RACING), HELLO),
    ):
        acme.teams.faults.arm(Fault("POST conversations", "status", status=201, body="{}"))
        with pytest.raises(ChatUnavailable):
            opening()


# --- tokens -------------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once() -> None:
    with tenant() as acme:
        good = acme.tokens.tokens[0]
        acme.tokens.tokens = ["withdrawn", good]

        said(acme)

        assert acme.reads() == ["hello"]
        assert acme.tokens.refused == ["withdrawn"]
        assert acme.teams.log.count("POST activities", status=401) == 1


def test_a_token_that_is_refused_again_concerns_the_operator() -> None:
    with tenant(tokens=GivenTokens(["somebody-elses"])) as acme:
        with pytest.raises(CredentialRefused):
            said(acme)

        assert acme.teams.log.count("POST activities", status=401) == 2


def test_without_a_token_nothing_is_sent(acme: Tenant) -> None:
    acme.tokens.error = DirectoryUnavailable(retry_after=7.0)
    with pytest.raises(ChatUnavailable) as caught:
        said(acme)
    assert caught.value.retry_after == 7.0

    acme.tokens.error = CredentialRefused(reason="invalid_client")
    with pytest.raises(CredentialRefused):
        said(acme)
    assert acme.teams.log.calls == []


@pytest.mark.parametrize(
    "service_url",
    [
        "https://evil.example/",
        "https://smba.trafficmanager.net.evil.example/",
        "http://smba.trafficmanager.net/",
        "https://user@smba.trafficmanager.net/",
        "http://127.0.0.1:9/",
        "",
        "smba.trafficmanager.net",
    ],
)
def test_no_token_goes_to_a_host_that_is_not_listed(lasting: Tenant, service_url: str) -> None:
    hosts, before = {lasting.host, "smba.trafficmanager.net"}, lasting.teams.log.count()
    tokens = GivenTokens([], error=AssertionError("no token is even asked for"))
    connector = Connector(tokens, hosts, lasting.brakes, lasting.time, sleep=lasting.time.sleep)

    with pytest.raises(Undeliverable):
        connector.send(replace(lasting.personal(), service_url=service_url), HELLO)

    connector.close()
    assert lasting.teams.log.count() == before


def test_no_token_and_no_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with tenant() as acme:
        good = acme.tokens.tokens[0]
        acme.tokens.tokens = ["withdrawn", good]
        said(acme)
        acme.teams.faults.arm(Fault("POST activities", "drop"))
        with pytest.raises(ChatUnavailable):
            said(acme)
        acme.dies("employee", "ConversationBlockedByUser")
        with pytest.raises(Undeliverable):
            said(acme)

    ours = [record for record in caplog.records if record.name.startswith("adapters")]
    assert {record.getMessage() for record in ours} == {"Teams refused", "no answer"}
    everything = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    assert not [secret for secret in (good, "withdrawn", "/v3/", "29:", "@acme") if secret in everything]
    loud = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert not [record for record in loud if record.name.startswith("httpx")]


# --- brakes and pace ----------------------------------------------------------------------------------------


def test_a_throttling_answer_holds_the_brake_of_that_conversation_for_everybody(acme: Tenant) -> None:
    acme.teams.faults.arm(Fault("POST activities", "throttle", retry_after=7))

    with pytest.raises(ChatUnavailable) as caught:
        said(acme)

    assert caught.value.retry_after == 7
    until = acme.time.now() + timedelta(seconds=7)
    assert acme.brakes.held == [Brake(f"teams:{acme.personal().conversation}", until)]
    with pytest.raises(ChatUnavailable) as caught:
        said(acme)
    assert caught.value.facts["reason"] == "brake"
    assert acme.teams.log.count("POST activities") == 1
    assert said(acme, key="employee-002"), "the others are free"
    acme.time.sleep(7)
    assert said(acme)


def test_a_throttled_thread_brakes_its_channel(acme: Tenant) -> None:
    thread, _ = acme.connector.open_thread(acme.channel(RACING), HELLO)
    acme.teams.faults.arm(Fault("POST activities", "throttle", retry_after=7))
    with pytest.raises(ChatUnavailable):
        acme.connector.send(thread, HELLO)

    with pytest.raises(ChatUnavailable):
        acme.connector.open_thread(acme.channel(RACING), HELLO)

    assert acme.connector.open_thread(acme.channel(ORGANIZERS), HELLO)


def test_opening_chats_too_fast_brakes_the_whole_tenant(acme: Tenant) -> None:
    acme.teams.faults.arm(Fault("POST conversations", "throttle", retry_after=7))
    with pytest.raises(ChatUnavailable):
        acme.connector.open_personal(acme.channel(RACING, "employee"))

    assert acme.brakes.held == [Brake(f"teams:{TENANT_ID}", acme.time.now() + timedelta(seconds=7))]
    with pytest.raises(ChatUnavailable):
        said(acme, key="employee-002")


def test_throttling_without_sensible_advice_brakes_for_a_while(acme: Tenant) -> None:
    acme.teams.faults.arm(Fault("POST activities", "status", status=429, body="slow down"))

    with pytest.raises(ChatUnavailable) as caught:
        said(acme)

    assert caught.value.retry_after is None
    assert acme.brakes.held[0].until == acme.time.now() + NO_ADVICE


def test_a_short_brake_is_waited_for(acme: Tenant) -> None:
    brake = Brake(f"teams:{acme.personal().conversation}", acme.time.now() + timedelta(seconds=0.15))
    acme.brakes.hold(brake)

    said(acme)

    assert acme.time.slept == [pytest.approx(0.15)]


def test_a_burst_into_one_conversation_is_handed_back_before_teams_throttles(acme: Tenant) -> None:
    for _ in range(4):
        said(acme)

    for _ in range(60):
        with pytest.raises(ChatUnavailable) as caught:
            said(acme)
        assert caught.value.facts["reason"] == "pace"
        acme.time.sleep(caught.value.retry_after or 0)
        said(acme)

    assert acme.teams.log.count("POST activities", status=201) == 64
    assert acme.teams.log.count("POST activities", status=429) == 0


def test_a_crowd_is_paced_to_what_the_tenant_allows(acme: Tenant) -> None:
    everybody = [key for key in acme.company.people if key.startswith("employee-")]
    posted = 0
    while posted < 120:
        try:
            said(acme, key=everybody[posted % len(everybody)])
            posted += 1
        except ChatUnavailable as error:
            acme.time.sleep(error.retry_after or 1.0)

    assert acme.teams.log.count("POST activities", status=429) == 0


def test_members_are_asked_for_at_a_pace_of_their_own(acme: Tenant) -> None:
    for _ in range(4):
        said(acme)

    for _ in range(8):
        acme.connector.member(acme.personal(), acme.chat().user)

    assert acme.teams.log.count("GET member", status=200) == 8


def test_a_code_without_its_envelope_is_read_all_the_same(acme: Tenant) -> None:
    body = json.dumps({"code": "ConversationBlockedByUser", "message": "blocked"})
    acme.teams.faults.arm(Fault("POST activities", "status", status=403, body=body))

    with pytest.raises(Undeliverable) as caught:
        said(acme)

    assert caught.value.facts["reason"] == "ConversationBlockedByUser"
