"""What organizers type, and what the bot takes it for."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admin.adding import AddPeople, AddWhom
from bot.admin.basics import AdminHelp, AuditShow, ConfirmInstruction, Undo
from bot.admin.events import (
    EventClose,
    EventCreate,
    EventOpen,
    EventSet,
    EventShow,
    Pause,
    Unpause,
    read_value,
)
from bot.admin.holds import Remove, Resume, Suspend
from bot.admin.phrases import channels, phrase
from bot.admin.quotas import QuotaSet, QuotaShow
from bot.admin.races import RacePost
from bot.admin.roster import RacersShow, Retry, StuckShow
from bot.admin.table import ADMIN_VERBS, ANSWERS, PLANS, QUERIES, find, parse
from bot.admin.teardown import Teardown, TeardownShow
from bot.admin.verbs import AdminCommand
from bot.grammar import VERBS, Admin
from bot.grammar import parse as heard
from bot.words import words
from provisioning.deciding import Stage
from provisioning.errors import InstructionUnclear, OnlyByFile, Refusal, ValueUnusable
from provisioning.event_changes import FIELDS, ONLY_BY_FILE
from provisioning.ids import ChatIdentity
from provisioning.quotas import Adjustment, Amount
from provisioning.targets import Mailed, Mentioned, Named
from tests.unit.provisioning.spring_cup import CHAT, NOON

STEP, BACK = Amount(5, moves=True), Amount(-2, moves=True)
ADA = Mentioned(ChatIdentity("slack", CHAT.tenant, "U0ADA"))
IN_TEAMS = ChatIdentity("teams", "72f988bf-86f1", "29:1xyz")
LINKED = "https://teams.microsoft.com/l/channel/19%3Aabc%40thread.tacv2"
GRACE = ChatIdentity("teams", "72f988bf-86f1", "29:1abc_d")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", AdminHelp()),
        ("help", AdminHelp()),
        ("?", AdminHelp()),
        ("HELP", AdminHelp()),
        ("event", EventShow()),
        ("event show", EventShow()),
        ("Event Show Spring Cup", EventShow(event="Spring Cup")),
        ("event show event=spring-cup", EventShow(event="spring-cup")),
        ("event set capacity=7", EventSet(values={"capacity": "7"})),
        ("event set Capacity=7 --dry-run", EventSet(values={"capacity": "7"}, dry_run=True)),
        ("event set capacity=7 —dry-run", EventSet(values={"capacity": "7"}, dry_run=True)),
        (
            "event set spring-cup name=Spring Cup 2028 capacity=7",
            EventSet(event="spring-cup", values={"name": "Spring Cup 2028", "capacity": "7"}),
        ),
        ("event set name=“Spring Cup” closes=now", EventSet(values={"name": "Spring Cup", "closes": "now"})),
        (
            "event set opens=2027-03-01 09:00 Europe/Berlin hours=3",
            EventSet(values={"opens": "2027-03-01 09:00 Europe/Berlin", "hours": "3"}),
        ),
        (
            "event set channels=<#C0123|a>, <#C0124|b>",
            EventSet(values={"channels": "<#C0123|a>, <#C0124|b>"}),
        ),
        (
            "event set channels=slack:C0123, slack:C0124, teams:19:a@thread.tacv2 capacity=7 --dry-run",
            EventSet(
                values={"channels": "slack:C0123, slack:C0124, teams:19:a@thread.tacv2", "capacity": "7"},
                dry_run=True,
            ),
        ),
        ("event open", EventOpen()),
        ("event open 2027-03-01T09:00Z", EventOpen(when="2027-03-01T09:00Z")),
        ("event close event=spring --dry-run", EventClose(event="spring", dry_run=True)),
        (
            "event create autumn-cup from spring-cup name=Autumn Cup",
            EventCreate(event="spring-cup", id="autumn-cup", values={"name": "Autumn Cup"}),
        ),
        ("event create autumn-cup", EventCreate(id="autumn-cup")),
        ("pause", Pause()),
        ("pause We mend x=5 things event=spring", Pause(event="spring", message="We mend x=5 things")),
        ("unpause", Unpause()),
        ("undo", Undo()),
        ("undo 0123abcd", Undo(change_id="0123abcd")),
        ("confirm 0123abcd", ConfirmInstruction(instruction_id="0123abcd")),
        ("audit", AuditShow()),
        ("audit page=3", AuditShow(page=3)),
        ("audit <@U0ADA|ada l>", AuditShow(targets=(ADA,))),
        ("audit <@U0ADA> <@U0ADA>", AuditShow(targets=(ADA,))),
        ("audit Ada@Example.com", AuditShow(targets=(Mailed("Ada@Example.com"),))),
        ("audit <mailto:ada@example.com|ada@example.com>", AuditShow(targets=(Mailed("ada@example.com"),))),
        ("audit <@U0ADA> event=spring", AuditShow(targets=(ADA,), event="spring")),
    ],
)
def test_what_is_meant(said: str, meant: AdminCommand) -> None:
    assert parse(said, CHAT) == meant


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("evnt show", "evnt show"),
        ("admin event show", "admin event show"),
        ("event set", "event set"),
        ("event set spring-cup", "spring-cup"),
        ("event set colour=red", "colour"),
        ("event set capacity=7 colour=red", "colour"),
        ("event set capacity=7 --dry-rnu", "--dry-rnu"),
        ("pause --now", "--now"),
        ("event create", "event create"),
        ("confirm", "confirm"),
    ],
)
def test_words_that_are_none_are_refused_and_repeated(said: str, word: str) -> None:
    with pytest.raises(InstructionUnclear) as refused:
        parse(said, CHAT)
    assert refused.value.facts["word"] == word


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ("suspend", "admin suspend @racer… [reason]"),
        ("suspend Ada", "admin suspend @racer… [reason]"),
        ("resume", "admin resume @racer…"),
        ("race update 1", "admin race update <race> title=… closes=…"),
        ("event set colour=red", "admin event set [event] name=… closes=…"),
    ],
)
def test_whoever_says_too_little_behind_a_verb_is_told_what_belongs_there(said: str, usage: str) -> None:
    with pytest.raises(InstructionUnclear) as refused:
        parse(said, CHAT)
    assert refused.value.facts["usage"] == usage


def test_people_of_teams_are_mentioned_by_their_tenant_and_id() -> None:
    assert parse("audit <@teams:72f988bf-86f1:29:1abc_d>", IN_TEAMS).targets == (Mentioned(GRACE),)


@pytest.mark.parametrize(
    ("said", "asker"),
    [
        ("<@U0ADA|ada>", IN_TEAMS),
        ("<@teams:72f988bf-86f1:29:1abc_d>", CHAT),
        ("<@teams:another-tenant:29:1abc_d>", IN_TEAMS),
        ("<!channel>", CHAT),
        ("<#C0123|general>", CHAT),
    ],
)
def test_what_mentions_nobody_of_the_askers_own_platform_is_no_target(said: str, asker: ChatIdentity) -> None:
    assert parse(f"audit {said}", asker).targets == ()


def test_a_typo_finds_the_nearest_verb() -> None:
    with pytest.raises(InstructionUnclear) as refused:
        parse("event shwo", CHAT)
    assert refused.value.facts["nearest"] == "admin event show"


@pytest.mark.parametrize("field", sorted(ONLY_BY_FILE))
@pytest.mark.parametrize("verb", ["event set", "event create autumn-cup from spring-cup"])
def test_what_opens_doors_is_refused_whatever_stands_beside_it(field: str, verb: str) -> None:
    for said in (f"{field}=x", f"capacity=7 {field.upper()}=x", f'{field}="a b" --dry-run'):
        with pytest.raises(OnlyByFile) as refused:
            parse(f"{verb} {said}", CHAT)
        assert refused.value.facts == {"field": field}


def test_every_field_is_either_for_chat_or_for_the_file() -> None:
    assert set(FIELDS).isdisjoint(ONLY_BY_FILE)


@pytest.mark.parametrize("new", ["Autumn", "autumn_cup", "-", "a" * 65, "../etc", "ümlaut"])
def test_an_id_that_is_none_is_refused(new: str) -> None:
    with pytest.raises(ValueUnusable):
        parse(f"event create {new} from spring-cup", CHAT)


# --- moments ------------------------------------------------------------------------------------------------

NINE = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", NOON),
        ("2027-03-01T09:00:00+01:00", NINE),
        ("2027-03-01T09:00+01:00", NINE),
        ("2027-03-01 09:00+0100", NINE),
        ("2027-03-01 09:00 +01:00", NINE),
        ("2027-03-01T08:00Z", NINE),
        ("2027-03-01 08:00 UTC", NINE),
        ("2027-03-01 09:00 Europe/Berlin", NINE),
        ("2027-03-01 00:00 America/Los_Angeles", NINE),
    ],
)
def test_a_moment_with_its_zone_is_understood(said: str, meant: datetime) -> None:
    assert datetime.fromisoformat(read_value("opens", said, NOON)) == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "tomorrow",
        "2027-03-01",
        "2027-03-01 09:00",
        "2027-03-01T09:00",
        "09:00 Europe/Berlin",
        "2027-03-01 09:00 CET",
        "2027-03-01 09:00 CST",
        "2027-03-01 09:00 Europe/Nowhere",
        "2027-03-01 09:00 Europe/",
        "2027-03-01 09:00 ../../etc/passwd",
        "2027-03-28 02:30 Europe/Berlin",
        "2027-10-31 02:30 Europe/Berlin",
        "2027-13-01 09:00 Europe/Berlin",
        "01/03/2027 09:00 Europe/Berlin",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-12:00",
    ],
)
def test_what_could_be_two_moments_or_none_is_refused(said: str) -> None:
    with pytest.raises(ValueUnusable) as refused:
        read_value("closes", said, NOON)
    assert refused.value.facts["form"] == "time"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)), st.integers(-12 * 4, 14 * 4))  # noqa: DTZ001 - the offset is drawn
def test_every_moment_with_an_offset_comes_through(naive: datetime, quarters: int) -> None:
    sign, minutes = ("+" if quarters >= 0 else "-"), abs(quarters) * 15
    said = f"{naive.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
    expected = naive.replace(tzinfo=UTC) - timedelta(minutes=quarters * 15)
    assert datetime.fromisoformat(read_value("ends", said, NOON)) == expected


# --- other values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "meant"), [("7", "7"), ("2,000", "2000"), ("2.000", "2000"), ("007", "7")])
def test_a_number_is_understood(said: str, meant: str) -> None:
    assert read_value("capacity", said, NOON) == meant


@pytest.mark.parametrize("said", ["", "0", "-1", "1.5", "2,00", "many", "٣", "1e3", "1000001", "9" * 5000])
def test_what_is_no_number_of_seats_is_refused(said: str) -> None:
    with pytest.raises(ValueUnusable):
        read_value("capacity", said, NOON)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("<#C0123|racing>", "slack:C0123"),
        ("<#C0123>,<#C0124|b>", "slack:C0123, slack:C0124"),
        ("slack:C0123 teams:19:abc@thread.tacv2", "slack:C0123, teams:19:abc@thread.tacv2"),
        ("<#C0123> <#C0123>", "slack:C0123"),
        (f"{LINKED}/General?groupId=7d5e&tenantId=0a0a", "teams:19:abc@thread.tacv2"),
        (f"<{LINKED.lower()}/R%C3%A4ume>", "teams:19:abc@thread.tacv2"),
        ("https://teams.cloud.microsoft/l/channel/19:abc@thread.tacv2/x", "teams:19:abc@thread.tacv2"),
        ("none", ""),
    ],
)
def test_channels_are_understood(said: str, meant: str) -> None:
    assert read_value("channels", said, NOON) == meant


@pytest.mark.parametrize(
    "said",
    [
        *("#racing", "C0123", "slack:U0123", "<!channel>", "https://example.com"),
        "https://teams.example.com/l/channel/19%3Aabc%40thread.tacv2/General",
        "https://teams.microsoft.com/l/chat/19%3Aabc%40unq.gbl.spaces/0",
        "https://teams.microsoft.com/l/channel/19%3Aa%0Ab%40thread.tacv2/General",
    ],
)
def test_what_is_no_channel_is_refused(said: str) -> None:
    with pytest.raises(ValueUnusable):
        read_value("channels", said, NOON)


def test_a_mention_may_show_a_name_with_commas_which_is_remembered() -> None:
    said = "add <@teams:72f988bf-86f1:29:1abc_d|Hopper, Grace> , <@teams:72f988bf-86f1:29:1x|Ada>"

    targets = parse(said, IN_TEAMS).targets

    assert targets[0] == Mentioned(GRACE)
    assert [getattr(one, "name", "") for one in targets] == ["Hopper, Grace", "Ada"]


def test_a_race_is_posted_to_a_channel_by_the_link_that_teams_copies() -> None:
    said = parse(f"race post https://race.example.com/1 Night race {LINKED}/General?tenantId=0a0a", IN_TEAMS)
    assert isinstance(said, RacePost)
    assert said.values["title"] == "Night race"
    assert channels("channels", said.values["channels"]) == "teams:19:abc@thread.tacv2"


def test_the_organizers_have_one_channel() -> None:
    assert read_value("organizer_channel", "<#C0123>", NOON) == "slack:C0123"
    with pytest.raises(ValueUnusable):
        read_value("organizer_channel", "<#C0123>,<#C0124>", NOON)


@pytest.mark.parametrize("said", ["x" * 151, "two\nlines", "a\u202eb", ""])
def test_a_name_fits_on_one_line(said: str) -> None:
    with pytest.raises(ValueUnusable):
        read_value("name", said, NOON)


def test_a_message_has_an_end() -> None:
    with pytest.raises(ValueUnusable):
        parse(f"pause {'x' * 301}", CHAT)


# --- all texts, and the table -------------------------------------------------------------------------------


@given(
    st.text()
    | st.sampled_from([verb.name for verb in ADMIN_VERBS]).flatmap(
        lambda name: st.text().map(lambda rest: f"{name} {rest}")
    )
)
def test_every_text_is_a_command_or_a_refusal(text: str) -> None:
    admin = heard(f"admin {text}")
    assert isinstance(admin, Admin)
    for said in (text, admin.words):
        with suppress(Refusal):
            assert isinstance(parse(said, CHAT), AdminCommand)


@given(st.text(alphabet='abc ="“”<>@#-—|:,.xU0'), st.booleans())
def test_nothing_that_was_said_gets_lost_but_marks(text: str, names_people: bool) -> None:
    try:
        taken = phrase(text, {"a": True, "b": False}, CHAT, names_people=names_people)
    except InstructionUnclear:
        return
    kept = "".join([*taken.words, *taken.options, *taken.options.values(), *map(str, taken.targets)])
    assert sum(char in "abc" for char in kept) <= sum(char in "abcABC" for char in text) + text.count("<@U")


def test_no_two_verbs_share_a_name_and_none_is_everybodys() -> None:
    names = [name for verb in ADMIN_VERBS for name in (verb.name, *verb.aliases)]
    assert len(names) == len(set(names))
    assert all(name.split()[0] == "admin" and name == name.casefold() for name in names)
    assert "admin" not in {name for verb in VERBS for name in (verb.name, *verb.aliases)}


@pytest.mark.parametrize("verb", ADMIN_VERBS, ids=lambda verb: verb.name)
def test_a_verb_is_found_by_its_name_and_has_words(verb: object) -> None:
    known = next(one for one in ADMIN_VERBS if one is verb)
    assert known.audience == "organizers"
    assert known.usage.startswith(known.name)
    assert known.key in words()
    found = find(known.name.removeprefix("admin").strip())
    assert found is not None
    assert found[0] is known


def test_every_command_is_either_planned_or_asked() -> None:
    assert set(PLANS).isdisjoint(QUERIES)
    assert {EventSet, EventShow, AdminHelp, Undo} <= {*PLANS, *QUERIES}
    assert ANSWERS


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("quota", QuotaShow()),
        ("quota <@U0ADA|ada>", QuotaShow(targets=(ADA,))),
        ("quota <@U0ADA|ada> hours=+5", QuotaSet(targets=(ADA,), adjustment=Adjustment(STEP))),
        ("quota <@U0ADA|ada> +5h", QuotaSet(targets=(ADA,), adjustment=Adjustment(STEP))),
        (
            "quota ada@example.com models=-1 hours=3",
            QuotaSet(
                targets=(Mailed("ada@example.com"),), adjustment=Adjustment(Amount(3), Amount(-1, moves=True))
            ),
        ),
        ("quota everyone \u22122m", QuotaSet(whose="everyone", adjustment=Adjustment(None, BACK))),
        ("quota <!everyone> \u20132models", QuotaSet(whose="everyone", adjustment=Adjustment(None, BACK))),
        ("quota default hours=1,000", QuotaSet(whose="event", adjustment=Adjustment(Amount(1000)))),
        (
            'quota @"Ada Lovelace" +5h',
            QuotaSet(targets=(Named("Ada Lovelace"),), adjustment=Adjustment(STEP)),
        ),
        ("quota Ada Lovelace +5h", QuotaSet(targets=(Named("Ada Lovelace"),), adjustment=Adjustment(STEP))),
        ("quota @ada event=spring", QuotaShow(event="spring", targets=(Named("ada"),))),
    ],
)
def test_a_quota_is_set_or_moved_or_shown(said: str, meant: AdminCommand) -> None:
    assert parse(said, CHAT) == meant


@pytest.mark.parametrize("said", ["+5h", "<@U0ADA> everyone +5h", "<@U0ADA> please +5h"])
def test_a_quota_of_nobody_or_of_two_kinds_is_not_guessed(said: str) -> None:
    with pytest.raises(InstructionUnclear):
        parse(f"quota {said}", CHAT)


@given(st.text(max_size=40))
def test_an_amount_is_a_number_or_refused(text: str) -> None:
    with suppress(Refusal):
        command = parse(f'quota <@U0ADA> hours="{text}"', CHAT)
        assert isinstance(command, QuotaSet | QuotaShow)


@pytest.mark.parametrize(
    "said",
    [
        "<@U0ADA|ada> ada@example.com grace@example.com",
        "<@U0ADA>, ada@example.com,grace@example.com",
        "<@U0ADA>;<mailto:ada@example.com|ada@example.com>;grace@example.com;",
        "<@U0ADA> , ada@example.com , grace@example.com , ada@example.com",
    ],
)
def test_a_pasted_list_names_each_once(said: str) -> None:
    meant = AddPeople(targets=(ADA, Mailed("ada@example.com"), Mailed("grace@example.com")))
    assert parse(f"add {said}", CHAT) == meant


def test_whom_to_add_is_asked_when_nobody_is_named() -> None:
    assert parse("add event=cup --dry-run", CHAT) == AddWhom(event="cup", dry_run=True)


@pytest.mark.parametrize("said", ["Ada", "Ada <@U0ADA>", "ada@example.com, Grace"])
def test_what_is_no_person_is_not_added(said: str) -> None:
    with pytest.raises(InstructionUnclear):
        parse(f"add {said}", CHAT)


def test_who_is_named_behind_a_word_of_the_reason_is_not_guessed_at() -> None:
    assert parse("suspend <@U0ADA> not fair, really", CHAT) == Suspend(
        targets=(ADA,), reason="not fair, really"
    )
    for said in ("suspend <@U0ADA> mocked <@U0BOB>", "suspend", "suspend Ada", "resume <@U0ADA> please"):
        with pytest.raises(InstructionUnclear):
            parse(said, CHAT)
    with pytest.raises(ValueUnusable):
        parse(f"remove <@U0ADA> {'x' * 301}", CHAT)
    assert parse("resume Ada Lovelace", CHAT) == Resume(targets=(Named("Ada Lovelace"),))
    assert parse("remove @ada left", CHAT) == Remove(targets=(Named("ada"),), reason="left")


def test_lists_are_asked_for_by_state_and_page() -> None:
    assert parse("racers", CHAT) == RacersShow()
    assert parse("racers In line page=2", CHAT) == RacersShow(stage=Stage.IN_LINE, page=2)
    assert parse("racers in-line event=spring", CHAT) == RacersShow(event="spring", stage=Stage.IN_LINE)
    assert parse("stuck spring", CHAT) == StuckShow(event="spring")
    assert parse("retry all", CHAT) == Retry()
    assert parse("retry <@U0ADA>", CHAT) == Retry(targets=(ADA,))
    for said in ("racers fast", "retry"):
        with pytest.raises(InstructionUnclear):
            parse(said, CHAT)


CHANGING = (
    *("event set name=Cup", "event open", "event close", "event create a from b", "pause", "unpause", "undo"),
    *("add ada@example.com", "quota everyone hours=1", "retry all", "feed joins=on"),
    *(f"{verb} ada@example.com" for verb in ("suspend", "resume", "remove", "rebind")),
    *("race post https://x.example/1 Lap", "race update 1 title=Lap", "race remove 1"),
    *("leaderboard post Lap", "leaderboard watch Lap", "leaderboard mute Lap"),
    "models delete ada@example.com",
)


def test_every_verb_that_changes_something_can_be_tried_first() -> None:
    tried = [parse(f"{said} --dry-run", CHAT) for said in (*CHANGING, "confirm 0123")]
    assert all(command.dry_run for command in tried)
    assert {type(command) for command in tried} == {*PLANS, ConfirmInstruction} - {Teardown}
    assert isinstance(parse("teardown --dry-run", CHAT), TeardownShow)
