"""A request: what one chat identity asked of one event, before it is known who that is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from provisioning.ids import ChatIdentity, PersonId, RequestKey

MEMORY = {
    "slack": timedelta(minutes=10),
    "teams": timedelta(hours=24),
}  # how long a platform may repeat a request


class Wish(StrEnum):
    """What the racer wants, or an organizer wants for them."""

    RACING = "racing"
    GONE = "gone"


MOST_REMEMBERED = 100  # nobody asks more often in that time; a program that does fills no row


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the asker is answered.

    `handle` is the platform's own way back to the place where they asked (Slack: the response URL), good for
    `handle_posts` messages until `handle_until`. A direct message to `chat` is possible at any time. `locale`
    is the language tag that the platform has for them, as far as it is known: the answer is in that language.
    """

    chat: ChatIdentity
    handle: str | None = None
    handle_until: datetime | None = None
    handle_posts: int = 0
    locale: str | None = None

    def spoken_in(self, locale: str | None) -> "ReplyTo":
        """Return the same in this language, where one is known."""
        return self if locale is None else replace(self, locale=locale)

    def handle_lives(self, now: datetime, *, keep: int = 0) -> bool:
        """Whether the handle still takes a message, with `keep` posts left for later ones."""
        return (
            self.handle is not None
            and self.handle_until is not None
            and now < self.handle_until
            and self.handle_posts > keep
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of the platform that was written here, remembered so that a repetition changes nothing."""

    asked_id: str  # Slack: trigger_id or event_id
    at: datetime
    answer: str  # the name of the outcome it was answered with


@dataclass(frozen=True, slots=True)
class Request:
    """The newest thing this chat identity asked of this event.

    waiting: the gate has not decided. asking: they asked how it stands, and may be somebody whom an organizer
    added; it is no wish. folded: it became part of the registration of `person_id`. refused: the
    gate said no, with `refusal` (an error code). `received_at` orders one person's requests over platforms.
    """

    key: RequestKey
    wish: Wish
    received_at: datetime
    reply: ReplyTo
    state: Literal["waiting", "asking", "folded", "refused"] = "waiting"
    person_id: PersonId | None = None
    refusal: str | None = None
    correlation: str = ""  # of the asking that made it what it is: `Asking.digest`
    cancels_join: bool = False  # a leave that took the place of a join nobody had looked at yet
    overdue_told: bool = False
    seen: tuple[Seen, ...] = ()
    version: int = 0

    @property
    def is_pending(self) -> bool:
        """Whether the gate has still to look at it."""
        return self.state in {"waiting", "asking"}

    def remembers(self, asked_id: str) -> Seen | None:
        """Return how this platform request was answered before, or None when it is new."""
        return next((seen for seen in self.seen if seen.asked_id == asked_id), None)


def language_of(requests: Iterable[Request]) -> str | None:
    """Return the language tag under which somebody was answered last; theirs come newest first."""
    return next((one.reply.locale for one in requests if one.reply.locale is not None), None)


def remember(seen: tuple[Seen, ...], new: Seen, platform: str) -> tuple[Seen, ...]:
    """Return the memory with this request added and the outdated ones dropped."""
    oldest = new.at - MEMORY[platform]
    return (*(known for known in seen if known.at > oldest), new)[-MOST_REMEMBERED:]
