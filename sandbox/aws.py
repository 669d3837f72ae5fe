"""Acme's AWS account on the wire: the identity store, the SSO admin API and Service Quotas at one address."""

from aiohttp import web

from sandbox.aws_front import JsonFront, operation_named, refusal
from sandbox.aws_json import throttling
from sandbox.company import Company
from sandbox.identity_store import IdentityStore
from sandbox.service_quotas import ServiceQuotas
from sandbox.sso_admin import SsoAdmin
from sandbox.wire import CallLog, Faults, application


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
        self._front = JsonFront(
            {
                "identitystore": self.identity_store,
                "sso-admin": self.sso_admin,
                "service-quotas": ServiceQuotas(company),
            }
        )

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
