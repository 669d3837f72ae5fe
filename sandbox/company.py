"""Acme, the company in a box: its people and groups, as each outside system knows them.

One `Company` is shared by all simulators of a process. It is plain state; the rules of each API live in the
simulator that speaks it. `Company.found(people=…, seed=…)` makes the same company for the same seed.
"""

import random
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sandbox.clock import Clock
from sandbox.racing import Racing

TENANT_ID = "8f1b7c6e-6a9a-4b1e-9d53-1f6f0c2e7a01"
FOREIGN_TENANT_ID = "c0ffee00-1b2c-4d3e-8f90-a1b2c3d4e5f6"
DOMAIN = "acme.example"
TENANT_DOMAIN = "acme.onmicrosoft.com"
BOT_APP_ID = "9d2f6a1c-7b40-4e58-8c3d-5a1e0f7b2c64"  # the bot's registration with Bot Connector
TEAM_ID = "T0ACME001"
SIBLING_TEAM_ID = "T0ACMELAB"
FOREIGN_TEAM_ID = "T0OTHER99"
ENTERPRISE_ID = "E0ACMEORG"
FOREIGN_ENTERPRISE_ID = "E0OTHER99"
IDENTITY_STORE_ID = "d-9067a1b2c3"
INSTANCE_ARN = "arn:aws:sso:::instance/ssoins-7223a1b2c3d4e5f6"
PERMISSION_SET_ARN = "arn:aws:sso:::permissionSet/ssoins-7223a1b2c3d4e5f6/ps-1a2b3c4d5e6f7a8b"
ACCOUNT_ID = "111122223333"
SCIM_ISSUER = "https://scim.us-east-1.amazonaws.com/f1a2b3c4"
RACERS_GROUP = "DeepRacer racers"
ORGANIZERS_GROUP = "DeepRacer organizers"


@dataclass
class SlackUser:
    """A user as the Slack Web API shows them; None means that the API leaves the field out."""

    id: str
    name: str
    email: str | None
    team_id: str = TEAM_ID
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool | None = None
    is_invited_user: bool | None = None
    is_email_confirmed: bool | None = True
    enterprise_user: dict[str, Any] | None = None
    tz: str = "Europe/Berlin"
    locale: str | None = "en-US"


@dataclass
class TeamsUser:
    """An account as Bot Connector shows it to the bot; None means that it leaves the field out.

    `id` is this person for this one bot, and an address only. `aad_object_id` names them in the directory.
    """

    id: str  # "29:…"
    name: str
    given_name: str
    surname: str
    aad_object_id: str | None
    user_principal_name: str | None
    email: str | None
    tenant_id: str = TENANT_ID  # their home, and the tenant of their personal chat with the bot
    user_role: str | None = "user"
    locale: str = "en-US"


@dataclass
class EntraUser:
    """A user object of the Entra tenant (only what Graph can be asked for here)."""

    id: str
    display_name: str
    given_name: str
    surname: str
    mail: str | None
    user_principal_name: str
    account_enabled: bool = True
    user_type: str | None = "Member"
    proxy_addresses: list[str] = field(default_factory=list)
    other_mails: list[str] = field(default_factory=list)
    external_user_state: str | None = None
    creation_type: str | None = None
    on_premises_sync_enabled: bool | None = None
    employee_type: str | None = "Employee"


@dataclass
class EntraGroup:
    """A group object of the Entra tenant; `members` maps a member's object id to when they were added."""

    id: str
    display_name: str
    group_types: list[str] = field(default_factory=list)
    mail_enabled: bool = False
    security_enabled: bool = True
    is_assignable_to_role: bool = False
    membership_rule: str | None = None
    on_premises_sync_enabled: bool | None = None
    members: dict[str, float] = field(default_factory=dict)


@dataclass
class StoreUser:
    """A user of the identity store. `external_id` is the Entra object id when SCIM brought them."""

    user_id: str
    user_name: str
    given_name: str
    family_name: str
    display_name: str
    email: str | None
    external_id: str | None
    status: str = "ENABLED"


@dataclass
class StoreGroup:
    """A group of the identity store; `memberships` maps a membership id to a user id."""

    group_id: str
    display_name: str
    external_id: str | None
    memberships: dict[str, str] = field(default_factory=dict)


@dataclass
class Person:
    """One human being (or bot) around the company, under the name that `try … --as NAME` takes."""

    key: str
    slack: SlackUser
    entra: EntraUser | None
    teams: TeamsUser


@dataclass
class Company:
    """Everything the simulators share. Mutate it to make a story; each API shows it by its own rules."""

    clock: Clock
    dice: random.Random
    people: dict[str, Person] = field(default_factory=dict)
    entra_users: dict[str, EntraUser] = field(default_factory=dict)
    entra_groups: dict[str, EntraGroup] = field(default_factory=dict)
    slack_users: dict[str, SlackUser] = field(default_factory=dict)
    teams_users: dict[str, TeamsUser] = field(default_factory=dict)
    store_users: dict[str, StoreUser] = field(default_factory=dict)
    store_groups: dict[str, StoreGroup] = field(default_factory=dict)
    # Groups assigned to the AWS enterprise app: Entra group id -> identity store group id. SCIM feeds these.
    scim_links: dict[str, str] = field(default_factory=dict)
    scim_app_id: str = ""  # object id of the enterprise app's service principal
    racing: Racing = field(default_factory=Racing)  # its DeepRacer on AWS
    # Its own dice: Teams came last, and must not change what the company's dice gave before.
    teams_dice: random.Random = field(default_factory=lambda: random.Random(29))

    @classmethod
    def found(
        cls, *, people: int = 60, seed: int = 1, in_store: float = 1.0, clock: Clock | None = None
    ) -> "Company":
        """Make the company: `people` employees, the share `in_store` of them in the identity store already.

        Beside them stand the special people of `_SPECIAL`, one for each way of not being an employee in good
        standing. Employee names include quotes, umlauts and a plus sign, because real ones do.
        """
        company = cls(clock or Clock(), random.Random(seed), teams_dice=random.Random(f"teams {seed}"))
        company.racing = Racing.found(company.clock.now())
        company.scim_app_id = company.guid()
        for number in range(1, people + 1):
            company.hire(f"employee-{number:03d}", in_store=number <= round(people * in_store))
        company.people["employee"] = company.people["employee-001"]
        _add_special_people(company)
        racers = company.add_group(RACERS_GROUP)
        organizers = company.add_group(ORGANIZERS_GROUP)
        if (organizer := company.people["organizer"].entra) is not None:
            organizers.members[organizer.id] = company.clock.now()
        store_group = StoreGroup(company.store_id(), RACERS_GROUP, racers.id)
        company.store_groups[store_group.group_id] = store_group
        company.scim_links[racers.id] = store_group.group_id
        _add_teams_people(company)
        return company

    def guid(self) -> str:
        """Return a new lower-case GUID from the company's own dice."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def slack_id(self) -> str:
        """Return a new Slack user id."""
        return "U0" + "".join(self.dice.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=9))

    def teams_id(self) -> str:
        """Return a new Bot Connector id of a person."""
        return "29:1" + "".join(self.teams_dice.choices(_TEAMS_ID_LETTERS, k=86))

    def store_id(self) -> str:
        """Return a new identity store id (10 hex digits, dash, GUID)."""
        return f"{self.dice.getrandbits(40):010x}-{self.guid()}"

    def group(self, name: str) -> EntraGroup:
        """Return the Entra group of this display name."""
        return next(group for group in self.entra_groups.values() if group.display_name == name)

    def store_group(self, name: str) -> StoreGroup:
        """Return the identity store group of this display name."""
        return next(group for group in self.store_groups.values() if group.display_name == name)

    def add_group(self, name: str, **fields: Any) -> EntraGroup:
        """Add an Entra group with these extra fields."""
        group = EntraGroup(self.guid(), name, **fields)
        self.entra_groups[group.id] = group
        return group

    def hire(
        self,
        key: str,
        *,
        mail: str | None = None,
        in_store: bool = True,
        entra: dict[str, Any] | None = None,
        slack: dict[str, Any] | None = None,
        teams: dict[str, Any] | None = None,
        in_directory: bool = True,
        in_slack: bool = True,
    ) -> Person:
        """Add a person under this key; `entra`, `slack` and `teams` overwrite single fields of each record.

        `in_slack` false: the workspace does not know them.
        """
        given, family = self.dice.choice(_GIVEN), self.dice.choice(_FAMILY)
        mail = mail or f"{key.replace('-', '.')}@{DOMAIN}"
        user = None
        if in_directory:
            user = EntraUser(
                self.guid(), f"{given} {family}", given, family, mail, mail, proxy_addresses=[f"SMTP:{mail}"]
            )
            for name, value in (entra or {}).items():
                setattr(user, name, value)
            self.entra_users[user.id] = user
            if in_store:
                self.bring_to_store(user)
        chat = SlackUser(self.slack_id(), f"{given} {family}", mail)
        for name, value in (slack or {}).items():
            setattr(chat, name, value)
        if in_slack:
            self.slack_users[chat.id] = chat
        account = self._account(given, family, mail, user)
        for name, value in (teams or {}).items():
            setattr(account, name, value)
        self.teams_users[account.id] = account
        person = Person(key, chat, user, account)
        self.people[key] = person
        return person

    def _account(self, given: str, family: str, mail: str, user: EntraUser | None) -> TeamsUser:
        """Return an employee's account in Teams; without a directory entry its object id leads nowhere."""
        upn, address = (mail, mail) if user is None else (user.user_principal_name, user.mail)
        nobody = str(uuid.UUID(int=self.teams_dice.getrandbits(128), version=4))
        object_id = nobody if user is None else user.id
        return TeamsUser(self.teams_id(), f"{given} {family}", given, family, object_id, upn, address)

    def bring_to_store(self, user: EntraUser) -> StoreUser:
        """Put an Entra user into the identity store, as a SCIM push does; repeating it changes nothing."""
        known = next((found for found in self.store_users.values() if found.external_id == user.id), None)
        if known is not None:
            return known
        made = StoreUser(
            self.store_id(),
            user.user_principal_name,
            user.given_name,
            user.surname,
            user.display_name,
            user.mail,
            user.id,
        )
        self.store_users[made.user_id] = made
        return made


_TEAMS_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_GIVEN = (
    "Ada",
    "Björn",
    "Chloé",
    "Dmitri",
    "Esra",
    "Fatima",
    "Grace",
    "Hiroshi",
    "Ines",
    "Jürgen",
    "Kofi",
    "Li",
    "Mia",
    "Noah",
)
_FAMILY = (
    "O'Neil",
    "Müller",
    "García",
    "Nakamura",
    "Smith-Jones",
    "Öztürk",
    "van den Berg",
    "Dubois",
    "Okafor",
    "Ivanova",
)


def _add_special_people(company: Company) -> None:
    """Add one person for each way of not being an employee in good standing, and the organizer."""
    hire = company.hire
    hire("organizer")
    hire("guest", in_directory=False, mail="guest@partner.example", slack={"is_restricted": True})
    hire(
        "single-channel-guest",
        in_directory=False,
        mail="visitor@partner.example",
        slack={"is_restricted": True, "is_ultra_restricted": True},
    )
    hire("stranger", slack={"is_stranger": True})
    hire(
        "foreigner",
        in_directory=False,
        mail="sam@other.example",
        slack={"team_id": FOREIGN_TEAM_ID, "is_stranger": False},
    )
    hire(
        "sibling",
        slack={
            "team_id": SIBLING_TEAM_ID,
            "enterprise_user": {
                "id": "W0SIBLING",
                "enterprise_id": ENTERPRISE_ID,
                "teams": [SIBLING_TEAM_ID, TEAM_ID],
            },
        },
    )
    hire("bot", in_directory=False, slack={"is_bot": True, "email": None})
    hire("deactivated", slack={"deleted": True})
    hire("invited", slack={"is_invited_user": True})
    hire("unconfirmed", slack={"is_email_confirmed": False})
    hire("no-mail", slack={"email": None})
    hire("other-domain", in_directory=False, mail="kim@gmail.example")
    hire("look-alike", in_directory=False, mail=f"eve@evil-{DOMAIN}")
    hire("homoglyph", in_directory=False, mail="eve@аcme.example")  # noqa: RUF001 - the first letter is Cyrillic, on purpose
    hire("not-in-directory", in_directory=False, mail=f"ghost@{DOMAIN}")
    hire("disabled", entra={"account_enabled": False})
    hire(
        "directory-guest",
        entra={"user_type": "Guest", "creation_type": "Invitation", "external_user_state": "Accepted"},
    )
    twin = hire("two-matches")
    hire(
        "two-matches-other",
        mail=f"other.twin@{DOMAIN}",
        entra={"proxy_addresses": [f"smtp:{twin.slack.email}"]},
    )
    hire(
        "alias",
        mail=f"short@{DOMAIN}",
        entra={"mail": f"alias.long@{DOMAIN}", "proxy_addresses": [f"smtp:short@{DOMAIN}"]},
    )
    hire("newcomer", in_store=False)


def _add_teams_people(company: Company) -> None:
    """Add one person for each way of being in Teams without being an employee in good standing.

    Slack does not know them. The others of the special people have Teams accounts as well: "disabled",
    "not-in-directory", "look-alike" and the rest are in Teams what their directory entry makes them.
    """
    dice, company.dice = company.dice, company.teams_dice
    hire = partial(company.hire, in_store=False, in_slack=False)
    guest_upn = f"pat_partner.example#EXT#@{TENANT_DOMAIN}"
    guest = {"user_principal_name": guest_upn, "user_type": "Guest", "creation_type": "Invitation"}
    hire(
        "teams-guest",
        mail="pat@partner.example",
        entra=guest | {"external_user_state": "Accepted"},
        teams={"user_role": "guest"},
    )
    hire(
        "teams-anonymous",
        in_directory=False,
        teams={"aad_object_id": None, "user_role": "anonymous"},
    )
    abroad = {"tenant_id": FOREIGN_TENANT_ID}
    # A partner is a member of a shared channel of ours; a foreigner writes from their own tenant.
    hire("teams-partner", mail="lee@other.example", in_directory=False, teams=abroad)
    hire("teams-foreigner", mail="max@other.example", in_directory=False, teams=abroad)
    hire("teams-no-role", teams={"user_role": None})
    company.dice = dice
