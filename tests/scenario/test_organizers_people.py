"""Organizers look after people: quotas, holds, lists, adding, rebinding; racers hear of it privately."""

import pytest

from provisioning.ids import EventId, PersonId, RegistrationKey
from provisioning.registrations import Registration
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention

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


def part_of(stage: Stage, racer: Racer) -> Registration:
    """Return a racer's registration as it is stored."""
    assert racer.person.entra is not None
    key = RegistrationKey(EventId("spring-cup-2027"), PersonId(racer.person.entra.id))
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
