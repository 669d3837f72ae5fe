"""Closing: how an event that is over comes to its end, what is told of it, and how it is counted.

over (its end, or torn down) ─▶ begun: progress is told, in one message that is edited
                             ─▶ all out, or tried for half an hour: reported, once
                             ─▶ all out: complete

The settler does the work, registration by registration; here it is only looked at.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from provisioning.audit import Line
from provisioning.closings import Closing
from provisioning.events import Event
from provisioning.ids import EventId, PersonId
from provisioning.outbox import Kind, Notice
from provisioning.ports import Rows, Store
from provisioning.registrations import Registration, Step
from provisioning.requests import ReplyTo
from provisioning.usage import used_of
from provisioning.withdrawing import is_still_fed

REPORTED_AFTER = timedelta(minutes=30)  # whoever is not out by then is reported as still leaving
PAGE = 500
GARAGES, MEGABYTES = "garages", "megabytes"  # in a result: racers with models on the site, and their size


class Part(StrEnum):
    """What the end of an event means for the access of one racer."""

    WITHDRAWN = "withdrawn"  # what the event gave them ends
    MEMBER_BEFORE = "member-before"  # they were a member before the event, and stay one
    NEEDED_ELSEWHERE = "needed-elsewhere"  # another event needs the same membership
    NEVER_IN = "never-in"  # they had no access yet
    LEAVING = "leaving"  # it should have ended, and has not yet


@dataclass(frozen=True, slots=True)
class Parting:
    """One racer at the end of an event."""

    registration: Registration
    part: Part


@dataclass(frozen=True, slots=True)
class Stored:
    """What is left on the racing site: how many racers have models there, and of what size together."""

    racers: int = 0
    megabytes: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """How an event closes, by part, and why some are still leaving, by error code ("" for no error)."""

    parts: Mapping[Part, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    stored: Stored = field(default_factory=Stored)


def part_of(rows: Rows, event: Event, registration: Registration) -> Part:
    """Return what becomes, or became, of the access of this racer. Reads the ledger."""
    kept: set[Part] = set()
    for target, progress in registration.progress.items():
        entry = rows.ledger.get(target, registration.key.person_id)
        grant = event.grant_of(target)
        fed = grant is not None and is_still_fed(rows, event, registration.key.person_id, grant)
        if progress.step is Step.ABSENT:
            return Part.WITHDRAWN
        before = entry is None or entry.present_before
        elsewhere = entry is not None and (fed or bool(entry.needed_by - {event.id}))
        if progress.step is not Step.KEPT and not (before or elsewhere):
            return Part.WITHDRAWN
        kept.add(Part.MEMBER_BEFORE if before else Part.NEEDED_ELSEWHERE)
    if not kept:
        return Part.NEVER_IN
    return Part.MEMBER_BEFORE if Part.MEMBER_BEFORE in kept else Part.NEEDED_ELSEWHERE


def partings(rows: Rows, event: Event) -> Iterator[Parting]:
    """Yield who would be out, were the event over now: everybody who is not out already."""
    for registration in _everybody(rows, event.id):
        if registration.gone_at is None:
            yield Parting(registration, part_of(rows, event, registration))


def still_leaving(rows: Rows, event: Event, limit: int) -> tuple[Registration, ...]:
    """Return the first of those who are to be out, and are not yet."""
    found: list[Registration] = []
    for registration in _everybody(rows, event.id):
        if registration.gone_at is None:
            found.append(registration)
        if len(found) == limit:
            break
    return tuple(found)


def counted(rows: Rows, event: Event) -> Counted:
    """Count how everybody parted who had a part in the event when it was over."""
    parts: Counter[Part] = Counter()
    reasons: Counter[str] = Counter()
    parted: list[Registration] = []
    for registration in _everybody(rows, event.id):
        if registration.gone_at is None or registration.gone_at >= event.over_at:
            parted.append(registration)
        if registration.gone_at is None:
            parts[Part.LEAVING] += 1
            broken = event.broken.code if event.broken is not None else ""
            reasons[registration.problem or broken] += 1
        elif registration.gone_at >= event.over_at:
            parts[part_of(rows, event, registration)] += 1
    return Counted(parts, reasons, stored_by(rows, event, parted))


def stored_by(rows: Rows, event: Event, racers: Iterable[Registration]) -> Stored:
    """Return what these racers have on the racing site, as it was read last; nothing of it ends with it."""
    known = (used_of(rows, one, event, event.over_at) for one in racers)
    sizes = [used.stored for used in known if used is not None and used.stored]
    return Stored(len(sizes), -(-sum(sizes) // 1_000_000))


def begin(rows: Rows, event: Event, asked_by: ReplyTo | None, now: datetime) -> Closing:
    """Write that the event is over, for those who are not out yet; owe the message that follows it."""
    known = rows.closings.get(event.id)
    counts = rows.registrations.count(event.id)
    left = counts["all"] - counts["gone"]
    version = known.version if known is not None else 0
    begun = rows.closings.save(Closing(event.id, event.over_at, left, left, asked_by, version=version))
    if left:
        about, to = next(iter(_places(event, begun)), ("", None))
        if about:
            rows.outbox.put(_told(event, begun, "closing", about, to, now))
    return begun


def follow(store: Store, event: Event, now: datetime) -> bool:
    """Look how far the event is; tell of it what is new. True while there is something left to look at."""
    known = store.read(lambda rows: rows.closings.get(event.id))
    if known is not None and known.over_at == event.over_at and known.complete_at is not None:
        return False
    found = store.read(lambda rows: _look(rows, event, known, now))
    store.run(lambda rows: _follow(rows, event, found, now)).result()
    return True


def _look(rows: Rows, event: Event, known: Closing | None, now: datetime) -> Counted | None:
    """Count everybody when that is to be reported now; it reads every registration."""
    if known is None or known.over_at != event.over_at:
        return None
    counts = rows.registrations.count(event.id)
    is_out = counts["all"] == counts["gone"]
    is_late = now >= event.over_at + REPORTED_AFTER and known.reported_at is None
    return counted(rows, event) if is_out or is_late else None


def _follow(rows: Rows, event: Event, found: Counted | None, now: datetime) -> None:
    known = rows.closings.get(event.id)
    if known is None or known.over_at != event.over_at:
        begin(rows, event, None, now)
        return
    if known.complete_at is not None:
        return
    counts = rows.registrations.count(event.id)
    left = counts["all"] - counts["gone"]
    after = replace(known, left=left, total=max(known.total, left))
    if found is not None and found.parts.get(Part.LEAVING, 0) == left:
        after = replace(
            after,
            result={str(part): number for part, number in found.parts.items()} | _numbers(found.stored),
            reasons=dict(found.reasons),
            reported_at=known.reported_at or now,
            complete_at=None if left else now,
        )
    if after != known:
        saved = rows.closings.save(after)
        _tell(rows, event, known, saved, now)


def _numbers(stored: Stored) -> dict[str, int]:
    return {GARAGES: stored.racers, MEGABYTES: stored.megabytes} if stored.racers else {}


def _tell(rows: Rows, event: Event, before: Closing, after: Closing, now: datetime) -> None:
    """Owe what is news: the progress, the report, and that the last are out when it named some as leaving."""
    if after.left != before.left:
        for about, to in _places(event, after)[:1]:
            post = _told(event, after, "closing", about, to, now)
            edit_id = f"edit:{post.id}:{after.left}"
            rows.outbox.put(replace(post, id=edit_id, kind=Kind.EDIT, says=post.id))
    is_first = before.reported_at is None and after.reported_at is not None
    is_last = before.reported_at is not None and after.complete_at is not None
    if not (is_first or is_last):
        return
    what = "closed" if is_first else "complete"
    for about, to in _places(event, after):
        rows.outbox.put(_told(event, after, what, about, to, now))
    facts = {name: str(number) for name, number in after.result.items()}
    rows.audit.append(Line(now, "bot", "closed", event.id, event.id, facts=facts))


def _places(event: Event, closing: Closing) -> list[tuple[str, ReplyTo | None]]:
    """Return where the closing is told: the organizers' channel, and whoever asked for it."""
    places: list[tuple[str, ReplyTo | None]] = []
    if event.organizer_channel:
        places.append((event.organizer_channel, None))
    if closing.asked_by is not None:
        places.append((f"event:{event.id}", closing.asked_by))
    return places


def _told(event: Event, closing: Closing, what: str, about: str, to: ReplyTo | None, now: datetime) -> Notice:
    notice_id = f"post:{about}:{event.id}:{what}:{closing.over_at:%Y%m%d%H%M%S%f}"
    said = "closing" if what == "closing" else "closed"
    facts = {"closing": said, "event_id": str(event.id)}
    return Notice(notice_id, Kind.POST, about, to, 0, said, facts, now)


def _everybody(rows: Rows, event_id: EventId) -> Iterator[Registration]:
    after: PersonId | None = None
    while page := rows.registrations.of_event(event_id, after, PAGE):
        yield from page
        after = page[-1].key.person_id
