"""The ledger: which memberships in somebody else's directory are ours, and so may be taken back by us.

A row is keyed by (target, person), never by event. It is written before the first effect and says whether the
person was a member before us; that is never changed afterwards. It lists the events that need the membership.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from provisioning.ids import EventId, PersonId, TargetId
from provisioning.quotas import NOTHING_KNOWN, OnSite


@dataclass(frozen=True, slots=True)
class Entry:
    """One membership that some event of ours needed.

    `add_may_land_until` / `remove_may_land_until`: a call whose outcome we do not know may still take effect
    until then; before that moment no reading of the directory settles the question for the other direction.
    """

    target: TargetId
    person_id: PersonId
    present_before: bool
    needed_by: frozenset[EventId]
    add_may_land_until: datetime | None = None
    remove_may_land_until: datetime | None = None
    on_site: OnSite = NOTHING_KNOWN  # of a membership on a racing site
    version: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether we made this membership, so that withdrawing it is ours to do."""
        return not self.present_before

    def may_yet_appear(self, now: datetime) -> bool:
        """Whether an unanswered add may still take effect."""
        return self.add_may_land_until is not None and self.add_may_land_until > now

    def may_yet_vanish(self, now: datetime) -> bool:
        """Whether an unanswered removal may still take effect."""
        return self.remove_may_land_until is not None and self.remove_may_land_until > now


def intend(
    known: Entry | None,
    target: TargetId,
    person_id: PersonId,
    event_id: EventId,
    *,
    present: bool,
    may_land_until: datetime,
) -> Entry:
    """Return the row to commit before an add: this event needs the membership; an add may land until then.

    `present` (read before the first effect) counts only when there is no row yet. What a site was told that
    the person may use may not hold any more once they are added anew.
    """
    entry = known or Entry(target, person_id, present, frozenset())
    return replace(
        entry,
        needed_by=entry.needed_by | {event_id},
        add_may_land_until=_later(entry.add_may_land_until, may_land_until),
        on_site=replace(entry.on_site, quota=None, untold_since=None),
    )


def release(entry: Entry, event_id: EventId) -> tuple[Entry, bool]:
    """Return the row without this event's need, and whether the membership is now ours to withdraw."""
    left = replace(entry, needed_by=entry.needed_by - {event_id})
    return left, left.is_ours and not left.needed_by


def withdrawing(entry: Entry, may_land_until: datetime) -> Entry:
    """Return the row to commit before a removal."""
    return replace(entry, remove_may_land_until=_later(entry.remove_may_land_until, may_land_until))


def added(entry: Entry, doubt_before: datetime | None) -> Entry:
    """Return the row after an add was answered. An older, still unanswered add keeps its doubt."""
    return replace(entry, add_may_land_until=doubt_before)


def withdrawn(entry: Entry, doubt_before: datetime | None) -> Entry:
    """Return the row after a removal was answered. An older, still unanswered removal keeps its doubt."""
    return replace(entry, remove_may_land_until=doubt_before)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one
