"""The outbox: messages the bot owes, written with the change they tell of and sent afterwards.

A notice about a registration or a request holds no text: what it says is read from the row at the moment of
sending, so that it is true. A result that has been overtaken by a newer one is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from provisioning.ids import Platform
from provisioning.requests import ReplyTo


class Kind(StrEnum):
    """What a notice is, which decides where it goes and how urgent it is."""

    RESULT = "result"  # a new direct message: the newest truth about a registration or a request
    NOTE = "note"  # a new direct message beside the results: something about a registration is different now
    CARD = "card"  # the place where they asked, brought up to date; coalesced, low priority
    EDIT = "edit"  # an earlier direct message that has been overtaken, brought up to date; low priority
    POST = "post"  # a message to a channel (organizers' feed, announcements)
    ANNOUNCEMENT = "announcement"  # what a channel shows of an event or a race: posted once, then edited
    REMINDER = "reminder"  # a new direct message that is in no hurry: what ends soon, a certificate
    MAIL = "mail"  # the same by e-mail, for whoever is ready; at most once
    ANSWER = "answer"  # what an instruction came to: where it was said, else as a direct message


# Nothing else gets in their way.
NEW_MESSAGES = frozenset({Kind.RESULT, Kind.NOTE, Kind.POST, Kind.ANSWER})
AT_MOST_ONCE = frozenset({Kind.MAIL})  # rather never than twice: whoever died while sending may have sent
DUE_AGAIN = frozenset({Kind.CARD, Kind.ANNOUNCEMENT})  # owed once more, they are brought up to date


@dataclass(frozen=True, slots=True)
class Notice:
    """One message owed. `id` is unique: `result:<about>:<serial>`, `card:<about>:<platform>`,
    `edit:<id of the result>:<serial of the newer one>`, `note:<about>:<says>:<id of the change>`,
    `post:<channel>:<what>`, `answer:<about>`, `announcement:<channel>:<event>:<subject>`,
    `reminder:<about>:<what>`, `<about>:<serial>` of a mail.

    `about` is "registration:<key>", "request:<key>", "instruction:<id>", "picture:<chat identity>",
    "signin:<key of a registration>", "certificate:<…>", "mail:<…>" or, for a post and an announcement, the
    channel ("slack:C0123"). `says` and `facts` are the catalog key and values of a post, the error code and
    values of a refusal, or the kind of an announcement with its event and race; an edit names the notice to
    be changed in `says`, and a note what is different ("quota"). Empty where the row itself is read.
    """

    id: str
    kind: Kind
    about: str
    to: ReplyTo | None = None
    serial: int = 0
    says: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    sent_at: datetime | None = None
    reference: str | None = None  # the platform's own address of what was sent, for edits
    dropped: str | None = None  # why it was not sent: "overtaken", or an error code
    version: int = 0

    @property
    def is_new_message(self) -> bool:
        """Whether it notifies somebody who waits for it; what does not is never in the way of what does."""
        return self.kind in NEW_MESSAGES or (self.kind is Kind.ANNOUNCEMENT and self.reference is None)


def result_id(about: str, serial: int) -> str:
    """Return the id of the result of this number about this."""
    return f"result:{about}:{serial}"


def card_id(about: str, platform: Platform) -> str:
    """Return the id of the card about this where somebody asked on this platform."""
    return f"card:{about}:{platform}"


def about_of(notice_id: str) -> str:
    """Return what the result or the card of this id is about, "" for other notices: their row says it."""
    kind, _, rest = notice_id.partition(":")
    return rest.rpartition(":")[0] if kind in {"result", "card"} else ""


def speaking_lease(about: str) -> str:
    """Return the name of the lease that is held while something is said about this."""
    return f"speak:{about}"


class Voice(Protocol):
    """Speaks on one chat platform. The bot implements it, wording the notice, over the platform's speaker."""

    def say(self, notice: Notice) -> str | None:
        """Send or edit the message, and return the platform's address of it.

        Raises ChatUnavailable when it is worth trying again, Undeliverable when it is not.
        """
        ...
