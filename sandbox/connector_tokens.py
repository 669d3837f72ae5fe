"""The tokens that Bot Connector sends along with an activity, and every way in which one can be wrong.

    forge.header("http://…/emea/")                    what Teams sends
    forge.header("http://…/emea/", "expired")         one deviation; `TokenForge.deviations()` names them all

They live by the real clock, not the company's, because whoever validates them does too.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt

from sandbox.company import BOT_APP_ID, TENANT_ID
from sandbox.connector_keys import ISSUER, TEAMS_CHANNELS, SigningKey, SigningKeys

LIFE_SECONDS = 3600
VALID = "valid"
Json = dict[str, Any]
_MINUTE = 60


class TokenForge:
    """Makes the Authorization header of an activity, right or wrong. `app_id` is the bot's."""

    def __init__(self, keys: SigningKeys, app_id: str = BOT_APP_ID) -> None:
        self._keys = keys
        self._app_id = app_id
        self._stranger = _key_of_a_stranger()
        self._deviations: dict[str, Callable[[Json], str | None]] = {
            VALID: self._signed,
            "wrong-audience": lambda claims: self._signed(claims | {"aud": TENANT_ID}),
            "no-audience": lambda claims: self._signed(_without(claims, "aud")),
            "wrong-issuer": lambda claims: self._signed(claims | {"iss": "https://api.botframework.example"}),
            "no-issuer": lambda claims: self._signed(_without(claims, "iss")),
            "expired": lambda claims: self._signed(_shifted(claims, "exp", -10)),
            "expired-within-skew": lambda claims: self._signed(_shifted(claims, "exp", -4)),
            "no-expiry": lambda claims: self._signed(_without(claims, "exp")),
            "not-yet-valid": lambda claims: self._signed(_shifted(claims, "nbf", 10)),
            "not-yet-valid-within-skew": lambda claims: self._signed(_shifted(claims, "nbf", 4)),
            "bad-signature": self._badly_signed,
            "unknown-key": lambda claims: _encode(claims, self._stranger, self._stranger.kid),
            "no-key-id": lambda claims: _encode(claims, keys.current, None),
            "unsigned": lambda claims: _assembled({"alg": "none", "typ": "JWT"}, claims, b""),
            "hs256": self._hs256,
            "garbage": lambda _: "not.a.token",
            "empty": lambda _: "",
            "no-header": lambda _: None,
            "no-service-url": lambda claims: self._signed(_without(claims, "serviceurl")),
            "other-service-url": lambda claims: self._signed(
                claims | {"serviceurl": "https://smba.example/emea/"}
            ),
            "other-channel": lambda claims: _encode(claims, keys.of_web_chat, keys.of_web_chat.kid),
            "entra": self._of_entra,
        }

    def deviations(self) -> list[str]:
        """Return the name of every kind of token, `valid` first."""
        return list(self._deviations)

    def token(self, service_url: str, deviation: str = VALID) -> str | None:
        """Return a token for an activity of this service URL; None when there is none to send."""
        now = int(time.time())
        claims = {
            "serviceurl": service_url,
            "nbf": now - _MINUTE,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "iss": ISSUER,
            "aud": self._app_id,
        }
        return self._deviations[deviation](claims)

    def header(self, service_url: str, deviation: str = VALID) -> dict[str, str]:
        """Return the Authorization header with such a token, or none at all."""
        token = self.token(service_url, deviation)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _signed(self, claims: Json) -> str:
        return _encode(claims, self._keys.current, self._keys.current.kid)

    def _badly_signed(self, claims: Json) -> str:
        """Sign with another key under the name of the right one."""
        return _encode(claims, self._stranger, self._keys.current.kid)

    def _hs256(self, claims: Json) -> str:
        """Use the public key as a shared secret: whoever lets the token choose the algorithm believes it."""
        header = {"alg": "HS256", "typ": "JWT", "kid": self._keys.current.kid}
        return _assembled(header, claims, self._keys.current.public_pem())

    def _of_entra(self, claims: Json) -> str:
        """Return what an app of our own tenant can get for the bot's id: no word of Bot Connector's."""
        issued = {"iss": f"https://sts.windows.net/{TENANT_ID}/", "tid": TENANT_ID, "ver": "1.0"}
        return _encode(_without(claims, "serviceurl") | issued, self._stranger, self._stranger.kid)


@cache
def _key_of_a_stranger() -> SigningKey:
    """Return a key that is published nowhere."""
    return SigningKey.make(TEAMS_CHANNELS)


def _without(claims: Json, name: str) -> Json:
    return {key: value for key, value in claims.items() if key != name}


def _shifted(claims: Json, name: str, minutes: int) -> Json:
    """Put one time so many minutes from now, and the others where they belong."""
    at = int(time.time()) + minutes * _MINUTE
    if name == "exp":
        return claims | {"exp": at, "iat": at - LIFE_SECONDS, "nbf": at - LIFE_SECONDS}
    return claims | {"nbf": at, "exp": at + LIFE_SECONDS}


def _encode(claims: Json, key: SigningKey, kid: str | None) -> str:
    header = {} if kid is None else {"kid": kid, "x5t": kid}
    return jwt.encode(claims, key.private, algorithm="RS256", headers=header)


def _assembled(header: Json, claims: Json, secret: bytes) -> str:
    """Put a token together by hand, as the library refuses to; an empty secret leaves it unsigned."""
    parts = [_base64url(json.dumps(part).encode()) for part in (header, claims)]
    signed = ".".join(parts)
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{_base64url(mac)}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
