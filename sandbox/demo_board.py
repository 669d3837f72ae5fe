"""The state of the play as an onlooker knows it: chapters, stages, and who was told what."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox import demo_words as words

Json = dict[str, Any]
STAGES = (
    ("queued", "asked, answered at once"),
    ("verified", "an employee in the directory"),
    ("in the group", "a member in Entra"),
    ("in AWS", "a member in IAM Identity Center"),
    ("ready", "told so, with the link"),
)
NIGHT = "Race Night"  # the second event
_THROTTLED = 429
_THROTTLING = {"ThrottlingException", "TooManyRequestsException"}
_BATCH = "$batch"  # its items are calls of their own


@dataclass(slots=True)
class Chapter:
    """One chapter of the story. Times are seconds since the start."""

    at: float
    title: str
    note: str = ""  # how it ended, empty while it goes on
    ended: float = 0.0


@dataclass(slots=True)
class Board:
    """What is known so far. `crowd` is who may join; each stage holds those who ever reached it."""

    crowd: frozenset[str]
    started: float = field(default_factory=time.monotonic)
    chapters: list[Chapter] = field(default_factory=list)
    reached: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name, _ in STAGES})
    in_group: frozenset[str] = frozenset()
    in_store: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)  # key -> code, of the newest refusal
    left: set[str] = field(default_factory=set)
    at_night: set[str] = field(default_factory=set)  # who are in the second event
    in_channels: list[str] = field(default_factory=list)  # what was said in channels, edits included
    ready_at: dict[str, float] = field(default_factory=dict)  # key -> when the first such message came
    messages: int = 0
    graph_requests: int = 0
    throttled: int = 0
    counts_from: int | None = None  # the entry of Graph's call log from which calls are the bot's

    def seconds(self) -> float:
        """Return how long the play has been going on."""
        return time.monotonic() - self.started

    def begin(self, title: str) -> Chapter:
        """Begin the next chapter."""
        chapter = Chapter(self.seconds(), title)
        self.chapters.append(chapter)
        return chapter

    def end(self, chapter: Chapter, note: str) -> None:
        """End a chapter."""
        chapter.note, chapter.ended = note, self.seconds()

    def look(self, seen: Json) -> None:
        """Take in what the onlooker sees (`Onlooker.look`)."""
        self.in_group, self.in_store = frozenset(seen["group"]), frozenset(seen["store"])
        for line in seen["lines"]:
            self._read(line)
        answered = self.reached["queued"]
        # Only those who asked: others may have been in the groups before.
        self.reached["in the group"] |= self.in_group & answered
        self.reached["in AWS"] |= self.in_store & answered
        self.reached["verified"] |= self.reached["in the group"]

    def count(self, graph_calls: Sequence[Json]) -> None:
        """Take in the bot's calls to Graph up to now."""
        self.graph_requests = len(answered(graph_calls))
        self.throttled = len(throttled(graph_calls))

    def _read(self, line: Json) -> None:
        key, text = line["to"], line["text"]
        if line["surface"] == "channel":
            self.in_channels.append(text)
        if line["surface"] == "dm" and words.is_ready(text, NIGHT):
            self.at_night.add(key)
            return
        self.messages += not line["edited"]
        if code := words.code(text):
            self.refused[key] = code
        if line["surface"] == "dm" and words.is_gone(text):
            self.left.add(key)
        if key not in self.crowd:
            return
        self.reached["queued"].add(key)
        if words.shows_identity(text):
            self.reached["verified"].add(key)
        if line["surface"] == "dm" and words.is_ready(text):
            self.reached["ready"].add(key)
            self.ready_at.setdefault(key, line["at"])


def throttled(calls: Sequence[Json]) -> list[Json]:
    """Return the calls that were refused because there were too many."""
    return [
        call for call in calls if call["status"] == _THROTTLED or call["detail"].get("code") in _THROTTLING
    ]


def answered(calls: Sequence[Json]) -> list[Json]:
    """Return the other calls, the items of a batch one by one."""
    refused = {call["number"] for call in throttled(calls)}
    return [call for call in calls if call["number"] not in refused and call["operation"] != _BATCH]
