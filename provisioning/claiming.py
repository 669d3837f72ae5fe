"""Claiming: somebody whom an organizer added speaks for the first time, and is told how it stands.

It is not known yet who speaks, so that a question of theirs becomes a request, like a join: the gate finds
out who it is, binds them, and they get what they could not be told before. While nobody waits to be reached,
nothing of this happens.
"""

from provisioning.ids import RequestKey
from provisioning.joining import Asking, ask_status
from provisioning.outcomes import LookingUp, Nothing, Outcome
from provisioning.ports import Rows, Work
from provisioning.requests import Request, Seen, Wish, remember


def request_status(rows: Rows, asking: Asking) -> Outcome:
    """Return where everything of this asker stands; if they may have been added, find that out first."""
    outcome = ask_status(rows, asking)
    if not isinstance(outcome, Nothing) or rows.bindings.person_of(asking.chat) is not None:
        return outcome
    events = rows.registrations.unclaimed()
    for event_id in events:
        key = RequestKey(event_id, asking.chat)
        known = rows.requests.get(key)
        if known is not None and known.remembers(asking.asked_id):
            continue
        seen = Seen(asking.asked_id, asking.now, "looking-up")
        request = Request(
            key,
            Wish.RACING,
            asking.now,
            asking.reply,
            "asking",
            correlation=asking.digest,
            seen=remember(known.seen if known else (), seen, asking.chat.platform),
            version=known.version if known else 0,
        )
        rows.requests.save(request)
        rows.queue.put(Work.ANSWER, str(key), asking.now)
    return LookingUp() if events else outcome
