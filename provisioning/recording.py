"""What every change of a registration entails: the row, the news for the racer, the audit. For units only."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from provisioning import tallies
from provisioning.audit import Line
from provisioning.deciding import stage_of, tell
from provisioning.errors import EmailMissing, Refusal
from provisioning.events import Event
from provisioning.ids import ChatIdentity, PersonId, RegistrationKey, RequestKey
from provisioning.outbox import Kind, Notice, card_id, result_id
from provisioning.ports import Rows
from provisioning.registrations import Registration, Told
from provisioning.requests import ReplyTo, Request, Wish

# As organizers switch them.
FEED_KINDS = ("joins", "refusals", "waiting", "stuck", "failures", "capacity", "usage")
FEED = {  # of which kind a post to the organizers is; what is not here is always told
    "organizers-joins": "joins",
    "organizers-refusals": "refusals",
    "organizers-waiting": "waiting",
    "organizers-capacity": "capacity",
    "organizers-late": "stuck",
    "organizers-overdue": "stuck",
    "organizers-stuck-leaving": "stuck",
    "organizers-broken": "failures",
    "organizers-healed": "failures",
    "organizers-gate-broken": "failures",
    "organizers-undeliverable": "failures",
    "organizers-unannounced": "failures",
    "organizers-defect": "failures",
    "organizers-quota-untold": "failures",
    "organizers-quota-not-back": "failures",
    "organizers-models-left": "failures",
    "organizers-usage": "usage",
    "organizers-quota-altered": "usage",
}
WORTH_TELLING_ORGANIZERS = {Told.LATE: "organizers-late", Told.REMOVED: "organizers-removed"}

OVERTAKEN = {Told.IN_LINE, Told.WAITING, Told.BROKEN, Told.LATE}  # results that a later one makes out of date


def record(
    rows: Rows,
    before: Registration | None,
    after: Registration,
    event: Event,
    now: datetime,
    token: str | None = None,
) -> Registration:
    """Save the registration, and owe the racer whatever this change makes true.

    A result they have not been told becomes a message of its own; a change of stage brings the cards up to
    date, one in each place where they asked. Somebody who has not spoken yet is told when they do. With a
    token the write holds only while the token holds the lease. Raises StaleWrite, having written nothing.
    """
    told, news = tell(after, event, now)
    saved = rows.registrations.save(told, token) if told != before else told
    if news:
        if saved.reply is not None:
            rows.outbox.put(_result(saved, saved.reply, now))
        if saved.told is Told.READY and event.mails:
            rows.outbox.put(_mail(saved, now))
        for edit in _edits(rows, before, saved, now) if before is not None else ():
            rows.outbox.put(edit)
        _tell_organizers(rows, saved, event, now)
    if (
        before is None
        or stage_of(before, event, now) is not stage_of(saved, event, now)
        or saved.reply != before.reply
    ):
        for reply in _places(rows, saved):
            owe_card(rows, f"registration:{saved.key}", reply, now)
    return saved


def refuse(rows: Rows, request: Request, code: str, now: datetime, **facts: str) -> None:
    """Close the request with this refusal; owe the asker the reason, privately, as a message of its own."""
    saved = rows.requests.save(replace(request, state="refused", refusal=code))
    if request.wish is Wish.RACING:
        rows.tallies.add(request.key.event_id, tallies.refused(code))
    owe_reason(rows, saved, code, now, **facts)
    audit(rows, now, str(saved.key.chat), "refused", saved.key, correlation=saved.correlation, code=code)


def owe_reason(rows: Rows, request: Request, code: str, now: datetime, **facts: str) -> None:
    """Owe the asker what stands in the way of this request: as a message of its own, and where they asked."""
    about = f"request:{request.key}"
    notice_id = result_id(about, request.version)
    rows.outbox.put(Notice(notice_id, Kind.RESULT, about, request.reply, request.version, code, facts, now))
    owe_card(rows, about, request.reply, now, says=code, **facts)


def owe_card(rows: Rows, about: str, reply: ReplyTo, now: datetime, says: str = "", **facts: str) -> None:
    """Owe an update of what the asker saw where they asked, when that can still be reached."""
    if reply.handle_lives(now):
        notice_id = card_id(about, reply.chat.platform)
        rows.outbox.put(Notice(notice_id, Kind.CARD, about, reply, 0, says, facts, now))


def owe_note(rows: Rows, registration: Registration, says: str, cause: str, now: datetime) -> None:
    """Owe the racer a message of its own about what somebody changed for them, once per `cause`."""
    if registration.reply is not None:
        about = f"registration:{registration.key}"
        notice_id = note_id(registration.key, says, cause)
        rows.outbox.put(Notice(notice_id, Kind.NOTE, about, registration.reply, 0, says, {}, now))


def note_id(key: RegistrationKey, says: str, cause: str) -> str:
    """Return the id of the note that says this to this racer because of that."""
    return f"note:registration:{key}:{says}:{cause}"


def is_told(event: Event, says: str) -> bool:
    """Whether the organizers hear of this: not without a channel, nor when its kind is switched off."""
    return event.organizer_channel is not None and FEED.get(says, says) in (says, *event.feed)


def post_to_organizers(
    rows: Rows, event: Event, says: str, what: str, now: datetime, facts: Mapping[str, str]
) -> None:
    """Owe the organizers' channel this message, once per `what`, where they are told such things."""
    if event.organizer_channel is not None and is_told(event, says):
        notice_id = f"post:{event.organizer_channel}:{event.id}:{what}"
        said = {**facts, "event": event.name}
        rows.outbox.put(Notice(notice_id, Kind.POST, event.organizer_channel, None, 0, says, said, now))


def post_incident(rows: Rows, event: Event, error: Refusal, chat: ChatIdentity, now: datetime) -> None:
    """Owe the organizers' channel that somebody was refused of whom organizers should know, once a day."""
    # A missing address is mostly a missing scope, and then everybody's: that is told once for all.
    whose = "" if isinstance(error, EmailMissing) else f"{chat}:"
    what = f"incident:{error.code}:{whose}{now:%Y%m%d}"
    told = {"code": error.code, "racer": str(chat)}
    post_to_organizers(rows, event, "organizers-incident", what, now, told)


def audit(
    rows: Rows,
    now: datetime,
    actor: str,
    action: str,
    key: object,
    event: Event | None = None,
    *,
    correlation: str = "",
    texts: Mapping[str, str] | None = None,
    whose: PersonId | None = None,
    **facts: str,
) -> None:
    """Append one line. Somebody's own words go under `texts`, and are forgotten with the person `whose`."""
    event_id = event.id if event else (key.event_id if isinstance(key, RequestKey) else None)
    rows.audit.append(Line(now, actor, action, str(key), event_id, correlation, facts, texts or {}, whose))


def _result(registration: Registration, reply: ReplyTo, now: datetime) -> Notice:
    about = f"registration:{registration.key}"
    return Notice(
        result_id(about, registration.serial),
        Kind.RESULT,
        about,
        reply,
        registration.serial,
        "",
        {},
        now,
    )


def _mail(registration: Registration, now: datetime) -> Notice:
    about = f"mail:{registration.key}"
    return Notice(
        f"{about}:{registration.serial}", Kind.MAIL, about, None, registration.serial, created_at=now
    )


def _places(rows: Rows, registration: Registration) -> tuple[ReplyTo, ...]:
    """Return where this racer asked: once for each of the chat identities bound to them."""
    key = registration.key
    asked = [
        rows.requests.get(RequestKey(key.event_id, chat)) for chat in rows.bindings.chats_of(key.person_id)
    ]
    places = {one.key.chat: one.reply for one in asked if one is not None and one.person_id == key.person_id}
    if registration.reply is not None:
        places[registration.reply.chat] = registration.reply
    return tuple(places.values())


def _edits(rows: Rows, before: Registration, after: Registration, now: datetime) -> Iterator[Notice]:
    """Yield the notices that bring earlier direct messages up to date, so that each is true read alone.

    In the place of the new message that is what said something passing, and had not been followed by anything
    lasting. In the racer's other places it is the newest message, because nothing new comes after it. An
    account that was let go is another's place now.
    """
    about = f"registration:{after.key}"
    passing, brought = before.last_result in OVERTAKEN, set[ChatIdentity]()
    for serial in range(before.serial, 0, -1):
        earlier = rows.outbox.get(result_id(about, serial))
        if earlier is None or earlier.to is None:
            return
        if after.reply is not None and earlier.to.chat == after.reply.chat:
            was_edited = rows.outbox.get(f"edit:{earlier.id}:{serial + 1}") is not None
            passing = passing and (serial == before.serial or was_edited)
            is_out_of_date = passing
        else:
            mine = rows.bindings.person_of(earlier.to.chat) == after.key.person_id
            is_out_of_date = mine and earlier.to.chat not in brought
            brought.add(earlier.to.chat)
        if is_out_of_date:
            edit_id = f"edit:{earlier.id}:{after.serial}"
            yield Notice(edit_id, Kind.EDIT, about, earlier.to, serial, earlier.id, {}, now)


def _tell_organizers(rows: Rows, registration: Registration, event: Event, now: datetime) -> None:
    says = WORTH_TELLING_ORGANIZERS.get(registration.told)
    by_directory = registration.hold is not None and registration.hold.by == "directory"
    if says and (registration.told is Told.LATE or by_directory):
        what = f"{registration.told}:{now:%Y%m%d%H}"  # a mishap that meets hundreds is one message an hour
        post_to_organizers(rows, event, says, what, now, named(registration))


def named(registration: Registration) -> dict[str, str]:
    """Return whom a post to the organizers is about, and what the directory calls them."""
    chat, name = registration.reply and registration.reply.chat, registration.person.display_name
    return {"racer": str(chat) if chat is not None else name or registration.person.id, "name": name}
