"""The rows of answers to the questions of an event."""

from collections.abc import Mapping
from datetime import datetime

from adapters.codec.fields import pack_text, unpack_text
from adapters.sqlite.sql import Sql, to_int
from provisioning.ids import EventId, PersonId, RegistrationKey

_OF = "SELECT question, answer FROM answers WHERE event_id = ? AND person_id = ?"
_SAVE = """
    INSERT INTO answers (event_id, person_id, question, answer, answered_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET answer = ?4, answered_at = ?5
"""
_OF_EVENT = """
    SELECT person_id, question, answer FROM answers WHERE event_id = ? ORDER BY person_id, question
"""
_FORGET = "DELETE FROM answers WHERE event_id = ? AND person_id = ?"


class AnswerRows:
    """The answers of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def of(self, key: RegistrationKey) -> Mapping[str, str]:
        rows = self._sql.all(_OF, (key.event_id, key.person_id))
        return {question: unpack_text(answer) for question, answer in rows}

    def save(self, key: RegistrationKey, question: str, answer: str, at: datetime) -> None:
        values = (key.event_id, key.person_id, question, pack_text(answer), to_int(at))
        self._sql.change(_SAVE, values)

    def of_event(self, event_id: EventId) -> tuple[tuple[PersonId, str, str], ...]:
        return tuple(
            (PersonId(person), question, unpack_text(answer))
            for person, question, answer in self._sql.all(_OF_EVENT, (event_id,))
        )

    def forget(self, key: RegistrationKey) -> int:
        return self._sql.change(_FORGET, (key.event_id, key.person_id))
