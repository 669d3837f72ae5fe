"""Simulated Entra ID: the token endpoint of one tenant, as strict about a request as the real one.

    POST token -> which tenant? -> which app? -> proof (secret or assertion) -> scope -> app-only access token

The same endpoint is there in the form of an ADFS, without a tenant, at /adfs: msal believes such an authority
wherever it stands, and looks up the others at login.microsoftonline.com first.

Tokens are JWTs with the claims Graph looks at. They live by the real clock, not the company's, because the
client that caches them does too. Sources: learn.microsoft.com, "OAuth 2.0 client credentials flow" and
"Microsoft Entra authentication and authorization error codes".
"""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from aiohttp import web

from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.entra_documents import of_adfs, of_instance, of_tenant, own_address
from sandbox.wire import DETAIL, CallLog, Faults, application

GRAPH_AUDIENCE: Final = "https://graph.microsoft.com"
CONNECTOR_AUDIENCE: Final = "https://api.botframework.com"
CLIENT_ID: Final = "5f0c1d7e-3b52-4c0b-9a55-0c2b8f4d6e11"  # the bot's app registration
CLIENT_SECRET: Final = "the-box~is.not~locked"  # opens nothing but the company in a box
BOT_APP_SECRET: Final = "nor~is.the~connector"  # the same
DEFAULT_ROLES: Final = ("GroupMember.ReadWrite.All", "User.Read.All", "Synchronization.ReadWrite.All")
FEDERATION_AUDIENCE: Final = "api://AzureADTokenExchange"

_SIGNING_KEY = "company-in-a-box: signs tokens that only its own Graph believes"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT_SCOPE = "/.default"


class EntraSimulator:
    """One tenant's sign-in service with two app registrations in it: the directory's client, and the bot.

    `roles` are the application permissions an administrator has consented to for the directory's client, as
    tokens for Graph carry them (empty: the claim is absent); `token_seconds` is the lifetime of the tokens
    issued from now on.
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        bot_app_id: str = BOT_APP_ID,
        bot_app_secret: str = BOT_APP_SECRET,
        roles: tuple[str, ...] = DEFAULT_ROLES,
        token_seconds: int = 3599,
    ) -> None:
        self.company = company
        self.log = log
        self.faults = faults
        self.client_id = client_id
        self.client_secret = client_secret
        self.bot_app_id = bot_app_id
        self.bot_app_secret = bot_app_secret
        self.roles = roles
        self.token_seconds = token_seconds

    def app(self) -> web.Application:
        """Return the application that answers for login.microsoftonline.com."""
        app = application(
            clock=self.company.clock, log=self.log, faults=self.faults, named=_named, throttled=_throttled
        )
        app.router.add_get("/common/discovery/instance", _instance)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/adfs/.well-known/openid-configuration", _adfs_configuration)
        app.router.add_post("/adfs/oauth2/token", self._token)
        app.router.add_route("*", "/{tail:.*}", _nothing_here)
        return app

    def issue(
        self,
        *,
        roles: tuple[str, ...] | None = None,
        lifetime_seconds: int | None = None,
        client_id: str | None = None,
        audience: str = GRAPH_AUDIENCE,
    ) -> str:
        """Return an access token without being asked: for Graph and its client, unless told otherwise."""
        now, client_id = int(time.time()), client_id or self.client_id
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT_ID}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + (self.token_seconds if lifetime_seconds is None else lifetime_seconds),
            "appid": client_id,
            "app_displayname": "DeepRacer bot",
            "idtyp": "app",
            "oid": str(uuid.uuid5(uuid.UUID(TENANT_ID), client_id)),
            "sub": str(uuid.uuid5(uuid.UUID(TENANT_ID), client_id)),
            "tid": TENANT_ID,
            "uti": uuid.uuid4().hex[:22],
            "ver": "1.0",
        }
        consented = self.roles if (client_id, audience) == (self.client_id, GRAPH_AUDIENCE) else ()
        granted = consented if roles is None else roles
        if granted:
            claims["roles"] = list(granted)
        return jwt.encode(claims, _SIGNING_KEY, algorithm="HS256")

    async def _configuration(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        if not _is_tenant(tenant):
            return _refusal(_unknown_tenant(tenant))
        return web.json_response(of_tenant(own_address(request), tenant))

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        detail: dict[str, Any] = {name: form[name] for name in ("client_id", "scope") if name in form}
        request[DETAIL] = detail
        tenant = request.match_info.get("tenant", TENANT_ID)
        refused = self._refuse(tenant, form, own_address(request))
        if refused is not None:
            return _refusal(refused)
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": self.token_seconds,
                "ext_expires_in": self.token_seconds,
                "access_token": self.issue(client_id=form["client_id"], audience=_resource(form["scope"])),
            },
            headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
        )

    def _refuse(self, tenant: str, form: dict[str, str], here: str) -> "_Refused | None":
        """Return why this token request is refused, in the order in which Entra finds out."""
        if not _is_tenant(tenant):
            return _unknown_tenant(tenant)
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                return _Refused(
                    400,
                    "invalid_request",
                    900144,
                    f"The request body must contain the following parameter: '{name}'.",
                )
        if form["grant_type"] != "client_credentials":
            return _Refused(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form['grant_type']}'.",
            )
        if form["client_id"] not in (self.client_id, self.bot_app_id):
            return _Refused(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{form['client_id']}' was not found in the directory"
                " 'Acme'. This can"
                " happen if the application has not been installed by the administrator of the tenant or"
                " consented to"
                " by any user in the tenant. You may have sent your authentication request to the wrong"
                " tenant.",
            )
        return self._unproven(form, here) or _wrong_scope(form["scope"])

    def _unproven(self, form: dict[str, str], here: str) -> "_Refused | None":
        if "client_assertion" in form:
            return self._bad_assertion(form, here)
        if "client_secret" not in form:
            return _Refused(
                401,
                "invalid_client",
                7000216,
                "'client_assertion', 'client_secret' or 'request' is required for the"
                " 'client_credentials' grant type.",
            )
        secrets = {self.client_id: self.client_secret, self.bot_app_id: self.bot_app_secret}
        if form["client_secret"] != secrets[form["client_id"]]:
            return _Refused(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the"
                " client secret value,"
                f" not the client secret ID, for a secret added to app '{form['client_id']}'.",
            )
        return None

    def _bad_assertion(self, form: dict[str, str], here: str) -> "_Refused | None":
        """Check an assertion as far as that goes without its key: a certificate's, or one from federation.

        The signature is not verified: which certificates and which issuers are trusted is the tenant's
        set-up.
        """
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return _Refused(
                400,
                "invalid_request",
                90023,
                f"The 'client_assertion_type' parameter must be '{_ASSERTION_TYPE}'.",
            )
        try:
            header = jwt.get_unverified_header(form["client_assertion"])
            claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return _Refused(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if (
            header.get("alg") not in {"PS256", "RS256", "ES256", "ES384"}
            or not claims.get("iss")
            or not claims.get("sub")
        ):
            return _Refused(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
        if claims.get("exp", 0) <= time.time():
            return _Refused(
                401,
                "invalid_client",
                700024,
                "Client assertion is not within its valid time range. The assertion expired.",
            )
        if FEDERATION_AUDIENCE in audiences:
            return None
        if not any(
            str(value).startswith((here, "https://login.microsoftonline.com/")) for value in audiences
        ):
            return _Refused(
                401,
                "invalid_client",
                700212,
                f"No matching federated identity record found for presented audience '{audience}'.",
            )
        if {claims["iss"], claims["sub"]} != {form["client_id"]}:
            return _Refused(
                401,
                "invalid_client",
                700021,
                "Client assertion application identifier doesn't match 'client_id' parameter.",
            )
        return None


def read_token(token: str, audience: str = GRAPH_AUDIENCE) -> dict[str, Any]:
    """Return the claims of an access token issued by an `EntraSimulator` for this audience.

    Raises `jwt.ExpiredSignatureError`, `jwt.InvalidAudienceError` or another `jwt.InvalidTokenError`.
    """
    claims: dict[str, Any] = jwt.decode(token, _SIGNING_KEY, algorithms=["HS256"], audience=audience)
    return claims


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int
    error: str
    code: int
    text: str


def _is_tenant(name: str) -> bool:
    return name.lower() in {TENANT_ID, "acme.example", "acme.onmicrosoft.com"}


def _unknown_tenant(name: str) -> _Refused:
    return _Refused(
        400,
        "invalid_request",
        90002,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing"
        " into the correct"
        " cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for"
        " the tenant.",
    )


def _wanted(scope: str) -> list[str]:
    return [part for part in scope.split() if part not in {"openid", "profile", "offline_access"}]


def _resource(scope: str) -> str:
    """Return the resource that the one `/.default` scope asks for."""
    return _wanted(scope)[0].removesuffix(_DEFAULT_SCOPE).rstrip("/")


def _wrong_scope(scope: str) -> _Refused | None:
    wanted = _wanted(scope)
    if len(wanted) != 1 or not wanted[0].endswith(_DEFAULT_SCOPE):
        return _Refused(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have a"
            " scope value with"
            " /.default suffixed to the resource identifier (application ID URI).",
        )
    resource = _resource(scope)
    if resource not in (GRAPH_AUDIENCE, CONNECTOR_AUDIENCE):
        return _Refused(
            400,
            "invalid_resource",
            500011,
            f"The resource principal named {resource} was not found in the tenant named Acme. This can"
            " happen if the"
            " application has not been installed by the administrator of the tenant or consented to by"
            " any user in the"
            " tenant. You might have sent your authentication request to the wrong tenant.",
        )
    return None


def _refusal(refused: _Refused) -> web.Response:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    marks = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
    return web.json_response(
        {
            "error": refused.error,
            "error_description": f"AADSTS{refused.code}: {refused.text} {marks}",
            "error_codes": [refused.code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={refused.code}",
        },
        status=refused.status,
    )


async def _named(request: web.Request) -> str:
    if request.path == "/adfs/oauth2/token":
        return f"{request.method} adfs/token"
    if request.path == "/adfs/.well-known/openid-configuration":
        return f"{request.method} adfs/openid-configuration"
    if request.path.endswith("/oauth2/v2.0/token"):
        return f"{request.method} token"
    if request.path.endswith("/.well-known/openid-configuration"):
        return f"{request.method} openid-configuration"
    if request.path == "/common/discovery/instance":
        return f"{request.method} discovery/instance"
    return f"{request.method} (unknown)"


def _throttled(retry_after: float) -> web.Response:
    response = _refusal(_Refused(429, "temporarily_unavailable", 90055, "Tenant request was throttled."))
    response.headers["Retry-After"] = f"{retry_after:g}"
    return response


async def _instance(request: web.Request) -> web.Response:
    return web.json_response(of_instance(own_address(request), request.host, request.query))


async def _adfs_configuration(request: web.Request) -> web.Response:
    return web.json_response(of_adfs(own_address(request)))


async def _nothing_here(_: web.Request) -> web.Response:
    return web.Response(status=404)
