"""Bot Connector's side of the Teams door: its keys, its tokens, and the activities it sends."""

import asyncio
import base64
import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID = "5f0d3c1e-0f3a-4b0e-8d3b-6d1e3a6c7b01"
TENANT = "8f1b7c6e-6a9a-4b1e-9d53-1f6f0c2e7a01"
OTHER_TENANT = "0e9d7c6e-6a9a-4b1e-9d53-1f6f0c2e7a99"
ADA = "1c2d3e4f-0000-4000-8000-00000000ada1"
SERVICE_URL = "https://smba.trafficmanager.net/emea/"
ISSUER = "https://api.botframework.com"
BOT = f"28:{APP_ID}"
USER = "29:1ada-mri_x"
CHANNEL = "19:racing@thread.tacv2"


@cache
def _private(number: int) -> rsa.RSAPrivateKey:
    """Return the key of this number, the same in one run: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def jwk(number: int, **changes: Any) -> dict[str, Any]:
    """Return a public key as Bot Connector publishes it."""
    numbers = _private(number).public_key().public_numbers()
    public = {
        "kty": "RSA",
        "use": "sig",
        "kid": f"key-{number}",
        "n": _base64(numbers.n),
        "e": _base64(numbers.e),
    }
    return public | {"endorsements": ["msteams", "webchat"]} | changes


def claims(now: float | None = None, **changes: Any) -> dict[str, Any]:
    """Return good claims; a change to None leaves a claim out."""
    at = int(time.time() if now is None else now)
    usual = {"iss": ISSUER, "aud": APP_ID, "nbf": at - 60, "exp": at + 3600, "serviceurl": SERVICE_URL}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(said: dict[str, Any], *, key: int = 1, kid: str | None = None, alg: str = "RS256") -> str:
    """Sign claims with the key of this number."""
    with_key: Any = {"RS256": _private(key), "HS256": "a secret of thirty-two characters", "none": None}[alg]
    return jwt.encode(said, with_key, algorithm=alg, headers={"kid": kid or f"key-{key}"})


def bearer(said: dict[str, Any] | None = None, **how: Any) -> str:
    return f"Bearer {token(claims() if said is None else said, **how)}"


_numbers = itertools.count(1)


def activity(**changes: Any) -> dict[str, Any]:
    """Return a message typed in a personal chat; a change to None leaves a field out."""
    usual = {
        "type": "message",
        "id": f"17000000{next(_numbers):05d}",
        "channelId": "msteams",
        "serviceUrl": SERVICE_URL,
        "from": {"id": USER, "name": "Ada", "aadObjectId": ADA},
        "recipient": {"id": BOT, "name": "DeepRacer"},
        "conversation": {"id": "a:personal-ada", "conversationType": "personal", "tenantId": TENANT},
        "channelData": {"tenant": {"id": TENANT}},
        "locale": "en-US",
        "text": "join",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def in_channel(**changes: Any) -> dict[str, Any]:
    """Return a message in a thread of a channel, with the mention that brought it to the bot."""
    conversation = {
        "id": f"{CHANNEL};messageid=1700",
        "conversationType": "channel",
        "isGroup": True,
        "tenantId": TENANT,
    }
    return activity(**mentioning("join"), **{"conversation": conversation} | changes)


def mentioning(words: str) -> dict[str, Any]:
    mention = {
        "type": "mention",
        "mentioned": {"id": BOT, "name": "DeepRacer"},
        "text": "<at>DeepRacer</at>",
    }
    return {"text": f"<at>DeepRacer</at>&nbsp;{words}\n", "entities": [mention]}


def pressed(words: str, card: str | None = "1700-card", **changes: Any) -> dict[str, Any]:
    """Return the invoke of an Action.Execute."""
    action = {"type": "Action.Execute", "verb": "say", "data": {"say": words}}
    return activity(
        **{
            "type": "invoke",
            "name": "adaptiveCard/action",
            "text": None,
            "replyToId": card,
            "value": {"action": action, "trigger": "manual"},
        }
        | changes
    )


@dataclass
class Authority:
    """Serves metadata and keys. Keys are held back while `open` is cleared, and `broken` makes them a 500."""

    keys: Sequence[dict[str, Any]] = field(default_factory=lambda: [jwk(1)])
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    jwks_uri: str | None = None
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def app(self) -> web.Application:
        """Return the application that answers for it."""
        app = web.Application()
        app.add_routes([web.get("/metadata", self._metadata), web.get("/keys", self._keys)])
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append("metadata")
        uri = self.jwks_uri or str(request.url.with_path("/keys"))
        return web.json_response({"issuer": ISSUER, "jwks_uri": uri})

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        while not self.open.is_set():  # noqa: ASYNC110 - the event belongs to threads, not to this loop
            await asyncio.sleep(0.005)
        return web.Response(status=500) if self.broken else web.json_response({"keys": list(self.keys)})


def body(sent: object) -> bytes:
    return json.dumps(sent).encode()
