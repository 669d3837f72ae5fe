"""What counts as an answer to a question of an event."""

import pytest

from provisioning.events import Question
from provisioning.questions import LONGEST, meant

CHOICE = Question("ml", "How much?", ("None", "A little", "42"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1", "None"),
        ("3", "42"),
        ("a LITTLE", "A little"),
        ("42", "42"),
        ("0", None),
        ("4", None),
        ("much", None),
        ("\u0661", None),
    ],
)
def test_a_choice_is_named_by_its_number_or_as_it_reads(text: str, answer: str | None) -> None:
    assert meant(CHOICE, text) == answer


def test_a_text_is_kept_as_it_is_up_to_a_length() -> None:
    assert meant(Question("team", "Which?"), "<!channel> *b*") == "<!channel> *b*"
    assert meant(Question("team", "Which?"), "x" * 10_000) == "x" * LONGEST
