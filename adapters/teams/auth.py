"""Whether an activity is genuine: signed by Bot Connector, for this bot, from Teams, from a tenant of ours.

    401  no token that Bot Connector signed for us and that is in force
    403  a good token, but for another service URL, another channel or another tenant
    503  nobody's token can be checked, because no key was ever loaded

The token is not bound to the activity: what the activity says of its sender is believed because nobody but
Bot Connector holds the key. There is no switch that turns any of this off.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import jwt

from adapters.chat.hosts import is_listed
from adapters.teams.keys import KeysUnavailable, SigningKey
from adapters.teams.wire import Envelope
from provisioning.ports import Clock

ISSUER: Final = "https://api.botframework.com"
CHANNEL: Final = "msteams"
LEEWAY_SECONDS: Final = 300.0
_ALGORITHM: Final = "RS256"
_AEONS: Final = 1e12  # seconds; beyond, sums overflow
_LONGEST: Final = 16 * 1024  # characters; Bot Connector's tokens have about a thousand
# PyJWT's own time checks go by the clock on the wall; ours are in `_is_in_force`.
_OPTIONS: Final[Any] = {
    "require": ["exp", "iss", "aud"],
    "strict_aud": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "enforce_minimum_key_length": True,
}


class TurnedAway(Exception):
    """The request is refused with this HTTP status; the reason is one word, for the log."""

    def __init__(self, status: Literal[401, 403, 503], reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Keys(Protocol):
    """Where signing keys are found; see `KeyRing.find`."""

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key of this id, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature, issuer, audience and time are good, and what its key may vouch for."""

    claims: Mapping[str, Any]
    endorsements: frozenset[str]


@dataclass(frozen=True, slots=True)
class Validator:
    """Checks tokens and the activities that came with them. `tenant_ids` are lower-case."""

    app_id: str
    tenant_ids: frozenset[str]
    service_url_hosts: Collection[str]
    keys: Keys
    clock: Clock

    async def token(self, header: str | None) -> Token:
        """Read the Authorization header. Raises TurnedAway with 401 or 503."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not text.isascii() or len(text) > _LONGEST:
            raise TurnedAway(401, "no-token")
        try:
            stated = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TurnedAway(401, "unreadable") from error
        key_id = stated.get("kid")
        if stated.get("alg") != _ALGORITHM or not isinstance(key_id, str):
            raise TurnedAway(401, "algorithm")
        try:
            key = await self.keys.find(key_id)
        except KeysUnavailable as error:
            raise TurnedAway(503, "no-keys") from error
        if key is None:
            raise TurnedAway(401, "unknown-key")
        try:
            claims = jwt.decode(
                text, key.key, algorithms=[_ALGORITHM], audience=self.app_id, issuer=ISSUER, options=_OPTIONS
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TurnedAway(401, type(error).__name__) from error
        if not self._is_in_force(claims):
            raise TurnedAway(401, "not-in-force")
        return Token(claims, key.endorsements)

    def admit(self, token: Token, activity: Envelope) -> None:
        """Check that the token is for this activity, and the activity for us. Raises TurnedAway with 403."""
        claimed = token.claims.get("serviceurl")
        if activity.service_url is None or claimed != activity.service_url:
            raise TurnedAway(403, "service-url-claim")
        if activity.channel_id != CHANNEL or CHANNEL not in token.endorsements:
            raise TurnedAway(403, "channel")
        if not is_listed(activity.service_url, self.service_url_hosts):
            raise TurnedAway(403, "service-url-host")
        if not activity.tenants or not activity.tenants <= self.tenant_ids:
            raise TurnedAway(403, "tenant")

    def _is_in_force(self, claims: Mapping[str, Any]) -> bool:
        now = self.clock.now().timestamp()
        ends, begins = claims["exp"], claims.get("nbf")
        if not _is_moment(ends) or now >= ends + LEEWAY_SECONDS:
            return False
        return begins is None or (_is_moment(begins) and now >= begins - LEEWAY_SECONDS)


def _is_moment(found: object) -> bool:
    """Whether it is a number of seconds since 1970 that can be reckoned with: no infinity, no NaN."""
    return isinstance(found, int | float) and not isinstance(found, bool) and -_AEONS < found < _AEONS
