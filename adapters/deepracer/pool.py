"""The user pool of a racing site, asked as an administrator: one account, or the racers' group as a list.

Cognito counts its requests in categories, each with a rate of its own for the whole account and Region; each
is asked at four fifths of its rate at most, so that the site itself is left some.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.pace import Pace
from adapters.deepracer.site import Sites
from provisioning.brake import Brakes
from provisioning.ports import Clock

RACERS: Final = "dr-racers"
PAGE: Final = 60  # ListUsersInGroup gives no more at once
NOT_FOUND: Final = "UserNotFoundException"
TAKEN: Final = frozenset({"UsernameExistsException", "AliasExistsException"})
OUT_OF_MAILS: Final = "LimitExceededException"
# The trigger that makes the profile gave no answer to work with, or the mail did not go out.
HALTED: Final = frozenset(
    {"CodeDeliveryFailureException", "InvalidLambdaResponseException", "UnexpectedLambdaException"}
)
_FAMILIAR: Final = TAKEN | HALTED | {NOT_FOUND, OUT_OF_MAILS}
_OUR_SHARE: Final = 0.8
# Requests a second, from the quotas of Amazon Cognito; the last stands for everything that changes a user.
_RATES: Final[Mapping[str, float]] = {
    "AdminCreateUser": 50.0,
    "AdminGetUser": 120.0,
    "AdminListGroupsForUser": 50.0,
    "ListUsersInGroup": 30.0,
    "AdminSetUserPassword": 30.0,
    "DescribeUserPool": 15.0,
    "UserUpdate": 25.0,
}


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the pool."""

    username: str
    email: str
    enabled: bool
    status: str


class Pool:
    """One user pool. One caller at a time. `rate_scale` multiplies the rates, where an account has more."""

    def __init__(
        self, client: Any, pool_id: str, *, brakes: Brakes, clock: Clock, rate_scale: float = 1.0
    ) -> None:
        self.id = pool_id
        self._apis = {
            name: Api(
                client,
                f"cognito-idp:{pool_id}:{name}",
                "cognito-idp",
                brakes=brakes,
                clock=clock,
                pace=_pace(rate * _OUR_SHARE * rate_scale),
                familiar=_FAMILIAR,
            )
            for name, rate in _RATES.items()
        }
        self._pages = 1  # of the racers' group, when it was last read to the end

    def check_brakes(self) -> None:
        """Raise Trouble while one of the brakes holds; called once, at the start of a batch."""
        for api in self._apis.values():
            api.check_brake()

    def ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Ask once and return the members of the answer. Raises Trouble."""
        api = self._apis.get(operation) or self._apis["UserUpdate"]
        return api.ask(operation, UserPoolId=self.id, **asked)

    def describe(self) -> dict[str, Any]:
        """Return the pool's own description. Raises what kept it from being read."""
        try:
            described: dict[str, Any] = self.ask("DescribeUserPool")["UserPool"]
        except Trouble as trouble:
            raise trouble.error from trouble
        return described

    def account(self, name: str) -> Account | None:
        """Return the account of this username or e-mail address, or None. Raises Trouble."""
        try:
            return account_of(self.ask("AdminGetUser", Username=name))
        except Trouble as trouble:
            if trouble.code == NOT_FOUND:
                return None
            raise

    def groups_of(self, username: str) -> frozenset[str]:
        """Return the groups of an account; of one that is gone, none. Raises Trouble."""
        found: set[str] = set()
        more: dict[str, str] = {}
        while True:
            try:
                answer = self.ask("AdminListGroupsForUser", Username=username, **more)
            except Trouble as trouble:
                if trouble.code == NOT_FOUND:
                    return frozenset()
                raise
            found |= {str(group["GroupName"]) for group in answer.get("Groups", ())}
            if not answer.get("NextToken"):
                return frozenset(found)
            more = {"NextToken": answer["NextToken"]}

    def racers(self, wanted: frozenset[str]) -> tuple[dict[str, Account], frozenset[str]]:
        """Read the racers' group for as long as that costs less than asking for each of these usernames.

        Returns the accounts in it by username, and the wanted ones about whom the pages read say nothing. The
        list lags behind changes by a moment. Raises Trouble.
        """
        listed: dict[str, Account] = {}
        if self._pages >= len(wanted):
            return listed, wanted
        more: dict[str, str] = {}
        for pages in range(1, len(wanted) + 1):
            answer = self.ask("ListUsersInGroup", GroupName=RACERS, Limit=PAGE, **more)
            listed |= {found.username: found for found in map(account_of, answer.get("Users", ()))}
            if not answer.get("NextToken"):
                self._pages = pages
                return listed, frozenset()
            self._pages = max(self._pages, pages + 1)
            more = {"NextToken": answer["NextToken"]}
            if wanted <= listed.keys():
                break
        return listed, wanted - listed.keys()


class Pools:
    """The user pools of the sites that events name, each made once, when somebody first needs it.

    `connect` returns a boto3 client of `cognito-idp` in a Region.
    """

    def __init__(self, sites: Sites, connect: Callable[[str], Any], *, brakes: Brakes, clock: Clock) -> None:
        self._sites = sites
        self._connect = connect
        self._brakes = brakes
        self._clock = clock
        self._known: dict[str, Pool] = {}
        self._lock = Lock()

    def of(self, site_url: str) -> Pool:
        """Return the pool of the site at this address. Raises SiteUnknown and SiteUnavailable."""
        site = self._sites.of(site_url)
        with self._lock:
            if site.user_pool_id not in self._known:
                client = self._connect(site.region)
                self._known[site.user_pool_id] = Pool(
                    client, site.user_pool_id, brakes=self._brakes, clock=self._clock
                )
            return self._known[site.user_pool_id]


def account_of(user: Mapping[str, Any]) -> Account:
    """Read a user as AdminGetUser, AdminCreateUser and the lists give it."""
    told = user.get("UserAttributes") or user.get("Attributes") or ()
    attributes = {one["Name"]: one.get("Value") or "" for one in told}
    return Account(
        user["Username"], attributes.get("email", ""), user.get("Enabled", True), user.get("UserStatus", "")
    )


def _pace(rate: float) -> Pace:
    return Pace(rate=rate, most=rate)
