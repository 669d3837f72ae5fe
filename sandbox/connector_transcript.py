"""Everything the people of Teams were shown, in order: what tests and the demo read."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.connector_cards import texts
from sandbox.connector_conversations import Kind, bare

TEAMS = "Teams"  # the author of what the client itself says to one person
Json = dict[str, Any]


@dataclass(slots=True)
class TeamsEntry:
    """One message as it stands now. Earlier wordings are in `versions`, oldest first."""

    number: int
    at: float  # simulated seconds since 1970, of the first posting
    kind: Kind
    conversation: str  # without the thread
    thread: str | None  # id of the activity that began it; in a channel every message has one
    activity_id: str
    author: str  # id of a person or of the bot, or TEAMS
    text: str
    card: Json | None
    answers: str | None = None  # id of the activity that this replies to
    reader: str | None = None  # the only person who sees it; None: who is in the conversation
    edited: bool = False  # by the bot, through the API
    replaced: bool = False  # by the answer to a pressed button
    deleted: bool = False
    versions: list[Json] = field(default_factory=list)
    views: dict[str, Json] = field(default_factory=dict)  # card that one person sees in place of `card`

    def says(self, viewer: str | None = None) -> str:
        """Return all that this viewer reads: text, card or both."""
        card = self.card_of(viewer)
        return _read(self.text, card)

    def card_of(self, viewer: str | None) -> Json | None:
        """Return the card as this viewer sees it."""
        return self.views.get(viewer or "", self.card)

    def wordings(self, viewer: str | None = None) -> list[str]:
        """Return everything this message has said, the newest as this viewer reads it."""
        return [*(_read(one["text"], one["card"]) for one in self.versions), self.says(viewer)]

    def change(self, text: str, card: Json | None) -> None:
        """Put new content in place of the old, which moves to `versions`; views of single people end."""
        self.versions.append({"text": self.text, "card": self.card})
        self.text, self.card = text, card
        self.views.clear()

    def as_json(self, viewer: str | None = None) -> Json:
        """Return the entry as this viewer sees it, with `says` and `wordings` added."""
        shown = asdict(self) | {"card": self.card_of(viewer), "says": self.says(viewer)}
        shown["wordings"] = self.wordings(viewer)
        del shown["views"]
        return shown


class TeamsTranscript:
    """The messages of one tenant. `sees(user_id, conversation)` tells who reads which conversation."""

    def __init__(self, clock: Clock, sees: Callable[[str, str], bool]) -> None:
        self._clock = clock
        self._sees = sees
        self._newest_id = 0
        self._by_id: dict[tuple[str, str], TeamsEntry] = {}
        self.entries: list[TeamsEntry] = []

    def next_id(self) -> str:
        """Return a new activity id: milliseconds since 1970, no two alike."""
        self._newest_id = max(self._newest_id + 1, int(self._clock.now() * 1000))
        return str(self._newest_id)

    def write(
        self,
        kind: Kind,
        conversation: str,
        *,
        author: str,
        text: str = "",
        card: Json | None = None,
        thread: str | None = None,
        answers: str | None = None,
        reader: str | None = None,
    ) -> TeamsEntry:
        """Append one message. In a channel it begins a thread of its own unless it is told one."""
        activity_id = self.next_id()
        if kind == "channel" and thread is None:
            thread = activity_id
        entry = TeamsEntry(
            len(self.entries),
            self._clock.now(),
            kind,
            bare(conversation),
            thread,
            activity_id,
            author,
            text,
            card,
            answers,
            reader,
        )
        self.entries.append(entry)
        self._by_id[entry.conversation, activity_id] = entry
        return entry

    def find(self, conversation: str, activity_id: str) -> TeamsEntry | None:
        """Return the message of this conversation and id, unless it was deleted."""
        entry = self._by_id.get((bare(conversation), activity_id))
        return None if entry is None or entry.deleted else entry

    def has_thread(self, conversation: str, thread: str) -> bool:
        """Tell whether a message that is not deleted began this thread."""
        entry = self.find(conversation, thread)
        return entry is not None and entry.thread == thread

    def visible_to(self, user_id: str) -> list[TeamsEntry]:
        """Return everything this person can see now, oldest first."""
        return [
            entry
            for entry in self.entries
            if not entry.deleted
            and (
                entry.reader == user_id or (entry.reader is None and self._sees(user_id, entry.conversation))
            )
        ]

    def in_conversation(self, conversation: str) -> list[TeamsEntry]:
        """Return what stands in one conversation, or in one thread of it, oldest first."""
        _, _, thread = conversation.partition(";messageid=")
        return [
            entry
            for entry in self.entries
            if entry.conversation == bare(conversation) and not entry.deleted and thread in ("", entry.thread)
        ]


def _read(text: str, card: Json | None) -> str:
    return "\n".join([*([text] if text else []), *(texts(card) if card else ())])
