"""Who plays in the demo, and what the event's organizers may expect of each at the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.company import Company

SEED = 2027
EMPLOYEES = 48


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts of the play, each by the keys of the people who have it."""

    first: tuple[str, ...]  # who join while the directory throttles, and whose worker is killed
    second: tuple[str, ...]  # who join the worker that takes over
    late: tuple[str, ...]  # who join when all is calm again
    outsiders: Mapping[str, tuple[str, str]]  # key -> who they are, the code they must read
    twice: frozenset[str]  # who type join a second time at once
    leaves_pending: str
    leaves_ready: str
    member_before: str  # was in both groups before the event, by an administrator's hand; leaves the event
    newcomer: str  # not in the identity store yet
    replayed: str  # whose request arrives a second time, byte for byte
    in_teams: frozenset[str]  # who use Microsoft Teams; everybody else uses Slack
    in_both: str  # who joins in Slack and, before anything has come of it, in Teams as well
    colleague: str  # put into the Entra group by an administrator meanwhile; never joins
    night: tuple[
        str, ...
    ]  # who join the second event, on the racing site, too; each drives faster than the one before
    promoted: str  # whose quota there is raised
    organizer: str

    @property
    def crowd(self) -> tuple[str, ...]:
        """Everybody who may join, in the order of joining."""
        return self.first + self.second + self.late

    @property
    def leavers(self) -> frozenset[str]:
        """Who have left the event at the end."""
        return frozenset({self.leaves_pending, self.leaves_ready, self.member_before})

    @property
    def racers(self) -> frozenset[str]:
        """Who are in the event at the end, ready."""
        return frozenset(self.crowd) - self.leavers

    @property
    def got_ready(self) -> frozenset[str]:
        """Who were told at some time that they are in."""
        return frozenset(self.crowd) - {self.leaves_pending}

    @property
    def members(self) -> frozenset[str]:
        """Who are in the groups at the end: the racers, and who were never the bot's to remove."""
        return self.racers | {self.member_before, self.colleague}


def cast() -> Cast:
    """Return the cast of `make demo`."""
    employees = tuple(f"employee-{number:03d}" for number in range(1, EMPLOYEES + 1))
    half = EMPLOYEES // 2
    return Cast(
        first=(*employees[:half], "alias"),
        second=(*employees[half:-2], "newcomer"),
        late=employees[-2:],
        outsiders={
            "guest": ("a guest of the workspace", "DR-204"),
            "single-channel-guest": ("a guest of one channel", "DR-205"),
            "stranger": ("a stranger from a shared channel", "DR-203"),
            "foreigner": ("somebody of another company", "DR-201"),
            "look-alike": ("mail at evil-acme.example", "DR-211"),
            "homoglyph": ("mail at acme.example, a Cyrillic a", "DR-212"),
            "unconfirmed": ("mail address never confirmed", "DR-210"),
            "disabled": ("a disabled account", "DR-222"),
            "directory-guest": ("a guest in Entra", "DR-223"),
            "two-matches": ("two accounts of one address", "DR-224"),
            "teams-guest": ("a guest in Microsoft Teams", "DR-204"),
            "teams-no-role": ("an account Teams says nothing of", "DR-213"),
            "not-in-directory": ("known to Teams, not to Entra", "DR-221"),
        },
        twice=frozenset({"employee-005", "employee-012", "employee-030", "employee-041"}),
        leaves_pending="employee-007",
        leaves_ready="employee-033",
        member_before="employee-040",
        newcomer="newcomer",
        replayed="employee-002",
        in_teams=frozenset({*employees[3::3], "teams-guest", "teams-no-role", "not-in-directory"}),
        in_both="employee-006",
        colleague="organizer",
        night=("employee-010", "employee-003", "employee-021", "employee-018", "employee-036"),
        promoted="employee-010",
        organizer="organizer",
    )


def company() -> Company:
    """Return the company of the play as it was founded; the same seed makes the same people and ids."""
    return Company.found(people=EMPLOYEES, seed=SEED)
