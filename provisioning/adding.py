"""Adding people: an organizer vouches for the wish, and for nothing else.

    mention or address ─▶ vetted by the directory ─▶ a registration that wants to race
                                                 └─ or why not, by its code

Whoever is known on no chat platform yet is told when they first speak. Adding somebody twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from provisioning.admitting import count_joining, returning
from provisioning.changes import Change, undoable
from provisioning.errors import EventEnded, EventNotYetOpen, Refusal, UndoOvertaken
from provisioning.events import Event
from provisioning.ids import ChatIdentity, RegistrationKey
from provisioning.instructing import Draft, Order, Undo
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.recording import record
from provisioning.registrations import Person, Registration
from provisioning.requests import ReplyTo, Wish, language_of
from provisioning.vetting import Vetted

ADDED: Final = "added"
ALREADY_IN: Final = "already-in"
NOTHING_SHOWN: Final[Mapping[str, str]] = {}


def plan(rows: Rows, order: Order, mentions: Mapping[str, str] = NOTHING_SHOWN) -> Draft:
    """Plan to add whoever was vetted. The change has, for each that was named, what comes of it.

    `mentions` is what the mentions among them show, by their text: of whom is not added nothing else is
    known. Raises EventNotYetOpen, EventEnded.
    """
    ensure_addable(order.event, order.at)
    comes_to: dict[str, str] = {}
    new: dict[RegistrationKey, Vetted] = {}
    before: dict[str, str] = {}
    names: dict[str, str] = {}
    for text, vetted in order.vetted.items():
        if isinstance(vetted, Refusal):
            field = f"{mentions.get(text) or text} typed"
            comes_to[f"{text} typed" if field in comes_to else field] = vetted.code
            continue
        key = RegistrationKey(order.event.id, vetted.user.id)
        known = rows.registrations.get(key)
        label = vetted.user.display_name or text if vetted.chat is not None else text
        comes_to[f"{label} typed"] = standing = standing_of(rows, key)
        if (standing == ADDED or known is None) and key not in new:
            new[key] = vetted
            names[f"{key} name"] = vetted.user.display_name or text
            before |= {f"{key} wish": str(known.wish)} if known is not None else {}
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "add",
        tuple(f"wish:{key}" for key in new),
        len(new),
        before,
        {f"{key} wish": str(Wish.RACING) for key in new},
        beside=names | comes_to,
    )

    def make(rows: Rows) -> None:
        rows.expect(new, told=True)
        for vetted in new.values():
            add(rows, order.event, vetted, order.at, tenant=order.tenant, correlation=order.id)

    return Draft(undoable(change) if new else change, make)


def ensure_addable(event: Event, now: datetime) -> None:
    """Raise EventNotYetOpen or EventEnded. Joining may be closed or paused: that is for those who ask."""
    if event.phase(now) == "announced":
        raise EventNotYetOpen(event=event.name, opens=event.opens.isoformat())
    if event.phase(now) == "ended":
        raise EventEnded(event=event.name)


def standing_of(rows: Rows, key: RegistrationKey) -> str:
    """Return what comes of adding this person: added, already in, or their hold.

    A hold that outlived being forgotten is one too; they are added under it.
    """
    known = rows.registrations.get(key)
    hold = rows.marks.of(key.event_id, key.person_id) if known is None else known.hold
    if hold is not None:
        return hold.kind
    return ALREADY_IN if known is not None and known.wish is Wish.RACING else ADDED


def add(
    rows: Rows,
    event: Event,
    vetted: Vetted,
    now: datetime,
    *,
    tenant: str | None = None,
    correlation: str = "",
) -> Registration:
    """Have this person race: a new registration, or the one they had. Who is in already or held stays so.

    `tenant` is the organizer's in Teams: whoever was met there can be told. `correlation` is that of
    what was said.
    """
    user = vetted.user
    key = RegistrationKey(event.id, user.id)
    known = rows.registrations.get(key)
    if known is not None and standing_of(rows, key) != ADDED:
        return known
    person = Person(user.id, user.user_principal_name, user.display_name)
    bound = next(iter(rows.bindings.chats_of(user.id)), None)
    reply = (
        known.reply if known is not None and known.reply is not None else _reply(rows, vetted, bound, tenant)
    )
    if known is None:
        new = Registration(
            key, person, Wish.RACING, now, reply, now, correlation, moved_at=now, checked_at=now, wake_at=now
        )
        after = replace(new, hold=rows.marks.take(event.id, user.id), unclaimed=bound is None)
    else:
        known_now = replace(known, person=person, reply=reply, unclaimed=bound is None)
        after = returning(known_now, Wish.RACING, now, now, correlation)
    count_joining(rows, known, after)
    saved = record(rows, known, after, event, now)
    rows.queue.put(Work.SETTLE, str(key), now)
    return saved


def _reply(rows: Rows, vetted: Vetted, bound: ChatIdentity | None, tenant: str | None) -> ReplyTo | None:
    """Return where this person can be told: where they are bound, as they were named, where they were met."""
    chat = bound or vetted.chat
    if chat is None and tenant is not None:
        chat = ChatIdentity("teams", tenant, vetted.user.id)
    # In Teams only whom the bot has met can be written to; in Slack everybody.
    is_in_reach = chat is not None and (
        chat.platform == "slack" or rows.references.get(str(chat)) is not None
    )
    if chat is None or not is_in_reach:
        return None
    return ReplyTo(chat, locale=vetted.locale if chat == vetted.chat else language_of(rows.requests.of(chat)))


def _undo(rows: Rows, order: Order, change: Change) -> Draft:
    """Plan to have those leave who were added and have not asked for anything since."""
    found = []
    for subject in change.subjects:
        registration = rows.registrations.get(RegistrationKey.parse(subject.partition(":")[2]))
        if registration is None:
            continue  # forgotten meanwhile
        if registration.wish is not Wish.RACING or registration.wish_at != change.at:
            raise UndoOvertaken
        found.append(registration)
    if not found:
        raise UndoOvertaken
    names = {field: name for field, name in change.beside.items() if field.endswith(" name")}
    back = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        change.kind,
        tuple(f"wish:{one.key}" for one in found),
        len(found),
        {f"{one.key} wish": str(Wish.RACING) for one in found},
        {f"{one.key} wish": str(Wish.GONE) for one in found},
        beside=names,
    )

    def make(rows: Rows) -> None:
        for one in found:
            current = rows.registrations.get(one.key)
            if current is None or current.wish_at != change.at:
                continue
            after = returning(current, Wish.GONE, order.at, order.at, order.id)
            count_joining(rows, current, after)
            record(rows, current, after, order.event, order.at)
            rows.queue.put(Work.SETTLE, str(one.key), order.at, urgent=True)

    return Draft(undoable(back), make)


UNDOS: Final[Mapping[str, Undo]] = {"add": _undo}
