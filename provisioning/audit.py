"""The audit: who did what to whom, in the order in which it was recorded; nothing in it is ever changed.

    line 1 ─▶ body, digest 1 = H(start, body)
    line 2 ─▶ body, digest 2 = H(digest 1, body)      … and the head: how many lines, and the last digest

A line that is taken out, put elsewhere, changed or cut off at the end does not fit any more. Personal text
stands beside the chain under a salt of its own, and the chain holds its digest: deleted, it leaves no trace
of what it said, and the chain still holds.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from provisioning.ids import EventId, PersonId

START = "0" * 64  # what the first line of a chain is chained to


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit. It names people by object id or chat identity, never by name or e-mail.

    `texts` is what somebody wrote in their own words (a reason), by name. It can be deleted later, for the
    person in `whose`; a line read back holds what is still there.
    """

    at: datetime
    actor: str  # a person id, a chat identity, "bot", "directory" or "command line"
    action: str  # one word of `docs/words.md`: "asked", "refused", "bound", "granted", "withdrawn", …
    subject: str  # a registration key, request key, event id or target
    event_id: EventId | None = None
    correlation: str = ""  # follows one chat request to its last effect
    facts: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    whose: PersonId | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One line in its chain. `number` counts from 1; `body` is the line as it was written, digests included.

    `texts` holds salt and text by name, as far as they are still there; `digests` what the body says of them.
    """

    number: int
    line: Line
    body: str
    previous: str
    digest: str
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends. A store has at least one chain, and each is checked by itself."""

    chain: str
    count: int
    digest: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold. `number` is the line at which it shows; of a cut one the first missing.

    missing: lines before this one are gone. moved: it does not follow the line before it. changed: it is not
    what was written. text: the text beside it is not what was written. cut: the end is gone.
    """

    chain: str
    number: int
    what: Literal["missing", "moved", "changed", "text", "cut"]


def chained(previous: str, body: str) -> str:
    """Return the digest of a line that follows the one of this digest."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def sealed(salt: str, text: str) -> str:
    """Return the digest of a text under its salt: what the chain holds of it."""
    return hashlib.sha256(f"{salt}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def check(head: Head, links: Iterable[Link]) -> Iterator[Break]:
    """Yield every place where the chain does not hold, in its order. `links` are all of it, by number."""
    previous, number = START, 0
    for link in links:
        if link.number != number + 1:
            yield Break(head.chain, link.number, "missing")
        elif link.previous != previous:
            yield Break(head.chain, link.number, "moved")
        if link.digest != chained(link.previous, link.body):
            yield Break(head.chain, link.number, "changed")
        elif any(sealed(*kept) != link.digests.get(name) for name, kept in link.texts.items()):
            yield Break(head.chain, link.number, "text")
        previous, number = link.digest, link.number
    if number < head.count or (number == head.count and previous != head.digest):
        yield Break(head.chain, number + 1, "cut")
    elif number > head.count:
        yield Break(head.chain, head.count + 1, "changed")
