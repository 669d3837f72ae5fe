"""The bot's own user on a racing site: password ─▶ ID token ─▶ credentials of the identity pool, kept fresh.

The site's API is open to the identity pool's credentials alone; an IAM role of the bot's gets through the
gateway, and then every operation fails.
"""

import base64
import json
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.pace import Pace
from adapters.deepracer.site import Site
from provisioning.brake import Brakes
from provisioning.errors import (
    CredentialRefused,
    PermissionMissing,
    SiteUnavailable,
    Unavailable,
    Unexpected,
)
from provisioning.ports import Clock

AHEAD_SECONDS: Final = 300.0  # credentials are renewed so long before they expire
SERVICE: Final = "DeepRacer on AWS"
_REFUSED: Final = frozenset(
    {
        "NotAuthorizedException",
        "PasswordResetRequiredException",
        "UserNotConfirmedException",
        "UserNotFoundException",
    }
)
_NO_ROLE: Final = frozenset({"NotAuthorizedException", "InvalidIdentityPoolConfigurationException"})


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The user the bot signs in with, on the one site its settings are about."""

    name: str
    password: str

    def __repr__(self) -> str:
        """Return a text that gives nothing away."""
        return "ServiceUser(…)"


@dataclass(frozen=True, slots=True)
class Keys:
    """AWS credentials for an hour, and the groups of the user pool that decided what they allow."""

    access_key: str
    secret_key: str
    token: str
    expires_at: float
    groups: frozenset[str]

    def __repr__(self) -> str:
        """Return a text that gives nothing away."""
        return "Keys(…)"


class Session:
    """The credentials of the service user on one site. Safe to use from several threads."""

    def __init__(
        self,
        site: Site,
        user: ServiceUser,
        pool_client: Any,
        identity_client: Any,
        *,
        brakes: Brakes,
        clock: Clock,
    ) -> None:
        self._site = site
        self._user = user
        self._clock = clock
        name = f"sign-in:{site.user_pool_id}"
        shared: dict[str, Any] = {"brakes": brakes, "clock": clock, "familiar": _REFUSED | _NO_ROLE}
        self._pool = Api(pool_client, name, "cognito-idp", pace=Pace(), **shared)
        self._identities = Api(identity_client, name, "cognito-identity", pace=Pace(), **shared)
        self._keys: Keys | None = None
        self._lock = Lock()

    def keys(self) -> Keys:
        """Return credentials that stay good for minutes. Raises what a ProvisioningError tells."""
        with self._lock:
            now = self._clock.now().timestamp()
            if self._keys is None or self._keys.expires_at - AHEAD_SECONDS <= now:
                self._keys = self._fresh()
            return self._keys

    def forget(self, keys: Keys) -> None:
        """Forget these credentials, which were refused; newer ones stay."""
        with self._lock:
            if self._keys is keys:
                self._keys = None

    def _fresh(self) -> Keys:
        try:
            self._pool.check_brake()
            token = self._id_token()
            logins = {f"cognito-idp.{self._site.region}.amazonaws.com/{self._site.user_pool_id}": token}
            groups = _groups_in(token)
            found = self._identities.ask("GetId", IdentityPoolId=self._site.identity_pool_id, Logins=logins)
            keys = self._credentials(found["IdentityId"], logins, groups)
        except Trouble as trouble:
            if isinstance(trouble.error, Unavailable):
                reason = "signing in is not answered"
                raise SiteUnavailable(trouble.error.retry_after, reason=reason) from trouble
            if trouble.code in _REFUSED:
                raise CredentialRefused(service=SERVICE, reason=trouble.code) from trouble
            raise trouble.error from trouble
        return keys

    def _id_token(self) -> str:
        answer = self._pool.ask(
            "InitiateAuth",
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=self._site.client_id,
            AuthParameters={"USERNAME": self._user.name, "PASSWORD": self._user.password},
        )
        if "AuthenticationResult" not in answer:
            # A first password is meant for a person at the site; a service user needs a lasting one.
            raise CredentialRefused(service=SERVICE, reason=str(answer.get("ChallengeName")))
        return str(answer["AuthenticationResult"]["IdToken"])

    def _credentials(self, identity: str, logins: dict[str, str], groups: frozenset[str]) -> Keys:
        try:
            answer = self._identities.ask("GetCredentialsForIdentity", IdentityId=identity, Logins=logins)
        except Trouble as trouble:
            if trouble.code in _NO_ROLE:  # the token is a minute old: it is the role
                raise PermissionMissing(permission="group dr-admins", service=SERVICE) from trouble
            raise
        given = answer["Credentials"]
        return Keys(
            given["AccessKeyId"],
            given["SecretKey"],
            given["SessionToken"],
            given["Expiration"].timestamp(),
            groups,
        )


def _groups_in(token: str) -> frozenset[str]:
    """Read the groups in an ID token; who issued it is known, as it came over TLS from the user pool.

    Raises Unexpected for what is no such token.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        groups = claims.get("cognito:groups") or ()
    except (IndexError, ValueError, AttributeError) as error:
        raise Unexpected(action="read an ID token", reason=type(error).__name__) from error
    return frozenset(groups.replace(",", " ").split() if isinstance(groups, str) else groups)
