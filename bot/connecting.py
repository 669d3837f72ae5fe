"""How the bot shows who it is: the credentials of the settings, and the client of Bot Connector with one."""

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from adapters.tokens import Certificate, Credential, EntraTokens, Federated, Secret
from bot.setting_groups import TeamsSettings
from provisioning.ports import Clock, Store

if TYPE_CHECKING:
    from adapters.teams.connector import Connector

_BEGIN = "-----BEGIN CERTIFICATE-----"


def credential(
    secret: SecretStr | None, certificate: SecretStr | None, federated_token_file: Path | None = None
) -> Credential:
    """Return the one credential that the settings hold."""
    if secret is not None:
        return Secret(secret.get_secret_value())
    if certificate is not None:
        text = certificate.get_secret_value()
        return Certificate(text, text[text.index(_BEGIN) :])
    if federated_token_file is not None:
        return Federated.from_file(federated_token_file)
    raise ValueError("the settings were not checked: no credential for Entra")


def teams_connector(settings: TeamsSettings, logins: httpx.Client, store: Store, clock: Clock) -> "Connector":
    """Return the client of Bot Connector; nothing is asked before it is used."""
    from adapters.teams.connector import SCOPE, Connector

    tokens = EntraTokens(
        settings.app_tenant_id,
        settings.app_id,
        credential(settings.password, settings.certificate),
        logins,
        authority=settings.login_url,
        scope=SCOPE,
    )
    return Connector(tokens, settings.service_url_hosts, store.brakes, clock)
