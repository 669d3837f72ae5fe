"""Personal data: shown, deleted on request once somebody is out for sure, and with the event's retention."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from provisioning.ids import PersonId
from provisioning.leaderboards import Line
from provisioning.ports import Rows
from provisioning.registrations import Hold
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.test_questions import QUESTIONS
from tests.scenario.test_teardown import soon
from tests.scenario.waiting import eventually
from tests.unit.bot.board_messages import board_of
from tests.unit.provisioning.spring_cup import NOON

pytestmark = ON_BOTH
AUDITED = {"audit", "audit_head"}  # the chain names people by their ids, for good

REACHED = {"refs"}  # where in Teams somebody is reached who spoke a moment ago


def traces(stage: Stage, *texts: str) -> set[str]:
    """Return the tables in which one of these texts still stands, the audit's chain left out."""
    found = set()
    with closing(sqlite3.connect(stage.folder / "bot.db")) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names out of the file
            if table not in AUDITED and any(text in str(row) for row in rows for text in texts):
                found.add(table)
    return found


def names_of(racer: Racer) -> tuple[str, ...]:
    account = racer.person.entra
    assert account is not None
    return (account.id, str(account.user_principal_name), str(account.display_name))


def left(stage: Stage, racer: Racer) -> None:
    """Let somebody join and leave, and wait until that is confirmed."""
    racer.says("join")
    racer.becomes_ready()
    racer.says("leave --yes")
    racer.comes_to("gone")
    stage.clock.turn(minutes=50)

    def confirmed() -> bool:
        return racer.says("forget").kind == "confirm-forget"

    soon(stage, confirmed, "the withdrawal is confirmed")


def hold(stage: Stage, racer: Racer, what: Hold | None) -> None:
    """Put a hold on somebody, as an organizer would."""
    account = racer.person.entra
    assert account is not None
    person = account.id

    def unit(rows: Rows) -> None:
        (found,) = rows.registrations.of_person(PersonId(person))
        rows.registrations.save(replace(found, hold=what))

    stage.does(unit)


def test_who_never_said_anything_is_not_known(stage: Stage) -> None:
    racer = stage.person("employee-001")
    assert racer.says("privacy").kind == "privacy-nothing"
    assert racer.says("forget").kind == "forgotten-nothing"


def test_a_racer_sees_what_is_kept_and_until_when(stage: Stage) -> None:
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()

    said = racer.says("privacy")

    assert said.kind == "privacy"
    for name in names_of(racer):
        assert name in said.text
    assert "It is deleted" in said.text


def test_who_is_in_is_not_forgotten(stage: Stage) -> None:
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()

    assert racer.says("forget --yes").kind == "DR-108"

    racer.says("leave --yes")
    racer.comes_to("gone")
    assert racer.says("forget --yes").kind == "DR-109"


def test_of_answers_a_choice_stays_as_a_number_and_typed_words_go(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(questions=QUESTIONS)
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    eventually(lambda: sorted(racer.told) == ["questions", "ready"], "asked and in")
    assert racer.says("answer spring-cup-2027 ml a lot").kind == "questions"  # one is left
    assert racer.says("answer spring-cup-2027 team Ada's own words").kind == "answered"
    racer.says("leave --yes")
    racer.comes_to("gone")
    stage.clock.turn(minutes=50)
    soon(stage, lambda: racer.says("forget").kind == "confirm-forget", "the withdrawal is confirmed")
    assert "answers" in traces(stage, "own words")

    assert racer.says("forget --yes").kind == "forgotten"

    assert traces(stage, "own words") == set()
    assert stage.tallies()["answer:ml:A lot"] == 1


def test_who_is_forgotten_leaves_no_trace_but_the_audit_which_still_holds(stage: Stage) -> None:
    racer, other = stage.people(2)
    other.says("join")
    other.becomes_ready()
    left(stage, racer)

    assert racer.says("forget --yes").kind == "forgotten"

    eventually(stage.is_at_rest, "nothing is left to do")
    assert traces(stage, *names_of(racer)) <= REACHED
    assert stage.audit_holds()
    assert racer.says("privacy").kind == "privacy-nothing"
    assert other.is_member
    racer.says("join")
    racer.becomes_ready()


def test_whoever_is_suspended_and_forgotten_is_suspended_when_they_come_back(stage: Stage) -> None:
    racer = stage.person("employee-001")
    left(stage, racer)
    hold(stage, racer, Hold("suspended", "0a0a", stage.clock.now(), "unfair"))
    racer.says("forget --yes")
    assert traces(stage, *names_of(racer), "unfair") <= REACHED

    racer.says("join")

    racer.comes_to("suspended")
    assert racer.in_groups == set()


def test_with_the_retention_of_an_event_its_people_are_forgotten_and_numbers_stay(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event(retention_days=3)
    stage.starts_bot()
    organizer = stage.person("organizer")
    racers = stage.people(3)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.becomes_ready()
    board = board_of(Line(1, names_of(racers[0])[-1], 62_345, NOON, 1))  # whose alias there is their name
    stage.does(lambda rows: rows.boards.save(replace(board, event_id=stage.event().id)))
    answered(organizer, "teardown", "teardown-asks")
    organizer.presses("Yes, do it")
    for racer in racers:
        racer.comes_to("over")
    soon(stage, lambda: stage.audit().count("closed") == 1, "it is over")
    stage.clock.turn(hours=1)
    eventually(stage.has_nothing_due, "everything was looked at once more")

    stage.clock.turn(days=4)

    soon(stage, lambda: stage.audit().count("forgotten") == 1, "its people are forgotten")
    names = [name for racer in racers for name in names_of(racer)]
    assert traces(stage, *names) <= {"outbox", "queue"}
    stage.clock.turn(days=15)
    soon(stage, lambda: traces(stage, *names) == set(), "messages are forgotten later")
    assert stage.audit_holds()
    assert stage.tallies()["ready"] == 3


@pytest.mark.parametrize("words", ["privacy", "forget"])
def test_what_is_kept_is_answered_to_the_asker_alone(stage: Stage, words: str) -> None:
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    racer.says(words)
    assert not any(name in text for text in stage.public() for name in names_of(racer))
