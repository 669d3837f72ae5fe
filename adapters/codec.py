"""How the rows of provisioning are written as JSON, for every adapter that keeps rows.

A body holds the whole value except what a store must reach by itself: the key, the version, and what the
store changes on its own (seats, breakage). Defaults are left out, moments are ISO 8601 with their offset.
Unknown members are passed over and missing ones take their defaults, so that neighboring releases read each
other's rows.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from provisioning.audit import Line
from provisioning.boards import Board, Watch
from provisioning.changes import Change
from provisioning.closings import Closing
from provisioning.events import Breakage, Ceiling, Event, Grant, Price, Question, Quota, TrainingLink
from provisioning.ids import ChatIdentity, EventId, GroupId, PersonId, RegistrationKey, RequestKey, TargetId
from provisioning.instructions import Given, Instruction
from provisioning.leaderboards import Leaderboard
from provisioning.leaderboards import Line as BoardLine
from provisioning.ledger import Entry
from provisioning.outbox import Kind, Notice
from provisioning.quotas import NOTHING_KNOWN, OnSite, Used
from provisioning.races import Race
from provisioning.registrations import Hold, Person, Progress, Registration, Step, Told
from provisioning.requests import ReplyTo, Request, Seen, Wish

Json = dict[str, Any]

# In ASCII, so that half a surrogate pair in somebody's display name can be kept as well.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_GRANTS = {kind.kind: kind for kind in get_args(Grant)}


def pack_event(event: Event) -> str:
    """Write the definition: all but id, version, seats taken and breakage."""
    return _encode(
        {
            "name": event.name,
            "opens": _text(event.opens),
            "closes": _text(event.closes),
            "ends": _text(event.ends),
            "capacity": event.capacity,
            "email_domains": event.email_domains,
            "organizer_group": event.organizer_group,
            "grants": [_grant_body(grant) for grant in event.grants],
            "access_url": event.access_url,
            "retention_days": event.retention_days,
            "quota": asdict(event.quota),
            "ceiling": asdict(event.ceiling),
            "price_per_hour": None
            if event.price_per_hour is None
            else (str(event.price_per_hour.amount), event.price_per_hour.currency),
            "link_hosts": event.link_hosts,
            "training_links": [asdict(link) for link in event.training_links],
            "channels": event.channels,
            "organizer_channel": event.organizer_channel,
            "retired": [_grant_body(grant) for grant in event.retired],
            "paused": event.paused,
            "torn_down_at": None if event.torn_down_at is None else _text(event.torn_down_at),
            "feed": event.feed,
            "mails": event.mails,
            "names": event.names,
            "questions": [asdict(question) for question in event.questions],
        }
    )


def unpack_event(body: str, event_id: EventId, version: int) -> Event:
    """Read a definition; nobody is seated and nothing broken."""
    found: Json = _decode(body)
    get = found.get
    return Event(
        id=event_id,
        name=found["name"],
        opens=_moment(found["opens"]),
        closes=_moment(found["closes"]),
        ends=_moment(found["ends"]),
        capacity=found["capacity"],
        email_domains=tuple(found["email_domains"]),
        organizer_group=GroupId(found["organizer_group"]),
        grants=tuple(_grant(grant) for grant in found["grants"]),
        access_url=found["access_url"],
        retention_days=found["retention_days"],
        quota=Quota(**get("quota", {})),
        ceiling=Ceiling(**get("ceiling", {})),
        price_per_hour=_price(get("price_per_hour")),
        link_hosts=tuple(get("link_hosts", ())),
        training_links=tuple(TrainingLink(**link) for link in get("training_links", ())),
        channels=tuple(get("channels", ())),
        organizer_channel=get("organizer_channel"),
        retired=tuple(_grant(grant) for grant in get("retired", ())),
        paused=get("paused"),
        torn_down_at=_moment_if(get("torn_down_at")),
        questions=tuple(_question(question) for question in get("questions", ())),
        mails=get("mails", False),
        names=get("names", False),
        feed=tuple(get("feed", Event.__dataclass_fields__["feed"].default)),
        version=version,
    )


def _price(body: list[str] | None) -> Price | None:
    return None if body is None else Price(Decimal(body[0]), body[1])


def pack_breakage(breakage: Breakage) -> str:
    """Write what keeps an event from working."""
    return _encode({**asdict(breakage), "since": _text(breakage.since)})


def unpack_breakage(body: str) -> Breakage:
    """Read what `pack_breakage` wrote."""
    found: Json = _decode(body)
    return Breakage(
        TargetId(found["target"]),
        found["code"],
        found["key"],
        _moment(found["since"]),
        found.get("facts", {}),
    )


def pack_request(request: Request) -> str:
    """Write all but key and version."""
    body: Json = {
        "wish": request.wish,
        "received_at": _text(request.received_at),
        "reply": _reply_body(request.reply),
        "state": request.state,
    }
    if request.person_id is not None:
        body["person_id"] = request.person_id
    if request.refusal is not None:
        body["refusal"] = request.refusal
    if request.cancels_join:
        body["cancels_join"] = True
    if request.overdue_told:
        body["overdue_told"] = True
    if request.seen:
        body["seen"] = [(seen.asked_id, _text(seen.at), seen.answer) for seen in request.seen]
    return _encode(body)


def unpack_request(body: str, key: RequestKey, version: int) -> Request:
    """Read what `pack_request` wrote."""
    found: Json = _decode(body)
    get = found.get
    return Request(
        key=key,
        wish=Wish(found["wish"]),
        received_at=_moment(found["received_at"]),
        reply=_reply(found["reply"]),
        state=found["state"],
        person_id=get("person_id"),
        refusal=get("refusal"),
        cancels_join=get("cancels_join", False),
        overdue_told=get("overdue_told", False),
        seen=tuple(Seen(asked_id, _moment(at), answer) for asked_id, at, answer in get("seen", ())),
        version=version,
    )


def pack_registration(registration: Registration) -> str:
    """Write all but key, seat and version."""
    body: Json = {
        "person": _person_body(registration.person),
        "wish": registration.wish,
        "wish_at": _text(registration.wish_at),
        "asked_at": _text(registration.asked_at),
    }
    if registration.reply is not None:
        body["reply"] = _reply_body(registration.reply)
    if registration.quota is not None:
        body["quota"] = asdict(registration.quota)
    if registration.unclaimed:
        body["unclaimed"] = True
    if registration.hold is not None:
        body["hold"] = _hold_body(registration.hold)
    if registration.progress:
        body["progress"] = {
            target: (progress.step, _text(progress.since), progress.subject)
            for target, progress in registration.progress.items()
        }
    if registration.waiting_for is not None:
        body["waiting_for"] = registration.waiting_for
    if registration.problem is not None:
        body["problem"] = registration.problem
    if registration.attempts:
        body["attempts"] = registration.attempts
    if registration.told is not Told.NOTHING:
        body["told"] = registration.told
    if registration.last_result is not Told.NOTHING:
        body["last_result"] = registration.last_result
    if registration.serial:
        body["serial"] = registration.serial
    return _encode(body | _moments(registration))


def _moments(registration: Registration) -> Json:
    """Return what happened when, and what is to happen when, as far as there is something."""
    moments = {
        "seated_at": registration.seated_at,
        "moved_at": registration.moved_at,
        "ready_at": registration.ready_at,
        "first_ready_at": registration.first_ready_at,
        "gone_at": registration.gone_at,
        "checked_at": registration.checked_at,
        "missing_since": registration.missing_since,
        "gone_recheck_at": registration.gone_recheck_at,
        "models_unwanted_since": registration.models_unwanted_since,
        "pushed_at": registration.pushed_at,
        "wake_at": registration.wake_at,
    }
    return {name: _text(moment) for name, moment in moments.items() if moment is not None}


def unpack_registration(body: str, key: RegistrationKey, *, has_seat: bool, version: int) -> Registration:
    """Read what `pack_registration` wrote."""
    found: Json = _decode(body)
    get = found.get
    reply, quota = get("reply"), get("quota")
    return Registration(
        key=key,
        person=_person(found["person"]),
        wish=Wish(found["wish"]),
        wish_at=_moment(found["wish_at"]),
        reply=None if reply is None else _reply(reply),
        asked_at=_moment(found["asked_at"]),
        hold=_hold(get("hold")),
        quota=None if quota is None else Quota(**quota),
        unclaimed=get("unclaimed", False),
        has_seat=has_seat,
        progress={
            TargetId(target): Progress(Step(step), _moment(since), subject)
            for target, (step, since, subject) in get("progress", {}).items()
        },
        waiting_for=get("waiting_for"),
        problem=get("problem"),
        seated_at=_moment_if(get("seated_at")),
        moved_at=_moment_if(get("moved_at")),
        ready_at=_moment_if(get("ready_at")),
        first_ready_at=_moment_if(get("first_ready_at")),
        gone_at=_moment_if(get("gone_at")),
        checked_at=_moment_if(get("checked_at")),
        missing_since=_moment_if(get("missing_since")),
        gone_recheck_at=_moment_if(get("gone_recheck_at")),
        models_unwanted_since=_moment_if(get("models_unwanted_since")),
        pushed_at=_moment_if(get("pushed_at")),
        attempts=get("attempts", 0),
        wake_at=_moment_if(get("wake_at")),
        told=Told(get("told", Told.NOTHING)),
        last_result=Told(get("last_result", Told.NOTHING)),
        serial=get("serial", 0),
        version=version,
    )


def pack_entry(entry: Entry) -> str:
    """Write all but target, person and version."""
    body: Json = {"present_before": entry.present_before, "needed_by": sorted(entry.needed_by)}
    if entry.add_may_land_until is not None:
        body["add_may_land_until"] = _text(entry.add_may_land_until)
    if entry.remove_may_land_until is not None:
        body["remove_may_land_until"] = _text(entry.remove_may_land_until)
    if entry.on_site != NOTHING_KNOWN:
        body["on_site"] = _on_site_body(entry.on_site)
    return _encode(body)


def unpack_entry(body: str, target: TargetId, person_id: PersonId, version: int) -> Entry:
    """Read what `pack_entry` wrote."""
    found: Json = _decode(body)
    return Entry(
        target=target,
        person_id=person_id,
        present_before=found["present_before"],
        needed_by=frozenset(EventId(event_id) for event_id in found["needed_by"]),
        add_may_land_until=_moment_if(found.get("add_may_land_until")),
        remove_may_land_until=_moment_if(found.get("remove_may_land_until")),
        on_site=_on_site(found.get("on_site", {})),
        version=version,
    )


def _on_site_body(on_site: OnSite) -> Json:
    body: Json = {
        "quota": None if on_site.quota is None else asdict(on_site.quota),
        "told_at": None if on_site.told_at is None else _text(on_site.told_at),
        "untold_since": None if on_site.untold_since is None else _text(on_site.untold_since),
        "used": None if on_site.used is None else asdict(on_site.used),
        "warned_in": on_site.warned_in,
        "warned": on_site.warned,
    }
    return {name: value for name, value in body.items() if value}


def _on_site(body: Json) -> OnSite:
    get = body.get
    return OnSite(
        quota=Quota(**body["quota"]) if "quota" in body else None,
        told_at=_moment_if(get("told_at")),
        untold_since=_moment_if(get("untold_since")),
        used=Used(**body["used"]) if "used" in body else None,
        warned_in=get("warned_in", ""),
        warned=get("warned", 0),
    )


def pack_notice(notice: Notice) -> str:
    """Write all but id and version."""
    body: Json = {"kind": notice.kind, "about": notice.about}
    if notice.to is not None:
        body["to"] = _reply_body(notice.to)
    if notice.serial:
        body["serial"] = notice.serial
    if notice.says:
        body["says"] = notice.says
    if notice.facts:
        body["facts"] = dict(notice.facts)
    if notice.created_at is not None:
        body["created_at"] = _text(notice.created_at)
    if notice.sent_at is not None:
        body["sent_at"] = _text(notice.sent_at)
    if notice.reference is not None:
        body["reference"] = notice.reference
    if notice.dropped is not None:
        body["dropped"] = notice.dropped
    return _encode(body)


def unpack_notice(body: str, notice_id: str, version: int) -> Notice:
    """Read what `pack_notice` wrote."""
    found: Json = _decode(body)
    get = found.get
    to = get("to")
    return Notice(
        id=notice_id,
        kind=Kind(found["kind"]),
        about=found["about"],
        to=None if to is None else _reply(to),
        serial=get("serial", 0),
        says=get("says", ""),
        facts=get("facts", {}),
        created_at=_moment_if(get("created_at")),
        sent_at=_moment_if(get("sent_at")),
        reference=get("reference"),
        dropped=get("dropped"),
        version=version,
    )


def pack_instruction(instruction: Instruction) -> str:
    """Write all but id and version."""
    body: Json = {
        "chat": str(instruction.chat),
        "words": instruction.words,
        "received_at": _text(instruction.received_at),
        "reply": _reply_body(instruction.reply),
        "state": instruction.state,
    }
    for name in ("pressed", "person_id", "event_id", "refusal", "led_to", "delay_told"):
        if (value := getattr(instruction, name)) is not None and value is not False:
            body[name] = value
    if instruction.given is not None:
        body["given"] = {"text": instruction.given.text, "file": instruction.given.file}
    if instruction.people:
        body["people"] = dict(instruction.people)
    if instruction.facts:
        body["facts"] = dict(instruction.facts)
    if instruction.proposed is not None:
        body["proposed"] = {"id": instruction.proposed.id, **_change_body(instruction.proposed)}
    return _encode(body)


def unpack_instruction(body: str, instruction_id: str, version: int) -> Instruction:
    """Read what `pack_instruction` wrote."""
    found: Json = _decode(body)
    get = found.get
    proposed = get("proposed")
    return Instruction(
        id=instruction_id,
        chat=ChatIdentity.parse(found["chat"]),
        words=found["words"],
        received_at=_moment(found["received_at"]),
        reply=_reply(found["reply"]),
        pressed=get("pressed", False),
        given=None if (given := get("given")) is None else Given(given["text"], given["file"]),
        state=found["state"],
        person_id=get("person_id"),
        event_id=get("event_id"),
        people=get("people", {}),
        refusal=get("refusal"),
        facts=get("facts", {}),
        proposed=None if proposed is None else _change(proposed, proposed["id"], 0),
        led_to=get("led_to"),
        delay_told=get("delay_told", False),
        version=version,
    )


def pack_change(change: Change) -> str:
    """Write all but id and version."""
    return _encode(_change_body(change))


def unpack_change(body: str, change_id: str, version: int) -> Change:
    """Read what `pack_change` wrote."""
    return _change(_decode(body), change_id, version)


def pack_race(race: Race) -> str:
    """Write all but event, number and version."""
    body: Json = {
        "title": race.title,
        "link": race.link,
        "by": race.by,
        "posted_at": _text(race.posted_at),
        "channels": race.channels,
        "state": race.state,
    }
    if race.track:
        body["track"] = race.track
    for name in ("opens", "closes"):
        if (moment := getattr(race, name)) is not None:
            body[name] = _text(moment)
    return _encode(body)


def unpack_race(body: str, event_id: EventId, number: int, version: int) -> Race:
    """Read what `pack_race` wrote."""
    found: Json = _decode(body)
    get = found.get
    return Race(
        event_id=event_id,
        number=number,
        title=found["title"],
        link=found["link"],
        by=PersonId(found["by"]),
        posted_at=_moment(found["posted_at"]),
        track=get("track", ""),
        opens=_moment_if(get("opens")),
        closes=_moment_if(get("closes")),
        channels=tuple(get("channels", ())),
        state=get("state", "posted"),
        version=version,
    )


def pack_board(board: Board) -> str:
    """Write all but event, race, closing time and version."""
    body: Json = {
        "name": board.name,
        "url": board.url,
        "timing": board.timing,
        "opens": _text(board.opens),
        "ranking": _ranking_body(board.ranking),
        "watches": [[watch.channel, watch.hears_news] for watch in board.watches],
    }
    if board.told is not None:  # most of the time nothing is untold
        body["told"] = True if board.told == board.ranking else _ranking_body(board.told)
    for name in ("updated_at", "told_at"):
        if (moment := getattr(board, name)) is not None:
            body[name] = _text(moment)
    if board.is_final:
        body["is_final"] = True
    return _encode(body)


def unpack_board(body: str, event_id: EventId, race_id: str, closes: datetime, version: int) -> Board:
    """Read what `pack_board` wrote."""
    found: Json = _decode(body)
    get = found.get
    ranking = _ranking(found["ranking"])
    told = get("told")
    return Board(
        event_id=event_id,
        race_id=race_id,
        name=found["name"],
        url=found["url"],
        timing=found["timing"],
        opens=_moment(found["opens"]),
        closes=closes,
        ranking=ranking,
        updated_at=_moment_if(get("updated_at")),
        told=ranking if told is True else None if told is None else _ranking(told),
        told_at=_moment_if(get("told_at")),
        is_final=get("is_final", False),
        watches=tuple(Watch(channel, hears_news) for channel, hears_news in found["watches"]),
        version=version,
    )


def pack_closing(closing: Closing) -> str:
    """Write all but event and version."""
    body: Json = {"over_at": _text(closing.over_at), "total": closing.total, "left": closing.left}
    if closing.asked_by is not None:
        body["asked_by"] = _reply_body(closing.asked_by)
    if closing.result:
        body["result"] = dict(closing.result)
    if closing.reasons:
        body["reasons"] = dict(closing.reasons)
    for name in ("reported_at", "complete_at", "forgotten_at"):
        if (moment := getattr(closing, name)) is not None:
            body[name] = _text(moment)
    return _encode(body)


def unpack_closing(body: str, event_id: EventId, version: int) -> Closing:
    """Read what `pack_closing` wrote."""
    found: Json = _decode(body)
    get = found.get
    asked_by = get("asked_by")
    return Closing(
        event_id=event_id,
        over_at=_moment(found["over_at"]),
        total=found["total"],
        left=found["left"],
        asked_by=None if asked_by is None else _reply(asked_by),
        result=get("result", {}),
        reasons=get("reasons", {}),
        reported_at=_moment_if(get("reported_at")),
        complete_at=_moment_if(get("complete_at")),
        forgotten_at=_moment_if(get("forgotten_at")),
        version=version,
    )


def pack_hold(hold: Hold) -> str:
    """Write a hold by itself."""
    return _encode(_hold_body(hold))


def unpack_hold(body: str) -> Hold:
    """Read what `pack_hold` wrote."""
    kind, by, at, reason = _decode(body)
    return Hold(kind, by, _moment(at), reason)


def pack_line(line: Line, digests: Mapping[str, str] | None = None) -> str:
    """Write an audit line without its texts: of these only the digests, by name."""
    body: Json = {"at": _text(line.at), "actor": line.actor, "action": line.action, "subject": line.subject}
    if line.event_id is not None:
        body["event_id"] = line.event_id
    if line.correlation:
        body["correlation"] = line.correlation
    if line.facts:
        body["facts"] = dict(line.facts)
    if line.whose is not None:
        body["whose"] = line.whose
    if digests:
        body["texts"] = dict(digests)
    return _encode(body)


def unpack_line(body: str, texts: Mapping[str, str] | None = None) -> Line:
    """Read what `pack_line` wrote, with the texts that are still there."""
    found: Json = _decode(body)
    return Line(
        at=_moment(found["at"]),
        actor=found["actor"],
        action=found["action"],
        subject=found["subject"],
        event_id=found.get("event_id"),
        correlation=found.get("correlation", ""),
        facts=found.get("facts", {}),
        texts=texts or {},
        whose=found.get("whose"),
    )


def pack_text(text: str) -> str:
    """Write a text that people typed: every store takes it, also with half a surrogate pair in it."""
    return _encode(text)


def unpack_text(body: str) -> str:
    """Read what `pack_text` wrote."""
    return str(_decode(body))


def text_digests(body: str) -> Mapping[str, str]:
    """Return the digests of texts in an audit line that `pack_line` wrote."""
    digests: Mapping[str, str] = _decode(body).get("texts", {})
    return digests


def _ranking_body(ranking: Leaderboard) -> list[Any]:
    return [
        [line.place, line.alias, line.time_ms, _text(line.submitted_at), line.submissions]
        for line in ranking.lines
    ]


def _ranking(found: list[Any]) -> Leaderboard:
    return Leaderboard(
        tuple(
            BoardLine(place, alias, time_ms, _moment(submitted_at), submissions)
            for place, alias, time_ms, submitted_at, submissions in found
        )
    )


def _change_body(change: Change) -> Json:
    body: Json = {
        "event_id": change.event_id,
        "by": change.by,
        "at": _text(change.at),
        "kind": change.kind,
        "subjects": change.subjects,
    }
    for name in ("people", "reason", "undone_by", "undoes"):
        if (value := getattr(change, name)) is not None:
            body[name] = value
    if change.before:
        body["before"] = dict(change.before)
    if change.after:
        body["after"] = dict(change.after)
    if change.beside:
        body["beside"] = dict(change.beside)
    if change.undo_until is not None:
        body["undo_until"] = _text(change.undo_until)
    return body


def _change(found: Json, change_id: str, version: int) -> Change:
    get = found.get
    return Change(
        id=change_id,
        event_id=EventId(found["event_id"]),
        by=PersonId(found["by"]),
        at=_moment(found["at"]),
        kind=found["kind"],
        subjects=tuple(found["subjects"]),
        people=get("people", 0),
        before=get("before", {}),
        after=get("after", {}),
        beside=get("beside", {}),
        reason=get("reason", ""),
        undo_until=_moment_if(get("undo_until")),
        undone_by=get("undone_by"),
        undoes=get("undoes"),
        version=version,
    )


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stored")
    return moment.isoformat()


_moment = datetime.fromisoformat


def _moment_if(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def _question(found: Json) -> Question:
    return Question(found["id"], found["text"], tuple(found.get("options", ())))


def _grant_body(grant: Grant) -> Json:
    return {"kind": grant.kind, **asdict(grant)}


def _grant(found: Json) -> Grant:
    grant: Grant = _GRANTS[found["kind"]](**{name: value for name, value in found.items() if name != "kind"})
    return grant


def _reply_body(reply: ReplyTo) -> Json:
    body: Json = {"chat": str(reply.chat)}
    if reply.handle is not None:
        body["handle"] = reply.handle
    if reply.handle_until is not None:
        body["handle_until"] = _text(reply.handle_until)
    if reply.handle_posts:
        body["handle_posts"] = reply.handle_posts
    if reply.locale is not None:
        body["locale"] = reply.locale
    return body


def _reply(found: Mapping[str, Any]) -> ReplyTo:
    get = found.get
    return ReplyTo(
        ChatIdentity.parse(found["chat"]),
        get("handle"),
        _moment_if(get("handle_until")),
        get("handle_posts", 0),
        get("locale"),
    )


def _person_body(person: Person) -> Json:
    body = {"id": person.id, "upn": person.user_principal_name, "name": person.display_name}
    return body if person.subject is None else body | {"subject": person.subject}


def _person(found: Mapping[str, Any]) -> Person:
    return Person(PersonId(found["id"]), found["upn"], found["name"], found.get("subject"))


def _hold_body(hold: Hold) -> list[Any]:
    return [hold.kind, hold.by, _text(hold.at), hold.reason]


def _hold(found: list[Any] | None) -> Hold | None:
    if found is None:
        return None
    kind, by, at, reason = found
    return Hold(kind, by, _moment(at), reason)
