"""Join questions: asked once the join is under way, answered or not, overwritten, and nobody else's."""

from typing import Any

import pytest

from provisioning.ids import EventId, PersonId, RegistrationKey
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer, SlackLine, TeamsLine
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH

QUESTIONS = [
    {
        "id": "ml",
        "text": "How much experience with ML?",
        "kind": "choice",
        "options": ["None", "A little", "A lot"],
    },
    {"id": "team", "text": "Which team are you in?", "kind": "text"},
]


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A Spring Cup that asks two questions."""
    stage = make_stage()
    stage.opens_event(questions=QUESTIONS)
    stage.starts_bot()
    return stage


def replies(stage: Stage, racer: Racer, question: str, answer: str) -> None:
    """Choose or type this answer in the newest message that asks."""
    line: Any = racer.line
    if isinstance(line, SlackLine):
        racer.hears(stage.plays(line.moves.answer(question, answer, at=line.now())))
        return
    assert isinstance(line, TeamsLine)
    number = {"How": 1, "Whi": 2}[question[:3]]
    chosen = {"None": "1", "A little": "2", "A lot": "3"}.get(answer, answer)
    flow = line.moves.press(f"send-answer{number}", inputs={f"answer{number}": chosen})
    racer.hears(stage.plays(flow))


def answers(stage: Stage, racer: Racer) -> dict[str, str]:
    assert racer.person.entra is not None
    key = RegistrationKey(EventId("spring-cup-2027"), PersonId(racer.person.entra.id))
    return dict(stage.rows(lambda rows: rows.answers.of(key)))


def test_questions_come_beside_the_join_and_answers_are_kept_and_overwritten(stage: Stage) -> None:
    ada = stage.person("employee-001")
    assert ada.says("join").kind == "queued"
    eventually(
        lambda: sorted(ada.told) == ["questions", "ready"], "asked and in", otherwise=lambda: repr(ada)
    )

    replies(stage, ada, "How much experience with ML?", "A little")
    eventually(lambda: answers(stage, ada) == {"ml": "A little"}, "it is kept")
    ada.says("answer spring-cup-2027 ml a lot")
    eventually(lambda: answers(stage, ada) == {"ml": "A lot"}, "it is overwritten")
    assert ada.says("answer spring-cup-2027 team Red <!channel> *b*").kind == "answered"
    assert answers(stage, ada) == {"ml": "A lot", "team": "Red <!channel> *b*"}
    assert ada.says("answer spring-cup-2027 ml").kind == "answered"
    assert ada.is_member


def test_what_is_not_asked_or_not_theirs_is_refused(stage: Stage) -> None:
    ada, outsider = stage.people(2)
    ada.says("join")
    eventually(lambda: "ready" in ada.told, "ada is in")

    assert outsider.says("answer spring-cup-2027 ml 1").kind == "DR-295"
    assert ada.says("answer spring-cup-2027 shoe-size 44").kind == "DR-295"
    assert ada.says("answer spring-cup-2027 ml 7").kind == "DR-295"
    assert ada.says("answer other-cup ml 1").kind == "DR-295"
    assert answers(stage, ada) == {}


def test_a_text_is_typed_into_its_field(stage: Stage) -> None:
    ada = stage.person("employee-001")
    ada.says("join")
    eventually(
        lambda: sorted(ada.told) == ["questions", "ready"], "asked and in", otherwise=lambda: repr(ada)
    )

    replies(stage, ada, "Which team are you in?", "Blue \u202e" + "x" * 150)

    eventually(lambda: answers(stage, ada).get("team", "").startswith("Blue x"), "it is kept")
