"""The audit on the command line: whether its chains hold, and all of it as CSV or JSON Lines."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO

from bot.spreadsheet import cell
from provisioning.audit import Break, Head, Link, check
from provisioning.ports import Rows, Store

Format = Literal["csv", "jsonl"]

PAGE: Final = 500
COLUMNS: Final = (
    *("chain", "number", "at", "actor", "action", "subject", "event", "correlation", "facts", "texts"),
    "digest",
)
WHAT: Final = {
    "missing": "lines before this one are gone",
    "moved": "it does not follow the line before it",
    "changed": "it is not what was written",
    "text": "the text beside it is not what was written",
    "cut": "from here on the lines are gone",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """Where the chains end, and where they do not hold."""

    heads: tuple[Head, ...]
    breaks: tuple[Break, ...]


def verify(store: Store) -> Verified:
    """Check every chain, as it stood at one moment."""

    def read(rows: Rows) -> Verified:
        heads = rows.audit.heads()
        breaks = [found for head in heads for found in check(head, links(rows, head.chain))]
        return Verified(heads, tuple(breaks))

    return store.read(read)


def export(store: Store, form: Format, sink: TextIO) -> int:
    """Write every line, oldest first in each chain; returns how many."""

    def read(rows: Rows) -> int:
        write = _csv_writer(sink) if form == "csv" else _jsonl_writer(sink)
        count = 0
        for head in rows.audit.heads():
            for link in links(rows, head.chain):
                write(_row(head.chain, link))
                count += 1
        return count

    return store.read(read)


def links(rows: Rows, chain: str) -> Iterator[Link]:
    """Yield the lines of a chain, in order."""
    after = 0
    while page := rows.audit.links(chain, after, PAGE):
        yield from page
        after = page[-1].number


def _row(chain: str, link: Link) -> dict[str, Any]:
    line = link.line
    return {
        "chain": chain,
        "number": link.number,
        "at": line.at.isoformat(),
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
        "event": line.event_id or "",
        "correlation": line.correlation,
        "facts": dict(line.facts),
        "texts": dict(line.texts),
        "digest": link.digest,
    }


def _jsonl_writer(sink: TextIO) -> Any:
    return lambda row: sink.write(json.dumps(row) + "\n")


def _csv_writer(sink: TextIO) -> Any:
    table = csv.writer(sink)
    table.writerow(COLUMNS)

    def write(row: dict[str, Any]) -> None:
        table.writerow([cell(row[name]) for name in COLUMNS])

    return write
