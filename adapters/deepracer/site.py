"""Where a racing site keeps its accounts and its API: read from its own `env.js`, or told by the settings.

`env.js` is one assignment of an object to `window.EnvironmentConfig`. The content network before the site
answers any other path with a page and 200, so it is the assignment that counts, never the status.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

import httpx

from provisioning.errors import SiteTooOld, SiteUnavailable, SiteUnknown
from provisioning.ports import Clock

KEPT_SECONDS: Final = 600.0
MOST_HOPS: Final = 3  # redirects of `env.js`, all of them on its own server
OLDEST: Final = (1, 2, 0)  # earlier ones lose the token between two pages of racers
_ASSIGNED = re.compile(r"""EnvironmentConfig["']?\s*\]?\s*=\s*(?P<object>\{.*\})""", re.DOTALL)
_MEMBER = re.compile(r"""["']?(?P<name>\w+)["']?\s*:\s*(?P<quote>["'`])(?P<text>.*?)(?P=quote)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Site:
    """One deployment of DeepRacer on AWS. `version` is () where it is not told."""

    url: str
    api_url: str  # without a slash at the end
    user_pool_id: str
    client_id: str
    identity_pool_id: str
    version: tuple[int, ...] = ()

    @property
    def region(self) -> str:
        """Return the Region of its user pool, which is that of everything else."""
        return self.user_pool_id.partition("_")[0]

    def check_version(self) -> None:
        """Raise SiteTooOld for a version that cannot show all of its racers."""
        if self.version and self.version < OLDEST:
            raise SiteTooOld(version=".".join(map(str, self.version)), site=self.url)


@dataclass(frozen=True, slots=True)
class Told:
    """What the settings say of the site; what is None is read from the site."""

    env_url: str | None = None  # where `env.js` is read, when not at the site itself
    api_url: str | None = None
    user_pool_id: str | None = None
    client_id: str | None = None
    identity_pool_id: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be read."""
        return None not in {self.api_url, self.user_pool_id, self.client_id, self.identity_pool_id}


class Sites:
    """The sites that events name. Safe to use from several threads; what was read stays known for a while."""

    def __init__(self, connect: Callable[[], httpx.Client], told: Told, clock: Clock) -> None:
        self._connect = connect
        self._told = told
        self._clock = clock
        self._known: dict[str, tuple[Site, float]] = {}
        self._lock = Lock()

    def of(self, site_url: str) -> Site:
        """Return the site at this address. Raises SiteUnknown and SiteUnavailable."""
        with self._lock:
            now = self._clock.now().timestamp()
            known = self._known.get(site_url)
            if known is None or known[1] + KEPT_SECONDS < now:
                known = self._known[site_url] = (self._site(site_url), now)
            return known[0]

    def forget(self, site_url: str) -> None:
        """Read anew where this site is when it is next asked for: what was read holds no more."""
        with self._lock:
            self._known.pop(site_url, None)

    def _site(self, site_url: str) -> Site:
        told = self._told
        found = {} if told.is_whole else self._read(told.env_url or site_url)

        def value(name: str, given: str | None) -> str:
            text = given or found.get(name, "")
            if not text:
                raise SiteUnknown(site=site_url, missing=name)
            return text

        return Site(
            site_url,
            value("apiEndpointUrl", told.api_url).rstrip("/"),
            value("userPoolId", told.user_pool_id),
            value("userPoolClientId", told.client_id),
            value("identityPoolId", told.identity_pool_id),
            version_of(found.get("solutionVersion", "")),
        )

    def _read(self, url: str) -> dict[str, str]:
        try:
            with self._connect() as http:
                answer = http.get(f"{url.removesuffix('/env.js').rstrip('/')}/env.js")
                for _ in range(MOST_HOPS):
                    onward = answer.next_request
                    if onward is None or not _is_same_server(onward.url, answer.url):
                        break
                    answer = http.send(onward)
        except httpx.HTTPError as error:
            raise SiteUnavailable(site=url, reason=type(error).__name__) from error
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise SiteUnavailable(site=url, reason=f"env.js: {answer.status_code}")
        return environment_of(answer.text)


def _is_same_server(found: httpx.URL, asked: httpx.URL) -> bool:
    """Whether a redirect stays on its server: to another one only the event and the settings may send us."""
    mine = (asked.scheme, asked.host, asked.port)
    return (found.scheme, found.host, found.port) == mine and not found.userinfo


def environment_of(text: str) -> dict[str, str]:
    """Return the members of the object that `env.js` assigns; empty when it assigns none."""
    found = _ASSIGNED.search(text)
    if found is None:
        return {}
    try:
        members = json.loads(found["object"])
    except ValueError:  # older generators write a JavaScript literal: single quotes, bare names
        members = {member["name"]: member["text"] for member in _MEMBER.finditer(found["object"])}
    return {name: value.strip() for name, value in members.items() if isinstance(value, str)}


def version_of(text: str) -> tuple[int, ...]:
    """Return "v1.2.5" as (1, 2, 5); () for anything else."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)\S*", text)
    return tuple(map(int, found.groups())) if found else ()
