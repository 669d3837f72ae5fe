"""Who may say what."""

from dataclasses import dataclass

from bot.grammar import VERBS, Verb


@dataclass(frozen=True, slots=True)
class Asker:
    """What is known of somebody who speaks, for the question of what they may do."""

    is_organizer: bool = False


def may(asker: Asker, verb: Verb) -> bool:
    """Whether this asker may use this verb."""
    return verb.audience == "everyone" or asker.is_organizer


def allowed(asker: Asker) -> tuple[Verb, ...]:
    """Return the verbs this asker may use, in the order of the grammar; help shows exactly these."""
    return tuple(verb for verb in VERBS if may(asker, verb))
