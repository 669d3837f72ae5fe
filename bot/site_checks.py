"""The checks of `doctor` about a racing site: version, firewall, the bot's user, invitations, capacity."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from bot.checks import MENDS, Check, failure
from provisioning.errors import PermissionMissing, SiteFirewalled
from provisioning.events import DeepRacerOnAws, Event

ADMINS, FACILITATORS = "dr-admins", "dr-race-facilitators"
MAILS_A_DAY: Final = 50  # of Cognito's own mailer
_NEEDED_FOR = "quotas, usage and standings need it; joining does not"
_USER_MEND = (
    "Make a user of the site for the bot, with a lasting password, in the group dr-admins; then set both."
)


class SiteApi(Protocol):
    """What is asked of the client of a site's API."""

    def groups(self) -> frozenset[str]:
        """Return the groups of the bot's user. Raises ProvisioningError."""
        ...

    def call(self, method: str, path: str) -> dict[str, Any]:
        """Call an operation. Raises ProvisioningError, or the client's own error for a refusal."""
        ...


class UserPool(Protocol):
    """What is asked of a site's user pool."""

    def describe(self) -> Mapping[str, Any]:
        """Return the pool's own description. Raises ProvisioningError."""
        ...


def version(event: Event, version_of: Callable[[], tuple[int, ...]]) -> Iterator[Check]:
    """Look which version the site is of; one that is too old is an error of its own."""
    name = f"{event.id}: racing site"
    found = version_of()
    if found:
        yield Check(name, "ok", f"DeepRacer on AWS {'.'.join(map(str, found))}")
    else:
        yield Check(
            name, "warn", "its version is not told", "It should be 1.2.0 or later: look in CloudFormation."
        )


def api(event: Event, wanted: DeepRacerOnAws, connect: Callable[[], SiteApi] | None) -> Iterator[Check]:
    """Look whether the bot's user signs in, passes the firewall, and may do what organizers ask for."""
    name = f"{event.id}: racing site's API"
    if connect is None:
        yield Check(name, "warn", f"DEEPRACER_ADMIN_USER is not set; {_NEEDED_FOR}", _USER_MEND)
        return
    client = connect()
    try:
        client.call("GET", "/profile")
    except SiteFirewalled as error:
        found = failure(name, error)
        yield Check(name, "warn", f"{found.found}; {_NEEDED_FOR}", found.mend, found.code)
        return
    yield Check(name, "ok", f"{wanted.site_url} answers, and its firewall lets the bot through")
    groups = client.groups()
    role = f"{event.id}: racing site's role"
    if ADMINS in groups:
        yield Check(role, "ok", ADMINS)
    elif FACILITATORS in groups:
        found_role = f"{FACILITATORS}: races can be read, quotas neither read nor set"
        yield Check(role, "warn", found_role, f"Put the bot's user into {ADMINS}.")
    else:
        yield Check(
            role, "warn", f"{', '.join(sorted(groups)) or 'none'}", f"Put the bot's user into {ADMINS}."
        )


def invitations(event: Event, pool: UserPool, *, invites: bool) -> Iterator[Check]:
    """Look whether the mails of the user pool suffice for those who are to be invited."""
    name = f"{event.id}: invitations"
    if not invites:
        yield Check(name, "ok", "none are mailed")
        return
    try:
        sender = pool.describe().get("EmailConfiguration", {}).get("EmailSendingAccount")
    except PermissionMissing as error:
        mend = MENDS.get(error.code, "")
        yield Check(name, "warn", "how many mails the user pool may send cannot be read", mend, error.code)
        return
    if sender == "DEVELOPER":
        yield Check(name, "ok", "mailed with SES")
        return
    found = f"mailed by Cognito itself, {MAILS_A_DAY} a day; the event has {event.capacity} seats"
    mend = "Let the stack send with SES (EmailDeliveryMethod), or unset DEEPRACER_INVITATIONS."
    yield Check(name, "ok" if event.capacity <= MAILS_A_DAY else "warn", found, mend)


def jobs(event: Event, at_once: Callable[[], int | None]) -> Iterator[Check]:
    """Look whether the jobs that may run at once suffice for what the event's quota promises."""
    name = f"{event.id}: training jobs"
    mend = "Ask AWS for more of them in Service Quotas, Amazon SageMaker; or lower the quota or the capacity."
    try:
        found = at_once()
    except PermissionMissing as error:
        yield Check(
            name, "warn", "how many run at once cannot be read", MENDS.get(error.code, ""), error.code
        )
        return
    if found is None:
        yield Check(name, "warn", "how many run at once is not listed", mend)
        return
    promised = event.capacity * event.quota.training_hours
    there = int(found * (event.ends - event.opens) / timedelta(hours=1))
    told = f"{found} at once, {there:,} hours in all; {event.capacity} racers may train {promised:,}"
    yield Check(name, "ok", told) if promised <= there else Check(name, "warn", told, mend)
