"""The names of what is counted for an event. Numbers name nobody, so they stay when people are forgotten.

asked ─▶ refused:<code> | joined (and joined@<hour>) ─▶ ready (and wait:<seconds>) … left

Each counts what happened, not people: whoever leaves and joins again is counted twice in each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

ASKED = "asked"
JOINED = "joined"
READY = "ready"
LEFT = "left"
REFUSED = "refused:"
JOINED_IN = "joined@"
WAIT = "wait:"
ANSWER = "answer:"


def refused(code: str) -> str:
    """Return the name of refusals with this error code."""
    return f"{REFUSED}{code}"


def hour(at: datetime) -> str:
    """Return the name of joins in the hour of this moment, in UTC."""
    return f"{JOINED_IN}{at.astimezone(UTC):%Y-%m-%dT%H}"


def wait(seconds: float) -> str:
    """Return the name of waits of about so long: to the second up to two minutes, then less exactly."""
    unit = 1 if seconds < 120 else (10 if seconds < 3600 else 60)  # noqa: PLR2004 - where it gets coarser
    return f"{WAIT}{max(0, round(seconds / unit) * unit)}"


def answer(question: str, choice: str) -> str:
    """Return the name of this answer to this question of the event."""
    return f"{ANSWER}{question}:{choice}"


@dataclass(frozen=True, slots=True)
class Funnel:
    """What the tallies of one event say."""

    asked: int = 0
    joined: int = 0
    ready: int = 0
    left: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)  # by error code
    joins: Sequence[tuple[datetime, int]] = ()  # by hour, oldest first
    waits: Mapping[int, int] = field(default_factory=dict)  # seconds from asking to ready
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by question and choice

    def wait_at(self, share: float) -> int | None:
        """Return within how many seconds this share of the joins was ready; None before there are any."""
        waits = sorted(self.waits.items())
        wanted = share * sum(number for _, number in waits)
        reached = 0
        for seconds, number in waits:
            reached += number
            if reached >= wanted:
                return seconds
        return None


def funnel(numbers: Mapping[str, int]) -> Funnel:
    """Read the tallies of one event."""
    answers: dict[str, dict[str, int]] = {}
    for name, number in numbers.items():
        if name.startswith(ANSWER) and number:
            question, _, choice = name.removeprefix(ANSWER).partition(":")
            answers.setdefault(question, {})[choice] = number
    return Funnel(
        numbers.get(ASKED, 0),
        numbers.get(JOINED, 0),
        numbers.get(READY, 0),
        numbers.get(LEFT, 0),
        _named(numbers, REFUSED),
        tuple(
            (datetime.strptime(name, "%Y-%m-%dT%H").replace(tzinfo=UTC), number)
            for name, number in sorted(_named(numbers, JOINED_IN).items())
        ),
        {int(name): number for name, number in _named(numbers, WAIT).items()},
        answers,
    )


def _named(numbers: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): number
        for name, number in numbers.items()
        if name.startswith(prefix) and number
    }
