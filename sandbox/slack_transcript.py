"""Everything the people of a workspace were shown, in order: what tests and the demo read."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sandbox.clock import Clock
from sandbox.slack_blocks import texts

Surface = Literal["ephemeral", "dm", "channel"]
Json = dict[str, Any]


@dataclass(slots=True)
class Entry:
    """One message as it stands now. Earlier wordings are in `versions`, oldest first."""

    number: int
    at: float  # simulated seconds since 1970, of the first posting
    surface: Surface
    channel: str
    ts: str
    author: str
    text: str
    blocks: list[Json]
    reader: str | None  # the only person who sees it; None in a channel
    edited: bool = False  # by chat.update
    replaced: bool = False  # through a response URL
    deleted: bool = False
    versions: list[Json] = field(default_factory=list)

    def says(self) -> str:
        """Return all that a reader sees: the blocks' text, or the plain text when there are no blocks."""
        return "\n".join(texts(self.blocks)) if self.blocks else self.text

    def change(self, text: str, blocks: list[Json]) -> None:
        """Put new content in place of the old, which moves to `versions`."""
        self.versions.append({"text": self.text, "blocks": self.blocks})
        self.text, self.blocks = text, blocks

    def as_json(self) -> Json:
        """Return the entry with `says` added."""
        return {**asdict(self), "says": self.says()}


class Transcript:
    """The messages of one workspace. `sees(user_id, channel)` tells who reads which channel."""

    def __init__(self, clock: Clock, sees: Callable[[str, str], bool]) -> None:
        self._clock = clock
        self._sees = sees
        self._newest_ts = 0
        self._by_ts: dict[tuple[str, str], Entry] = {}
        self.entries: list[Entry] = []

    def write(
        self,
        surface: Surface,
        channel: str,
        *,
        author: str,
        text: str,
        blocks: list[Json],
        reader: str | None = None,
    ) -> Entry:
        """Append one message and give it a `ts` of its own."""
        number = len(self.entries)
        filled = [
            {**block, "block_id": block.get("block_id") or f"b{number}-{i}"} for i, block in enumerate(blocks)
        ]
        entry = Entry(
            number, self._clock.now(), surface, channel, self._next_ts(), author, text, filled, reader
        )
        self.entries.append(entry)
        self._by_ts[entry.channel, entry.ts] = entry
        return entry

    def find(self, channel: str, ts: str) -> Entry | None:
        """Return the message of this channel and time, unless it was deleted."""
        entry = self._by_ts.get((channel, ts))
        return None if entry is None or entry.deleted else entry

    def visible_to(self, user_id: str) -> list[Entry]:
        """Return everything this person can see now, oldest first."""
        return [
            entry
            for entry in self.entries
            if not entry.deleted
            and (entry.reader == user_id or (entry.reader is None and self._sees(user_id, entry.channel)))
        ]

    def in_channel(self, channel: str) -> list[Entry]:
        """Return what stands in one conversation, ephemeral messages included, oldest first."""
        return [entry for entry in self.entries if entry.channel == channel and not entry.deleted]

    def newest_dm(self, user_id: str) -> Entry | None:
        """Return the direct message this person got last, or None."""
        return next((entry for entry in reversed(self.visible_to(user_id)) if entry.surface == "dm"), None)

    def _next_ts(self) -> str:
        # A ts names a message within its channel, so no two may share a microsecond.
        self._newest_ts = max(self._newest_ts + 1, int(self._clock.now() * 1_000_000))
        return f"{self._newest_ts // 1_000_000}.{self._newest_ts % 1_000_000:06d}"
