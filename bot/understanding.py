"""What an instruction means: words ─▶ command ─▶ the event ─▶ the people it names.

Only what has to be asked outside before anything can be planned: whom a mention means, the list that came
along, what was used, which models there are and what became a dead letter. Nothing is written here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.admin.adding import with_list
from bot.admin.basics import ConfirmInstruction, Undo
from bot.admin.table import parse
from bot.admin.verbs import AdminCommand
from provisioning import actors
from provisioning.dead_letters import DeadLetterQueue, DeadLetters, seen
from provisioning.directory import Lists, Mentions
from provisioning.errors import (
    EventUnknown,
    ListUnreadable,
    NotAllowed,
    NothingToConfirm,
    ProvisioningError,
    Refusal,
)
from provisioning.events import Event, Quota
from provisioning.garages import Garages
from provisioning.ids import EventId, PersonId
from provisioning.instructions import CONFIRMED_WITHIN, Instruction
from provisioning.joining import find_event
from provisioning.organizers import Organized
from provisioning.platform import Model
from provisioning.ports import Clock, Store
from provisioning.queue import Job
from provisioning.recognizing import Recognizer
from provisioning.targets import Claims, Mentioned, resolve
from provisioning.usage import Usage
from provisioning.vetting import Vetted, vet


@dataclass(frozen=True, slots=True)
class Case:
    """One instruction being carried out, with who says it and what they organize, as far as that is known.

    `bound` is whom the chat identity is bound to: a claim of earlier, no proof of who speaks now.
    """

    job: Job
    instruction: Instruction
    bound: PersonId | None = None
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
    letters: DeadLetters | None = None
    actors: Mapping[PersonId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Several events are possible; the organizer picks one of these."""

    events: tuple[EventId, ...]


class Understanding:
    """Finds out what instructions mean."""

    def __init__(
        self,
        store: Store,
        recognizer: Recognizer,
        usage: Usage,
        garages: Garages,
        clock: Clock,
        mentions: Mapping[str, Mentions] | None = None,
        lists: Mapping[str, Lists] | None = None,
        dead_letters: DeadLetterQueue | None = None,
    ) -> None:
        """Take the collaborators; `mentions` for the platforms that need somebody to say who is mentioned.

        `lists` for those on which people give files; `dead_letters` where the host has a queue of its own.
        """
        self._store = store
        self._recognizer = recognizer
        self._usage = usage
        self._garages = garages
        self._clock = clock
        self._mentions = mentions or {}
        self._lists = lists or {}
        self._dead_letters = dead_letters

    def of(self, case: Case) -> Understood | Chosen:
        """Return what the words mean. Raises a Refusal, or what keeps the outside from being asked.

        NotAllowed for whoever organizes nothing, whatever they said.
        """
        _ensure_organizer(case)
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
        letters = seen(self._dead_letters) if command.reads_letters else None
        if confirms is not None:
            meant = Understood(confirms, command, event, confirms.people, confirms, used, letters=letters)
        elif not command.targets:
            return self._named(case, Understood(instruction, command, event, {}, used=used, letters=letters))
        else:
            claims = self._claims(instruction, command)
            people = resolve(self._store, self._recognizer, event, command.targets, claims)
            meant = Understood(instruction, command, event, people, used=used)
        if not command.reads_models:
            return self._named(case, meant)
        return replace(meant, models=self._garages.of(event, meant.people.values()))

    def _named(self, case: Case, meant: Understood) -> Understood:
        """Return it with what those are called who acted, where the command shows them."""
        if not meant.command.names_actors:
            return meant
        people = self._store.read(lambda rows: actors.without_a_part(rows, meant.event, case.person_id))
        return replace(meant, actors=self._recognizer.names(people))

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


def _ensure_organizer(case: Case) -> None:
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
