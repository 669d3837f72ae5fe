"""Bot Connector as one tenant sees it: the API the bot calls, its keys, and what people in Teams are shown.

/v1/.well-known/…                     metadata and keys (`connector_keys`)
/v3/… and /emea/v3/…                  the API (`connector_web`); the second is the service URL of activities
/_teams/…                             for players and tests, no part of Teams (`connector_players`)

Every call of the API needs a token of Entra for the bot's own app; what it may do depends on what the bot is
part of. Faults find the calls under the names "GET keys", "POST activities", "PUT activity" and so on.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from aiohttp import web

from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.connector_conversations import Conversations, bare
from sandbox.connector_errors import Refused, json_object, unauthorized
from sandbox.connector_keys import SigningKeys, metadata
from sandbox.connector_players import Players
from sandbox.connector_rates import ConnectorRates, Operation
from sandbox.connector_tokens import TokenForge
from sandbox.connector_transcript import TeamsTranscript
from sandbox.connector_web import Answered, ConnectorApi, check_size
from sandbox.entra import CONNECTOR_AUDIENCE, read_token
from sandbox.wire import DETAIL, CallLog, Faults, application

REGION = "/emea"
_Handler = Callable[[web.Request], Awaitable[web.Response]]
_NAMES: tuple[tuple[str, str], ...] = (
    (r"/v1/\.well-known/openidconfiguration", "openidconfiguration"),
    (r"/v1/\.well-known/keys", "keys"),
    (r".*/v3/conversations/?", "conversations"),
    (r".*/v3/conversations/[^/]+/activities", "activities"),
    (r".*/v3/conversations/[^/]+/activities/[^/]+", "activity"),
    (r".*/v3/conversations/[^/]+/members", "members"),
    (r".*/v3/conversations/[^/]+/members/[^/]+", "member"),
    (r".*/v3/conversations/[^/]+/pagedmembers", "pagedmembers"),
)


class ConnectorSimulator:
    """Bot Connector for one tenant with the app installed in one team.

    `app_id` is the bot's. `rate_scale` multiplies every rate limit.
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        app_id: str = BOT_APP_ID,
        rate_scale: float = 1.0,
    ) -> None:
        """Open the tenant of this company."""
        self.company = company
        self.log = log
        self.faults = faults
        self.app_id = app_id
        self.keys = SigningKeys()
        self.forge = TokenForge(self.keys, app_id)
        self.conversations = Conversations(company)
        self.transcript = TeamsTranscript(company.clock, self.conversations.sees)
        self.rates = ConnectorRates(company.clock, rate_scale)
        self.api = ConnectorApi(company, self.conversations, self.transcript)
        self.players = Players(company, self.conversations, self.transcript, self.keys, self.forge)

    def app(self) -> web.Application:
        """Return the application that serves all of it."""
        app = application(
            clock=self.company.clock,
            log=self.log,
            faults=self.faults,
            named=_named,
            throttled=lambda seconds: Refused.throttled(seconds).response(),
        )
        app.router.add_get("/v1/.well-known/openidconfiguration", self._metadata)
        app.router.add_get("/v1/.well-known/keys", self._published)
        for prefix in ("", REGION):
            base = f"{prefix}/v3/conversations"
            one = base + "/{conversation}"
            app.router.add_post(base, self._create)
            app.router.add_post(f"{one}/activities", self._post)
            app.router.add_post(one + "/activities/{activity}", self._post)
            app.router.add_put(one + "/activities/{activity}", self._update)
            app.router.add_delete(one + "/activities/{activity}", self._delete)
            app.router.add_get(f"{one}/members", self._members)
            app.router.add_get(one + "/members/{member}", self._member)
            app.router.add_get(f"{one}/pagedmembers", self._page)
        self.players.add_to(app.router, REGION)
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response(metadata(f"http://{request.host}"))

    async def _published(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys.document())

    async def _create(self, request: web.Request) -> web.Response:
        return await self._call(request, "create", lambda _, body: self.api.create(body))

    async def _post(self, request: web.Request) -> web.Response:
        reply_to = request.match_info.get("activity")
        return await self._call(request, "send", lambda where, body: self.api.post(where, body, reply_to))

    async def _update(self, request: web.Request) -> web.Response:
        activity = request.match_info["activity"]
        return await self._call(request, "send", lambda where, body: self.api.update(where, activity, body))

    async def _delete(self, request: web.Request) -> web.Response:
        activity = request.match_info["activity"]
        return await self._call(request, "send", lambda where, _: self.api.delete(where, activity))

    async def _member(self, request: web.Request) -> web.Response:
        who = request.match_info["member"]
        return await self._call(request, "read", lambda where, _: self.api.member(where, who))

    async def _members(self, request: web.Request) -> web.Response:
        return await self._call(request, "list", lambda where, _: self.api.members(where))

    async def _page(self, request: web.Request) -> web.Response:
        size, token = request.query.get("pageSize"), request.query.get("continuationToken")
        return await self._call(request, "read", lambda where, _: self.api.page(where, size, token))

    async def _call(
        self,
        request: web.Request,
        operation: Operation,
        call: Callable[[str, dict[str, Any]], Answered],
    ) -> web.Response:
        """Answer one call of the API: is it the bot? too often? too big? and then whatever it is about."""
        conversation = request.match_info.get("conversation", "")
        request[DETAIL] = {
            name: request.match_info[name]
            for name in ("conversation", "activity", "member")
            if name in request.match_info
        }
        if not self._is_the_bot(request.headers.get("Authorization", "")):
            return unauthorized()
        try:
            text = await request.text()
            body = json_object(text) if request.method in ("POST", "PUT") else {}
            self._spend(operation, conversation or _target(body))
            check_size(text)
            status, answer = call(conversation, body)
        except Refused as refused:
            request[DETAIL] |= {"error": refused.code}
            return refused.response()
        request[DETAIL] |= {"id": answer["id"]} if isinstance(answer, dict) and "id" in answer else {}
        return web.json_response(answer, status=status)

    def _is_the_bot(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        try:
            claims = read_token(token, CONNECTOR_AUDIENCE)
        except jwt.InvalidTokenError:
            return False
        return scheme == "Bearer" and claims.get("appid") == self.app_id

    def _spend(self, operation: Operation, conversation_id: str) -> None:
        conversation = self.conversations.find(conversation_id)
        tenant = TENANT_ID if conversation is None else conversation.tenant
        wait = self.rates.spend(operation, bare(conversation_id), tenant)
        if wait is not None:
            raise Refused.throttled(wait)


def _target(body: dict[str, Any]) -> str:
    """Return whom or what a new conversation is with, as far as the counting of calls goes."""
    data = body.get("channelData")
    channel = data.get("channel") if isinstance(data, dict) else None
    if isinstance(channel, dict):
        return str(channel.get("id"))
    return json.dumps(body.get("members"))


async def _named(request: web.Request) -> str:
    for pattern, name in _NAMES:
        if re.fullmatch(pattern, request.path):
            return f"{request.method} {name}"
    return f"{request.method} {request.path[1:]}"
