"""The rows of instructions."""

from dataclasses import replace
from datetime import datetime

from adapters.codec.instructions import pack_instruction, unpack_instruction
from adapters.dynamodb.items import FADES, Key, Value, fading, listed, ordered, to_int
from adapters.dynamodb.session import Session
from provisioning.instructions import KEPT, Instruction

_PREFIX = "instruction#"
_SWEPT = 100  # deleted in one unit; the sweeper comes again


class InstructionRows:
    """The instructions of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def get(self, instruction_id: str) -> Instruction | None:
        row = self._session.row(_key(instruction_id))
        return (
            None if row is None else unpack_instruction(str(row["body"]), instruction_id, int(row["version"]))
        )

    def save(self, instruction: Instruction) -> Instruction:
        order = f"{ordered(to_int(instruction.received_at))}#{instruction.id}"
        row: dict[str, Value] = {"body": pack_instruction(instruction)}
        if instruction.state == "waiting":
            row |= listed("instructions", "", order)
        else:
            row |= listed("instructed", "", order) | {FADES: fading(instruction.received_at, KEPT)}
        called = f"instruction {instruction.id}"
        version = self._session.save(_key(instruction.id), row, instruction.version, called)
        return replace(instruction, version=version)

    def waiting(self, received_before: datetime, limit: int) -> tuple[str, ...]:
        found = self._session.found("instructions", high=ordered(to_int(received_before)), limit=limit)
        return tuple(key[0].removeprefix(_PREFIX) for key, _ in found)

    def forget(self, received_before: datetime) -> int:
        found = self._session.found("instructed", high=ordered(to_int(received_before)), limit=_SWEPT)
        return self._session.drop([key for key, _ in found])


def _key(instruction_id: str) -> Key:
    return (f"{_PREFIX}{instruction_id}", "-")
