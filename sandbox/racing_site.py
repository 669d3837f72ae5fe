"""The racing site on the wire: `env.js`, the page, and the API behind its firewall, signatures and roles.

A call of the API passes: firewall → route → signature → role → headers and body → the caller's lookup → the
operation. Each layer refuses in its own form, as the layers of the real one do. Only an operation can return
an error it declares; anything else comes back as 500 with the body `{}`.

Beside the real ones there are routes to make a story:

    POST /_racing/races      {"name": …, "seconds": …}                a race that opens now, for so long
    POST /_racing/laps       {"raceId": …, "email": …, "timeMs": …}   somebody drives a lap
    GET  /_racing/profiles   every racer's row, quotas and all
"""

import json
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.aws_json import TokenBucket
from sandbox.company import Company
from sandbox.racing import CLIENT_ID, IDENTITY_POOL_ID, REGION, USER_POOL_ID, PoolUser
from sandbox.racing_api import ROUTES, ApiError, Asked, RacingApi, Route
from sandbox.signatures import access_key_of, is_signed
from sandbox.wire import DETAIL, CallLog, Faults, application

STAGE = "/prod"
LOOKUPS_PER_SECOND = 30.0  # each call of the API looks its caller up in the user pool
ADMIN_CALLS, ADMIN_SECONDS = 100, 300.0  # what the firewall lets through to /admin/ from one address
LARGEST_BODY = 8 * 1024
_BROWSER = re.compile(r"Mozilla/5\.0 \(.+\) .+")
_PAGE = "<!doctype html><html><title>DeepRacer on AWS</title><body>A single-page application.</body></html>"


class RacingSimulator:
    """The site and its API.

    `firewall_admits` are the user agents for which the operator made an exception; browsers pass by
    themselves. `visibility_seconds` is how long a new profile is not shown in lists. `rate_scale` multiplies
    the rate of lookups.
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        firewall_admits: tuple[str, ...] = ("deepracer-bot",),
        visibility_seconds: float = 0.0,
        rate_scale: float = 1.0,
    ) -> None:
        self.company = company
        self.log = log
        self.faults = faults
        self.firewall_admits = firewall_admits
        self.lookups = TokenBucket(
            company.clock, LOOKUPS_PER_SECOND * rate_scale, LOOKUPS_PER_SECOND * rate_scale
        )
        self.api = RacingApi(company, visibility_seconds=visibility_seconds)
        self._admin_calls: deque[float] = deque()

    def app(self) -> web.Application:
        """Return the application."""
        app = application(
            clock=self.company.clock,
            log=self.log,
            faults=self.faults,
            named=_named,
            throttled=lambda _: _refused(_gateway(429, "Too Many Requests", "TooManyRequestsException")),
        )
        app.router.add_get("/env.js", self._environment)
        app.router.add_post("/_racing/races", self._open_race)
        app.router.add_post("/_racing/laps", self._drive)
        app.router.add_get("/_racing/profiles", self._profiles)
        app.router.add_route("*", STAGE + "/{path:.*}", self._answer)
        app.router.add_get("/{path:.*}", _page)
        return app

    async def _environment(self, request: web.Request) -> web.Response:
        found = {
            "apiEndpointUrl": f"{request.scheme}://{request.host}{STAGE}/",
            "userPoolId": USER_POOL_ID,
            "userPoolClientId": CLIENT_ID,
            "identityPoolId": IDENTITY_POOL_ID,
            "region": REGION,
            "uploadBucketName": "acme-deepracer-uploads",
            "iotEndpoint": "a1-ats.iot.us-east-1.amazonaws.com",
            "solutionVersion": self.company.racing.version,
            "namespace": "default",
        }
        text = f"window.EnvironmentConfig = {json.dumps(found)};"
        return web.Response(text=text, content_type="text/javascript", headers={"Cache-Control": "no-store"})

    async def _open_race(self, request: web.Request) -> web.Response:
        asked = await request.json()
        now = self.company.clock.now()
        race = self.company.racing.add_race(
            str(asked["name"]), opens_at=now, closes_at=now + float(asked["seconds"])
        )
        return _json(200, {"raceId": race.race_id})

    async def _drive(self, request: web.Request) -> web.Response:
        asked = await request.json()
        racing = self.company.racing
        driver = racing.user(str(asked["email"]))
        if driver is None or asked["raceId"] not in racing.races:
            return _json(404, {"message": "There is no such racer or race."})
        race = racing.races[asked["raceId"]]
        racing.rank(race, driver.username, int(asked["timeMs"]), self.company.clock.now())
        return _json(200, {})

    async def _profiles(self, _: web.Request) -> web.Response:
        return _json(200, [vars(profile) for profile in self.company.racing.profiles.values()])

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._check_firewall(request, body)
            route, ids = _routed(request)
            role, caller = self._signed(request, body)
            if role not in route.roles:
                raise _denied(request)
            asked = Asked(ids, dict(request.query), _body(request, route, body))
            return _json(200, self.api.perform(route, self._caller(caller), asked))
        except ApiError as error:
            request[DETAIL] = {"error": error.kind}
            return _refused(error)

    def _check_firewall(self, request: web.Request, body: bytes) -> None:
        agent = request.headers.get("User-Agent", "")
        is_known = agent in self.firewall_admits or _BROWSER.fullmatch(agent) is not None
        if not is_known or len(body) > LARGEST_BODY:
            raise _gateway(403, "Forbidden", "ForbiddenException")
        if "/admin/" not in request.path:
            return
        now = self.company.clock.now()
        while self._admin_calls and self._admin_calls[0] <= now - ADMIN_SECONDS:
            self._admin_calls.popleft()
        self._admin_calls.append(now)
        if len(self._admin_calls) > ADMIN_CALLS:
            raise _gateway(403, "Forbidden", "ForbiddenException")

    def _signed(self, request: web.Request, body: bytes) -> tuple[str, str]:
        """Return the role and the `sub` of whoever signed the request."""
        access_key = access_key_of(request)
        if access_key is None:
            raise _gateway(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
        keys = self.company.racing.keys.get(access_key)
        if keys is None or request.headers.get("X-Amz-Security-Token") != keys.session_token:
            raise _gateway(
                403, "The security token included in the request is invalid.", "UnrecognizedClientException"
            )
        if keys.expires_at <= self.company.clock.now():
            raise _gateway(
                403, "The security token included in the request is expired", "ExpiredTokenException"
            )
        if not is_signed(request, body, secret_key=keys.secret_key, service="execute-api", region=REGION):
            text = "The request signature we calculated does not match the signature you provided."
            raise _gateway(403, text, "InvalidSignatureException")
        return keys.role, keys.sub

    def _caller(self, sub: str) -> PoolUser:
        """Find the caller in the user pool; what goes wrong there is told by the gateway alone."""
        user = self.company.racing.user(sub)
        if self.lookups.take() or user is None:
            raise _gateway(502, "Internal server error", "InternalServerErrorException")
        return user


async def _named(request: web.Request) -> str:
    if not request.path.startswith(f"{STAGE}/"):
        return f"{request.method} {'/env.js' if request.path == '/env.js' else 'page'}"
    try:
        route, _ = _routed(request)
    except ApiError:
        return "unknown"
    return route.name


def _routed(request: web.Request) -> tuple[Route, dict[str, str]]:
    for route in ROUTES:
        found = route.pattern.fullmatch(request.path.removeprefix(STAGE))
        if found is not None and route.method == request.method:
            return route, found.groupdict()
    raise _gateway(403, "Missing Authentication Token", "MissingAuthenticationTokenException")


def _body(request: web.Request, route: Route, raw: bytes) -> dict[str, Any]:
    """Read the body as strictly as gateway and server do."""
    kind = request.headers.get("Content-Type")
    if (route.takes_body and kind not in {None, "application/json"}) or (not route.takes_body and kind):
        raise ApiError(415, "UnsupportedMediaTypeException", {})
    if request.headers.get("Accept", "*/*") not in {"*/*", "application/json"}:
        raise ApiError(406, "NotAcceptableException", {})
    if not raw:
        return {}
    try:
        found = json.loads(raw)
    except ValueError:
        raise ApiError(400, "SerializationException", {}) from None
    if not isinstance(found, dict):
        raise ApiError(400, "BadRequestException", {"errorMessage": "Invalid request body: not an object"})
    return found


def _denied(request: web.Request) -> ApiError:
    what = f"arn:aws:execute-api:{REGION}:********2222:a1b2c3/prod/{request.method}{request.path}"
    text = f"User: the role is not authorized to perform: execute-api:Invoke on resource: {what}"
    return ApiError(403, "AccessDeniedException", {"Message": text})


def _gateway(status: int, text: str, kind: str) -> ApiError:
    return ApiError(status, kind, {"message": text})


def _refused(error: ApiError) -> web.Response:
    return _json(error.status, error.body, {"x-amzn-ErrorType": error.kind})


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers
    )


async def _page(_: web.Request) -> web.Response:
    """Return the page; what is not there is the page as well, with 200."""
    return web.Response(text=_PAGE, content_type="text/html")
