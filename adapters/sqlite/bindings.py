"""The rows of bindings: which chat identity is which person."""

from datetime import datetime

from adapters.sqlite.sql import Sql, to_int
from provisioning.errors import IdentityChanged, SecondChatIdentity
from provisioning.ids import ChatIdentity, PersonId, Platform

_PERSON_OF = "SELECT person_id FROM bindings WHERE chat = ?"
_CHAT_OF = "SELECT chat FROM bindings WHERE person_id = ? AND platform = ?"
_CHATS_OF = "SELECT chat FROM bindings WHERE person_id = ? ORDER BY platform"
_RELEASE = "DELETE FROM bindings WHERE person_id = ?"
_INSERT = "INSERT INTO bindings (chat, person_id, platform, bound_at) VALUES (?, ?, ?, ?)"


class BindingRows:
    """The bindings of the file."""

    def __init__(self, sql: Sql) -> None:
        """Speak through this connection."""
        self._sql = sql

    def person_of(self, chat: ChatIdentity) -> PersonId | None:
        row = self._sql.one(_PERSON_OF, (str(chat),))
        return None if row is None else PersonId(row[0])

    def chat_of(self, person_id: PersonId, platform: Platform) -> ChatIdentity | None:
        row = self._sql.one(_CHAT_OF, (person_id, platform))
        return None if row is None else ChatIdentity.parse(row[0])

    def chats_of(self, person_id: PersonId) -> tuple[ChatIdentity, ...]:
        return tuple(ChatIdentity.parse(chat) for (chat,) in self._sql.all(_CHATS_OF, (person_id,)))

    def release(self, person_id: PersonId) -> int:
        return self._sql.change(_RELEASE, (person_id,))

    def claim(self, chat: ChatIdentity, person_id: PersonId, at: datetime) -> bool:
        bound = self.person_of(chat)
        if bound is not None:
            if bound != person_id:
                raise IdentityChanged
            return False
        if self.chat_of(person_id, chat.platform) is not None:
            raise SecondChatIdentity
        self._sql.change(_INSERT, (str(chat), person_id, chat.platform, to_int(at)))
        return True
