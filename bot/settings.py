"""The settings: names from the environment, checked all at once, in frozen groups.

    environment (and .env) → references resolved → what shows across groups → each group by itself → Settings

A setting that is empty counts as not set. Slack and Teams are there when one of their settings is; at least
one of them is needed. Secrets are `SecretStr`, so that no log or traceback shows them.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot import setting_forms as forms
from bot.faults import Fault, Faulty, nearest
from bot.secret_references import ReferenceUnreadable, Resolver, is_reference, resolver

PREFIXES = ("SLACK_", "MICROSOFT_APP_", "TEAMS_", "ENTRA_", "GRAPH_", "DEEPRACER_", "BOT_")
NAMESPACE = "DeepRacerBot"  # of metrics in CloudWatch
OAUTH_NAMES = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")  # Bolt reads them by itself
THE_STORE = "store"
WAKING = "Set it to the URL of a standard queue of SQS, https://sqs.eu-central-1.amazonaws.com/…/…."
Commas = Annotated[tuple[str, ...], BeforeValidator(forms.commas)]


class SettingsInvalid(Faulty):
    """Settings are missing or wrong; carries every fault."""


class _Group(BaseSettings):
    """Some settings that belong together. They come from the mapping handed in, and from nowhere else."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library calls it so
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class SlackSettings(_Group):
    """Slack: one app in one workspace. Without `team_ids` the token's own workspace is the only one."""

    bot_token: Annotated[SecretStr, forms.checked(forms.bot_token)] = Field(
        alias="SLACK_BOT_TOKEN",
        description="the bot token, xoxb-…: api.slack.com/apps, your app, OAuth & Permissions",
    )
    signing_secret: Annotated[SecretStr, forms.checked(forms.signing_secret)] | None = Field(
        default=None,
        alias="SLACK_SIGNING_SECRET",
        description="the signing secret: api.slack.com/apps, your app, Basic Information, App Credentials",
    )
    app_token: Annotated[SecretStr, forms.checked(forms.app_token)] | None = Field(
        default=None,
        alias="SLACK_APP_TOKEN",
        description="the app-level token, xapp-…, with connections:write; its presence chooses Socket Mode",
    )
    api_base_url: Annotated[str, forms.checked(forms.slack_api)] = Field(
        default="https://slack.com/api/",
        alias="SLACK_API_BASE_URL",
        description="where the Web API is, ending in /api/",
    )
    team_ids: Annotated[Commas, forms.checked(forms.team_ids)] = Field(
        default=(),
        alias="SLACK_TEAM_IDS",
        description="the token's workspace T… and, when its siblings are welcome, the organization E…",
    )
    response_url_hosts: Annotated[Commas, forms.checked(forms.hosts)] = Field(
        default=("hooks.slack.com",),
        alias="SLACK_RESPONSE_URL_HOSTS",
        description="the hosts response URLs may point to, each as host or host:port",
    )
    trust_unconfirmed_email: bool = Field(
        default=False,
        alias="SLACK_TRUST_UNCONFIRMED_EMAIL",
        description="true where single sign-on fills in every e-mail address and Slack never confirms one",
    )

    @property
    def socket_mode(self) -> bool:
        """Whether requests come through Socket Mode instead of HTTP."""
        return self.app_token is not None


class TeamsSettings(_Group):
    """Microsoft Teams: one single-tenant bot. Without `tenant_ids` the app's own tenant is the only one."""

    app_id: Annotated[str, forms.checked(forms.guid)] = Field(
        alias="MICROSOFT_APP_ID",
        description="the bot's application (client) ID: Azure portal, your bot, Configuration",
    )
    password: Annotated[SecretStr, forms.checked(forms.client_secret)] | None = Field(
        default=None,
        alias="MICROSOFT_APP_PASSWORD",
        description="the value (not the ID) of a client secret of the bot's app registration",
    )
    certificate: Annotated[SecretStr, forms.certificate_text()] | None = Field(
        default=None,
        alias="MICROSOFT_APP_CERTIFICATE",
        description="a PEM file, or its text, with the private key and the certificate",
    )
    app_type: Annotated[str, forms.checked(forms.app_type)] = Field(
        default="SingleTenant", alias="MICROSOFT_APP_TYPE", description="SingleTenant"
    )
    app_tenant_id: Annotated[str, forms.checked(forms.guid)] = Field(
        alias="MICROSOFT_APP_TENANT_ID",
        description="the directory (tenant) ID of the bot's app registration",
    )
    tenant_ids: Annotated[Commas, forms.checked(forms.guids)] = Field(
        default=(),
        alias="TEAMS_TENANT_IDS",
        description="the tenants whose people are let in, each as its ID",
    )
    metadata_url: Annotated[str, forms.checked(forms.secure)] = Field(
        default="https://login.botframework.com/v1/.well-known/openidconfiguration",
        alias="BOT_OPENID_METADATA_URL",
        description="where the keys of Bot Connector's tokens are named",
    )
    login_url: Annotated[str, forms.checked(forms.authority)] = Field(
        default="https://login.microsoftonline.com",
        alias="BOT_LOGIN_URL",
        description="the authority for the bot's own token; the tenant is appended unless a path is there",
    )
    service_url_hosts: Annotated[Commas, forms.checked(forms.hosts_or_domains)] = Field(
        default=("smba.trafficmanager.net", ".botframework.com", ".teams.microsoft.com"),
        alias="TEAMS_SERVICE_URL_HOSTS",
        description="the hosts the bot answers to: host, host:port, or .domain for all below it",
    )

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants whose people are let in, in lower case."""
        return frozenset(tenant.lower() for tenant in self.tenant_ids or (self.app_tenant_id,))


class EntraSettings(_Group):
    """The app registration with which the bot reads and writes the directory, and its one credential."""

    tenant_id: Annotated[str, forms.checked(forms.tenant)] = Field(
        alias="ENTRA_TENANT_ID", description="the directory (tenant) ID: Entra admin center, Overview"
    )
    client_id: Annotated[str, forms.checked(forms.guid)] = Field(
        alias="ENTRA_CLIENT_ID",
        description="the application (client) ID: Entra admin center, App registrations, your app",
    )
    client_secret: Annotated[SecretStr, forms.checked(forms.client_secret)] | None = Field(
        default=None, alias="ENTRA_CLIENT_SECRET", description="the value (not the ID) of a client secret"
    )
    client_certificate: Annotated[SecretStr, forms.certificate_text()] | None = Field(
        default=None,
        alias="ENTRA_CLIENT_CERTIFICATE",
        description="a PEM file, or its text, with the private key and the certificate",
    )
    federated_token_file: Annotated[Path, forms.checked(forms.file)] | None = Field(
        default=None,
        alias="AZURE_FEDERATED_TOKEN_FILE",
        description="the file in which the platform keeps a workload identity token",
    )
    aws_token_audience: str | None = Field(
        default=None,
        alias="ENTRA_AWS_TOKEN_AUDIENCE",
        description="api://AzureADTokenExchange, to sign in as the AWS role of the bot, with no secret",
    )
    authority_url: Annotated[str, forms.checked(forms.authority)] = Field(
        default="https://login.microsoftonline.com",
        alias="ENTRA_AUTHORITY_URL",
        description="the authority, https://host[:port]; another one in national clouds",
    )

    @property
    def authority(self) -> str:
        """The authority with the tenant, as msal wants it."""
        base = self.authority_url.rstrip("/")
        return base if urlsplit(base).path.strip("/") else f"{base}/{self.tenant_id}"

    @property
    def is_public_cloud(self) -> bool:
        """Whether the authority is Microsoft's public one, which msal may look up by itself."""
        return urlsplit(self.authority_url).hostname == "login.microsoftonline.com"


class GraphSettings(_Group):
    """Microsoft Graph."""

    base_url: Annotated[str, forms.checked(forms.graph)] = Field(
        default="https://graph.microsoft.com/v1.0",
        alias="GRAPH_BASE_URL",
        description="where Graph is, with the version and no trailing slash",
    )
    scope: Annotated[str, forms.checked(forms.scope)] = Field(
        default="https://graph.microsoft.com/.default",
        alias="GRAPH_SCOPE",
        description="the scope tokens are asked for; another one in national clouds",
    )


class AwsSettings(_Group):
    """AWS beside what boto3 reads itself (credentials, AWS_ENDPOINT_URL and its per-service forms)."""

    region: Annotated[str, forms.checked(forms.region)] | None = Field(
        default=None, alias="AWS_REGION", description="the primary Region of IAM Identity Center"
    )
    identity_store_id: Annotated[str, forms.checked(forms.identity_store)] | None = Field(
        default=None, alias="IDENTITY_STORE_ID", description="the identity store, d- and ten hex digits"
    )
    sso_instance_arn: Annotated[str, forms.checked(forms.instance_arn)] | None = Field(
        default=None,
        alias="SSO_INSTANCE_ARN",
        description="the ARN of the Identity Center instance, arn:aws:sso:::instance/ssoins-…",
    )
    access_portal_url: Annotated[str, forms.checked(forms.https)] | None = Field(
        default=None,
        alias="ACCESS_PORTAL_URL",
        description="the AWS access portal, https://d-….awsapps.com/start",
    )


class DeepRacerSettings(_Group):
    """DeepRacer on AWS. All but the service user is found at the site that an event names."""

    site_url: Annotated[str, forms.checked(forms.secure)] | None = Field(
        default=None,
        alias="DEEPRACER_SITE_URL",
        description="where the site's env.js is read, when that is not at the event's site_url",
    )
    api_url: Annotated[str, forms.checked(forms.secure)] | None = Field(
        default=None,
        alias="DEEPRACER_API_URL",
        description="the site's API with its stage, https://….execute-api.….amazonaws.com/prod",
    )
    user_pool_id: Annotated[str, forms.checked(forms.user_pool)] | None = Field(
        default=None, alias="DEEPRACER_USER_POOL_ID", description="the site's user pool, us-east-1_…"
    )
    user_pool_client_id: str | None = Field(
        default=None, alias="DEEPRACER_USER_POOL_CLIENT_ID", description="the app client of the site's pages"
    )
    identity_pool_id: Annotated[str, forms.checked(forms.identity_pool)] | None = Field(
        default=None, alias="DEEPRACER_IDENTITY_POOL_ID", description="the site's identity pool, us-east-1:…"
    )
    admin_user: str | None = Field(
        default=None,
        alias="DEEPRACER_ADMIN_USER",
        description="the bot's own user on the site, for quotas and standings: its name or e-mail address",
    )
    admin_password: SecretStr | None = Field(
        default=None, alias="DEEPRACER_ADMIN_PASSWORD", description="the password of that user"
    )
    user_agent: Annotated[str, forms.checked(forms.header)] = Field(
        default="deepracer-bot",
        alias="DEEPRACER_USER_AGENT",
        description="how the bot names itself to the site's API, for an exception in its firewall",
    )
    invitations: bool = Field(
        default=False,
        alias="DEEPRACER_INVITATIONS",
        description="true to have the site mail every new racer an invitation, 50 a day without SES",
    )
    through_api: bool = Field(
        default=False,
        alias="DEEPRACER_THROUGH_API",
        description="true where the bot may not write the user pool: it then invites through the site's API",
    )


class MailSettings(_Group):
    """E-mail beside the chat, through Amazon SES; only for events that say `mails = true`."""

    sender: Annotated[str, forms.checked(forms.sender)] | None = Field(
        default=None,
        alias="MAIL_FROM",
        description="the address mail comes from, verified in SES: racing@example.com",
    )
    region: Annotated[str, forms.checked(forms.region)] | None = Field(
        default=None, alias="MAIL_REGION", description="the Region of SES, when it is not AWS_REGION"
    )


class BotSettings(_Group):
    """The bot itself."""

    store: Annotated[str, forms.checked(forms.store)] = Field(
        default="sqlite:///deepracer-bot.db",
        alias="BOT_STORE",
        description="where rows are kept: sqlite:///file, sqlite:////absolute/file, or dynamodb://table",
    )
    queue: Annotated[str, forms.checked(forms.queue)] = Field(
        default=THE_STORE,
        alias="BOT_QUEUE",
        description="store, or the queue of SQS that wakes workers on Lambda, https://sqs.….amazonaws.com/…",
    )
    dead_letters_url: Annotated[str, forms.checked(forms.queue_url)] | None = Field(
        default=None,
        alias="BOT_DEAD_LETTERS_URL",
        description="where that queue puts what it gives up, for `admin stuck` and `admin retry all`",
    )
    metrics_namespace: Annotated[str, forms.checked(forms.metrics_namespace)] = Field(
        default=NAMESPACE,
        alias="BOT_METRICS_NAMESPACE",
        description="on Lambda: under which CloudWatch keeps the metrics of this bot, and of no other one",
    )
    event_file: Annotated[Path, forms.checked(forms.file)] | None = Field(
        default=None,
        alias="BOT_EVENT_FILE",
        description="an event that is made at start when it does not exist yet",
    )
    host: str = Field(
        default="0.0.0.0",  # noqa: S104 - in a container loopback would reach nobody
        alias="BOT_HOST",
        description="the address to listen on",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8080, alias="PORT", description="the port to listen on, 0 for any free one"
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda text: str(text).upper())
    ] = Field(default="INFO", alias="LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def queue_url(self) -> str | None:
        """The queue of SQS; None where the store alone is the queue."""
        return None if self.queue == THE_STORE else self.queue


_GROUPS: Mapping[str, type[_Group]] = {
    "slack": SlackSettings,
    "teams": TeamsSettings,
    "entra": EntraSettings,
    "graph": GraphSettings,
    "aws": AwsSettings,
    "deepracer": DeepRacerSettings,
    "mail": MailSettings,
    "bot": BotSettings,
}
_PLATFORMS = ("slack", "teams")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked."""

    slack: SlackSettings | None
    teams: TeamsSettings | None
    entra: EntraSettings
    graph: GraphSettings
    aws: AwsSettings
    deepracer: DeepRacerSettings
    mail: MailSettings
    bot: BotSettings

    @classmethod
    def load(
        cls, environ: Mapping[str, str], *, env_file: Path | None = None, resolve: Resolver | None = None
    ) -> Self:
        """Read the settings from this mapping and, behind it, from a .env file.

        References to secrets are read through `resolve`, by default with boto3.
        Raises SettingsInvalid with every fault at once.
        """
        return cls(**_read(environ, _GROUPS.keys(), env_file=env_file, resolve=resolve))

    @classmethod
    def for_work(cls, environ: Mapping[str, str], *, speaks: bool = True) -> Self:
        """Read the settings of a process that receives nothing, and without `speaks` says nothing either.

        What it has no use for it need not be given, and cannot lose.
        """
        groups = _GROUPS.keys() - (() if speaks else _PLATFORMS)
        return cls(**_read(environ, groups, receives=False, alone=("BOT_QUEUE",)))

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings of this process, with the `.env` of the working folder where there is one.

        What libraries read for themselves (AWS_ENDPOINT_URL, SSL_CERT_FILE, …) is put into the environment.
        """
        env_file = Path(".env")
        ours = names()
        for name, text in _from_file(env_file).items():
            if name == "AWS_REGION" or (name not in ours and not name.startswith(PREFIXES)):
                os.environ.setdefault(name, text)
        return cls.load(os.environ, env_file=env_file)


def for_slack_alone(environ: Mapping[str, str]) -> tuple[SlackSettings, BotSettings]:
    """Read the settings of Slack's door where it stands alone: over HTTP, asking nobody.

    Raises SettingsInvalid with every fault in them.
    """
    given = {name: text for name, text in environ.items() if name != "SLACK_APP_TOKEN"}
    groups = _read(given, {"slack", "bot"}, alone=("SLACK_TEAM_IDS", "BOT_QUEUE"))
    return groups["slack"], groups["bot"]


def for_teams_alone(environ: Mapping[str, str]) -> tuple[TeamsSettings, BotSettings]:
    """Read the settings of the door of Teams where it stands alone. Raises SettingsInvalid."""
    groups = _read(environ, {"teams", "bot"}, alone=("BOT_QUEUE",))
    return groups["teams"], groups["bot"]


def _read(
    environ: Mapping[str, str],
    wanted: Collection[str],
    *,
    receives: bool = True,
    alone: Collection[str] = (),
    env_file: Path | None = None,
    resolve: Resolver | None = None,
) -> dict[str, Any]:
    """Read the groups of these names; the settings named in `alone` must be there, too.

    Raises SettingsInvalid with every fault in them.
    """
    given = {**_from_file(env_file), **{name: text for name, text in environ.items() if text.strip()}}
    if "AWS_DEFAULT_REGION" in given:
        given.setdefault("AWS_REGION", given["AWS_DEFAULT_REGION"])  # boto3's own name for it
    misspelt = _misspelt(given)
    present = {*given, *misspelt.values()}  # what is written wrongly is not reported as missing too
    faults = [_misspelling(name, meant) for name, meant in misspelt.items()]
    faults += _oauth(given)
    faults += _resolved(given, resolve or resolver(given), wanted)
    faults += _across(present, wanted, receives=receives)
    faults += [_missing(name) for name in alone if name not in present]
    if "BOT_QUEUE" in alone and given.get("BOT_QUEUE") == THE_STORE:
        faults += [Fault("BOT_QUEUE", "is store, so that nothing would wake the worker", WAKING)]
    groups: dict[str, Any] = dict.fromkeys(_PLATFORMS)
    for name, group in _GROUPS.items():
        if name not in wanted or (name in _PLATFORMS and name not in _platforms(present, wanted)):
            continue
        try:
            groups[name] = group.model_validate(given)
        except ValidationError as error:
            faults += _faults_of(error, present)
    if faults:
        raise SettingsInvalid(_first_of_each(faults))
    return groups


def names(groups: Collection[str] | None = None) -> dict[str, FieldInfo]:
    """Return every setting (of these groups) by its name in the environment, in the order of the groups."""
    return {
        str(field.alias): field
        for name, group in _GROUPS.items()
        if groups is None or name in groups
        for field in group.model_fields.values()
    }


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    source = DotEnvSettingsSource(BotSettings, env_file=path, env_file_encoding="utf-8", case_sensitive=True)
    return {name: text for name, text in source.env_vars.items() if text is not None and text.strip()}


def _resolved(given: dict[str, str], resolve: Resolver, wanted: Collection[str]) -> Iterator[Fault]:
    """Put secrets in place of the references to them; one that cannot be read is taken out."""
    for name, field in names(wanted).items():
        if _is_secret(field.annotation) and is_reference(given.get(name, "")):
            try:
                given[name] = resolve(given[name])
            except ReferenceUnreadable as error:
                del given[name]
                yield Fault(
                    name,
                    f"refers to a secret that cannot be read: {error}",
                    "Check it, and whether the bot has secretsmanager:GetSecretValue or ssm:GetParameter.",
                )


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _misspelt(given: Mapping[str, str]) -> dict[str, str]:
    """Return the names that are no settings but look like one, each with the one that was meant."""
    known = names()
    unset = [name for name in known if name not in given and name.startswith(PREFIXES)]
    found: dict[str, str] = {}
    for name in given:
        if name in known or name in OAUTH_NAMES:
            continue
        if (
            name == "BOT_PORT" and given[name].isdigit()
        ):  # in Kubernetes a service named "bot" sets it to tcp://…
            found[name] = "PORT"
        elif meant := nearest(name, known, 0.8) if name.startswith(PREFIXES) else nearest(name, unset, 0.9):
            found[name] = meant
    return found


def _missing(name: str) -> Fault:
    return Fault(name, "is not set", f"Set it to {names()[name].description}.")


def _misspelling(name: str, meant: str) -> Fault:
    return Fault(name, "is no setting of the bot", f"Did you mean {meant}? Rename it.")


def _oauth(given: Mapping[str, str]) -> Iterator[Fault]:
    for name in OAUTH_NAMES:
        if name in given:
            yield Fault(
                name,
                "is set: Slack's library would drop the bot token and switch to OAuth",
                "Take it out of the environment; the bot needs only its bot token.",
            )


def _faults_of(error: ValidationError, present: Collection[str]) -> Iterator[Fault]:
    known = names()
    for found in error.errors(include_url=False, include_input=False):
        name = str(found["loc"][0])
        described = known[name].description
        if found["type"] == "fault":
            yield Fault(name, found["msg"], found["ctx"]["mend"])
        elif found["type"] != "missing":
            yield Fault(name, f"is wrong: {found['msg'].lower()}", f"It is {described}.")
        elif name not in present:
            yield _missing(name)


def _platforms(present: Collection[str], wanted: Collection[str]) -> frozenset[str]:
    """Return the wanted chat platforms that these settings are about; when they are about none, the first."""
    of = {
        platform: {str(field.alias) for field in _GROUPS[platform].model_fields.values()}
        for platform in _PLATFORMS
    }
    found = {platform for platform, own in of.items() if not own.isdisjoint(present)}
    asked = [platform for platform in _PLATFORMS if platform in wanted]
    return frozenset(found & set(asked) or asked[:1])


def _across(present: Collection[str], wanted: Collection[str], *, receives: bool) -> Iterator[Fault]:
    """Yield what no setting of the wanted groups shows by itself."""
    platforms = _platforms(present, wanted)
    if "slack" in platforms:
        yield from _across_slack(present, receives=receives)
    if "deepracer" in wanted:
        yield from _across_racing(present)
    if "mail" in wanted and "MAIL_FROM" in present and not {"MAIL_REGION", "AWS_REGION"} & {*present}:
        yield Fault(
            "MAIL_REGION", "is not set, nor is AWS_REGION", f"Set it to {names()['MAIL_REGION'].description}."
        )
    if "teams" in platforms:
        yield from _one_credential(
            "the bot in Teams", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_CERTIFICATE", None, present
        )
    if "entra" in wanted:
        yield from _one_credential(
            "Entra", "ENTRA_CLIENT_SECRET", "ENTRA_CLIENT_CERTIFICATE", "AZURE_FEDERATED_TOKEN_FILE", present
        )


def _across_slack(present: Collection[str], *, receives: bool) -> Iterator[Fault]:
    known = names()
    if receives and not {"SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"} & {*present}:
        yield Fault(
            "SLACK_SIGNING_SECRET",
            "is not set, so no request over HTTP could be verified",
            f"Set it to {known['SLACK_SIGNING_SECRET'].description}; or set SLACK_APP_TOKEN for Socket Mode.",
        )
    if "SLACK_APP_TOKEN" in present and "SLACK_BOT_TOKEN" not in present:
        yield Fault(
            "SLACK_BOT_TOKEN",
            "is not set beside SLACK_APP_TOKEN: Socket Mode receives, but answers need the bot token",
            f"Set it to {known['SLACK_BOT_TOKEN'].description}.",
        )


def _across_racing(present: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong when half of the bot's user on a racing site is set."""
    known, service_user = names(), {"DEEPRACER_ADMIN_USER", "DEEPRACER_ADMIN_PASSWORD"}
    if len(half := service_user & {*present}) == 1:
        (missing,) = service_user - half
        what = f"is not set beside {', '.join(half)}"
        yield Fault(missing, what, f"Set it to {known[missing].description}.")


def _one_credential(
    whose: str, secret: str, certificate: str, federated: str | None, present: Collection[str]
) -> Iterator[Fault]:
    """Yield what is wrong when there is not exactly one credential."""
    if secret in present and certificate in present:
        yield Fault(
            secret,
            f"is set beside {certificate}, and only one can be used",
            "Keep the certificate, take the secret out.",
        )
    of_the_platform = {federated, "ENTRA_AWS_TOKEN_AUDIENCE"} if federated else set()
    if {secret, certificate, *of_the_platform}.isdisjoint(present):
        others = f", or {federated} (workload identity)" if federated else ""
        yield Fault(
            secret,
            f"is not set, and neither is another credential for {whose}",
            f"Set it, or {certificate}{others}.",
        )


def _first_of_each(faults: list[Fault]) -> Iterator[Fault]:
    """Yield the first fault of every setting: the later ones follow from it."""
    seen: set[str] = set()
    for fault in faults:
        if fault.name not in seen:
            seen.add(fault.name)
            yield fault
