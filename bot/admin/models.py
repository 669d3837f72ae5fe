"""The verbs about racers' models on a racing site: shown, or deleted for good."""

from dataclasses import dataclass
from typing import ClassVar, Final

from adapters.chat.message import Column, Message, Note, Paragraph, Part, Table
from bot.admin.holds import people_or_name
from bot.admin.phrases import Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning import garages, roster
from provisioning.garages import MOST_KEPT
from provisioning.instructing import Draft, Order
from provisioning.platform import Model
from provisioning.ports import Rows

LINES_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class ModelsShow(AdminCommand):
    """Show the models of those who are named."""

    reads_models: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ModelsDelete(AdminCommand):
    """Delete the models of those who are named."""

    reads_models: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ModelsShown:
    """The models of these racers, by what they are called."""

    event: str
    racers: tuple[tuple[str, tuple[Model, ...]], ...]


def _models(said: Phrase) -> ModelsShow:
    return ModelsShow(event=said.event, targets=people_or_name(said, "models"))


def _delete(said: Phrase) -> ModelsDelete:
    targets = people_or_name(said, "models delete")
    return ModelsDelete(event=said.event, targets=targets, dry_run=said.dry_run)


def _show(rows: Rows, order: Order, command: ModelsShow) -> ModelsShown:
    named = roster.named(rows, order.event, order.people)
    racers = tuple((roster.called(one), order.models.get(one.key.person_id, ())) for one in named)
    return ModelsShown(order.event.name, racers)


def _plan(rows: Rows, order: Order, command: ModelsDelete) -> Draft:
    return garages.delete(rows, order)


def _say(words: Words, shown: ModelsShown) -> Message:
    lines = [(name, model) for name, models in shown.racers for model in models]
    names = ", ".join(name for name, _ in shown.racers)
    summary = words.text("models-shown.summary", racer=names, count=len(lines))
    if not lines:
        return Message(summary, (Paragraph(words.text("models-shown.none")),))
    columns = tuple(
        Column(words.plain(f"models-shown.{head}")) for head in ("racer", "name", "state", "made")
    )
    rows = tuple(
        (name, model.name, model.status, f"{model.created_at:%Y-%m-%d %H:%M} UTC")
        for name, model in lines[:LINES_SHOWN]
    )
    more = len(lines) - len(rows)
    lead = Paragraph(words.text("models-shown.delete"))
    parts: list[Part] = [lead, Table(words.text("models-shown.caption"), columns, rows)]
    if more or any(len(models) == MOST_KEPT for _, models in shown.racers):
        parts.append(Note(words.text("models-shown.more", shown=len(rows))))
    return Message(summary, tuple(parts))


NOUN = Noun(
    verbs=(
        AdminVerb("admin models", "admin models @racer…", "organizers", _models, names_people=True),
        AdminVerb(
            "admin models delete", "admin models delete @racer…", "organizers", _delete, names_people=True
        ),
    ),
    plans={ModelsDelete: _plan},
    queries={ModelsShow: _show},
    answers={ModelsShown: _say},
)
