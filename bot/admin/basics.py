"""The verbs that every organizer needs, whatever they organize: help, undo, confirm, audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from adapters.chat.message import Mention, Message, Paragraph, Plain, Span
from bot.admin.paging import Page, paged
from bot.admin.phrases import SHOWN, Phrase, page
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning.actors import MOST_LINES
from provisioning.audit import Line
from provisioning.errors import InstructionUnclear
from provisioning.events import Event
from provisioning.ids import ChatIdentity, PersonId, RegistrationKey, RequestKey
from provisioning.instructing import Draft, Order, to_undo
from provisioning.ports import Rows
from provisioning.roster import called
from provisioning.targets import Mentioned, Target
from provisioning.undoing import UNDOS

LINES_A_PAGE: Final = 15


@dataclass(frozen=True, slots=True)
class AdminHelp(AdminCommand):
    """Show what organizers may do."""

    about_event: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Undo(AdminCommand):
    """Take back a change, or the newest one."""

    change_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmInstruction(AdminCommand):
    """Say yes to what was shown."""

    instruction_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditShow(AdminCommand):
    """Show what was done, to everybody or to one person."""

    page: int = 1

    names_actors: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class HelpShown:
    """What organizers may do."""


@dataclass(frozen=True, slots=True)
class AuditShown:
    """Lines of the audit, newest first."""

    event: str
    page: Page[Line]
    people: Mapping[str, Mention | str] = field(default_factory=dict)  # by the name the audit has for them


def _help(said: Phrase) -> AdminHelp:
    return AdminHelp()


def _undo(said: Phrase) -> Undo:
    return Undo(event=said.event, dry_run=said.dry_run, change_id=said.text[:SHOWN] or None)


def _confirm(said: Phrase) -> ConfirmInstruction:
    if not said.text:
        raise InstructionUnclear(word="confirm")
    return ConfirmInstruction(event=said.event, instruction_id=said.text[:SHOWN], dry_run=said.dry_run)


def _audit(said: Phrase) -> AuditShow:
    return AuditShow(event=said.event or said.text or None, targets=said.targets, page=page(said))


def _plan_undo(rows: Rows, order: Order, command: Undo) -> Draft:
    return to_undo(rows, order, command.change_id, UNDOS)


def _show_help(rows: Rows, order: Order, command: AdminHelp) -> HelpShown:
    return HelpShown()


def _show_audit(rows: Rows, order: Order, command: AuditShow) -> AuditShown:
    if command.targets:
        names = [name for person in order.people.values() for name in _names(rows, order, person)]
        lines: Sequence[Line] = [
            line for line in rows.audit.about(names, MOST_LINES) if line.event_id in (None, order.event.id)
        ]
    else:
        lines = rows.audit.lines(order.event.id, MOST_LINES)
    again = " ".join(["admin audit", *(spoken(target) for target in command.targets)])
    found = paged(tuple(reversed(lines)), command.page, LINES_A_PAGE, f"{again} event={order.event.id}")
    people = {}
    for line in found.items:
        said = rows.instructions.get(line.correlation) if line.correlation else None
        # What follows from an instruction bears its id as well, and is not said by whoever gave it.
        spoke_as = said.chat if said is not None and said.person_id == line.actor else None
        called = order.actors.get(PersonId(line.actor), "")
        people[line.actor] = _person(rows, order.event, line.actor, spoke_as, called)
        people[line.subject] = _person(rows, order.event, line.subject)
    known = {name: person for name, person in people.items() if person is not None}
    return AuditShown(order.event.name, found, known)


def _person(
    rows: Rows, event: Event, name: str, spoke_as: ChatIdentity | None = None, called: str = ""
) -> Mention | str | None:
    """Return a person of the audit as organizers know them; None for whoever, or whatever, is none here.

    `spoke_as` is the account as which the person of this name spoke, `called` their name in the directory,
    where that is known.
    """
    text = name.removeprefix(f"{event.id}/")
    try:
        chat = ChatIdentity.parse(text)
    except ValueError:
        person = PersonId(text)
        bound = (rows.bindings.chat_of(person, "slack"), rows.bindings.chat_of(person, "teams"))
        account = spoke_as or next((one for one in bound if one is not None), None)
        goes_by = _called(rows, event, person) or called
        if account is None or (account.platform == "teams" and not goes_by):
            return goes_by or None  # Teams mentions nobody without a name
        return Mention(account, goes_by)
    return Mention(chat, _called(rows, event, rows.bindings.person_of(chat)))


def _called(rows: Rows, event: Event, person: PersonId | None) -> str:
    racer = rows.registrations.get(RegistrationKey(event.id, person)) if person is not None else None
    return called(racer) if racer is not None else ""


def spoken(target: Target) -> str:
    """Return a target as it can be said again: what a button needs."""
    if not isinstance(target, Mentioned):
        return str(target)
    chat = target.chat
    return f"<@{chat.user}>" if chat.platform == "slack" else f"<@teams:{chat.tenant}:{chat.user}>"


def _names(rows: Rows, order: Order, person: PersonId) -> list[str]:
    """Return the names under which the audit knows this person in this event."""
    chats = rows.bindings.chats_of(person)
    requests = [str(RequestKey(order.event.id, chat)) for chat in chats]
    return [person, str(RegistrationKey(order.event.id, person)), *map(str, chats), *requests]


def _say_audit(words: Words, shown: AuditShown) -> Message:
    lines = tuple(
        Paragraph((words.when(line.at), Plain(" "), *_line(words, line, shown.people)))
        for line in shown.page.items
    )
    lines = lines or (Paragraph(words.text("audit-shown.none")),)
    summary = words.text("audit-shown.summary", event=shown.event)
    return Message(summary, (*lines, *shown.page.parts(words)))


def _line(words: Words, line: Line, people: Mapping[str, Mention | str]) -> tuple[Span, ...]:
    said = {**line.facts, **line.texts}
    more = ", ".join(f"{name}: {text}" for name, text in said.items())
    key = "audit-shown.line-more" if more else "audit-shown.line"
    actor, subject = (people.get(name, name) for name in (line.actor, line.subject))
    return words.text(key, actor=actor, action=line.action, subject=subject, more=more)


NOUN = Noun(
    verbs=(
        AdminVerb("admin help", "admin help", "organizers", _help, ("admin ?", "admin")),
        AdminVerb("admin undo", "admin undo", "organizers", _undo),
        AdminVerb("admin confirm", "admin confirm <id>", "organizers", _confirm),
        AdminVerb(
            "admin audit",
            "admin audit [@racer]",
            "organizers",
            _audit,
            options={"page": False},
            names_people=True,
        ),
    ),
    plans={Undo: _plan_undo},
    queries={AdminHelp: _show_help, AuditShow: _show_audit},
    answers={AuditShown: _say_audit},
)
