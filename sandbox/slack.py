"""Slack as one workspace sees it: the Web API, response URLs, Socket Mode, and what its people are shown.

/api/<method>                         the Web API (`slack_web`)
/commands/… and /actions/…            response URLs (`slack_responses`)
/link/                                Socket Mode (`slack_socket`)
/upload/v1/… and /files-pri/…         where the bytes of files go, and come from (`slack_files`)
/_slack/…                             for players and tests, no part of Slack:
    GET  people                       every person by key
    GET  transcript?user=|channel=    what one person sees, or what stands in one channel
    POST response_urls                {"person", "channel"?, "message"?}: the facts of a new command or click
    POST acks                         {"response_url", "body"?, "complaint"?}: what the app answered a command
    GET  modals?user=                 the modals that stand open before one person, oldest first
    POST modals                       {"view", "answer"}: what the app answered when a modal was sent
    POST files                        {"person", "name", "text"}: a file that somebody puts into a form
    POST envelopes                    {"type", "payload"}: push over Socket Mode and wait for the answer
"""

import json
import math
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.company import ENTERPRISE_ID, TEAM_ID, Company, SlackUser
from sandbox.slack_arguments import Refused, arguments
from sandbox.slack_channels import Channels
from sandbox.slack_files import Files
from sandbox.slack_people import APP_ID, BOT_USER, handle_of
from sandbox.slack_rates import Rates
from sandbox.slack_responses import ResponseUrls
from sandbox.slack_socket import NotConnected, SocketMode
from sandbox.slack_transcript import Transcript
from sandbox.slack_views import Views
from sandbox.slack_web import Json, Switches, WebApi
from sandbox.wire import DETAIL, CallLog, Faults, application

BOT_TOKEN = "xoxb-sandbox-0000000000"
APP_TOKEN = "xapp-1-sandbox-0000000000"
SIGNING_SECRET = "5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d"
VERIFICATION_TOKEN = "sandboxVerificationToken"
SCOPES = frozenset({"commands", "chat:write", "users:read", "users:read.email"})


class SlackSimulator:
    """One Slack workspace with the app installed.

    `scopes` are those the bot token was granted. `grid`: the workspace belongs to an organization.
    `messages_tab` false: direct messages are refused. `omit_deleted`: user objects lack `deleted` when it is
    false. `rate_scale` multiplies every rate limit. `deactivated_dm`: the error that a message to a
    deactivated person meets, None to accept it (as reported in slackapi/python-slack-sdk#1156).
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        token: str = BOT_TOKEN,
        app_token: str = APP_TOKEN,
        signing_secret: str = SIGNING_SECRET,
        scopes: frozenset[str] = SCOPES,
        grid: bool = False,
        messages_tab: bool = True,
        omit_deleted: bool = False,
        rate_scale: float = 1.0,
        deactivated_dm: str | None = "user_not_found",
    ) -> None:
        """Open the workspace of this company."""
        self.company = company
        self.log = log
        self.faults = faults
        self.token = token
        self.app_token = app_token
        self.signing_secret = signing_secret
        self.revoked: set[str] = set()
        self.switches = Switches(set(scopes), grid, messages_tab, omit_deleted, deactivated_dm)
        self.channels = Channels(company)
        self.transcript = Transcript(company.clock, self.channels.sees)
        self.rates = Rates(company.clock, rate_scale)
        self.response_urls = ResponseUrls(company.clock, self.transcript)
        self.socket = SocketMode()
        self.views = Views(company.clock, self.switches.scopes)
        self.files = Files(self.channels)
        self.web = WebApi(company, self.channels, self.transcript, self.switches, self.views, self.files)
        self._methods = self.web.methods()

    def app(self) -> web.Application:
        """Return the application that serves all of it."""
        app = application(
            clock=self.company.clock,
            log=self.log,
            faults=self.faults,
            named=self._named,
            throttled=_throttled,
        )
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/{kind:commands|actions}/{team}/{id}/{secret}", self._response)
        app.router.add_post("/upload/v1/{ticket}", self._upload)
        app.router.add_get("/files-pri/{file}/{name}", self._download)
        app.router.add_get("/files-pri/{file}/download/{name}", self._download)
        app.router.add_get("/link/", self.socket.serve)
        app.router.add_get("/_slack/people", self._people)
        app.router.add_get("/_slack/transcript", self._transcript)
        app.router.add_post("/_slack/response_urls", self._mint)
        app.router.add_post("/_slack/acks", self._ack)
        app.router.add_get("/_slack/modals", self._modals)
        app.router.add_post("/_slack/modals", self._sent)
        app.router.add_post("/_slack/files", self._give)
        app.router.add_post("/_slack/envelopes", self._push)

        async def close(_: web.Application) -> None:
            await self.socket.close()

        app.on_shutdown.append(close)
        return app

    async def _named(self, request: web.Request) -> str:
        first, _, rest = request.path.lstrip("/").partition("/")
        if first == "api":
            return rest
        return {
            "commands": "response_url",
            "actions": "response_url",
            "link": "socket",
            "upload": "upload",
            "files-pri": "download",
        }.get(first, request.path[1:])

    async def _api(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        try:
            answer = {"ok": True, **await self._called(request, name)}
        except _Throttled as throttled:
            request[DETAIL] = {"error": "ratelimited"}
            return _throttled(throttled.seconds)
        except Refused as refused:
            request[DETAIL] = {"error": refused.error, **request.get(DETAIL, {})}
            answer = {"ok": False, "error": refused.error, **refused.fields}
        if name == "files.info" and "file" in answer:
            answer["file"] = self.files.files[answer["file"]["id"]].as_json(request.host)
        if "upload_url" in answer:
            answer["upload_url"] = f"http://{request.host}{answer['upload_url']}"
        headers = {"x-oauth-scopes": ",".join(sorted(self.switches.scopes))}
        return web.json_response(answer, headers=headers)

    async def _called(self, request: web.Request, name: str) -> Json:
        method = self._methods.get(name)
        if method is None and name != "apps.connections.open":
            raise Refused("unknown_method", req_method=name)
        args, token = await arguments(request, takes_json=method is None or method.takes_json)
        request[DETAIL] = {key: args[key] for key in ("channel", "user", "ts", "cursor") if args.get(key)}
        self._check_token(token, self.app_token if method is None else self.token)
        channel = self.channels.user_of(str(args.get("channel"))) or str(args.get("channel"))
        wait = self.rates.spend(
            name, 20 if method is None else method.per_minute, channel if name == "chat.postMessage" else None
        )
        if wait is not None:
            raise _Throttled(wait)
        if method is None:
            return {"url": f"ws://{request.host}/link/?ticket={self.socket.ticket()}&app_id={APP_ID}"}
        if method.scope is not None and method.scope not in self.switches.scopes:
            raise Refused(
                "missing_scope", needed=method.scope, provided=",".join(sorted(self.switches.scopes))
            )
        return method.call(args)

    def _check_token(self, token: str | None, wanted: str) -> None:
        if not token:
            raise Refused("not_authed")
        if token in self.revoked:
            raise Refused("token_revoked")
        if token not in (self.token, self.app_token):
            raise Refused("invalid_auth")
        if token != wanted:
            raise Refused("not_allowed_token_type")

    async def _response(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = None
        await self.response_urls.wait_until_answered(request.path)
        status, text = self.response_urls.post(request.path, body)
        return web.Response(status=status, text=text)

    async def _upload(self, request: web.Request) -> web.Response:
        return web.Response(status=self.files.upload(request.path, await request.read()))

    async def _download(self, request: web.Request) -> web.Response:
        file = self.files.files.get(request.match_info["file"].partition("-")[2])
        told = request.headers.get("Authorization", "") == f"Bearer {self.token}"
        if not told or self.token in self.revoked or "files:read" not in self.switches.scopes:
            signing_in = f"{self.web.url}?redir={request.path}"
            return web.Response(status=302, headers={"Location": signing_in})
        if file is None or file.content is None:
            return web.Response(status=404, text="File not found.")
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def _modals(self, request: web.Request) -> web.Response:
        mine = [
            {"view": one.view, "errors": one.errors}
            for one in self.views.modals.values()
            if one.user_id == request.query["user"] and one.is_open
        ]
        return web.json_response(mine)

    async def _sent(self, request: web.Request) -> web.Response:
        said = await request.json()
        modal, answer = self.views.modals[said["view"]], said["answer"]
        wrong = isinstance(answer, dict) and answer.get("response_action") == "errors"
        modal.is_open, modal.errors = wrong, answer["errors"] if wrong else {}
        return web.json_response({})

    async def _give(self, request: web.Request) -> web.Response:
        given = await request.json()
        person = self.company.people[given["person"]].slack
        file = self.files.give(person.id, given["name"], given["text"].encode())
        return web.json_response(file.as_json(request.host))

    async def _people(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                key: {
                    "user_id": person.slack.id,
                    "team_id": person.slack.team_id,
                    "name": person.slack.name,
                    "dm": self.channels.open_dm(person.slack.id),
                }
                for key, person in self.company.people.items()
            }
        )

    async def _transcript(self, request: web.Request) -> web.Response:
        if "user" in request.query:
            entries = self.transcript.visible_to(request.query["user"])
        else:
            entries = self.transcript.in_channel(request.query.get("channel", ""))
        return web.json_response([entry.as_json() for entry in entries])

    async def _mint(self, request: web.Request) -> web.Response:
        asked = await request.json()
        person = self.company.people.get(asked["person"])
        user = person.slack if person is not None else self.company.slack_users.get(asked["person"])
        if user is None:
            return web.json_response({"error": f"nobody here is called {asked['person']}"}, status=404)
        number = asked.get("message")
        message = None if number is None else self.transcript.entries[number]
        channel = (
            message.channel if message is not None else asked.get("channel") or self.channels.open_dm(user.id)
        )
        made = self.response_urls.mint(user.id, channel, message, is_brought=asked.get("acks", False))
        return web.json_response(
            self._invocation(user, channel) | {"response_url": f"http://{request.host}{made.path}"}
        )

    def _invocation(self, user: SlackUser, channel: str) -> Json:
        """Return what Slack tells an app about every command and click, under short names."""
        now = self.company.clock.now()
        trigger = f"{int(now * 1000)}.{secrets.randbelow(10**12):012d}.{secrets.token_hex(16)}"
        self.views.triggers[trigger] = user.id, now
        return {
            "trigger_id": trigger,
            "user": {
                "id": user.id,
                "username": handle_of(user),
                "name": handle_of(user),
                "team_id": user.team_id,
            },
            "team": {"id": TEAM_ID, "domain": "acme"},
            "enterprise": {"id": ENTERPRISE_ID, "name": "Acme"} if self.switches.grid else None,
            "channel": {"id": channel, "name": self.channels.name_of(channel)},
            "api_app_id": APP_ID,
            "token": VERIFICATION_TOKEN,
            "authorization": {
                "enterprise_id": ENTERPRISE_ID if self.switches.grid else None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER.id,
                "is_bot": True,
                "is_enterprise_install": False,
            },
        }

    async def _ack(self, request: web.Request) -> web.Response:
        said = await request.json()
        path = urlsplit(said["response_url"]).path
        if "complaint" in said:
            self.response_urls.complain(path, said["complaint"])
        else:
            self.response_urls.answer(path, said.get("body"))
        return web.json_response({})

    async def _push(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            envelope = await self.socket.push(asked["type"], asked["payload"], retry=asked.get("retry", 0))
        except NotConnected:
            return web.json_response({"error": "no app is connected"}, status=409)
        return web.json_response({"acked": envelope.acked, "payload": envelope.payload})


class _Throttled(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _throttled(retry_after: float) -> web.Response:
    return web.json_response(
        {"ok": False, "error": "ratelimited"},
        status=429,
        headers={"Retry-After": str(max(1, math.ceil(retry_after)))},
    )
