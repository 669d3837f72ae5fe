"""Claiming: somebody whom an organizer added is met for the first time, and is told how it stands.

It is not known yet who speaks, so that a question of theirs becomes a request, like a join: the gate finds
out who it is, binds them, and they get what they could not be told before. While nobody waits to be reached,
nothing of this happens.

In Teams they are met before they say a word, when the app is added for them, and the id by which Teams knows
them is the directory's own: it is known at once that it is they who can be written to now.
"""

from dataclasses import replace
from datetime import datetime

from provisioning.ids import ChatIdentity, PersonId, RegistrationKey, RequestKey
from provisioning.joining import Asking, ask_status
from provisioning.outcomes import LookingUp, Nothing, Outcome
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.recording import record
from provisioning.registrations import Told
from provisioning.requests import ReplyTo, Request, Seen, Wish, remember


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


def meet(rows: Rows, chat: ChatIdentity, locale: str | None, now: datetime) -> None:
    """Owe whoever is met in Teams what nobody could tell them before; they are bound once they ask."""
    for event_id in rows.registrations.unclaimed():
        event = rows.events.get(event_id)
        known = rows.registrations.get(RegistrationKey(event_id, PersonId(chat.user)))
        if event is None or known is None or known.reply is not None or event.phase(now) == "ended":
            continue
        record(rows, known, replace(known, reply=ReplyTo(chat, locale=locale), told=Told.NOTHING), event, now)
