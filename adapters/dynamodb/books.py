"""The books: the chain of the audit and the tallies, entered from what the items owe, many at a time.

    unit ─▶ its items carry what they owe ─▶ the bookkeeper: lines chained, numbers added, debts taken off

All of an entry happens in one commit: a line is in the chain and its debt is gone, or neither. So nobody who
joins waits for the head of a chain or for a number that everybody raises; only the bookkeepers write those.
"""

import json
import secrets
from typing import Any, Final

from adapters.dynamodb.items import OWES, OWES_SINCE, Item, Key, listed
from adapters.dynamodb.session import Entry, Session
from adapters.dynamodb.table import TOGETHER
from provisioning.audit import START, chained

CHAIN: Final = "table"  # the one chain of a table
AUDIT: Final = "audit"
HEAD: Final[Key] = ("audit-head", "-")
PAGE: Final = 50  # items relieved of their debts in one commit, at most


def an_addition(event_id: str, name: str, number: int) -> Entry:
    """Return the entry of a number to be added."""
    return {"event": event_id, "name": name, "add": number}


def a_line(body: str, event_id: str | None, actor: str, subject: str) -> Entry:
    """Return the entry of a line of the audit; its texts are found by the entry's id."""
    return {"id": secrets.token_hex(8), "line": body, "of": event_id, "actor": actor, "subject": subject}


def tally_key(event_id: str, name: str) -> Key:
    """Return where this number is."""
    return (f"event#{event_id}", f"tally#{name}")


def line_key(number: int) -> Key:
    """Return where the line of this number is."""
    return (AUDIT, f"{number:012}")


def enter(session: Session) -> bool:
    """Enter what some items owe, those that have owed for longest first; returns whether more may be owed."""
    page = session.found("owed", limit=PAGE)
    debts: list[tuple[Key, Item, list[Entry]]] = []
    tallies: set[Key] = set()
    lines = 0
    for key, item in page:  # as many as one transaction takes: the items, their lines, the numbers, the head
        entries = json.loads(str(item.get(OWES, "[]")))
        lines += sum("line" in entry for entry in entries)
        tallies |= {tally_key(entry["event"], entry["name"]) for entry in entries if "add" in entry}
        if debts and len(debts) + 1 + lines + len(tallies) + 1 > TOGETHER:
            break
        debts.append((key, item, entries))
    session.load([HEAD, *tallies])
    for key, item, entries in debts:
        for entry in entries:
            if "line" in entry:
                _chain(session, entry)
            else:
                add(session, entry)
        session.put(key, {name: value for name, value in item.items() if name not in {OWES, OWES_SINCE}})
    return len(debts) < len(page) or len(page) == PAGE


def add(session: Session, entry: Entry) -> None:
    """Add a number to what is there."""
    key = tally_key(entry["event"], entry["name"])
    before = session.row(key)
    session.set(key, {"number": entry["add"] + (0 if before is None else int(before["number"]))})


def _chain(session: Session, entry: dict[str, Any]) -> None:
    head = session.row(HEAD)
    count, previous = (0, START) if head is None else (int(head["count"]), str(head["digest"]))
    number, digest = count + 1, chained(previous, entry["line"])
    session.add(line_key(number), line_row(number, entry, previous, digest))
    session.set(HEAD, {"count": number, "digest": digest})


def line_row(number: int, entry: Entry, previous: str, digest: str) -> Item:
    """Return the row of a line in the chain."""
    order = line_key(number)[1]
    return {
        "id": entry["id"],
        "body": entry["line"],
        "previous": previous,
        "digest": digest,
        **(listed("lines", entry["of"], order) if entry["of"] else {}),
        **listed("subject", entry["subject"], order),
        # What the bot did itself is found by its subject; a list of most lines would be waste.
        **(listed("actor", entry["actor"], order) if entry["actor"] != "bot" else {}),
    }
