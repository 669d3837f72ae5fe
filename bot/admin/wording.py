"""What organizers are told: the answer of an instruction, read from the rows at the moment it is sent.

A change is said by its kind: `change.<kind>-done`, `-undone`, `-would` and `-asks` in the catalog (`any-…`
where nothing more is to be said), with what was before and after as a table.
"""

import re
from datetime import datetime
from typing import Any

from adapters.chat.message import Button, Buttons, Fact, Facts, Message, Note, Paragraph, Part, Plain, Text
from adapters.chat.text import CUT
from bot import wording
from bot.access import Asker, allowed
from bot.admin.adding import TYPED, results_file, results_table
from bot.admin.basics import HelpShown
from bot.admin.events import shown_value
from bot.admin.phrases import mentioned_names
from bot.admin.table import ANSWERS, QUERIES, parse
from bot.grammar import ADMIN
from bot.words import Words
from provisioning import actors, dead_letters, garages
from provisioning.changes import Change
from provisioning.errors import NotAllowed, Refusal, SeveralRacers, Unexpected, by_code
from provisioning.events import Event
from provisioning.hold_changes import STAYS
from provisioning.ids import EventId, RegistrationKey
from provisioning.instructing import Order, altered
from provisioning.instructions import CONFIRMED_WITHIN, Instruction
from provisioning.ports import Rows
from provisioning.roster import called

ROWS_SHOWN = 20  # of a change's table; the audit has all
_LONGEST_WORDS = 1800  # of a button


def answer_of(words: Words, rows: Rows, instruction: Instruction, now: datetime) -> Message:
    """Return the answer to this instruction, as it is true now."""
    if instruction.refusal == SeveralRacers.code:
        return _racers_to_choose(words, rows, instruction)
    if instruction.refusal is not None:
        error = by_code().get(instruction.refusal, Unexpected)
        is_organizers = error.code > NotAllowed.code  # before it nobody knew whether they may do that
        note = wording.TO_ORGANIZERS if is_organizers else "note.code"
        called = mentioned_names(instruction.words, instruction.chat).get(instruction.facts.get("target", ""))
        facts = {**instruction.facts, **({"called": called} if called else {})}
        return wording.refusal(words, error, facts, note=note)
    if "choose" in instruction.facts:
        return _choice(words, rows, instruction)
    event = rows.events.get(instruction.event_id) if instruction.event_id is not None else None
    if event is None or instruction.person_id is None:
        return wording.defect(words)
    if instruction.state in {"asking", "confirmed", "previewed"} and instruction.proposed is not None:
        return proposal(words, instruction, instruction.proposed, event)
    change = rows.changes.get(instruction.led_to or instruction.id)
    if change is not None:
        return done(words, change, event, now)
    order = Order(
        instruction.id,
        event,
        instruction.person_id,
        now,
        instruction.people,
        models=garages.unpacked(instruction.facts),
        letters=dead_letters.unpacked(instruction.facts),
        actors=actors.unpacked(instruction.facts),
    )
    return _answered(words, rows, instruction, order)


def _answered(words: Words, rows: Rows, instruction: Instruction, order: Order) -> Message:
    """Ask once more what was asked, and word it."""
    try:
        command = parse(instruction.words, instruction.chat)
        found = QUERIES[type(command)](rows, order, command)
    except Refusal as refusal:
        note = wording.TO_ORGANIZERS
        return wording.refusal(words, type(refusal), refusal.facts, order.event, note=note)
    if isinstance(found, HelpShown):
        return help_message(words)
    return ANSWERS[type(found)](words, found)


def help_message(words: Words) -> Message:
    """Return everything organizers may say."""
    lines = tuple(
        Paragraph(words.text("help.line", usage=verb.usage, what=words.plain(verb.key)))
        for verb in allowed(Asker(is_organizer=True))
        if verb.audience == "organizers"
    )
    return Message(words.text("admin-help.summary"), (*lines, Note(words.text("admin-help.note"))))


def done(words: Words, change: Change, event: Event, now: datetime) -> Message:
    """Return what was changed, with the way back while there is one."""
    part = "undone" if change.undoes is not None else "done"
    table = _table(words, change, made=True)
    parts: list[Part] = [
        Paragraph(_said(words, change, event, part, "next")),
        *_staying(words, change),
        *table,
    ]
    if change.undone_by is not None:
        parts.append(Note(words.text("change.taken-back")))
    elif change.undo_until is not None and change.can_be_undone(now):
        parts.append(Buttons((Button(words.plain("change.undo"), f"{ADMIN} undo {change.id}"),)))
        parts.append(Note(words.text("change.undo-until", until=change.undo_until)))
    elif change.undo_until is None:
        parts.append(Note(words.text("change.no-undo")))
    document = results_file(words, change, event, made=True)
    return Message(_said(words, change, event, part, "summary"), tuple(parts), document=document)


def proposal(words: Words, instruction: Instruction, change: Change, event: Event) -> Message:
    """Return what would be changed: as a dry run, or with the button that says yes."""
    made = instruction.state == "confirmed"
    table, document = _table(words, change, made=made), results_file(words, change, event, made=made)
    would, asks = ("would", "asks") if change.undoes is None else ("undo-would", "undo-asks")
    if instruction.state == "previewed":
        lead = (Paragraph(words.text("change.dry-run")), *_staying(words, change))
        return Message(_said(words, change, event, would, "summary"), (*lead, *table), document=document)
    summary = _said(words, change, event, asks, "summary")
    if made:
        return Message(summary, (Paragraph(words.text("change.confirmed")), *table))
    yes = Button(words.plain("change.yes"), f"{ADMIN} confirm {instruction.id}", "danger")
    until = instruction.received_at + CONFIRMED_WITHIN
    return Message(
        summary,
        (
            Paragraph(_said(words, change, event, asks, "next")),
            *_staying(words, change),
            *table,
            Buttons((yes,)),
            Note(words.text("change.asked-until", until=until)),
        ),
        document=document,
    )


def _staying(words: Words, change: Change) -> tuple[Part, ...]:
    """Say who keeps access that the event did not give, and that no hold of it ends."""
    names = sorted(_whose(change, field) for field in change.beside if field.endswith(STAYS))
    if not names:
        return ()
    more = [CUT] if len(names) > ROWS_SHOWN else []
    who = ", ".join([*names[:ROWS_SHOWN], *more])
    return (Paragraph(words.text("change.stays", count=len(names), who=who)),)


def _said(words: Words, change: Change, event: Event, part: str, tail: str) -> Text:
    key = f"change.{change.kind}-{part}.{tail}"
    values: dict[str, Any] = {
        "event": event.name,
        "count": change.people,
        "who": next((name for field, name in change.beside.items() if field.endswith(" name")), "?"),
        "new": change.after.get("name", ""),
    }
    is_own = key in words or f"{key}.other" in words
    return words.text(key if is_own else f"change.any-{part}.{tail}", **values)


def _table(words: Words, change: Change, *, made: bool) -> list[Part]:
    if any(name.endswith(TYPED) for name in change.beside):
        return results_table(words, change, made=made)
    rows = sorted(altered(change), key=lambda row: _whose(change, row[0]).casefold())
    facts = tuple(
        Fact(_field(words, change, name), _transition(words, name, before, after))
        for name, before, after in rows[:ROWS_SHOWN]
    )
    more = len(rows) - len(facts)
    parts: list[Part] = [Facts(facts)] if facts else []
    return [*parts, Note(words.text("change.more", count=more))] if more else parts


def _transition(words: Words, name: str, before: str, after: str) -> Text:
    own = name.rpartition(" ")[2]
    if not before:  # what is new has no past worth telling
        return shown_value(words, own, after)
    return (*shown_value(words, own, before), Plain(" → "), *shown_value(words, own, after))


def _field(words: Words, change: Change, name: str) -> str:
    """Return what a field is called; where it is one of several racers', their name comes first."""
    own = name.rpartition(" ")[2]
    called = words.plain(f"field.{own}") if f"field.{own}" in words else name
    whose = _whose(change, name)
    return f"{whose}: {called}" if whose and change.people > 1 else called


def _whose(change: Change, name: str) -> str:
    """Return what the racer is called of whom a field is; "" for one of the event's."""
    return change.beside.get(f"{name.rpartition(' ')[0]} name", "")


def _racers_to_choose(words: Words, rows: Rows, instruction: Instruction) -> Message:
    """Return who goes by the name that was said, each with a button that says the words with them in them."""
    facts = instruction.facts
    keys = [RegistrationKey.parse(key) for key in facts["choose"].split()]
    found = [one for key in keys if (one := rows.registrations.get(key)) is not None]
    asked = wording.refusal(words, SeveralRacers, facts, note=wording.TO_ORGANIZERS)
    lines = Facts(tuple(Fact(called(one), (Plain(one.person.user_principal_name),)) for one in found))
    buttons = tuple(
        Button(one.person.user_principal_name or called(one), said)
        for one in found[: wording.CHOICES_SHOWN]
        if (said := _said_of(instruction.words, facts["target"], one.key)) is not None
    )
    lead, *rest = asked.parts
    return Message(asked.summary, (lead, lines, *((Buttons(buttons),) if buttons else ()), *rest))


def _said_of(said: str, name: str, who: RegistrationKey) -> str | None:
    """Return the words with this person in place of the name, None where it does not stand in them so."""
    clear = re.sub(rf'(?<!\S)@?["“„]?{re.escape(name)}["”]?(?!\S)', f"@{who.person_id}", said, count=1)
    words = f"{ADMIN} {clear} event={who.event_id}"
    return words if clear != said and len(words) <= _LONGEST_WORDS else None


def _choice(words: Words, rows: Rows, instruction: Instruction) -> Message:
    """Return the events among which the organizer chooses, each with a button that says the words again."""
    events = [
        event
        for name in instruction.facts["choose"].split()
        if (event := rows.events.get(EventId(name))) is not None
    ]
    buttons = tuple(
        Button(event.name, said)
        for event in events
        if len(said := f"{ADMIN} {instruction.words} event={event.id}") <= _LONGEST_WORDS
    )
    lines = tuple(Paragraph(words.text("choose.during", event=event.name)) for event in events)
    note = Note(words.text("admin-choose.note", id=events[0].id if events else "…"))
    return Message(
        words.text("admin-choose.summary"), (*lines, Buttons(buttons[: wording.CHOICES_SHOWN]), note)
    )
