"""The audit: who did what to whom, in the order in which it was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provisioning.ids import EventId


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit. It names people by object id or chat identity, never by name or e-mail."""

    at: datetime
    actor: str  # a person id, a chat identity, "bot", "directory" or "command line"
    action: str  # one word of `docs/words.md`: "asked", "refused", "bound", "granted", "withdrawn", …
    subject: str  # a registration key, request key, event id or target
    event_id: EventId | None = None
    correlation: str = ""  # follows one chat request to its last effect
    facts: Mapping[str, str] = field(default_factory=dict)
