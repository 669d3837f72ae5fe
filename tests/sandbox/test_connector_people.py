"""People in Teams and a small bot: activities with real tokens in, the bot's calls out, and what is seen."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.chatting import NothingToPress, perform
from sandbox.company import BOT_APP_ID, FOREIGN_TENANT_ID, TENANT_ID, Company
from sandbox.connector_conversations import BOT_MRI, MEETING, PIT_CREW, RACING, SHARED, TEAM, TEAM_GROUP_ID
from sandbox.connector_players import COMPLAINT
from sandbox.teams_chatting import InputMissing, TeamsMoves, TeamsPerson
from sandbox.world import Address, World
from tests.sandbox.teams_tenant import (
    SmallBot,
    Tenant,
    attached,
    card,
    execute,
    small_bot,
    tenant,
    text_block,
)

Json = dict[str, Any]
CARD = "application/vnd.microsoft.card.adaptive"
MESSAGE = "application/vnd.microsoft.activity.message"


@pytest.fixture
def acme() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.fixture
def bot(acme: Tenant) -> Iterator[SmallBot]:
    with small_bot(acme) as found:
        yield found


@pytest.fixture
def ada(bot: SmallBot) -> Iterator[TeamsPerson]:
    with bot.person("employee") as person:
        yield person


# Talking


def test_a_person_and_the_bot_talk_in_the_personal_chat(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    answer = ada.say("join")
    assert answer.status == 201
    asked, answered = ada.sees()
    name = acme.teams.company.people["employee"].teams.name
    assert (asked["author"], asked["says"]) == (acme.id_of("employee"), "join")
    assert (answered["author"], answered["says"]) == (BOT_MRI, f"Hello, {name}\nWhy?\nLeave")
    assert {entry["kind"] for entry in ada.sees()} == {"personal"}
    assert acme.seen_by("employee-002") == []


def test_a_message_has_the_shape_that_teams_gives_it(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    ada.say("join <now>")
    (heard,) = bot.heard
    person = acme.teams.company.people["employee"]
    assert person.entra is not None
    assert heard["from"] == {
        "id": person.teams.id,
        "name": person.teams.name,
        "aadObjectId": person.entra.id,
    }
    assert heard["recipient"] == {"id": f"28:{BOT_APP_ID}", "name": "DeepRacer"}
    assert heard["conversation"] == {
        "conversationType": "personal",
        "tenantId": TENANT_ID,
        "id": acme.chat("employee"),
    }
    assert heard["channelData"] == {"tenant": {"id": TENANT_ID}}
    assert heard["serviceUrl"] == f"{acme.url}/emea/"
    assert (heard["channelId"], heard["locale"], heard["textFormat"]) == ("msteams", "en-US", "plain")
    assert heard["timestamp"].endswith("Z")
    assert heard["localTimestamp"].endswith("+01:00")
    assert heard["id"] == ada.sees()[0]["activity_id"]
    assert heard["attachments"][0]["content"] == "<div><div>join &lt;now&gt;</div>\n</div>"
    assert [entity["type"] for entity in heard["entities"]] == ["clientInfo"]


def test_in_a_channel_the_bot_is_mentioned_and_answers_in_the_thread(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    ada.say("join", conversation="Racing")
    (heard,) = bot.heard
    assert heard["text"] == "<at>DeepRacer</at> join"
    mention = heard["entities"][0]
    assert mention == {
        "type": "mention",
        "mentioned": {"id": BOT_MRI, "name": "DeepRacer"},
        "text": "<at>DeepRacer</at>",
    }
    assert heard["conversation"] == {
        "conversationType": "channel",
        "tenantId": TENANT_ID,
        "id": f"{RACING};messageid={heard['id']}",
        "isGroup": True,
        "name": "Racing",
    }
    assert heard["channelData"]["channel"] == {"id": RACING}
    assert heard["channelData"]["team"] == {"id": TEAM, "name": "DeepRacer", "aadGroupId": TEAM_GROUP_ID}
    asked, answered = acme.seen_by("employee-002")
    assert (asked["thread"], answered["thread"]) == (heard["id"], heard["id"])
    assert asked["says"] == "DeepRacer join"


def test_who_writes_in_a_thread_stays_in_it(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    ada.say("join", conversation="Racing")
    root = ada.sees()[0]["activity_id"]
    ada.say("status", conversation="Racing", reply_to=root)
    assert bot.heard[1]["conversation"]["id"] == f"{RACING};messageid={root}"
    assert bot.heard[1]["id"] != root
    assert {entry["thread"] for entry in ada.sees()} == {root}
    ada.say("join", conversation="Racing")
    assert bot.heard[2]["conversation"]["id"] != f"{RACING};messageid={root}"


def test_in_a_group_chat_everybody_of_it_sees_the_answer(acme: Tenant, bot: SmallBot) -> None:
    with bot.person("employee", conversation="Pit crew") as ada:
        ada.say("join")
    (heard,) = bot.heard
    assert heard["conversation"]["conversationType"] == "groupChat"
    assert heard["conversation"]["id"] == PIT_CREW
    assert "team" not in heard["channelData"]
    assert len(acme.seen_by("teams-guest")) == 2
    assert acme.seen_by("employee-005") == []


def test_another_person_is_mentioned_by_key_and_named_in_an_entity(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    ada.say("quota <at>employee-002</at> +5", conversation="Pit crew")
    other = acme.teams.company.people["employee-002"].teams
    (heard,) = bot.heard
    assert heard["text"] == f"<at>DeepRacer</at> quota <at>{other.name}</at> +5"
    mentioned = [entity["mentioned"] for entity in heard["entities"] if entity["type"] == "mention"]
    assert mentioned == [{"id": BOT_MRI, "name": "DeepRacer"}, {"id": other.id, "name": other.name}]
    assert heard["attachments"][0]["content"].count("http://schema.skype.com/Mention") == 2


def test_the_bot_is_mentioned_once_wherever_it_stands_in_the_text(bot: SmallBot, ada: TeamsPerson) -> None:
    ada.say("join <at>DeepRacer</at>", conversation="Racing")
    assert bot.heard[0]["text"] == "join <at>DeepRacer</at>"


def test_nobody_mentions_or_is_somebody_who_is_not_there(bot: SmallBot, ada: TeamsPerson) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        ada.say("quota <at>nobody</at>")
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        ada.say("join", conversation="Organizers")
    with bot.person("nobody") as nobody, pytest.raises(httpx.HTTPStatusError, match="409"):
        nobody.say("join")
    assert bot.heard == []


def test_a_field_of_an_activity_can_be_overwritten(bot: SmallBot, ada: TeamsPerson) -> None:
    ada.say("join", from_={"id": "29:other"}, id="1")
    assert (bot.heard[0]["from"], bot.heard[0]["id"]) == ({"id": "29:other"}, "1")


# Outsiders


def test_an_anonymous_person_has_no_object_id(bot: SmallBot) -> None:
    with bot.person("teams-anonymous", conversation=MEETING) as somebody:
        somebody.say("join")
    assert "aadObjectId" not in bot.heard[0]["from"]


def test_a_foreigner_writes_from_another_tenant(bot: SmallBot) -> None:
    with bot.person("teams-foreigner") as foreigner:
        foreigner.say("join")
    assert bot.heard[0]["conversation"]["tenantId"] == FOREIGN_TENANT_ID
    assert bot.heard[0]["channelData"]["tenant"]["id"] == FOREIGN_TENANT_ID


def test_a_partner_in_a_shared_channel_writes_in_our_tenant(acme: Tenant, bot: SmallBot) -> None:
    with bot.person("teams-partner", conversation="With partners") as partner:
        partner.say("join")
    assert bot.heard[0]["conversation"]["tenantId"] == TENANT_ID
    member = acme.call("GET", f"/v3/conversations/{SHARED}/members/{acme.id_of('teams-partner')}").json()
    assert member["tenantId"] == FOREIGN_TENANT_ID


# Wrong tokens and repeated deliveries


@pytest.mark.parametrize(
    ("token", "status"),
    [("expired", 401), ("no-header", 401), ("hs256", 401), ("other-channel", 401), ("no-service-url", 403)],
)
def test_a_person_can_speak_with_a_wrong_token(
    bot: SmallBot, ada: TeamsPerson, token: str, status: int
) -> None:
    assert ada.say("join", token=token).status == status
    assert bot.heard == []


def test_a_delivery_can_be_repeated_byte_for_byte(bot: SmallBot, ada: TeamsPerson) -> None:
    sent = ada.say("join").sent
    assert ada.send(sent.body, sent.headers).status == 201
    assert bot.heard[0] == bot.heard[1]
    assert [entry["says"] for entry in ada.sees()].count("join") == 1


def test_raw_bytes_go_out_with_a_good_token_or_none(bot: SmallBot, ada: TeamsPerson) -> None:
    assert ada.authorization("no-header") == {}
    headers = ada.authorization()
    assert headers["Authorization"].startswith("Bearer ey")
    sent = ada.say("join").sent
    assert ada.send(sent.body, headers).status == 201
    assert ada.send(sent.body, {}).status == 401


# Buttons


def test_a_pressed_button_is_an_invoke_whose_card_takes_its_place(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    bot.invoked = (200, {"statusCode": 200, "type": CARD, "value": card(text_block("Gone"))})
    ada.say("join")
    pressed = ada.sees()[-1]
    answer = ada.press("Leave", inputs={"why": "holidays"})
    heard = bot.heard[-1]
    assert (heard["type"], heard["name"]) == ("invoke", "adaptiveCard/action")
    assert heard["value"]["trigger"] == "manual"
    assert heard["value"]["action"] == {
        "type": "Action.Execute",
        "title": "Leave",
        "verb": "say",
        "data": {"say": "leave {why}", "why": "holidays"},
    }
    assert heard["replyToId"] == pressed["activity_id"]
    assert heard["id"].startswith("f:")
    assert answer.status == 200
    replaced = ada.sees()[-1]
    assert (replaced["number"], replaced["says"], replaced["replaced"]) == (pressed["number"], "Gone", True)
    assert [version["card"] for version in replaced["versions"]] == [pressed["card"]]


def test_in_a_channel_the_card_changes_for_the_presser_alone(acme: Tenant, bot: SmallBot) -> None:
    bot.invoked = (200, {"statusCode": 200, "type": CARD, "value": card(text_block("Yours alone"))})
    with bot.person("employee", conversation="Racing") as ada:
        ada.say("join")
        ada.press("Leave")
        assert ada.sees()[-1]["says"] == "Yours alone"
        assert bot.heard[-1]["conversation"]["id"] == f"{RACING};messageid={ada.sees()[0]['thread']}"
        assert acme.seen_by("employee-002")[-1]["says"].startswith("Hello")
        activity = ada.sees()[-1]["activity_id"]
        acme.call(
            "PUT",
            f"/v3/conversations/{RACING}/activities/{activity}",
            attached(card(text_block("All of you"))),
        )
        assert ada.sees()[-1]["says"] == "All of you"


def test_a_message_in_answer_is_a_line_for_the_presser(acme: Tenant, bot: SmallBot) -> None:
    bot.invoked = (200, {"statusCode": 200, "type": MESSAGE, "value": "See our chat."})
    with bot.person("employee", conversation="Racing") as ada:
        ada.say("join")
        ada.press("Leave")
        assert ada.sees()[-1]["says"] == "See our chat."
        assert ada.sees()[-1]["reader"] == acme.id_of("employee")
    assert "See our chat." not in [entry["says"] for entry in acme.seen_by("employee-002")]


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"statusCode": 200, "type": MESSAGE, "value": "x"}),
        (200, None),
        (200, {"statusCode": 200, "type": CARD, "value": {"type": "AdaptiveCard"}}),
        (200, {"statusCode": 400, "type": "application/vnd.microsoft.error", "value": {"code": "Bad"}}),
        (200, {"statusCode": 200, "type": MESSAGE, "value": {"text": "x"}}),
    ],
    ids=["status", "nothing", "bad card", "error", "no text"],
)
def test_an_answer_teams_can_not_use_is_complained_about(
    bot: SmallBot, ada: TeamsPerson, answer: tuple[int, Any]
) -> None:
    bot.invoked = answer
    ada.say("join")
    ada.press("Leave")
    assert (ada.sees()[-1]["says"], ada.sees()[-1]["author"]) == (COMPLAINT, "Teams")


def test_an_old_client_sends_the_fallback_as_a_message_without_text(bot: SmallBot, ada: TeamsPerson) -> None:
    ada.say("join")
    pressed = ada.sees()[-1]
    assert ada.press("Leave", inputs={"why": "x"}, submit=True).status == 201
    heard = bot.heard[-1]
    assert (heard["type"], heard.get("text"), heard["value"]) == (
        "message",
        None,
        {"say": "leave {why}", "why": "x"},
    )
    assert heard["replyToId"] == pressed["activity_id"]
    assert heard["channelData"]["legacy"] == {"replyToId": f"1:{pressed['activity_id']}"}
    assert len(ada.sees()) == 2  # nobody sees it


def shown(acme: Tenant, content: Json) -> None:
    answer = acme.call("POST", f"/v3/conversations/{acme.chat('employee')}/activities", attached(content))
    assert answer.status_code == 201, answer.text


def test_unset_inputs_are_sent_as_the_client_sends_them(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    choices = [{"title": "One", "value": "1"}, {"title": "Two", "value": "2"}]
    shown(
        acme,
        card(
            {"type": "Input.Text", "id": "text"},
            {"type": "Input.Toggle", "id": "toggle", "title": "Really", "valueOff": "no"},
            {"type": "Input.ChoiceSet", "id": "unset", "choices": choices},
            {"type": "Input.ChoiceSet", "id": "set", "choices": choices, "value": "2"},
            {"type": "Input.Number", "id": "number"},
            actions=[execute("Go", "go"), execute("Just go", "go", associatedInputs="none")],
        ),
    )
    ada.press("Go", inputs={"number": "7"})
    wanted = {"say": "go", "text": "", "toggle": "no", "set": "2", "number": "7"}
    assert bot.heard[-1]["value"]["action"]["data"] == wanted
    ada.press("Just go")
    assert bot.heard[-1]["value"]["action"]["data"] == {"say": "go"}


def test_a_required_input_must_be_filled_in_before_anything_is_sent(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    field = {
        "type": "Input.Text",
        "id": "why",
        "isRequired": True,
        "label": "Why?",
        "errorMessage": "Say why",
    }
    shown(acme, card(field, actions=[execute("Go", "go")]))
    with pytest.raises(InputMissing, match="why"):
        ada.press("Go")
    assert bot.heard == []


def test_a_submit_button_is_pressed_in_its_own_way(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    shown(acme, card(actions=[{"type": "Action.Submit", "title": "Send", "data": "plain words"}]))
    ada.press("Send")
    assert bot.heard[-1]["value"] == "plain words"


def test_a_button_that_asks_first_is_confirmed(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    question = card(text_block("Really?"), actions=[execute("Yes, leave", "leave")])
    shown(acme, card(actions=[{"type": "Action.ShowCard", "title": "Leave", "card": question}]))
    assert ada.sees()[-1]["says"] == "Leave\nReally?\nYes, leave"
    ada.press("Leave")
    ada.press("Yes, leave")
    assert [heard["value"]["action"]["title"] for heard in bot.heard] == ["Yes, leave"] * 2


def test_what_is_no_button_can_not_be_pressed(acme: Tenant, ada: TeamsPerson) -> None:
    shown(acme, card(actions=[{"type": "Action.OpenUrl", "title": "Open", "url": "https://a.example"}]))
    for wanted in ("Open", "Leave"):
        with pytest.raises(NothingToPress, match=wanted):
            ada.press(wanted)


# Installations


def test_who_adds_the_app_tells_the_bot_twice(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    assert [answer.status for answer in ada.installs()] == [201, 201]
    installed, updated = bot.heard
    assert (installed["type"], installed["action"]) == ("installationUpdate", "add")
    assert (updated["type"], updated["membersAdded"]) == ("conversationUpdate", [{"id": BOT_MRI}])
    assert installed["conversation"]["id"] == acme.chat("employee")
    assert installed["from"]["aadObjectId"] == updated["from"]["aadObjectId"]


def test_a_removed_app_can_not_write_until_the_person_comes_back(
    acme: Tenant, bot: SmallBot, ada: TeamsPerson
) -> None:
    chat = acme.chat("employee")
    ada.uninstalls()
    assert [(heard["type"], heard["action"]) for heard in bot.heard] == [("installationUpdate", "remove")]
    assert acme.post(chat).json()["error"]["code"] == "BotNotInConversationRoster"
    assert acme.open_chat("employee").json()["error"]["code"] == "ForbiddenOperationException"
    ada.say("join")
    assert acme.post(chat).status_code == 201


def test_the_app_comes_and_goes_with_the_team(acme: Tenant, bot: SmallBot, ada: TeamsPerson) -> None:
    ada.uninstalls(conversation="General")
    assert bot.heard[1]["membersRemoved"] == [{"id": BOT_MRI}]
    assert acme.post(RACING).json()["error"]["code"] == "BotNotInConversationRoster"
    ada.installs(conversation="General")
    assert bot.heard[3]["channelData"]["eventType"] == "teamMemberAdded"
    assert bot.heard[2]["channelData"]["settings"] == {"selectedChannel": {"id": TEAM}}
    assert acme.post(RACING).status_code == 201


# Crowds, other processes, late bots


async def test_a_crowd_types_at_once(acme: Tenant, bot: SmallBot) -> None:
    moves = [TeamsMoves(f"employee-00{n}", teams_url=acme.url, bot_url=bot.url) for n in range(1, 5)]
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = await asyncio.gather(*(perform(client, move.say("join")) for move in moves))
    assert [answer.status for answer in answers] == [201] * 4
    assert len({heard["id"] for heard in bot.heard}) == 4


def test_a_world_with_teams_names_its_settings_and_its_players() -> None:
    with World(Company.found(people=1), parts={"slack", "teams"}) as world:
        settings = world.environment()
        assert settings["TEAMS_SERVICE_URL_HOSTS"] == world.urls["teams"].removeprefix("http://")
        assert settings["BOT_LOGIN_URL"] == f"{world.urls['entra']}/adfs"
        assert (settings["MICROSOFT_APP_TYPE"], settings["TEAMS_TENANT_IDS"]) == ("SingleTenant", TENANT_ID)
        person = world.teams_person("employee", bot_url="http://127.0.0.1:1")
        with pytest.raises(httpx.ConnectError):
            person.say("join")
        assert [entry["says"] for entry in person.sees()] == ["join"]
        address: Address = world.address()
        assert address.teams_moves("employee", bot_url="http://127.0.0.1:1").key == "employee"


def test_a_world_without_teams_says_nothing_of_it() -> None:
    with World(Company.found(people=1), parts={"slack"}) as world:
        assert not [name for name in world.environment() if name.startswith(("MICROSOFT_", "TEAMS_", "BOT_"))]


def test_the_company_is_the_same_for_the_same_seed_with_teams_too() -> None:
    first, again = Company.found(people=2), Company.found(people=2)
    assert {key: person.teams for key, person in first.people.items()} == {
        key: person.teams for key, person in again.people.items()
    }
    assert first.people["employee"].teams.id.startswith("29:1")
    assert first.hire("late-comer").slack.id == again.hire("late-comer").slack.id
