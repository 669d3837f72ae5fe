"""The bot's voice by e-mail: whoever is ready gets the same as in chat, at the address in the directory."""

from dataclasses import dataclass
from typing import Protocol

from adapters.chat.letter import Letter, letter
from bot import wording
from bot.addresses import Mails
from bot.words import words
from provisioning.access import Failed
from provisioning.deciding import Stage
from provisioning.errors import ChatUnavailable, Unavailable, Undeliverable
from provisioning.ids import RegistrationKey
from provisioning.joining import standing_of
from provisioning.outbox import Notice
from provisioning.outcomes import Standing
from provisioning.ports import Clock, Rows, Store


class Post(Protocol):
    """Who sends letters."""

    def send(self, to: str, letter: Letter) -> str:
        """Send it and return its id. Raises Undeliverable and ChatUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class MailVoice:
    """Implements `provisioning.outbox.Voice`. The address is read when it is needed, and kept nowhere."""

    store: Store
    post: Post
    mails: Mails
    clock: Clock

    def say(self, notice: Notice) -> str:
        """Send it, while it is still true; see `Voice.say`."""
        key = RegistrationKey.parse(notice.about.partition(":")[2])
        found = self.store.read(lambda rows: self._standing(rows, key))
        if found is None or found.stage is not Stage.READY or found.registration.serial != notice.serial:
            raise Undeliverable(reason="overtaken")
        address = self.mails([key.person_id])[key.person_id]
        if isinstance(address, Failed):
            if isinstance(address.error, Unavailable):
                raise ChatUnavailable(address.error.retry_after, reason=address.error.code)
            raise address.error
        if address is None:
            raise Undeliverable(reason="no address")
        reply = found.registration.reply
        spoken = words(reply.locale, reply.chat.platform) if reply is not None else words(None, "slack")
        return self.post.send(address, letter(wording.standing(spoken, found), spoken.language))

    def _standing(self, rows: Rows, key: RegistrationKey) -> Standing | None:
        registration, event = rows.registrations.get(key), rows.events.get(key.event_id)
        if registration is None or event is None:
            return None
        return standing_of(rows, event, registration, self.clock.now())
