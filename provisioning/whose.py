"""Whose line it is: the racers of an event on a leaderboard, whose lines have an alias and no id.

A line bears the alias that its racer went by when it was made. Aliases change, and many may share one. So a
line is somebody's when they alone of all on the site go by its alias and no other line has it; known once,
that stays while the line does, whatever anybody is called later. What is not known that way is nobody's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioning.ids import PersonId
from provisioning.leaderboards import Leaderboard, Line


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose line this is, told by its alias and by when it was driven."""

    person_id: PersonId
    alias: str
    submitted_at: datetime


def carried(ranking: Leaderboard, known: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return which of these claims hold in this ranking; an improvement under the same alias is theirs."""
    lines = _by_alias(ranking)
    claims = list(known)
    taken = {(claim.alias, claim.submitted_at) for claim in claims}
    held: dict[PersonId, Claim] = {}
    for claim in claims:
        mine = [line for line in lines[claim.alias] if line.submitted_at == claim.submitted_at]
        if not mine:  # they have been faster since, if there is one line it can be
            mine = [
                line
                for line in lines[claim.alias]
                if line.submitted_at > claim.submitted_at and (line.alias, line.submitted_at) not in taken
            ]
        if len(mine) == 1:
            held[claim.person_id] = Claim(claim.person_id, claim.alias, mine[0].submitted_at)
    return tuple(held.values())


def claimed(
    ranking: Leaderboard, known: Iterable[Claim], aliases: Mapping[str, str], racers: Mapping[str, PersonId]
) -> tuple[Claim, ...]:
    """Return whose lines these are, with what was known before.

    `aliases` is what everybody on the site is called now, by the id of their profile; `racers` are those of
    the event by the same id.
    """
    held = {claim.person_id: claim for claim in carried(ranking, known)}
    lines, bearers = _by_alias(ranking), Counter(aliases.values())
    taken = {(claim.alias, claim.submitted_at) for claim in held.values()}
    for profile_id, person_id in racers.items():
        alias = aliases.get(profile_id)
        if person_id in held or alias is None or bearers[alias] != 1:
            continue
        free = [line for line in lines[alias] if (line.alias, line.submitted_at) not in taken]
        if len(free) == 1:
            held[person_id] = Claim(person_id, alias, free[0].submitted_at)
    return tuple(held.values())


def line_of(ranking: Leaderboard, claim: Claim) -> Line | None:
    """Return the claimed line, None when it is no longer there."""
    found = (
        line
        for line in ranking.lines
        if line.alias == claim.alias and line.submitted_at == claim.submitted_at
    )
    return next(found, None)


def _by_alias(ranking: Leaderboard) -> defaultdict[str, list[Line]]:
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for line in ranking.lines:
        lines[line.alias].append(line)
    return lines
