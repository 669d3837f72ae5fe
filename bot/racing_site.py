"""The racing sites as the settings reach them: accounts on them, and their API. Nothing is asked at start."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import httpx

from adapters.deepracer.access import RacerAccounts
from adapters.deepracer.client import SiteClient
from adapters.deepracer.first_sign_in import OneTimePasswords
from adapters.deepracer.invitations import InvitedRacers
from adapters.deepracer.jobs import JobQuota
from adapters.deepracer.platform import DeepRacerPlatform
from adapters.deepracer.pool import Pools
from adapters.deepracer.session import ServiceUser, Session
from adapters.deepracer.site import Sites, Told
from adapters.trust import ssl_context
from bot.addresses import mails_in
from bot.setting_groups import DeepRacerSettings
from provisioning.access import Access
from provisioning.brake import Brakes
from provisioning.directory import Directory
from provisioning.errors import Unexpected
from provisioning.events import DeepRacerOnAws
from provisioning.ports import Clock

TIMEOUT = 8.0  # seconds


class RacingSites:
    """What the bot does on racing sites; `invites` is whether they mail new racers."""

    def __init__(
        self, settings: DeepRacerSettings, directory: Directory, *, brakes: Brakes, clock: Clock
    ) -> None:
        told = Told(
            settings.site_url,
            settings.api_url,
            settings.user_pool_id,
            settings.user_pool_client_id,
            settings.identity_pool_id,
        )
        self.sites = Sites(_http, told, clock)
        self.pools = Pools(self.sites, _aws("cognito-idp"), brakes=brakes, clock=clock)
        self.invites = settings.invitations or settings.through_api
        self.access: Access[DeepRacerOnAws] = (
            InvitedRacers(self.client_of, mails_in(directory))
            if settings.through_api
            else RacerAccounts(self.sites, self.pools.of, mails_in(directory), clock, invites=self.invites)
        )
        self.first_sign_in = OneTimePasswords(self.pools.of)
        self.platform = DeepRacerPlatform(self.client_of, None if settings.through_api else self._pool_of)
        self._settings = settings
        self._brakes = brakes
        self._clock = clock
        self._clients: dict[tuple[str, ...], SiteClient] = {}
        self._https: list[httpx.Client] = []
        self._lock = Lock()

    @property
    def has_service_user(self) -> bool:
        """Whether the bot has a user of its own on the site."""
        return self._settings.admin_user is not None

    @property
    def api(self) -> DeepRacerPlatform | None:
        """Return what the API of the sites can do, None without a user of the bot's own there."""
        return self.platform if self.has_service_user else None

    def client_of(self, site_url: str) -> SiteClient:
        """Return the client of the site's API.

        Raises SiteUnknown, SiteTooOld and SiteUnavailable, and Unexpected where no service user is set.
        """
        site = self.sites.of(site_url)
        site.check_version()
        with self._lock:
            key = (site.api_url, site.user_pool_id, site.client_id, site.identity_pool_id)
            if key not in self._clients:
                session = Session(
                    site,
                    self._service_user(),
                    _aws("cognito-idp")(site.region),
                    _aws("cognito-identity")(site.region),
                    brakes=self._brakes,
                    clock=self._clock,
                )
                http = _http()
                self._https.append(http)
                self._clients[key] = SiteClient(
                    site,
                    session,
                    http,
                    user_agent=self._settings.user_agent,
                    brakes=self._brakes,
                    clock=self._clock,
                )
            return self._clients[key]

    def jobs_at(self, site_url: str) -> JobQuota:
        """Return who tells how many jobs the site may run at once. Raises SiteUnknown and SiteUnavailable."""
        region = self.sites.of(site_url).region
        return JobQuota(_aws("service-quotas")(region), region, brakes=self._brakes, clock=self._clock)

    def close(self) -> None:
        """Close every connection."""
        for http in self._https:
            http.close()

    def _pool_of(self, site_url: str) -> str:
        return self.sites.of(site_url).user_pool_id

    def _service_user(self) -> ServiceUser:
        settings = self._settings
        if settings.admin_user is None or settings.admin_password is None:
            raise Unexpected(reason="DEEPRACER_ADMIN_USER and DEEPRACER_ADMIN_PASSWORD are not set")
        return ServiceUser(settings.admin_user, settings.admin_password.get_secret_value())


def _http() -> httpx.Client:
    return httpx.Client(verify=ssl_context(), timeout=TIMEOUT)


def _aws(service: str) -> Callable[[str], Any]:
    def connect(region: str) -> Any:
        from adapters.aws.clients import client

        return client(service, region=region)

    return connect
