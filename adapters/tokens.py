"""Access tokens from Entra through msal: by client secret, certificate or a federated assertion.

msal keeps the token and renews it ahead of its expiry; here are the credential's three forms, single flight
(without a lock, twenty threads on a cold cache ask up to eight times) and the translation of what goes wrong.
"""

import base64
import binascii
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import msal

from adapters.retry_after import retry_after
from provisioning.errors import CredentialRefused, DirectoryUnavailable

MICROSOFT: Final = "https://login.microsoftonline.com"
SCOPE: Final = "https://graph.microsoft.com/.default"
# OAuth 2.0 errors that pass by themselves (RFC 6749, section 4.1.2.1; Entra sends the first with its 429).
_PASSING = {"temporarily_unavailable", "server_error"}
_TOO_MANY = 429
_SERVER_ERROR = 500

log = logging.getLogger(__name__)


class Tokens(Protocol):
    """Where a client gets its bearer token."""

    def token(self, refused: str | None = None) -> str:
        """Return a token that holds; never the `refused` one, which the API did not take.

        Raises CredentialRefused or DirectoryUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A client secret."""

    value: str


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """A private key with its certificate, both in PEM form; one file may hold both."""

    private_key: str
    certificate: str

    @classmethod
    def load(cls, path: Path) -> "Certificate":
        """Read a PEM file that holds the key and the certificate. Raises CredentialRefused otherwise."""
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise CredentialRefused(reason=f"the certificate file {path} cannot be read") from error
        if "PRIVATE KEY-----" not in text or "-----BEGIN CERTIFICATE-----" not in text:
            raise CredentialRefused(reason=f"{path} must hold a private key and its certificate, in PEM form")
        return cls(text, text[text.index("-----BEGIN CERTIFICATE-----") :])


@dataclass(frozen=True, slots=True, repr=False)
class Federated:
    """A workload identity that Entra trusts; `assertion` is called for every token and returns a fresh JWT.

    What goes wrong in it comes as OSError or as an error of provisioning.
    """

    assertion: Callable[[], str]

    @classmethod
    def from_file(cls, path: Path) -> "Federated":
        """Read the assertion from a file that the platform keeps fresh (`AZURE_FEDERATED_TOKEN_FILE`)."""
        return cls(lambda: path.read_text(encoding="ascii").strip())


Credential = Secret | Certificate | Federated


class EntraTokens:
    """The tokens of one app registration, for one scope. Share one per process: it holds the only cache.

    `authority` is `https://host[:port]`, with or without the tenant. Nothing is sent before `token`.
    """

    def __init__(
        self,
        tenant: str,
        client_id: str,
        credential: Credential,
        http: httpx.Client,
        *,
        authority: str = MICROSOFT,
        scope: str = SCOPE,
    ) -> None:
        self._authority = with_tenant(authority, tenant)
        self._client_id = client_id
        self._credential = credential
        self._wire = _Wire(http)
        self._scope = scope
        self._lock = Lock()
        self._app: Any = None

    def token(self, refused: str | None = None) -> str:
        """Return a token that holds, never the `refused` one.

        Raises CredentialRefused or DirectoryUnavailable.
        """
        with self._lock:
            token = self._acquire()
            if token == refused:
                self._app.remove_tokens_for_client()
                token = self._acquire()
            return token

    def roles(self) -> frozenset[str]:
        """Return the application permissions that the token carries, for `doctor`. Raises as `token` does."""
        return roles_of(self.token())

    def _acquire(self) -> str:
        try:
            if self._app is None:
                self._app = self._made()
            answer = self._app.acquire_token_for_client([self._scope])
        except (httpx.RequestError, msal.exceptions.MsalServiceError) as error:
            raise DirectoryUnavailable(self._wire.retry_after()) from error
        except OSError as error:
            raise CredentialRefused(reason="the federated token file cannot be read") from error
        except ValueError as error:
            raise self._unreadable(error) from error
        token = answer.get("access_token")
        if isinstance(token, str):
            return token
        raise self._refusal(answer)

    def _made(self) -> Any:
        return msal.ConfidentialClientApplication(
            self._client_id,
            client_credential=_for_msal(self._credential),
            authority=self._authority,
            http_client=self._wire,
            # Elsewhere than at Microsoft's own address msal would ask Microsoft whether it knows the host.
            instance_discovery=None if self._authority.startswith(f"{MICROSOFT}/") else False,
        )

    def _unreadable(self, error: ValueError) -> CredentialRefused | DirectoryUnavailable:
        """Tell a gateway's page in place of JSON from an authority or a key that cannot be used."""
        if isinstance(error, json.JSONDecodeError):
            return DirectoryUnavailable(self._wire.retry_after())
        # msal names the address and the part of the credential it could not use; never the credential.
        return CredentialRefused(reason="the tenant, the authority or the key cannot be used")

    def _refusal(self, answer: Mapping[str, Any]) -> CredentialRefused | DirectoryUnavailable:
        codes = ", ".join(f"AADSTS{code}" for code in answer.get("error_codes") or ())
        name = str(answer.get("error") or "")
        log.warning("no token from Entra", extra={"action": "token", "error": name, "codes": codes})
        if name in _PASSING or self._wire.is_overloaded:
            return DirectoryUnavailable(self._wire.retry_after())
        return CredentialRefused(reason=f"{name} {codes}".strip())


def roles_of(token: str) -> frozenset[str]:
    """Return the `roles` claim of our own token, unverified, to be shown. Empty for an opaque token."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return frozenset()
    roles = claims.get("roles") if isinstance(claims, dict) else None
    return (
        frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()
    )


def with_tenant(authority: str, tenant: str) -> str:
    """Return the authority with the tenant as its path, unless it has a path already."""
    bare = authority.rstrip("/")
    return bare if urlsplit(bare).path else f"{bare}/{tenant}"


def _for_msal(credential: Credential) -> str | dict[str, Any]:
    if isinstance(credential, Secret):
        return credential.value
    if isinstance(credential, Certificate):
        return {"private_key": credential.private_key, "public_certificate": credential.certificate}
    return {"client_assertion": credential.assertion}


class _Wire:
    """httpx in the shape of msal's HTTP session; remembers what the newest answer said of waiting."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._until = 0.0
        self.is_overloaded = False

    def get(
        self, url: str, params: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> httpx.Response:
        return self._seen(self._http.get(url, params=params, headers=headers))

    def post(
        self,
        url: str,
        params: Any = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx.Response:
        # msal 1.39 signs assertions into bytes, of which httpx would send the `repr`.
        form = {name: one.decode() if isinstance(one, bytes) else one for name, one in (data or {}).items()}
        return self._seen(self._http.post(url, params=params, data=form, headers=headers))

    def close(self) -> None:
        """Leave the client open: it is not msal's."""

    def retry_after(self) -> float | None:
        """Return the seconds that Entra still wants to be left alone, None when it did not say.

        msal answers from memory meanwhile and does not pass the header on.
        """
        left = self._until - time.monotonic()
        return left if left > 0 else None

    def _seen(self, response: httpx.Response) -> httpx.Response:
        self.is_overloaded = response.status_code == _TOO_MANY or response.status_code >= _SERVER_ERROR
        wait = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        self._until = time.monotonic() + (wait or 0.0)
        return response
