"""Amazon Cognito on the wire, as the racing site uses it: the user pool and the identity pool."""

from typing import Any

from aiohttp import web

from sandbox.aws_front import JsonFront, operation_named, refusal
from sandbox.cognito import throttling
from sandbox.cognito_tokens import IdentityPool, SignIn
from sandbox.company import Company
from sandbox.wire import CallLog, Faults, application


class CognitoSimulator:
    """Both services behind one address; `switches` are those of the user pool."""

    def __init__(self, company: Company, log: CallLog, faults: Faults, **switches: Any) -> None:
        self.company = company
        self.log = log
        self.faults = faults
        self.user_pool = SignIn(company, **switches)
        self._front = JsonFront({"cognito-idp": self.user_pool, "cognito-identity": IdentityPool(company)})

    def app(self) -> web.Application:
        """Return the application; every operation is `POST /` with its name in `X-Amz-Target`."""
        app = application(
            clock=self.company.clock,
            log=self.log,
            faults=self.faults,
            named=_named,
            throttled=lambda seconds: refusal(throttling(seconds)),
        )
        app.router.add_post("/", self._front.answer)
        return app


async def _named(request: web.Request) -> str:
    return operation_named(request)
