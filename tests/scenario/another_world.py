"""The same company in another world: its simulators behind a layer that keeps to the contracts in other ways.

    bot ─▶ smaller pages asked for ─▶ simulator ─▶ parts left out, new ones added, dates for seconds ─▶ bot
    people ─▶ requests with less and more in them, signed anew ─▶ bot

What the contracts leave open (sizes of pages, empty pages, parts that may be missing, the case of ids and of
header names, how long to wait said as a date) is answered here unlike the simulators do. Every list begins
with an empty page.
"""

import asyncio
import json
import math
import random
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode

import httpx
from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from sandbox.chatting import sign
from sandbox.clock import Clock
from sandbox.company import Company
from sandbox.wire import Handler
from tests.scenario.stage import Stage

Json = dict[str, Any]

PAGE: Final = 5
SLOWEST_SECONDS: Final = 0.02
AGAIN: Final = "again"  # leads from an empty page to the first one that has something
_BESIDE: Final = ("/_slack/", "/_teams/", "/_control/", "/link/")  # no part of the outside systems
_TOP: Final = re.compile(r"(\$|%24)top=\d+")
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PEOPLE: Final = re.compile(r"/users|/members|/getByIds")
_LISTS: Final = {"ListUsers", "ListGroupMemberships", "ListAccountAssignments"}
_LEFT_OUT_WHEN_FALSE: Final = ("deleted", "is_ultra_restricted", "is_stranger", "is_invited_user")


class AnotherStage(Stage):
    """A stage in another world, whose people's requests come in other forms, too."""

    def __init__(self, folder: Path, *, company: Company, **switches: Any) -> None:
        layered = {"accent": lambda part: accent(part, company.clock), **switches}
        super().__init__(folder, company=company, **layered)

    def __enter__(self) -> Self:
        super().__enter__()
        self._client.event_hooks = {"request": [self._rewritten]}
        return self

    async def _rewritten(self, request: httpx.Request) -> None:
        if request.url.path == "/slack/events":
            body = slack_request(request.content.decode())
            at = int(request.headers["x-slack-request-timestamp"])
            signed = sign(self.world.slack.signing_secret, body, at)
            _change(
                request, body, {"content-type": "application/x-www-form-urlencoded; charset=utf-8", **signed}
            )
        elif request.url.path == "/_teams/activities":
            asked = json.loads(request.content)
            without_slash = f"http://{request.url.netloc.decode()}/emea"
            asked["fields"] = {"serviceUrl": without_slash, **asked["fields"]}
            _change(request, _text(asked).encode(), {})
        elif request.url.path == "/api/messages":
            body = _text(activity(json.loads(request.content))).encode()
            _change(request, body, {"content-type": "application/json; charset=utf-8"})


# --- what people send ---------------------------------------------------------------------------------------


def slack_request(form: str) -> bytes:
    """Return a command or click with nothing in it that Slack may leave out, and with something new."""
    fields = dict(parse_qsl(form, keep_blank_values=True))
    if "payload" not in fields:
        deprecated = {"token", "team_domain", "channel_name", "user_name", "is_enterprise_install"}
        kept = {name: value for name, value in fields.items() if name not in deprecated}
        return urlencode({"new_in_2027": "yes", **kept}).encode()
    payload = json.loads(fields["payload"])
    for name in ("token", "state", "is_enterprise_install", "enterprise"):
        payload.pop(name, None)
    payload["user"] = {name: payload["user"][name] for name in ("id", "team_id")}
    return urlencode({"payload": _text(_more(payload))}).encode()


def activity(sent: Json) -> Json:
    """Return an activity with nothing in it that Teams may leave out, ids in capitals, and something new."""
    for name in ("timestamp", "localTimestamp", "localTimezone", "locale", "textFormat", "attachments"):
        sent.pop(name, None)
    sent["from"] = {name: value for name, value in sent["from"].items() if name != "name"}
    if "aadObjectId" in sent["from"]:
        sent["from"]["aadObjectId"] = sent["from"]["aadObjectId"].upper()
    sent["recipient"].pop("name", None)
    sent["conversation"].pop("tenantId", None)
    sent["channelData"]["tenant"]["id"] = sent["channelData"]["tenant"]["id"].upper()
    mentions = [one for one in sent.get("entities", ()) if one["type"] == "mention"]
    sent.pop("entities", None)
    if mentions:
        sent["entities"] = mentions
    return _more(sent)


def _change(request: httpx.Request, body: bytes, headers: dict[str, str]) -> None:
    request.headers.update({**headers, "content-length": str(len(body))})
    request.stream = httpx.ByteStream(body)


# --- what the outside systems answer ------------------------------------------------------------------------


class Layer:
    """How one outside system differs."""

    def asked(self, request: web.Request) -> web.Request:
        """Return the request with another address."""
        return request

    def heard(self, request: web.Request, body: bytes) -> bytes | Json:
        """Return the body that the simulator is to get, or the answer without asking it."""
        return body

    def told(self, request: web.Request, body: Json) -> Json | None:
        """Return the body of the answer, None for none."""
        return _more(body)


class Slack(Layer):
    """Users in small pages, with the marks left out that may be; response URLs that answer in JSON."""

    def heard(self, request: web.Request, body: bytes) -> bytes | Json:
        if request.path != "/api/users.list":
            return body
        form = dict(parse_qsl(body.decode()))
        if "cursor" not in form:
            return {"ok": True, "members": [], "response_metadata": {"next_cursor": AGAIN}}
        if form["cursor"] == AGAIN:
            del form["cursor"]
        return urlencode({**form, "limit": str(PAGE)}).encode()

    def told(self, request: web.Request, body: Json) -> Json | None:
        for user in (
            *body.get("members", ()),
            *([body["user"]] if isinstance(body.get("user"), dict) else ()),
        ):
            for name in _LEFT_OUT_WHEN_FALSE:
                if user.get(name) is False:
                    del user[name]
            for name in ("tz", "tz_label", "tz_offset", "color", "updated", "real_name", "is_app_user"):
                user.pop(name, None)
        if body.get("response_metadata") == {"next_cursor": ""}:
            body["response_metadata"] = None
        body.pop("message", None)
        return _more({"warning": "superfluous_charset", **body})


class Graph(Layer):
    """Small pages after an empty one, ids in capitals, properties without a value left out."""

    def asked(self, request: web.Request) -> web.Request:
        path = _TOP.sub(f"$top={PAGE}", request.raw_path)
        return request.clone(
            rel_url=URL(path.replace(f"&{AGAIN}=1", "").replace(f"?{AGAIN}=1", ""), encoded=True)
        )

    def heard(self, request: web.Request, body: bytes) -> bytes | Json:
        return _TOP.sub(f"$top={PAGE}", body.decode()).encode()

    def told(self, request: web.Request, body: Json) -> Json | None:
        if "responses" not in body:
            url = f"{request.scheme}://{request.host}{request.raw_path}"
            return self._item(request.method, url, body)
        asked = {one["id"]: (one["method"], one["url"]) for one in json.loads(request[_BODY])["requests"]}
        for number, one in enumerate(reversed(body["responses"])):
            one["headers"] = {name.lower(): value for name, value in (one.get("headers") or {}).items()}
            if not one["headers"]:
                del one["headers"]
            if isinstance(one.get("body"), dict):
                verb, path = asked[one["id"]]
                url = f"{request.scheme}://{request.host}/v1.0{path}"
                one["body"] = self._item(verb, url, one["body"])
            elif number % 2:
                one["body"] = ""
            else:
                one.pop("body", None)
        return {"responses": body["responses"][::-1]}

    def _item(self, verb: str, url: str, body: Json) -> Json:
        if "error" in body:
            body["error"].pop("innerError", None)
            return _more(body)
        is_list = isinstance(body.get("value"), list)
        if is_list and verb == "GET" and AGAIN not in url and "skiptoken" not in url:
            return {"value": [], "@odata.nextLink": f"{url}{'&' if '?' in url else '?'}{AGAIN}=1"}
        for one in [body, *(body["value"] if is_list else ())] if _PEOPLE.search(url) else ():
            if isinstance(one, dict) and _GUID.fullmatch(str(one.get("id", ""))):
                one["id"] = one["id"].upper()
                for name in [name for name, value in one.items() if value in (None, [], "")]:
                    del one[name]
        return {"@odata.context": "https://graph.example/v1.0/$metadata", **_more(body)}


class Aws(Layer):
    """Small pages after an empty one, an empty token after the last, lists without entries left out."""

    def heard(self, request: web.Request, body: bytes) -> bytes | Json:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        if operation not in _LISTS:
            return body
        asked = json.loads(body)
        if "NextToken" not in asked:
            return {"NextToken": AGAIN}
        if asked["NextToken"] == AGAIN:
            del asked["NextToken"]
        return json.dumps({**asked, "MaxResults": PAGE}).encode()

    def told(self, request: web.Request, body: Json) -> Json | None:
        if "__type" in body:
            body["__type"] = f"com.amazonaws.identitystore#{body['__type']}"
            body.pop("Reason", None)
        elif request.headers["X-Amz-Target"].partition(".")[2] in _LISTS:
            body = {"NextToken": "", **body}
        for user in (body, *body.get("Users", ())):
            kept = "UserStatus" if user.get("UserStatus") == "DISABLED" else ""
            for name in {"UserStatus", "DisplayName", "Name", "Emails"} - {kept}:
                user.pop(name, None)
        return {name: value for name, value in _more(body).items() if value != []}


class Teams(Layer):
    """Members with no more than what tells who they are, ids in capitals; changes answered with nothing."""

    def told(self, request: web.Request, body: Json) -> Json | None:
        if "keys" in body:
            curved = {"kty": "EC", "kid": "curved", "crv": "P-256", "x": "AA", "y": "AA"}
            return _more({"keys": [curved, {"kty": "RSA"}, *body["keys"]]})
        if request.method == "PUT":
            return None
        if body.get("objectId"):
            kept = {name: body[name] for name in ("id", "userPrincipalName", "userRole") if name in body}
            return _more(kept | {name: body[name].upper() for name in ("objectId", "tenantId")})
        return _more(body)


class Entra(Layer):
    """Tokens whose life is told in a string."""

    def told(self, request: web.Request, body: Json) -> Json | None:
        if "expires_in" in body:
            body["expires_in"] = str(body["expires_in"])
            body.pop("ext_expires_in", None)
        return _more(body)


_LAYERS: Final[dict[str, Callable[[], Layer]]] = {
    "slack": Slack,
    "graph": Graph,
    "aws": Aws,
    "teams": Teams,
    "entra": Entra,
}
_BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)


def accent(part: str, clock: Clock) -> Middleware:
    """Return the middleware that stands before everything of this simulator; `clock` tells its dates."""
    layer, dice = _LAYERS.get(part, Layer)(), random.Random(7)

    @web.middleware
    async def otherwise(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_BESIDE):
            return await handler(request)
        await asyncio.sleep(dice.uniform(0, SLOWEST_SECONDS))
        original, request = request, layer.asked(request)
        heard = layer.heard(request, await request.read())
        if isinstance(heard, dict):
            return _answer(200, _more(heard), {})
        request[_BODY] = request._read_bytes = heard  # noqa: SLF001 - what aiohttp has read already
        answer = await handler(request)
        if not isinstance(answer, web.Response) or request.transport is None:
            return answer
        return _told(layer, original, request, answer, clock)

    return otherwise


def _told(
    layer: Layer, original: web.Request, request: web.Request, answer: web.Response, clock: Clock
) -> web.Response:
    original[_BODY] = request[_BODY]
    kept = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in {"content-type", "content-length", "x-oauth-scopes"}
    }
    if "retry-after" in kept:
        over = clock.utc() + timedelta(seconds=math.ceil(float(kept["retry-after"])))
        kept["retry-after"] = format_datetime(over, usegmt=True)
    body = answer.text
    if not body:
        return web.Response(status=answer.status, headers=kept)
    try:
        found = json.loads(body)
    except ValueError:  # a response URL's word
        ok = answer.status == httpx.codes.OK
        return _answer(answer.status, {"ok": ok} | ({} if ok else {"error": body}), kept)
    if isinstance(found, dict):
        found = layer.told(original, found)
    return (
        web.Response(status=answer.status, headers=kept)
        if found is None
        else _answer(answer.status, found, kept)
    )


def _answer(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    kind = {"content-type": "application/json; charset=UTF-8"}
    answer = web.Response(status=status, body=_text(body).encode(), headers=headers | kind)
    answer.enable_chunked_encoding()
    return answer


def _text(body: Any) -> str:
    return json.dumps(body, indent=1, ensure_ascii=True)


def _more(body: Json) -> Json:
    """Return the object with something in it, and in all that it holds, that nobody knows yet."""
    return {
        "newIn2027": {"it": ["means", None], "or": "not"},
        **{n: _below(value) for n, value in body.items()},
    }


def _below(value: Any) -> Any:
    if isinstance(value, list):
        return [_below(one) for one in value]
    # AWS's unions have one member and no other.
    return _more(value) if isinstance(value, dict) and len(value) > 1 else value
