from pathlib import Path

import pytest

from bot.secret_references import ReferenceUnreadable, boto3_clients, resolver
from bot.setting_groups import SlackSettings
from bot.settings import Settings, SettingsInvalid, names

TENANT = "8f1b7c6e-6a9a-4b1e-9d53-1f6f0c2e7a01"
GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-1-abc",
    "SLACK_SIGNING_SECRET": "5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d",
    "ENTRA_TENANT_ID": TENANT,
    "ENTRA_CLIENT_ID": "1d0d3e4f-0000-4000-8000-000000000001",
    "ENTRA_CLIENT_SECRET": "s3cret~value",
}
PEM = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"


def slack(settings: Settings) -> SlackSettings:
    """Return the Slack settings, which must be there."""
    assert settings.slack is not None
    return settings.slack


def faults(**changed: str) -> dict[str, str]:
    """Return what is wrong with the good settings after these changes, by name; each fault has its mend."""
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**GOOD, **changed})
    assert all(fault.mend for fault in caught.value.faults)
    return {fault.name: fault.what for fault in caught.value.faults}


def test_five_settings_are_enough_to_start() -> None:
    settings = Settings.load(GOOD)
    assert slack(settings).bot_token.get_secret_value() == "xoxb-1-abc"
    assert slack(settings).api_base_url == "https://slack.com/api/"
    assert slack(settings).response_url_hosts == ("hooks.slack.com",)
    assert settings.entra.authority == f"https://login.microsoftonline.com/{TENANT}"
    assert settings.graph.base_url == "https://graph.microsoft.com/v1.0"
    assert not slack(settings).socket_mode


TEAMS = {
    "MICROSOFT_APP_ID": "1d0d3e4f-0000-4000-8000-000000000002",
    "MICROSOFT_APP_PASSWORD": "s3cret~bot",
    "MICROSOFT_APP_TENANT_ID": TENANT.upper(),
}
WITHOUT_SLACK = {name: value for name, value in GOOD.items() if not name.startswith("SLACK_")}


def test_slack_alone_teams_alone_or_both() -> None:
    assert Settings.load(GOOD).teams is None
    both = Settings.load({**GOOD, **TEAMS})
    assert both.slack is not None
    assert both.teams is not None
    alone = Settings.load({**WITHOUT_SLACK, **TEAMS})
    assert alone.slack is None
    assert alone.teams == both.teams


def test_teams_lets_in_its_own_tenant_unless_told_otherwise() -> None:
    own = Settings.load({**WITHOUT_SLACK, **TEAMS}).teams
    assert own is not None
    assert own.tenants == {TENANT}
    assert own.metadata_url == "https://login.botframework.com/v1/.well-known/openidconfiguration"
    other = TENANT.replace("8", "9")
    several = Settings.load(
        {**WITHOUT_SLACK, **TEAMS, "TEAMS_TENANT_IDS": f"{TENANT}, {other.upper()}"}
    ).teams
    assert several is not None
    assert several.tenants == {TENANT, other}


def test_the_store_is_the_queue_unless_sqs_is() -> None:
    assert Settings.load(GOOD).bot.queue_url is None
    assert Settings.load({**GOOD, "BOT_QUEUE": "store"}).bot.queue_url is None
    url = "https://sqs.eu-central-1.amazonaws.com/111122223333/bot"
    assert Settings.load({**GOOD, "BOT_QUEUE": url}).bot.queue_url == url


@pytest.mark.parametrize("queue", [{}, {"BOT_QUEUE": "store"}])
def test_a_function_needs_a_queue_that_wakes_the_worker(queue: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.for_work({**GOOD, **queue})
    assert [fault.name for fault in caught.value.faults] == ["BOT_QUEUE"]


def test_half_of_teams_names_the_other_half() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**WITHOUT_SLACK, "TEAMS_TENANT_IDS": TENANT})
    assert {fault.name for fault in caught.value.faults} == set(TEAMS)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("MICROSOFT_APP_ID", "deepracer", "GUID"),
        ("MICROSOFT_APP_PASSWORD", TENANT, "ID of a secret"),
        ("MICROSOFT_APP_CERTIFICATE", PEM + CERTIFICATE, "only one"),
        ("MICROSOFT_APP_TYPE", "MultiTenant", "does not serve"),
        ("MICROSOFT_APP_TENANT_ID", "common", "GUID"),
        ("TEAMS_TENANT_IDS", f"{TENANT},acme", "acme"),
        ("TEAMS_SERVICE_URL_HOSTS", "https://smba.trafficmanager.net", "exact host"),
        ("BOT_OPENID_METADATA_URL", "http://login.botframework.com/keys", "https"),
        ("BOT_LOGIN_URL", "http://127.0.0.1:8443", "https"),
    ],
)
def test_each_wrong_setting_of_teams_is_named(name: str, value: str, what: str) -> None:
    found = faults(**{**TEAMS, name: value})
    assert what in " ".join(found.values())


def test_a_secret_in_the_place_of_another_setting_is_not_repeated() -> None:
    token = "xoxb-1234-5678-abcdefghijkl"
    found = faults(SLACK_TEAM_IDS=token, SLACK_RESPONSE_URL_HOSTS=f"hooks.slack.com,{token}/")
    assert found.keys() == {"SLACK_TEAM_IDS", "SLACK_RESPONSE_URL_HOSTS"}
    assert token not in " ".join(found.values())


def test_a_name_nearly_right_is_named() -> None:
    given = {**GOOD, **TEAMS, "MICROSOFT_APP_TENANTID": TENANT}
    del given["MICROSOFT_APP_TENANT_ID"]
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(given)
    (fault,) = caught.value.faults
    assert (fault.name, "MICROSOFT_APP_TENANT_ID" in fault.mend) == ("MICROSOFT_APP_TENANTID", True)


def test_nothing_set_names_every_missing_setting_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({})
    assert {fault.name for fault in caught.value.faults} == set(GOOD)
    (token,) = [fault for fault in caught.value.faults if fault.name == "SLACK_BOT_TOKEN"]
    assert "For Teams, set MICROSOFT_APP_ID" in token.mend


def test_the_bots_user_on_a_racing_site_is_set_whole_or_not_at_all() -> None:
    assert "beside" in faults(DEEPRACER_ADMIN_USER="bot")["DEEPRACER_ADMIN_PASSWORD"]
    assert "beside" in faults(DEEPRACER_ADMIN_PASSWORD="s3cret")["DEEPRACER_ADMIN_USER"]
    whole = Settings.load({**GOOD, "DEEPRACER_ADMIN_USER": "bot", "DEEPRACER_ADMIN_PASSWORD": "s3cret"})
    assert whole.deepracer.admin_user == "bot"
    assert "s3cret" not in repr(whole)


def test_secrets_stay_out_of_errors_and_representations() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**GOOD, "SLACK_BOT_TOKEN": "xoxp-very-secret", "PORT": "x"})
    assert "very-secret" not in repr(caught.value.faults) + str(caught.value)
    assert "s3cret" not in repr(Settings.load(GOOD))


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("SLACK_BOT_TOKEN", "xapp-1-abc", "app-level token"),
        ("SLACK_BOT_TOKEN", "xoxp-1-abc", "user token"),
        ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-abc", "rotating"),
        ("SLACK_SIGNING_SECRET", "xoxb-1-abc", "signing secret"),
        ("SLACK_SIGNING_SECRET", " ", "not set"),
        ("SLACK_APP_TOKEN", "xoxb-1-abc", "app-level token"),
        ("SLACK_API_BASE_URL", "https://slack.com/api", "/api/"),
        ("SLACK_API_BASE_URL", "http://slack.com/api/", "https"),
        ("DEEPRACER_SITE_URL", "http://site.example.com", "https"),
        ("DEEPRACER_USER_POOL_ID", "us-east-1:0123", "user pool"),
        ("DEEPRACER_IDENTITY_POOL_ID", "us-east-1_AbCd", "identity pool"),
        ("DEEPRACER_USER_AGENT", "bot\u00e9", "header"),
        ("SLACK_TEAM_IDS", "T0ACME001,acme", "acme"),
        ("SLACK_RESPONSE_URL_HOSTS", "https://hooks.slack.com", "exact host"),
        ("SLACK_RESPONSE_URL_HOSTS", "*.slack.com", "exact host"),
        ("SLACK_CLIENT_ID", "1.2", "OAuth"),
        ("ENTRA_TENANT_ID", "common", "tenant"),
        ("ENTRA_CLIENT_ID", "bot", "GUID"),
        ("ENTRA_CLIENT_SECRET", TENANT, "ID of a secret"),
        ("ENTRA_AUTHORITY_URL", "http://127.0.0.1:8443", "https"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0/", "slash"),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com", "version"),
        ("IDENTITY_STORE_ID", "d-123", "identity store"),
        ("AWS_REGION", "Frankfurt", "Region"),
        ("BOT_STORE", "dynamodb://table/", "DynamoDB"),
        ("BOT_STORE", "dynamodb://table?zone=a", "DynamoDB"),
        ("BOT_STORE", "/var/lib/bot.db", "store"),
        ("BOT_QUEUE", "https://sqs.eu-central-1.amazonaws.com/bot", "no queue"),
        ("BOT_QUEUE", "https://sqs.eu-central-1.amazonaws.com/111122223333/bot.fifo", "FIFO"),
        ("BOT_QUEUE", "http://sqs.example/111122223333/bot", "https"),
        ("BOT_DEAD_LETTERS_URL", "https://sqs.eu-central-1.amazonaws.com/bot", "no queue"),
        ("BOT_METRICS_NAMESPACE", "AWS/SQS", "namespace"),
        ("BOT_EVENT_FILE", "/nowhere/event.toml", "no file"),
        ("LOG_LEVEL", "loud", "wrong"),
        ("PORT", "70000", "wrong"),
        ("PORT", "http", "wrong"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(name: str, value: str, what: str) -> None:
    found = faults(**{name: value})
    assert list(found) == [name]
    assert what in found[name]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SLACK_SINGING_SECRET", "SLACK_SIGNING_SECRET"),
        ("SLACK_TEAM_ID", "SLACK_TEAM_IDS"),
        ("BOT_PORT", "PORT"),
        ("GRAPH_BASEURL", "GRAPH_BASE_URL"),
    ],
)
def test_a_misspelt_name_is_told_with_the_right_one(written: str, meant: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**GOOD, written: "1"})
    (fault,) = caught.value.faults
    assert fault.name == written
    assert meant in fault.mend


def test_a_setting_under_a_misspelt_name_is_not_reported_as_missing_too() -> None:
    given = {name: value for name, value in GOOD.items() if name != "SLACK_BOT_TOKEN"}
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**given, "SLAK_BOT_TOKEN": "xoxb-1-abc"})
    assert [fault.name for fault in caught.value.faults] == ["SLAK_BOT_TOKEN"]


def test_names_that_a_platform_injects_are_nobodys_misspelling() -> None:
    injected = {
        "BOT_SERVICE_HOST": "10.0.0.1",
        "BOT_PORT": "tcp://10.0.0.1:80",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    assert Settings.load({**GOOD, **injected}).aws.region == "eu-west-1"


def test_socket_mode_needs_no_signing_secret() -> None:
    given = {name: value for name, value in GOOD.items() if name != "SLACK_SIGNING_SECRET"}
    assert slack(Settings.load({**given, "SLACK_APP_TOKEN": "xapp-1-abc"})).socket_mode


def test_socket_mode_alone_cannot_answer() -> None:
    assert (
        "answers need the bot token"
        in faults(SLACK_APP_TOKEN="xapp-1-abc", SLACK_BOT_TOKEN="")["SLACK_BOT_TOKEN"]
    )


def test_loopback_may_be_plain_http() -> None:
    settings = Settings.load(
        {
            **GOOD,
            "SLACK_API_BASE_URL": "http://127.0.0.1:8081/api/",
            "SLACK_RESPONSE_URL_HOSTS": "127.0.0.1:8081",
            "GRAPH_BASE_URL": "http://localhost:8082/v1.0",
        }
    )
    assert slack(settings).response_url_hosts == ("127.0.0.1:8081",)


def test_the_tenant_is_appended_to_the_authority_once() -> None:
    for url in ("https://login.example", "https://login.example/", f"https://login.example/{TENANT}"):
        authority = Settings.load({**GOOD, "ENTRA_AUTHORITY_URL": url}).entra.authority
        assert authority == f"https://login.example/{TENANT}"


def test_entra_takes_one_credential_and_no_more() -> None:
    assert "no" in faults(ENTRA_CLIENT_SECRET="")["ENTRA_CLIENT_SECRET"]
    assert "beside" in faults(ENTRA_CLIENT_CERTIFICATE=PEM + CERTIFICATE)["ENTRA_CLIENT_SECRET"]


def test_a_certificate_is_a_file_or_its_text_and_has_both_parts(tmp_path: Path) -> None:
    given = {name: value for name, value in GOOD.items() if name != "ENTRA_CLIENT_SECRET"}
    file = tmp_path / "bot.pem"
    file.write_text(PEM + CERTIFICATE)
    for value in (PEM + CERTIFICATE, str(file)):
        certificate = Settings.load({**given, "ENTRA_CLIENT_CERTIFICATE": value}).entra.client_certificate
        assert certificate is not None
        assert certificate.get_secret_value().strip() == (PEM + CERTIFICATE).strip()
    for value, what in (
        (PEM, "certificate"),
        (CERTIFICATE, "private key"),
        (str(tmp_path), "cannot be read"),
    ):
        with pytest.raises(SettingsInvalid, match=what):
            Settings.load({**given, "ENTRA_CLIENT_CERTIFICATE": value})


def test_workload_identity_needs_no_secret(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("eyJ")
    given = {name: value for name, value in GOOD.items() if name != "ENTRA_CLIENT_SECRET"}
    settings = Settings.load({**given, "AZURE_FEDERATED_TOKEN_FILE": str(token)})
    assert settings.entra.federated_token_file == token


def test_the_aws_role_needs_no_secret() -> None:
    given = {name: value for name, value in GOOD.items() if name != "ENTRA_CLIENT_SECRET"}
    settings = Settings.load({**given, "ENTRA_AWS_TOKEN_AUDIENCE": "api://AzureADTokenExchange"})
    assert settings.entra.aws_token_audience == "api://AzureADTokenExchange"


def test_the_env_file_is_read_behind_the_environment(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nLOG_LEVEL=debug\nSLACK_APP_TOKEN=\n# a comment\n")
    settings = Settings.load({**GOOD, "PORT": "9001"}, env_file=file)
    assert (settings.bot.port, settings.bot.log_level) == (9001, "DEBUG")
    assert slack(settings).app_token is None


def test_a_misspelling_in_the_env_file_is_found_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SLACK_TEAMIDS=T0ACME001\n")
    with pytest.raises(SettingsInvalid, match="SLACK_TEAMIDS"):
        Settings.load(GOOD, env_file=file)


class Vault:
    """Both AWS services that keep secrets, as boto3 shows them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, service: str, region: str | None) -> "Vault":
        self.asked.append((service, region))
        return self

    def get_secret_value(self, *, SecretId: str, **_: str) -> dict[str, str]:  # noqa: N803 - boto3's own name
        return {"SecretString": '{"SLACK_BOT_TOKEN": "xoxb-from-secrets-manager"}'}

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, dict[str, str]]:  # noqa: N803
        assert WithDecryption
        return {"Parameter": {"Value": f"value of {Name}"}}


def test_references_are_resolved_before_the_secret_is_checked() -> None:
    vault = Vault()
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:bot-AbCdEf"
    given = {
        **GOOD,
        "AWS_REGION": "eu-central-1",
        "SLACK_BOT_TOKEN": f"{arn}:SLACK_BOT_TOKEN::",
        "ENTRA_CLIENT_SECRET": "ssm:/bot/entra",
    }
    settings = Settings.load(given, resolve=resolver(given, vault))
    assert slack(settings).bot_token.get_secret_value() == "xoxb-from-secrets-manager"
    assert settings.entra.client_secret is not None
    assert settings.entra.client_secret.get_secret_value() == "value of /bot/entra"
    assert vault.asked == [("secretsmanager", "eu-west-1"), ("ssm", "eu-central-1")]


def test_a_reference_that_leads_nowhere_is_one_fault() -> None:
    def resolve(reference: str) -> str:
        raise ReferenceUnreadable(f"nothing under {reference}")

    with pytest.raises(SettingsInvalid) as caught:
        Settings.load({**GOOD, "SLACK_BOT_TOKEN": "ssm:/bot/token"}, resolve=resolve)
    (fault,) = caught.value.faults
    assert fault.name == "SLACK_BOT_TOKEN"
    assert "cannot be read" in fault.what


def test_secrets_are_read_through_the_companys_own_certificate_authority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text(CERTIFICATE)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    client = boto3_clients("ssm", "eu-central-1")
    assert client._endpoint.http_session._verify == str(bundle)  # noqa: SLF001 - nothing else shows it


def test_a_json_key_that_is_not_in_the_secret_is_named() -> None:
    read = resolver({}, Vault())
    with pytest.raises(ReferenceUnreadable, match="OTHER"):
        read("arn:aws:secretsmanager:eu-west-1:111122223333:secret:bot-AbCdEf:OTHER::")


def test_the_kind_of_bot_may_be_written_in_any_case() -> None:
    assert Settings.load({**GOOD, **TEAMS, "MICROSOFT_APP_TYPE": "singletenant"}).teams is not None


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in names().items() if not field.description] == []
