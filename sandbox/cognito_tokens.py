"""Signing in to the racing site: the user pool's tokens, and the identity pool's credentials for them.

Offered is the flow with a password, the one of refresh tokens, and the change of a first password. SRP is
not: it differs only in how the password travels.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from sandbox.aws_json import AwsError, Operation
from sandbox.cognito import UserPool, check_password, throttling
from sandbox.company import Company
from sandbox.racing import (
    ADMINS,
    CLIENT_ID,
    FACILITATORS,
    IDENTITY_POOL_ID,
    RACERS,
    REGION,
    USER_POOL_ID,
    Keys,
    PoolUser,
)

TOKEN_SECONDS = 3600.0
REFRESH_SECONDS = 86400.0
KEYS_SECONDS = 3600.0
LOGIN = f"cognito-idp.{REGION}.amazonaws.com/{USER_POOL_ID}"
_WRONG = "Incorrect username or password."
_SECRET = b"of the company in a box"


class SignIn(UserPool):
    """The user pool with the operations anybody may call: to sign in."""

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        return {
            **super().operations(),
            "InitiateAuth": self.initiate_auth,
            "RespondToAuthChallenge": self.respond_to_auth_challenge,
        }

    def initiate_auth(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Sign in with a password or a refresh token; a first password must be changed."""
        _check_client(asked)
        given = asked.get("AuthParameters", {})
        if asked["AuthFlow"] in {"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"}:
            claims = read_token(given.get("REFRESH_TOKEN", ""), "refresh", self._company.clock.now())
            user = self._company.racing.user(claims["sub"]) if claims else None
            if claims is None or user is None or claims["iat"] < user.sessions_since:
                raise _refused("Invalid Refresh Token.")
            return {"AuthenticationResult": self._tokens(user, refresh=False)}
        if asked["AuthFlow"] != "USER_PASSWORD_AUTH":
            raise AwsError(
                "InvalidParameterException", f"{asked['AuthFlow']} flow not enabled for this client"
            )
        user = self._company.racing.user(given.get("USERNAME", ""))
        if user is None or user.password is None or user.password != given.get("PASSWORD"):
            raise _refused(_WRONG)
        if not user.enabled:
            raise _refused("User is disabled.")
        if user.password_until is not None and user.password_until <= self._company.clock.now():
            raise _refused("Temporary password has expired and must be reset by an administrator.")
        if user.status == "FORCE_CHANGE_PASSWORD":
            challenge = {"USER_ID_FOR_SRP": user.username, "requiredAttributes": "[]"}
            session = self._token(user, "session", 180.0)
            return {
                "ChallengeName": "NEW_PASSWORD_REQUIRED",
                "Session": session,
                "ChallengeParameters": challenge,
            }
        return {"AuthenticationResult": self._tokens(user, refresh=True), "ChallengeParameters": {}}

    def respond_to_auth_challenge(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Change a first password for one of the user's own."""
        _check_client(asked)
        claims = read_token(asked.get("Session", ""), "session", self._company.clock.now())
        user = self._company.racing.user(claims["sub"]) if claims else None
        if user is None or asked["ChallengeName"] != "NEW_PASSWORD_REQUIRED":
            raise _refused("Invalid session for the user.")
        password = asked.get("ChallengeResponses", {}).get("NEW_PASSWORD", "")
        check_password(password)
        user.password, user.password_until, user.status = password, None, "CONFIRMED"
        return {"AuthenticationResult": self._tokens(user, refresh=True)}

    def _tokens(self, user: PoolUser, *, refresh: bool) -> dict[str, Any]:
        given = {
            "IdToken": self._token(user, "id", TOKEN_SECONDS),
            "AccessToken": self._token(user, "access", TOKEN_SECONDS),
            "ExpiresIn": int(TOKEN_SECONDS),
            "TokenType": "Bearer",
        }
        return given | ({"RefreshToken": self._token(user, "refresh", REFRESH_SECONDS)} if refresh else {})

    def _token(self, user: PoolUser, use: str, seconds: float) -> str:
        now = self._company.clock.now()
        claims = {
            "sub": user.sub,
            "cognito:username": user.username,
            "cognito:groups": sorted(user.groups),
            "email": user.email,
            "iss": f"https://{LOGIN}",
            "aud": CLIENT_ID,
            "token_use": use,
            "iat": now,
            "exp": now + seconds,
        }
        head = _encoded({"alg": "HS256", "typ": "JWT"})
        body = _encoded(claims if user.groups else {k: v for k, v in claims.items() if k != "cognito:groups"})
        return f"{head}.{body}.{_seal(f'{head}.{body}')}"


class IdentityPool:
    """The identity pool: AWS credentials for whoever is signed in and in a group that has a role."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        return {"GetId": self.get_id, "GetCredentialsForIdentity": self.get_credentials_for_identity}

    def seconds_to_wait(self, operation: str) -> float:
        """Let every call pass: the identity pool is far from its limits here."""
        return 0.0

    def throttling(self, seconds: float) -> AwsError:
        """Return the refusal of a caller who is too fast."""
        return throttling(seconds)

    def get_id(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the identity of a signed-in user, the same each time."""
        if asked["IdentityPoolId"] != IDENTITY_POOL_ID:
            raise AwsError("ResourceNotFoundException", "IdentityPool not found.")
        return {"IdentityId": f"{REGION}:{self._claims(asked)['sub']}"}

    def get_credentials_for_identity(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return credentials for an hour, of the role that the first matching group has."""
        claims = self._claims(asked)
        if asked["IdentityId"] != f"{REGION}:{claims['sub']}":
            raise AwsError("ResourceNotFoundException", "Identity not found.")
        groups = claims.get("cognito:groups", ())
        role = next((name for name in (ADMINS, FACILITATORS, RACERS) if name in groups), None)
        if role is None:
            raise _refused("Access to Identity is forbidden: no role for the given claims.")
        racing = self._company.racing
        seed = f"{racing.dice.getrandbits(160):040x}"
        keys = Keys(
            f"ASIA{seed[:16].upper()}",
            f"{seed}==",
            f"token/{seed}+=",
            self._company.clock.now() + KEYS_SECONDS,
            claims["sub"],
            role,
        )
        racing.keys[keys.access_key] = keys
        shown = {
            "AccessKeyId": keys.access_key,
            "SecretKey": keys.secret_key,
            "SessionToken": keys.session_token,
            "Expiration": keys.expires_at,
        }
        return {"IdentityId": asked["IdentityId"], "Credentials": shown}

    def _claims(self, asked: dict[str, Any]) -> dict[str, Any]:
        token = asked.get("Logins", {}).get(LOGIN)
        claims = read_token(token or "", "id", self._company.clock.now())
        if claims is None:
            raise _refused("Invalid login token. Token expired or not of this pool.")
        return claims


def read_token(token: str, use: str, now: float) -> dict[str, Any] | None:
    """Return the claims of a token of ours that is for this use and has not expired, else None."""
    signed, _, seal = token.rpartition(".")
    if not signed or not hmac.compare_digest(seal, _seal(signed)):
        return None
    body = signed.partition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims if claims["token_use"] == use and claims["exp"] > now else None


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _seal(signed: str) -> str:
    digest = hmac.new(_SECRET, signed.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _check_client(asked: dict[str, Any]) -> None:
    if asked["ClientId"] != CLIENT_ID:
        raise AwsError("ResourceNotFoundException", f"User pool client {asked['ClientId']} does not exist.")


def _refused(message: str) -> AwsError:
    return AwsError("NotAuthorizedException", message)
