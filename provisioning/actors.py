"""Actors: who did something as an organizer, as the audit has them, by their object ids.

Organizers need have no part in the event, so that nothing here knows their names. Whoever looks at the audit
is told them as the directory has them then.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from provisioning.events import Event
from provisioning.ids import ChatIdentity, PersonId, RegistrationKey
from provisioning.ports import Rows

MOST_LINES: Final = 3000  # of the audit, that chat shows; the export has all
KEPT = "actors"  # under which an instruction keeps the names until its answer is sent


def without_a_part(rows: Rows, event: Event, asker: PersonId | None) -> set[PersonId]:
    """Return who acted in this event and is not in it; whoever asks now is about to be one of them."""
    lines = rows.audit.lines(event.id, MOST_LINES)
    people = {PersonId(line.actor) for line in lines if _is_person(line.actor)} | (
        {asker} if asker else set()
    )
    return {one for one in people if rows.registrations.get(RegistrationKey(event.id, one)) is None}


def _is_person(actor: str) -> bool:
    with suppress(ValueError):
        ChatIdentity.parse(actor)
        return False
    return True


def packed(names: Mapping[PersonId, str]) -> Mapping[str, str]:
    """Return the names in the form in which an instruction keeps them."""
    return {KEPT: json.dumps(names)} if names else {}


def unpacked(facts: Mapping[str, str]) -> Mapping[PersonId, str]:
    """Return what `packed` keeps."""
    return {PersonId(person): name for person, name in json.loads(facts.get(KEPT, "{}")).items()}
