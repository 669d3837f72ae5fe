"""Instructing: what an organizer's words come to. A plan reads and decides; making it is one unit of work.

What an organizer says takes one of two ways:

    words ─▶ command ─▶ plan  ─▶ Draft ─▶ shown (a dry run, a question) or made (a change, the audit)
                    └─▶ query ─▶ what the answer says, read when it is sent
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provisioning.audit import Line
from provisioning.changes import Change, ensure_newest
from provisioning.dead_letters import DeadLetters
from provisioning.errors import NothingToUndo, Refusal
from provisioning.events import Event, Quota
from provisioning.ids import PersonId, RegistrationKey
from provisioning.instructions import Given, Instruction
from provisioning.joining import Asking
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Instructed
from provisioning.platform import Model
from provisioning.ports import Rows
from provisioning.queue import Work
from provisioning.vetting import Vetted

AFTER_ACK = timedelta(milliseconds=500)  # an answer that overtook "working on it" would be lost under it


@dataclass(frozen=True, slots=True)
class Order:
    """An instruction that may be carried out: by whom, for which event, when. `id` is the instruction's.

    `people` says who the targets in its words are, by their text; `used` what racers have used, `models` what
    they have in their garages, `vetted` who may be added, `letters` what lies among the dead letters, and
    `actors` what organizers are called, where the command wants to know. `tenant` is the organizer's when
    they speak in Teams.
    """

    id: str
    event: Event
    by: PersonId
    at: datetime
    people: Mapping[str, PersonId]
    used: Mapping[PersonId, Quota] = field(default_factory=dict)
    vetted: Mapping[str, Vetted | Refusal] = field(default_factory=dict)
    tenant: str | None = None
    models: Mapping[PersonId, tuple[Model, ...]] = field(default_factory=dict)
    letters: DeadLetters | None = None
    actors: Mapping[PersonId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that could be made, and how. Nothing is written before `make` is called, in a unit of work.

    `asks`: it wants a yes, whatever it touches; one that touches several people always does. `wakes`: it may
    mean something for every registration of the event. `takes_back`: dead letters go back onto their queue.
    """

    change: Change
    make: Callable[[Rows], None]
    asks: bool = False
    wakes: bool = False
    takes_back: bool = False

    @property
    def wants_confirmation(self) -> bool:
        """Whether it is shown first, and made only after a yes."""
        return self.asks or self.change.people > 1


Undo = Callable[[Rows, Order, Change], Draft]


def note_instruction(
    rows: Rows, asking: Asking, words: str, *, pressed: bool, given: Given | None = None
) -> Instructed:
    """Record what was said under "admin", with the list that came along, and queue it.

    A repeated delivery changes nothing.
    """
    found = asking.digest
    if rows.instructions.get(found) is None:
        said = Instruction(found, asking.chat, words, asking.now, asking.reply, pressed, given)
        rows.instructions.save(said)
        rows.queue.put(Work.INSTRUCT, found, asking.now + AFTER_ACK)
        rows.audit.append(Line(asking.now, str(asking.chat), "instructed", found, None, found))
    return Instructed(found)


def make(rows: Rows, draft: Draft, event: Event) -> Change:
    """Make the change: its effect on the rows, the row that can take it back, and the audit.

    The audit gets a line for the event, or one for each racer whom the change concerns.
    """
    draft.make(rows)
    change = rows.changes.save(draft.change)
    action = "changed" if change.undoes is None else "undone"
    more = {"kind": change.kind}
    if change.undoes is not None:
        undone = rows.changes.get(change.undoes)
        if undone is not None:
            rows.changes.save(replace(undone, undone_by=change.id))
        more["undoes"] = change.undoes
    by_key: dict[str, dict[str, str]] = {}
    for name, before, after in altered(change):
        by_key.setdefault(name.rpartition(" ")[0], {})[name] = f"{before or '-'} → {after or '-'}"
    for key in dict.fromkeys(concerned(subject) or event.id for subject in change.subjects):
        person = RegistrationKey.parse(key).person_id if "/" in key else None
        own = by_key.get(key) or by_key.get("", {})
        facts = {name.removeprefix(f"{key} "): text for name, text in own.items()}
        texts = {"reason": change.reason} if change.reason else {}
        rows.audit.append(
            Line(change.at, str(change.by), action, key, event.id, change.id, facts | more, texts, person)
        )
    return change


def concerned(subject: str) -> str:
    """Return whom a subject of a change concerns: the key or id in it, "" for the event itself."""
    return subject.partition(":")[2]


def altered(change: Change) -> list[tuple[str, str, str]]:
    """Return what the change altered: field, text before and text after ("" where there was or is none)."""
    names = dict.fromkeys([*change.after, *change.before])
    found = [(name, change.before.get(name, ""), change.after.get(name, "")) for name in names]
    return [(name, before, after) for name, before, after in found if before != after]


def to_undo(rows: Rows, order: Order, change_id: str | None, undos: Mapping[str, Undo]) -> Draft:
    """Plan to take back this change of the asker's, or their newest one of the event.

    Raises NothingToUndo when it is not theirs, too old, taken back already or of a kind that cannot be; and
    UndoOvertaken when something newer altered the same thing.
    """
    if change_id is not None:
        named = rows.changes.get(change_id)
        mine = [named] if named is not None and named.by == order.by else []
    else:
        mine = [
            change
            for change in rows.changes.since(order.event.id, datetime.min.replace(tzinfo=order.at.tzinfo))
            if change.by == order.by
        ]
    change = next((one for one in mine if one.can_be_undone(order.at) and one.kind in undos), None)
    if change is None or change.event_id != order.event.id:
        raise NothingToUndo
    newer = rows.changes.since(order.event.id, change.at)
    ensure_newest(change, newer[: _place(newer, change)])
    draft = undos[change.kind](rows, order, change)
    return replace(draft, change=replace(draft.change, undoes=change.id, undo_until=None), asks=False)


def _place(changes: tuple[Change, ...], change: Change) -> int:
    return next(index for index, one in enumerate(changes) if one.id == change.id)


def owe_answer(rows: Rows, instruction: Instruction, now: datetime) -> None:
    """Owe the asker the answer, where they said it or as a direct message."""
    about = f"instruction:{instruction.id}"
    rows.outbox.put(Notice(f"answer:{about}", Kind.ANSWER, about, instruction.reply, created_at=now))
