"""The single checks of `doctor`: each looks at one thing, and says what it found and how it is mended."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, Protocol

import httpx

from adapters.graph.group import GroupPaths
from adapters.trust import ssl_context
from bot.access_address import faults_of
from bot.setting_groups import SlackSettings, TeamsSettings
from provisioning.access import Access
from provisioning.errors import GroupUnmanageable, PermissionMissing, ProvisioningError
from provisioning.events import EntraGroup, Event, Grant, IdentityCenterGroup

State = Literal["ok", "warn", "failed"]

SLACK_SCOPES: Final = ("commands", "chat:write", "users:read", "users:read.email")
GRAPH_ROLES: Final = ("GroupMember.ReadWrite.All", "User.Read.All")
PUSH_ROLES: Final = ("Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy")
SKEW_WARNS, SKEW_FAILS = 60.0, 240.0  # seconds; Slack's signatures are refused from 300 on
_SCOPES_MEND = (
    "Add them: api.slack.com/apps, your app, OAuth & Permissions, Bot Token Scopes; then reinstall."
)
_ROLES_MEND = (
    "Grant them: Entra admin center, App registrations, your app, API permissions, with admin consent."
)

# How an operator mends what stands in the way, by error code.
MENDS: Final[Mapping[str, str]] = {
    "DR-301": "Try again; when it lasts, look whether this host reaches login.microsoftonline.com and Graph.",
    "DR-302": "Try again; when it lasts, look whether this host reaches AWS.",
    "DR-303": "Try again; when it lasts, look whether this host reaches slack.com.",
    "DR-401": "Make the group, or correct its id in the event file and apply it.",
    "DR-402": "Use an assigned security group: not dynamic, not mail-enabled, not synced, not for roles.",
    "DR-403": "Assign the group to the account with the permission set: IAM Identity Center, AWS accounts.",
    "DR-404": "Correct permission_set_arn or instance_arn in the event file and apply it.",
    "DR-405": "Grant what is named; for AWS in the policy of the bot's role, for Graph with admin consent.",
    "DR-406": "Copy the credential again; it may have expired or been revoked.",
    "DR-407": _SCOPES_MEND,
    "DR-305": "Try again; when it lasts, look whether this host reaches the site and its Region.",
    "DR-421": "Correct site_url and apply the event, or set DEEPRACER_USER_POOL_ID and its siblings.",
    "DR-422": "Update the DeepRacer on AWS stack to 1.2.0 or later.",
    "DR-423": "Let the bot's address, or its DEEPRACER_USER_AGENT, through in the API's web ACL.",
}
_SOMETHING_ELSE = "The log has the details; the runbook explains the code."


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found. `mend` is empty when all is well; `code` is the error code, where there is one."""

    name: str
    state: State
    found: str
    mend: str = ""
    code: str = ""


class SlackApi(Protocol):
    """What is asked of the Slack client."""

    granted: frozenset[str] | None

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method. Raises ProvisioningError."""
        ...


class BotConnector(Protocol):
    """What is asked of the client of Teams."""

    def sign_in(self) -> None:
        """Get a token. Raises ProvisioningError."""
        ...


class Graph(Protocol):
    """What is asked of the Graph client."""

    def get(self, path: str) -> dict[str, Any]:
        """Read one resource. Raises ProvisioningError, or the client's own error for a refusal."""
        ...


class Tokens(Protocol):
    """What is asked of Entra."""

    def roles(self) -> frozenset[str]:
        """Return the application permissions of the token. Raises ProvisioningError."""
        ...


def failure(name: str, error: Exception) -> Check:
    """Return the failed check for an error."""
    if isinstance(error, ProvisioningError):
        facts = ", ".join(f"{fact} {value}" for fact, value in error.facts.items() if value)
        found = f"{error} {facts}".strip()
        return Check(name, "failed", found, MENDS.get(error.code, _SOMETHING_ELSE), error.code)
    return Check(name, "failed", f"{type(error).__name__}: {error}", _SOMETHING_ELSE, "DR-500")


# --- this host ----------------------------------------------------------------------------------------------


def clock(name: str, url: str) -> Iterator[Check]:
    """Compare this host's clock with the Date of an answer from there."""
    answer = httpx.get(url, verify=ssl_context(), timeout=8.0)
    told = answer.headers.get("Date")
    if told is None:
        yield Check(f"clock against {name}", "warn", "the answer has no Date", "A proxy may take it out.")
        return
    skew = (datetime.now(UTC) - parsedate_to_datetime(told)).total_seconds()
    found = f"{abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    mend = "Set this host's clock, best by NTP: Slack's signatures are refused when it is 300 s off."
    if abs(skew) > SKEW_FAILS:
        yield Check(f"clock against {name}", "failed", found, mend)
    elif abs(skew) > SKEW_WARNS:
        yield Check(f"clock against {name}", "warn", found, mend)
    else:
        yield Check(f"clock against {name}", "ok", "agrees within a minute")


# --- Slack, Entra, Graph ------------------------------------------------------------------------------------


def slack(api: SlackApi, settings: SlackSettings) -> Iterator[Check]:
    """Look whose bot token it is, what it may do, and whether it shows e-mail addresses."""
    who = api.call("auth.test")
    team, enterprise = str(who.get("team_id")), who.get("enterprise_id")
    admitted = settings.team_ids or (team,)
    if team in admitted or enterprise in admitted:
        yield Check("Slack token", "ok", f"bot {who.get('user')} in {who.get('team')} ({team})")
    else:
        mend = f"Put {team} into SLACK_TEAM_IDS, or use the token of {', '.join(admitted)}."
        yield Check("Slack token", "failed", f"it is of workspace {team}, which is not admitted", mend)
    granted = api.granted
    missing = [scope for scope in SLACK_SCOPES if scope not in (granted or ())]
    if granted is None:
        yield Check("Slack scopes", "warn", "Slack did not say which the token has", _SCOPES_MEND)
    elif missing:
        yield Check("Slack scopes", "failed", f"missing: {', '.join(missing)}", _SCOPES_MEND, "DR-407")
    else:
        yield Check("Slack scopes", "ok", ", ".join(SLACK_SCOPES))
    user = api.call("users.info", user=who.get("user_id")).get("user")
    readable = isinstance(user, dict) and user.get("id") == who.get("user_id")
    if readable:
        yield Check("Slack users", "ok", "users.info shows the bot itself")
    else:
        yield Check("Slack users", "failed", "users.info does not show the bot itself", _SCOPES_MEND)


def teams(connector: BotConnector) -> Iterator[Check]:
    """Look whether the bot gets a token of its own for Bot Connector."""
    connector.sign_in()
    yield Check("Teams token", "ok", "given")


def teams_keys(settings: TeamsSettings) -> Iterator[Check]:
    """Look whether the keys are there with which messages from Teams are verified."""
    with httpx.Client(verify=ssl_context(), timeout=8.0) as http:
        named = http.get(settings.metadata_url).raise_for_status().json()
        listed = http.get(str(named["jwks_uri"])).raise_for_status().json()["keys"]
    endorsed = [key for key in listed if "msteams" in (key.get("endorsements") or ())]
    if endorsed:
        yield Check("Teams keys", "ok", f"{len(endorsed)} vouch for Teams")
    else:
        mend = "Look whether BOT_OPENID_METADATA_URL is Bot Connector's; leave it out for Microsoft's own."
        yield Check("Teams keys", "failed", "no key vouches for Teams", mend)


def entra(tokens: Tokens) -> Iterator[Check]:
    """Look whether Entra gives a token, and which permissions it carries."""
    roles = tokens.roles()
    yield Check("Entra token", "ok", "given")
    missing = [role for role in GRAPH_ROLES if role not in roles]
    if missing:
        found = f"missing: {', '.join(missing)}; granted: {', '.join(sorted(roles)) or 'none'}"
        yield Check("Graph permissions", "failed", found, _ROLES_MEND, "DR-405")
    else:
        yield Check("Graph permissions", "ok", ", ".join(GRAPH_ROLES))


def graph(api: Graph) -> Iterator[Check]:
    """Look whether Graph shows users."""
    api.get("/users?$select=id,accountEnabled,userType&$top=1")
    yield Check("Graph users", "ok", "readable")


# --- an event -----------------------------------------------------------------------------------------------


def grant(event: Event, wanted: Grant, accesses: Mapping[str, Access[Any]]) -> Iterator[Check]:
    """Look whether a grant can work."""
    name = f"{event.id}: {wanted.kind}"
    accesses[wanted.kind].check(wanted)
    yield Check(name, "ok", f"{wanted.target} can be granted")


def organizers(event: Event, accesses: Mapping[str, Access[Any]]) -> Iterator[Check]:
    """Look whether the organizers' group is there; who manages it is nobody's business here."""
    with suppress(GroupUnmanageable):  # organizers are only read
        accesses[EntraGroup.kind].check(EntraGroup(event.organizer_group))
    yield Check(f"{event.id}: organizers", "ok", f"group {event.organizer_group} is there")


def reports(event: Event) -> Iterator[Check]:
    """Look whether organizers hear of what racers are told that they know."""
    name = f"{event.id}: organizer_channel"
    if event.organizer_channel:
        yield Check(name, "ok", event.organizer_channel)
    else:
        mend = "Choose one: /deepracer admin event set organizer_channel=#channel, and invite the bot there."
        yield Check(name, "warn", "none: what is late or broken stands in admin stuck alone", mend)


def address(event: Event) -> Iterator[Check]:
    """Look at the address racers are sent to."""
    if not event.access_url:
        yield Check(f"{event.id}: access_url", "ok", f"none; racers are sent to {event.site_url}")
        return
    account = next(
        (found.account_id for found in event.grants if isinstance(found, IdentityCenterGroup)), None
    )
    wrong = list(faults_of(event.access_url, account))
    for what, mend in wrong:
        yield Check(f"{event.id}: access_url", "failed", what, mend)
    if not wrong:
        yield Check(f"{event.id}: access_url", "ok", event.access_url)


def feeding(event: Event, wanted: IdentityCenterGroup, api: Graph) -> Iterator[Check]:
    """Look whether the Entra group is assigned to the enterprise app that feeds Identity Center."""
    name = f"{event.id}: SCIM"
    feeder = event.feeder_of(wanted)
    if not isinstance(feeder, EntraGroup):
        mend = "List an entra-group grant before it when Entra is the company's record of access."
        yield Check(name, "warn", "no Entra group is granted before Identity Center's", mend)
        return
    path = GroupPaths(lambda: frozenset({feeder.group_id})).of(feeder.group_id, "/appRoleAssignments")
    by_hand = "It must stand in Entra admin center, Enterprise applications, the AWS app, Users and groups."
    try:
        apps = {str(found.get("resourceId")) for found in api.get(path).get("value", ())}
    except PermissionMissing:
        yield Check(
            name, "warn", "whether the Entra group is assigned to the AWS app cannot be read", by_hand
        )
        return
    if apps if wanted.scim_app_id is None else wanted.scim_app_id in apps:
        yield Check(name, "ok", "the Entra group is assigned to the AWS enterprise app")
    else:
        yield Check(name, "warn", "the Entra group is not assigned to the AWS enterprise app", by_hand)


def push(event: Event, wanted: IdentityCenterGroup, tokens: Tokens, api: Graph) -> Iterator[Check]:
    """Look whether people can be pushed into the identity store on demand."""
    name = f"{event.id}: on-demand push"
    late = "without it, people new to the identity store wait for the SCIM cycle, up to 40 minutes"
    if not tokens.roles() & {*PUSH_ROLES}:
        mend = f"Grant {PUSH_ROLES[0]}, or {PUSH_ROLES[1]} with the app as owner of the enterprise app."
        yield Check(name, "warn", f"not permitted; {late}", mend)
        return
    if wanted.scim_app_id is not None:
        jobs = api.get(f"/servicePrincipals/{wanted.scim_app_id}/synchronization/jobs").get("value", ())
        if not jobs:
            mend = "Turn it on: Entra admin center, Enterprise applications, the AWS app, Provisioning."
            yield Check(name, "warn", f"the AWS enterprise app has no synchronization job; {late}", mend)
            return
    yield Check(name, "ok", "permitted")
