"""The rows of bindings: an item with the chat identity and one with the person, written together."""

from datetime import datetime
from typing import get_args

from adapters.dynamodb.items import Item, Key, to_int
from adapters.dynamodb.session import Session
from provisioning.errors import IdentityChanged, SecondChatIdentity
from provisioning.ids import ChatIdentity, PersonId, Platform

_PREFIX = "binding#"


class BindingRows:
    """The bindings of the table."""

    def __init__(self, session: Session) -> None:
        """Speak through this session."""
        self._session = session

    def person_of(self, chat: ChatIdentity) -> PersonId | None:
        row = self._session.row(chat_key(chat))
        return None if row is None else PersonId(str(row["person"]))

    def chat_of(self, person_id: PersonId, platform: Platform) -> ChatIdentity | None:
        row = self._session.row(_person_key(person_id, platform))
        return None if row is None else ChatIdentity.parse(str(row["chat"]))

    def chats_of(self, person_id: PersonId) -> tuple[ChatIdentity, ...]:
        self._session.load(person_keys(person_id))
        found = (self._session.row(key) for key in person_keys(person_id))
        return tuple(ChatIdentity.parse(str(row["chat"])) for row in found if row is not None)

    def claim(self, chat: ChatIdentity, person_id: PersonId, at: datetime) -> bool:
        bound = self.person_of(chat)
        if bound is not None:
            if bound != person_id:
                raise IdentityChanged
            # Whoever is folded in by this binding must not be forgotten with it at the same moment.
            self._session.hold_still(chat_key(chat))
            return False
        if self.chat_of(person_id, chat.platform) is not None:
            raise SecondChatIdentity
        row: Item = {"person": person_id, "chat": str(chat), "bound_at": to_int(at)}
        self._session.set(chat_key(chat), row)
        self._session.set(_person_key(person_id, chat.platform), row)
        return True

    def release(self, person_id: PersonId) -> int:
        found = self._session.partition(f"person#{person_id}", _PREFIX)
        chats = [ChatIdentity.parse(str(row["chat"])) for _, row in found]
        self._session.drop([chat_key(chat) for chat in chats])
        return self._session.drop([key for key, _ in found])


def chat_key(chat: ChatIdentity) -> Key:
    """Return where the binding of this chat identity is."""
    return (f"chat#{chat}", "binding")


def person_keys(person_id: PersonId) -> list[Key]:
    """Return where the bindings of this person are, by platform."""
    return [_person_key(person_id, platform) for platform in sorted(get_args(Platform))]


def _person_key(person_id: PersonId, platform: Platform) -> Key:
    return (f"person#{person_id}", f"{_PREFIX}{platform}")
