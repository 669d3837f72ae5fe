"""An instruction: what somebody said to the bot as an organizer, before it is known whether they are one.

waiting ─▶ refused                        with a code
        ─▶ answered                       a question; what it asks is read when the answer is sent
        ─▶ asking ─▶ confirmed            a change that wants a yes: shown, then told by another instruction
        ─▶ previewed                      a dry run: shown, never made
        ─▶ changed                        the change of the same id is made
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from provisioning.changes import Change
from provisioning.ids import ChatIdentity, EventId, PersonId
from provisioning.requests import ReplyTo

STALE = timedelta(minutes=15)  # an instruction older than this is not run
CONFIRMED_WITHIN = timedelta(minutes=15)  # so long a preview can be confirmed
KEPT = timedelta(days=2)  # longer than a platform repeats itself, and than an answer is kept trying

State = Literal["waiting", "refused", "answered", "asking", "confirmed", "previewed", "changed"]


@dataclass(frozen=True, slots=True)
class Given:
    """A list that goes along with words: pasted as it is, and the platform's id of a file."""

    text: str = ""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `words` are those after "admin", `pressed` whether a button said them.

    `given` is the list that came with the words. `people` holds whom the targets in the words were found to
    be; `proposed` the change that was shown and not made; `led_to` the instruction that made it after a yes.
    """

    id: str
    chat: ChatIdentity
    words: str
    received_at: datetime
    reply: ReplyTo
    pressed: bool = False
    given: Given | None = None
    state: State = "waiting"
    person_id: PersonId | None = None
    event_id: EventId | None = None
    people: Mapping[str, PersonId] = field(default_factory=dict)
    refusal: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # of the refusal, or read for the answer
    proposed: Change | None = None
    led_to: str | None = None
    delay_told: bool = False  # they were told that it waits for an outside system
    version: int = 0

    def is_stale(self, now: datetime) -> bool:
        """Whether it has waited too long to be run."""
        return now >= self.received_at + STALE
