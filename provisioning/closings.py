"""A closing: how far an event that is over has come, and what it came to. It names no racer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provisioning.ids import EventId
from provisioning.requests import ReplyTo


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of one event. When the event is opened anew and ends again, that is a closing of its own.

    `total` counts those who were not out yet when it began, `left` those who are not out now. `result` and
    `reasons` are what was reported: by part, with what is left on the racing site, and why some were still
    leaving, by error code.
    """

    event_id: EventId
    over_at: datetime
    total: int
    left: int
    asked_by: ReplyTo | None = None  # the organizer who tore it down; they are told how it went
    result: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    reported_at: datetime | None = None
    complete_at: datetime | None = None  # everybody is out
    forgotten_at: datetime | None = None  # its retention is over, and what was personal is deleted
    version: int = 0
