"""Joining, leaving and asking how it stands, at the door: one unit of work each, with nothing slow in it.

A join or leave becomes a *request*, whoever asks; the gate (`provisioning.admitting`) finds out who that is
and folds the request into the person's registration. What is known here already is answered here: a closed
event, a second join, a repetition by the platform.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioning import tallies
from provisioning.audit import Line
from provisioning.deciding import Stage, stage_of
from provisioning.errors import (
    EventClosed,
    EventEnded,
    EventNotYetOpen,
    EventUnknown,
    JoiningPaused,
    NoEventOpen,
    NothingToLeave,
    Refusal,
    StillIn,
    StillLeaving,
)
from provisioning.events import Event
from provisioning.forgetting import ensure_forgettable, forget, known_of
from provisioning.ids import ChatIdentity, EventId, RegistrationKey, RequestKey
from provisioning.outcomes import (
    MOST_AHEAD,
    Choice,
    ConfirmForget,
    ConfirmLeave,
    Forgotten,
    Nothing,
    Outcome,
    Overview,
    Privacy,
    Queued,
    RacesShown,
    Refused,
    Standing,
    UsageShown,
)
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.races import Race
from provisioning.registrations import Registration
from provisioning.requests import ReplyTo, Request, Seen, Wish, language_of, remember
from provisioning.usage import used_of

UNPLACED = EventId("-")  # no event has this id: ids begin with a letter or digit
AFTERMATH = {Stage.GONE, Stage.LEAVING}


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when, and where the answer goes; `asked_id` is the platform's id of this request.

    `before` is what they asked earlier, the newest first, when it has been read already.
    """

    chat: ChatIdentity
    asked_id: str
    now: datetime
    reply: ReplyTo
    before: tuple[Request, ...] | None = None

    def in_their_language(self, rows: Rows) -> "Asking":
        """Return the same in the language they were answered in before, where their platform says none."""
        before = self.requests(rows)
        locale = self.reply.locale or language_of(before)
        return replace(self, reply=self.reply.spoken_in(locale), before=before)

    def requests(self, rows: Rows) -> tuple[Request, ...]:
        """Return what they asked earlier, the newest first."""
        return rows.requests.of(self.chat) if self.before is None else self.before

    @property
    def digest(self) -> str:
        """Return what tells one asking from another, its correlation; delivered twice, it has the same."""
        return hashlib.blake2b(f"{self.chat}|{self.asked_id}".encode(), digest_size=10).hexdigest()


def request_join(rows: Rows, asking: Asking, event_name: str | None) -> Outcome:
    """Ask to join the named event, or the only open one.

    Writes the request and queues its key in this unit. A second join answers with the state; a repeated
    delivery gets the answer it got before and changes nothing.
    """
    event = _event_to_join(rows, event_name, asking)
    if not isinstance(event, Event):
        _remember_unplaced(rows, asking)
        return event
    known = _request_of(rows, event, asking)
    if isinstance(known, Queued | Standing | Refused | Choice):
        return known
    refusal = _window(event, asking.now)
    standing = _standing(rows, event, asking)
    if standing is not None and standing.stage not in AFTERMATH and not (known and known.state == "waiting"):
        _remember(rows, known, event, asking, "standing")
        return standing
    if refusal is not None:
        _remember(rows, known, event, asking, "refused")
        rows.tallies.add(event.id, tallies.ASKED)
        rows.tallies.add(event.id, tallies.refused(refusal.code))
        return Refused(refusal, event)
    if known is not None and known.state == "waiting" and known.wish is Wish.RACING:
        _remember(rows, replace(known, reply=asking.reply), event, asking, "queued")
        return _queued(rows, event, Wish.RACING, known.received_at, is_overdue=known.overdue_told)
    return _ask(rows, known, standing, event, asking, Wish.RACING)


def request_leave(rows: Rows, asking: Asking, event_name: str | None, *, confirmed: bool) -> Outcome:
    """Ask to leave the named event, or the only one the asker is in. Asks back first unless `confirmed`.

    Somebody not known yet may leave as well: they may have joined from the other platform.
    """
    event = _event_to_leave(rows, event_name, asking)
    if not isinstance(event, Event):
        return event
    known = _request_of(rows, event, asking)
    if isinstance(known, Queued | Standing | Refused | Choice):
        return known
    standing = _standing(rows, event, asking)
    pending = known is not None and known.state == "waiting"
    if standing is not None and standing.registration.wish is Wish.GONE and not pending:
        _remember(rows, known, event, asking, "standing")
        return standing
    if not confirmed:
        return ConfirmLeave(
            event, pending=pending or (standing is not None and standing.stage is not Stage.READY)
        )
    if known is not None and known.state == "waiting" and known.wish is Wish.GONE:
        _remember(rows, replace(known, reply=asking.reply), event, asking, "leaving")
        return _queued(rows, event, Wish.GONE, known.received_at)
    return _ask(rows, known, standing, event, asking, Wish.GONE)


def ask_status(rows: Rows, asking: Asking) -> Outcome:
    """Return where everything of this asker stands. Reads only."""
    now = asking.now
    events = {event.id: event for event in rows.events.all()}
    requests = asking.requests(rows)
    queued = tuple(
        _queued(
            rows,
            events[request.key.event_id],
            request.wish,
            request.received_at,
            is_overdue=request.overdue_told,
        )
        for request in requests
        if request.state == "waiting" and request.key.event_id in events
    )
    person = rows.bindings.person_of(asking.chat)
    registrations = rows.registrations.of_person(person) if person else ()
    standings = tuple(
        standing_of(rows, events[found.key.event_id], found, now)
        for found in registrations
        if found.key.event_id in events and not _is_over(events[found.key.event_id], found, now)
    )
    if queued or standings:
        return Overview(standings, queued)
    return Nothing(tuple(event for event in events.values() if event.phase(now) == "open"))


def ask_usage(rows: Rows, chat: ChatIdentity, now: datetime) -> UsageShown:
    """Return what this asker has used where they race on a racing site, as it was read last. Reads only."""
    person = rows.bindings.person_of(chat)
    events = {event.id: event for event in rows.events.all()}
    standings = [
        standing_of(rows, event, found, now)
        for found in (rows.registrations.of_person(person) if person else ())
        if (event := events.get(found.key.event_id)) is not None and event.site_url is not None
    ]
    return UsageShown(tuple(one for one in standings if one.stage is Stage.READY))


def ask_privacy(rows: Rows, chat: ChatIdentity) -> Outcome:
    """Return what is kept about this asker. Reads only."""
    return Privacy(known_of(rows, chat))


def request_forget(rows: Rows, asking: Asking, *, confirmed: bool) -> Outcome:
    """Delete everything about the asker. Asks back first unless `confirmed`.

    Refused while they are in an event, and while a withdrawal is still to be confirmed.
    """
    known = known_of(rows, asking.chat)
    try:
        ensure_forgettable(known, asking.now)
    except (StillIn, StillLeaving) as refusal:
        return Refused(refusal)
    if known.is_nothing:
        return Forgotten(anything=False)
    if not confirmed:
        return ConfirmForget(known)
    forget(rows, known, asking.now)
    return Forgotten(anything=True)


def standing_of(rows: Rows, event: Event, registration: Registration, now: datetime) -> Standing:
    """Return where this registration stands, with what is known of the line and of the time it takes."""
    stage = stage_of(registration, event, now)
    ahead = rows.registrations.line_ahead(registration.key) if stage is Stage.IN_LINE else 0
    races = open_races(rows, event, now) if stage is Stage.READY else ()
    used = used_of(rows, registration, event, now) if stage is Stage.READY else None
    typical = typical_seconds(rows, event) if stage is Stage.ADDING else None
    return Standing(event, registration, stage, now, ahead, typical, races, used)


def open_races(rows: Rows, event: Event, now: datetime) -> tuple[Race, ...]:
    """Return the races of this event that are open, those that close first at the beginning."""
    found = [race for race in rows.races.of_event(event.id) if race.phase(now) == "open"]
    return tuple(sorted(found, key=lambda race: (race.closes or event.ends, race.number)))


def ask_races(rows: Rows, now: datetime) -> RacesShown:
    """Return the races of every event that is not over: the open ones and those to come."""
    events = [event for event in rows.events.all() if event.phase(now) != "ended"]
    coming = [
        (event, race)
        for event in events
        for race in rows.races.of_event(event.id)
        if race.phase(now) == "announced"
    ]
    coming.sort(key=lambda found: (found[1].opens or now, found[1].number))
    return RacesShown(
        tuple((event, race) for event in events for race in open_races(rows, event, now)), tuple(coming)
    )


def typical_seconds(rows: Rows, event: Event) -> float | None:
    """Return the median seconds from asking to ready of the newest joins of this event, None before three."""
    waits = sorted(rows.registrations.waits(event.id, 50))
    return waits[len(waits) // 2] if len(waits) >= 3 else None  # noqa: PLR2004 - fewer say nothing


def find_event(events: tuple[Event, ...], name: str) -> Event | None:
    """Return the event of this id or name, whatever the case; or the only one whose id or name begins so."""
    wanted = _folded(name)
    exact = [event for event in events if wanted in {_folded(event.id), _folded(event.name)}]
    begun = [
        event for event in events if any(_folded(name).startswith(wanted) for name in (event.id, event.name))
    ]
    found = exact or begun
    return found[0] if len(found) == 1 else None


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _event_to_join(rows: Rows, name: str | None, asking: Asking) -> Event | Outcome:
    events, now = rows.events.all(), asking.now
    if name:
        return find_event(events, name) or Refused(EventUnknown(name=name[:60]))
    joinable = [event for event in events if event.phase(now) == "open"]
    if not joinable:  # whoever is in already wants their link
        person = rows.bindings.person_of(asking.chat)
        mine = {found.key.event_id for found in (rows.registrations.of_person(person) if person else ())}
        joinable = [event for event in events if event.id in mine and event.phase(now) == "closed"]
    return _only(joinable, Wish.RACING) or Refused(_not_open(events, now))


def _event_to_leave(rows: Rows, name: str | None, asking: Asking) -> Event | Outcome:
    events = rows.events.all()
    if name:
        return find_event(events, name) or Refused(EventUnknown(name=name[:60]))
    person = rows.bindings.person_of(asking.chat)
    mine = {request.key.event_id for request in asking.requests(rows) if request.state == "waiting"}
    mine |= {
        found.key.event_id
        for found in (rows.registrations.of_person(person) if person else ())
        if found.wish is Wish.RACING
    }
    candidates = [event for event in events if event.id in mine]
    if not candidates and person is None:
        candidates = [event for event in events if event.phase(asking.now) in {"open", "closed"}]
    return _only(candidates, Wish.GONE) or Refused(NothingToLeave())


def _only(events: list[Event], wish: Wish) -> Event | Choice | None:
    if len(events) > 1:
        return Choice(wish, tuple(events))
    return events[0] if events else None


def _not_open(events: tuple[Event, ...], now: datetime) -> Refusal:
    coming = [event for event in events if event.phase(now) == "announced"]
    if len(coming) == 1:
        return EventNotYetOpen(event=coming[0].name, opens=coming[0].opens.isoformat())
    return NoEventOpen()


def _window(event: Event, now: datetime) -> Refusal | None:
    refusals: dict[str, Callable[[], Refusal]] = {
        "announced": lambda: EventNotYetOpen(event=event.name, opens=event.opens.isoformat()),
        "closed": lambda: EventClosed(event=event.name, closes=event.closes.isoformat()),
        "ended": lambda: EventEnded(event=event.name),
    }
    refuse = refusals.get(event.phase(now))
    if refuse is None and event.paused is not None:
        return JoiningPaused(event=event.name, message=event.paused)
    return refuse() if refuse else None


def _request_of(
    rows: Rows, event: Event, asking: Asking
) -> Request | Queued | Standing | Refused | Choice | None:
    """Return the asker's request to this event; when the platform repeats itself, the answer given before."""
    requests = asking.requests(rows)
    repeated = next((request for request in requests if request.remembers(asking.asked_id)), None)
    known = next((request for request in requests if request.key.event_id == event.id), None)
    seen = repeated.remembers(asking.asked_id) if repeated else None
    if repeated is None or seen is None:
        return known
    if repeated.key.event_id == UNPLACED:  # it named no event then, and chooses none now
        return Choice(Wish.RACING, (event,))
    standing = _standing(rows, event, asking)
    if seen.answer == "refused":
        return Refused(
            _window(event, asking.now) or EventClosed(event=event.name, closes=event.closes.isoformat()),
            event,
        )
    if seen.answer == "standing" and standing is not None:
        return standing
    return _queued(rows, event, Wish.GONE if seen.answer == "leaving" else Wish.RACING, seen.at)


def _standing(rows: Rows, event: Event, asking: Asking) -> Standing | None:
    person = rows.bindings.person_of(asking.chat)
    registration = rows.registrations.get(RegistrationKey(event.id, person)) if person else None
    return standing_of(rows, event, registration, asking.now) if registration else None


def _ask(
    rows: Rows, known: Request | None, standing: Standing | None, event: Event, asking: Asking, wish: Wish
) -> Queued:
    waits = known is not None and known.state == "waiting"
    new = Seen(asking.asked_id, asking.now, "queued" if wish is Wish.RACING else "leaving")
    request = Request(
        RequestKey(event.id, asking.chat),
        wish,
        _received_at(asking, known, standing),
        asking.reply,
        "waiting",
        known.person_id if known else None,
        correlation=asking.digest,
        cancels_join=wish is Wish.GONE and waits,
        seen=remember(known.seen if known else (), new, asking.chat.platform),
        version=known.version if known else 0,
    )
    rows.requests.save(request)
    if wish is Wish.RACING:
        rows.tallies.add(event.id, tallies.ASKED)
    rows.queue.put(Work.ANSWER, str(request.key), asking.now, urgent=wish is Wish.GONE)
    action = "asked to join" if wish is Wish.RACING else "asked to leave"
    rows.audit.append(Line(asking.now, str(asking.chat), action, str(request.key), event.id, asking.digest))
    return _queued(rows, event, wish, asking.now)


def _received_at(asking: Asking, known: Request | None, standing: Standing | None) -> datetime:
    """Return when this was received: now, and after what was asked at a door whose clock may be ahead.

    The newest received wins, and this is the newest.
    """
    before = [*([known.received_at] if known else []), *([standing.registration.wish_at] if standing else [])]
    return max([asking.now, *(moment + timedelta(microseconds=1) for moment in before)])


def _remember(rows: Rows, request: Request | None, event: Event, asking: Asking, answer: str) -> None:
    """Write the request's row with this platform request in its memory, whatever the answer was."""
    row = _blank(request, event, asking)
    seen = remember(row.seen, Seen(asking.asked_id, asking.now, answer), asking.chat.platform)
    rows.requests.save(replace(row, seen=seen))


def _remember_unplaced(rows: Rows, asking: Asking) -> None:
    """Remember a request that found no event of its own: repeated later, it must not find one either."""
    known = rows.requests.get(RequestKey(UNPLACED, asking.chat))
    row = known or Request(
        RequestKey(UNPLACED, asking.chat), Wish.RACING, asking.now, asking.reply, "refused"
    )
    if not row.remembers(asking.asked_id):
        seen = remember(row.seen, Seen(asking.asked_id, asking.now, "unplaced"), asking.chat.platform)
        rows.requests.save(replace(row, received_at=asking.now, seen=seen))


def _blank(request: Request | None, event: Event, asking: Asking) -> Request:
    if request is not None:
        return request
    key = RequestKey(event.id, asking.chat)
    return Request(key, Wish.RACING, asking.now, asking.reply, state="refused")


def _queued(
    rows: Rows, event: Event, wish: Wish, received_at: datetime, *, is_overdue: bool = False
) -> Queued:
    ahead = rows.requests.waiting_ahead(received_at, MOST_AHEAD)
    return Queued(event, wish, ahead, typical_seconds(rows, event), is_overdue)


def _is_over(event: Event, registration: Registration, now: datetime) -> bool:
    return event.phase(now) == "ended" and registration.gone_at is not None
