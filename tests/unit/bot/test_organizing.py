"""What a change brings with it is done once it is written, by the next worker if the first one dies."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite import open_store
from bot.organizing import Organizing
from provisioning.dead_letters import DeadLetters
from provisioning.errors import AccessUnavailable, PermissionMissing, ProvisioningError
from provisioning.instructing import Order
from provisioning.instructions import Instruction
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.retrying import retry_all
from tests.unit.provisioning.spring_cup import CHAT, NOON, REPLY, ada, spring_cup


class Noon:
    def now(self) -> Any:
        return NOON


class Letters:
    """Dead letters that are taken back in so many calls, or not at all."""

    def __init__(self, *answers: bool | ProvisioningError) -> None:
        self._answers = list(answers)
        self.asked = 0

    def look(self) -> DeadLetters:
        return DeadLetters(3)

    def take_back(self) -> bool:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, ProvisioningError):
            raise answer
        return answer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in which somebody made the change of `admin retry all`, and died before doing the rest."""
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", Noon())
    event = spring_cup()
    order = Order("i-1", event, ada().key.person_id, NOON, {}, letters=DeadLetters(3))

    def die_half_way(rows: Any) -> None:
        rows.events.save(event)
        rows.instructions.save(Instruction("i-1", CHAT, "retry all", NOON, REPLY, state="changed"))
        rows.changes.save(retry_all(rows, order).change)
        rows.queue.put(Work.INSTRUCT, "i-1", NOON)

    opened.run(die_half_way).result()
    yield opened
    opened.close()


def works_once(store: Store, letters: Letters) -> bool:
    """Run one round; returns whether the instruction is still on the queue."""
    nobody: Any = None
    Organizing(store, nobody, Nobody(), nobody, Noon(), letters).round()  # type: ignore[arg-type]
    return bool(store.read(lambda rows: sum(rows.queue.depth().values())))


class Nobody:
    def of(self, *_: Any) -> dict[Any, Any]:
        return {}


def test_what_a_dead_worker_left_is_finished_by_the_next_one(store: Store) -> None:
    letters = Letters(False)

    assert not works_once(store, letters)
    assert letters.asked == 1


def test_letters_of_which_more_lie_there_are_taken_in_another_round(store: Store) -> None:
    letters = Letters(True, False)

    assert works_once(store, letters)
    assert not works_once(store, letters)
    assert letters.asked == 2


def test_a_queue_out_of_reach_is_tried_again_later(store: Store) -> None:
    assert works_once(store, Letters(AccessUnavailable()))

    due = store.read(lambda rows: rows.queue.next_due([Work.INSTRUCT]))
    assert due is not None
    assert NOON < due < NOON + timedelta(minutes=5)


def test_a_missing_permission_is_not_tried_again(store: Store) -> None:
    assert not works_once(store, Letters(PermissionMissing(permission="sqs:ReceiveMessage")))
