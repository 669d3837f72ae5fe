"""The keys that Bot Connector signs with, kept here: a token is checked without asking anybody.

    metadata ─▶ jwks_uri ─▶ keys by their id, each with the channels it is endorsed for

A key that is known is never waited for; what is old is brought up to date beside the requests. Only a token
with an unknown key waits, for the one refresh under way.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import ClientError, ClientSession, TCPConnector
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWTError
from jwt.algorithms import RSAAlgorithm

from adapters.chat.hosts import is_secure
from adapters.trust import ssl_context
from provisioning.ports import Clock

FETCH_SECONDS: Final = 5.0  # for both documents together
MAX_AGE: Final = timedelta(hours=24)
PAUSE: Final = timedelta(seconds=30)  # between two refreshes, whoever asks for keys that do not exist
FIRST_PAUSE: Final = timedelta(seconds=1)  # the same, as long as there is no key at all
_MOST_BYTES: Final = 1024 * 1024
_OK: Final = 200

log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """No key was ever loaded: nobody's token can be checked."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, and the channels (`msteams`, …) whose activities it may vouch for."""

    key: RSAPublicKey
    endorsements: frozenset[str]


class KeyRing:
    """Bot Connector's keys. Belongs to one event loop, from `start` to `stop`."""

    def __init__(self, metadata_url: str, clock: Clock, fetch_seconds: float = FETCH_SECONDS) -> None:
        self._metadata_url = metadata_url
        self._clock = clock
        self._fetch_seconds = fetch_seconds
        self._keys: Mapping[str, SigningKey] = {}
        self._loaded_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None

    def start(self) -> None:
        """Begin to load the keys; nothing waits for it."""
        self._refresh(self._clock.now())

    async def stop(self) -> None:
        """Give up a refresh under way, and close the connections."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def find(self, key_id: str) -> SigningKey | None:
        """Return the key of this id, None when Bot Connector has none.

        An unknown id asks for a refresh, one in thirty seconds for all, the first loading not counted. Raises
        KeysUnavailable while no key was ever loaded.
        """
        now = self._clock.now()
        found = self._keys.get(key_id)
        if found is not None:
            if self._loaded_at is None or now - self._loaded_at > MAX_AGE:
                self._refresh(now)
            return found
        refreshing = self._refresh(now)
        if refreshing is not None:
            await asyncio.wait({refreshing})
        if not self._keys:
            raise KeysUnavailable
        return self._keys.get(key_id)

    def _refresh(self, now: datetime) -> asyncio.Task[None] | None:
        """Return the refresh under way, begun now if it is time for one; None when the last was just now."""
        if self._refreshing is not None and not self._refreshing.done():
            return self._refreshing
        pause = PAUSE if self._keys else FIRST_PAUSE
        # A clock that was set back must not put the next refresh off.
        if self._asked_at is not None and timedelta(0) <= now - self._asked_at < pause:
            return None
        self._asked_at = now
        self._refreshing = asyncio.create_task(self._load())
        return self._refreshing

    async def _load(self) -> None:
        """Take the keys as they are now. Whatever goes wrong, those that are known stay."""
        try:
            async with asyncio.timeout(self._fetch_seconds):
                metadata = await self._fetched(self._metadata_url)
                keys = _keys(await self._fetched(metadata.get("jwks_uri")))
        except (ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
            log.warning(
                "signing keys not loaded",
                extra={"action": "keys", "error": type(error).__name__, "known": len(self._keys)},
            )
            return
        if not self._keys:  # no unknown key has asked for these: the first that does need not wait
            self._asked_at = None
        self._keys, self._loaded_at = keys, self._clock.now()

    async def _fetched(self, url: object) -> Mapping[str, Any]:
        if not isinstance(url, str) or not is_secure(url):
            raise ValueError("not an address to fetch keys from")
        async with self._opened().get(url, allow_redirects=False) as response:
            if response.status != _OK:
                raise ValueError(f"answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError("too long")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - a fault of what came, not of the call
        return found

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(connector=TCPConnector(ssl=ssl_context()), trust_env=True)
        return self._session


def _keys(found: Mapping[str, Any]) -> dict[str, SigningKey]:
    """Read a JWK set. Keys of other kinds are left out; raises ValueError when nothing is left."""
    listed = found.get("keys")
    keys: dict[str, SigningKey] = {}
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("kid"), str) and each.get("kty") == "RSA":
            key = _public(each)
            if key is not None:
                keys[each["kid"]] = SigningKey(key, _endorsements(each))
    if not keys:
        raise ValueError("no keys")
    return keys


def _public(each: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        key = RSAAlgorithm.from_jwk({name: each.get(name) for name in ("kty", "n", "e")})
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _endorsements(each: Mapping[str, Any]) -> frozenset[str]:
    named = each.get("endorsements")
    return (
        frozenset(name for name in named if isinstance(name, str)) if isinstance(named, list) else frozenset()
    )
