"""Signature Version 4 verified: the same signature is made again with the secret key, and compared."""

import hmac
import re

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/\s]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request, ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?"
    r"Signature=(?P<seal>[0-9a-f]{64})"
)


def access_key_of(request: web.Request) -> str | None:
    """Return the access key a request says it is signed with, None when it is not signed."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    return found["key"] if found and "X-Amz-Date" in request.headers else None


def is_signed(request: web.Request, body: bytes, *, secret_key: str, service: str, region: str) -> bool:
    """Whether the request's signature is that of this secret key, for this service and Region."""
    found = _AUTHORIZATION.fullmatch(request.headers["Authorization"])
    if found is None or (found["service"], found["region"]) != (service, region):
        return False
    names = found["signed"].split(";")
    if not {"host", "x-amz-date", "x-amz-security-token"} <= {*names}:
        return False
    signed = {name: request.headers.get(name, "") for name in names}
    rebuilt = AWSRequest(request.method, f"https://{request.host}{request.raw_path}", signed, body)
    rebuilt.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(found["key"], secret_key), service, region)
    text = signer.string_to_sign(rebuilt, signer.canonical_request(rebuilt))
    return hmac.compare_digest(signer.signature(text, rebuilt), found["seal"])
