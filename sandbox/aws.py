"""Acme's AWS account on the wire: the identity store and the SSO admin API behind one address.

A call passes: signature → rate limit → operation → rules of the model → the service's own rules.
"""

import json
import re
import uuid
from typing import Any, Protocol

from aiohttp import web

from sandbox.aws_json import AwsError, InputRules, Operation, TokenBucket, throttling
from sandbox.company import Company
from sandbox.identity_store import IdentityStore
from sandbox.sso_admin import SsoAdmin
from sandbox.wire import DETAIL, CallLog, Faults, application

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)


class _Service(Protocol):
    """One AWS service behind the address: its operations by name, and how fast it may be called."""

    bucket: TokenBucket

    def operations(self) -> dict[str, Operation]: ...


class AwsSimulator:
    """The identity store (20 calls a second, 40 at once) and the SSO admin API (20 a second collectively).

    `rate_scale` multiplies both rates; both services have a `bucket` whose limit can be changed.
    `visibility_seconds` and `concurrent_modification_chance` are switches of the identity store,
    `assignment_seconds` is how long an account assignment takes.
    """

    def __init__(
        self,
        company: Company,
        log: CallLog,
        faults: Faults,
        *,
        visibility_seconds: float = 0.0,
        concurrent_modification_chance: float = 0.0,
        assignment_seconds: float = 2.0,
        rate_scale: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.company = company
        self.log = log
        self.faults = faults
        self.identity_store = IdentityStore(
            company,
            visibility_seconds=visibility_seconds,
            concurrent_modification_chance=concurrent_modification_chance,
            rate_scale=rate_scale,
            seed=seed,
        )
        self.sso_admin = SsoAdmin(company, assignment_seconds=assignment_seconds, rate_scale=rate_scale)
        self._services: dict[str, tuple[_Service, InputRules]] = {}
        for name, service in (("identitystore", self.identity_store), ("sso-admin", self.sso_admin)):
            rules = InputRules(name)
            self._services[rules.target_prefix] = (service, rules)

    def app(self) -> web.Application:
        """Return the application; every operation is `POST /` with its name in `X-Amz-Target`."""
        app = application(
            clock=self.company.clock,
            log=self.log,
            faults=self.faults,
            named=_named,
            throttled=lambda seconds: _refusal(throttling(seconds)),
        )
        app.router.add_post("/", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            body = self._perform(request, await request.read())
        except AwsError as error:
            request[DETAIL] = {"code": error.code}
            return _refusal(error)
        return _json(200, body)

    def _perform(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        prefix, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        signed_for = _signed_service(request)
        if prefix not in self._services:
            raise AwsError("UnknownOperationException", "")
        service, rules = self._services[prefix]
        if signed_for != rules.signing_name:
            right = rules.signing_name
            raise AwsError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{right}'."
            )
        if wait := service.bucket.take():
            raise throttling(wait)
        perform = service.operations().get(operation)
        if perform is None:
            raise AwsError("UnknownOperationException", "")
        asked = _parsed(request, raw)
        rules.check(operation, asked)
        return perform(asked)


async def _named(request: web.Request) -> str:
    return request.headers.get("X-Amz-Target", "").partition(".")[2] or "unknown"


def _signed_service(request: web.Request) -> str:
    """Return the service the request is signed for; the signature itself is not verified."""
    given = request.headers.get("Authorization")
    if given is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    signature = _SIGNATURE.fullmatch(given)
    if signature is None or "X-Amz-Date" not in request.headers:
        raise AwsError("IncompleteSignatureException", "Authorization header is not a complete one.")
    return signature["service"]


def _parsed(request: web.Request, raw: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(raw)
    except ValueError:
        asked = None
    if request.content_type != "application/x-amz-json-1.1" or not isinstance(asked, dict):
        raise AwsError("SerializationException", "The request is not a JSON 1.1 object.")
    return asked


def _refusal(error: AwsError) -> web.Response:
    return _json(error.status, error.body)


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/x-amz-json-1.1",
        headers={"x-amzn-RequestId": str(uuid.uuid4())},
    )
