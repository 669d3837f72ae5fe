"""Certificates: one for every finisher of a race that is over, and again in whatever name they wish.

the last reading of a race ─▶ whose lines ─▶ one certificate owed to each, all in the unit that ends the race

A line that is nobody's for sure gets none: organizers are told which, and nobody guesses.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from provisioning.boards import Board
from provisioning.events import Event
from provisioning.ids import EventId, RegistrationKey
from provisioning.instructing import AFTER_ACK
from provisioning.joining import Asking
from provisioning.leaderboards import Line
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Certificates
from provisioning.ports import Rows
from provisioning.recording import post_to_organizers
from provisioning.registrations import Registration
from provisioning.whose import Claim, line_of

APART: Final = timedelta(seconds=1)  # between two certificates: they are drawn where messages are edited
NAMED: Final = 5  # aliases that organizers are told
MOST: Final = 5  # certificates that one asking is answered with


def certify(
    rows: Rows,
    event: Event,
    board: Board,
    claims: Sequence[Claim],
    now: datetime,
    *,
    elsewhere: Sequence[Claim] = (),
) -> int:
    """Owe every finisher their certificate, and organizers whom it is not known of; returns how many.

    The lines of `elsewhere` are those of racers in other events, who get their certificates there.
    """
    finished = [line for line in board.ranking.lines if line.place is not None]
    owed, known = 0, {line_of(board.ranking, claim) for claim in elsewhere}
    for claim in claims:
        line = line_of(board.ranking, claim)
        registration = rows.registrations.get(RegistrationKey(event.id, claim.person_id))
        if line is None or line.place is None or registration is None:
            continue
        known.add(line)
        if registration.hold is None:
            rows.outbox.put(_certificate(registration, board, now + owed * APART))
            owed += 1
    left_out = [line.alias for line in finished if line not in known]
    if left_out:
        names = ", ".join([*left_out[:NAMED], *(["…"] if len(left_out) > NAMED else [])])
        facts = {"race": board.name, "count": str(len(left_out)), "racers": names}
        post_to_organizers(rows, event, "organizers-uncertified", f"uncertified:{board.key}", now, facts)
    return owed


def request_certificates(rows: Rows, asking: Asking, name: str) -> Certificates:
    """Owe the asker their certificates, the newest race's first, in this name or under their alias.

    A repeated delivery owes nothing more.
    """
    person = rows.bindings.person_of(asking.chat)
    found: list[tuple[Board, Registration]] = []
    for registration in rows.registrations.of_person(person) if person else ():
        if registration.hold is None:
            found += [(board, registration) for board in _finished(rows, registration.key)]
    found.sort(key=lambda one: one[0].closes, reverse=True)
    for board, registration in found[:MOST]:
        about = f"certificate:{registration.key}"
        notice_id = f"answer:{about}:{board.race_id}:{asking.digest}"
        facts = {"event": str(board.event_id), "board": board.race_id} | ({"name": name} if name else {})
        at = asking.now + AFTER_ACK
        rows.outbox.put(Notice(notice_id, Kind.ANSWER, about, asking.reply, facts=facts, created_at=at))
    return Certificates(tuple(board.name for board, _ in found[:MOST]))


def to_certify(rows: Rows, notice: Notice) -> tuple[Event, Board, Line, Registration] | None:
    """Return what a certificate is about; None when the racer or the race is forgotten."""
    key = RegistrationKey.parse(notice.about.partition(":")[2])
    event, registration = rows.events.get(key.event_id), rows.registrations.get(key)
    board = rows.boards.get(EventId(notice.facts["event"]), notice.facts["board"])
    if event is None or registration is None or board is None:
        return None
    line = own_line(rows, board, key)
    return None if line is None else (event, board, line, registration)


def own_line(rows: Rows, board: Board, key: RegistrationKey) -> Line | None:
    """Return the racer's line on this board, as far as it is known for sure."""
    claims = rows.boards.claims(board.event_id, board.race_id)
    found = (line_of(board.ranking, claim) for claim in claims if claim.person_id == key.person_id)
    return next((line for line in found if line is not None), None)


def _finished(rows: Rows, key: RegistrationKey) -> Iterator[Board]:
    for board in rows.boards.of_event(key.event_id):
        line = own_line(rows, board, key) if board.is_final else None
        if line is not None and line.place is not None:
            yield board


def _certificate(registration: Registration, board: Board, at: datetime) -> Notice:
    about = f"certificate:{registration.key}"
    facts = {"event": str(board.event_id), "board": board.race_id}
    notice_id = f"reminder:{about}:{board.race_id}"
    return Notice(notice_id, Kind.REMINDER, about, registration.reply, facts=facts, created_at=at)
