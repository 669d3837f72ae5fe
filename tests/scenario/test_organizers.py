"""Organizers in chat: what they say is done, shown first where it hurts, and can be taken back."""

import pytest

from tests.scenario.conftest import ON_BOTH
from tests.scenario.people import Racer, SlackLine
from tests.scenario.stage import EVENT, Stage
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


def mention(racer: Racer) -> str:
    """Return how an organizer names somebody: in Slack by a mention, in Teams by their address."""
    if isinstance(racer.line, SlackLine):
        return f"<@{racer.person.slack.id}|{racer.key}>"
    assert racer.person.entra is not None
    return str(racer.person.entra.mail)


def shown_as(racer: Racer) -> str:
    """Return how a list names somebody: in Slack by a mention, in Teams by their name."""
    if isinstance(racer.line, SlackLine):
        return f"<@{racer.person.slack.id}>"
    return racer.person.teams.name


def answered(who: Racer, words: str, kind: str) -> str:
    """Say this under "admin" and return the answer, which takes the place of "working on it"."""
    assert who.says(f"admin {words}").kind in {"instructed", kind}
    return who.sees(kind).text


def test_an_organizer_is_shown_the_event_where_they_asked(stage: Stage, organizer: Racer) -> None:
    said = answered(organizer, "event show", "open")

    assert "0 of 2000 seats are taken" in said
    assert organizer.told == []
    assert stage.public() == []


def test_an_organizer_changes_the_event_and_takes_it_back(stage: Stage, organizer: Racer) -> None:
    said = answered(organizer, "event set capacity=1 name=Autumn Cup", "event-set-done")
    assert "Capacity: 2000 → 1" in said
    assert (stage.event().capacity, stage.event().name) == (1, "Autumn Cup")

    organizer.presses("Undo")

    organizer.sees("any-undone")
    assert (stage.event().capacity, stage.event().name) == (2000, EVENT)
    assert stage.audit() == ["instructed", "changed", "instructed", "undone"]


def test_a_dry_run_says_what_would_be_and_changes_nothing(stage: Stage, organizer: Racer) -> None:
    before = stage.event()

    said = answered(organizer, "event set capacity=1 --dry-run", "any-would")

    assert "Capacity: 2000 → 1" in said
    assert stage.event() == before
    assert stage.audit() == ["instructed", "shown"]


def test_what_was_changed_again_is_not_taken_back(stage: Stage, organizer: Racer) -> None:
    other = stage.makes_organizer("employee-012")
    answered(organizer, "event set capacity=5", "event-set-done")
    answered(other, "event set capacity=6 hours=3", "event-set-done")

    answered(organizer, "undo", "DR-268")
    assert stage.event().capacity == 6

    answered(other, "undo", "any-undone")
    assert stage.event().capacity == 5
    answered(organizer, "undo", "any-undone")
    assert (stage.event().capacity, stage.event().quota.training_hours) == (2000, 10)


def test_nobody_takes_back_what_somebody_else_changed(stage: Stage, organizer: Racer) -> None:
    answered(organizer, "event set capacity=5", "event-set-done")

    answered(stage.makes_organizer("employee-012"), "undo", "DR-267")

    assert stage.event().capacity == 5


def test_after_ten_minutes_a_change_stays(stage: Stage, organizer: Racer) -> None:
    answered(organizer, "event set capacity=5", "event-set-done")
    stage.clock.turn(minutes=11)

    organizer.presses("Undo")

    organizer.sees("DR-267")
    assert stage.event().capacity == 5


def test_ending_an_event_asks_first_and_asks_again_when_the_number_has_changed(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace = stage.people(2)
    ada.says("join")
    ada.becomes_ready()
    said = answered(organizer, "event set closes=now ends=now", "event-set-asks")
    assert "One racer loses access now." in said
    grace.says("join")
    grace.becomes_ready()

    organizer.presses("Yes, do it")

    eventually(lambda: "2 racers lose access now." in organizer.card.text, "it is asked again")
    assert ada.is_member
    organizer.presses("Yes, do it")
    organizer.sees("event-set-done")
    for racer in (ada, grace):
        racer.comes_to("over")
        assert racer.in_groups == set()


def test_a_question_is_answered_only_by_whom_it_was_put_to_and_in_time(
    stage: Stage, organizer: Racer
) -> None:
    answered(organizer, "event set closes=now ends=now", "event-set-asks")
    question = next(line.correlation for line in stage.audit_lines() if line.action == "shown")

    answered(stage.makes_organizer("employee-012"), f"confirm {question}", "DR-269")
    stage.clock.turn(minutes=16)
    answered(organizer, f"confirm {question}", "DR-269")

    assert stage.event().phase(stage.clock.now()) == "open"


def test_a_yes_said_twice_is_one_change(stage: Stage, organizer: Racer) -> None:
    answered(organizer, "event set closes=now ends=now", "event-set-asks")
    question = next(line.correlation for line in stage.audit_lines() if line.action == "shown")

    answered(organizer, f"confirm {question}", "event-set-done")
    answered(organizer, f"confirm {question}", "event-set-done")

    assert stage.audit().count("changed") == 1


def test_a_yes_can_be_tried_first_as_well(stage: Stage, organizer: Racer) -> None:
    answered(organizer, "event set closes=now ends=now", "event-set-asks")
    question = next(line.correlation for line in stage.audit_lines() if line.action == "shown")

    answered(organizer, f"confirm {question} --dry-run", "any-would")

    assert stage.event().phase(stage.clock.now()) == "open"
    assert "changed" not in stage.audit()


def test_while_joining_is_paused_whoever_tries_is_told_and_who_is_in_stays_in(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace = stage.people(2)
    ada.says("join")
    ada.becomes_ready()
    answered(organizer, "pause Back at <!channel> 3 pm", "pause-done")

    refused = grace.says("join")

    assert refused.kind == "DR-107"
    assert "The organizers say: “Back at " in refused.text
    assert "!channel" in refused.text
    assert " 3 pm”" in refused.text
    assert ada.says("join").kind == "ready"
    answered(organizer, "event show", "paused")
    answered(organizer, "unpause", "unpause-done")
    grace.says("join")
    grace.becomes_ready()


def test_joining_closes_and_opens_when_it_was_told_to(stage: Stage, organizer: Racer) -> None:
    racer = stage.someone()
    answered(organizer, "event close", "event-close-done")
    assert racer.says("join spring-cup").kind == "DR-104"
    answered(organizer, "event close", "DR-266")

    answered(organizer, "event set opens=now", "DR-272")
    answered(organizer, "undo", "any-undone")

    racer.says("join")
    racer.becomes_ready()


def test_an_event_is_made_from_the_grants_of_another(stage: Stage, organizer: Racer) -> None:
    said = answered(
        organizer, "event create autumn-cup from spring-cup name=Autumn Cup capacity=7", "event-create-done"
    )

    assert "can't be taken back" in said
    made, source = stage.event("autumn-cup"), stage.event()
    assert (made.name, made.capacity, made.channels, made.grants) == ("Autumn Cup", 7, (), source.grants)
    assert made.organizer_group == source.organizer_group
    answered(organizer, "event create autumn-cup from spring-cup", "DR-271")


def test_who_organizes_several_events_is_asked_which(stage: Stage, organizer: Racer) -> None:
    answered(organizer, "event create autumn-cup from spring-cup name=Autumn Cup", "event-create-done")
    answered(organizer, "event set capacity=9", "admin-choose")

    organizer.presses("Autumn Cup")

    organizer.sees("event-set-done")
    assert (stage.event().capacity, stage.event("autumn-cup").capacity) == (2000, 9)


@pytest.mark.parametrize("field", ["organizer_group", "email_domains", "link_hosts", "access_url", "grants"])
def test_what_opens_doors_is_not_changed_in_chat_and_the_attempt_is_audited(
    stage: Stage, organizer: Racer, field: str
) -> None:
    before = stage.event()

    said = answered(organizer, f"event set capacity=1 {field}=00000000-0000-4000-8000-000000000000", "DR-264")

    assert field in said
    assert stage.event() == before
    (line,) = [line for line in stage.audit_lines() if line.action == "refused"]
    assert line.facts == {"code": "DR-264", "verb": "admin event set", "field": field}
    assert organizer.person.entra is not None
    assert line.actor == organizer.person.entra.id


def test_the_audit_shows_what_was_done_to_one_person(stage: Stage, organizer: Racer) -> None:
    ada, grace = stage.people(2)
    for racer in (ada, grace):
        racer.says("join")
        racer.becomes_ready()

    everybody = answered(organizer, "audit", "audit-shown")
    said = answered(organizer, f"audit {mention(ada)}", "audit-shown")

    assert "granted" in said
    assert ada.person.entra is not None
    assert shown_as(grace) not in said
    assert shown_as(ada) in said
    assert shown_as(grace) in everybody
    assert shown_as(organizer) in everybody
    assert organizer.person.entra is not None
    assert organizer.person.entra.id not in everybody
    assert ada.person.entra.id not in everybody, "who is known is told by name"
    by_mail = answered(organizer, f"audit {ada.person.entra.mail}", "audit-shown")
    assert by_mail.splitlines()[1:] == said.splitlines()[1:]
    answered(organizer, "audit nobody@elsewhere.example", "DR-273")
