"""Retrying: whoever does not get on is tried again now, and told again what could not be delivered.

What the queue of the host gave up goes back onto it with the rest, once the change is written.
"""

from collections.abc import Sequence
from dataclasses import replace

from provisioning import roster
from provisioning.changes import Change
from provisioning.dead_letters import KEPT, DeadLetters
from provisioning.errors import AlreadySo
from provisioning.ids import EventId
from provisioning.instructing import Draft, Order
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.registrations import Registration

MOST_DEAD = 1000  # undelivered messages that are looked through
NO_LETTERS = DeadLetters()


def retry_named(rows: Rows, order: Order) -> Draft:
    """Plan to try those whom the order names again now, however they stand. Raises NotInEvent."""
    return _draft(order, roster.named(rows, order.event, order.people))


def retry_all(rows: Rows, order: Order) -> Draft:
    """Plan the same for everybody who does not get on, and for the dead letters.

    Raises AlreadySo when there is nobody and nothing.
    """
    everybody = list(roster.everybody(rows, order.event.id))
    silent = {notice.about for notice in undelivered(rows, order)}
    stuck = {one.registration.key for one in roster.in_need(everybody, order.event, order.at)}
    found = [one for one in everybody if one.key in stuck or f"registration:{one.key}" in silent]
    letters = order.letters or NO_LETTERS
    if not found and letters.count <= letters.staying:
        raise AlreadySo(event=order.event.name)
    return _draft(order, found, letters)


def undelivered(rows: Rows, order: Order) -> list[Notice]:
    """Return the newest message of each registration of the event, where it could not be delivered."""
    about = f"registration:{order.event.id}/"
    newest: dict[str, Notice] = {}
    for notice in rows.outbox.undelivered(MOST_DEAD):
        if notice.kind is Kind.RESULT and notice.about.startswith(about):
            known = newest.get(notice.about)
            if known is None or known.serial < notice.serial:
                newest[notice.about] = notice
    return list(newest.values())


def takes_letters_back(change: Change) -> bool:
    """Whether this change was to take dead letters back."""
    return _letters_of(change.event_id) in change.before


def _letters_of(event_id: EventId) -> str:
    return f"{event_id} {KEPT}"  # a field of the event's own, so that the audit has it once


def _draft(order: Order, found: Sequence[Registration], letters: DeadLetters = NO_LETTERS) -> Draft:
    takes_back = letters.count > letters.staying
    field = _letters_of(order.event.id)
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "retry" if found else "retry-letters",
        (*(f"retry:{one.key}" for one in found), *((f"{KEPT}:{order.event.id}",) if takes_back else ())),
        len(found),
        before={field: str(letters.count)} if takes_back else {},
        after={field: str(letters.staying)} if takes_back else {},
        beside={f"{one.key} name": roster.called(one) for one in found},
    )

    def make(rows: Rows) -> None:
        silent = {notice.about: notice for notice in undelivered(rows, order)}
        rows.expect(one.key for one in found)
        for one in found:
            current = rows.registrations.get(one.key)
            if current is None:
                continue  # forgotten meanwhile
            tried = replace(current, attempts=0, wake_at=order.at, correlation=order.id)
            saved = rows.registrations.save(tried)
            rows.queue.put(Work.SETTLE, str(saved.key), order.at)
            notice = silent.get(f"registration:{one.key}")
            if notice is not None and notice.serial == saved.serial:
                rows.outbox.save(replace(notice, dropped=None, created_at=order.at))
                rows.queue.put(Work.SPEAK, notice.id, order.at)

    return Draft(change, make, takes_back=takes_back)
