"""Instructions and changes: what organizers said, and what it altered."""

from dataclasses import replace
from typing import Any

import pytest

from provisioning.changes import Change
from provisioning.errors import StaleWrite
from provisioning.instructing import note_instruction
from provisioning.instructions import Instruction
from provisioning.joining import Asking
from provisioning.ports import Store, Unit
from provisioning.queue import Job, Work
from provisioning.requests import ReplyTo
from tests.contract.samples import AUTUMN, MORNING, SPRING, after, chat, person


def an_instruction(name: str = "i-1", *, received: float = 0.0, **changes: Any) -> Instruction:
    facts: dict[str, Any] = {"words": "event show", "reply": ReplyTo(chat(1))}
    return Instruction(id=name, chat=chat(1), received_at=after(received), **(facts | changes))


def a_change(name: str = "c-1", *, made: float = 0.0, **changes: Any) -> Change:
    facts: dict[str, Any] = {
        "event_id": SPRING,
        "by": person(1),
        "kind": "event-set",
        "subjects": ("event.name",),
    }
    return Change(id=name, at=after(made), **(facts | changes))


def save(store: Store, instruction: Instruction) -> Instruction:
    return store.run(lambda rows: rows.instructions.save(instruction)).result()


def make(store: Store, change: Change) -> Change:
    return store.run(lambda rows: rows.changes.save(change)).result()


def test_an_instruction_is_read_back_as_it_was_saved(store: Store) -> None:
    instruction = an_instruction(
        pressed=True,
        state="asking",
        person_id=person(1),
        event_id=SPRING,
        people={"slack:T:U2": person(2)},
        refusal="DR-265",
        facts={"field": "opens"},
        proposed=a_change("i-1", people=3, before={"name": "a"}, after={"name": "b"}),
        led_to="i-2",
        delay_told=True,
    )
    saved = save(store, instruction)
    assert saved == replace(instruction, version=1)
    assert store.read(lambda rows: rows.instructions.get("i-1")) == saved


def test_what_nobody_said_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.instructions.get("i-1")) is None
    assert store.read(lambda rows: rows.changes.get("c-1")) is None


@pytest.mark.parametrize("version", [0, 2])
def test_a_row_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    instruction, change = save(store, an_instruction()), make(store, a_change())
    with pytest.raises(StaleWrite):
        save(store, an_instruction(state="answered", version=version))
    with pytest.raises(StaleWrite):
        make(store, a_change(undone_by="c-2", version=version))
    assert store.read(lambda rows: rows.instructions.get("i-1")) == instruction
    assert store.read(lambda rows: rows.changes.get("c-1")) == change


def test_waiting_instructions_come_oldest_first_and_not_from_after_the_moment(store: Store) -> None:
    for name, received in (("i-1", 30), ("i-2", 10), ("i-3", 40)):
        save(store, an_instruction(name, received=received))
    save(store, an_instruction("i-4", received=5, state="answered"))
    assert store.read(lambda rows: rows.instructions.waiting(after(40), 10)) == ("i-2", "i-1")
    assert store.read(lambda rows: rows.instructions.waiting(after(40), 1)) == ("i-2",)


def test_only_old_instructions_that_wait_no_more_are_forgotten(store: Store) -> None:
    save(store, an_instruction("i-1", received=1))
    save(store, an_instruction("i-2", received=1, state="refused"))
    save(store, an_instruction("i-3", received=9, state="refused"))
    assert store.run(lambda rows: rows.instructions.forget(after(5))).result() == 1
    left = [
        name
        for name in ("i-1", "i-2", "i-3")
        if store.read(lambda rows, name=name: rows.instructions.get(name))  # type: ignore[misc]
    ]
    assert left == ["i-1", "i-3"]


def test_a_change_is_read_back_as_it_was_made(store: Store) -> None:
    change = a_change(
        subjects=("event.name", "event.capacity"),
        people=214,
        before={"name": "Spring Cup"},
        after={"name": "Späte Cup", "capacity": "3"},
        reason="typo",
        undo_until=after(600),
        undone_by="c-2",
        undoes="c-0",
    )
    assert make(store, change) == replace(change, version=1)
    assert store.read(lambda rows: rows.changes.get("c-1")) == replace(change, version=1)


def test_changes_of_an_event_come_newest_first_from_a_moment_on(store: Store) -> None:
    for name, made in (("c-1", 1), ("c-2", 3), ("c-3", 2), ("c-4", 3)):
        make(store, a_change(name, made=made))
    make(store, a_change("c-5", made=9, event_id=AUTUMN))
    found = store.read(lambda rows: rows.changes.since(SPRING, after(2)))
    assert [change.id for change in found] == ["c-4", "c-2", "c-3"]


def test_old_changes_are_forgotten(store: Store) -> None:
    make(store, a_change("c-1", made=1))
    make(store, a_change("c-2", made=2))
    assert store.run(lambda rows: rows.changes.forget(after(2))).result() == 1
    assert [change.id for change in store.read(lambda rows: rows.changes.since(SPRING, MORNING))] == ["c-2"]


def test_what_was_said_is_carried_out_only_when_working_on_it_has_been_shown(store: Store) -> None:
    asking = Asking(chat(1), "trigger-1", after(0), ReplyTo(chat(1)))
    store.run(lambda rows: note_instruction(rows, asking, "event show", pressed=False)).result()

    found = [store.run(leasing(seconds)).result() for seconds in (0.49, 0.5)]

    assert [len(jobs) for jobs in found] == [0, 1]


def leasing(seconds: float) -> Unit[tuple[Job, ...]]:
    return lambda rows: rows.queue.lease(Work.INSTRUCT, 1, "t", after(seconds), after(seconds + 60))
