"""Retrying: whoever does not get on is tried again now, and told again what could not be delivered."""

from collections.abc import Sequence
from dataclasses import replace

from provisioning import roster
from provisioning.changes import Change
from provisioning.errors import AlreadySo
from provisioning.instructing import Draft, Order
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows, Work
from provisioning.registrations import Registration

MOST_DEAD = 1000  # undelivered messages that are looked through


def retry_named(rows: Rows, order: Order) -> Draft:
    """Plan to try those whom the order names again now, however they stand. Raises NotInEvent."""
    return _draft(order, roster.named(rows, order.event, order.people))


def retry_all(rows: Rows, order: Order) -> Draft:
    """Plan the same for everybody who does not get on. Raises AlreadySo when there is nobody."""
    everybody = list(roster.everybody(rows, order.event.id))
    silent = {notice.about for notice in undelivered(rows, order)}
    stuck = {one.registration.key for one in roster.in_need(everybody, order.event, order.at)}
    found = [one for one in everybody if one.key in stuck or f"registration:{one.key}" in silent]
    if not found:
        raise AlreadySo(event=order.event.name)
    return _draft(order, found)


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


def _draft(order: Order, found: Sequence[Registration]) -> Draft:
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "retry",
        tuple(f"retry:{one.key}" for one in found),
        len(found),
        beside={f"{one.key} name": roster.called(one) for one in found},
    )

    def make(rows: Rows) -> None:
        silent = {notice.about: notice for notice in undelivered(rows, order)}
        for one in found:
            current = rows.registrations.get(one.key)
            if current is None:
                continue  # forgotten meanwhile
            saved = rows.registrations.save(replace(current, attempts=0, wake_at=order.at))
            rows.queue.put(Work.SETTLE, str(saved.key), order.at)
            notice = silent.get(f"registration:{one.key}")
            if notice is not None and notice.serial == saved.serial:
                rows.outbox.save(replace(notice, dropped=None, created_at=order.at))
                rows.queue.put(Work.SPEAK, notice.id, order.at)

    return Draft(change, make)
