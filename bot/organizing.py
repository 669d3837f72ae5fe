"""Organizing: instructions carried out, a few at a time, on a lane of their own.

    waiting instruction ─▶ too old? ─▶ who is it ─▶ what do they organize ─▶ words ─▶ command ─▶ whom it names
                                                    └ nothing: refused, whatever they said
          ─▶ one unit: plan, make, audit, owe the answer

Nothing is allowed in doubt: while the directory does not answer, an instruction waits, and is too old after
a quarter of an hour.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.admin.adding import with_list
from bot.admin.basics import ConfirmInstruction, Undo
from bot.admin.table import PLANS, find, parse
from bot.admin.verbs import AdminCommand
from provisioning.deciding import backoff
from provisioning.directory import Lists, Mentions
from provisioning.errors import (
    EventUnknown,
    InstructionStale,
    ListUnreadable,
    NotAllowed,
    NothingToConfirm,
    ProvisioningError,
    Refusal,
    StaleWrite,
    StoreUnavailable,
    Unavailable,
    Unexpected,
)
from provisioning.events import Event, Quota
from provisioning.garages import Garages, packed
from provisioning.ids import EventId, PersonId
from provisioning.instructing import Draft, Order, make, owe_answer
from provisioning.instructions import CONFIRMED_WITHIN, Instruction, State
from provisioning.joining import find_event
from provisioning.organizers import Organized, Organizers
from provisioning.platform import Model
from provisioning.ports import Clock, Job, Rows, Store, Work
from provisioning.recognizing import Asked, Recognizer
from provisioning.recording import audit, owe_card
from provisioning.sweeping import wake_event
from provisioning.targets import Claims, Mentioned, resolve
from provisioning.usage import Usage
from provisioning.vetting import Vetted, vet

LEASE: Final = timedelta(seconds=45)
BATCH: Final = 20  # instructions carried out together: each may ask the directory whom it names
MENDING_PAUSE: Final = timedelta(seconds=30)
DEFECT_PAUSE: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """One instruction being carried out, with who says it and what they organize, as far as that is known."""

    job: Job
    instruction: Instruction
    person_id: PersonId | None = None
    organized: Organized = field(default_factory=Organized)
    error: ProvisioningError | None = None  # what keeps it from being known who this is


@dataclass(frozen=True, slots=True)
class Understood:
    """What an instruction means: a command, for one event, naming these people.

    `instruction` is the one whose words are meant: after a yes the one that was shown. `confirms`: that one.
    """

    instruction: Instruction
    command: AdminCommand
    event: Event
    people: Mapping[str, PersonId]
    confirms: Instruction | None = None
    used: Mapping[PersonId, Quota] = field(default_factory=dict)
    vetted: Mapping[str, Vetted | Refusal] = field(default_factory=dict)
    models: Mapping[PersonId, tuple[Model, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Several events are possible; the organizer picks one of these."""

    events: tuple[EventId, ...]


class Organizing:
    """Carries out instructions. One round is one batch."""

    def __init__(
        self,
        store: Store,
        recognizer: Recognizer,
        organizers: Organizers,
        usage: Usage,
        garages: Garages,
        clock: Clock,
        mentions: Mapping[str, Mentions] | None = None,
        lists: Mapping[str, Lists] | None = None,
    ) -> None:
        """Take the collaborators; `mentions` for the platforms that need somebody to say who is mentioned.

        `lists` for those on which people give files.
        """
        self._usage = usage
        self._garages = garages
        self._mentions = mentions or {}
        self._lists = lists or {}
        self._store = store
        self._recognizer = recognizer
        self._organizers = organizers
        self._clock = clock

    def round(self) -> int:
        """Take the instructions that are due, carry them out, and return how many there were."""
        now, token = self._clock.now(), uuid.uuid4().hex
        cases, taken = self._store.run(lambda rows: _take(rows, token, now)).result()
        for case in self._identified(cases):
            self._handled(case)
        return taken

    def _identified(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases with who says it, and what they organize; asked for all of them together."""
        fresh = [case for case in cases if not case.instruction.is_stale(self._clock.now())]
        if not fresh:
            return list(cases)
        events = self._store.read(lambda rows: rows.events.all())
        domains = tuple(dict.fromkeys(domain for event in events for domain in event.email_domains))
        unknown = {
            case.instruction.id: Asked(case.instruction.chat, domains)
            for case in fresh
            if case.person_id is None
        }
        found = self._recognizer.recognize(unknown)
        known: list[Case] = []
        for case in fresh:
            who = found.get(case.instruction.id)
            if isinstance(who, ProvisioningError):
                known.append(replace(case, error=who))
            else:
                known.append(replace(case, person_id=case.person_id if who is None else who.id))
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
            self._ensure_organizer(case)
            meant = self._understood(case)
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
        woken = self._store.run(lambda rows: self._conclude(rows, case, meant)).result()
        if woken is not None:
            wake_event(self._store, woken, self._clock.now())
            self._store.run(lambda rows: rows.queue.done(case.job)).result()

    def _ensure_organizer(self, case: Case) -> None:
        """Raise NotAllowed for whoever organizes nothing, and what keeps that from being known.

        Whoever the gate itself would turn away is told the same: nothing of what organizers may do is shown.
        """
        if isinstance(case.error, Refusal):
            raise NotAllowed(why=case.error.code)
        if case.error is not None:
            raise case.error
        if not case.organized.events:
            for error in case.organized.failed.values():
                raise error
            raise NotAllowed

    def _understood(self, case: Case) -> Understood | Chosen:
        """Return what the words mean. Raises a Refusal, or what keeps the outside from being asked."""
        instruction = case.instruction
        command = self._said(instruction)
        events = self._store.read(lambda rows: rows.events.all())
        confirms = None
        if isinstance(command, ConfirmInstruction):
            confirms = self._to_confirm(case, command)
            event = next((event for event in events if event.id == confirms.event_id), None)
            dry_run = command.dry_run
            command = self._said(confirms)
            command = replace(command, dry_run=command.dry_run or dry_run)
        elif isinstance(command, Undo) and command.change_id is not None:
            change_id = command.change_id
            change = self._store.read(lambda rows: rows.changes.get(change_id))
            event = next((event for event in events if change and event.id == change.event_id), None)
        else:
            event = None
        if event is None:
            chosen = _event_meant(command, case.organized, events, self._clock.now())
            if isinstance(chosen, Chosen):
                return chosen
            event = chosen
        if event.id not in case.organized.events:
            raise case.organized.failed.get(event.id, NotAllowed())
        if command.vouches:
            claims = self._claims(confirms or instruction, command)
            vetted = vet(self._recognizer, event, command.targets, claims)
            return Understood(confirms or instruction, command, event, {}, confirms, vetted=vetted)
        used = self._usage.of(event) if command.needs_usage else {}
        if confirms is not None:
            meant = Understood(confirms, command, event, confirms.people, confirms, used)
        elif not command.targets:
            return Understood(instruction, command, event, {}, used=used)
        else:
            claims = self._claims(instruction, command)
            people = resolve(self._store, self._recognizer, event, command.targets, claims)
            meant = Understood(instruction, command, event, people, used=used)
        if not command.reads_models:
            return meant
        return replace(meant, models=self._garages.of(event, meant.people.values()))

    def _said(self, instruction: Instruction) -> AdminCommand:
        """Return the command in the words, with the people of the list that came along.

        Raises a Refusal, or what keeps a file from being read.
        """
        command, given = parse(instruction.words, instruction.chat), instruction.given
        if given is None:
            return command
        lists = self._lists.get(instruction.chat.platform)
        if given.file is not None and lists is None:
            raise ListUnreadable
        parts = [given.text]
        if given.file is not None and lists is not None:
            parts.append(lists.read(instruction.chat, given.file))
        return with_list(command, parts)

    def _claims(self, instruction: Instruction, command: AdminCommand) -> Claims:
        """Return what the platform says of those who are mentioned, where its mentions do not say it."""
        mentioned = [target.chat for target in command.targets if isinstance(target, Mentioned)]
        mentions = self._mentions.get(instruction.chat.platform)
        return mentions.vouch_for(instruction.reply, mentioned) if mentions is not None and mentioned else {}

    def _to_confirm(self, case: Case, command: ConfirmInstruction) -> Instruction:
        """Return what is confirmed. Raises NothingToConfirm when it is not theirs, old, or was not asked."""
        shown = self._store.read(lambda rows: rows.instructions.get(command.instruction_id))
        if (
            shown is None
            or shown.state not in {"asking", "confirmed"}
            or shown.person_id != case.person_id
            or self._clock.now() >= shown.received_at + CONFIRMED_WITHIN
        ):
            raise NothingToConfirm
        return shown

    def _conclude(self, rows: Rows, case: Case, meant: Understood) -> EventId | None:
        """Plan and make it, in one unit; returns the event whose registrations are to be woken then."""
        now, known = self._clock.now(), _still_waiting(rows, case)
        if known is None:
            return None
        row = replace(known, person_id=case.person_id, event_id=meant.event.id, people=meant.people)
        event = rows.events.get(meant.event.id)
        if event is None or case.person_id is None:
            raise StaleWrite(row=f"event {meant.event.id}")
        plan = PLANS.get(type(meant.command))
        if plan is None:
            facts = packed(meant.models) if meant.models is not None else row.facts
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
    ) -> EventId | None:
        """Show the draft, or make it."""
        if dry_run:
            self._close(rows, case, replace(row, proposed=draft.change), event, "previewed")
            return None
        shown = confirms.proposed if confirms is not None else None
        if draft.wants_confirmation and (shown is None or shown.people != draft.change.people):
            # What was confirmed has changed in the meantime: it is shown again, to be confirmed again.
            said = confirms or row
            shown_again = replace(row, words=said.words, given=said.given, proposed=draft.change)
            self._close(rows, case, shown_again, event, "asking")
            return None
        if confirms is not None:
            rows.instructions.save(replace(confirms, state="confirmed", led_to=row.id))
        make(rows, draft, event)
        self._close(rows, case, row, event, "changed", finished=not draft.wakes)
        return event.id if draft.wakes else None

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


def _take(rows: Rows, token: str, now: datetime) -> tuple[list[Case], int]:
    jobs = rows.queue.lease(Work.INSTRUCT, BATCH, token, now, now + LEASE)
    cases = []
    for job in jobs:
        instruction = rows.instructions.get(job.key)
        if instruction is None:
            rows.queue.done(job)
        elif instruction.state == "waiting":
            cases.append(Case(job, instruction, rows.bindings.person_of(instruction.chat)))
        else:  # whoever carried it out did not come to waking the registrations
            _wake_in(rows, instruction, now)
            rows.queue.done(job)
    return cases, len(jobs)


def _wake_in(rows: Rows, instruction: Instruction, now: datetime) -> None:
    """Queue the registrations of the event that a finished instruction changed."""
    after: PersonId | None = None
    while instruction.event_id is not None and instruction.state == "changed":
        page = rows.registrations.of_event(instruction.event_id, after, 500)
        for registration in page:
            rows.queue.put(Work.SETTLE, str(registration.key), now)
        if len(page) < 500:  # noqa: PLR2004 - a page that is not full is the last
            return
        after = page[-1].key.person_id


def _still_waiting(rows: Rows, case: Case) -> Instruction | None:
    """Return the instruction as it is now; None, and off the queue, when it has been carried out already."""
    row = rows.instructions.get(case.instruction.id)
    if row is None or row.state != "waiting":
        rows.queue.done(case.job)
        return None
    return row


def _event_meant(
    command: AdminCommand, organized: Organized, events: Sequence[Event], now: datetime
) -> Event | Chosen:
    """Return the event that is named, or the only one that the asker organizes.

    Of several, those that are not over come first. Raises EventUnknown.
    """
    if command.event is not None:
        named = find_event(tuple(events), command.event)
        if named is None:
            raise EventUnknown(name=command.event[:60])
        return named
    mine = [event for event in events if event.id in organized.events]
    current = [event for event in mine if event.phase(now) != "ended"] or mine
    if len(current) == 1 or not command.about_event:
        return current[0]
    return Chosen(tuple(event.id for event in current))


def _verb(instruction: Instruction) -> str:
    """Return the verb in the words; what people said beside it is not for the audit."""
    found = find(instruction.words)
    return found[0].name if found is not None else "-"
