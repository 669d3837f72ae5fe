"""What stands between Microsoft's Playground and the bot, so that the bot's own checks stay on.

playground ─▶ POST /api/messages ─▶ signed as Bot Connector signs ─▶ the bot
bot ─▶ /_connector/… ─▶ with a token of the bot's? ─▶ the playground's connector
bot ─▶ /v1/.well-known/… : the keys

It plays, too, what the playground cannot: other kinds of tokens, and guests.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.connector_keys import SigningKeys, metadata
from sandbox.connector_tokens import VALID, TokenForge
from sandbox.entra import CONNECTOR_AUDIENCE, read_token

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Passed:
    """One call that came through, and how it was answered."""

    method: str
    path: str
    sent: Any
    status: int


class SigningProxy:
    """`bot` and `playground` are where the two are found, set once they are up.

    `role` is what everybody is in the tenant. `spoils` changes what comes from the playground, `token` names
    the kind of token that it gets (`TokenForge.deviations`).
    """

    def __init__(self, company: Company) -> None:
        self.bot = self.playground = ""
        self.role = "user"
        self.token = VALID
        self.spoils: Callable[[Json], Json] = lambda activity: activity
        self.passed: list[Passed] = []
        self.keys = SigningKeys()
        self._forge = TokenForge(self.keys)
        self._addresses = {user.aad_object_id: user.id for user in company.teams_users.values()}

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application(client_max_size=2**20)
        app.router.add_get("/v1/.well-known/openidconfiguration", self._metadata)
        app.router.add_get("/v1/.well-known/keys", self._published)
        app.router.add_head("/api/messages", self._is_there)
        app.router.add_post("/api/messages", self._to_the_bot)
        app.router.add_get("/_connector/v3/conversations/{conversation}/members/{who}", self._member)
        app.router.add_route("*", "/_connector/{path:.*}", self._to_the_playground)
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response(metadata(f"http://{request.host}"))

    async def _published(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys.document())

    async def _is_there(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _to_the_bot(self, request: web.Request) -> web.Response:
        activity = self.spoils(await request.json())
        header = self._forge.header(activity["serviceUrl"], self.token)
        return await self._passed(request, f"{self.bot}/api/messages", activity, header)

    async def _to_the_playground(self, request: web.Request) -> web.Response:
        if not self._is_the_bot(request):
            return web.json_response({"error": {"code": "Unauthorized"}}, status=HTTPStatus.UNAUTHORIZED)
        body = await request.json() if request.can_read_body else None
        return await self._passed(request, f"{self.playground}{request.path_qs}", body, {})

    async def _member(self, request: web.Request) -> web.Response:
        """Answer as Teams does: it finds people by object id as well, and says role and tenant."""
        if not self._is_the_bot(request):
            return web.json_response({"error": {"code": "Unauthorized"}}, status=HTTPStatus.UNAUTHORIZED)
        conversation, who = request.match_info["conversation"], request.match_info["who"]
        path = f"/_connector/v3/conversations/{conversation}/members/{self._addresses.get(who, who)}"
        answer = await self._passed(request, f"{self.playground}{path}", None, {})
        found = json.loads(answer.text or "{}")
        if answer.status != HTTPStatus.OK:
            return answer
        return web.json_response(found | {"userRole": self.role, "tenantId": TENANT_ID})

    async def _passed(self, request: web.Request, url: str, body: Any, headers: Json) -> web.Response:
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, json=body, headers=headers) as answer,
        ):
            text = await answer.text()
        self.passed.append(Passed(request.method, request.path, body, answer.status))
        return web.Response(text=text, status=answer.status, content_type="application/json")

    def _is_the_bot(self, request: web.Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            return bool(read_token(token, CONNECTOR_AUDIENCE).get("appid") == BOT_APP_ID)
        except jwt.InvalidTokenError:
            return False
