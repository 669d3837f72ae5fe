"""Entra's eventual consistency: what was written a moment ago may not be seen yet, and so for app-only
callers.

The company holds the truth. Here lies only what readers do not see yet: for each write, until when, and what
they see instead. Each write takes a random time of up to `visibility_seconds`, and the writes about one
member become visible in their order. Changes made to the company directly are seen at once.
"""

import random
from collections.abc import Callable

from sandbox.clock import Clock
from sandbox.company import EntraGroup


class Replication:
    """The writes that readers do not see yet."""

    def __init__(self, clock: Clock, dice: random.Random, visibility_seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._dice = dice
        self._visibility_seconds = visibility_seconds
        # Group id -> member id -> (visible at, whether they were a member before) in the order of writing.
        self._hidden: dict[str, dict[str, list[tuple[float, bool]]]] = {}
        self._created: dict[str, float] = {}  # object id -> visible at

    def wrote(self, group_id: str, member_ids: list[str], *, was_member: bool) -> None:
        """Hide one write, which made these members or ended that, until its time has come."""
        visible_at = self._clock.now() + self._dice.uniform(0.0, self._visibility_seconds())
        members = self._hidden.setdefault(group_id, {})
        for member_id in member_ids:
            members.setdefault(member_id, []).append((visible_at, was_member))

    def created(self, object_id: str, seconds: float) -> None:
        """Hide a new user or group for so many seconds from reads, and from writes that refer to it."""
        self._created[object_id] = self._clock.now() + seconds

    def is_visible(self, object_id: str) -> bool:
        """Whether the object, if it exists, has reached every replica."""
        if self._clock.now() < self._created.get(object_id, 0.0):
            return False
        self._created.pop(object_id, None)
        return True

    def members(self, group: EntraGroup) -> set[str]:
        """Return the ids of the members as a reader sees them now."""
        seen = set(group.members)
        for member_id in list(self._hidden.get(group.id, ())):
            was_member = self._hidden_state(group.id, member_id)
            if was_member is True:
                seen.add(member_id)
            elif was_member is False:
                seen.discard(member_id)
        return seen

    def is_member(self, group: EntraGroup, member_id: str) -> bool:
        """Whether a reader sees this member in the group now."""
        was_member = self._hidden_state(group.id, member_id)
        return member_id in group.members if was_member is None else was_member

    def _hidden_state(self, group_id: str, member_id: str) -> bool | None:
        """Return what readers still see instead of the truth; None when they see the truth."""
        members = self._hidden.get(group_id, {})
        now = self._clock.now()
        waiting = [write for write in members.get(member_id, ()) if write[0] > now]
        if waiting:
            members[member_id] = waiting
            # What was before the earliest write not yet seen: a later one never shows before it.
            return waiting[0][1]
        members.pop(member_id, None)
        return None
