"""The keys of Bot Connector: what it signs tokens with, and the two documents that publish them.

A published key says in `endorsements` for which channels it speaks. Beside the key of Teams there is always
one that speaks for web chat only. Source: learn.microsoft.com, "Authenticate with the Bot Connector API".
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://api.botframework.com"
TEAMS_CHANNELS = ("msteams", "skype", "cortana")
OTHER_CHANNELS = ("webchat", "directline")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One RSA key; its `kid` is the thumbprint of its public half."""

    private: rsa.RSAPrivateKey
    kid: str
    endorsements: tuple[str, ...]

    @classmethod
    def make(cls, endorsements: tuple[str, ...]) -> "SigningKey":
        """Make a new key that speaks for these channels."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(private, _base64url(hashlib.sha1(public, usedforsecurity=False).digest()), endorsements)

    def public_pem(self) -> bytes:
        """Return the public half, as a forger gets hold of it."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def as_jwk(self) -> Json:
        """Return the public half as the keys document shows it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": _base64url(numbers.e.to_bytes(3, "big")),
            "endorsements": list(self.endorsements),
        }


class SigningKeys:
    """The keys that are published now. `current` signs what comes from Teams."""

    def __init__(self) -> None:
        self.current = _first_key_of_teams()
        self.of_web_chat = _key_of_web_chat()
        self._fading: list[SigningKey] = []

    def rotate(self, *, overlap: bool = False) -> None:
        """Sign with a new key from now on. With an overlap the old one stays published beside it."""
        self._fading = [self.current] if overlap else []
        self.current = SigningKey.make(TEAMS_CHANNELS)

    def document(self) -> Json:
        """Return what `/v1/.well-known/keys` answers."""
        return {"keys": [key.as_jwk() for key in (self.of_web_chat, *self._fading, self.current)]}


@cache  # to make one takes a while
def _first_key_of_teams() -> SigningKey:
    return SigningKey.make(TEAMS_CHANNELS)


@cache
def _key_of_web_chat() -> SigningKey:
    """Return the key that never changes, one for all tenants of a process: making one takes a while."""
    return SigningKey.make(OTHER_CHANNELS)


def metadata(base_url: str) -> Json:
    """Return what `/v1/.well-known/openidconfiguration` answers at this address."""
    return {
        "issuer": ISSUER,
        "authorization_endpoint": "https://invalid.botframework.com",
        "jwks_uri": f"{base_url}/v1/.well-known/keys",
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    }


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
