"""Dead letters: what the queue of the host gave up after trying it again and again, and the way back.

A letter is a wake-up call for a key and never the work itself: that stands in the store, where the sweeper
finds it. So a letter can be taken back as often as one likes, and one that is lost loses nothing.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

from provisioning.errors import ProvisioningError

KEPT = "letters"  # under which an instruction keeps what was seen until its answer is sent
UNREADABLE = "unreadable"  # the kind of a letter that is none of ours, or of a newer version of the bot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What was seen: how many lie there, and how many of those that were looked at are of which kind.

    A kind is a `Work`, or UNREADABLE. `problem` is the code of what kept them from being looked at.
    """

    count: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def staying(self) -> int:
        """Return how many would stay where they are, as far as they were looked at: who cannot be read."""
        return self.kinds.get(UNREADABLE, 0)


class DeadLetterQueue(Protocol):
    """Where the queue of the host puts what it has given up."""

    def look(self) -> DeadLetters:
        """Return what lies there; it stays. Raises Unavailable or Misconfigured."""
        ...

    def take_back(self) -> bool:
        """Put letters that can be read back onto the queue they came from; True when more may lie there.

        Each is on the queue before it leaves this one: after a crash in between it is on both, and is worked
        off twice, which is once. Raises Unavailable or Misconfigured.
        """
        ...


def seen(queue: DeadLetterQueue | None) -> DeadLetters | None:
    """Return what lies in this queue, with the problem where it does not say; None without a queue."""
    if queue is None:
        return None
    try:
        return queue.look()
    except ProvisioningError as error:
        found = {"action": "dead-letters", "code": error.code, "facts": error.facts}
        log.warning("the dead letters cannot be seen", extra=found)
        return DeadLetters(problem=error.code)


def packed(letters: DeadLetters) -> Mapping[str, str]:
    """Return what was seen in the form in which an instruction keeps it."""
    return {KEPT: json.dumps(asdict(letters))}


def unpacked(facts: Mapping[str, str]) -> DeadLetters | None:
    """Return what `packed` keeps; None where nothing was looked at."""
    return DeadLetters(**json.loads(facts[KEPT])) if KEPT in facts else None
