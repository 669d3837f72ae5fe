"""What Bot Connector sends, read: who, where, which words; and whatever else may come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.teams.address import Address
from adapters.teams.wire import (
    Heard,
    Installed,
    Malformed,
    Noticed,
    Place,
    Removed,
    envelope,
    read,
)
from adapters.teams.words import pressed as said_by_button
from adapters.teams.words import typed
from provisioning.ids import ChatIdentity
from tests.scenario.bot_connector import (
    ADA,
    BOT,
    CHANNEL,
    OTHER_TENANT,
    SERVICE_URL,
    TENANT,
    USER,
    activity,
    in_channel,
    mentioning,
    pressed,
)

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
CHAT = ChatIdentity("teams", TENANT, ADA)
EVE = "29:1eve-mri"


def heard(**changes: Any) -> Heard:
    found = read(envelope(activity(**changes)), AT)
    assert isinstance(found, Heard)
    return found


def words(text: str, *entities: dict[str, Any]) -> str:
    return typed(text, entities, bot=BOT, tenant=TENANT)


def mention(who: str, text: str) -> dict[str, Any]:
    return {"type": "mention", "mentioned": {"id": who, "name": "?"}, "text": text}


BOT_MENTION = mention(BOT, "<at>DeepRacer</at>")


# --- who and where ---


def test_the_person_is_the_object_id_in_the_tenant_in_lower_case() -> None:
    loud = heard(
        **{"from": {"id": USER, "aadObjectId": ADA.upper()}},
        channelData={"tenant": {"id": TENANT.upper()}},
    )

    assert loud.utterance.chat == CHAT
    assert loud.address.tenant == TENANT


def test_the_tenant_is_read_from_either_place() -> None:
    both = envelope(activity(channelData={"tenant": {"id": OTHER_TENANT}}))
    bare = {"id": "a:1", "conversationType": "personal"}

    assert both.tenants == {TENANT, OTHER_TENANT}
    assert envelope(activity(channelData=None)).tenants == {TENANT}
    assert envelope(activity(conversation=bare)).tenants == {TENANT}
    assert envelope(activity(conversation=bare, channelData={})).tenants == frozenset()


def test_an_address_says_where_and_by_whom_it_was_said() -> None:
    thread = read(envelope(in_channel()), AT)

    assert isinstance(thread, Heard)
    assert heard().address == Address(SERVICE_URL, TENANT, "a:personal-ada", "personal", BOT, USER)
    assert thread.address == Address(SERVICE_URL, TENANT, f"{CHANNEL};messageid=1700", "channel", BOT, USER)


@pytest.mark.parametrize(
    ("stated", "kind"),
    [
        ("personal", "personal"),
        ("channel", "channel"),
        ("groupChat", "groupChat"),
        ("new", "groupChat"),
        (None, "groupChat"),
    ],
)
def test_a_conversation_that_is_not_known_to_be_private_is_a_groups(stated: str | None, kind: str) -> None:
    where = {"id": "a:1", "tenantId": TENANT} | ({"conversationType": stated} if stated else {})

    assert heard(conversation=where).address.kind == kind


@pytest.mark.parametrize("person", [None, "", "a b", "ada/eve", "x" * 200])
def test_without_a_plain_object_id_nobody_is_who_they_say(person: str | None) -> None:
    found = heard(**{"from": {"id": USER, "aadObjectId": person}})

    assert found.utterance.chat.user == ""
    assert found.place is Place.HERE
    assert heard().place is Place.USUAL


def test_a_reply_may_be_brought_up_to_date_for_a_month() -> None:
    reply = heard(id="1700", timestamp=None).utterance.reply

    assert (reply.chat, reply.handle, reply.locale) == (CHAT, "a:personal-ada/1700", "en-US")
    assert reply.handle_until == AT + timedelta(days=30)
    assert reply.handle_posts == 1000


@pytest.mark.parametrize(
    ("stated", "kept"), [("de-AT", "de-AT"), ("de_AT", "de_AT"), ("../en", None), ("", None)]
)
def test_a_locale_is_a_language_tag_or_nothing(stated: str, kept: str | None) -> None:
    assert heard(locale=stated).utterance.reply.locale == kept


@pytest.mark.parametrize(
    ("stated", "read_as"),
    [
        ("2027-03-01T08:59:58.1234567Z", datetime(2027, 3, 1, 8, 59, 58, 123456, UTC)),
        ("2027-03-01T09:59:00+01:00", datetime(2027, 3, 1, 8, 59, tzinfo=UTC)),
        ("2027-03-01T08:00:00", datetime(2027, 3, 1, 8, tzinfo=UTC)),
        ("2027-02-28T09:00:00Z", datetime(2027, 2, 28, 9, tzinfo=UTC)),
        ("2027-02-28T08:59:59Z", AT),
        ("2027-03-01T09:00:01Z", AT),
        ("0001-01-01T00:00:00+14:00", AT),
        ("9999-12-31T23:59:59-14:00", AT),
        ("yesterday", AT),
        (None, AT),
    ],
)
def test_the_time_is_bot_connectors_when_it_is_credible(stated: str | None, read_as: datetime) -> None:
    found = heard(timestamp=stated).utterance.received_at

    assert found == read_as
    assert found.utcoffset() == timedelta(0)


# --- words ---


def test_mentions_that_never_end_are_words_like_others_however_many() -> None:
    assert words("<at>" * 50_000 + "<at>DeepRacer</at> join", BOT_MENTION).endswith("<at> join")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<at>DeepRacer</at> join", "join"),
        ("<at>DeepRacer</at>&nbsp;join\n", "join"),
        ('<at id="0">DeepRacer</at>&nbsp;join', "join"),
        ("please <at>DeepRacer</at> join", "please join"),
        ("<at>DeepRacer</at> why is DeepRacer slow", "why is DeepRacer slow"),
        ("<at>DeepRacer</at>", ""),
    ],
)
def test_the_mention_of_the_bot_is_taken_off_and_its_name_is_not(text: str, said: str) -> None:
    assert words(text, BOT_MENTION) == said


def test_other_people_stay_as_who_they_are() -> None:
    text = "<at>DeepRacer</at> admin quota <at>Eve &amp; Co</at> hours=5"

    assert words(text, BOT_MENTION, mention(EVE, "<at>Eve &amp; Co</at>")) == (
        f"admin quota <@teams:{TENANT}:{EVE}|Eve Co> hours=5"
    )


def test_people_of_one_name_are_told_apart_by_their_order() -> None:
    first, second = mention("29:one", "<at>Sam</at>"), mention("29:two", "<at>Sam</at>")

    assert words("<at>Sam</at><at>Sam</at>", first, second) == (
        f"<@teams:{TENANT}:29:one|Sam> <@teams:{TENANT}:29:two|Sam>"
    )


@pytest.mark.parametrize(
    "forged", ["&gt; &lt;@teams:t:29:two", "&amp;gt; &amp;lt;@teams:t:29:two", "a|b {x}"]
)
def test_no_name_ends_its_mention_or_becomes_another(forged: str) -> None:
    said = words(f"<at>{forged}</at>", mention("29:one", f"<at>{forged}</at>"))

    assert said.startswith(f"<@teams:{TENANT}:29:one|")
    assert (said.count("<"), said.count(">"), said.count("|"), said.count("{")) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    "entity",
    [
        mention(BOT, "join"),
        mention(BOT, "<at>Another</at>"),
        {"type": "clientInfo", "mentioned": {"id": EVE}, "text": "<at>Eve</at>"},
        {"type": "mention", "mentioned": EVE, "text": "<at>Eve</at>"},
        {"type": "mention", "mentioned": {"id": 5}, "text": "<at>Eve</at>"},
        {"type": "mention", "mentioned": {"id": EVE}},
        mention("29:eve> <@teams:x:y", "<at>Eve</at>"),
        mention(CHANNEL, "<at>Eve</at>"),
    ],
)
def test_a_mention_that_no_entity_bears_out_is_only_a_name(entity: dict[str, Any]) -> None:
    assert words("<at>Eve</at> join", entity) == "Eve join"


def test_a_typed_tag_is_text() -> None:
    assert words("say &lt;at&gt;DeepRacer&lt;/at&gt;", BOT_MENTION) == "say <at>DeepRacer</at>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("R&amp;D", "R&D"),
        ("a\u00a0b\u2003c\u3000d\u2028e\tf\r\ng", "a b c d e f g"),
        ("jo\u200bin\ufeff\u2060", "join"),
        ("join\x00\ud800!", "join !"),
        ("  join  ", "join"),
        ("/deepracer join", "join"),
        ("/DeepRacer", ""),
        ("@DeepRacer join", "join"),
        ("DeepRacer, join", "join"),
        ("deepracer: join", "join"),
        ("DeepRacer", ""),
        ("/deepracers join", "/deepracers join"),
        ("admin /deepracer", "admin /deepracer"),
    ],
)
def test_blanks_are_single_and_what_cannot_be_seen_is_gone(text: str, said: str) -> None:
    assert words(text) == said


def test_after_the_mention_the_command_is_dropped_as_well() -> None:
    assert words("<at>DeepRacer</at> /deepracer join", BOT_MENTION) == "join"


# --- buttons ---


def test_a_button_says_its_words_with_what_was_put_into_the_card() -> None:
    data = {"say": "join {event} team={team} {missing}{say}", "event": "spring", "team": " red\n\u200bcars "}

    assert said_by_button(data) == "join spring team=red cars"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x" * 300, "x" * 200),
        ("{other}", "{other}"),
        (5, "5"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ([1], ""),
        ({}, ""),
    ],
)
def test_what_is_put_in_is_short_and_never_read_again(value: object, said: str) -> None:
    assert said_by_button({"say": "{field}", "field": value, "other": "y"}) == said


@pytest.mark.parametrize("data", [{}, {"say": 5}, {"say": None}, {"says": "join"}])
def test_a_button_of_somebody_else_says_nothing(data: dict[str, Any]) -> None:
    assert said_by_button(data) is None


def test_both_kinds_of_button_mean_the_same() -> None:
    executed = read(envelope(pressed("leave --yes", id="1701")), AT)
    submitted = heard(id="1701", text=None, replyToId="1700-card", value={"say": "leave --yes"})

    assert executed == submitted
    assert submitted.utterance.pressed
    assert submitted.utterance.asked_id == "a:personal-ada/1701/1700-card/leave --yes"
    assert submitted.card == "1700-card"


def test_a_card_that_others_see_is_not_the_pressers_own() -> None:
    group = {"id": "19:chat", "conversationType": "groupChat", "tenantId": TENANT}
    found = read(envelope(pressed("leave", conversation=group)), AT)

    assert isinstance(found, Heard)
    assert found.card is None


def test_an_answer_to_a_message_is_no_pressed_card() -> None:
    assert heard(replyToId="1700").card is None


def test_the_id_of_a_click_is_short_however_long_its_words() -> None:
    one, other = (heard(id="1", text=None, value={"say": "x" * number}) for number in (5000, 5001))

    assert len(one.utterance.asked_id) < 200
    assert one.utterance.asked_id != other.utterance.asked_id


@pytest.mark.parametrize("value", [{"other": 1}, "say", ["say"], 5])
def test_a_value_that_no_button_of_ours_sent_leaves_the_text(value: object) -> None:
    found = heard(value=value)

    assert (found.utterance.text, found.utterance.pressed) == ("join", False)


# --- what else happens ---

PERSONAL = Address(SERVICE_URL, TENANT, "a:personal-ada", "personal", BOT, USER)
TEAM = Address(SERVICE_URL, TENANT, CHANNEL, "channel", BOT)
IN_TEAM = {"id": CHANNEL, "conversationType": "channel", "tenantId": TENANT}
EVE_JOINED = {"type": "conversationUpdate", "membersAdded": [{"id": EVE}]}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"type": "installationUpdate", "action": "add"}, Installed(CHAT, PERSONAL)),
        ({"type": "installationUpdate", "action": "add", "conversation": IN_TEAM}, Installed(None, TEAM)),
        ({"type": "installationUpdate", "action": "remove"}, Removed(CHAT, PERSONAL)),
        ({"type": "installationUpdate", "action": "add-upgrade"}, Noticed(CHAT, PERSONAL)),
        ({"type": "installationUpdate"}, Noticed(CHAT, PERSONAL)),
        ({"type": "conversationUpdate", "membersAdded": [{"id": BOT}]}, Installed(CHAT, PERSONAL)),
        (EVE_JOINED, Installed(CHAT, PERSONAL)),
        (EVE_JOINED | {"conversation": IN_TEAM}, Noticed(None, TEAM)),
        ({"type": "conversationUpdate", "membersRemoved": [{"id": BOT}]}, Removed(CHAT, PERSONAL)),
        ({"type": "conversationUpdate", "membersRemoved": [{"id": EVE}]}, Noticed(CHAT, PERSONAL)),
        ({"type": "conversationUpdate", "membersAdded": [{}]}, Noticed(CHAT, PERSONAL)),
        ({"type": "typing"}, Noticed(CHAT, PERSONAL)),
        ({"type": None}, Noticed(CHAT, PERSONAL)),
        ({"type": "typing", "from": {"id": USER}}, Noticed(None, PERSONAL)),
        ({"type": "invoke", "name": "task/fetch"}, Noticed(CHAT, PERSONAL)),
    ],
)
def test_what_else_happens_is_told_apart(changes: dict[str, Any], found: object) -> None:
    assert read(envelope(activity(text=None, **changes)), AT) == found


# --- whatever may come ---

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["message", "invoke", "conversationUpdate", "installationUpdate", "typing"])
FIELDS = ("value", "entities", "replyToId", "timestamp", "membersAdded", "membersRemoved", "name", "action")
NAMES = [*sorted(activity()), *FIELDS]


@given(ANYTHING)
def test_whatever_is_no_activity_is_malformed(raw: object) -> None:
    with pytest.raises(Malformed, match=r"^[\w. ]+$"):
        read(envelope(raw), AT)


@given(TYPES, st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3))
def test_an_activity_with_anything_in_it_is_read_or_malformed(kind: str, changes: dict[str, Any]) -> None:
    try:
        found = read(envelope(pressed("join") | in_channel() | {"type": kind} | changes), AT)
    except Malformed:
        return
    assert isinstance(found, Heard | Installed | Removed | Noticed)


@given(st.text(), st.text())
def test_whatever_is_typed_is_one_line_of_utf_8(text: str, name: str) -> None:
    said = words(f"<at>{name}</at>{text}", mention(EVE, f"<at>{name}</at>"))

    assert said == " ".join(said.split())
    assert said.encode().decode() == said


@given(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4), st.text())
def test_whatever_a_button_sends_is_one_line_of_utf_8(data: dict[str, Any], say: str) -> None:
    said = said_by_button(data | {"say": say})

    assert said is not None
    assert said.encode().decode() == " ".join(said.split())


def test_mentioning_is_how_a_channel_speaks() -> None:
    assert heard(**mentioning("status")).utterance.text == "status"
