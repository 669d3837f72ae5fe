"""The verbs that keep racers out and let them in again: suspend, remove, resume."""

from dataclasses import dataclass

from bot.admin.phrases import SHOWN, Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from provisioning import hold_changes
from provisioning.errors import InstructionUnclear, ValueUnusable
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.targets import Named, Target

REASON_LONGEST = 300  # characters of a reason; the racer reads it


@dataclass(frozen=True, slots=True)
class Suspend(AdminCommand):
    """Keep racers out until somebody resumes them."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Remove(AdminCommand):
    """Take racers out for good."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resume(AdminCommand):
    """Lift the holds of racers."""


def _suspend(said: Phrase) -> Suspend:
    targets = _people(said, "suspend")
    return Suspend(event=said.event, targets=targets, dry_run=said.dry_run, reason=_reason(said))


def _remove(said: Phrase) -> Remove:
    targets = _people(said, "remove")
    return Remove(event=said.event, targets=targets, dry_run=said.dry_run, reason=_reason(said))


def _resume(said: Phrase) -> Resume:
    return Resume(event=said.event, targets=people_or_name(said, "resume"), dry_run=said.dry_run)


def _people(said: Phrase, verb: str) -> tuple[Target, ...]:
    """Return who is named. People come first: one who is named in the reason is meant otherwise."""
    if not said.targets:
        raise InstructionUnclear(word=said.words[0][:SHOWN] if said.words else verb)
    if said.late:
        raise InstructionUnclear(word=said.late[0][:SHOWN])
    return said.targets


def _reason(said: Phrase) -> str:
    if len(said.text) > REASON_LONGEST:
        raise ValueUnusable(field="reason", value=f"{said.text[:SHOWN]}…", form="message")
    return said.text


def people_or_name(said: Phrase, verb: str) -> tuple[Target, ...]:
    """Return who is named, by targets or by plain words alone. Raises InstructionUnclear."""
    if said.targets and said.words:
        raise InstructionUnclear(word=said.words[0][:SHOWN])
    if not said.targets and not said.words:
        raise InstructionUnclear(word=verb)
    return said.targets or (Named(said.text),)


def _plan_suspend(rows: Rows, order: Order, command: Suspend) -> Draft:
    return hold_changes.suspend(rows, order, command.reason)


def _plan_remove(rows: Rows, order: Order, command: Remove) -> Draft:
    return hold_changes.remove(rows, order, command.reason)


def _plan_resume(rows: Rows, order: Order, command: Resume) -> Draft:
    return hold_changes.resume(rows, order)


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin suspend", "admin suspend @racer… [reason]", "organizers", _suspend, names_people=True
        ),
        AdminVerb("admin resume", "admin resume @racer…", "organizers", _resume, names_people=True),
        AdminVerb("admin remove", "admin remove @racer… [reason]", "organizers", _remove, names_people=True),
    ),
    plans={Suspend: _plan_suspend, Remove: _plan_remove, Resume: _plan_resume},
)
