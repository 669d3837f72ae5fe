"""The verbs about leaderboards: post, watch, mute."""

from collections.abc import Callable
from dataclasses import dataclass

from bot import event_forms
from bot.admin.phrases import Phrase, channels
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from provisioning import board_changes
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows


@dataclass(frozen=True, slots=True)
class _Leaderboard(AdminCommand):
    """A leaderboard, by the name of its race (empty: the only one that is open), and channels."""

    race: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaderboardPost(_Leaderboard):
    """Post a leaderboard once."""


@dataclass(frozen=True, slots=True)
class LeaderboardWatch(_Leaderboard):
    """Show a leaderboard and its news."""


@dataclass(frozen=True, slots=True)
class LeaderboardMute(_Leaderboard):
    """Tell no more news of a leaderboard."""


def _parsed(kind: type[_Leaderboard]) -> Callable[[Phrase], _Leaderboard]:
    def parse(said: Phrase) -> _Leaderboard:
        places = [word for word in said.words if word.startswith("<#") or event_forms.channel(word) is None]
        race = " ".join(word for word in said.words if word not in places)
        found = channels("channels", " ".join(places))
        return kind(
            event=said.event,
            dry_run=said.dry_run,
            race=race,
            channels=tuple(found.split(", ")) if found else (),
        )

    return parse


def _post(rows: Rows, order: Order, command: LeaderboardPost) -> Draft:
    return board_changes.post(rows, order, command.race, command.channels)


def _watch(rows: Rows, order: Order, command: LeaderboardWatch) -> Draft:
    return board_changes.watch(rows, order, command.race, command.channels)


def _mute(rows: Rows, order: Order, command: LeaderboardMute) -> Draft:
    return board_changes.mute(rows, order, command.race, command.channels)


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin leaderboard post",
            "admin leaderboard post [race] [#channel]",
            "organizers",
            _parsed(LeaderboardPost),
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
