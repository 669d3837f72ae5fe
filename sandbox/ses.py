"""Amazon SES of Acme's account, version 2 of its API: what is sent is kept, and the rules for sending hold.

In the sandbox (`in_production` off) an account sends to verified addresses alone, 200 a day. A mail to an
address on the suppression list is taken and goes nowhere, as SES does it.
Source: docs.aws.amazon.com/ses/latest/dg/quotas.html and the API reference.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.company import DOMAIN, Company
from sandbox.wire import DETAIL, CallLog, Faults, application

A_DAY, SANDBOX_A_DAY = 50_000.0, 200.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that left."""

    at: float
    sender: str
    to: str
    subject: str
    text: str
    html: str


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class SesSimulator:
    """The account: `verified` addresses and domains, `suppressed` addresses, what was `sent`."""

    def __init__(self, company: Company, log: CallLog, faults: Faults) -> None:
        self.company = company
        self.log = log
        self.faults = faults
        self.verified = {DOMAIN}
        self.suppressed: set[str] = set()
        self.sent: list[Mail] = []
        self.in_production = True
        self.is_enabled = True

    def app(self) -> web.Application:
        """Return the application."""
        app = application(
            clock=self.company.clock, log=self.log, faults=self.faults, named=_named, throttled=_throttled
        )
        app.router.add_post("/v2/email/outbound-emails", self._answer(self._send))
        app.router.add_get("/v2/email/account", self._answer(self._account))
        app.router.add_get("/v2/email/identities/{name}", self._answer(self._identity))
        app.router.add_get("/v2/email/suppression/addresses/{name}", self._answer(self._suppression))
        return app

    def _answer(self, perform: Callable[[str, Json], Json]) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            if "Authorization" not in request.headers:
                return _refusal(
                    _Refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
                )
            try:
                raw = await request.text()
                done = perform(unquote(request.match_info.get("name", "")), json.loads(raw) if raw else {})
            except _Refused as refused:
                request[DETAIL] = {"code": refused.code}
                return _refusal(refused)
            return web.json_response(done)

        return answer

    def _send(self, _: str, asked: Json) -> Json:
        sender, content = str(asked.get("FromEmailAddress", "")), asked["Content"]["Simple"]
        (to,) = asked["Destination"]["ToAddresses"]
        if not self.is_enabled:
            raise _Refused(400, "SendingPausedException", "Email sending is paused for this account.")
        if not self._is_verified(sender):
            raise _Refused(400, "MessageRejected", f"Email address is not verified: {sender}")
        if not self.in_production and not self._is_verified(to):
            raise _Refused(400, "MessageRejected", f"Email address is not verified: {to}")
        if self._sent_today() >= (A_DAY if self.in_production else SANDBOX_A_DAY):
            raise _Refused(400, "LimitExceededException", "Daily message quota exceeded.")
        message_id = str(uuid.uuid4())
        if to.lower() not in self.suppressed:
            body = content["Body"]
            self.sent.append(
                Mail(
                    self.company.clock.now(),
                    sender,
                    to,
                    content["Subject"]["Data"],
                    body["Text"]["Data"],
                    body["Html"]["Data"],
                )
            )
        return {"MessageId": message_id}

    def _account(self, _: str, __: Json) -> Json:
        return {
            "ProductionAccessEnabled": self.in_production,
            "SendingEnabled": self.is_enabled,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {
                "Max24HourSend": A_DAY if self.in_production else SANDBOX_A_DAY,
                "MaxSendRate": 14.0 if self.in_production else 1.0,
                "SentLast24Hours": float(self._sent_today()),
            },
        }

    def _identity(self, name: str, _: Json) -> Json:
        if name not in self.verified:
            raise _Refused(404, "NotFoundException", f"Email identity {name} does not exist.")
        kind = "EMAIL_ADDRESS" if "@" in name else "DOMAIN"
        return {"IdentityType": kind, "VerifiedForSendingStatus": True}

    def _suppression(self, name: str, _: Json) -> Json:
        if name.lower() not in self.suppressed:
            text = "Email address is not on your suppression list."
            raise _Refused(404, "NotFoundException", text)
        return {"SuppressedDestination": {"EmailAddress": name, "Reason": "BOUNCE", "LastUpdateTime": 0.0}}

    def _is_verified(self, address: str) -> bool:
        plain = address.rpartition("<")[2].rstrip(">").lower()
        return plain in self.verified or plain.rpartition("@")[2] in self.verified

    def _sent_today(self) -> int:
        since = self.company.clock.now() - 86_400
        return sum(mail.at >= since for mail in self.sent)


async def _named(request: web.Request) -> str:
    part = request.path.removeprefix("/v2/email/").partition("/")[0]
    return {
        "outbound-emails": "SendEmail",
        "account": "GetAccount",
        "identities": "GetEmailIdentity",
        "suppression": "GetSuppressedDestination",
    }.get(part, "unknown")


def _throttled(_: float) -> web.Response:
    return _refusal(_Refused(429, "TooManyRequestsException", "Maximum sending rate exceeded."))


def _refusal(refused: _Refused) -> web.Response:
    return web.json_response(
        {"message": str(refused)}, status=refused.status, headers={"x-amzn-ErrorType": refused.code}
    )
