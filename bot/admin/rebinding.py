"""The verb that lets a person's chat accounts go, after an organizer has made sure who is who."""

from dataclasses import dataclass

from bot.admin.holds import people_or_name
from bot.admin.phrases import Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from provisioning import rebinding
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows


@dataclass(frozen=True, slots=True)
class Rebind(AdminCommand):
    """Let the chat accounts of people go."""


def _rebind(said: Phrase) -> Rebind:
    return Rebind(event=said.event, targets=people_or_name(said, "rebind"), dry_run=said.dry_run)


def _plan(rows: Rows, order: Order, command: Rebind) -> Draft:
    return rebinding.rebind(rows, order)


NOUN = Noun(
    verbs=(AdminVerb("admin rebind", "admin rebind @racer…", "organizers", _rebind, names_people=True),),
    plans={Rebind: _plan},
)
