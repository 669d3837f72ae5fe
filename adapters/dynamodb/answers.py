"""The rows of answers to the questions of an event: those of one racer together, and listed by event."""

from collections.abc import Mapping
from datetime import datetime

from adapters.codec.fields import pack_text, unpack_text
from adapters.dynamodb.items import Item, Key, listed, to_int
from adapters.dynamodb.session import Session
from provisioning.ids import EventId, PersonId, RegistrationKey


class AnswerRows:
    """The answers of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def of(self, key: RegistrationKey) -> Mapping[str, str]:
        return {
            found[1].removeprefix(_prefix(key.event_id)): unpack_text(str(row["answer"]))
            for found, row in self._all(key)
        }

    def save(self, key: RegistrationKey, question: str, answer: str, at: datetime) -> None:
        row: Item = {
            "answer": pack_text(answer),
            "answered_at": to_int(at),
            **listed("answers", key.event_id, f"{key.person_id}#{question}"),
        }
        self._session.set((f"person#{key.person_id}", f"{_prefix(key.event_id)}{question}"), row)

    def of_event(self, event_id: EventId) -> tuple[tuple[PersonId, str, str], ...]:
        return tuple(
            (
                PersonId(key[0].removeprefix("person#")),
                key[1].removeprefix(_prefix(event_id)),
                unpack_text(str(row["answer"])),
            )
            for key, row in self._session.found("answers", event_id)
        )

    def forget(self, key: RegistrationKey) -> int:
        return self._session.drop([found for found, _ in self._all(key)])

    def _all(self, key: RegistrationKey) -> list[tuple[Key, Item]]:
        return self._session.partition(f"person#{key.person_id}", _prefix(key.event_id))


def _prefix(event_id: EventId) -> str:
    return f"answer#{event_id}#"
