"""The verbs about leaderboards: post, watch, mute."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from bot.admin.phrases import Phrase, channels, names_channel
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from provisioning import board_changes
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows

PICTURE: Final = "picture"


@dataclass(frozen=True, slots=True)
class _Leaderboard(AdminCommand):
    """A leaderboard, by the name of its race (empty: the only one that is open), and channels."""

    race: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaderboardPost(_Leaderboard):
    """Post a leaderboard once, as a table or as a picture."""

    as_picture: bool = False


@dataclass(frozen=True, slots=True)
class LeaderboardWatch(_Leaderboard):
    """Show a leaderboard and its news."""


@dataclass(frozen=True, slots=True)
class LeaderboardMute(_Leaderboard):
    """Tell no more news of a leaderboard."""


Said = TypeVar("Said", bound=_Leaderboard)


def _parsed(kind: type[Said]) -> Callable[[Phrase], Said]:
    def parse(said: Phrase) -> Said:
        places, race = _taken_apart(said.words)
        found = channels("channels", " ".join(places))
        return kind(
            event=said.event,
            dry_run=said.dry_run,
            race=" ".join(race),
            channels=tuple(found.split(", ")) if found else (),
        )

    return parse


def _posted(said: Phrase) -> LeaderboardPost:
    places, race = _taken_apart(said.words)
    drawn = bool(race) and race[-1].casefold() == PICTURE
    rest = (*(race[:-1] if drawn else race), *places)
    return replace(_parsed(LeaderboardPost)(replace(said, words=rest)), as_picture=drawn)


def _taken_apart(words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return what names channels and what is left, in its order."""
    places = [word for word in words if word.startswith("<#") or names_channel(word)]
    return places, [word for word in words if word not in places]


def _post(rows: Rows, order: Order, command: LeaderboardPost) -> Draft:
    return board_changes.post(rows, order, command.race, command.channels, as_picture=command.as_picture)


def _watch(rows: Rows, order: Order, command: LeaderboardWatch) -> Draft:
    return board_changes.watch(rows, order, command.race, command.channels)


def _mute(rows: Rows, order: Order, command: LeaderboardMute) -> Draft:
    return board_changes.mute(rows, order, command.race, command.channels)


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin leaderboard post",
            "admin leaderboard post [race] [#channel] [picture]",
            "organizers",
            _posted,
        ),
        AdminVerb(
            "admin leaderboard watch",
            "admin leaderboard watch [race] [#channel]",
            "organizers",
            _parsed(LeaderboardWatch),
        ),
        AdminVerb(
            "admin leaderboard mute",
            "admin leaderboard mute [race] [#channel]",
            "organizers",
            _parsed(LeaderboardMute),
        ),
    ),
    plans={LeaderboardPost: _post, LeaderboardWatch: _watch, LeaderboardMute: _mute},
)
