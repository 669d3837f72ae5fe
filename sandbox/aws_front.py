"""AWS services that speak JSON 1.1 behind one address: `POST /`, the operation's name in `X-Amz-Target`.

A call passes: signature → operation → rate limit → rules of the model → the service's own rules. Operations
that the model declares open to anybody (signing in, for one) need no signature.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from sandbox.aws_json import AwsError, InputRules, Operation
from sandbox.wire import DETAIL

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)


class Service(Protocol):
    """One AWS service behind the address: its operations by name, and how fast each may be called."""

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        ...

    def seconds_to_wait(self, operation: str) -> float:
        """Take one call of this operation; 0.0 when it may pass."""
        ...

    def throttling(self, seconds: float) -> AwsError:
        """Return the service's refusal of a caller who is too fast."""
        ...


class JsonFront:
    """Answers for several services, named as boto3 names them."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = {}
        for name, service in services.items():
            rules = InputRules(name)
            self._services[rules.target_prefix] = (service, rules)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        try:
            body = self._perform(request, await request.read())
        except AwsError as error:
            request[DETAIL] = {**request.get(DETAIL, {}), "code": error.code}
            return refusal(error)
        return _json(200, body)

    def _perform(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        prefix, operation = _target(request)
        if prefix not in self._services:
            _signed_service(request)
            raise AwsError("UnknownOperationException", "")
        service, rules = self._services[prefix]
        if rules.needs_signature(operation) and _signed_service(request) != rules.signing_name:
            right = rules.signing_name
            raise AwsError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{right}'."
            )
        if wait := service.seconds_to_wait(operation):
            raise service.throttling(wait)
        perform = service.operations().get(operation)
        if perform is None:
            raise AwsError("UnknownOperationException", "")
        asked = _parsed(request, raw)
        rules.check(operation, asked)
        return perform(asked)


def operation_named(request: web.Request) -> str:
    """Return the operation's name, for the call log and for faults."""
    return _target(request)[1] or "unknown"


def refusal(error: AwsError) -> web.Response:
    """Return the answer for a refusal."""
    return _json(error.status, error.body)


def _target(request: web.Request) -> tuple[str, str]:
    prefix, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    return prefix, operation


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


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/x-amz-json-1.1",
        headers={"x-amzn-RequestId": str(uuid.uuid4())},
    )
