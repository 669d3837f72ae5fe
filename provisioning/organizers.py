"""Who is an organizer: a member of an event's organizer group, read from the directory and nowhere else.

What was read holds for at most a minute. What cannot be read allows nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from provisioning.access import Access, Failed, Present
from provisioning.directory import Directory
from provisioning.errors import ProvisioningError, Unavailable
from provisioning.events import EntraGroup, Event
from provisioning.identity import is_employee
from provisioning.ids import EventId, GroupId, PersonId
from provisioning.ports import Clock
from provisioning.registrations import Person

HELD = timedelta(seconds=60)  # how long a membership that was read is relied upon
DENIED = timedelta(seconds=10)  # the same for one that is not there: whoever was just added need not wait


@dataclass(frozen=True, slots=True)
class Organized:
    """The events that one person organizes, and what keeps the bot from knowing about others."""

    events: frozenset[EventId] = frozenset()
    failed: Mapping[EventId, ProvisioningError] = field(default_factory=dict)


class Organizers:
    """Asks the directory who organizes what. Share one per process: it remembers for a minute."""

    def __init__(self, groups: Access[Any], directory: Directory, clock: Clock) -> None:
        """Take the access to Entra groups, of which only the reading is used, and the directory."""
        self._groups = groups
        self._directory = directory
        self._clock = clock
        self._known: dict[tuple[GroupId, PersonId], tuple[bool, datetime]] = {}

    def of(self, people: Collection[PersonId], events: Sequence[Event]) -> dict[PersonId, Organized]:
        """Return what each of these people organizes among these events; raises nothing.

        A person that the directory does not show as an enabled member organizes nothing.
        """
        now = self._clock.now()
        self._known = {key: known for key, known in self._known.items() if known[1] > now}
        failed: dict[tuple[GroupId, PersonId], ProvisioningError] = {}
        for group in dict.fromkeys(event.organizer_group for event in events):
            asked = [one for one in people if (group, one) not in self._known]
            if asked:
                failed |= {(group, one): error for one, error in self._ask(group, asked, now).items()}
        return {one: self._organized(one, events, failed) for one in people}

    def _organized(
        self,
        person_id: PersonId,
        events: Sequence[Event],
        failed: Mapping[tuple[GroupId, PersonId], ProvisioningError],
    ) -> Organized:
        def is_member(event: Event) -> bool:
            return self._known.get((event.organizer_group, person_id), (False, None))[0]

        return Organized(
            frozenset(event.id for event in events if is_member(event)),
            {
                event.id: failed[event.organizer_group, person_id]
                for event in events
                if (event.organizer_group, person_id) in failed
            },
        )

    def _ask(
        self, group: GroupId, people: Sequence[PersonId], now: datetime
    ) -> dict[PersonId, ProvisioningError]:
        """Learn who of these is a member; returns for whom it could not be learned, and why."""
        members = self._groups.presence(EntraGroup(group), [Person(one, "") for one in people])
        present = [one for one in people if isinstance(members.get(one), Present)]
        employees = self._directory.get(present) if present else {}
        failed: dict[PersonId, ProvisioningError] = {}
        for one in people:
            membership = members.get(one, Failed(Unavailable()))
            user = employees.get(one)
            if isinstance(membership, Failed):
                failed[one] = membership.error
            elif isinstance(user, Failed):
                failed[one] = user.error
            else:
                holds = isinstance(membership, Present) and is_employee(user)
                self._known[group, one] = (holds, now + (HELD if holds else DENIED))
        return failed
