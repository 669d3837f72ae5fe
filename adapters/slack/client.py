"""The Slack Web API: called at Slack's pace, and its errors sorted by who can act.

Every call is a POST with a form and the token in a header: methods that only read do not look into JSON
bodies, and a token in a query string ends up in logs. Nothing is repeated here; a `chat.postMessage` whose
answer was lost may have been posted.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from adapters.chat.pace import Pace, Rate
from adapters.retry_after import retry_after
from adapters.trust import ssl_context
from provisioning.brake import Brakes, throttled
from provisioning.errors import (
    ChatUnavailable,
    CredentialRefused,
    ListUnreadable,
    ProvisioningError,
    ScopeMissing,
    Undeliverable,
    Unexpected,
)
from provisioning.ports import Clock

PATIENCE_SECONDS: Final = 2.0  # a shorter wait is spent here, a longer one is the caller's
UNTOLD: Final = timedelta(hours=1)  # how long Slack is not asked again for scopes that it does not tell
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_OK: Final = 200
_CHANNEL: Final = Rate(per_minute=60, burst=3)  # one message a second into each conversation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method: the bot scopes it needs here, and how often it may be called (Slack's tiers)."""

    scopes: frozenset[str]
    rate: Rate


METHODS: Final[Mapping[str, Method]] = {
    "auth.test": Method(frozenset(), Rate(per_minute=60, burst=20)),
    "users.info": Method(frozenset({"users:read", "users:read.email"}), Rate(per_minute=100, burst=10)),
    "users.list": Method(frozenset({"users:read", "users:read.email"}), Rate(per_minute=20, burst=8)),
    "chat.postMessage": Method(frozenset({"chat:write"}), Rate(per_minute=300, burst=30)),
    "files.getUploadURLExternal": Method(frozenset({"files:write"}), Rate(per_minute=100, burst=5)),
    "files.completeUploadExternal": Method(frozenset({"files:write"}), Rate(per_minute=100, burst=5)),
    "files.info": Method(frozenset({"files:read"}), Rate(per_minute=100, burst=5)),
    "views.open": Method(frozenset(), Rate(per_minute=100, burst=20)),
    "chat.update": Method(frozenset({"chat:write"}), Rate(per_minute=50, burst=5)),
}

# Slack's error codes by who can act; what is not named here is Unexpected.
_REFUSED_CREDENTIAL: Final = frozenset(
    {"account_inactive", "invalid_auth", "not_allowed_token_type", "not_authed", "org_login_required"}
    | {"token_expired", "token_revoked", "ekm_access_denied", "access_denied", "team_access_not_granted"}
)
_UNDELIVERABLE: Final = frozenset(
    {
        "user_not_found",
        "users_not_found",
        "user_not_visible",
        "user_disabled",
        "user_is_bot",
        "user_is_restricted",
    }
    | {"channel_not_found", "is_archived", "not_in_channel", "cannot_dm_bot"}
    | {"is_inactive", "slack_connect_canvas_sharing_blocked"}
    | {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "update_failed",
        "channel_type_not_supported",
    }
    | {"cant_dm_self", "external_channel_migrating"}
)
# The app or the workspace is set up so that nobody can be written to; somebody can mend it.
_MENDABLE: Final = frozenset(
    {"messages_tab_disabled", "no_permission", "restricted_action", "restricted_action_read_only_channel"}
    | {"restricted_action_thread_only_channel", "restricted_action_non_threadable_channel"}
)
_PASSING: Final = frozenset(
    {"ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error"}
    | {"service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"}
)


_UNREADABLE: Final = frozenset({"file_not_found", "file_deleted", "file_not_ready"})


def translated(
    error: str, *, method: str, needed: str = "", retry_after: float | None = None
) -> ProvisioningError:
    """Return our error for Slack's error code."""
    if error in _PASSING:
        return ChatUnavailable(retry_after, method=method, reason=error)
    if error in _REFUSED_CREDENTIAL:
        return CredentialRefused(method=method, reason=error)
    if error in _MENDABLE:
        return ScopeMissing(method=method, needed=error)
    if error == "missing_scope":
        return ScopeMissing(method=method, needed=needed)
    if error in _UNREADABLE:
        return ListUnreadable(why=error)
    if error in _UNDELIVERABLE:
        return Undeliverable(method=method, reason=error)
    return Unexpected(method=method, reason=error)


class SlackClient:
    """One workspace's (or organization's) Web API, for threads. Close it when done.

    `base_url` ends in `/api/`. `sleep` is what short waits are spent with. `granted` holds the scopes of
    the token as Slack's latest answer named them, None before.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        brakes: Brakes,
        clock: Clock,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not token.strip():
            raise ValueError("the Slack bot token is empty")
        self.clock = clock
        self.sleep = sleep
        self.granted: frozenset[str] | None = None
        self._untold_until: datetime | None = None
        self._brakes = brakes
        self._pace = Pace()
        self._api = httpx.URL(base_url)
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(8.0, connect=3.0),
            verify=ssl_context(),
        )

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call one of `METHODS` and return its answer; blocks and other structures travel as JSON strings.

        Waits up to two seconds for the brake and the pace. Raises ChatUnavailable (with Slack's or our own
        `retry_after`), CredentialRefused, ScopeMissing, Undeliverable or Unexpected with the code as
        `reason`.
        """
        self._wait(method, str(params["channel"]) if method == "chat.postMessage" else None)
        form = {name: _text(value) for name, value in params.items() if value is not None}
        try:
            response = self._http.post(method, data=form)
        except httpx.RequestError as error:
            log.warning(
                "no answer", extra={"action": "slack", "method": method, "error": type(error).__name__}
            )
            raise ChatUnavailable(method=method, reason=type(error).__name__) from error
        return self._read(method, response)

    def download(self, url: str, most_bytes: int) -> bytes:
        """Return what is at a private address of Slack's, which gets the token: of no other server.

        Raises ListUnreadable for another server, for what is larger or is not shown to us (Slack then shows
        a page to sign in), and ChatUnavailable.
        """
        if not _serves_files(url, self._api):
            raise ListUnreadable(why="elsewhere")
        content = b""
        try:
            with self._http.stream("GET", url) as response:
                status, kind = response.status_code, response.headers.get("content-type", "")
                if status == _TOO_MANY or status >= _SERVER_ERROR:
                    raise ChatUnavailable(method="download", reason=f"http_{status}")
                if status != _OK or kind.startswith("text/html"):
                    raise ListUnreadable(why="not shown")
                for part in response.iter_bytes():
                    content += part
                    if len(content) > most_bytes:
                        raise ListUnreadable(why="too large")
        except httpx.RequestError as error:
            raise ChatUnavailable(method="download", reason=type(error).__name__) from error
        return content

    def has(self, scope: str) -> bool:
        """Whether the token has this scope, as far as Slack tells. Raises as `call`.

        Slack is asked when no answer has told the scopes yet; where it tells none, once an hour.
        """
        now = self.clock.now()
        if self.granted is None and (self._untold_until is None or self._untold_until <= now):
            self.scopes()
            self._untold_until = now + UNTOLD
        return self.granted is not None and scope in self.granted

    def scopes(self) -> frozenset[str]:
        """Ask Slack which scopes the token has. Raises as `call` does."""
        self.call("auth.test")
        return self.granted or frozenset()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _wait(self, method: str, channel: str | None) -> None:
        braked = self._brakes.wait(f"slack:{method}")
        if braked > PATIENCE_SECONDS:
            raise ChatUnavailable(braked, method=method, reason="brake")
        if braked > 0:
            self.sleep(braked)
        wanted = {method: METHODS[method].rate}
        if channel is not None:
            wanted[f"{method}:{channel}"] = _CHANNEL
        paced = self._pace.reserve(wanted, self.clock.now(), PATIENCE_SECONDS)
        if paced > PATIENCE_SECONDS:
            raise ChatUnavailable(paced, method=method, reason="pace")
        if paced > 0:
            self.sleep(paced)

    def _read(self, method: str, response: httpx.Response) -> dict[str, Any]:
        wait = retry_after(response.headers.get("retry-after"), self.clock.now())
        if response.status_code == _TOO_MANY:
            raise self._throttled(method, wait)
        if response.status_code >= _SERVER_ERROR:
            raise ChatUnavailable(wait, method=method, reason=f"http_{response.status_code}")
        if response.status_code != _OK:
            raise Unexpected(method=method, reason=f"http_{response.status_code}")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ChatUnavailable(method=method, reason="no JSON object")  # a proxy's page, or half an answer
        if "x-oauth-scopes" in response.headers:
            listed = response.headers["x-oauth-scopes"].split(",")
            self.granted = frozenset(scope.strip() for scope in listed if scope.strip())
        if answer.get("ok") is True:
            return answer
        error = str(answer.get("error") or "no error named")
        if error in ("ratelimited", "rate_limited"):
            raise self._throttled(method, wait)
        log.info("Slack refused", extra={"action": "slack", "method": method, "error": error})
        raise translated(error, method=method, needed=str(answer.get("needed") or ""), retry_after=wait)

    def _throttled(self, method: str, retry_after: float | None) -> ProvisioningError:
        log.info("Slack throttles", extra={"action": "slack", "method": method, "retry_after": retry_after})
        self._brakes.hold(throttled(f"slack:{method}", retry_after, self.clock.now()))
        return translated("ratelimited", method=method, retry_after=retry_after)


def _serves_files(url: str, api: httpx.URL) -> bool:
    """Whether this is an address of the server behind the API, or of the one beside it that has the files."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    is_theirs = found.host.removeprefix("files.") == api.host
    return is_theirs and (found.scheme, found.port, found.userinfo) == (api.scheme, api.port, b"")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
