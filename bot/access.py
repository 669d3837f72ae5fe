"""Who may say what."""

from dataclasses import dataclass
from typing import Any

from bot.admin.table import ADMIN_VERBS
from bot.grammar import VERBS, Verb


@dataclass(frozen=True, slots=True)
class Asker:
    """What is known of somebody who speaks, for the question of what they may do."""

    is_organizer: bool = False


def may(asker: Asker, verb: Verb[Any, Any]) -> bool:
    """Whether this asker may use this verb."""
    return verb.audience == "everyone" or asker.is_organizer


def allowed(asker: Asker) -> tuple[Verb[Any, Any], ...]:
    """Return the verbs this asker may use, in the order of the grammar; help shows exactly these."""
    verbs: tuple[Verb[Any, Any], ...] = (*VERBS, *ADMIN_VERBS)
    return tuple(verb for verb in verbs if may(asker, verb))
