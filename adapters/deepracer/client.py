"""The API of a racing site: signed, at most five calls a second, its many ways of refusing told in our words.

Every layer in front of the API refuses in a form of its own: the firewall, the gateway, the signature check,
the server, the operation. `x-amzn-ErrorType` says which it was, where it is there; `_refusal` is the one
place that knows them.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

import httpx

from adapters.aws.pace import Pace
from adapters.deepracer.session import SERVICE, Keys, Session
from adapters.deepracer.site import Site
from adapters.retry_after import retry_after
from provisioning.brake import Brakes, throttled
from provisioning.errors import (
    CredentialRefused,
    PermissionMissing,
    ProvisioningError,
    SiteFirewalled,
    SiteUnavailable,
    StoreUnavailable,
    Unexpected,
)
from provisioning.ports import Clock

CALLS_PER_SECOND: Final = 5.0  # each costs the whole account one of thirty lookups a second
LONGEST_WAIT: Final = 5.0  # seconds in which a call may wait for its turn
MOST_PAGES: Final = 500
_EXPIRED: Final = {"ExpiredTokenException", "UnrecognizedClientException"}
_CREDENTIALS: Final = _EXPIRED | {"InvalidSignatureException", "MissingAuthenticationTokenException"}
_SAID: Final[Mapping[str, str]] = {
    "Missing Authentication Token": "MissingAuthenticationTokenException",
    "is not authorized to perform": "AccessDeniedException",
    "token included in the request is expired": "ExpiredTokenException",
    "signature we calculated does not match": "InvalidSignatureException",
}
_TOO_MANY, _FORBIDDEN, _BROKEN, _GATEWAY = 429, 403, 500, {502, 503, 504}
_ADMIN_WANTED: Final = ("Admin permission required", "Non-admin user")

log = logging.getLogger(__name__)


class SiteError(Exception):
    """The site refused a call for what it asked: its status, the error's name, and its sentence."""

    def __init__(self, action: str, status: int, kind: str, text: str) -> None:
        super().__init__(f"{action}: {status} {kind}")
        self.action = action
        self.status = status
        self.kind = kind
        self.text = text

    def unexpected(self) -> Unexpected:
        """Return the error for a refusal that nobody foresaw; sentences may quote people, so none is told."""
        return Unexpected(action=self.action, reason=f"{self.status} {self.kind}".strip())


class SiteClient:
    """The API of one site, as the service user. Safe to use from several threads; they take turns."""

    def __init__(
        self,
        site: Site,
        session: Session,
        http: httpx.Client,
        *,
        user_agent: str,
        brakes: Brakes,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._site = site
        self._session = session
        self._http = http
        self._user_agent = user_agent
        self._brakes = brakes
        self._clock = clock
        self._pace = pace or Pace(rate=CALLS_PER_SECOND, most=CALLS_PER_SECOND, burst=1)
        self._brake = f"racing-site:{site.api_url}"
        self._lock = Lock()

    def groups(self) -> frozenset[str]:
        """Return the groups of the service user, as of the last hour. Raises ProvisioningError."""
        return self._session.keys().groups

    def call(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Call an operation and return its answer.

        What is safe to repeat is repeated once when the gateway failed, and anything when the credentials had
        expired. Raises SiteError for a refusal of what was asked, ProvisioningError for everything else.
        """
        try:
            return self._call(method, path, body, query)
        except CredentialRefused as error:
            if error.facts.get("reason") not in _EXPIRED:
                raise
        except SiteUnavailable as error:
            if method == "POST" or error.facts.get("layer") != "gateway":
                raise
        return self._call(method, path, body, query)

    def pages(self, path: str, member: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of every page. Raises as `call` does."""
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            answer = self.call("GET", path, **more)
            yield from answer.get(member) or ()
            if not answer.get("token"):
                return
            more = {"token": str(answer["token"])}
        raise Unexpected(action=f"GET {path}", reason=f"more than {MOST_PAGES} pages")

    def _call(self, method: str, path: str, body: Any, query: Mapping[str, str]) -> dict[str, Any]:
        self._wait_for_turn()
        keys = self._session.keys()
        content = b"" if body is None else json.dumps(body).encode()
        url, headers = self._signed(method, path, content, query, keys)
        action = f"{method} {path}"
        try:
            answer = self._http.request(method, url, headers=headers, content=content)
        except httpx.HTTPError as error:
            log.info(
                "no answer",
                extra={"action": "racing-site", "operation": action, "outcome": type(error).__name__},
            )
            raise SiteUnavailable(reason=type(error).__name__, action=action) from error
        milliseconds = round(answer.elapsed.total_seconds() * 1000)
        facts = {"operation": action, "status": answer.status_code, "ms": milliseconds}
        log.info("the site answered", extra={"action": "racing-site", **facts})
        if answer.is_success:
            return _object(answer)
        wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
        refusal = _refusal(action, answer, wait)
        if isinstance(refusal, CredentialRefused):
            self._session.forget(keys)
        if answer.status_code == _TOO_MANY:
            self._slow_down(wait)
        raise refusal

    def _signed(
        self, method: str, path: str, content: bytes, query: Mapping[str, str], keys: Keys
    ) -> tuple[str, dict[str, str]]:
        """Return address and headers of a signed request. A body's type is sent with a body alone."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))
        url = f"{self._site.api_url}{path}{'?' if asked else ''}{asked}"
        request = AWSRequest(method, url, {"Content-Type": "application/json"} if content else {}, content)
        signer = SigV4Auth(
            Credentials(keys.access_key, keys.secret_key, keys.token), "execute-api", self._site.region
        )
        signer.add_auth(request)
        return url, {**dict(request.headers.items()), "User-Agent": self._user_agent}

    def _wait_for_turn(self) -> None:
        with suppress(StoreUnavailable):  # nobody remembers a brake then; the pace holds all the same
            if seconds := self._brakes.wait(self._brake):
                raise SiteUnavailable(seconds, reason="throttled a moment ago")
        with self._lock:
            now = self._clock.now().timestamp()
            seconds = self._pace.wait(now)
            if seconds > LONGEST_WAIT:
                raise SiteUnavailable(seconds, reason="too many calls are waiting")
            self._pace.take(now)
        if seconds > 0:
            time.sleep(seconds)

    def _slow_down(self, wait: float | None) -> None:
        now = self._clock.now()
        with self._lock:
            self._pace.was_throttled(now.timestamp(), wait)
        with suppress(StoreUnavailable):
            self._brakes.hold(throttled(self._brake, wait, now))


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):  # a page in place of an answer: the address is not that of the API
        raise SiteUnavailable(reason="the answer is no JSON object")
    return found


def _refusal(action: str, answer: httpx.Response, wait: float | None) -> ProvisioningError | SiteError:
    """Translate a refusal, by layer; the one place where that is done. `wait`: the seconds it asks for."""
    status = answer.status_code
    try:
        body = answer.json()
    except ValueError:
        body = {}
    told = body if isinstance(body, dict) else {}
    text = str(told.get("message") or told.get("Message") or told.get("errorMessage") or "")
    kind = _kind(answer.headers.get("x-amzn-ErrorType") or str(told.get("__type") or ""), status, text)
    if status == _FORBIDDEN and kind in _CREDENTIALS:
        return CredentialRefused(service=SERVICE, reason=kind)
    if status == _FORBIDDEN and kind in {"AccessDeniedException", "NotAuthorizedError"}:
        return PermissionMissing(permission=action, service=SERVICE)
    if status == _FORBIDDEN:
        return SiteFirewalled(action=action)
    if status == _TOO_MANY:
        return SiteUnavailable(wait, reason="429: throttled", action=action)
    if status in _GATEWAY:
        return SiteUnavailable(
            wait, reason=f"{status}: {kind or 'the gateway'}", action=action, layer="gateway"
        )
    if status >= _BROKEN:
        why = text or "an empty body"
        return SiteUnavailable(reason=f"{status} with {why}", action=action)
    if text.startswith(_ADMIN_WANTED):
        return PermissionMissing(permission="group dr-admins", service=SERVICE)
    return SiteError(action, status, kind, text)


def _kind(named: str, status: int, text: str) -> str:
    """Return the error's bare name; a refusal by the gateway that names none is known by its sentence."""
    if named:
        return named.partition(":")[0].rpartition("#")[2].strip()
    said = (name for sentence, name in _SAID.items() if status == _FORBIDDEN and sentence in text)
    return next(said, "")
