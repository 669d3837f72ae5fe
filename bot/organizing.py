"""Organizing: instructions carried out, a few at a time, on a lane of their own.

    waiting instruction ─▶ too old? ─▶ who is it ─▶ what do they organize ─▶ words ─▶ command ─▶ whom it names
                                                    └ nothing: refused, whatever they said
          ─▶ one unit: plan, make, audit, owe the answer ─▶ what a change brings with it ─▶ off the queue

Nothing is allowed in doubt: while the directory does not answer, an instruction waits, and is too old after
a quarter of an hour.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.admin.table import PLANS, find
from bot.understanding import Case, Chosen, Understanding, Understood
from provisioning import actors, dead_letters, garages
from provisioning.changes import Change, is_within
from provisioning.correlation import about, only
from provisioning.dead_letters import DeadLetterQueue
from provisioning.deciding import backoff
from provisioning.errors import (
    IdentityChanged,
    InstructionStale,
    ProvisioningError,
    Refusal,
    StaleWrite,
    StoreUnavailable,
    Unavailable,
    Unexpected,
)
from provisioning.events import Event
from provisioning.instructing import Draft, Order, make, owe_answer
from provisioning.instructions import Instruction, State
from provisioning.organizers import Organizers
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Job, Work
from provisioning.recognizing import Asked, Recognized, Recognizer
from provisioning.recording import audit, owe_card, post_incident
from provisioning.retrying import takes_letters_back
from provisioning.sweeping import wake_event

LEASE: Final = timedelta(seconds=45)
BATCH: Final = 20  # instructions carried out together: each may ask the directory whom it names
MENDING_PAUSE: Final = timedelta(seconds=30)
DEFECT_PAUSE: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


class Organizing:
    """Carries out instructions. One round is one batch."""

    def __init__(
        self,
        store: Store,
        recognizer: Recognizer,
        organizers: Organizers,
        understanding: Understanding,
        clock: Clock,
        dead_letters: DeadLetterQueue | None = None,
    ) -> None:
        """Take the collaborators; `dead_letters` where the host has a queue of its own."""
        self._understanding = understanding
        self._store = store
        self._recognizer = recognizer
        self._organizers = organizers
        self._clock = clock
        self._dead_letters = dead_letters

    def round(self) -> int:
        """Take the instructions that are due, carry them out, and return how many there were."""
        now, token = self._clock.now(), uuid.uuid4().hex
        cases, unfinished, taken = self._store.run(lambda rows: _take(rows, token, now)).result()
        for job, made in unfinished:
            with about({made.id: made.id}):
                self._finish(job, made)
        with about({case.instruction.id: case.instruction.id for case in cases}):
            for case in self._identified(cases):
                with only([case.instruction.id]):
                    self._handled(case)
        return taken

    def _identified(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases with who says it, and what they organize; asked for all of them together."""
        fresh = [case for case in cases if not case.instruction.is_stale(self._clock.now())]
        if not fresh:
            return list(cases)
        events = self._store.read(lambda rows: rows.events.all())
        domains = tuple(dict.fromkeys(domain for event in events for domain in event.email_domains))
        # Also who is bound passes the whole gate: a chat account may have become somebody else's since.
        found = self._recognizer.recognize(
            {case.instruction.id: Asked(case.instruction.chat, domains) for case in fresh}
        )
        known = [_recognized(case, found[case.instruction.id]) for case in fresh]
        people = {case.person_id for case in known if case.person_id is not None}
        organized = self._organizers.of(people, events)
        by_id = {
            case.instruction.id: replace(case, organized=organized[case.person_id])
            if case.person_id is not None
            else case
            for case in known
        }
        return [by_id.get(case.instruction.id, case) for case in cases]

    def _handled(self, case: Case) -> None:
        """Carry one out; where it defies that, it comes again later, and the others go on."""
        try:
            self._carry_out(case)
        except StoreUnavailable:
            raise
        except StaleWrite:  # somebody wrote what it was planned upon; it is planned anew
            self._store.run(lambda rows: rows.queue.retry(case.job, self._clock.now())).result()
        except Exception:
            log.exception("an instruction cannot be carried out", extra={"action": "defect"})
            self._wait(case, Unexpected(), DEFECT_PAUSE)

    def _carry_out(self, case: Case) -> None:
        instruction = case.instruction
        try:
            if instruction.is_stale(self._clock.now()):
                raise InstructionStale
            meant = self._understanding.of(case)
        except Refusal as error:
            refusal = error
            self._store.run(lambda rows: self._refuse(rows, case, refusal)).result()
            return
        except ProvisioningError as error:
            pause = error.retry_after if isinstance(error, Unavailable) else MENDING_PAUSE.total_seconds()
            self._wait(case, error, backoff(case.job.attempts) if pause is None else timedelta(seconds=pause))
            return
        if isinstance(meant, Chosen):
            self._store.run(lambda rows: self._ask_which(rows, case, meant)).result()
            return
        made = self._store.run(lambda rows: self._conclude(rows, case, meant)).result()
        if made is not None:
            self._finish(case.job, made)

    def _finish(self, job: Job, made: Change) -> None:
        """Do what a change brings with it, and take it off the queue; a repetition does no harm."""
        now = self._clock.now()
        if not takes_letters_back(made):
            wake_event(self._store, made.event_id, now)
        elif self._dead_letters is not None:
            try:
                if self._dead_letters.take_back():  # the others in another round
                    self._store.run(lambda rows: rows.queue.retry(job, now)).result()
                    return
            except ProvisioningError as error:
                found = {"action": "dead-letters", "code": error.code, "facts": error.facts}
                log.warning("dead letters stay for now", extra=found)
                if isinstance(error, Unavailable):
                    self._store.run(lambda rows: rows.queue.retry(job, now + backoff(job.attempts))).result()
                    return
        self._store.run(lambda rows: rows.queue.done(job)).result()

    def _conclude(self, rows: Rows, case: Case, meant: Understood) -> Change | None:
        """Plan and make it, in one unit; returns the change that brings something with it."""
        now, known = self._clock.now(), _still_waiting(rows, case)
        if known is None:
            return None
        row = replace(known, person_id=case.person_id, event_id=meant.event.id, people=meant.people)
        event = rows.events.get(meant.event.id)
        if event is None or case.person_id is None:
            raise StaleWrite(row=f"event {meant.event.id}")
        plan = PLANS.get(type(meant.command))
        if plan is None:
            models = garages.packed(meant.models) if meant.models is not None else {}
            letters = dead_letters.packed(meant.letters) if meant.letters is not None else {}
            facts = {**row.facts, **models, **letters, **actors.packed(meant.actors)}
            self._close(rows, case, replace(row, facts=facts), event, "answered")
            return None
        confirms = rows.instructions.get(meant.confirms.id) if meant.confirms is not None else None
        if confirms is not None and confirms.state == "confirmed":  # the same button, pressed twice
            self._close(rows, case, replace(row, led_to=confirms.led_to), event, "changed")
            return None
        try:
            tenant = row.chat.tenant if row.chat.platform == "teams" else None
            order = Order(
                row.id,
                event,
                case.person_id,
                now,
                meant.people,
                meant.used,
                meant.vetted,
                tenant,
                meant.models or {},
                meant.letters,
            )
            draft = plan(rows, order, meant.command)
        except Refusal as refusal:
            self._refuse(rows, replace(case, instruction=row), refusal, event)
            return None
        return self._settle(rows, case, row, event, draft, confirms, dry_run=meant.command.dry_run)

    def _settle(
        self,
        rows: Rows,
        case: Case,
        row: Instruction,
        event: Event,
        draft: Draft,
        confirms: Instruction | None,
        *,
        dry_run: bool,
    ) -> Change | None:
        """Show the draft, or make it."""
        if dry_run:
            self._close(rows, case, replace(row, proposed=draft.change), event, "previewed")
            return None
        shown = confirms.proposed if confirms is not None else None
        if draft.wants_confirmation and (shown is None or not is_within(draft.change, shown)):
            # It is more by now than what was confirmed: it is shown again, to be confirmed again.
            said = confirms or row
            shown_again = replace(row, words=said.words, given=said.given, proposed=draft.change)
            self._close(rows, case, shown_again, event, "asking")
            return None
        if confirms is not None:
            rows.instructions.save(replace(confirms, state="confirmed", led_to=row.id))
        made = make(rows, draft, event)
        brings = draft.wakes or draft.takes_back
        self._close(rows, case, row, event, "changed", finished=not brings)
        return made if brings else None

    def _ask_which(self, rows: Rows, case: Case, chosen: Chosen) -> None:
        row = _still_waiting(rows, case)
        if row is not None:
            facts = {"choose": " ".join(chosen.events)}
            self._close(rows, case, replace(row, person_id=case.person_id, facts=facts), None, "answered")

    def _refuse(self, rows: Rows, case: Case, refusal: Refusal, event: Event | None = None) -> None:
        row = _still_waiting(rows, case)
        if row is None:
            return
        facts = ({"event": event.name} if event else {}) | refusal.facts
        refused = replace(
            case.instruction,
            version=row.version,
            person_id=case.person_id,
            state="refused",
            refusal=refusal.code,
            facts=facts,
        )
        rows.instructions.save(refused)
        now = self._clock.now()
        if isinstance(case.error, IdentityChanged) and case.bound is not None:
            for registration in rows.registrations.of_person(case.bound):
                joined = rows.events.get(registration.key.event_id)
                if joined is not None:
                    post_incident(rows, joined, case.error, refused.chat, now)
        said: dict[str, Any] = {name: facts[name] for name in ("why", "field") if name in facts}
        actor = str(case.person_id or refused.chat)
        audit(
            rows,
            now,
            actor,
            "refused",
            event.id if event else refused.id,
            event,
            correlation=refused.id,
            code=refusal.code,
            verb=_verb(refused),
            **said,
        )
        owe_answer(rows, refused, now)
        rows.queue.done(case.job)

    def _close(
        self,
        rows: Rows,
        case: Case,
        row: Instruction,
        event: Event | None,
        state: State,
        *,
        finished: bool = True,
    ) -> None:
        """Write what it came to, owe the answer, and be done with it when everything is `finished`."""
        now = self._clock.now()
        saved = rows.instructions.save(replace(row, state=state))
        if state != "changed":  # a change has lines of its own
            action = "answered" if state == "answered" else "shown"
            key = event.id if event else saved.id
            audit(rows, now, str(case.person_id), action, key, event, correlation=saved.id, verb=_verb(saved))
        owe_answer(rows, saved, now)
        if finished:
            rows.queue.done(case.job)

    def _wait(self, case: Case, error: ProvisioningError, pause: timedelta) -> None:
        """Try again later; tell them once, where they asked, what it waits for."""
        now = self._clock.now()

        def unit(rows: Rows) -> None:
            row = _still_waiting(rows, case)
            if row is None:
                return
            if not row.delay_told:
                rows.instructions.save(replace(row, delay_told=True))
                owe_card(rows, f"instruction:{row.id}", row.reply, now, says=error.code)
            rows.queue.retry(case.job, now + pause)

        self._store.run(unit).result()


def _take(rows: Rows, token: str, now: datetime) -> tuple[list[Case], list[tuple[Job, Change]], int]:
    """Lease what is due: what waits, and what was made by somebody who did not come to its end."""
    jobs = rows.queue.lease(Work.INSTRUCT, BATCH, token, now, now + LEASE)
    cases, unfinished = [], []
    for job in jobs:
        instruction = rows.instructions.get(job.key)
        if instruction is not None and instruction.state == "waiting":
            cases.append(Case(job, instruction, rows.bindings.person_of(instruction.chat)))
        elif (change := rows.changes.get(job.key)) is not None:
            unfinished.append((job, change))
        else:
            rows.queue.done(job)
    return cases, unfinished, len(jobs)


def _recognized(case: Case, found: Recognized) -> Case:
    """Return the case with who says it, in their language; an account bound to another person is nobody's."""
    reply = case.instruction.reply.spoken_in(found.locale)
    here = replace(case, instruction=replace(case.instruction, reply=reply))
    if isinstance(found.who, ProvisioningError):
        return replace(here, error=found.who)
    if case.bound not in (None, found.who.id):
        return replace(here, error=IdentityChanged())
    return replace(here, person_id=found.who.id)


def _still_waiting(rows: Rows, case: Case) -> Instruction | None:
    """Return the instruction as it is now, in the language of whoever said it.

    None, and off the queue, when it has been carried out already.
    """
    row = rows.instructions.get(case.instruction.id)
    if row is None or row.state != "waiting":
        rows.queue.done(case.job)
        return None
    return replace(row, reply=row.reply.spoken_in(case.instruction.reply.locale))


def _verb(instruction: Instruction) -> str:
    """Return the verb in the words; what people said beside it is not for the audit."""
    found = find(instruction.words)
    return found[0].name if found is not None else "-"
