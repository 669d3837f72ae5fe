"""The settings, in groups that belong together: their names in the environment, forms and meanings."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import setting_forms as forms

NAMESPACE = "DeepRacerBot"  # of metrics in CloudWatch
THE_STORE = "store"
Commas = Annotated[tuple[str, ...], BeforeValidator(forms.commas)]


class Group(BaseSettings):
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


class SlackSettings(Group):
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


class TeamsSettings(Group):
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


class EntraSettings(Group):
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


class GraphSettings(Group):
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


class AwsSettings(Group):
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


class DeepRacerSettings(Group):
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


class MailSettings(Group):
    """E-mail beside the chat, through Amazon SES; only for events that say `mails = true`."""

    sender: Annotated[str, forms.checked(forms.sender)] | None = Field(
        default=None,
        alias="MAIL_FROM",
        description="the address mail comes from, verified in SES: racing@example.com",
    )
    region: Annotated[str, forms.checked(forms.region)] | None = Field(
        default=None, alias="MAIL_REGION", description="the Region of SES, when it is not AWS_REGION"
    )


class BotSettings(Group):
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
