"""Changes: for how long they can be taken back, and what stands in the way."""

from dataclasses import replace
from typing import Any

import pytest

from provisioning.changes import UNDONE_WITHIN, Change, ensure_newest, is_within, undoable
from provisioning.errors import UndoOvertaken
from provisioning.ids import ChatIdentity, PersonId
from provisioning.instructing import altered, concerned
from provisioning.instructions import Instruction
from provisioning.joining import Asking
from tests.unit.provisioning.spring_cup import CHAT, MINUTE, NOON, REPLY, SECOND, spring_cup

CHANGE = undoable(Change("c-1", spring_cup().id, PersonId("0a0a"), NOON, "event-set", ("event.name",)))
NEWER = replace(CHANGE, id="c-2", at=NOON + SECOND)


def test_a_change_can_be_taken_back_for_ten_minutes_and_once() -> None:
    assert CHANGE.can_be_undone(NOON)
    assert CHANGE.can_be_undone(NOON + UNDONE_WITHIN - SECOND)
    assert not CHANGE.can_be_undone(NOON + UNDONE_WITHIN)
    assert not replace(CHANGE, undone_by="c-2").can_be_undone(NOON)
    assert not replace(CHANGE, undo_until=None).can_be_undone(NOON)


def test_something_newer_about_the_same_stands_in_the_way() -> None:
    with pytest.raises(UndoOvertaken):
        ensure_newest(CHANGE, [NEWER])
    with pytest.raises(UndoOvertaken):
        ensure_newest(CHANGE, [replace(NEWER, subjects=("event.capacity", "event.name"))])


def test_something_newer_about_another_thing_does_not() -> None:
    ensure_newest(CHANGE, [])
    ensure_newest(CHANGE, [replace(NEWER, subjects=("event.capacity",))])


@pytest.mark.parametrize(
    "otherwise",
    [{"people": 2}, {"subjects": ("event.capacity",)}, {"before": {"ends": "another"}}, {"before": {}}],
)
def test_a_yes_is_for_what_was_shown(otherwise: dict[str, Any]) -> None:
    shown = replace(CHANGE, people=1, before={"ends": "then"}, after={"ends": "now"})
    later = replace(shown, id="c-2", at=NOON + MINUTE, after={"ends": "a minute later"})

    assert is_within(later, shown)
    assert not is_within(replace(later, **otherwise), shown)


def test_what_was_taken_back_itself_does_not() -> None:
    ensure_newest(CHANGE, [replace(NEWER, undone_by="c-3"), replace(NEWER, id="c-3", undoes="c-2")])


def test_only_what_differs_was_altered() -> None:
    change = replace(
        CHANGE, before={"name": "a", "hours": "3", "gone": "x"}, after={"name": "b", "hours": "3", "new": "y"}
    )
    assert altered(change) == [("name", "a", "b"), ("new", "", "y"), ("gone", "x", "")]


def test_a_subject_says_whom_it_concerns() -> None:
    assert concerned("quota:spring-cup/7d5e") == "spring-cup/7d5e"
    assert concerned("event.name") == ""


def test_an_instruction_is_stale_after_a_quarter_of_an_hour() -> None:
    instruction = Instruction("i-1", CHAT, "event show", NOON, REPLY)
    assert not instruction.is_stale(NOON + 15 * MINUTE - SECOND)
    assert instruction.is_stale(NOON + 15 * MINUTE)


def test_the_same_delivery_is_the_same_instruction_and_nothing_else_is() -> None:
    other = ChatIdentity(CHAT.platform, CHAT.tenant, "U9999")
    ids = [
        Asking(chat, asked_id, NOON, REPLY).digest
        for chat, asked_id in ((CHAT, "1.2"), (CHAT, "1.3"), (other, "1.2"), (CHAT, "1.2"))
    ]
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]
