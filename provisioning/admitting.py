"""The gate at work: requests become registrations, or refusals.

    waiting request ─▶ the platform vouches ─▶ one enabled member in the directory ─▶ binding ─▶ registration

Many requests are looked up together; each is then folded in a unit of its own. Nothing is allowed in doubt: a
question that was not answered is asked again later.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning import tallies
from provisioning.correlation import about
from provisioning.deciding import PATIENCE, backoff
from provisioning.directory import DirectoryUser
from provisioning.errors import (
    EmailMissing,
    IdentityChanged,
    Misconfigured,
    NotAdded,
    NothingToLeave,
    ProvisioningError,
    Refusal,
    SecondChatIdentity,
    StaleWrite,
    StoreUnavailable,
    Unavailable,
)
from provisioning.events import Event
from provisioning.ids import RegistrationKey, RequestKey
from provisioning.ports import Clock, Rows, Store
from provisioning.questions import owe_questions
from provisioning.queue import Job, Work
from provisioning.recognizing import Asked, Recognizer
from provisioning.recording import (
    audit,
    is_told,
    owe_card,
    owe_reason,
    post_incident,
    post_to_organizers,
    record,
    refuse,
)
from provisioning.registrations import Person, Registration, Told
from provisioning.requests import Request, Wish

LEASE = timedelta(seconds=45)
BATCH = 500  # requests looked up together
FOLDED_TOGETHER = 50
DEFECT_PAUSE = timedelta(minutes=1)
INCIDENTS = (IdentityChanged, SecondChatIdentity, EmailMissing)  # refusals that organizers hear of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """One request at the gate, with its event and, when the chat identity is bound, the person."""

    job: Job
    request: Request
    event: Event
    bound: Person | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who asks, or why that is not known; with the language tag that their platform shows."""

    who: DirectoryUser | Person | ProvisioningError
    locale: str | None = None


class Gatekeeper:
    """Answers waiting requests, many at a time. One round is one batch."""

    def __init__(self, store: Store, recognizer: Recognizer, clock: Clock) -> None:
        self._store = store
        self._recognizer = recognizer
        self._clock = clock

    def round(self) -> int:
        """Take the waiting requests that are due, decide them, and return how many there were."""
        now = self._clock.now()
        token = uuid.uuid4().hex
        cases, jobs = self._store.run(lambda rows: _take(rows, token, now)).result()
        if cases:
            verdicts = self._verdicts(cases)
            for part in range(0, len(cases), FOLDED_TOGETHER):
                self._fold(cases[part : part + FOLDED_TOGETHER], verdicts)
        return jobs

    def _fold(self, cases: Sequence[Case], verdicts: Mapping[RequestKey, Verdict]) -> None:
        """Fold these in one unit; where one of them defies it, each in its own, and that one later again."""
        try:
            self._store.run(lambda rows: self._fold_all(rows, cases, verdicts)).result()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("requests cannot be folded", extra={"action": "defect", "requests": len(cases)})
            if len(cases) > 1:
                for case in cases:
                    self._fold([case], verdicts)
                return
            later = self._clock.now() + DEFECT_PAUSE
            self._store.run(lambda rows: rows.queue.retry(cases[0].job, later)).result()

    def _verdicts(self, cases: Sequence[Case]) -> dict[RequestKey, Verdict]:
        """Ask the chat platforms and the directory, each question once."""
        verdicts: dict[RequestKey, Verdict] = {}
        unknown: dict[RequestKey, Asked] = {}
        for case in cases:
            if case.bound is not None and case.request.wish is Wish.GONE:
                verdicts[case.request.key] = Verdict(
                    case.bound
                )  # leaving needs no more proof than the binding
            else:
                unknown[case.request.key] = Asked(case.request.key.chat, case.event.email_domains)
        with about({str(case.request.key): case.request.correlation for case in cases}):
            found = self._recognizer.recognize(unknown)
        return verdicts | {key: Verdict(one.who, one.locale) for key, one in found.items()}

    def _fold_all(self, rows: Rows, cases: Sequence[Case], verdicts: Mapping[RequestKey, Verdict]) -> None:
        now = self._clock.now()
        people = ((case, verdicts[case.request.key].who) for case in cases)
        rows.expect(
            (
                RegistrationKey(case.event.id, one.id)
                for case, one in people
                if not isinstance(one, ProvisioningError)
            ),
            (case.job for case in cases),
            told=True,
        )
        for case in cases:
            verdict = verdicts[case.request.key]
            try:
                if isinstance(verdict.who, ProvisioningError):
                    _not_admitted(rows, case, verdict.who, verdict.locale, now)
                else:
                    admit(rows, case.request.key, case.request.version, verdict.who, verdict.locale, now)
                    rows.queue.done(case.job)
            except StaleWrite:  # a newer request took this one's place; its own key is on the queue
                rows.queue.retry(case.job, now)


def _take(rows: Rows, token: str, now: datetime) -> tuple[list[Case], int]:
    jobs = rows.queue.lease(Work.ANSWER, BATCH, token, now, now + LEASE)
    events = {event.id: event for event in rows.events.all()} if jobs else {}
    rows.expect(jobs=jobs)
    cases = []
    for job in jobs:
        key = RequestKey.parse(job.key)
        try:
            request = rows.requests.get(key)
            if request is None or not request.is_pending or key.event_id not in events:
                rows.queue.done(job)
                continue
            cases.append(Case(job, request, events[key.event_id], _bound(rows, key)))
        except StoreUnavailable:
            raise
        except Exception:  # as a row of another release may; the others go on
            log.exception("a request cannot be read", extra={"action": "defect", "key": job.key})
            rows.queue.retry(job, now + DEFECT_PAUSE)
    # A leave is leased first. Said after a join from another platform, it ends that one.
    return sorted(cases, key=lambda case: case.request.received_at), len(jobs)


def _bound(rows: Rows, key: RequestKey) -> Person | None:
    person_id = rows.bindings.person_of(key.chat)
    registration = rows.registrations.get(RegistrationKey(key.event_id, person_id)) if person_id else None
    return registration.person if registration else None


def admit(
    rows: Rows,
    key: RequestKey,
    version: int,
    who: DirectoryUser | Person,
    locale: str | None,
    now: datetime,
) -> None:
    """Fold the request into the registration of this person, if it is still the request that was looked at.

    What they are told from here on is in the language of `locale`, where the platform showed one.
    Claims the binding first: a chat identity or a person bound otherwise is refused, audited, and told to the
    organizers. Raises StaleWrite when the request has been replaced meanwhile.
    """
    request, event = rows.requests.get(key), rows.events.get(key.event_id)
    if request is None or event is None or not request.is_pending or request.version != version:
        raise StaleWrite
    request = replace(request, reply=request.reply.spoken_in(locale))
    person = who if isinstance(who, Person) else Person(who.id, who.user_principal_name, who.display_name)
    before = rows.registrations.get(RegistrationKey(key.event_id, person.id))
    if request.state == "asking" and before is None:
        rows.requests.save(replace(request, state="refused", refusal=NotAdded.code))
        owe_card(rows, f"request:{key}", request.reply, now, says=NotAdded.code)
        return
    try:
        if rows.bindings.claim(key.chat, person.id, now):
            audit(rows, now, str(key.chat), "bound", person.id, event, correlation=request.correlation)
    except (IdentityChanged, SecondChatIdentity) as incident:
        _refuse(rows, request, event, incident, now)
        return
    if before is not None and request.state == "asking":
        rows.requests.save(replace(request, state="folded", person_id=person.id))
        record(rows, before, claimed(before, request), event, now)
        return
    if before is None and request.wish is Wish.GONE and not request.cancels_join:
        refuse(rows, request, NothingToLeave.code, now, event=event.name)
        return
    said = _last_said(rows, request, person) if before is None else request
    after = folded(before, said, person, now)
    if before is None:  # whoever was held and had themselves forgotten is held still
        after = replace(after, hold=rows.marks.take(event.id, person.id))
    count_joining(rows, before, after)
    rows.requests.save(replace(request, state="folded", person_id=person.id))
    if after != before:
        record(rows, before, after, event, now)
        if before is None:
            owe_questions(rows, after, event, now)
        rows.queue.put(Work.SETTLE, str(after.key), now)
    else:  # they have asked for something newer elsewhere, and wait for a word here, too
        owe_card(rows, f"registration:{after.key}", request.reply, now)
    action = "joined" if said.wish is Wish.RACING else "left"
    audit(rows, now, str(person.id), action, after.key, event, correlation=request.correlation)


def _last_said(rows: Rows, request: Request, person: Person) -> Request:
    """Return a join as a leave when they have left from elsewhere since.

    There was nothing to leave then, and so it was refused: nobody had looked at the join yet.
    """
    if request.wish is not Wish.RACING:
        return request
    elsewhere = (
        rows.requests.get(RequestKey(request.key.event_id, chat))
        for chat in rows.bindings.chats_of(person.id)
    )
    left = [
        one.received_at
        for one in elsewhere
        if one is not None and one.wish is Wish.GONE and one.refusal == NothingToLeave.code
    ]
    at = max(left, default=request.received_at)
    return replace(request, wish=Wish.GONE, received_at=at) if at > request.received_at else request


def count_joining(rows: Rows, before: Registration | None, after: Registration) -> None:
    """Count a join, or that somebody left."""
    was_racing = before is not None and before.wish is Wish.RACING
    if after.wish is Wish.RACING and not was_racing:
        rows.tallies.add(after.key.event_id, tallies.JOINED)
        rows.tallies.add(after.key.event_id, tallies.hour(after.asked_at))
    elif after.wish is Wish.GONE and was_racing:
        rows.tallies.add(after.key.event_id, tallies.LEFT)


def folded(before: Registration | None, request: Request, person: Person, now: datetime) -> Registration:
    """Return the registration with this request in it; of several the newest received wins.

    A hold stays, whatever is asked. Every request that counts deserves a result, so nothing counts as told;
    but whoever was told there before they asked sees the same where they asked, and is not told it twice.
    """
    key = RegistrationKey(request.key.event_id, person.id)
    if before is None:
        return Registration(
            key,
            person,
            request.wish,
            request.received_at,
            request.reply,
            request.received_at,
            request.correlation,
            moved_at=now,
            checked_at=now,
            wake_at=now,
        )
    if request.received_at < before.wish_at:
        return claimed(before, request) if before.unclaimed else before
    known = replace(before, person=person, reply=request.reply, unclaimed=False)
    after = returning(known, request.wish, request.received_at, now, request.correlation)
    return replace(after, told=_heard(before, request)) if request.wish is before.wish else after


def claimed(before: Registration, request: Request) -> Registration:
    """Return the registration of somebody who has spoken now, to be told there how it stands."""
    return replace(
        before,
        reply=request.reply,
        correlation=request.correlation,
        unclaimed=False,
        told=_heard(before, request),
    )


def _heard(before: Registration, request: Request) -> Told:
    """Return what whoever was added was told in this chat before they spoke there."""
    is_there = before.unclaimed and before.reply is not None and before.reply.chat == request.reply.chat
    return before.told if is_there else Told.NOTHING


def returning(
    before: Registration, wish: Wish, at: datetime, now: datetime, correlation: str
) -> Registration:
    """Return the registration with this wish of that moment; what it comes to is told anew. A hold stays."""
    changed = wish is not before.wish
    return replace(
        before,
        wish=wish,
        wish_at=at,
        correlation=correlation,
        asked_at=at if changed and wish is Wish.RACING else before.asked_at,
        ready_at=None if changed else before.ready_at,
        first_ready_at=None if changed else before.first_ready_at,
        gone_at=None if changed else before.gone_at,
        gone_recheck_at=None if changed else before.gone_recheck_at,
        seated_at=None if changed else before.seated_at,
        moved_at=now if changed else before.moved_at,
        waiting_for=None if changed else before.waiting_for,
        problem=None,
        missing_since=None if changed else before.missing_since,
        attempts=0,
        checked_at=now,
        told=Told.NOTHING,
        wake_at=now,
    )


def _refuse(rows: Rows, request: Request, event: Event, error: Refusal, now: datetime) -> None:
    facts = {"event": event.name, **error.facts}
    if isinstance(error, INCIDENTS):
        facts["organizers"] = "told" if is_told(event, "organizers-incident") else "untold"
    refuse(rows, request, error.code, now, **facts)
    if isinstance(error, INCIDENTS):
        post_incident(rows, event, error, request.key.chat, now)


def _not_admitted(
    rows: Rows, case: Case, error: ProvisioningError, locale: str | None, now: datetime
) -> None:
    request = rows.requests.get(case.request.key)
    if request is None or not request.is_pending or request.version != case.request.version:
        raise StaleWrite
    request = replace(request, reply=request.reply.spoken_in(locale))
    if isinstance(error, Refusal):
        _refuse(rows, request, case.event, error, now)
        rows.queue.done(case.job)
        return
    advice = error.retry_after if isinstance(error, Unavailable) else 60.0
    pause = timedelta(seconds=advice) if advice is not None else backoff(case.job.attempts)
    if isinstance(error, Misconfigured):
        what = f"gate:{error.code}:{now:%Y%m%d}"
        post_to_organizers(rows, case.event, "organizers-gate-broken", what, now, {"code": error.code})
    _tell_when_overdue(rows, request, case.event, error, now)
    rows.queue.retry(case.job, now + pause)


def _tell_when_overdue(
    rows: Rows, request: Request, event: Event, error: ProvisioningError, now: datetime
) -> None:
    """Tell the asker and the organizers, once, why nobody can be looked up; the request stays.

    What an operator must mend is said at once, what passes by itself only when it lasts.
    """
    is_overdue = now >= request.received_at + PATIENCE
    if request.overdue_told or not (is_overdue or isinstance(error, Misconfigured)):
        return
    saved = rows.requests.save(replace(request, overdue_told=True))
    says = "organizers-overdue" if is_overdue else "organizers-gate-broken"
    organizers = "know" if is_told(event, says) else "unaware"
    owe_reason(rows, saved, error.code, now, event=event.name, organizers=organizers)
    if is_overdue:
        what = f"overdue:{error.code}:{now:%Y%m%d%H}"
        told = {"code": error.code, "racer": str(saved.key.chat)}
        post_to_organizers(rows, event, says, what, now, told)
