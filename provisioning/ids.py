"""The identifiers of the field, as distinct types so that they cannot be swapped."""

from dataclasses import dataclass
from typing import Literal, NewType

EventId = NewType("EventId", str)  # stable, lower-case, chosen by the organizer: "spring-cup-2027"
PersonId = NewType("PersonId", str)  # the directory's immutable object id (Entra: a lower-case GUID)
GroupId = NewType("GroupId", str)  # a group of an outside directory
TargetId = NewType("TargetId", str)  # what a grant gives membership in: "entra-group:<group id>"

Platform = Literal["slack", "teams"]


@dataclass(frozen=True, slots=True, order=True)
class ChatIdentity:
    """Who speaks, as a signed request or token asserts it.

    `tenant` is the Slack workspace (on Enterprise Grid the organization) or the Teams tenant; `user` is the
    platform's own user id.
    """

    platform: Platform
    tenant: str
    user: str

    def __str__(self) -> str:
        """Return the form used as a key: `slack:T0123:U0456`."""
        return f"{self.platform}:{self.tenant}:{self.user}"

    @classmethod
    def parse(cls, text: str) -> "ChatIdentity":
        """Read the form `__str__` writes. Raises ValueError for anything else."""
        platform, tenant, user = text.split(":", 2)
        if platform not in {"slack", "teams"}:
            raise ValueError(f"unknown chat platform {platform!r}")
        return cls("slack" if platform == "slack" else "teams", tenant, user)


@dataclass(frozen=True, slots=True, order=True)
class RegistrationKey:
    """One person's part in one event."""

    event_id: EventId
    person_id: PersonId

    def __str__(self) -> str:
        """Return the form used on the queue: `<event id>/<person id>`."""
        return f"{self.event_id}/{self.person_id}"

    @classmethod
    def parse(cls, text: str) -> "RegistrationKey":
        """Read the form `__str__` writes."""
        event_id, person_id = text.split("/", 1)
        return cls(EventId(event_id), PersonId(person_id))


@dataclass(frozen=True, slots=True, order=True)
class RequestKey:
    """What one chat identity asked of one event."""

    event_id: EventId
    chat: ChatIdentity

    def __str__(self) -> str:
        """Return the form used on the queue: `<event id>/<chat identity>`."""
        return f"{self.event_id}/{self.chat}"

    @classmethod
    def parse(cls, text: str) -> "RequestKey":
        """Read the form `__str__` writes."""
        event_id, chat = text.split("/", 1)
        return cls(EventId(event_id), ChatIdentity.parse(chat))
