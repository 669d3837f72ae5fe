"""Holds that organizers set and lift: suspended, removed, resumed.

A hold keeps out whatever the racer asks for; what they wished stays beneath it and counts again when the hold
is lifted. The rows are written here, and the settler does the rest: the effect goes before the record, and
nothing that was there before us.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from provisioning import roster
from provisioning.changes import Change, undoable
from provisioning.closing import Part, part_of
from provisioning.deciding import DAILY, wants_racing
from provisioning.errors import AlreadySo, UndoOvertaken
from provisioning.events import Event
from provisioning.ids import RegistrationKey
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.recording import owe_note, record
from provisioning.registrations import Hold, Registration, Told
from provisioning.requests import Wish

STAYS: Final = " stays"  # beside a change: whose access is not the event's, and so not ended by a hold

Holds = Mapping[RegistrationKey, Hold | None]


def suspend(rows: Rows, order: Order, reason: str) -> Draft:
    """Plan to suspend those whom the order names. Always asks. Raises NotInEvent, AlreadySo."""
    return _holding(rows, order, "suspended", "suspend", reason)


def remove(rows: Rows, order: Order, reason: str) -> Draft:
    """Plan to remove those whom the order names. Always asks. Raises NotInEvent, AlreadySo."""
    return _holding(rows, order, "removed", "remove", reason)


def resume(rows: Rows, order: Order) -> Draft:
    """Plan to lift the holds of those whom the order names, whoever set them.

    Raises NotInEvent, AlreadySo.
    """
    found = [one for one in roster.named(rows, order.event, order.people) if one.hold is not None]
    if not found:
        raise AlreadySo(event=order.event.name)
    return _draft(order, found, dict.fromkeys((one.key for one in found), None), "resume")


def held(registration: Registration, hold: Hold, now: datetime) -> Registration:
    """Return the registration under this hold; what it comes to is told anew."""
    return replace(
        registration,
        hold=hold,
        ready_at=None,
        moved_at=now,
        waiting_for=None,
        problem=None,
        missing_since=None,
        attempts=0,
        told=Told.NOTHING,
        wake_at=now,
    )


def lifted(registration: Registration, event: Event, now: datetime) -> Registration:
    """Return the registration without its hold: the wish that was there counts, in its old place in line.

    The directory is asked about the person before access is given again. Who had left has left.
    """
    free = replace(registration, hold=None, moved_at=now, missing_since=None, attempts=0, wake_at=now)
    if not wants_racing(free, event, now):
        return replace(free, told=Told.GONE if free.wish is Wish.GONE else free.told)
    return replace(
        free,
        ready_at=None,
        gone_at=None,
        gone_recheck_at=None,
        seated_at=None,
        waiting_for=None,
        problem=None,
        checked_at=now - DAILY,
        told=Told.NOTHING,
    )


def _holding(
    rows: Rows, order: Order, hold: Literal["suspended", "removed"], kind: str, reason: str
) -> Draft:
    found = [
        one
        for one in roster.named(rows, order.event, order.people)
        if one.hold is None or one.hold.kind != hold
    ]
    if not found:
        raise AlreadySo(event=order.event.name)
    wanted = Hold(hold, order.by, order.at, reason)
    draft = _draft(order, found, dict.fromkeys((one.key for one in found), wanted), kind, reason)
    stays = {
        f"{one.key}{STAYS}": str(part)
        for one in found
        if (part := part_of(rows, order.event, one)) in {Part.MEMBER_BEFORE, Part.NEEDED_ELSEWHERE}
    }
    return replace(draft, change=replace(draft.change, beside={**draft.change.beside, **stays}))


def _draft(order: Order, found: Sequence[Registration], wanted: Holds, kind: str, reason: str = "") -> Draft:
    before = {f"{one.key} hold": one.hold.kind for one in found if one.hold is not None}
    after = {f"{key} hold": hold.kind for key, hold in wanted.items() if hold is not None}
    names = {f"{one.key} name": roster.called(one) for one in found}
    earlier = {f"{one.key} was": _packed(one.hold) for one in found if one.hold is not None}
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        kind,
        tuple(f"hold:{one.key}" for one in found),
        len(found),
        before,
        after,
        reason,
        beside=names | earlier,
    )

    def make(rows: Rows) -> None:
        rows.expect(wanted, told=True)
        for key, hold in wanted.items():
            current = rows.registrations.get(key)
            if current is not None:  # else forgotten meanwhile
                _write(rows, order, current, hold)

    return Draft(undoable(change), make, asks=bool(after))


def _write(rows: Rows, order: Order, current: Registration, hold: Hold | None) -> None:
    now, event = order.at, order.event
    after = lifted(current, event, now) if hold is None else held(current, hold, now)
    saved = record(rows, current, replace(after, correlation=order.id), event, now)
    rows.queue.put(Work.SETTLE, str(saved.key), now, urgent=hold is not None)
    if hold is None and current.hold is not None and saved.wish is Wish.GONE:  # no result will say so
        owe_note(rows, saved, "resumed", order.id, now)


def _undo(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to set every hold to what it was, if it is still what the change made of it."""
    found: list[Registration] = []
    wanted: dict[RegistrationKey, Hold | None] = {}
    for subject in change.subjects:
        key = RegistrationKey.parse(subject.partition(":")[2])
        registration = rows.registrations.get(key)
        if registration is None:
            continue  # forgotten meanwhile
        made = change.after.get(f"{key} hold")
        if (registration.hold and registration.hold.kind) != made:
            raise UndoOvertaken
        found.append(registration)
        earlier = change.beside.get(f"{key} was")
        wanted[key] = None if earlier is None else _unpacked(earlier)
    if not found:
        raise UndoOvertaken
    return _draft(order, found, wanted, change.kind)


def _packed(hold: Hold) -> str:
    return json.dumps([hold.kind, hold.by, hold.at.isoformat(), hold.reason])


def _unpacked(text: str) -> Hold:
    kind, by, at, reason = json.loads(text)
    return Hold(kind, by, datetime.fromisoformat(at), reason)


UNDOS: Final[Mapping[str, Undo]] = {"suspend": _undo, "remove": _undo, "resume": _undo}
