"""Talking to the bot in Teams: alone, in a group and in front of a channel, by words and by buttons."""

import pytest

from sandbox.company import Company
from sandbox.connector_conversations import PIT_CREW
from tests.scenario.conftest import IN_TEAMS, MakeStage
from tests.scenario.in_teams import POINTER, activity_of, is_answered, moves, says_in, stands_in
from tests.scenario.people import Racer
from tests.scenario.stage import EVENT, Stage
from tests.scenario.test_organizers import answered
from tests.scenario.test_organizers_people import address, part_of
from tests.scenario.waiting import eventually

pytestmark = IN_TEAMS
CHANNEL, GROUP = "Racing", "Pit crew"
JOIN = f"Join {EVENT}"
REST = 10  # seconds after which Teams' pace lets anybody say several things at once


@pytest.fixture
def racer(town: Stage) -> Racer:
    """Somebody new, who is in the group chat as well."""
    racer = town.someone()
    crew = town.world.teams.conversations.all[PIT_CREW].members
    assert crew is not None
    town.world.do(lambda: crew.add(racer.person.teams.id))
    return racer


def in_public(stage: Stage) -> str:
    """Return everything the bot and Teams itself showed outside personal chats, to whomever."""
    entries = stage.world.do(lambda: list(stage.world.teams.transcript.entries))
    return "\n".join(text for entry in entries if entry.kind != "personal" for text in entry.wordings())


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("<at>DeepRacer</at> status", "nothing"),
        ("<at>DeepRacer</at>&nbsp;status\n", "nothing"),
        ("<at>DeepRacer</at> <at>DeepRacer</at> status", "nothing"),
        ("status <at>DeepRacer</at>", "nothing"),
        ("<at>DeepRacer</at> status <at>employee-002</at>", "nothing"),
        ("@DeepRacer status", "nothing"),
        ("DeepRacer: status", "nothing"),
        ("/deepracer status", "nothing"),
        ("\u00a0 STATUS\u00a0\u200b", "nothing"),
        ("<at>DeepRacer</at> join R&amp;D", "DR-101"),
        ("<at>DeepRacer</at>", "help"),
        ("", "help"),
        (" \u00a0\n", "help"),
        ("?", "help"),
        ("jion", "unknown"),
        ("🏎️", "unknown"),
        ("lap " * 5000, "unknown"),
        ("<b>join</b>", "unknown"),
        ("join --yes <at>employee-002</at>", "DR-101"),
    ],
)
def test_every_text_is_answered_and_means_what_was_typed(town: Stage, typed: str, kind: str) -> None:
    town.clock.turn(seconds=REST)
    racer = next(iter(town.racers.values()), None) or town.someone()

    answer = racer.says(typed)

    assert answer.kind == kind
    assert ("“R&D”" in answer.text) is ("R&amp;D" in typed)
    assert racer.told == []


@pytest.mark.parametrize("where", [None, GROUP, CHANNEL], ids=["personal chat", "group chat", "channel"])
def test_every_verb_is_answered_in_private_wherever_it_is_said(
    town: Stage, racer: Racer, where: str | None
) -> None:
    for words, kind, result in (
        ("help", "help", None),
        ("status", "nothing", None),
        ("join", "queued", "ready"),
        ("join", "ready", None),
        ("status", "ready", None),
        ("leave", "are you sure", None),
        ("leave --yes", "leaving", "gone"),
        ("status", "gone", None),
    ):
        town.clock.turn(seconds=REST)
        said, pointers = len(racer.reads()), len(stands_in(town, where)) if where else 0
        asked = activity_of(says_in(town, racer, words, where))

        is_answered(racer, kind, said)
        if result:
            racer.comes_to(result)
        if where:
            eventually(lambda: len(stands_in(town, where)) == pointers + 1, "the thread points there")  # noqa: B023
            pointer = stands_in(town, where)[-1]
            assert pointer.says().startswith(POINTER)
            assert pointer.answers == asked["id"]
            assert pointer.thread == (asked["id"] if where == CHANNEL else None)
    assert racer.in_groups == set()
    assert town.access_url not in in_public(town)


def test_two_threads_of_a_channel_are_answered_each_in_its_own(town: Stage) -> None:
    first, second = town.someone(), town.someone()
    here = activity_of(says_in(town, first, "status", CHANNEL))
    there = activity_of(says_in(town, second, "status", CHANNEL))

    further = activity_of(says_in(town, second, "help", CHANNEL, reply_to=here["id"]))

    def pointers() -> dict[str | None, str | None]:
        return {entry.answers: entry.thread for entry in stands_in(town, CHANNEL)}

    asked = {here["id"]: here["id"], there["id"]: there["id"], further["id"]: here["id"]}
    eventually(lambda: asked.items() <= pointers().items(), "each is answered in its thread")
    is_answered(first, "nothing", 0)
    is_answered(second, "help", 0)
    assert [one.kind for one in first.reads()] == ["nothing"], "nobody reads another's answer"


# --- buttons ------------------------------------------------------------------------------------------------


def test_a_pressed_card_is_replaced_at_once_and_brought_up_to_date_in_place(town: Stage) -> None:
    racer = town.someone()
    card = racer.says("jion")

    answer = racer.line.press(card.buttons[0])

    racer.hears(answer)
    assert answer.body["type"] == "application/vnd.microsoft.card.adaptive"
    assert "You're in the queue" in str(answer.body["value"])
    racer.is_told("ready")
    assert racer.sees("ready").number == card.number
    assert racer.card.earlier[:2] == ("unknown", "queued")
    assert racer.messages[0].number > card.number


def test_a_client_that_knows_no_execute_submits_and_gets_the_same(town: Stage) -> None:
    racer = town.someone()
    card = racer.says("jion")

    racer.hears(town.plays(moves(racer).press(card.buttons[0], submit=True)))

    racer.is_told("ready")
    assert racer.sees("ready").number == card.number


def test_the_question_below_a_button_confirms(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    stage.befalls("aws", "CreateGroupMembership", "throttle", times=None, retry_after=1)
    racer = stage.someone()
    racer.says("join")
    eventually(lambda: "entra" in racer.in_groups, "the join is under way", otherwise=lambda: repr(racer))
    card = racer.says("status")
    assert card.kind == "adding"

    racer.presses("Leave")

    racer.is_told("gone")
    assert racer.in_groups == set()
    assert racer.sees("gone").number == card.number


# --- delivered again ----------------------------------------------------------------------------------------


def test_an_activity_that_is_delivered_again_changes_nothing(town: Stage) -> None:
    racer = town.someone()
    sent = racer.line.say("join").sent
    racer.is_told("ready")
    before = town.audit()

    assert town.plays(moves(racer).send(sent.body, sent.headers)).status == 201

    assert town.audit() == before
    racer.says("leave --yes")
    racer.is_told("ready", "gone")
    before = town.audit()

    assert town.plays(moves(racer).send(sent.body, sent.headers)).status == 201

    assert town.audit() == before
    town.clock.turn(seconds=REST)
    assert racer.says("status").kind == "gone"
    assert racer.in_groups == set()
    answers = [one.first for one in racer.reads() if one.place == "answer"]
    assert answers == ["queued", "leaving", "gone"], "what was answered is not answered again"


def test_a_click_that_is_delivered_again_changes_nothing(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave")
    click = racer.line.press("Leave").sent
    racer.is_told("ready", "gone")
    town.clock.turn(seconds=REST)
    racer.says("join")
    racer.is_told("ready", "gone", "ready")
    before = town.audit()

    again = town.plays(moves(racer).send(click.body, click.headers))

    assert again.status == 200
    assert again.body["statusCode"] == 200
    assert town.audit() == before
    town.clock.turn(seconds=REST)
    assert racer.says("status").kind == "ready"
    assert racer.is_member


# --- coming and going ---------------------------------------------------------------------------------------


def test_whoever_adds_the_app_is_welcomed_once_and_again_when_they_come_back(town: Stage) -> None:
    racer = town.someone()

    first = town.plays(moves(racer).installs())
    racer.is_told("welcome")
    assert JOIN in racer.messages[0].buttons
    for answer in (*first, *first):
        assert town.plays(moves(racer).send(answer.sent.body, answer.sent.headers)).status == 201
    racer.says("help")
    assert racer.told == ["welcome"]

    town.plays(moves(racer).uninstalls())
    town.plays(moves(racer).installs())
    racer.asked += 1  # who comes back hears it again
    racer.is_told("welcome", "welcome")
    racer.presses(JOIN)
    racer.comes_to("ready")


@pytest.mark.parametrize("words", ["status", "join"])
def test_whoever_was_added_hears_of_it_once_when_the_app_comes_to_them(stage: Stage, words: str) -> None:
    organizer, racer = stage.person("organizer"), stage.person("employee-001")
    answered(organizer, f"add {address(racer)}", "add-done")
    eventually(lambda: racer.is_member, "they are in")
    assert "ready" not in racer.told

    for _ in range(2):
        stage.plays(moves(racer).installs())

    eventually(lambda: "ready" in racer.told, "they are told", otherwise=lambda: repr(racer))
    racer.says(words)
    racer.sees("ready")
    assert not part_of(stage, racer).unclaimed
    assert racer.told.count("ready") == 1


def test_a_team_is_welcomed_once_in_its_channel_and_again_when_the_app_comes_back(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(company=Company.found(people=2))
    stage.opens_event()
    stage.starts_bot()
    organizer = stage.person("organizer")

    for times in (1, 2):
        answers = stage.plays(moves(organizer).installs(conversation=CHANNEL))
        for answer in answers:
            stage.plays(moves(organizer).send(answer.sent.body, answer.sent.headers))
        eventually(lambda: len(stands_in(stage, CHANNEL)) == times, "the team is welcomed")  # noqa: B023
        says_in(stage, organizer, "help", "General")
        eventually(lambda: len(stands_in(stage, "General")) == times, "the bot is heard elsewhere")  # noqa: B023
        assert len(stands_in(stage, CHANNEL)) == times
        stage.plays(moves(organizer).uninstalls(conversation=CHANNEL))
    assert {entry.says().split("\n")[0] for entry in stands_in(stage, CHANNEL)} == {
        "Hello! I get you into AWS DeepRacer events."
    }
    assert "welcome" not in organizer.told


@pytest.mark.parametrize("where", [None, CHANNEL], ids=["personal chat", "channel"])
def test_hours_later_and_after_a_restart_everybody_is_still_told(
    make_stage: MakeStage, where: str | None
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    racer = stage.someone()
    says_in(stage, racer, "join", where)
    is_answered(racer, "queued", 0)
    stage.stop_bots()
    stage.clock.turn(hours=5)

    stage.starts_bot(door=False)

    racer.comes_to("ready")
    eventually(
        lambda: [one.kind for one in racer.reads()] == ["ready", "ready"],
        "the answer is brought up to date",
        otherwise=lambda: repr(racer),
    )


# --- conversations that die ---------------------------------------------------------------------------------


def named(racer: Racer) -> str:
    """Return what the directory calls somebody."""
    assert racer.person.entra is not None
    return racer.person.entra.display_name


def dies(stage: Stage, racer: Racer, code: str) -> None:
    """End the personal chat with somebody for this reason; Teams tells nobody."""
    chats = stage.world.teams.conversations
    stage.world.do(lambda: setattr(chats.personal(racer.person.teams), "dead", code))


def test_a_racer_who_blocked_the_bot_is_reported_once_and_learns_the_truth_when_they_come_back(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    stage.befalls("aws", "CreateGroupMembership", "throttle", times=None, retry_after=1)
    racers = stage.people(2)
    for racer in racers:
        racer.says("join")
        eventually(lambda: "entra" in racer.in_groups, "the join is under way")  # noqa: B023
        dies(stage, racer, "ConversationBlockedByUser")

    stage.calms("aws")

    eventually(lambda: all(racer.is_member for racer in racers), "they are in")
    eventually(lambda: stage.audit().count("undeliverable") == 2, "neither can be told")
    eventually(lambda: stage.organizers_hear == ["organizers-undeliverable"], "organizers hear once")
    assert any(named(racer) in stage.organizers[0].text for racer in racers)
    for racer in racers:
        assert racer.told == []
        assert racer.says("status").kind == "ready"
        racer.says("leave --yes")
        racer.is_told("gone")
    assert stage.organizers_hear == ["organizers-undeliverable"]


def test_a_join_whose_asker_removed_the_app_waits_for_them(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    racer = stage.someone()
    racer.says("join")
    stage.plays(moves(racer).uninstalls())

    stage.starts_bot(door=False)

    eventually(stage.has_nothing_due, "the gate has looked")
    assert stage.refusals() == []
    assert racer.told == []
    assert racer.says("status").kind == "queued"
    stage.clock.turn(minutes=2)
    racer.is_told("ready")
    assert stage.organizers_hear == []


# --- announcements ------------------------------------------------------------------------------------------


def test_organizers_read_threads_of_their_own_in_which_a_racer_from_slack_is_named(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(platforms=("teams", "slack"))
    stage.opens_event()
    stage.starts_bot()
    stage.person("organizer", "teams").says("help")  # the bot has heard from Teams
    racer = stage.person("employee-001", "slack")
    stage.befalls("aws", "CreateGroupMembership", "throttle", times=None, retry_after=1)
    racer.says("join")
    eventually(lambda: stage.calls("aws", "CreateGroupMembership"), "the second step is tried")
    stage.clock.turn(minutes=20)

    racer.is_told("late")

    eventually(lambda: "organizers-late" in stage.organizers_hear, "organizers hear of it")
    posts = stands_in(stage, "Organizers")
    assert [entry.thread for entry in posts] == [entry.activity_id for entry in posts]
    assert named(racer) in posts[-1].says()
    assert "U0" not in "\n".join(post.says() for post in posts)
    stage.calms("aws")
    racer.comes_to("ready")
