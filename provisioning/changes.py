"""A change: what one instruction of an organizer altered, and for how long it can be taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provisioning.errors import UndoOvertaken
from provisioning.ids import EventId, PersonId

UNDONE_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `id` is that of the instruction that made it: an instruction makes at most one.

    `kind` names it in the catalog and finds what undoes it ("event-set"). `subjects` are the things it
    altered, each once, so that two changes of the same thing are seen: "event.capacity" of the event itself,
    "quota:<registration key>" of a racer. `people` counts whom it touches. `before` and `after` hold the
    altered values as text, by field; what is not there had, or has, no value. Where several racers have
    values of their own, the field begins with the key: "<registration key> hours". `beside` is what else is
    to be remembered, by registration key or by what was typed; the audit does not get it.
    """

    id: str
    event_id: EventId
    by: PersonId
    at: datetime
    kind: str
    subjects: tuple[str, ...]
    people: int = 0
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    undo_until: datetime | None = None  # None: it cannot be undone
    undone_by: str | None = None  # the change that took it back
    undoes: str | None = None  # the change that it took back
    beside: Mapping[str, str] = field(default_factory=dict)
    version: int = 0

    def can_be_undone(self, now: datetime) -> bool:
        """Whether it can still be taken back, as far as its own age goes."""
        return self.undo_until is not None and now < self.undo_until and self.undone_by is None


def is_within(change: Change, shown: Change) -> bool:
    """Whether a yes to what was shown is one to this change: it concerns nobody and nothing beside that.

    It may concern fewer: of those who were to be added, say, one has joined meanwhile. It begins with the
    values that were shown; what it makes of them follows from the words, where only "now" is a later one.
    """
    is_as_it_was = all(
        change.before.get(name) == shown.before.get(name) for name in {*change.before, *change.after}
    )
    return is_as_it_was and change.people <= shown.people and set(change.subjects) <= set(shown.subjects)


def undoable(change: Change) -> Change:
    """Return the change with its ten minutes."""
    return replace(change, undo_until=change.at + UNDONE_WITHIN)


def ensure_newest(change: Change, newer: Sequence[Change]) -> None:
    """Raise UndoOvertaken when one of the newer changes altered the same thing.

    A pair of a change and what took it back altered nothing.
    """
    standing = [one for one in newer if one.undone_by is None and one.undoes is None]
    if any(not set(one.subjects).isdisjoint(change.subjects) for one in standing):
        raise UndoOvertaken
