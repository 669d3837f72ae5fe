"""The verb that adds people: mentions and addresses, also as a pasted list, with what comes of each."""

from dataclasses import dataclass
from typing import ClassVar, Final

from adapters.chat.message import Fact, Facts, Note, Part, Text
from bot.admin.phrases import SHOWN, Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning import adding
from provisioning.changes import Change
from provisioning.errors import InstructionUnclear, by_code
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows

TYPED: Final = " typed"  # ends the names under which a change remembers what came of each that was named
ROWS_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class AddPeople(AdminCommand):
    """Have people race who have not asked."""

    vouches: ClassVar[bool] = True


def _add(said: Phrase) -> AddPeople:
    if said.words or not said.targets:
        raise InstructionUnclear(word=said.words[0][:SHOWN] if said.words else "add")
    return AddPeople(event=said.event, targets=said.targets, dry_run=said.dry_run)


def _plan(rows: Rows, order: Order, command: AddPeople) -> Draft:
    return adding.plan(rows, order)


def results_table(words: Words, change: Change) -> list[Part]:
    """Return what came of each that was named, those who were not added first."""
    found = [
        (name.removesuffix(TYPED), result) for name, result in change.beside.items() if name.endswith(TYPED)
    ]
    found.sort(key=lambda row: row[1] == adding.ADDED)
    shown = found[:ROWS_SHOWN]
    parts: list[Part] = [Facts(tuple(Fact(who, result_text(words, result)) for who, result in shown))]
    more = len(found) - len(shown)
    return [*parts, Note(words.text("change.more", count=more))] if more else parts


def result_text(words: Words, result: str) -> Text:
    """Return what came of adding one person: a word, or the code of a refusal with its reason."""
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
)
