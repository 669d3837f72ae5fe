"""Organizers look after people: quotas, holds, lists, adding, rebinding; racers hear of it privately."""

import pytest

from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.registrations import Registration
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_leave_races_join import member_before
from tests.scenario.test_organizers import answered, mention
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


def racing(stage: Stage, count: int) -> list[Racer]:
    """Return so many racers who are in."""
    racers = stage.people(count)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.becomes_ready()
    return racers


def part_id(racer: Racer) -> PersonId:
    assert racer.person.entra is not None
    return PersonId(racer.person.entra.id)


def part_of(stage: Stage, racer: Racer) -> Registration:
    """Return a racer's registration as it is stored."""
    key = RegistrationKey(EventId("spring-cup-2027"), part_id(racer))
    found = stage.rows(lambda rows: rows.registrations.get(key))
    assert found is not None
    return found


# --- quotas -------------------------------------------------------------------------------------------------


def test_a_racer_gets_a_quota_of_their_own_hears_of_it_and_it_is_taken_back(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace = racing(stage, 2)

    said = answered(organizer, f"quota {mention(ada)} +5h models=2", "quota-done")

    assert "Training hours: 10 → 15" in said
    assert "Models: 5 → 2" in said
    ada.is_told("ready", "quota")
    assert "15 training hours and 2 models" in ada.messages[-1].text
    assert "15 training hours and 2 models" in ada.says("status").text
    assert grace.told == ["ready"]
    organizer.presses("Undo")
    organizer.sees("any-undone")
    ada.is_told("ready", "quota", "quota")
    assert part_of(stage, ada).quota is None
    assert stage.public() == []


def test_a_quota_for_everyone_shows_how_many_it_affects_and_asks(stage: Stage, organizer: Racer) -> None:
    racers = racing(stage, 3)
    answered(organizer, f"quota {mention(racers[0])} hours=12", "quota-done")

    said = answered(organizer, "quota everyone hours=+5", "quota-asks")

    assert "It affects 3 racers of Spring Cup 2027" in said
    named = [line.partition(":")[0] for line in said.splitlines() if "Training hours" in line]
    assert named == sorted(named, key=str.casefold)
    assert len(named) == 3
    assert [part_of(stage, one).quota_in(stage.event()).training_hours for one in racers] == [12, 10, 10]
    organizer.presses("Yes, do it")
    organizer.sees("quota-done")
    racers[0].is_told("ready", "quota", "quota")
    for racer in racers[1:]:
        racer.is_told("ready", "quota")
    assert [part_of(stage, one).quota_in(stage.event()).training_hours for one in racers] == [17, 15, 15]
    assert stage.event().quota.training_hours == 10
    changed = [line for line in stage.audit_lines() if line.action == "changed"]
    assert len(changed) == 1 + 3
    assert {line.facts["hours"] for line in changed} == {"10 → 12", "12 → 17", "10 → 15"}


def test_a_yes_to_hours_that_somebody_else_has_moved_meanwhile_is_asked_for_again(
    stage: Stage, organizer: Racer
) -> None:
    racers = racing(stage, 2)
    second = stage.makes_organizer("employee-012")
    for one in (organizer, second):
        assert "10 → 15" in answered(one, "quota everyone hours=+5", "quota-asks")
    organizer.presses("Yes, do it")
    organizer.sees("quota-done")

    second.presses("Yes, do it")

    eventually(lambda: "15 → 20" in second.card.text, "it is asked again", otherwise=lambda: repr(second))
    assert [part_of(stage, one).quota_in(stage.event()).training_hours for one in racers] == [15, 15]
    second.presses("Yes, do it")
    second.sees("quota-done")
    assert [part_of(stage, one).quota_in(stage.event()).training_hours for one in racers] == [20, 20]


def test_the_quota_of_the_event_reaches_whoever_has_none_of_their_own(stage: Stage, organizer: Racer) -> None:
    ada, grace = racing(stage, 2)
    answered(organizer, f"quota {mention(ada)} hours=12", "quota-done")

    answered(organizer, "quota default hours=20 --dry-run", "any-would")
    answered(organizer, "quota default hours=20", "quota-default-done")

    grace.is_told("ready", "quota")
    assert "20 training hours and 5 models" in grace.messages[-1].text
    assert ada.told == ["ready", "quota"]
    shown = answered(organizer, f"quota {mention(ada)}", "quota-shown")
    assert "gives 20 training hours and 5 models" in shown
    assert "12 training hours, 5 models: their own" in shown
    answered(organizer, "undo", "any-undone")
    grace.is_told("ready", "quota", "quota")
    assert stage.event().quota.training_hours == 10


@pytest.mark.parametrize(
    ("said", "code"),
    [("hours=-11", "DR-281"), ("hours=31", "DR-282"), ("models=many", "DR-265"), ("hours=10", "DR-266")],
)
def test_a_quota_that_cannot_be_is_refused_and_changes_nothing(
    make_stage: MakeStage, said: str, code: str
) -> None:
    stage = make_stage()
    stage.opens_event(quota={"training_hours": 10, "models": 5, "max_hours": 30})
    stage.starts_bot()
    (ada,) = racing(stage, 1)
    organizer = stage.person("organizer")

    answered(organizer, f"quota {mention(ada)} {said}", code)

    assert part_of(stage, ada).quota is None
    assert ada.told == ["ready"]
    if code == "DR-282":
        answered(organizer, "event set hours=31", code)
        answered(organizer, "quota default hours=31", code)


def test_a_name_that_several_racers_have_is_asked_back_with_the_choice(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace = racing(stage, 2)
    for racer in (ada, grace):
        assert racer.person.entra is not None
        assert racer.person.entra.display_name in answered(
            organizer, f'quota @"{racer.person.entra.display_name}" +1h --dry-run', "quota-would"
        )
    said = answered(organizer, "quota @employee hours=13", "DR-284")
    assert ada.person.entra is not None
    assert ada.person.entra.user_principal_name in said

    organizer.presses(ada.person.entra.user_principal_name)

    organizer.sees("quota-done")
    ada.is_told("ready", "quota")
    assert grace.told == ["ready"]


def test_whoever_has_no_part_in_the_event_has_no_quota(stage: Stage, organizer: Racer) -> None:
    answered(organizer, f"quota {mention(stage.someone())} hours=3", "DR-283")
    answered(organizer, "quota @nobody hours=3", "DR-273")
    answered(organizer, "quota hours=3", "DR-263")
    answered(organizer, "quota everyone hours=3", "DR-266")


# --- holds --------------------------------------------------------------------------------------------------


def test_a_suspended_racer_loses_access_first_where_it_takes_effect_and_gets_it_back(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace = racing(stage, 2)

    said = answered(organizer, f"suspend {mention(ada)} shared <!channel> their *account*", "suspend-asks")

    assert ada.person.entra is not None
    assert ada.person.entra.display_name in said
    assert ada.is_member
    organizer.presses("Yes, do it")
    organizer.sees("suspend-done")
    ada.is_told("ready", "suspended")
    assert ada.in_groups == set()
    assert "account" in ada.messages[-1].text
    (effect,) = stage.calls_of("aws", "DeleteGroupMembership")
    record = stage.calls_of("graph", "DELETE /groups/{id}/members/{id}/$ref")[-1]
    assert effect.at <= record.at
    lines = [line for line in stage.audit_lines() if line.action == "withdrawn"]
    assert [line.facts["target"].partition(":")[0] for line in lines] == ["identity-center", "entra-group"]
    assert grace.is_member
    answered(organizer, f"suspend {mention(ada)}", "DR-266")
    assert "bot: " in answered(organizer, f"audit {mention(ada)}", "audit-shown")
    answered(organizer, f"resume {mention(ada)}", "resume-done")
    ada.is_told("ready", "suspended", "ready")
    assert ada.is_member
    assert part_of(stage, ada).hold is None


def test_a_hold_outlives_leaving_and_joining_and_the_wish_beneath_it_counts_again(
    stage: Stage, organizer: Racer
) -> None:
    (ada,) = racing(stage, 1)
    suspended(organizer, ada)
    ada.is_told("ready", "suspended")
    ada.says("leave spring-cup --yes")
    ada.is_told("ready", "suspended", "suspended")

    assert ada.says("join").kind == "suspended"
    answered(organizer, f"resume {mention(ada)}", "resume-done")

    ada.is_told("ready", "suspended", "suspended", "resumed")
    assert "You had left before" in ada.messages[-1].text
    assert ada.in_groups == set()
    ada.says("join")
    ada.becomes_ready()


def test_a_removal_is_taken_back(stage: Stage, organizer: Racer) -> None:
    (ada,) = racing(stage, 1)
    answered(organizer, f"remove {mention(ada)} left the team", "remove-asks")
    organizer.presses("Yes, do it")
    organizer.sees("remove-done")
    ada.is_told("ready", "removed")
    assert "left the team" in ada.messages[-1].text

    organizer.presses("Undo")

    organizer.sees("any-undone")
    ada.is_told("ready", "removed", "ready")
    (line,) = [line for line in stage.audit_lines() if line.action == "changed"]
    assert line.facts == {"hold": "- → removed", "kind": "remove"}
    assert line.texts == {"reason": "left the team"}
    assert line.whose == part_of(stage, ada).key.person_id


def test_whoever_waits_in_line_is_held_and_comes_back_to_their_old_place(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event(capacity=1)
    stage.starts_bot()
    organizer = stage.person("organizer")
    ada, grace, joan = stage.people(3)
    ada.says("join")
    ada.becomes_ready()
    for racer in (grace, joan):
        racer.says("join")
        racer.comes_to("in-line")

    suspended(organizer, grace)

    grace.is_told("in-line", "suspended")
    assert "You're next" in joan.says("status").text
    answered(organizer, f"resume {mention(grace)}", "resume-done")
    grace.is_told("in-line", "suspended", "in-line")
    ada.says("leave spring-cup --yes")
    ada.is_told("ready", "gone")
    grace.becomes_ready()
    assert joan.told == ["in-line"]


def test_a_member_before_us_stays_one_when_they_are_suspended(make_stage: MakeStage) -> None:
    stage = make_stage()
    member_before(stage, "employee-001")
    stage.opens_event()
    stage.starts_bot()
    (before,) = racing(stage, 1)

    suspended(stage.person("organizer"), before)

    before.is_told("ready", "suspended")
    assert before.is_member


def test_who_is_named_in_the_reason_is_not_meant(stage: Stage, organizer: Racer) -> None:
    ada, grace = racing(stage, 2)

    answered(organizer, f"suspend {mention(ada)} for mocking {mention(grace)}", "DR-263")
    answered(organizer, f"suspend {mention(ada)} {'x' * 301}", "DR-265")
    answered(organizer, "suspend for nothing", "DR-263")

    assert ada.is_member
    assert grace.is_member


def suspended(organizer: Racer, racer: Racer) -> None:
    answered(organizer, f"suspend {mention(racer)} fair play", "suspend-asks")
    organizer.presses("Yes, do it")
    organizer.sees("suspend-done")


# --- lists --------------------------------------------------------------------------------------------------


def test_the_racers_are_listed_by_name_and_state(stage: Stage, organizer: Racer) -> None:
    ada, grace = racing(stage, 2)
    suspended(organizer, grace)
    grace.is_told("ready", "suspended")

    everybody = answered(organizer, "racers", "all")
    ready = answered(organizer, "racers ready", "some")

    assert ada.person.entra is not None
    assert grace.person.entra is not None
    assert f"{ada.person.entra.display_name}: ready, since" in everybody
    assert f"{grace.person.entra.display_name}: suspended, since" in everybody
    assert ada.person.entra.display_name in ready
    assert grace.person.entra.display_name not in ready
    answered(organizer, "racers fast", "DR-263")
    assert stage.public() == []


def test_whoever_is_stuck_is_listed_with_the_reason_and_tried_again(stage: Stage, organizer: Racer) -> None:
    ada, grace = stage.people(2)
    answered(organizer, "stuck", "none")
    answered(organizer, "retry all", "DR-266")
    assert ada.person.entra is not None
    person = ada.person.entra.id
    account = next(one for one in stage.company.store_users.values() if one.external_id == person)
    stage.world.do(lambda: setattr(account, "status", "DISABLED"))
    ada.says("join")
    ada.comes_to("DR-241")

    said = answered(organizer, "stuck", "stuck-shown")

    assert f"{ada.person.entra.display_name}: refused, for 60 seconds (DR-241: the account" in said
    stage.world.do(lambda: setattr(account, "status", "ENABLED"))
    stage.clock.turn(minutes=2)  # what was read of the accounts is known for a while
    organizer.presses("Try them all now")
    organizer.sees("retry-done")
    ada.becomes_ready()
    answered(organizer, "stuck", "none")
    answered(organizer, f"retry {mention(grace)}", "DR-283")


# --- adding -------------------------------------------------------------------------------------------------


def address(racer: Racer) -> str:
    assert racer.person.entra is not None
    return str(racer.person.entra.mail)


def test_people_are_added_in_one_go_with_a_result_for_each_and_nobody_twice(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace, joan = stage.people(3)
    guest, disabled = stage.person("directory-guest"), stage.person("disabled")
    listed = [*map(address, (ada, grace, joan, guest, disabled)), "nobody@acme.example", "x@other.example"]

    asked = answered(organizer, f"add {', '.join(listed)}", "add-asks")

    assert "Add 3 people to Spring Cup 2027?" in asked
    assert f"{address(guest)}: not added (DR-223: the directory lists them as a guest)" in asked
    assert f"{address(ada)}: would be added" in asked
    assert stage.members()["entra"] == []
    organizer.presses("Yes, do it")
    said = organizer.sees("add-done").text
    assert f"{address(ada)}: added" in said
    assert f"{address(disabled)}: not added (DR-222: their company account is disabled)" in said
    assert "nobody@acme.example: not added (DR-221: the directory doesn't know the address)" in said
    assert "x@other.example: not added (DR-211" in said
    eventually(lambda: all(one.is_member for one in (ada, grace, joan)), "they are in")
    again = answered(organizer, f"add {','.join(listed)}", "add-done")
    assert "Nobody is added" in again
    assert f"{address(ada)}: was in already" in again
    assert len(stage.members()["entra"]) == 3
    for one in (ada, grace, joan):
        assert one.told == []
    assert "@acme.example" not in str(stage.audit_lines())
    assert "undeliverable" not in stage.audit()


def test_a_yes_to_many_is_one_to_those_who_are_left_of_them(stage: Stage, organizer: Racer) -> None:
    ada, grace, joan = stage.people(3)
    answered(organizer, f"add {', '.join(map(address, (ada, grace, joan)))}", "add-asks")
    joan.says("join")
    joan.becomes_ready()

    organizer.presses("Yes, do it")

    said = organizer.sees("add-done").text
    assert f"{address(ada)}: added" in said
    assert f"{address(joan)}: was in already" in said
    eventually(lambda: all(one.is_member for one in (ada, grace)), "they are in")


@pytest.mark.parametrize("words", ["status", "join"])
def test_whoever_was_added_hears_of_it_when_they_first_speak(
    stage: Stage, organizer: Racer, words: str
) -> None:
    ada, stranger = stage.people(2)
    answered(organizer, f"add {address(ada)}", "add-done")
    eventually(lambda: ada.is_member, "she is in")

    ada.says(words)

    ada.is_told("ready")
    assert ada.says("status").kind == "ready"
    assert stranger.says("status").kind == "nothing"


def test_whoever_can_be_written_to_hears_of_it_at_once_and_is_bound_when_they_speak(
    stage: Stage, organizer: Racer
) -> None:
    ada = stage.person("employee-001")
    ada.says("status")  # in Teams the bot can write to whom it has met, in Slack to whom it is told of
    named = mention(ada)

    answered(organizer, f"add {named}", "add-done")

    ada.becomes_ready()
    assert part_of(stage, ada).unclaimed
    ada.says("status")
    eventually(lambda: not part_of(stage, ada).unclaimed, "they have spoken")
    assert ada.says("status").kind == "ready"
    assert "bound" in stage.audit()


def test_whoever_was_not_added_is_told_so_while_others_wait_to_be_reached(
    stage: Stage, organizer: Racer
) -> None:
    ada, stranger = stage.people(2)
    answered(organizer, f"add {address(ada)}", "add-done")

    stranger.says("status")

    stranger.sees("DR-110")
    assert stranger.told == []
    stranger.says("join")
    stranger.becomes_ready()


def test_adding_is_taken_back_and_whoever_is_held_is_not_added(stage: Stage, organizer: Racer) -> None:
    (ada,) = racing(stage, 1)
    grace = stage.person("employee-002")
    suspended(organizer, ada)
    ada.is_told("ready", "suspended")

    said = answered(organizer, f"add {address(ada)} {address(grace)}", "add-done")

    assert "is suspended; resume them first" in said
    eventually(lambda: grace.is_member, "she is in")
    organizer.presses("Undo")
    organizer.sees("any-undone")
    eventually(lambda: grace.in_groups == set(), "she is out")
    assert ada.in_groups == set()


def test_whoever_was_removed_and_forgotten_is_added_under_their_hold(stage: Stage, organizer: Racer) -> None:
    (ada,) = racing(stage, 1)
    suspended(organizer, ada)
    ada.is_told("ready", "suspended")
    ada.says("leave spring-cup --yes")
    ada.is_told("ready", "suspended", "suspended")
    stage.clock.turn(minutes=50)
    eventually(lambda: stage.is_at_rest() and stage.has_nothing_due(), "the withdrawal was read back again")
    ada.says("forget --yes")
    eventually(lambda: not stage.rows(lambda rows: rows.registrations.of_person(part_id(ada))), "forgotten")

    said = answered(organizer, f"add {address(ada)}", "add-done")

    assert "is suspended; resume them first" in said
    eventually(stage.is_at_rest, "nothing is left to do")
    assert ada.in_groups == set()
    answered(organizer, f"resume {address(ada)}", "resume-done")
    eventually(lambda: ada.is_member, "she is in")
    ada.says("status")
    ada.becomes_ready()


def test_nobody_is_added_before_the_event_opens_or_after_it_is_over(stage: Stage, organizer: Racer) -> None:
    ada = stage.person("employee-001")
    answered(organizer, "event close", "event-close-done")
    answered(organizer, f"add {address(ada)}", "add-done")
    eventually(lambda: ada.is_member, "an organizer adds whoever is late")
    later = "opens=2199-01-01T00:00Z closes=2199-02-01T00:00Z ends=2199-03-01T00:00Z"
    answered(organizer, f"event set {later}", "event-set-done")
    answered(organizer, f"add {address(stage.person('employee-002'))}", "DR-103")
    answered(organizer, "undo", "any-undone")
    answered(organizer, "event set ends=now", "event-set-asks")
    organizer.presses("Yes, do it")
    organizer.sees("event-set-done")

    answered(organizer, f"add {address(stage.person('employee-002'))} event=spring-cup-2027", "DR-105")
