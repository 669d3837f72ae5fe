"""The rows of instructions."""

from dataclasses import replace
from datetime import datetime

from adapters.codec.instructions import pack_instruction, unpack_instruction
from adapters.sqlite.sql import Sql, to_int
from provisioning.errors import StaleWrite
from provisioning.instructions import Instruction

_GET = "SELECT version, body FROM instructions WHERE id = ?"
_INSERT = """
    INSERT INTO instructions (version, is_waiting, received_at, body, id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE instructions SET version = ?, is_waiting = ?, received_at = ?, body = ?
    WHERE id = ? AND version = ?
"""
_WAITING = """
    SELECT id FROM instructions WHERE is_waiting = 1 AND received_at < ? ORDER BY received_at, id LIMIT ?
"""
_FORGET = "DELETE FROM instructions WHERE is_waiting = 0 AND received_at < ?"


class InstructionRows:
    """The instructions of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def get(self, instruction_id: str) -> Instruction | None:
        row = self._sql.one(_GET, (instruction_id,))
        return None if row is None else unpack_instruction(row[1], instruction_id, row[0])

    def save(self, instruction: Instruction) -> Instruction:
        version = instruction.version + 1
        values = (
            version,
            instruction.state == "waiting",
            to_int(instruction.received_at),
            pack_instruction(instruction),
            instruction.id,
        )
        if instruction.version == 0:
            written = self._sql.change(_INSERT, values)
        else:
            written = self._sql.change(_UPDATE, (*values, instruction.version))
        if not written:
            raise StaleWrite(row=f"instruction {instruction.id}")
        return replace(instruction, version=version)

    def waiting(self, received_before: datetime, limit: int) -> tuple[str, ...]:
        return tuple(row[0] for row in self._sql.all(_WAITING, (to_int(received_before), limit)))

    def forget(self, received_before: datetime) -> int:
        return self._sql.change(_FORGET, (to_int(received_before),))
