"""Applying an event file: what it would change, whether it may, and the one conditional write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.event_file import Change, EventFileInvalid, difference, may_apply, parse, successor
from bot.faults import Fault
from provisioning.audit import Line
from provisioning.events import Event
from provisioning.ports import Rows, Store
from provisioning.sweeping import owe_waking, wake_event


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a file would do to the event as it stood when it was read."""

    old: Event | None
    new: Event
    changes: tuple[Change, ...]


def read_file(path: Path, portal: str | None = None) -> Event:
    """Read an event file. Raises EventFileInvalid, also for a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise EventFileInvalid(
            [Fault(str(path), f"cannot be read: {reason}", "Name an event file.")]
        ) from error
    return parse(text, portal)


def plan(store: Store, new: Event) -> Plan:
    """Compare a file's event with the stored one. Raises EventFileInvalid when it may not take its place."""

    def read(rows: Rows) -> Plan:
        old = rows.events.get(new.id)
        registered = old is not None and bool(rows.registrations.of_event(new.id, None, 1))
        may_apply(old, new, has_registrations=registered)
        follower = successor(old, new, has_registrations=registered)
        return Plan(old, follower, tuple(difference(old, new)))

    return store.read(read)


def apply(store: Store, planned: Plan, now: datetime, actor: str = "command line") -> Event:
    """Write the event, with a line in the audit; durable on return.

    Raises StaleWrite when the event was changed since the plan was made, EventFileInvalid when somebody has
    joined since then and a grant would be swapped under them, and StoreUnavailable.
    """

    def write(rows: Rows) -> Event:
        registered = bool(rows.registrations.of_event(planned.new.id, None, 1))
        may_apply(planned.old, planned.new, has_registrations=registered)
        saved = rows.events.save(successor(planned.old, planned.new, has_registrations=registered))
        facts = {
            change.field: f"{change.before or '-'} → {change.after or '-'}" for change in planned.changes
        }
        rows.audit.append(Line(now, actor, "applied", saved.id, saved.id, facts=facts))
        owe_waking(rows, saved, now)
        return saved

    saved = store.run(write).result()
    wake_event(store, saved.id, now)  # what the change means for each racer is settled at once
    return saved


def apply_at_start(store: Store, new: Event, now: Callable[[], datetime]) -> tuple[Change, ...] | None:
    """Make the event when it does not exist yet (None then); else change nothing, return the difference."""
    if store.read(lambda rows: rows.events.get(new.id)) is None:
        apply(store, plan(store, new), now(), actor="bot")
        return None
    return tuple(difference(store.read(lambda rows: rows.events.get(new.id)), new))
