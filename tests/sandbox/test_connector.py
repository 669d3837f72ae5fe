"""The simulated Bot Connector, called over HTTP as the bot calls it."""

import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sandbox.company import FOREIGN_TENANT_ID, TENANT_DOMAIN, TENANT_ID
from sandbox.connector_conversations import BOT_MRI, ORGANIZERS, PIT_CREW, RACING, SHARED, TEAM
from sandbox.connector_errors import DEAD
from sandbox.wire import Fault
from tests.sandbox.still_clock import StillClock
from tests.sandbox.teams_tenant import (
    Tenant,
    attached,
    card,
    error_of,
    message,
    personal,
    tenant,
    text_block,
)

Json = dict[str, Any]
CONVERSATIONS = "/v3/conversations"


@pytest.fixture
def acme() -> Iterator[Tenant]:
    with tenant(rate_scale=math.inf) as found:
        yield found


# Opening conversations


def test_a_chat_is_opened_once_and_found_again(acme: Tenant) -> None:
    made, again = acme.open_chat("employee"), acme.open_chat("employee")
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]
    assert made.json()["id"].startswith("a:1")


def test_a_person_can_be_named_by_object_id_too(acme: Tenant) -> None:
    object_id = acme.teams.company.people["employee"].teams.aad_object_id
    assert object_id is not None
    answer = acme.call("POST", CONVERSATIONS, personal(object_id))
    assert answer.json() == acme.open_chat("employee").json()


def test_a_chat_can_be_opened_with_its_first_message(acme: Tenant) -> None:
    answer = acme.open_chat("employee", activity=message("Welcome"))
    (entry,) = acme.seen_by("employee")
    assert answer.json()["activityId"] == entry["activity_id"]
    assert (entry["says"], entry["author"]) == ("Welcome", BOT_MRI)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"members": [{"id": "29:1x"}]}, "Bad format of conversation ID"),
        ({"channelData": {"tenant": {"id": TENANT_ID}}}, "Bad format of conversation ID"),
        (personal("x") | {"members": []}, "Bad format of conversation ID"),
        (
            personal("x") | {"members": [{"id": "a"}, {"id": "b"}]},
            "Incorrect conversation creation parameters",
        ),
        (personal("employee.001@acme.example"), "Invalid user identity in provided tenant"),
        ({"isGroup": True, "channelData": {}}, "Incorrect conversation creation parameters"),
        ({"isGroup": True, "channelData": {"channel": {"id": RACING}}}, "Incorrect conversation creation"),
        ([], "Invalid JSON in the request body"),
    ],
)
def test_what_opens_no_conversation_is_bad_syntax(acme: Tenant, body: Any, sentence: str) -> None:
    answer = acme.call("POST", CONVERSATIONS, body)
    assert error_of(answer) == (400, "BadSyntax")
    assert answer.json()["error"]["message"].startswith(sentence)


def test_a_person_is_found_in_their_own_tenant_only(acme: Tenant) -> None:
    answer = acme.call("POST", CONVERSATIONS, personal(acme.id_of("employee"), FOREIGN_TENANT_ID))
    assert answer.json()["error"]["message"] == "Invalid user identity in provided tenant"


def test_an_id_of_another_bot_means_nothing_here(acme: Tenant) -> None:
    answer = acme.call("POST", CONVERSATIONS, personal("29:1another"))
    assert error_of(answer) == (403, "BadArgument")
    assert answer.json()["error"]["message"] == "Failed to decrypt pairwise id."


def test_who_has_the_app_neither_alone_nor_in_a_team_can_not_be_written_to(acme: Tenant) -> None:
    for key in ("teams-foreigner", "teams-partner", "teams-anonymous"):
        assert error_of(acme.open_chat(key)) == (403, "ForbiddenOperationException")
    foreign = acme.call("POST", CONVERSATIONS, personal(acme.id_of("teams-foreigner"), FOREIGN_TENANT_ID))
    assert error_of(foreign) == (403, "ForbiddenOperationException")
    acme.teams.conversations.team.app_in = False
    assert error_of(acme.open_chat("employee")) == (403, "ForbiddenOperationException")


def test_a_new_thread_in_a_channel_has_an_id_of_its_own(acme: Tenant) -> None:
    body = {
        "isGroup": True,
        "channelData": {"channel": {"id": RACING}},
        "activity": message("The race is on"),
    }
    answer = acme.call("POST", CONVERSATIONS, body)
    activity = answer.json()["activityId"]
    assert (answer.status_code, answer.json()["id"]) == (201, f"{RACING};messageid={activity}")
    acme.post(answer.json()["id"], "and off")
    assert [entry["thread"] for entry in acme.seen_by("employee")] == [activity, activity]
    elsewhere = body | {"channelData": {"channel": {"id": PIT_CREW}}}
    assert error_of(acme.call("POST", CONVERSATIONS, elsewhere)) == (400, "BadSyntax")


# Messages


def test_a_message_is_seen_by_those_of_the_conversation(acme: Tenant) -> None:
    acme.post(acme.chat("employee"), "for you")
    acme.post(RACING, "for the team")
    acme.post(ORGANIZERS, "for the organizer")
    acme.post(PIT_CREW, "for the crew")
    said = {
        key: [entry["says"] for entry in acme.seen_by(key)]
        for key in ("employee", "employee-005", "organizer", "teams-guest", "teams-foreigner")
    }
    assert said == {
        "employee": ["for you", "for the team", "for the crew"],
        "employee-005": ["for the team"],
        "organizer": ["for the team", "for the organizer", "for the crew"],
        "teams-guest": ["for the team", "for the crew"],
        "teams-foreigner": [],
    }


def test_both_addresses_of_the_api_are_the_same(acme: Tenant) -> None:
    chat = acme.chat("employee")
    answer = acme.call("POST", f"/emea/v3/conversations/{chat}/activities", message("hello"))
    assert answer.status_code == 201
    assert acme.seen_by("employee")[0]["activity_id"] == answer.json()["id"]


def test_ids_count_up_in_milliseconds_and_never_repeat(acme: Tenant) -> None:
    chat = acme.chat("employee")
    ids = [int(acme.post(chat).json()["id"]) for _ in range(3)]
    assert ids == sorted(set(ids))
    assert abs(ids[0] / 1000 - acme.teams.company.clock.now()) < 60


def test_a_message_posted_to_a_channel_begins_a_thread_and_a_reply_joins_it(acme: Tenant) -> None:
    first = acme.post(RACING).json()["id"]
    acme.call("POST", f"{CONVERSATIONS}/{RACING}/activities/{first}", message("reply"))
    acme.call("POST", f"{CONVERSATIONS}/{quote(f'{RACING};messageid={first}')}/activities", message("too"))
    acme.post(RACING, "another")
    threads = [entry["thread"] for entry in acme.seen_by("employee")]
    assert threads[:3] == [first] * 3
    assert threads[3] != first
    shown = acme.call("GET", "/_teams/transcript", params={"conversation": f"{RACING};messageid={first}"})
    assert len(shown.json()) == 3
    by_name = acme.call("GET", "/_teams/transcript", params={"conversation": "Racing"})
    assert len(by_name.json()) == 4


def test_text_and_card_together_are_split_and_no_id_comes_back(acme: Tenant) -> None:
    chat = acme.chat("employee")
    both = attached(card(text_block("a card"))) | {"text": "a text"}
    answer = acme.call("POST", f"{CONVERSATIONS}/{chat}/activities", both)
    assert (answer.status_code, answer.json()) == (201, {})
    assert [entry["says"] for entry in acme.seen_by("employee")] == ["a text", "a card"]


def test_two_cards_stand_below_each_other(acme: Tenant) -> None:
    cards = [attached(card(text_block(name)))["attachments"][0] for name in ("one", "two")]
    body = {"type": "message", "attachments": cards}
    acme.call("POST", f"{CONVERSATIONS}/{acme.chat('employee')}/activities", body)
    assert acme.seen_by("employee")[0]["says"] == "one\ntwo"


def test_typing_shows_nothing(acme: Tenant) -> None:
    chat = acme.chat("employee")
    answer = acme.call("POST", f"{CONVERSATIONS}/{chat}/activities", {"type": "typing"})
    assert answer.status_code == 201
    assert acme.seen_by("employee") == []


@pytest.mark.parametrize(
    ("activity", "sentence"),
    [
        ({"type": "message"}, "Activity must contain"),
        (message("  "), "Activity must contain"),
        ({"type": "invoke", "text": "x"}, "Unsupported activity type"),
        (message("x", textFormat="html"), "Invalid text or textFormat"),
        ({"type": "message", "text": 7}, "Invalid text or textFormat"),
        ({"type": "message", "attachments": ["x"]}, "Invalid attachments"),
        ({"type": "message", "attachments": [{"contentType": "text/x"}]}, "Unknown attachment type"),
        (
            attached({"type": "AdaptiveCard", "version": "1.6", "body": []}),
            "Bad adaptive card: card: version",
        ),
        (attached(card({"type": "Marquee"})), "Bad adaptive card: card/body/0: unknown type Marquee"),
    ],
)
def test_what_teams_can_not_show_is_bad_syntax(acme: Tenant, activity: Json, sentence: str) -> None:
    answer = acme.call("POST", f"{CONVERSATIONS}/{acme.chat('employee')}/activities", activity)
    assert error_of(answer) == (400, "BadSyntax")
    assert answer.json()["error"]["message"].startswith(sentence)
    assert acme.seen_by("employee") == []


def test_a_message_is_measured_in_utf_16(acme: Tenant) -> None:
    chat = acme.chat("employee")
    room = 100 * 1024 // 2 - len(json.dumps(message("")))
    body = json.dumps(message("ü" * (room - 10)), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {acme.token}"}
    url = f"{acme.url}{CONVERSATIONS}/{chat}/activities"
    fits = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert fits.status_code == 201
    body = json.dumps(message("ü" * (room + 10)), ensure_ascii=False).encode()
    answer = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert error_of(answer) == (413, "MessageSizeTooBig")


def test_an_edit_takes_the_place_of_the_message_and_the_old_one_is_kept(acme: Tenant) -> None:
    chat = acme.chat("employee")
    made = acme.post(chat, "queued").json()["id"]
    path = f"{CONVERSATIONS}/{chat}/activities/{made}"
    assert acme.call("PUT", path, attached(card(text_block("ready")))).json() == {"id": made}
    (entry,) = acme.seen_by("employee")
    assert (entry["says"], entry["edited"]) == ("ready", True)
    assert entry["versions"] == [{"text": "queued", "card": None}]


def test_a_deleted_message_is_gone(acme: Tenant) -> None:
    chat = acme.chat("employee")
    path = f"{CONVERSATIONS}/{chat}/activities/{acme.post(chat).json()['id']}"
    assert acme.call("DELETE", path).status_code == 200
    assert acme.seen_by("employee") == []
    for verb, body in (("DELETE", None), ("PUT", message("x"))):
        assert error_of(acme.call(verb, path, body)) == (404, "ActivityNotFoundInConversation")


def test_the_bot_changes_only_what_it_wrote(acme: Tenant) -> None:
    asked = {"person": "employee", "kind": "message", "text": "join"}
    said = acme.call("POST", "/_teams/activities", asked).json()["activity"]
    path = f"{CONVERSATIONS}/{said['conversation']['id']}/activities/{said['id']}"
    assert error_of(acme.call("PUT", path, message("mine"))) == (403, "NotEnoughPermissions")


# Conversations that are not there, or dead


@pytest.mark.parametrize(
    ("conversation", "status", "code"),
    [
        ("a:1nobody", 404, "ConversationNotFound"),
        ("19:nowhere@thread.tacv2", 404, "ConversationNotFound"),
        (f"{RACING};messageid=1", 404, "ConversationNotFound"),
        ("29:1x", 400, "BadSyntax"),
    ],
)
def test_an_unknown_conversation_is_said_to_be_unknown(
    acme: Tenant, conversation: str, status: int, code: str
) -> None:
    assert error_of(acme.post(conversation)) == (status, code)


def test_a_reply_to_nothing_is_refused(acme: Tenant) -> None:
    answer = acme.call("POST", f"{CONVERSATIONS}/{RACING}/activities/1", message("x"))
    assert error_of(answer) == (404, "ActivityNotFoundInConversation")


@pytest.mark.parametrize("code", sorted(DEAD))
def test_a_dead_conversation_takes_no_call_until_it_is_healed(acme: Tenant, code: str) -> None:
    chat = acme.chat("employee")
    made = acme.post(chat).json()["id"]
    acme.call("POST", "/_teams/conversations", {"person": "employee", "dead": code})
    answers = [
        acme.post(chat),
        acme.call("PUT", f"{CONVERSATIONS}/{chat}/activities/{made}", message("x")),
        acme.call("GET", f"{CONVERSATIONS}/{chat}/members/{acme.id_of('employee')}"),
        acme.open_chat("employee"),
    ]
    assert {error_of(answer) for answer in answers} == {(DEAD[code][0], code)}
    acme.call("POST", "/_teams/conversations", {"person": "employee", "dead": None})
    assert acme.post(chat).status_code == 201


@pytest.mark.parametrize(
    ("code", "healed"),
    [("ConversationBlockedByUser", True), ("BotDisabledByAdmin", False), ("ConversationNotFound", False)],
)
def test_who_writes_to_the_bot_undoes_what_was_their_own_doing(acme: Tenant, code: str, healed: bool) -> None:
    chat = acme.chat("employee")
    acme.call("POST", "/_teams/conversations", {"person": "employee", "dead": code})
    acme.call("POST", "/_teams/activities", {"person": "employee", "kind": "message", "text": "join"})
    assert (acme.post(chat).status_code == 201) is healed


def test_a_death_that_does_not_exist_is_refused(acme: Tenant) -> None:
    for asked in ({"person": "employee", "dead": "Bored"}, {"conversation": "Nowhere", "dead": None}):
        assert acme.call("POST", "/_teams/conversations", asked).status_code == 409


def test_a_channel_is_closed_to_an_app_that_is_not_in_the_team(acme: Tenant) -> None:
    acme.teams.conversations.team.app_in = False
    assert error_of(acme.post(RACING)) == (403, "BotNotInConversationRoster")
    assert acme.post(PIT_CREW).status_code == 201


# Members


def test_a_member_is_found_by_each_of_their_names(acme: Tenant) -> None:
    user = acme.teams.company.people["employee"].teams
    assert user.aad_object_id is not None
    assert user.user_principal_name is not None
    wanted = {
        "id": user.id,
        "name": user.name,
        "objectId": user.aad_object_id,
        "givenName": user.given_name,
        "surname": user.surname,
        "email": user.email,
        "userPrincipalName": user.user_principal_name,
        "tenantId": TENANT_ID,
        "userRole": "user",
    }
    for name in (user.id, user.aad_object_id.upper(), user.user_principal_name):
        answer = acme.call("GET", f"{CONVERSATIONS}/{acme.chat('employee')}/members/{quote(name)}")
        assert answer.json() == wanted


@pytest.mark.parametrize(
    ("key", "conversation", "wanted"),
    [
        ("teams-guest", RACING, {"userRole": "guest", "tenantId": TENANT_ID}),
        ("teams-partner", SHARED, {"userRole": "user", "tenantId": FOREIGN_TENANT_ID}),
        ("teams-no-role", RACING, {"tenantId": TENANT_ID}),
    ],
)
def test_outsiders_are_members_of_their_own_kind(
    acme: Tenant, key: str, conversation: str, wanted: Json
) -> None:
    found = acme.call("GET", f"{CONVERSATIONS}/{conversation}/members/{acme.id_of(key)}").json()
    assert {name: found[name] for name in ("userRole", "tenantId") if name in found} == wanted
    assert found["objectId"]


def test_a_guest_is_a_guest_in_the_directory_as_well(acme: Tenant) -> None:
    guest = acme.teams.company.people["teams-guest"]
    assert guest.entra is not None
    assert (guest.entra.user_type, guest.entra.id) == ("Guest", guest.teams.aad_object_id)
    assert guest.teams.user_principal_name == f"pat_partner.example#EXT#@{TENANT_DOMAIN}"


def test_of_an_anonymous_person_next_to_nothing_is_known(acme: Tenant) -> None:
    asked = {"person": "teams-anonymous", "kind": "message", "text": "join", "conversation": "Race meeting"}
    said = acme.call("POST", "/_teams/activities", asked).json()["activity"]
    where = f"{CONVERSATIONS}/{said['conversation']['id']}/members/{said['from']['id']}"
    assert set(acme.call("GET", where).json()) == {"id", "name", "tenantId", "userRole"}


def test_who_is_not_in_the_conversation_is_not_found_in_it(acme: Tenant) -> None:
    for who in (acme.id_of("employee-005"), "nobody@acme.example", "None"):
        answer = acme.call("GET", f"{CONVERSATIONS}/{PIT_CREW}/members/{who}")
        assert error_of(answer) == (404, "MemberNotFoundInConversation")


def test_members_come_in_pages_of_fifty_to_five_hundred() -> None:
    with tenant(people=120) as found:
        path = f"{CONVERSATIONS}/{TEAM}/pagedmembers"
        first = found.call("GET", path, params={"pageSize": "3"}).json()
        assert len(first["members"]) == 50
        ids, page = [member["id"] for member in first["members"]], first
        while "continuationToken" in page:
            params = {"pageSize": "50", "continuationToken": page["continuationToken"]}
            page = found.call("GET", path, params=params).json()
            ids += [member["id"] for member in page["members"]]
        everybody = found.call("GET", path).json()["members"]
        assert ids == [member["id"] for member in everybody]
        assert len(ids) == len(set(ids)) > 120
        assert found.call("GET", f"{CONVERSATIONS}/{TEAM}/members").json() == everybody
        for params in ({"pageSize": "many"}, {"continuationToken": "?"}):
            assert error_of(found.call("GET", path, params=params)) == (400, "BadSyntax")


# Rates and faults


def test_seven_messages_a_second_go_into_one_conversation() -> None:
    clock = StillClock()
    with tenant(clock=clock) as found:
        chat, other = found.chat("employee"), found.chat("employee-002")
        assert [found.post(chat).status_code for _ in range(8)] == [201] * 7 + [429]
        answer = found.post(chat)
        assert error_of(answer) == (429, "Throttled")
        assert answer.headers["Retry-After"] == "1"
        assert found.post(other).status_code == 201
        clock.turn(1)
        # Eight in two seconds: one more, and then the second second is full too.
        assert [found.post(chat).status_code for _ in range(2)] == [201, 429]


def test_sixty_messages_in_thirty_seconds_are_the_most() -> None:
    clock = StillClock()
    with tenant(clock=clock) as found:
        chat = found.chat("employee")
        for _ in range(15):
            clock.turn(1.9)
            assert [found.post(chat).status_code for _ in range(4)] == [201] * 4
        clock.turn(0.5)
        answer = found.post(chat)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


def test_a_thread_has_no_allowance_of_its_own() -> None:
    with tenant(clock=StillClock()) as found:
        thread = f"{RACING};messageid={found.post(RACING).json()['id']}"
        assert [found.post(thread).status_code for _ in range(7)] == [201] * 6 + [429]


def test_members_are_read_twice_as_often_and_all_at_once_five_times_a_minute() -> None:
    with tenant(clock=StillClock()) as found:
        one = f"{CONVERSATIONS}/{RACING}/members/{found.id_of('employee')}"
        assert [found.call("GET", one).status_code for _ in range(15)] == [200] * 14 + [429]
        everybody = f"{CONVERSATIONS}/{RACING}/members"
        assert [found.call("GET", everybody).status_code for _ in range(6)] == [200] * 5 + [429]


def test_a_tenant_takes_thirty_calls_a_second() -> None:
    clock = StillClock()
    with tenant(people=10, clock=clock) as found:
        chats = [found.chat(f"employee-{number:03d}") for number in range(1, 9)]
        clock.turn(10)
        statuses = [found.post(chat).status_code for _ in range(4) for chat in chats]
        assert statuses == [201] * 30 + [429] * 2
        clock.turn(1)
        assert found.post(chats[0]).status_code == 201


def test_a_refused_message_costs_the_conversation_nothing() -> None:
    clock = StillClock()
    with tenant(clock=clock) as found:
        chat = found.chat("employee")
        for _ in range(30):
            found.post(chat)
        clock.turn(2)
        assert [found.post(chat).status_code for _ in range(8)] == [201] * 7 + [429]


@pytest.mark.parametrize(
    ("operation", "verb", "path"),
    [
        ("POST conversations", "POST", ""),
        ("POST activities", "POST", "/a:1x/activities"),
        ("POST activity", "POST", "/a:1x/activities/1"),
        ("PUT activity", "PUT", "/a:1x/activities/1"),
        ("DELETE activity", "DELETE", "/a:1x/activities/1"),
        ("GET member", "GET", "/a:1x/members/29:1x"),
        ("GET members", "GET", "/a:1x/members"),
        ("GET pagedmembers", "GET", "/a:1x/pagedmembers"),
    ],
)
def test_every_call_can_be_made_to_fail_by_its_name(
    acme: Tenant, operation: str, verb: str, path: str
) -> None:
    acme.teams.faults.arm(Fault(f"{operation}$", "throttle", retry_after=7))
    answer = acme.call(verb, CONVERSATIONS + path, {})
    assert (*error_of(answer), answer.headers["Retry-After"]) == (429, "Throttled", "7")
    assert acme.teams.log.count(f"{operation}$", status=429) == 1


def test_a_message_that_was_taken_though_nobody_heard_so_is_there(acme: Tenant) -> None:
    chat = acme.chat("employee")
    acme.teams.faults.arm(Fault("POST activities", "drop"))
    with pytest.raises(httpx.RemoteProtocolError):
        acme.post(chat, "lost?")
    assert [entry["says"] for entry in acme.seen_by("employee")] == ["lost?"]


def test_the_call_log_tells_where_and_why(acme: Tenant) -> None:
    chat = acme.chat("employee")
    made = acme.post(chat).json()["id"]
    acme.post("a:1nobody")
    sent = [call for call in acme.teams.log.calls if call.operation == "POST activities"]
    assert [(call.status, call.detail) for call in sent] == [
        (201, {"conversation": chat, "id": made}),
        (404, {"conversation": "a:1nobody", "error": "ConversationNotFound"}),
    ]


def test_people_are_listed_with_their_ids(acme: Tenant) -> None:
    chat = acme.chat("employee")
    people = acme.call("GET", "/_teams/people").json()
    assert people["employee"]["personal"] == chat
    assert people["employee-002"]["personal"] is None
    assert people["teams-anonymous"]["aad_object_id"] is None
    assert acme.call("GET", "/_teams/transcript", params={"user": "nobody"}).status_code == 409
