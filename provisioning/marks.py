"""A mark: a hold that outlives the person it was set against, as far as the bot still knows them.

Whoever was suspended or removed and is then forgotten leaves a digest of their object id behind, under a key
of the event. Nobody can be read off it, and yet it is found when the same person joins again. With the
event's retention both go.
"""

import hashlib
import hmac
from dataclasses import replace

from provisioning.ids import EventId, PersonId
from provisioning.ports import Rows
from provisioning.registrations import Hold


def digest(secret: bytes, person_id: PersonId) -> str:
    """Return what a mark is kept under."""
    return hmac.new(secret, person_id.encode(), hashlib.sha256).hexdigest()


def keep_hold(rows: Rows, event_id: EventId, person_id: PersonId, hold: Hold | None) -> None:
    """Keep the hold of somebody who is being forgotten: what it is and since when, not in whose words."""
    if hold is not None:
        reason = hold.reason if hold.by == "directory" else ""
        rows.marks.keep(event_id, person_id, replace(hold, reason=reason))
