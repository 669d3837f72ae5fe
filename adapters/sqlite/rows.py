"""All rows of the file, behind one connection."""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.sqlite.answers import AnswerRows
from adapters.sqlite.audit import AuditRows
from adapters.sqlite.bindings import BindingRows
from adapters.sqlite.boards import BoardRows
from adapters.sqlite.brake_rows import BrakeRows
from adapters.sqlite.changes import ChangeRows
from adapters.sqlite.closings import ClosingRows
from adapters.sqlite.events import EventRows
from adapters.sqlite.instructions import InstructionRows
from adapters.sqlite.leases import LeaseRows
from adapters.sqlite.ledger import LedgerRows
from adapters.sqlite.marks import MarkRows
from adapters.sqlite.moments import MomentRows
from adapters.sqlite.outbox import OutboxRows
from adapters.sqlite.queue import QueueRows
from adapters.sqlite.races import RaceRows
from adapters.sqlite.references import ReferenceRows
from adapters.sqlite.registrations import RegistrationRows
from adapters.sqlite.requests import RequestRows
from adapters.sqlite.sql import Sql
from adapters.sqlite.tallies import TallyRows
from provisioning.ids import RegistrationKey
from provisioning.ports import Clock
from provisioning.queue import Job


@dataclass(frozen=True, slots=True)
class SqliteRows:
    """The nouns of the store, for units on this connection; `brakes` is for the store's own."""

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

    @classmethod
    def over(cls, sql: Sql, clock: Clock) -> "SqliteRows":
        """Return the rows that this connection reaches."""
        queue = QueueRows(sql)
        return cls(
            events=EventRows(sql),
            requests=RequestRows(sql),
            registrations=RegistrationRows(sql),
            bindings=BindingRows(sql),
            ledger=LedgerRows(sql),
            outbox=OutboxRows(sql, queue, clock),
            references=ReferenceRows(sql),
            queue=queue,
            leases=LeaseRows(sql),
            audit=AuditRows(sql),
            instructions=InstructionRows(sql),
            changes=ChangeRows(sql),
            closings=ClosingRows(sql),
            tallies=TallyRows(sql),
            marks=MarkRows(sql),
            races=RaceRows(sql),
            boards=BoardRows(sql),
            moments=MomentRows(sql),
            answers=AnswerRows(sql),
            brakes=BrakeRows(sql),
        )

    def expect(
        self,
        keys: Iterable[RegistrationKey] = (),
        jobs: Iterable[Job] = (),
        *,
        told: bool = False,
        owed: Iterable[str] = (),
    ) -> None:
        """Do nothing: what is in a file is read fast enough one by one."""
