"""How the rows of another store arrive in the table, and how all that is in it is read again.

A row is written through its noun, under a session that writes only what is not there: it passes over what is
the same, from a run that was killed, and stops at what is not. To read many items in one call it has to know
which: so each batch is played through before, on a session that takes it that nothing is there.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.codec.audit import unpack_line
from adapters.codec.boards import unpack_board
from adapters.codec.changes import unpack_change
from adapters.codec.closings import unpack_closing
from adapters.codec.fields import unpack_text
from adapters.codec.instructions import unpack_instruction
from adapters.codec.ledger import unpack_entry
from adapters.codec.outbox import unpack_notice
from adapters.codec.races import unpack_race
from adapters.codec.registrations import unpack_registration
from adapters.codec.requests import unpack_request
from adapters.dynamodb.audit import text_key, text_row
from adapters.dynamodb.books import AUDIT, HEAD, line_key, line_row, tally_key
from adapters.dynamodb.commit import read
from adapters.dynamodb.items import (
    QUEUED,
    Item,
    Key,
    beside_the_row,
    event_key,
    is_row,
    is_same,
    list_of,
    place_in,
    to_moment,
)
from adapters.dynamodb.marks import mark_key, secret_key
from adapters.dynamodb.outbox import row_key as notice_key
from adapters.dynamodb.outbox import row_of as notice_row
from adapters.dynamodb.queue import home_of
from adapters.dynamodb.registrations import item_of, row_key
from adapters.dynamodb.rows import DynamoRows
from adapters.dynamodb.session import Session
from adapters.dynamodb.table import Conflict, Table
from adapters.moving import Fact, NotMoved, Record
from provisioning.errors import IdentityChanged, SecondChatIdentity
from provisioning.ids import ChatIdentity, EventId, PersonId, RegistrationKey, RequestKey, TargetId
from provisioning.ports import Clock
from provisioning.queue import Work
from provisioning.references import Reference
from provisioning.whose import Claim

TOGETHER: Final = 25  # records in one commit: a binding is two items, and a commit takes a hundred
_MARKER: Final[Key] = ("moving", "-")

Facts = Mapping[str, Any]


class _OnlyNew(Session):
    """A session that writes rows which are not there, and none over another."""

    def __init__(self, table: Table, *, looks: bool) -> None:
        """Begin; one that does not look takes it that nothing is there."""
        super().__init__(table)
        self._looks = looks
        self.arriving = ""

    def get(self, key: Key) -> Item | None:
        if not self._looks:
            self._seen.setdefault(key)
        return super().get(key)

    def keys(self) -> list[Key]:
        """Return the items that were asked for or written."""
        return list(self._seen)

    def save(self, key: Key, row: Item, version: int, called: str) -> int:
        self.set(key, row, version + 1)
        return version + 1

    def set(self, key: Key, row: Item, version: int = 1) -> None:
        there = self.get(key)
        if there is None or not is_row(there):
            super().set(key, row, version)
        elif not is_same({**beside_the_row(there), **row, "version": version}, there):
            raise self.differs()

    def differs(self) -> NotMoved:
        """Return what is raised when something else is there than what arrives."""
        return NotMoved(
            f"The table has other {self.arriving} than the file. One of both was used after the move began."
            " Move into a new table."
        )


class Arriving:
    """The table, while the rows of another store arrive."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        """Speak through this client, which does not retry by itself."""
        self._client = client
        self._table = Table(client, table)
        self._clock = clock

    def begin(self, name: str) -> None:
        session = Session(self._table)
        marker = session.row(_MARKER)
        if marker is not None and marker["name"] == name:
            return
        if marker is not None or next(self.records(), None) is not None:
            raise NotMoved("The table is another bot's: there is something in it already. Name a new table.")
        session.set(_MARKER, {"name": name})
        session.commit()

    def take_in(self, records: Iterable[Record]) -> None:
        batch: list[Record] = []
        for record in records:
            batch.append(record)
            if len(batch) == TOGETHER:
                self._write(batch)
                batch = []
        self._write(batch)

    def records(self) -> Iterator[Record]:
        for key, found in self._table.everything():
            item = read(self._table, key, found)
            if item is None:
                continue
            if QUEUED in item:
                yield _queued(item)
            if is_row(item) and (record := _record(key, item)) is not None:
                yield record

    def close(self) -> None:
        self._client.close()

    def _write(self, batch: Sequence[Record]) -> None:
        played, session = _OnlyNew(self._table, looks=False), _OnlyNew(self._table, looks=True)
        self._play(batch, played)
        session.load(played.keys())
        self._play(batch, session)
        try:
            session.commit()
        except Conflict as error:
            raise NotMoved("Somebody else writes to the table. Stop the bot there first.") from error

    def _play(self, batch: Sequence[Record], session: _OnlyNew) -> None:
        rows = DynamoRows.over(session, self._clock, lambda: None)
        for record in batch:
            session.arriving = record.noun
            _ARRIVING[record.noun](session, rows, record.key, record.facts)


# --- arriving -----------------------------------------------------------------------------------------------


def _binding(session: _OnlyNew, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    chat, person_id = ChatIdentity.parse(key[0]), PersonId(facts["person"])
    try:
        rows.bindings.claim(chat, person_id, to_moment(facts["bound_at"]))
    except (IdentityChanged, SecondChatIdentity) as error:
        raise session.differs() from error


def _request(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    request_key = RequestKey(EventId(key[1]), ChatIdentity.parse(key[0]))
    rows.requests.save(unpack_request(facts["body"], request_key, facts["version"] - 1))


def _registration(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    of = RegistrationKey(EventId(key[0]), PersonId(key[1]))
    found = unpack_registration(facts["body"], of, has_seat=bool(facts["has_seat"]), version=facts["version"])
    session.set(row_key(of), item_of(found, {}), found.version)


def _entry(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    target, person_id = TargetId(key[0]), PersonId(key[1])
    rows.ledger.save(unpack_entry(facts["body"], target, person_id, facts["version"] - 1))


def _answer(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    of, answer = RegistrationKey(EventId(key[0]), PersonId(key[1])), unpack_text(facts["answer"])
    rows.answers.save(of, key[2], answer, to_moment(facts["answered_at"]))


def _notice(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    notice = unpack_notice(facts["body"], key[0], facts["version"])
    over_at = None if facts["over_at"] is None else to_moment(facts["over_at"])
    session.set(notice_key(notice.id), notice_row(notice, over_at), notice.version)


def _reference(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.references.save(Reference(key[0], facts["address"], to_moment(facts["kept_at"]), facts["dead"]))


def _instruction(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.instructions.save(unpack_instruction(facts["body"], key[0], facts["version"] - 1))


def _change(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.changes.save(unpack_change(facts["body"], key[0], facts["version"] - 1))


def _race(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.races.save(unpack_race(facts["body"], EventId(key[0]), int(key[1]), facts["version"] - 1))


def _board(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    closes, version = to_moment(facts["closes_at"]), facts["version"] - 1
    rows.boards.save(unpack_board(facts["body"], EventId(key[0]), key[1], closes, version))


def _claim(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    claim = Claim(PersonId(key[2]), unpack_text(facts["alias"]), to_moment(facts["at"]))
    rows.boards.keep_claim(EventId(key[0]), key[1], claim)


def _moment(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.moments.note(key[0], to_moment(facts["noted_at"]), json.loads(facts["facts"]))


def _closing(_: Session, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    rows.closings.save(unpack_closing(facts["body"], EventId(key[0]), facts["version"] - 1))


def _tally(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    session.set(tally_key(key[0], key[1]), {"number": facts["number"]})


def _mark_key(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    session.set(secret_key(EventId(key[0])), {"secret": facts["secret"]})


def _mark(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    session.set(mark_key(EventId(key[0]), key[1]), {"body": facts["body"]})


def _text(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    number, name = key
    row = text_row(facts["event_id"], number, name, facts["salt"], facts["text"])
    session.set(text_key(facts["whose"], number, name), row)


def _line(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    line = unpack_line(facts["body"])
    entry = {
        "id": key[0],
        "line": facts["body"],
        "of": line.event_id,
        "actor": line.actor,
        "subject": line.subject,
    }
    number = int(key[0])
    session.set(line_key(number), line_row(number, entry, facts["previous"], facts["digest"]))


def _head(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    session.set(HEAD, facts)


def _key(session: _OnlyNew, rows: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    work = Work(key[0])
    home = home_of(work, key[1])
    there = session.get(home)
    rows.queue.carry_over(
        work,
        key[1],
        facts["ready_at"],
        queued_at=facts["queued_at"],
        attempts=facts["attempts"],
        urgent=bool(facts["urgent"]),
    )
    if there is not None and QUEUED in there and not is_same(there, session.get(home)):
        raise session.differs()


def _event(session: Session, _: DynamoRows, key: Sequence[str], facts: Facts) -> None:
    broken = {} if facts["broken"] is None else {"broken": facts["broken"]}
    row: Item = {"body": facts["body"], "taken": facts["taken"], **broken}
    session.set(event_key(EventId(key[0])), row, facts["version"])


_ARRIVING: Final[Mapping[str, Callable[[_OnlyNew, DynamoRows, Sequence[str], Facts], None]]] = {
    "bindings": _binding,
    "requests": _request,
    "registrations": _registration,
    "ledger": _entry,
    "answers": _answer,
    "outbox": _notice,
    "references": _reference,
    "instructions": _instruction,
    "changes": _change,
    "races": _race,
    "boards": _board,
    "claims": _claim,
    "moments": _moment,
    "closings": _closing,
    "tallies": _tally,
    "mark keys": _mark_key,
    "marks": _mark,
    "audit texts": _text,
    "audit lines": _line,
    "audit head": _head,
    "queue": _key,
    "events": _event,
}


# --- reading again ------------------------------------------------------------------------------------------


def _record(key: Key, item: Item) -> Record | None:
    """Return what is in the row of this item, None for leases, brakes, and the second half of a binding."""
    (pk, _, of), (sk, _, name) = key[0].partition("#"), key[1].partition("#")
    match pk, sk:
        case "chat", "binding":
            return _of(item, "bindings", (of,), "person", "bound_at")
        case "chat", "request":
            return _of(item, "requests", (of, name), "version", "body")
        case "person", "registration":
            return _of(item, "registrations", (name, of), "version", "body", "has_seat")
        case "person", "ledger":
            return _of(item, "ledger", (name, of), "version", "body")
        case "person", "answer":
            event_id, _, question = name.partition("#")
            return _of(item, "answers", (event_id, of, question), "answer", "answered_at")
        case "person", "text":
            return _text_there(of, name, item)
        case "event", _:
            return _in_event(of, sk, name, item)
        case _:
            return _by_itself(key, item)


def _in_event(event_id: str, sk: str, name: str, item: Item) -> Record | None:
    match sk:
        case "race":
            return _of(item, "races", (event_id, str(int(name))), "version", "body")
        case "board":
            return _of(item, "boards", (event_id, name), "version", "body", "closes_at")
        case "claim":
            race_id = name.removesuffix(f"#{item['person']}")
            return _of(item, "claims", (event_id, race_id, str(item["person"])), "alias", "at")
        case "closing":
            return _of(item, "closings", (event_id,), "version", "body")
        case "tally":
            return _of(item, "tallies", (event_id, name), "number")
        case "secret":
            return _of(item, "mark keys", (event_id,), "secret")
        case _:
            return _of(item, "marks", (event_id, name), "body")


def _by_itself(key: Key, item: Item) -> Record | None:
    pk, _, of = key[0].partition("#")
    match pk:
        case "events":
            return _of(item, "events", (key[1],), "version", "body", "taken", "broken")
        case "notice":
            over = place_in(item, "over", "")
            there = None if over is None else int(over.partition("#")[0])
            return _of({**item, "over_at": there}, "outbox", (of,), "version", "body", "over_at")
        case "place":
            return _of(item, "references", (of,), "address", "kept_at", "dead")
        case "instruction":
            return _of(item, "instructions", (of,), "version", "body")
        case "change":
            return _of(item, "changes", (of,), "version", "body")
        case "moment":
            return _of(item, "moments", (of,), "noted_at", "facts")
        case _ if pk == AUDIT:
            return _of(item, "audit lines", (key[1],), "previous", "digest", "body")
        case _ if key == HEAD:
            return _of(item, "audit head", (), "count", "digest")
        case _:
            return None


def _text_there(whose: str, name: str, item: Item) -> Record:
    number, _, text = name.partition("#")
    found = {"event_id": list_of(item, "texts"), "whose": None if whose == "-" else whose}
    return _of({**item, **found}, "audit texts", (number, text), "event_id", "whose", "salt", "text")


def _queued(item: Item) -> Record:
    facts = {
        "urgent": item["q_urgent"],
        "ready_at": item["q_ready"],
        "queued_at": item["q_queued"],
        "attempts": item["q_attempts"],
    }
    return Record("queue", (str(list_of(item, "queue")), str(item["q_key"])), facts)


def _of(item: Mapping[str, Fact], noun: str, key: tuple[str, ...], *names: str) -> Record:
    return Record(noun, key, {name: item.get(name) for name in names})
