"""Forgetting: what is known about somebody is deleted, once nothing of ours is left in the directories.

leave ─▶ withdrawn ─▶ read back ─▶ read back once more after a SCIM cycle ─▶ may be forgotten: asked for …
                                                           … or the event's retention is over ─▶ forgotten

What stays: numbers (`tallies`), the audit's lines without anybody's own words, and a hold as a mark.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning import tallies
from provisioning.audit import Line
from provisioning.deciding import wants_racing
from provisioning.errors import StillIn, StillLeaving
from provisioning.events import Event
from provisioning.ids import ChatIdentity, PersonId
from provisioning.marks import keep_hold
from provisioning.ports import Rows, Store
from provisioning.registrations import Registration
from provisioning.requests import Request

BATCH = 100  # people forgotten in one unit of work
JUST_SPOKE = timedelta(hours=1)  # whoever spoke so lately is still answered where they spoke


@dataclass(frozen=True, slots=True)
class Known:
    """What the bot knows about one chat identity. `person_id` is None for whom the gate never let in."""

    chats: tuple[ChatIdentity, ...]
    person_id: PersonId | None
    registrations: tuple[tuple[Event, Registration], ...]
    requests: tuple[Request, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known at all."""
        return self.person_id is None and not self.requests


def known_of(rows: Rows, chat: ChatIdentity) -> Known:
    """Return everything that is kept about whoever this chat identity is."""
    person_id = rows.bindings.person_of(chat)
    chats: dict[ChatIdentity, None] = {chat: None}
    if person_id is not None:
        chats |= dict.fromkeys(rows.bindings.chats_of(person_id))
    events = {event.id: event for event in rows.events.all()}
    registrations = rows.registrations.of_person(person_id) if person_id is not None else ()
    return Known(
        tuple(chats),
        person_id,
        tuple((events[one.key.event_id], one) for one in registrations if one.key.event_id in events),
        tuple(request for one in chats for request in rows.requests.of(one)),
    )


def is_out(registration: Registration) -> bool:
    """Whether nothing of ours is left with this racer, read back for the last time."""
    return registration.gone_at is not None and registration.gone_recheck_at is None


def ensure_forgettable(known: Known, now: datetime) -> None:
    """Raise StillIn for whoever is in an event or asks to be, StillLeaving before that is over for sure."""
    waiting = next((one for one in known.requests if one.state == "waiting"), None)
    for event, registration in known.registrations:
        if wants_racing(registration, event, now):
            raise StillIn(event=event.name, id=event.id)
    if waiting is not None:
        raise StillIn(event=waiting.key.event_id, id=waiting.key.event_id)
    for event, registration in known.registrations:
        if not is_out(registration):
            until = registration.gone_recheck_at or now
            raise StillLeaving(event=event.name, until=until.isoformat())


def forget(rows: Rows, known: Known, now: datetime) -> None:
    """Delete everything about this person, in every event."""
    for event, registration in known.registrations:
        _delete(rows, event, registration, known.chats, now)
        line = Line(now, str(known.person_id), "forgotten", str(registration.key), event.id)
        rows.audit.append(line)
    for request in known.requests:
        if (now_there := rows.requests.get(request.key)) is not None:
            _delete_request(rows, now_there)
    for chat in known.chats:
        rows.outbox.forget_about(f"picture:{chat}")
    _let_go(rows, known.chats)
    if known.person_id is not None:
        rows.audit.forget_texts(known.person_id)


def forget_event(store: Store, event: Event, now: datetime) -> bool:
    """Delete some of what was personal in an event whose retention is over; True when nothing is left."""
    known = store.read(lambda rows: rows.closings.get(event.id))
    if now < kept_until(event) or known is None or known.forgotten_at is not None:
        return True

    def unit(rows: Rows) -> bool:
        closing = rows.closings.get(event.id)
        if closing is None or closing.complete_at is None or closing.forgotten_at is not None:
            return True
        page = rows.registrations.of_event(event.id, None, BATCH)
        out = [one for one in page if is_out(one)]
        for registration in out:
            _delete(rows, event, registration, (), now)
        if page:
            return not out  # whoever is not out yet is not forgotten; the next round looks again
        chats = rows.requests.forget_event(event.id, BATCH)
        _let_go(rows, chats)
        if chats or rows.audit.forget_texts_of(event.id, BATCH):
            return False
        rows.marks.forget(event.id)
        rows.boards.forget(event.id)
        rows.closings.save(replace(closing, asked_by=None, forgotten_at=now))
        rows.audit.append(Line(now, "bot", "forgotten", event.id, event.id))
        return True

    return store.run(unit).result()


def forget_refused(rows: Rows, received_before: datetime) -> int:
    """Delete refused requests; returns how many."""
    chats = rows.requests.forget_refused(received_before)
    _let_go(rows, chats)
    return len(chats)


def kept_until(event: Event) -> datetime:
    """Return until when what is known of racers is kept, unless they have it deleted before."""
    return event.over_at + timedelta(days=event.retention_days)


def _delete(
    rows: Rows, event: Event, registration: Registration, chats: Collection[ChatIdentity], now: datetime
) -> None:
    """Delete a registration with what was asked and owed for it; the bindings go with the last of them."""
    key = registration.key
    keep_hold(rows, key.event_id, key.person_id, registration.hold)
    for request in rows.requests.of_person(key.event_id, key.person_id):
        _delete_request(rows, request)
    for what in ("registration", "signin", "certificate", "mail"):
        rows.outbox.forget_about(f"{what}:{key}")
    for question_id, answer in rows.answers.of(key).items():
        question = event.question_of(question_id)
        if question is not None and answer in question.options:  # a choice stays as a number, no typed words
            rows.tallies.add(event.id, tallies.answer(question_id, answer))
    for target in registration.progress:  # what SCIM alone has kept since; it ends with what feeds it
        entry = rows.ledger.get(target, key.person_id)
        if entry is not None and not entry.needed_by:
            rows.ledger.delete(entry)
    rows.answers.forget(key)
    rows.boards.forget_claims(key)
    rows.registrations.delete(key)
    if not rows.registrations.of_person(key.person_id):
        for chat in {*chats, *rows.bindings.chats_of(key.person_id)}:
            rows.references.forget(str(chat), now - JUST_SPOKE)
        rows.bindings.release(key.person_id)


def _let_go(rows: Rows, chats: Iterable[ChatIdentity]) -> None:
    """Delete who these are, as far as they have no part in any event; they asked to leave one, say."""
    for chat in dict.fromkeys(chats):
        person_id = rows.bindings.person_of(chat)
        if person_id is not None and not rows.registrations.of_person(person_id):
            rows.bindings.release(person_id)


def _delete_request(rows: Rows, request: Request) -> None:
    rows.outbox.forget_about(f"request:{request.key}")
    rows.requests.delete(request)
