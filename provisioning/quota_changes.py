"""What organizers change about quotas: of racers they name, of everyone in the event, and the event's own.

A racer's own quota is desired state like the rest: it stands in the registration, which is queued to be
settled, and the racer is told. Who has none of their own has the event's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from provisioning import event_changes, roster
from provisioning.changes import Change, undoable
from provisioning.errors import AlreadySo, UndoOvertaken
from provisioning.events import Quota
from provisioning.ids import RegistrationKey
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.quotas import NOTHING, Adjustment, ensure_within
from provisioning.recording import note_id, owe_note
from provisioning.registrations import Registration

Quotas = Mapping[RegistrationKey, Quota | None]  # None: the event's


def of_racers(rows: Rows, order: Order, adjustment: Adjustment) -> Draft:
    """Plan to give those whom the order names a quota of their own.

    Raises QuotaBelowUse, QuotaAboveCeiling, NotInEvent, and AlreadySo when nothing would change.
    """
    return _plan(order, roster.named(rows, order.event, order.people), adjustment)


def of_everyone(rows: Rows, order: Order, adjustment: Adjustment) -> Draft:
    """Plan the same for everybody who races now; whoever joins later gets what the event gives."""
    return _plan(order, roster.racing(rows, order.event.id), adjustment)


def of_event(rows: Rows, order: Order, adjustment: Adjustment) -> Draft:
    """Plan to change what everybody gets who has no quota of their own; those of them who race are told.

    Raises as `event_changes.set_fields` does.
    """
    wanted = adjustment.on(order.event.quota)
    ensure_within(wanted, order.event.quota, NOTHING, order.event.ceiling, order.event.name)
    values = {"hours": str(wanted.training_hours), "models": str(wanted.models)}
    return _telling(rows, order, event_changes.set_fields(rows, order, values, "quota-default"))


def _telling(rows: Rows, order: Order, draft: Draft) -> Draft:
    """Return the draft of a change of the event's quota, which tells those whom it means something to."""
    touched = [one for one in roster.racing(rows, order.event.id) if one.quota is None]

    def make(rows: Rows) -> None:
        draft.make(rows)
        rows.expect(owed=[note_id(one.key, "quota", order.id) for one in touched])
        for one in touched:
            owe_note(rows, one, "quota", order.id, order.at)

    return replace(draft, change=replace(draft.change, people=len(touched)), make=make)


def _plan(order: Order, found: Sequence[Registration], adjustment: Adjustment) -> Draft:
    """Plan the change for those of these for whom it is one."""
    event = order.event
    wanted: dict[RegistrationKey, Quota | None] = {}
    for one in found:
        present = one.quota_in(event)
        quota = adjustment.on(present)
        used = order.used.get(one.key.person_id, NOTHING)
        ensure_within(quota, present, used, event.ceiling, roster.called(one))
        if quota != present:
            wanted[one.key] = quota
    if not wanted:
        raise AlreadySo(event=event.name)
    return _draft(order, [one for one in found if one.key in wanted], wanted)


def _draft(order: Order, found: Sequence[Registration], wanted: Quotas) -> Draft:
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    beside: dict[str, str] = {}
    for one in found:
        before |= _shown(one, one.quota_in(order.event))
        after |= _shown(one, wanted[one.key] or order.event.quota)
        beside[f"{one.key} name"] = roster.called(one)
        if one.quota is not None:
            beside[f"{one.key} own"] = "yes"
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "quota",
        tuple(f"quota:{one.key}" for one in found),
        len(found),
        before,
        after,
        beside=beside,
    )

    def make(rows: Rows) -> None:
        rows.expect(wanted, owed=[note_id(key, "quota", order.id) for key in wanted])
        for key, quota in wanted.items():
            current = rows.registrations.get(key)
            if current is None:
                continue  # forgotten meanwhile
            saved = rows.registrations.save(replace(current, quota=quota, correlation=order.id))
            rows.queue.put(Work.SETTLE, str(key), order.at)
            owe_note(rows, saved, "quota", order.id, order.at)

    return Draft(undoable(change), make)


def _shown(registration: Registration, quota: Quota) -> dict[str, str]:
    key = registration.key
    return {f"{key} hours": str(quota.training_hours), f"{key} models": str(quota.models)}


def _undo(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to give these racers back what they had, if they still have what the change gave them."""
    found: list[Registration] = []
    wanted: dict[RegistrationKey, Quota | None] = {}
    for subject in change.subjects:
        key = RegistrationKey.parse(subject.partition(":")[2])
        registration = rows.registrations.get(key)
        if registration is None:
            continue  # forgotten meanwhile
        if registration.quota != _quota(change.after, key):
            raise UndoOvertaken
        found.append(registration)
        wanted[key] = _quota(change.before, key) if f"{key} own" in change.beside else None
    if not found:
        raise UndoOvertaken
    return _draft(order, found, wanted)


def _undo_default(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to give the event back the quota that it had."""
    draft = event_changes.UNDOS["event-set"](rows, order, change)
    return _telling(rows, order, draft)


def _quota(values: Mapping[str, str], key: RegistrationKey) -> Quota:
    return Quota(int(values[f"{key} hours"]), int(values[f"{key} models"]))


UNDOS: Final[Mapping[str, Undo]] = {"quota": _undo, "quota-default": _undo_default}
