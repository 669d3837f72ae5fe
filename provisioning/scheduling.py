"""The scheduler: what is said because its time has come. One process at a time does it.

Announcements of the join window and of races follow the clock; racers are reminded before an event ends, and
organizers told how many. Everything is done once for what it is about and when that is: a moment missed while
no process ran is made up for as long as it is still true, and skipped when it is not.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from provisioning.announcing import announce, has_news
from provisioning.deciding import wants_racing
from provisioning.errors import StoreUnavailable
from provisioning.events import Event
from provisioning.feed import is_feed_due, post_feed
from provisioning.ids import PersonId
from provisioning.outbox import Kind, Notice
from provisioning.ports import Clock, Rows, Store
from provisioning.recording import post_to_organizers
from provisioning.registrations import Registration

EVERY = timedelta(seconds=5)  # how often the scheduler looks at the clock
PAGE = 500
REMINDED = (timedelta(days=3), timedelta(days=1))  # so long before its end racers are reminded of it

log = logging.getLogger(__name__)


class Scheduler:
    """Says what is due."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the store, whose rows say what was done already."""
        self._store = store
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._next = clock.now()

    def round(self) -> int:
        """Look once when it is time and nobody else does; returns how many messages became owed."""
        now = self._clock.now()
        if now < self._next:
            return 0
        self._next = now + EVERY
        if not self._store.run(
            lambda rows: rows.leases.take("scheduler", self._token, now, now + 6 * EVERY)
        ).result():
            return 0
        return sum(self._look(event, now) for event in self._store.read(lambda rows: rows.events.all()))

    def _look(self, event: Event, now: datetime) -> int:
        """Look at one event; a defect with it must not keep the others from being looked at."""
        try:
            owed = 0
            if self._store.read(lambda rows: has_news(rows, event, now)):
                owed += self._store.run(lambda rows: _announce(rows, event, now)).result()
            if (due := reminder_due(event, now)) is not None:
                owed += self._remind(event, due, now)
            if self._store.read(lambda rows: is_feed_due(rows, event, now)):
                owed += self._store.run(lambda rows: _post_feed(rows, event, now)).result()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("scheduling failed", extra={"action": "defect", "event": event.id})
            return 0
        return owed

    def _remind(self, event: Event, before: timedelta, now: datetime) -> int:
        """Owe the reminder to every racer, a page in each unit; a crash goes on with the page it was at."""
        what = f"reminded:{event.id}:{before.days}:{event.ends.isoformat()}"
        owed = 0
        while True:
            noted = self._store.read(lambda rows: rows.moments.get(what)) or {}
            if "reminded" in noted:
                return owed
            count = self._store.run(
                lambda rows, noted=noted: _remind_page(rows, event, before, what, noted, now)  # type: ignore[misc]
            ).result()
            owed += count


def reminder_due(event: Event, now: datetime) -> timedelta | None:
    """Return which reminder of the event's end is due: the latest one whose moment has come, None before.

    An event shorter than that has none: it would begin with the word of its end.
    """
    if event.phase(now) == "ended":
        return None
    come = [before for before in REMINDED if event.opens < event.ends - before <= now]
    return min(come) if come else None


def _announce(rows: Rows, event: Event, now: datetime) -> int:
    present = rows.events.get(event.id)
    return 0 if present is None else announce(rows, present, now)


def _post_feed(rows: Rows, event: Event, now: datetime) -> int:
    present = rows.events.get(event.id)
    due = present is not None and is_feed_due(rows, present, now)
    return post_feed(rows, present, now) if present is not None and due else 0


def _remind_page(
    rows: Rows, event: Event, before: timedelta, what: str, noted: Mapping[str, str], now: datetime
) -> int:
    after = PersonId(noted["after"]) if "after" in noted else None
    page = rows.registrations.of_event(event.id, after, PAGE)
    ready = [
        found
        for found in page
        if found.is_ready and found.reply is not None and wants_racing(found, event, now)
    ]
    for registration in ready:
        rows.outbox.put(_reminder(registration, before, event, now))
    count = int(noted.get("count", "0")) + len(ready)
    if len(page) == PAGE:
        rows.moments.note(what, now, {"after": page[-1].key.person_id, "count": str(count)})
    else:
        rows.moments.note(what, now, {"reminded": str(count)})
        facts = {"count": str(count), "ends": event.ends.isoformat()}
        post_to_organizers(rows, event, "organizers-ending", what, now, facts)
    return len(ready)


def _reminder(registration: Registration, before: timedelta, event: Event, now: datetime) -> Notice:
    about = f"registration:{registration.key}"
    notice_id = f"reminder:{about}:{before.days}:{event.ends.isoformat()}"
    return Notice(notice_id, Kind.REMINDER, about, registration.reply, 0, "", {}, now)
