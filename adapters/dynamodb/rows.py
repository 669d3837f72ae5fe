"""All rows of the table, behind one session."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from adapters.dynamodb import outbox, registrations, requests
from adapters.dynamodb.answers import AnswerRows
from adapters.dynamodb.audit import AuditRows
from adapters.dynamodb.bindings import BindingRows, chat_key, person_keys
from adapters.dynamodb.boards import BoardRows
from adapters.dynamodb.brake_rows import BrakeRows
from adapters.dynamodb.changes import ChangeRows
from adapters.dynamodb.closings import ClosingRows
from adapters.dynamodb.events import EventRows
from adapters.dynamodb.instructions import InstructionRows
from adapters.dynamodb.items import Key
from adapters.dynamodb.leases import LeaseRows, lease_key
from adapters.dynamodb.ledger import LedgerRows, entry_key
from adapters.dynamodb.marks import MarkRows
from adapters.dynamodb.moments import MomentRows
from adapters.dynamodb.outbox import OutboxRows
from adapters.dynamodb.queue import QueueRows, home_of
from adapters.dynamodb.races import RaceRows
from adapters.dynamodb.references import ReferenceRows
from adapters.dynamodb.registrations import RegistrationRows
from adapters.dynamodb.requests import RequestRows
from adapters.dynamodb.session import Session
from adapters.dynamodb.tallies import TallyRows
from provisioning.ids import Platform, RegistrationKey, RequestKey
from provisioning.outbox import about_of, card_id, result_id, speaking_lease
from provisioning.ports import Clock
from provisioning.queue import Job, Work


@dataclass(frozen=True, slots=True)
class DynamoRows:
    """The nouns of the store, for one unit; `brakes` is for the store's own."""

    events: EventRows
    requests: RequestRows
    registrations: RegistrationRows
    bindings: BindingRows
    ledger: LedgerRows
    outbox: OutboxRows
    references: ReferenceRows
    queue: QueueRows
    leases: LeaseRows
    audit: AuditRows
    instructions: InstructionRows
    changes: ChangeRows
    closings: ClosingRows
    tallies: TallyRows
    marks: MarkRows
    races: RaceRows
    boards: BoardRows
    moments: MomentRows
    answers: AnswerRows
    brakes: BrakeRows
    session: Session

    @classmethod
    def over(cls, session: Session, clock: Clock, enter: Callable[[], None]) -> "DynamoRows":
        """Return the rows of this session; `enter` brings the books up to date before they are read."""
        queue = QueueRows(session)
        return cls(
            events=EventRows(session),
            requests=RequestRows(session),
            registrations=RegistrationRows(session),
            bindings=BindingRows(session),
            ledger=LedgerRows(session),
            outbox=OutboxRows(session, queue, clock),
            references=ReferenceRows(session),
            queue=queue,
            leases=LeaseRows(session),
            audit=AuditRows(session, enter),
            instructions=InstructionRows(session),
            changes=ChangeRows(session),
            closings=ClosingRows(session),
            tallies=TallyRows(session, enter),
            marks=MarkRows(session),
            races=RaceRows(session),
            boards=BoardRows(session),
            moments=MomentRows(session),
            answers=AnswerRows(session),
            brakes=BrakeRows(session),
            session=session,
        )

    def expect(
        self,
        keys: Iterable[RegistrationKey] = (),
        jobs: Iterable[Job] = (),
        *,
        told: bool = False,
        owed: Iterable[str] = (),
    ) -> None:
        """Read these together, for the nouns to find them."""
        keys = list(keys)
        wanted = [found for key in keys for found in self._of_registration(key)]
        if told:
            wanted += [found for key in keys for found in person_keys(key.person_id)]
        for notice_id in owed:
            wanted += [outbox.row_key(notice_id), home_of(Work.SPEAK, notice_id)]
        notices = []
        for job in jobs:
            wanted.append(home_of(job.work, job.key))
            if job.work in {Work.SPEAK, Work.REFRESH}:
                notices.append(job.key)
                wanted += [outbox.row_key(job.key), *_about(about_of(job.key), is_new=job.work is Work.SPEAK)]
            elif job.work is Work.ANSWER:
                wanted.append(chat_key(RequestKey.parse(job.key).chat))
            elif job.work in {Work.SETTLE, Work.TEND}:
                wanted += self._of_registration(RegistrationKey.parse(job.key))
        self.session.load(wanted)
        there = [notice for notice_id in notices if (notice := self.outbox.get(notice_id)) is not None]
        behind = [found for one in there for found in _about(one.about, is_new=one.is_new_message)]
        if told:
            behind += [found for key in keys for found in self._where_told(key)]
        self.session.load(behind)

    def _of_registration(self, key: RegistrationKey) -> list[Key]:
        event = self.events.get(key.event_id)
        grants = (*event.grants, *event.retired) if event is not None else ()
        entries = (entry_key(grant.target, key.person_id) for grant in grants)
        return [registrations.row_key(key), home_of(Work.SETTLE, str(key)), *entries]

    def _where_told(self, key: RegistrationKey) -> Iterator[Key]:
        """Yield where it is what this racer asked, the cards there, and the result that is told next.

        Who is not bound yet may have asked on any platform.
        """
        chats, about = self.bindings.chats_of(key.person_id), f"registration:{key}"
        registration = self.registrations.get(key)
        if registration is not None:
            result = result_id(about, registration.serial + 1)
            yield from (outbox.row_key(result), home_of(Work.SPEAK, result))
        for chat in chats:
            yield requests.row_key(RequestKey(key.event_id, chat))
        for platform in [chat.platform for chat in chats] or get_args(Platform):
            card = card_id(about, platform)
            yield from (outbox.row_key(card), home_of(Work.REFRESH, card))


def _about(about: str, *, is_new: bool) -> Iterator[Key]:
    """Yield the lease for speaking about this, and the row that a message about it, a new one, depends on."""
    if about:
        yield lease_key(speaking_lease(about))
    what, _, key = about.partition(":")
    if what == "registration" and is_new:
        yield registrations.row_key(RegistrationKey.parse(key))
    elif what == "request":
        yield requests.row_key(RequestKey.parse(key))
