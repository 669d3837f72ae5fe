"""The verb that adds people: mentions and addresses, also as a list, with what comes of each.

admin add @person…                 ─▶ these
admin add                          ─▶ whom? and, where the platform has one, the form for a list
admin add, said with a list        ─▶ the addresses in it
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from adapters.chat.message import (
    Buttons,
    Code,
    Document,
    Fact,
    Facts,
    FormButton,
    Message,
    Note,
    Paragraph,
    Part,
    Plain,
    Text,
)
from bot.adding_file import listed
from bot.admin.phrases import DRY_RUN, SHOWN, Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.grammar import ADMIN
from bot.spreadsheet import written
from bot.words import Words
from provisioning import adding
from provisioning.changes import Change
from provisioning.errors import InstructionUnclear, ListTooLong, ListUnreadable, by_code
from provisioning.events import Event
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.targets import Mailed, Mentioned

TYPED: Final = " typed"  # ends the names under which a change remembers what came of each that was named
ROWS_SHOWN: Final = 40
MOST: Final = 500  # people of one list in chat; the command line takes any number, a few at a time


@dataclass(frozen=True, slots=True)
class AddPeople(AdminCommand):
    """Have people race who have not asked."""

    vouches: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AddWhom(AdminCommand):
    """Be asked whom to add."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Nobody was named yet; `words` are those that a list goes along with."""

    event: str
    words: str


def _add(said: Phrase) -> AddPeople | AddWhom:
    if said.words:
        raise InstructionUnclear(word=said.words[0][:SHOWN])
    kind = AddPeople if said.targets else AddWhom
    return kind(event=said.event, targets=said.targets, dry_run=said.dry_run)


def with_list(command: AdminCommand, texts: Iterable[str]) -> AddPeople:
    """Return the command with everybody whom these lists name.

    Raises InstructionUnclear for a verb that takes no list, ListUnreadable and ListTooLong.
    """
    if not isinstance(command, AddPeople | AddWhom):
        raise InstructionUnclear(word="list")
    mails = dict.fromkeys(mail for text in texts for mail in listed(text))
    if not mails:
        raise ListUnreadable
    if len(mails) > MOST:
        raise ListTooLong(value=str(len(mails)), most=str(MOST))
    targets = dict.fromkeys((*command.targets, *map(Mailed, mails)))
    return AddPeople(event=command.event, targets=tuple(targets), dry_run=command.dry_run)


def _ask(rows: Rows, order: Order, command: AddWhom) -> Whom:
    words = f"{ADMIN} add event={order.event.id}"
    return Whom(order.event.name, f"{words} {DRY_RUN}" if command.dry_run else words)


def _whom(words: Words, found: Whom) -> Message:
    button = FormButton(words.plain("add-whom.open"), found.words, words.language)
    lead = Paragraph(words.text("add-whom.next"))
    return Message(words.text("add-whom.summary", event=found.event), (lead, Buttons((button,))))


def _plan(rows: Rows, order: Order, command: AddPeople) -> Draft:
    return adding.plan(
        rows, order, {str(one): one.name for one in command.targets if isinstance(one, Mentioned)}
    )


def results_table(words: Words, change: Change, *, made: bool) -> list[Part]:
    """Return what came of the first that were named, those who were not added first.

    Before the change is `made`, it is what would come of them.
    """
    shown = _results(change)[:ROWS_SHOWN]
    return [Facts(tuple(Fact(who, result_text(words, result, made=made)) for who, result in shown))]


def results_file(words: Words, change: Change, event: Event, *, made: bool) -> Document | None:
    """Return what came of each that was named as a file, when they are more than the table shows."""
    found = _results(change)
    if len(found) <= ROWS_SHOWN:
        return None
    name = f"{event.id}-added.csv"
    rows = [{"person": who, "result": _plain(result_text(words, result, made=made))} for who, result in found]
    return Document(
        name,
        words.plain("add-file.summary", event=event.name),
        written(("person", "result"), rows),
        Note(words.text("add-file.said", file=name)),
        (Note(words.text("change.more", count=len(found) - ROWS_SHOWN)),),
    )


def _results(change: Change) -> list[tuple[str, str]]:
    found = [
        (name.removesuffix(TYPED), result) for name, result in change.beside.items() if name.endswith(TYPED)
    ]
    return sorted(found, key=lambda row: row[1] == adding.ADDED)


def _plain(text: Text) -> str:
    return "".join(span.text for span in text if isinstance(span, Plain | Code))


def result_text(words: Words, result: str, *, made: bool) -> Text:
    """Return what came of adding one person: a word, or the code of a refusal with its reason."""
    if result == adding.ADDED and not made:
        return words.text("add-result.would")
    if f"add-result.{result}" in words:
        return words.text(f"add-result.{result}")
    error = by_code().get(result)
    why = f"why.{error.key()}" if error is not None else ""
    if why in words:
        return words.text("add-result.refused-why", code=result, why=words.plain(why))
    return words.text("add-result.refused", code=result)


NOUN = Noun(
    verbs=(AdminVerb("admin add", "admin add @person…", "organizers", _add, names_people=True),),
    plans={AddPeople: _plan},
    queries={AddWhom: _ask},
    answers={Whom: _whom},
)
