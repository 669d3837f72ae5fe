"""The rows of the audit: one chain for the table, written by the bookkeepers (`adapters.dynamodb.books`).

Whoever appends owes the line; before anything is read here, what is owed is entered. Texts stand with the
person whose they are, under the id of their line, from the unit's own commit on.
"""

import secrets
from collections.abc import Callable, Collection, Iterable

from adapters.codec.audit import pack_line, text_digests, unpack_line
from adapters.codec.fields import pack_text, unpack_text
from adapters.dynamodb.books import AUDIT, CHAIN, HEAD, a_line, line_key
from adapters.dynamodb.items import Item, Key, listed
from adapters.dynamodb.session import Session
from provisioning.audit import START, Head, Line, Link, sealed
from provisioning.ids import EventId, PersonId

_SALT_BYTES = 16
_PREFIX = "text#"
_END = ":"  # behind every number


class AuditRows:
    """The audit of the table, in the order of entering."""

    def __init__(self, session: Session, enter: Callable[[], None]) -> None:
        """Speak through this session; `enter` brings the books up to date."""
        self._session = session
        self._enter = enter

    def append(self, line: Line) -> None:
        salts = {name: secrets.token_hex(_SALT_BYTES) for name in line.texts}
        digests = {name: sealed(salts[name], text) for name, text in line.texts.items()}
        entry = a_line(pack_line(line, digests), line.event_id, line.actor, line.subject)
        for name, text in line.texts.items():
            row = text_row(line.event_id, entry["id"], name, salts[name], pack_text(text))
            self._session.add(text_key(line.whose, entry["id"], name), row)
        self._session.owe(entry)

    def lines(self, event_id: EventId | None = None, limit: int = 1000) -> tuple[Line, ...]:
        self._enter()
        if event_id is None:
            found = self._session.pages(AUDIT, "0", _END, limit, newest_first=True)
        else:
            found = self._session.found("lines", event_id, limit=limit, newest_first=True)
        mine = [entry for entry in self._owed() if event_id in (None, entry["of"])]
        posted = [(str(row["id"]), str(row["body"])) for _, row in reversed(found)]
        return self._read([*posted, *((entry["id"], entry["line"]) for entry in mine)][-limit:])

    def about(self, names: Collection[str], limit: int) -> tuple[Line, ...]:
        self._enter()
        found: dict[Key, Item] = {}
        for name in names:
            for kind in ("subject", "actor"):
                found |= dict(self._session.found(kind, name, limit=limit, newest_first=True))
        mine = [entry for entry in self._owed() if {entry["subject"], entry["actor"]} & set(names)]
        posted = [
            (str(row["id"]), str(row["body"])) for _, row in sorted(found.items(), key=lambda one: one[0])
        ]
        return self._read([*posted, *((entry["id"], entry["line"]) for entry in mine)][-limit:])

    def heads(self) -> tuple[Head, ...]:
        self._enter()
        head = self._session.row(HEAD)
        if head is None:
            return (Head(CHAIN, 0, START),)
        return (Head(CHAIN, int(head["count"]), str(head["digest"])),)

    def links(self, chain: str, after: int, limit: int) -> tuple[Link, ...]:
        if chain != CHAIN:
            return ()
        found = self._session.pages(AUDIT, line_key(after + 1)[1], _END, limit)
        return tuple(self._link(int(key[1]), row) for key, row in found)

    def forget_texts_of(self, event_id: EventId, limit: int) -> int:
        return self._session.drop([key for key, _ in self._session.found("texts", event_id, limit=limit)])

    def forget_texts(self, person_id: PersonId) -> int:
        return self._session.drop([key for key, _ in self._session.partition(f"person#{person_id}", _PREFIX)])

    def _owed(self) -> list[dict[str, str]]:
        return [entry for entry in self._session.owed if "line" in entry]

    def _read(self, found: Iterable[tuple[str, str]]) -> tuple[Line, ...]:
        return tuple(
            unpack_line(body, {name: text for name, (_, text) in self._texts(line_id, body).items()})
            for line_id, body in found
        )

    def _link(self, number: int, row: Item) -> Link:
        body = str(row["body"])
        kept = self._texts(str(row["id"]), body)
        line = unpack_line(body, {name: text for name, (_, text) in kept.items()})
        digests = text_digests(body)
        return Link(number, line, body, str(row["previous"]), str(row["digest"]), kept, digests)

    def _texts(self, line_id: str, body: str) -> dict[str, tuple[str, str]]:
        """Return salt and text by name; only few lines have any."""
        names = text_digests(body)
        line = unpack_line(body) if names else None
        rows = (
            {}
            if line is None
            else {name: self._session.row(text_key(line.whose, line_id, name)) for name in names}
        )
        return {
            name: (str(row["salt"]), unpack_text(str(row["text"])))
            for name, row in rows.items()
            if row is not None
        }


def text_key(whose: str | None, line_id: str, name: str) -> Key:
    """Return where this text of a line is."""
    return (f"person#{whose or '-'}", f"{_PREFIX}{line_id}#{name}")


def text_row(event_id: str | None, line_id: str, name: str, salt: str, packed: str) -> Item:
    """Return the row of a text, packed."""
    in_event = {} if event_id is None else listed("texts", event_id, f"{line_id}#{name}")
    return {"salt": salt, "text": packed, **in_event}
