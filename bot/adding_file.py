"""Adding people from a list: how one is read, and from a file on the host a few at a time, with results.

A few are one unit: what was said to be added is, whatever happens next. Applying the same file again finishes
the rest and adds nobody twice.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.faults import Fault, Faulty
from provisioning import adding
from provisioning.errors import Refusal
from provisioning.events import Event
from provisioning.ids import RegistrationKey
from provisioning.ports import Clock, Rows, Store
from provisioning.recognizing import Recognizer
from provisioning.recording import audit
from provisioning.targets import Mailed
from provisioning.vetting import Vetted, vet

TOGETHER: Final = 20  # people asked of the directory, and added, at once
_HEADS: Final = frozenset({"email", "e-mail", "mail", "address", "email address", "e-mail address"})
_HEADS_TOO: Final = frozenset({"userprincipalname", "user principal name", "upn"})  # as directories export it
_DELIMITERS: Final = ",;\t"
_BETWEEN: Final = re.compile(r"[,;\s]+")  # the addresses of one line


class FileUnusable(Faulty):
    """The file has no addresses that can be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One address of the file, and what came of it: added, already-in, the kind of a hold, or a code."""

    mail: str
    result: str


def addresses(path: Path) -> tuple[str, ...]:
    """Return the addresses of the file, each once, in its order. Raises FileUnusable."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FileUnusable([Fault(str(path), f"cannot be read: {reason}", "Name a CSV file.")]) from error
    found = listed(text)
    if not found:
        mend = "Give it a column headed email, or one address a line."
        raise FileUnusable([Fault(str(path), "has no addresses in it", mend)])
    return found


def listed(text: str) -> tuple[str, ...]:
    """Return the addresses of a list, each once, in its order; none when it has none that can be read.

    With a heading those of the column that is called e-mail; without one the first cell of each line that has
    an @ in it. Of one line alone it is every word that has one.
    """
    first, _, more = text.strip().partition("\n")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = [
            [cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=delimiter)
        ]
    except csv.Error:  # a cell without an end, longer than any cell is
        return ()
    column = _column(lines[0]) if lines else None
    if column is not None:
        cells = [line[column] for line in lines[1:] if len(line) > column]
    elif more:
        cells = [next((cell for cell in line if "@" in cell), "") for line in lines]
    else:
        cells = [word for word in _BETWEEN.split(first) if "@" in word]
    return tuple(dict.fromkeys(cell for cell in cells if cell))


def _column(heads: Sequence[str]) -> int | None:
    names = [head.casefold() for head in heads]
    for wanted in (_HEADS, _HEADS_TOO):
        found = next((place for place, name in enumerate(names) if name in wanted), None)
        if found is not None:
            return found
    return None


def add_all(
    store: Store, recognizer: Recognizer, event: Event, mails: Sequence[str], clock: Clock
) -> Iterator[Row]:
    """Add these people, and yield what came of each as soon as it is durable.

    Raises EventNotYetOpen, EventEnded, or what keeps the directory from being asked.
    """
    adding.ensure_addable(event, clock.now())
    for start in range(0, len(mails), TOGETHER):
        part = mails[start : start + TOGETHER]
        vetted = vet(recognizer, event, [Mailed(mail) for mail in part])

        def unit(rows: Rows, vetted: dict[str, Vetted | Refusal] = vetted) -> list[Row]:
            return [Row(mail, _add(rows, event, one, clock)) for mail, one in vetted.items()]

        yield from store.run(unit).result()


def _add(rows: Rows, event: Event, one: Vetted | Refusal, clock: Clock) -> str:
    if isinstance(one, Refusal):
        return one.code
    key = RegistrationKey(event.id, one.user.id)
    result = adding.standing_of(rows, key)
    if result == adding.ADDED or rows.registrations.get(key) is None:
        now = clock.now()
        adding.add(rows, event, one, now)
        audit(rows, now, "command line", "added", key, event)
    return result
