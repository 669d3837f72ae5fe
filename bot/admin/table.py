"""All organizers' verbs, from which their help is made, and what each does."""

import difflib
from typing import Final

from bot.admin import (
    adding,
    basics,
    events,
    feed,
    holds,
    leaderboards,
    models,
    quotas,
    races,
    rebinding,
    reports,
    roster,
    teardown,
    usage,
)
from bot.admin.phrases import SHOWN, phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Plan, Query, Wording
from bot.grammar import ADMIN
from provisioning.errors import InstructionUnclear
from provisioning.ids import ChatIdentity

NOUNS: Final = (
    *(
        events.NOUN,
        adding.NOUN,
        quotas.NOUN,
        usage.NOUN,
        models.NOUN,
        holds.NOUN,
        rebinding.NOUN,
        roster.NOUN,
    ),
    *(races.NOUN, leaderboards.NOUN, feed.NOUN),
    *(teardown.NOUN, reports.NOUN, basics.NOUN),
)

ADMIN_VERBS: Final[tuple[AdminVerb, ...]] = tuple(verb for noun in NOUNS for verb in noun.verbs)
PLANS: Final[dict[type, Plan]] = {kind: plan for noun in NOUNS for kind, plan in noun.plans.items()}
QUERIES: Final[dict[type, Query]] = {kind: query for noun in NOUNS for kind, query in noun.queries.items()}
ANSWERS: Final[dict[type, Wording]] = {kind: say for noun in NOUNS for kind, say in noun.answers.items()}

_BY_NAME: Final = {name: verb for verb in ADMIN_VERBS for name in (verb.name, *verb.aliases)}
_STEMS: Final = {name for name in _BY_NAME if any(other.startswith(f"{name} ") for other in _BY_NAME)}
_LONGEST: Final = max(len(name.split()) for name in _BY_NAME)


def find(words: str) -> tuple[AdminVerb, str] | None:
    """Return the verb that these words (after "admin") begin with, and what follows it."""
    parts = [ADMIN, *words.split(" ")] if words else [ADMIN]
    for length in range(min(_LONGEST, len(parts)), 0, -1):
        name, rest = " ".join(parts[:length]).casefold(), " ".join(parts[length:])
        verb = _BY_NAME.get(name)
        # "event shwo" is no event called "shwo"; a verb that names people reads what follows with more care.
        if verb is not None and (verb.names_people or not (rest and name in _STEMS)):
            return verb, rest
    return None


def parse(words: str, asker: ChatIdentity) -> AdminCommand:
    """Return the command in these words. Raises a Refusal for words that are none, or must not be said."""
    found = find(words)
    if found is None:
        near = difflib.get_close_matches(f"{ADMIN} {words.casefold()}", list(_BY_NAME), n=1, cutoff=0.6)
        raise InstructionUnclear(word=words[:SHOWN], **({"nearest": near[0]} if near else {}))
    verb, rest = found
    try:
        command: AdminCommand = verb.parse(phrase(rest, verb.options, asker, names_people=verb.names_people))
    except InstructionUnclear as error:
        raise InstructionUnclear(**error.facts, usage=verb.usage) from error
    return command
