"""What the Teams door is compared with, and the door by itself.

python -m bench.teams_rivals door    the door of the bot, with an answer that costs nothing
python -m bench.teams_rivals bare    a handler that checks the same of a token and parses the activity
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
from aiohttp import web
from jwt.algorithms import RSAAlgorithm

from adapters.chat.message import Message, Plain
from adapters.chat.utterance import Utterance
from adapters.teams.address import Address
from adapters.teams.door import DoorSettings, DoorWords, TeamsDoor
from adapters.teams.wire import Heard
from bench.rivals import serve
from provisioning.ids import ChatIdentity

TEXT = "You're in the queue for Spring Cup 2027."
SAID = Message((Plain(TEXT),))
CARD = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [{"type": "TextBlock", "text": TEXT}],
}
ISSUER = "https://api.botframework.com"


class _Nowhere:
    """Keeps nothing and sends nothing."""

    def keep(self, chat: ChatIdentity | None, address: Address) -> bool:
        return False

    def meet(self, chat: ChatIdentity | None, address: Address, locale: str | None) -> bool:
        return False

    def forget(self, chat: ChatIdentity | None, address: Address) -> None:
        return

    def answer(self, heard: Heard, message: Message) -> None:
        return

    def placed(self, heard: Heard, activity_id: str) -> None:
        return

    def welcome(self, address: Address, message: Message) -> None:
        return


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def door() -> web.Application:
    """Return the door with a bot that says the same to everybody."""

    async def answer(_: Utterance) -> Message:
        return SAID

    settings = DoorSettings(
        os.environ["MICROSOFT_APP_ID"],
        frozenset({os.environ["TEAMS_TENANT_IDS"]}),
        os.environ["BOT_OPENID_METADATA_URL"],
        frozenset({os.environ["TEAMS_SERVICE_URL_HOSTS"]}),
    )
    words = DoorWords(*[lambda _: SAID] * 5)
    made = TeamsDoor(settings, answer=answer, words=words, outgoing=_Nowhere(), clock=_Clock())

    async def start(_: web.Application) -> None:
        await made.start()

    app = web.Application()
    app.add_routes(made.routes())
    app.on_startup.append(start)
    return app


def bare() -> web.Application:
    """Return the least that any door for Teams must do."""
    app_id, tenant = os.environ["MICROSOFT_APP_ID"], os.environ["TEAMS_TENANT_IDS"]
    listed = httpx.get(httpx.get(os.environ["BOT_OPENID_METADATA_URL"]).json()["jwks_uri"]).json()["keys"]
    keys: dict[str, tuple[Any, list[str]]] = {
        key["kid"]: (RSAAlgorithm.from_jwk(key), key["endorsements"]) for key in listed
    }
    options: Any = {"require": ["exp", "iss", "aud"]}

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        token = request.headers["Authorization"].removeprefix("Bearer ")
        key, endorsed = keys[jwt.get_unverified_header(token)["kid"]]
        try:
            claims = jwt.decode(
                token, key, ["RS256"], audience=app_id, issuer=ISSUER, leeway=300, options=options
            )
        except jwt.PyJWTError:
            return web.Response(status=401)
        activity = json.loads(body)
        if claims["serviceurl"] != activity["serviceUrl"] or activity["channelId"] not in endorsed:
            return web.Response(status=403)
        if {activity["channelData"]["tenant"]["id"], activity["conversation"]["tenantId"]} != {tenant}:
            return web.Response(status=403)
        if activity["type"] != "invoke":
            return web.Response(status=201)
        answer = {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": CARD}
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/api/messages", take)
    return app


if __name__ == "__main__":
    asyncio.run(serve({"door": door, "bare": bare}[sys.argv[1]]()))
