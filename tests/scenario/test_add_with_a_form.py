"""A list given in a form in Slack, pasted or as a file: shown first, then added, and only for organizers."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from adapters.slack.files import MOST_BYTES
from sandbox.chatting import Answer
from sandbox.slack import SCOPES
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer, SlackLine
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.test_organizers_people import address
from tests.scenario.waiting import eventually

OPEN = "Give a list"
READS_FILES = {"scopes": SCOPES | {"files:read"}}


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    stage = make_stage(slack=READS_FILES)
    stage.opens_event()
    stage.starts_bot()
    return stage


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


def form(stage: Stage, who: Racer) -> dict[str, Any]:
    """Wait for the form that stands open before somebody."""
    assert isinstance(who.line, SlackLine)
    moves = who.line.moves
    found: list[dict[str, Any]] = eventually(lambda: stage.plays(moves.forms()), "a form opens")
    return found[-1]


def sends(stage: Stage, who: Racer, text: str = "", **filled: Any) -> Answer:
    """Let somebody send the form, once it is there."""
    form(stage, who)
    assert isinstance(who.line, SlackLine)
    answer = stage.plays(who.line.moves.send_form(text, at=who.line.now(), **filled))
    who.hears(answer)
    return answer


def opened(organizer: Racer, words: str = "add") -> None:
    said = answered(organizer, words, "add-whom")
    assert "give me a list" in said
    organizer.presses(OPEN)


def csv_of(*racers: Racer) -> str:
    return "\n".join(["Name;Email", *(f"Somebody, {one.key};{address(one)}" for one in racers)])


def test_a_file_and_a_pasted_list_are_shown_first_and_added_after_a_yes(
    stage: Stage, organizer: Racer
) -> None:
    ada, grace, joan = stage.people(3)
    opened(organizer)
    shown = form(stage, organizer)["view"]
    assert [block["element"]["type"] for block in shown["blocks"]] == ["plain_text_input", "file_input"]

    file = f"{csv_of(ada, grace)}\nNobody;nobody@acme.example"
    assert sends(stage, organizer, f"{address(joan)}\n{address(ada)}", file=file).body is None

    asked = organizer.sees("add-asks").text
    assert "Add 3 people to Spring Cup 2027?" in asked
    assert "nobody@acme.example: not added (DR-221" in asked
    assert stage.members()["entra"] == []
    organizer.presses("Yes, do it")
    organizer.sees("add-done")
    eventually(lambda: all(one.is_member for one in (ada, grace, joan)), "they are in")
    assert stage.public() == []
    assert "@acme.example" not in str(stage.audit_lines())
    assert "3 people get back what they had before" in answered(organizer, "undo", "any-undo-asks")
    organizer.presses("Yes, do it")
    organizer.sees("any-undone")
    eventually(lambda: stage.members()["entra"] == [], "it is taken back")


def test_where_slack_lets_no_files_be_read_the_form_takes_a_pasted_list_alone(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    organizer, ada = stage.person("organizer"), stage.person("employee-001")
    opened(organizer)
    (block,) = form(stage, organizer)["view"]["blocks"]
    assert block["element"]["type"] == "plain_text_input"

    sends(stage, organizer, address(ada))

    organizer.sees("add-done")
    eventually(lambda: ada.is_member, "they are in")


def test_an_empty_form_stays_open_and_says_what_is_missing(stage: Stage, organizer: Racer) -> None:
    opened(organizer)

    sends(stage, organizer, "  ")

    assert form(stage, organizer)["errors"] == {"text": "Paste a list or give a file."}
    assert [line.action for line in stage.audit_lines()].count("instructed") == 1
    sends(stage, organizer, "nobody@acme.example")
    assert "Nobody is added" in organizer.sees("add-done").text


def test_a_dry_run_stays_one_in_the_form(stage: Stage, organizer: Racer) -> None:
    opened(organizer, "add --dry-run")

    sends(stage, organizer, file=csv_of(*stage.people(2)))

    assert "2 people would be added" in organizer.sees("add-would").text
    assert stage.members()["entra"] == []


def test_a_form_that_is_sent_twice_is_one_instruction(stage: Stage, organizer: Racer) -> None:
    (ada,) = stage.people(1)
    opened(organizer)
    answer = sends(stage, organizer, address(ada))
    organizer.sees("add-done")

    assert isinstance(organizer.line, SlackLine)
    again = stage.plays(organizer.line.moves.send(answer.sent.body, answer.sent.headers))

    assert again.status == 200
    assert stage.audit().count("instructed") == 2  # the question, and the list


def test_who_presses_an_organizers_button_sends_a_form_in_vain_and_their_file_is_not_read(
    stage: Stage, organizer: Racer
) -> None:
    answered(organizer, "add", "add-whom")
    outsider = stage.person("employee-001")
    outsider.says("status")
    captured = {"type": "button", "action_id": "form:0", "value": "admin add event=spring-cup-2027"}
    assert isinstance(outsider.line, SlackLine)
    seen = stage.plays(outsider.line.moves.seen())[-1]
    action = captured | {"block_id": "b", "text": {"type": "plain_text", "text": OPEN}}
    outsider.hears(stage.plays(outsider.line.moves._click(seen, action, outsider.line.now(), {})))  # noqa: SLF001

    sends(stage, outsider, file=csv_of(outsider))

    eventually(lambda: "DR-261" in outsider.card.text, "they are refused", otherwise=lambda: repr(outsider))
    assert stage.calls("slack", "files.info") == stage.calls("slack", "download") == 0
    refused = [line for line in stage.audit_lines() if line.action == "refused"]
    assert [line.facts["verb"] for line in refused] == ["admin add"]
    assert stage.members()["entra"] == []


def test_a_file_of_somebody_else_or_one_too_large_is_not_read(stage: Stage, organizer: Racer) -> None:
    opened(organizer)
    other = stage.world.do(
        lambda: stage.world.slack.files.give(
            stage.person("employee-001").person.slack.id, "people.csv", b"email\nnobody@acme.example"
        )
    )
    view = form(stage, organizer)["view"]
    values = {"text": {"text": {"value": None}}, "file": {"file": {"files": [{"id": other.id}]}}}
    sends(stage, organizer, view=view | {"state": {"values": values}})
    organizer.sees("DR-275")
    assert stage.calls("slack", "download") == 0

    opened(organizer)
    sends(stage, organizer, file="x" * (MOST_BYTES + 1))
    organizer.sees("DR-275")
    assert stage.calls("slack", "download") == 0
    opened(organizer)
    sends(stage, organizer, file="Name,Team\nAda,Compilers")
    organizer.sees("DR-275")
    assert stage.calls("slack", "download") == 1


def test_nothing_in_a_list_is_taken_for_words(stage: Stage, organizer: Racer) -> None:
    opened(organizer)
    hostile = 'email\nevent=other@x --dry-run\n<!channel> @everyone\n"@teams:a:b"'

    sends(stage, organizer, file=hostile)

    said = organizer.sees("add-done").text
    assert "Nobody is added" in said
    assert said.count("not added (DR-2") == 3


def test_what_a_form_keeps_is_no_more_than_what_was_asked_and_where(stage: Stage, organizer: Racer) -> None:
    opened(organizer)

    kept = json.loads(form(stage, organizer)["view"]["private_metadata"])

    assert kept.keys() == {"words", "handle", "until", "posts", "locale"}
    assert kept["words"] == "admin add event=spring-cup-2027"
    sent = sends(stage, organizer, "nobody@acme.example").sent.body.decode()
    assert json.loads(parse_qs(sent)["payload"][0])["type"] == "view_submission"


def test_of_a_long_list_the_rest_is_a_file_where_slack_lets_the_bot_send_one(make_stage: MakeStage) -> None:
    stage = make_stage(slack={"scopes": SCOPES | {"files:read", "files:write"}})
    stage.opens_event()
    stage.starts_bot()
    organizer = stage.person("organizer")
    opened(organizer)

    sends(stage, organizer, file="\n".join(f"{number}@acme.example" for number in range(50)))

    organizer.sees("add-done")
    (file,) = eventually(lambda: stage.world.do(stage.world.slack.files.shared), "the file is shared")
    assert file.content is not None
    head, *lines = file.content.decode().splitlines()
    assert head == "person,result"
    assert len(lines) == 50
    assert lines[0].startswith("0@acme.example,not added (DR-221")
    assert file.title == "What came of each person on the list for Spring Cup 2027."


def test_an_organizer_who_speaks_german_is_asked_in_german(stage: Stage, organizer: Racer) -> None:
    slack = organizer.person.slack
    stage.world.do(lambda: setattr(slack, "locale", "de-DE"))
    assert "Wen soll ich zu Spring Cup 2027 hinzufügen?" in answered(organizer, "add", "add-whom")
    organizer.presses("Liste eingeben")

    shown = form(stage, organizer)["view"]

    assert shown["title"]["text"] == "Leute hinzufügen"
    assert [block["label"]["text"] for block in shown["blocks"]] == ["Adressen", "Eine CSV-Datei"]
    assert "Füg eine Liste ein" in str(sends(stage, organizer).body)
    sends(stage, organizer, address(stage.someone()))
    assert "Zu Spring Cup 2027 ist eine Person hinzugekommen." in organizer.sees("add-done").text
