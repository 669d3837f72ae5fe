"""STS of Acme's account, as far as it vouches for a role: `GetWebIdentityToken`, in AWS's query form.

    POST / → signed, for a Region? → operation → parameters → are tokens handed out at all? → signed token

Source: botocore's model of STS (sizes, names and errors), and the AWS side of Entra's federated credentials.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.company import ACCOUNT_ID

ISSUER: Final = "https://0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9.tokens.sts.global.api.aws"
ROLE: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/deepracer-bot-worker"
SECONDS: Final = range(60, 3601)
AUDIENCES: Final = 10
ALGORITHMS: Final = {"RS256", "ES384"}
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/(?P<region>[a-z0-9-]+)/sts/aws4_request, ?")
_NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"


class StsSimulator:
    """Vouches for one role. `hands_out` False is an account that was never told to hand tokens out."""

    def __init__(self, *, hands_out: bool = True) -> None:
        self.hands_out = hands_out
        self.asked: list[tuple[str, ...]] = []  # the audiences of every token
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not _SIGNED.match(request.headers.get("Authorization", "")):
            return _refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if form.get("Action") != "GetWebIdentityToken":
            return _refusal(400, "InvalidAction", f"Could not find operation {form.get('Action')}")
        audiences = tuple(value for name, value in form.items() if name.startswith("Audience.member."))
        seconds = int(form.get("DurationSeconds", "300"))
        if not 0 < len(audiences) <= AUDIENCES or seconds not in SECONDS:
            return _refusal(400, "ValidationError", "1 validation error detected")
        if form.get("SigningAlgorithm") not in ALGORITHMS:
            return _refusal(400, "ValidationError", "SigningAlgorithm must be RS256 or ES384")
        if not self.hands_out:
            what = "OutboundWebIdentityFederationDisabledException"
            return _refusal(403, what, "Outbound web identity federation is not enabled for this account.")
        self.asked.append(audiences)
        return self._token(audiences, seconds)

    def _token(self, audiences: tuple[str, ...], seconds: int) -> web.Response:
        # Not the company's clock: whoever reads it compares it with their own.
        now = datetime.now(UTC)
        until = now + timedelta(seconds=seconds)
        claims = {"iss": ISSUER, "sub": ROLE, "aud": list(audiences), "iat": now, "exp": until}
        token = jwt.encode(claims | {"jti": str(uuid.uuid4())}, self._key, algorithm="RS256")
        return _xml(
            200,
            f'<GetWebIdentityTokenResponse xmlns="{_NAMESPACE}"><GetWebIdentityTokenResult>'
            f"<WebIdentityToken>{token}</WebIdentityToken>"
            f"<Expiration>{until:%Y-%m-%dT%H:%M:%SZ}</Expiration></GetWebIdentityTokenResult>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</GetWebIdentityTokenResponse>",
        )


def _refusal(status: int, code: str, text: str) -> web.Response:
    return _xml(
        status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(text)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>",
    )


def _xml(status: int, body: str) -> web.Response:
    return web.Response(status=status, text=body, content_type="text/xml")
