"""Simulated Microsoft Graph, version 1.0: users, groups and their members, and provisioning on demand.

    request -> bearer token -> route -> permission -> budget -> handler -> answer

One path for a request of its own and for an item of a `$batch`. What is not simulated is refused as Graph
refuses what it does not have. Sources are named in the parts (`graph_*.py`).
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import jwt
from aiohttp import web

from sandbox.company import TENANT_ID, Company
from sandbox.entra import CLIENT_ID, read_token
from sandbox.graph_batch import Batch
from sandbox.graph_delta import Delta
from sandbox.graph_groups import Groups
from sandbox.graph_people import People
from sandbox.graph_provisioning import Provisioning, ScimPush
from sandbox.graph_replication import Replication
from sandbox.graph_switches import Switches, observed_bind_cost
from sandbox.graph_throttle import Throttle, too_many
from sandbox.graph_wire import Answer, Ask, GraphError, Route, error_answer, query, segments
from sandbox.scim import Scim
from sandbox.wire import DETAIL, CallLog, Faults, application

_VERSION = "/v1.0"
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
    ' client_id="00000003-0000-0000-c000-000000000000"'
)


class GraphSimulator(Switches):
    """Graph for one tenant. The switches (see `Switches`) may be turned while it runs.

    `push` carries provisioning on demand into the identity store; without it the simulator has a `Scim` of
    its own.
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        push: ScimPush | None = None,
        seed: int = 1,
        visibility_seconds: float = 2.0,
        write_seconds: float = 0.02,
        throttle_scale: float = 1.0,
        bind_write_cost: Callable[[int], float] = observed_bind_cost,
        link_quota: int | None = None,
        unmanaged_status: Literal[403, 400] = 403,
        absent_member_status: Literal[404, 400] = 404,
        batch_424: bool = False,
    ) -> None:
        super().__init__(
            visibility_seconds=visibility_seconds,
            write_seconds=write_seconds,
            throttle_scale=throttle_scale,
            bind_write_cost=bind_write_cost,
            link_quota=link_quota,
            unmanaged_status=unmanaged_status,
            absent_member_status=absent_member_status,
            batch_424=batch_424,
        )
        self.company = company
        self.log = log
        self.faults = faults
        dice = random.Random(seed)
        self._replication = Replication(company.clock, dice, lambda: self.visibility_seconds)
        self._throttle = Throttle(company.clock.now, lambda: self.throttle_scale)
        self.provisioning = Provisioning(company, self._replication, self._throttle, push or Scim(company))
        batch = Batch(log, faults, self, dice, dispatch=self._dispatch, named=self._named)
        self._routes: list[Route] = [
            *batch.routes(),
            *People(company, self._replication).routes(),
            *Delta(company, self._replication, self).routes(),
            *Groups(company, self._replication, self).routes(),
            *self.provisioning.routes(),
        ]

    def app(self) -> web.Application:
        """Return the application that answers for graph.microsoft.com."""

        async def named(request: web.Request) -> str:
            try:
                return self._named(await _ask(request))
            except GraphError:
                return f"{request.method} (unknown)"

        app = application(
            clock=self.company.clock, log=self.log, faults=self.faults, named=named, throttled=_throttled
        )
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    def created_now(self, object_id: str, seconds: float = 5.0) -> None:
        """Let a user or group count as new: for so many seconds neither reads nor writes find it."""
        self._replication.created(object_id, seconds)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            ask = await _ask(request)
        except GraphError as error:
            return _response(error_answer(error))
        answer = await self._dispatch(ask)
        request[DETAIL] = ask.detail
        sent = {
            "request-id": ask.request_id,
            "client-request-id": ask.headers.get("client-request-id", ask.request_id),
        }
        return _response(replace(answer, headers={**answer.headers, **sent}))

    async def _dispatch(self, ask: Ask) -> Answer:
        """Answer one request; every refusal becomes an answer."""
        charged: dict[str, str] = {}
        if "x-ms-throttle-priority" in ask.headers:
            ask.detail["priority"] = ask.headers["x-ms-throttle-priority"]
        try:
            claims = self._claims(ask)
            route = self._route(ask)
            charged = self._throttle.charge(route, ask, claims["appid"])
            _require_role(route, claims)
            answer = await route.handler(ask)
        except GraphError as error:
            answer = error_answer(error, ask)
        return replace(answer, headers={**charged, **answer.headers})

    def _claims(self, ask: Ask) -> dict[str, Any]:
        """Return the claims of the request's token. Raises GraphError 401 when it is none of this tenant."""
        scheme, _, token = ask.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated("Access token is empty.")
        try:
            claims = read_token(token)
        except jwt.ExpiredSignatureError:
            raise _unauthenticated("Access token has expired or is not yet valid.") from None
        except jwt.InvalidAudienceError:
            raise _unauthenticated("Access token validation failure. Invalid audience.") from None
        except jwt.DecodeError:
            raise _unauthenticated("CompactToken parsing failed with error code: 80049217") from None
        except jwt.InvalidTokenError:
            raise _unauthenticated("Access token validation failure.") from None
        if not self.is_known or claims["tid"] != TENANT_ID:
            raise GraphError(
                401,
                "Authorization_IdentityNotFound",
                "The identity of the calling application could not be established.",
            )
        return claims

    def _route(self, ask: Ask) -> Route:
        fitting = [route for route in self._routes if route.fits(ask.path)]
        for route in fitting:
            if route.method == ask.method:
                return route
        if fitting:
            raise GraphError(
                405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
            )
        raise GraphError(
            400, "BadRequest", f"Resource not found for the segment '{self._strange(ask.path)}'."
        )

    def _strange(self, path: tuple[str, ...]) -> str:
        """Return the first segment with which no route goes on."""
        forms = [tuple(route.template.strip("/").split("/")) for route in self._routes]
        for number, segment in enumerate(path):
            forms = [form for form in forms if len(form) > number and form[number] in {segment, "{id}"}]
            if not forms:
                return segment
        return path[-1] if path else ""

    def _named(self, ask: Ask) -> str:
        try:
            return self._route(ask).name
        except GraphError:
            return f"{ask.method} (unknown)"


async def _ask(request: web.Request) -> Ask:
    """Return the request as it was sent, before aiohttp decodes it; `+` and `%2B` are not the same here."""
    raw_path, _, raw_query = request.raw_path.partition("?")
    version, _, _ = raw_path.lstrip("/").partition("/")
    if f"/{version}" != _VERSION:
        raise GraphError(400, "BadRequest", f"Invalid version: {version}.")
    path = raw_path[len(_VERSION) :]
    headers = {name.lower(): value for name, value in request.headers.items()}
    base = f"{request.scheme}://{request.host}{_VERSION}"
    return Ask(request.method, segments(path), path, query(raw_query), headers, await request.read(), base)


def _response(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    if isinstance(answer.body, str):
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def _require_role(route: Route, claims: dict[str, Any]) -> None:
    if not route.roles:
        return
    if not claims.get("roles"):
        raise GraphError(403, "AccessDenied", "Required roles claim values are not provided.")
    if not route.roles & set(claims["roles"]):
        raise GraphError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )


def _throttled(retry_after: float) -> web.Response:
    error = too_many(retry_after, limit="ReadWrite", why="CPULimitExceeded", app_id=CLIENT_ID)
    return _response(error_answer(error))


def _unauthenticated(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": _CHALLENGE})
