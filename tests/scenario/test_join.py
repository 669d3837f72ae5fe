"""From `/deepracer join` to a link that works: every stage of it, and the way out."""

from datetime import timedelta

import pytest

from provisioning.events import Event
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import EVENT, Stage
from tests.scenario.waiting import eventually

LEAVE = "Leave"
pytestmark = ON_BOTH


def left(racer: Racer) -> None:
    """Wait until the racer is out, and was told so."""
    racer.comes_to("gone")


def test_a_join_is_answered_at_once_and_the_link_comes_in_a_message_of_its_own(town: Stage) -> None:
    racer = town.someone()

    answer = racer.says("join")

    assert answer.kind == "queued"
    racer.is_told("ready")
    assert racer.is_member
    assert racer.messages[0].links == (town.access_url,)
    assert racer.sees("ready").number == answer.number  # in place of the first answer
    assert town.public() == []


def test_a_join_by_name_whatever_the_case_is_the_same_join(town: Stage) -> None:
    racer = town.someone()

    assert racer.says("JOIN  spring CUP").kind == "queued"

    racer.is_told("ready")


def test_a_second_join_while_the_first_is_under_way_answers_with_the_state(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    racer = stage.someone()
    racer.says("join")

    assert racer.says("join").kind == "queued"

    stage.starts_bot(door=False)
    racer.is_told("ready")
    racer.sees("ready")


def test_a_second_join_when_ready_answers_with_the_link_and_sends_no_new_message(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")

    again = racer.says("join")

    assert again.kind == "ready"
    assert again.links == (town.access_url,)
    racer.is_told("ready")


def test_status_tells_every_stage_truly(stage: Stage) -> None:
    racer = stage.someone()
    assert racer.says("status").kind == "nothing"
    stage.befalls("aws", "CreateGroupMembership", "throttle", times=None, retry_after=1)
    racer.says("join")
    eventually(lambda: "entra" in racer.in_groups, "the first step is done", otherwise=lambda: repr(racer))

    pending = racer.says("status")

    assert pending.kind == "adding"
    assert LEAVE in pending.buttons
    stage.calms("aws")
    racer.is_told("ready")
    assert racer.says("status").kind == "ready"


def test_with_several_open_events_the_racer_chooses_by_button(stage: Stage) -> None:
    stage.opens_event(id="autumn-cup-2027", name="Autumn Cup 2027")
    racer = stage.someone()

    choice = racer.says("join")
    assert choice.kind == "choice"
    assert set(choice.buttons) == {EVENT, "Autumn Cup 2027"}
    racer.presses("Autumn Cup 2027")

    racer.is_told("ready")
    assert racer.messages[0].event == "Autumn Cup 2027"


def event_at(town: Stage, *, opens: timedelta, closes: timedelta, ends: timedelta) -> Event:
    """Open an event with this window, seen from now."""
    now = town.clock.now()
    return town.opens_event(opens=now + opens, closes=now + closes, ends=now + ends)


@pytest.mark.parametrize(
    ("opens", "closes", "ends", "code"),
    [(1, 2, 3, "DR-103"), (-2, -1, 3, "DR-104"), (-3, -2, -1, "DR-105")],
    ids=["not yet open", "closed", "ended"],
)
def test_outside_the_window_a_named_join_is_refused(
    make_stage: MakeStage, opens: int, closes: int, ends: int, code: str
) -> None:
    stage = make_stage()
    event_at(stage, opens=timedelta(days=opens), closes=timedelta(days=closes), ends=timedelta(days=ends))
    stage.starts_bot()
    racer = stage.someone()

    assert racer.says("join spring-cup-2027").kind == code

    assert racer.says("join").kind == (code if code == "DR-103" else "DR-102")
    assert racer.told == []
    assert racer.in_groups == set()


def test_an_unknown_event_is_named_back(town: Stage) -> None:
    racer = town.someone()

    answer = racer.says("join the moon")

    assert answer.kind == "DR-101"
    assert "the moon" in answer.text


@pytest.mark.parametrize("words", ["", "help", "?", "HELP", "  hello "])
def test_help_in_every_form(town: Stage, words: str) -> None:
    assert town.someone().says(words).kind == "help"


def test_a_typo_is_answered_with_the_nearest_verb_as_a_button(town: Stage) -> None:
    racer = town.someone()

    answer = racer.says("jion")

    assert answer.kind == "unknown"
    racer.presses(answer.buttons[0])
    racer.is_told("ready")


def test_leaving_asks_first_and_the_button_confirms(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")

    question = racer.says("leave")
    assert question.kind == "are you sure"
    assert racer.is_member
    racer.presses(LEAVE)

    racer.is_told("ready", "gone")
    assert racer.in_groups == set()
    racer.sees("gone")


def test_staying_after_the_question_changes_nothing(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave")

    racer.presses("Stay")

    racer.sees("ready")
    assert racer.is_member
    assert racer.told == ["ready"]


def test_leaving_by_name_with_yes_asks_nothing(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")

    assert racer.says("leave spring-cup-2027 --yes").kind == "leaving"

    racer.is_told("ready", "gone")


def test_leaving_while_the_join_is_under_way_cancels_it(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    racer = stage.someone()
    racer.says("join")
    assert racer.says("leave").kind == "are you sure"

    racer.presses(LEAVE)

    stage.starts_bot(door=False)
    eventually(lambda: len(racer.told) == 1, "the racer hears", otherwise=lambda: repr(racer))
    assert racer.told[0] in {"gone", "DR-106"}
    assert racer.in_groups == set()
    racer.sees(racer.told[0])


def test_leaving_between_two_steps_undoes_the_first(stage: Stage) -> None:
    stage.befalls("aws", "CreateGroupMembership", "throttle", times=None, retry_after=1)
    racer = stage.someone()
    racer.says("join")
    eventually(lambda: racer.in_groups == {"entra"}, "the first step is done")

    racer.says("leave --yes")

    racer.is_told("gone")
    assert racer.in_groups == set()


def test_joining_again_after_leaving_leads_to_a_new_link(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave --yes")
    left(racer)

    assert racer.says("join").kind == "queued"

    racer.is_told("ready", "gone", "ready")


def test_leaving_without_being_in_anything_is_answered(town: Stage) -> None:
    racer = town.someone()

    racer.says("leave --yes")

    racer.is_told("DR-106")
    assert racer.messages[-1].text.startswith(f"You're not in {town.event().name}, ")


def test_in_a_full_event_the_third_waits_in_line_and_gets_the_place_that_is_freed(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event(capacity=2)
    stage.starts_bot()
    first, second, third = stage.people(3)
    for racer in (first, second):
        racer.says("join")
        racer.is_told("ready")
    third.says("join")
    third.is_told("in-line")
    waiting = third.says("status")
    assert waiting.kind == "in-line"
    assert "You're next" in waiting.text

    first.says("leave --yes")

    first.is_told("ready", "gone")
    third.is_told("in-line", "ready")
    eventually(  # what is out of date does not stay in the conversation
        lambda: third.messages[0].kind == "ready", "the earlier message is brought up to date"
    )


def test_of_many_who_ask_at_once_exactly_the_capacity_gets_in(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=3)
    stage.starts_bot()
    crowd = stage.people(8)

    stage.all_say(crowd, "join")

    eventually(
        lambda: sorted(racer.told for racer in crowd) == [["in-line"]] * 5 + [["ready"]] * 3,
        "three are in and five wait",
        otherwise=lambda: "\n".join(map(repr, crowd)),
    )
    assert len(stage.members()["entra"]) == 3


def test_leaving_the_line_is_told_and_the_line_moves_on(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(capacity=1)
    stage.starts_bot()
    first, second, third = stage.people(3)
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("in-line")
    third.says("join")
    third.is_told("in-line")

    second.says("leave --yes")
    second.is_told("in-line", "gone")
    first.says("leave --yes")

    third.is_told("in-line", "ready")
    first.is_told("ready", "gone")
    assert second.told == ["in-line", "gone"]


def test_a_newcomer_whom_aws_does_not_know_is_pushed_on_demand(town: Stage) -> None:
    racer = town.person("newcomer")

    racer.says("join")

    racer.is_told("ready")


def test_an_address_that_is_only_an_alias_finds_its_person(town: Stage) -> None:
    racer = town.person("alias")

    racer.says("join")

    racer.is_told("ready")
