"""What provisioning needs from the place where it keeps its rows: one store, its nouns, and units of work.

A *unit* is a function from the `Rows` to a value. `Store.run` applies it as a whole or not at all and
resolves once its writes will survive a crash; it may run a unit more than once, so a unit touches nothing but
its rows. Every write is conditional: on the version read, or on a lease token. Rows of one unit are seen by
its own reads.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol, TypeVar

from provisioning.audit import Head, Line, Link
from provisioning.boards import Board
from provisioning.brake import Brakes
from provisioning.changes import Change
from provisioning.closings import Closing
from provisioning.events import Breakage, Event
from provisioning.ids import ChatIdentity, EventId, PersonId, Platform, RegistrationKey, RequestKey, TargetId
from provisioning.instructions import Instruction
from provisioning.ledger import Entry
from provisioning.outbox import Notice
from provisioning.queue import Job, Queue, Work
from provisioning.races import Race
from provisioning.references import Reference
from provisioning.registrations import Hold, Registration
from provisioning.requests import Request
from provisioning.whose import Claim

T = TypeVar("T")


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class Events(Protocol):
    """The events. An event's definition changes by version; its seats and breakage change by themselves."""

    def get(self, event_id: EventId) -> Event | None:
        """Return the event, with its version, seats taken and breakage."""
        ...

    def all(self) -> tuple[Event, ...]:
        """Return every event, by opening time."""
        ...

    def save(self, event: Event) -> Event:
        """Write the definition if the stored version is still `event.version` (0: none yet).

        Returns it with the next version; `taken` and `broken` of the argument are not written.
        Raises StaleWrite when somebody else changed it.
        """
        ...

    def take_seats(self, event_id: EventId, keys: Sequence[RegistrationKey]) -> frozenset[RegistrationKey]:
        """Give seats in this order while there are any; returns who has one now (also who had one already).

        Raises `taken` and marks `has_seat` on the registrations together, once per registration, whatever is
        repeated.
        """
        ...

    def free_seat(self, event_id: EventId, key: RegistrationKey) -> bool:
        """Take the seat back; True when there was one. The mirror image of `take_seats`."""
        ...

    def mark_broken(self, event_id: EventId, breakage: Breakage) -> bool:
        """Set the breakage when there is none; True for the one call that set it."""
        ...

    def mark_healed(self, event_id: EventId) -> bool:
        """Clear the breakage; True for the one call that cleared it."""
        ...


class Requests(Protocol):
    """The newest request of every chat identity to every event."""

    def get(self, key: RequestKey) -> Request | None:
        """Return the request."""
        ...

    def of(self, chat: ChatIdentity) -> tuple[Request, ...]:
        """Return every request of this chat identity, newest first."""
        ...

    def of_person(self, event_id: EventId, person_id: PersonId) -> tuple[Request, ...]:
        """Return the folded requests of this person to this event."""
        ...

    def save(self, request: Request) -> Request:
        """Write the row if the stored version is still `request.version` (0: none yet); returns the next one.

        Raises StaleWrite otherwise.
        """
        ...

    def waiting(self, received_before: datetime, limit: int) -> tuple[RequestKey, ...]:
        """Return waiting requests received before this moment, oldest first."""
        ...

    def waiting_ahead(self, received_at: datetime, limit: int) -> int:
        """Count the waiting requests received before this moment, `limit` for so many or more."""
        ...

    def delete(self, request: Request) -> None:
        """Delete the row if the stored version is still `request.version`; else StaleWrite."""
        ...

    def forget_event(self, event_id: EventId, limit: int) -> Sequence[ChatIdentity]:
        """Delete requests to this event, whatever became of them; returns whose each was."""
        ...

    def forget_refused(self, received_before: datetime) -> Sequence[ChatIdentity]:
        """Delete refused requests received before this moment; returns whose each was."""
        ...


class Registrations(Protocol):
    """The registrations, with one lease each: whoever holds it may act on the world for this registration."""

    def get(self, key: RegistrationKey) -> Registration | None:
        """Return the registration."""
        ...

    def of_person(self, person_id: PersonId) -> tuple[Registration, ...]:
        """Return the person's registrations in all events."""
        ...

    def of_event(self, event_id: EventId, after: PersonId | None, limit: int) -> tuple[Registration, ...]:
        """Return a page of the event's registrations in the order of person ids, behind `after`."""
        ...

    def save(self, registration: Registration, token: str | None = None) -> Registration:
        """Write the row if the stored version is still `registration.version` (0: none yet).

        With a token also only while that token holds the row's lease. `has_seat` of the argument is not
        written. Returns it with the next version; raises StaleWrite otherwise.
        """
        ...

    def lease(
        self, keys: Collection[RegistrationKey], token: str, now: datetime, until: datetime
    ) -> frozenset[RegistrationKey]:
        """Take the lease of those rows that are free or whose lease is over (or is ours); returns them."""
        ...

    def release(self, keys: Collection[RegistrationKey], token: str) -> None:
        """Give these leases back, where the token still holds them."""
        ...

    def held(self, keys: Collection[RegistrationKey], token: str) -> frozenset[RegistrationKey]:
        """Return those of these rows whose lease is still this token's."""
        ...

    def delete(self, key: RegistrationKey) -> bool:
        """Delete the row, seat and lease with it; True when it was there."""
        ...

    def in_line(self, event_id: EventId, limit: int) -> tuple[RegistrationKey, ...]:
        """Return who waits for a seat (wish racing, no hold, no seat), in the order of asking."""
        ...

    def line_ahead(self, key: RegistrationKey) -> int:
        """Count those who wait for a seat and asked earlier."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[RegistrationKey, ...]:
        """Return registrations whose `wake_at` has come, earliest first."""
        ...

    def unclaimed(self) -> tuple[EventId, ...]:
        """Return the events with a registration that nobody has claimed yet."""
        ...

    def waits(self, event_id: EventId, limit: int) -> tuple[float, ...]:
        """Return the seconds that the newest ready ones took, from asking or from getting a place."""
        ...

    def count(self, event_id: EventId) -> Mapping[str, int]:
        """Count the event's registrations: `all` of them, and of these

        `racing`: wish racing and no hold; `in_line`: of these, without a seat; `held`; `ready`, `gone` and
        `problem`: where `ready_at`, `gone_at` and `problem` are set.
        """
        ...


class Bindings(Protocol):
    """Chat identity → directory object id, made once."""

    def person_of(self, chat: ChatIdentity) -> PersonId | None:
        """Return whom this chat identity is bound to."""
        ...

    def chat_of(self, person_id: PersonId, platform: Platform) -> ChatIdentity | None:
        """Return the chat identity bound to this person on this platform."""
        ...

    def chats_of(self, person_id: PersonId) -> tuple[ChatIdentity, ...]:
        """Return the chat identities bound to this person, by platform."""
        ...

    def claim(self, chat: ChatIdentity, person_id: PersonId, at: datetime) -> bool:
        """Bind them, once and for all. True when this call made the binding, False when it was there already.

        Raises IdentityChanged when the chat identity is bound to another person, SecondChatIdentity when the
        person is bound to another chat identity of the same platform.
        """
        ...

    def release(self, person_id: PersonId) -> int:
        """Delete the bindings of this person; returns how many."""
        ...


class Ledger(Protocol):
    """The memberships that events of ours needed, by (target, person)."""

    def get(self, target: TargetId, person_id: PersonId) -> Entry | None:
        """Return the entry."""
        ...

    def save(self, entry: Entry) -> Entry:
        """Write the entry if the stored version is still `entry.version` (0: none yet); else StaleWrite."""
        ...

    def delete(self, entry: Entry) -> None:
        """Delete the entry under the same condition."""
        ...


class Outbox(Protocol):
    """The messages owed and sent."""

    def put(self, notice: Notice) -> None:
        """Owe this message, and queue it. A known result or post changes nothing; a card is due again."""
        ...

    def get(self, notice_id: str) -> Notice | None:
        """Return the notice."""
        ...

    def save(self, notice: Notice) -> Notice:
        """Write the row if the stored version is still `notice.version`; raises StaleWrite otherwise."""
        ...

    def undelivered(self, limit: int) -> tuple[Notice, ...]:
        """Return results and other new messages that could not be delivered, the newest drop first."""
        ...

    def forget_about(self, about: str) -> int:
        """Delete what is owed or was sent about this registration, request or the like; returns how many."""
        ...

    def forget_sent(self, before: datetime) -> int:
        """Delete notices sent or dropped before this moment; returns how many."""
        ...


class References(Protocol):
    """Where people, channels and earlier answers are reached, for platforms that need to be told."""

    def get(self, place: str) -> Reference | None:
        """Return the reference to this place."""
        ...

    def save(self, reference: Reference) -> None:
        """Keep this as the word on its place, unless the stored one is newer."""
        ...

    def delete(self, place: str) -> None:
        """Forget the place."""
        ...

    def forget(self, prefix: str, kept_before: datetime) -> int:
        """Forget the places that begin so and were kept before this moment; returns how many."""
        ...


class Leases(Protocol):
    """Named leases, for what must have one writer over all processes: `target:<target id>`,
    `speak:<what about>`, `sweeper`.
    """

    def take(self, name: str, token: str, now: datetime, until: datetime) -> bool:
        """Take or renew the lease; False while somebody else holds it."""
        ...

    def release(self, name: str, token: str) -> None:
        """Give it back, where the token still holds it."""
        ...

    def forget(self, over_before: datetime) -> int:
        """Delete leases that were over before this moment and never given back; returns how many.

        A store in which rows run out by themselves need not do anything.
        """
        ...


class Audit(Protocol):
    """The audit, append-only, in one or several chains."""

    def append(self, line: Line) -> None:
        """Append one line: its texts under salts of their own beside it, their digests in it."""
        ...

    def lines(self, event_id: EventId | None = None, limit: int = 1000) -> tuple[Line, ...]:
        """Return the newest lines (of one event), oldest of them first."""
        ...

    def about(self, names: Collection[str], limit: int) -> tuple[Line, ...]:
        """Return the newest lines in which one of these acts or is the subject, oldest of them first."""
        ...

    def heads(self) -> tuple[Head, ...]:
        """Return where each chain ends."""
        ...

    def links(self, chain: str, after: int, limit: int) -> tuple[Link, ...]:
        """Return the lines of this chain after this number, in order; 0 for the beginning."""
        ...

    def forget_texts_of(self, event_id: EventId, limit: int) -> int:
        """Delete texts of lines of this event with their salts; returns how many. The chains still hold."""
        ...

    def forget_texts(self, person_id: PersonId) -> int:
        """Delete the texts of this person with their salts; returns how many. The chains still hold."""
        ...


class Instructions(Protocol):
    """What was said to the bot as an organizer."""

    def get(self, instruction_id: str) -> Instruction | None:
        """Return the instruction."""
        ...

    def save(self, instruction: Instruction) -> Instruction:
        """Write the row if the stored version is still its `version` (0: none yet); else StaleWrite."""
        ...

    def waiting(self, received_before: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of those that wait and were received before this moment, oldest first."""
        ...

    def forget(self, received_before: datetime) -> int:
        """Delete those that wait no more and were received before this moment; returns how many."""
        ...


class Changes(Protocol):
    """What instructions changed, while it can be shown or taken back."""

    def get(self, change_id: str) -> Change | None:
        """Return the change."""
        ...

    def save(self, change: Change) -> Change:
        """Write the row if the stored version is still its `version` (0: none yet); else StaleWrite."""
        ...

    def since(self, event_id: EventId, at: datetime) -> tuple[Change, ...]:
        """Return the changes of this event made at this moment or later, newest first."""
        ...

    def forget(self, made_before: datetime) -> int:
        """Delete those made before this moment; returns how many."""
        ...


class Races(Protocol):
    """The races of every event, numbered from 1 in each."""

    def get(self, event_id: EventId, number: int) -> Race | None:
        """Return the race."""
        ...

    def of_event(self, event_id: EventId) -> tuple[Race, ...]:
        """Return every race of the event, the withdrawn ones too, by number."""
        ...

    def save(self, race: Race) -> Race:
        """Write the row if the stored version is still `race.version` (0: none yet); else StaleWrite."""
        ...


class Boards(Protocol):
    """The rankings of the platform's races, as they were last read."""

    def get(self, event_id: EventId, race_id: str) -> Board | None:
        """Return the board of this race."""
        ...

    def of_event(self, event_id: EventId) -> tuple[Board, ...]:
        """Return every board of the event, the first to close first."""
        ...

    def save(self, board: Board) -> Board:
        """Write the row if the stored version is still `board.version` (0: none yet); else StaleWrite."""
        ...

    def claims(self, event_id: EventId, race_id: str) -> tuple[Claim, ...]:
        """Return whose lines of this board are known, by person id."""
        ...

    def save_claims(self, event_id: EventId, race_id: str, claims: Collection[Claim]) -> None:
        """Keep these as the word on whose lines are known, in the place of what was kept."""
        ...

    def forget_claims(self, key: RegistrationKey) -> int:
        """Delete what is known of this racer's lines; returns how many."""
        ...

    def forget(self, event_id: EventId) -> None:
        """Delete every board of the event, the racers' aliases with them."""
        ...


class Moments(Protocol):
    """What was done once because its time had come, and what was known then."""

    def get(self, what: str) -> Mapping[str, str] | None:
        """Return what was noted, None when it has not come yet."""
        ...

    def note(self, what: str, at: datetime, facts: Mapping[str, str] | None = None) -> None:
        """Note that it came at this moment, in the place of what was noted before."""
        ...


class Answers(Protocol):
    """What racers answered to the questions of an event."""

    def of(self, key: RegistrationKey) -> Mapping[str, str]:
        """Return the racer's answers, by the question's id."""
        ...

    def save(self, key: RegistrationKey, question: str, answer: str, at: datetime) -> None:
        """Keep this answer, in the place of an earlier one to the same question."""
        ...

    def of_event(self, event_id: EventId) -> tuple[tuple[PersonId, str, str], ...]:
        """Return every answer of the event: person, the question's id, the answer."""
        ...

    def forget(self, key: RegistrationKey) -> int:
        """Delete the racer's answers; returns how many."""
        ...


class Closings(Protocol):
    """How events that are over came to their end."""

    def get(self, event_id: EventId) -> Closing | None:
        """Return the closing of this event."""
        ...

    def save(self, closing: Closing) -> Closing:
        """Write the row if the stored version is still its `version` (0: none yet); else StaleWrite."""
        ...


class Tallies(Protocol):
    """Numbers by event and name (`provisioning.tallies`). They name nobody, and outlive what was counted."""

    def add(self, event_id: EventId, name: str, number: int = 1) -> None:
        """Add to the number of this name, also less than nothing."""
        ...

    def of(self, event_id: EventId) -> Mapping[str, int]:
        """Return the numbers of this event by name."""
        ...


class Marks(Protocol):
    """Holds of people who were forgotten, each under a digest of the person made with a key of the event."""

    def keep(self, event_id: EventId, person_id: PersonId, hold: Hold) -> None:
        """Keep this hold, in place of an earlier one; makes the event's key when there is none."""
        ...

    def of(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        """Return the hold that is kept for this person."""
        ...

    def take(self, event_id: EventId, person_id: PersonId) -> Hold | None:
        """Return the hold that was kept for this person, and keep it no longer."""
        ...

    def forget(self, event_id: EventId) -> int:
        """Delete all marks of the event with its key; returns how many."""
        ...


class Rows(Protocol):
    """All nouns of the store, inside one unit of work."""

    @property
    def events(self) -> Events: ...
    @property
    def requests(self) -> Requests: ...
    @property
    def registrations(self) -> Registrations: ...
    @property
    def bindings(self) -> Bindings: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def references(self) -> References: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def instructions(self) -> Instructions: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def races(self) -> Races: ...
    @property
    def boards(self) -> Boards: ...
    @property
    def moments(self) -> Moments: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def closings(self) -> Closings: ...
    @property
    def tallies(self) -> Tallies: ...
    @property
    def marks(self) -> Marks: ...

    def expect(
        self,
        keys: Iterable[RegistrationKey] = (),
        jobs: Iterable[Job] = (),
        *,
        told: bool = False,
        owed: Iterable[str] = (),
    ) -> None:
        """Say what the unit is about to read, changing nothing: a store far away reads it in few requests.

        Registrations come with the ledger's entries of their people for what the event grants; a key of the
        queue with what it is the key of; a notice with the lease of what it is about, and what news is about.
        `told`: the racers are told what becomes of these registrations, wherever they asked. `owed`: the ids
        of new messages that will be owed.
        """
        ...


Unit = Callable[[Rows], T]


class Store(Protocol):
    """Where the rows are kept. `brakes` stand beside the units: held at once, whatever a unit does."""

    @property
    def brakes(self) -> Brakes: ...

    def run(self, unit: Unit[T]) -> Future[T]:
        """Apply the unit as a whole; the future resolves when its writes are durable.

        Units given at the same time may share one commit, each in a savepoint of its own: one that raises
        leaves no trace and its exception goes to its own future; a commit that fails fails them all with
        StoreUnavailable. Raises StoreUnavailable at once when too many units are waiting.
        """
        ...

    def read(self, unit: Unit[T]) -> T:
        """Apply a unit that only reads, on the caller's thread, beside the writers: for lists and counts."""
        ...

    def heard(self, work: Work) -> int:
        """Return how often units of this process have put keys of this kind on the queue, or back onto it."""
        ...

    def wait_for_work(self, seconds: float, work: Work) -> None:
        """Sleep until a key of this kind of work may be ready, at most so long."""
        ...

    def close(self) -> None:
        """Finish the units already given, then let go of everything."""
        ...
