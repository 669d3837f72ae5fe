"""A tenant to talk to, and a small bot in it: what the tests of the simulated Bot Connector share."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from aiohttp import web

from sandbox.clock import Clock
from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.connector import ConnectorSimulator
from sandbox.connector_cards import CONTENT_TYPE
from sandbox.connector_keys import ISSUER
from sandbox.entra import CONNECTOR_AUDIENCE, EntraSimulator
from sandbox.listening import listening
from sandbox.teams_chatting import TeamsPerson
from sandbox.wire import CallLog, Faults

Json = dict[str, Any]
TRUST = ssl.create_default_context()  # made once: making it costs more than a call


def bot_token(**issued: Any) -> str:
    """Return the bot's own token, or one that deviates."""
    entra = EntraSimulator(Company.found(people=1), CallLog(Clock()), Faults())
    return entra.issue(**{"client_id": BOT_APP_ID, "audience": CONNECTOR_AUDIENCE} | issued)


@dataclass
class Tenant:
    """A running simulator, and how the bot calls it."""

    teams: ConnectorSimulator
    url: str
    token: str

    def call(self, verb: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        with httpx.Client(trust_env=False, base_url=self.url, verify=TRUST) as http:
            return http.request(verb, path, json=body, headers=headers, **options)

    def post(self, conversation: str, text: str = "hello", **more: Any) -> httpx.Response:
        return self.call("POST", f"/v3/conversations/{conversation}/activities", message(text, **more))

    def open_chat(self, key: str, **more: Any) -> httpx.Response:
        return self.call("POST", "/v3/conversations", personal(self.id_of(key), **more))

    def chat(self, key: str) -> str:
        """Open the personal chat with this person and return its id."""
        answer = self.open_chat(key)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def id_of(self, key: str) -> str:
        return self.teams.company.people[key].teams.id

    def seen_by(self, key: str) -> list[Json]:
        answer = self.call("GET", "/_teams/transcript", params={"user": key})
        found: list[Json] = answer.json()
        return found


@contextmanager
def tenant(*, people: int = 5, clock: Clock | None = None, **switches: Any) -> Iterator[Tenant]:
    company = Company.found(people=people, clock=clock)
    teams = ConnectorSimulator(company, CallLog(company.clock), Faults(), **switches)
    with listening(teams.app()) as url:
        yield Tenant(teams, url, bot_token())


def message(text: str, **more: Any) -> Json:
    return {"type": "message", "text": text, **more}


def card(*body: Json, actions: list[Json] | None = None, **more: Any) -> Json:
    made: Json = {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}
    return made | ({"actions": actions} if actions else {})


def attached(content: Json) -> Json:
    return {"type": "message", "attachments": [{"contentType": CONTENT_TYPE, "content": content}]}


def text_block(text: str) -> Json:
    return {"type": "TextBlock", "text": text, "wrap": True}


def execute(title: str, say: str, **more: Any) -> Json:
    data = {"say": say}
    fallback = {"type": "Action.Submit", "title": title, "data": data}
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": "say",
        "data": data,
        "fallback": fallback,
        **more,
    }


def personal(member: str, tenant_id: str = TENANT_ID, **more: Any) -> Json:
    return {
        "bot": {"id": f"28:{BOT_APP_ID}"},
        "members": [{"id": member}],
        "channelData": {"tenant": {"id": tenant_id}},
        **more,
    }


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class NotPublished(jwt.InvalidTokenError):
    """No published key has this id."""


class NotEndorsed(jwt.InvalidTokenError):
    """The key does not speak for this channel."""


def claims_of(token: str, metadata_url: str, channel: str = "msteams") -> Json:
    """Validate a token as a bot must. Raises jwt.InvalidTokenError."""
    with httpx.Client(trust_env=False) as http:
        published = http.get(http.get(metadata_url).json()["jwks_uri"]).json()["keys"]
    kid = jwt.get_unverified_header(token).get("kid")
    found = next((key for key in published if key["kid"] == kid), None)
    if found is None:
        raise NotPublished
    if channel not in found["endorsements"]:
        raise NotEndorsed
    claims: Json = jwt.decode(
        token,
        jwt.PyJWK(found).key,
        algorithms=["RS256"],
        audience=BOT_APP_ID,
        issuer=ISSUER,
        leeway=300,
        options={"require": ["exp", "iss", "aud"]},
    )
    return claims


@dataclass
class SmallBot:
    """Validates tokens, hears everything, and answers: say NAME → a card that greets; anything else → echo.

    `invoked` is what it answers a pressed button, as status and body.
    """

    tenant: Tenant
    heard: list[Json] = field(default_factory=list)
    invoked: tuple[int, Any] = (200, None)
    url: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/messages", self._messages)
        return app

    async def _messages(self, request: web.Request) -> web.Response:
        activity = json.loads(await request.text())
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        metadata = f"{self.tenant.url}/v1/.well-known/openidconfiguration"
        try:
            claims = await asyncio.to_thread(claims_of, token, metadata, activity["channelId"])
        except jwt.InvalidTokenError:
            return web.Response(status=401)
        if scheme != "Bearer" or claims.get("serviceurl") != activity["serviceUrl"]:
            return web.Response(status=403)
        self.heard.append(activity)
        if activity["type"] == "invoke":
            status, body = self.invoked
            return web.json_response(body, status=status)
        if activity["type"] == "message" and activity.get("text"):
            await asyncio.to_thread(self._reply, activity)
        return web.Response(status=201)

    def _reply(self, activity: Json) -> None:
        base = activity["serviceUrl"].removeprefix(self.tenant.url)
        where = f"{base}v3/conversations/{activity['conversation']['id']}/activities/{activity['id']}"
        answer = self.tenant.call("POST", where, attached(greeting(activity["from"]["name"])))
        assert answer.status_code == 201, answer.text

    def person(self, key: str, conversation: str | None = None) -> TeamsPerson:
        return TeamsPerson(key, teams_url=self.tenant.url, bot_url=self.url, conversation=conversation)


def greeting(name: str) -> Json:
    return card(
        text_block(f"Hello, {name}"),
        {"type": "Input.Text", "id": "why", "label": "Why?"},
        actions=[execute("Leave", "leave {why}")],
    )


@contextmanager
def small_bot(found: Tenant) -> Iterator[SmallBot]:
    bot = SmallBot(found)
    with listening(bot.app()) as bot.url:
        yield bot
