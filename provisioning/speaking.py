"""The speaker's work: sends what the outbox owes, each message true at the moment it is sent.

A result that has been overtaken by a newer one is dropped: the newest message a racer has is always the final
one. One notice of a racer is spoken at a time, over all processes.

    keys leased ─▶ the first is claimed ─▶ said ─▶ recorded, and the next claimed, in one unit ─▶ said ─▶ …
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning.announcing import is_worth_posting, subject_event
from provisioning.deciding import backoff
from provisioning.errors import (
    Misconfigured,
    ProvisioningError,
    StaleWrite,
    StoreUnavailable,
    Unavailable,
    Undeliverable,
    Unexpected,
)
from provisioning.ids import RegistrationKey, RequestKey
from provisioning.outbox import AT_MOST_ONCE, Kind, Notice, Voice, speaking_lease
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Job, Work
from provisioning.recording import audit, post_to_organizers
from provisioning.registrations import Registration, Told
from provisioning.requests import Wish
from provisioning.usage import SAYS

LEASE = timedelta(seconds=45)
# Another thread is speaking of the same; a result often waits for its card.
BUSY = timedelta(milliseconds=200)
BATCH = 10  # notices leased together; a crash repeats at most the one being sent
MENDING_PAUSE = timedelta(minutes=1)
CLOSED_PAUSE = timedelta(minutes=5)  # a channel that takes no post may be opened to the bot meanwhile
BEGUN = "begun"  # the reference of a message that is sent at most once, from before it is sent
KEPT_TRYING = timedelta(hours=24)  # a message older than this is not news any more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of one notice, the key of which is this job."""

    job: Job
    notice: Notice
    reference: str | None = None
    error: ProvisioningError | None = None


class Speaking:
    """Sends owed messages of one kind of work (SPEAK or REFRESH). One round is one batch."""

    def __init__(self, store: Store, voices: Mapping[str, Voice], clock: Clock, work: Work) -> None:
        """Take the voice of each chat platform by name ("slack")."""
        self._work = work
        self._store = store
        self._voices = voices
        self._clock = clock

    def round(self) -> int:
        """Send the messages that are due; returns how many keys were taken."""
        now, token = self._clock.now(), uuid.uuid4().hex
        jobs = self._store.run(
            lambda rows: rows.queue.lease(self._work, BATCH, token, now, now + LEASE)
        ).result()
        spoken: Spoken | None = None
        for job in jobs:
            notice = self._turn(spoken, job, token)
            spoken = None if notice is None else self._say(job, notice)
        if spoken is not None:
            self._turn(spoken, None, token)
        return len(jobs)

    def _turn(self, spoken: Spoken | None, job: Job | None, token: str) -> Notice | None:
        """Record what became of one and claim the next, in one unit; what defies it is ended or put off."""
        ours = [one for one in (spoken.job if spoken is not None else None, job) if one is not None]

        def unit(rows: Rows) -> Notice | None:
            rows.expect(jobs=ours)
            if spoken is not None:
                self._record(rows, spoken, token)
            return None if job is None else self._claim(rows, job, token)

        try:
            return self._store.run(unit).result()
        except StoreUnavailable:
            raise
        except Exception:  # for which what was said must not be said again, nor anybody else wait
            log.exception("a notice defies its turn", extra={"action": "defect"})
        if spoken is not None:
            self._record_apart(spoken, token)
        if job is not None:
            self._put_off(job)
        return None

    def _record_apart(self, spoken: Spoken, token: str) -> None:
        """Record what became of one. What defies even that is ended: it must not be said for ever."""
        try:
            self._store.run(lambda rows: self._record(rows, spoken, token)).result()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("what was said cannot be recorded", extra={"action": "defect"})
            self._end(spoken.job, spoken.reference, spoken.error)

    def _put_off(self, job: Job) -> None:
        """Have one that cannot be claimed come again, until it is not news any more."""
        now = self._clock.now()
        if now < job.queued_at + KEPT_TRYING:
            self._store.run(lambda rows: rows.queue.retry(job, now + MENDING_PAUSE)).result()
        else:
            self._end(job, None, Unexpected())

    def _end(self, job: Job, reference: str | None, error: ProvisioningError | None) -> None:
        """Close a notice and take its key off the queue; where the row defies that, the key alone."""

        def close(rows: Rows) -> None:
            notice = rows.outbox.get(job.key)
            if notice is not None:
                rows.outbox.save(_closed(notice, reference, error, self._clock.now()))
            rows.queue.done(job)

        try:
            self._store.run(close).result()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a notice cannot be closed", extra={"action": "defect"})
            self._store.run(lambda rows: rows.queue.done(job)).result()

    def _say(self, job: Job, notice: Notice) -> Spoken:
        try:
            voice = self._voices.get(_platform(notice))
            if voice is None:
                raise Undeliverable(reason="not connected")  # noqa: TRY301 - as if the platform had said so
            return Spoken(job, notice, voice.say(notice))
        except ProvisioningError as error:
            return Spoken(job, notice, error=error)
        except Exception:
            log.exception("speaking failed", extra={"action": "defect", "notice": notice.kind})
            return Spoken(job, notice, error=Unavailable(retry_after=60.0))

    def _claim(self, rows: Rows, job: Job, token: str) -> Notice | None:
        """Take the notice to be sent now, or None when there is nothing to send (any more, or just now)."""
        now = self._clock.now()
        if job.key not in rows.queue.renew([job], now + LEASE):
            return None
        notice = rows.outbox.get(job.key)
        if notice is None or notice.sent_at is not None or notice.dropped is not None:
            rows.queue.done(job)
            return None
        if not rows.leases.take(speaking_lease(notice.about), token, now, now + LEASE):
            rows.queue.retry(job, now + BUSY)
            return None
        if _is_overtaken(rows, notice, now):
            rows.outbox.save(replace(notice, dropped="overtaken"))
            rows.queue.done(job)
            rows.leases.release(speaking_lease(notice.about), token)
            return None
        return rows.outbox.save(replace(notice, reference=BEGUN)) if notice.kind in AT_MOST_ONCE else notice

    def _record(self, rows: Rows, spoken: Spoken, token: str) -> None:
        now, job, notice, error = self._clock.now(), spoken.job, spoken.notice, spoken.error
        rows.leases.release(speaking_lease(notice.about), token)
        if notice.kind is Kind.ANNOUNCEMENT and isinstance(error, Misconfigured):
            _tell_of_channel(rows, notice, error, now)
        if error is not None and _is_tried_again(notice, error) and now < _give_up_at(notice, now):
            if notice.kind in AT_MOST_ONCE:  # it is sure that nothing went out
                rows.outbox.save(replace(notice, reference=None))
            rows.queue.retry(job, now + _pause(error, job))
            return
        try:
            rows.outbox.save(_closed(notice, spoken.reference, error, now))
        except StaleWrite:  # it became due again while it was sent
            due = rows.outbox.get(notice.id)
            if due is not None and spoken.reference and not due.reference:
                rows.outbox.save(replace(due, reference=spoken.reference))  # else it would be posted twice
            rows.queue.retry(job, now)
            return
        if error is not None and notice.kind in {Kind.RESULT, Kind.NOTE, Kind.ANSWER}:
            audit(rows, now, "bot", "undeliverable", notice.about, code=error.code)
        if error is not None and notice.kind is Kind.RESULT:
            _tell_organizers(rows, notice, error, now)
        rows.queue.done(job)


def _is_tried_again(notice: Notice, error: ProvisioningError) -> bool:
    """Whether it may be delivered later; a channel that takes no post today may take it tomorrow."""
    return not isinstance(error, Undeliverable) or (
        notice.kind is Kind.ANNOUNCEMENT and notice.reference is None
    )


def _pause(error: ProvisioningError, job: Job) -> timedelta:
    """Return when to try again: as the platform says; what a person must mend first is in no hurry."""
    if isinstance(error, Undeliverable):
        return CLOSED_PAUSE
    if isinstance(error, Unavailable):
        return timedelta(seconds=error.retry_after) if error.retry_after else backoff(job.attempts)
    return max(MENDING_PAUSE, backoff(job.attempts))


def _give_up_at(notice: Notice, now: datetime) -> datetime:
    return (notice.created_at or now) + KEPT_TRYING


def _closed(notice: Notice, reference: str | None, error: ProvisioningError | None, now: datetime) -> Notice:
    if error is not None:
        return replace(notice, dropped=error.code)
    return replace(notice, sent_at=now, reference=reference or notice.reference)


def _is_overtaken(rows: Rows, notice: Notice, now: datetime) -> bool:
    if notice.kind in AT_MOST_ONCE:
        return notice.reference is not None
    if notice.kind is Kind.ANNOUNCEMENT:
        return notice.reference is None and not is_worth_posting(rows, notice, now)
    what, _, key = notice.about.partition(":")
    if notice.kind not in {Kind.RESULT, Kind.NOTE} and what != "request":
        return False
    if what == "registration":
        registration = rows.registrations.get(RegistrationKey.parse(key))
        if notice.kind is Kind.NOTE:  # a hold may have been set again, or they may have joined meanwhile
            return registration is None or _is_no_longer_so(notice, registration)
        # What was to be told of an earlier wish is over as soon as there is a newer one.
        return (
            registration is None or registration.serial > notice.serial or registration.told is Told.NOTHING
        )
    request = rows.requests.get(RequestKey.parse(key))
    if request is None:  # a refusal old enough to be forgotten is still to be told
        return False
    if request.state == "folded":
        return True
    return request.refusal != notice.says if request.state == "refused" else not request.overdue_told


def _is_no_longer_so(notice: Notice, registration: Registration) -> bool:
    """Whether what a note tells of is over: who may race again is told to who left, use to who races."""
    is_racing = registration.hold is None and registration.wish is Wish.RACING
    if notice.says == "resumed":
        return registration.hold is not None or registration.wish is not Wish.GONE
    return notice.says in SAYS.values() and not is_racing


def _tell_organizers(rows: Rows, notice: Notice, error: ProvisioningError, now: datetime) -> None:
    """A result that cannot be delivered is a person who does not know: organizers hear of it, once a day."""
    what, _, key = notice.about.partition(":")
    event_id = (RegistrationKey if what == "registration" else RequestKey).parse(key).event_id
    event = rows.events.get(event_id)
    if event is not None and notice.to is not None:
        registration = rows.registrations.get(RegistrationKey.parse(key)) if what == "registration" else None
        name = registration.person.display_name if registration is not None else ""
        facts = {"code": error.code, "racer": str(notice.to.chat), "name": name}
        post_to_organizers(rows, event, "organizers-undeliverable", f"undeliverable:{now:%Y%m%d}", now, facts)


def _tell_of_channel(rows: Rows, notice: Notice, error: ProvisioningError, now: datetime) -> None:
    """A channel that does not take what it should show: organizers hear of it, once for each reason."""
    event = rows.events.get(subject_event(notice))
    if event is not None:
        what = f"unannounced:{notice.about}:{error.code}:{error.facts.get('reason', '')}"
        facts = {"code": error.code, "channel": notice.about, "reason": error.facts.get("reason", "")}
        post_to_organizers(rows, event, "organizers-unannounced", what, now, facts)


def _platform(notice: Notice) -> str:
    return notice.to.chat.platform if notice.to is not None else notice.about.partition(":")[0]
