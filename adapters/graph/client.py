"""Asking Microsoft Graph: one request or a `$batch`, under the shared brake, answers translated in one place.

    brake -> token -> request -> answer -> JSON, GraphError, or an error of provisioning

Nothing is asked twice here, except once more with a fresh token after a 401: callers decide what to repeat.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ssl import SSLContext
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from adapters.retry_after import retry_after
from adapters.tokens import Tokens
from provisioning.brake import NO_ADVICE, Brake, Brakes, near_limit, throttled
from provisioning.errors import (
    CredentialRefused,
    DirectoryUnavailable,
    PermissionMissing,
    ProvisioningError,
    Unexpected,
)
from provisioning.ports import Clock

GRAPH: Final = "https://graph.microsoft.com/v1.0"
TIMEOUT: Final = httpx.Timeout(8.0, connect=3.0, pool=3.0)
LONGEST_PAUSE: Final = 2.0  # seconds to wait here for the brake; a longer wait is the queue's
AFTER_TROUBLE: Final = timedelta(seconds=2)  # how long everyone leaves Graph alone after a 5xx or no answer
MOST_BATCHED: Final = 20
Priority = Literal["low", "normal", "high"]
T = TypeVar("T")

# Without an answer from these, the request never left.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_OK, _FIRST_REFUSAL, _UNAUTHORIZED, _FORBIDDEN = 200, 300, 401, 403
_REQUEST_TIMEOUT, _FAILED_DEPENDENCY, _TOO_MANY, _SERVER_ERROR, _OVERLOADED = 408, 424, 429, 500, 503
_DENIED = "Authorization_RequestDenied"
# Beside every 5xx; 0 is an item without a status.
_TRY_AGAIN = {0, _REQUEST_TIMEOUT, _FAILED_DEPENDENCY, _TOO_MANY}
# Turned away at the gate; any other answer worth another try may hide that the work was done.
_NOT_DONE = {_FAILED_DEPENDENCY, _TOO_MANY, _OVERLOADED}

log = logging.getLogger(__name__)


class GraphError(Exception):
    """Graph's refusal of one request, as it came. `message` may hold ids: for matching, not for people."""

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id

    def says(self, part: str) -> bool:
        """Whether the message holds this text, in whatever case."""
        return part.lower() in self.message.lower()

    @property
    def facts(self) -> dict[str, str]:
        """Return what may be logged and shown of it."""
        return {"status": str(self.status), "code": self.code, "request_id": self.request_id}

    def unexpected(self) -> Unexpected:
        """Return the error for a refusal that has no meaning of its own here."""
        return Unexpected(**self.facts)


class Unanswered(Exception):
    """The request went out, and no answer tells what became of it."""


Result = dict[str, Any] | GraphError | ProvisioningError


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `path` begins with a slash below the version, or is a link that Graph gave.

    `advanced` asks for the advanced query capabilities (the path then has `$count=true`). `lane` is the brake
    of an operation with a budget of its own, held instead of Graph's; `seconds` the longest wait for it.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    advanced: bool = False
    lane: str | None = None
    seconds: float | None = None

    @property
    def operation(self) -> str:
        """Return what the log calls it: without the query, where the addresses are."""
        return f"{self.method} {urlsplit(self.path).path}"


def may_have_landed(error: ProvisioningError) -> bool:
    """Whether the request that failed so may still have had its effect."""
    return isinstance(error.__cause__, Unanswered)


def asking(path: str, **options: str) -> str:
    """Return the path with OData query options, percent-encoded whole: `asking("/users", filter="…")`."""
    return path + "?" + "&".join(f"${name}={quote(value, safe='')}" for name, value in options.items())


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the items in runs of at most this size, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def literal(text: str) -> str:
    """Return the text as an OData string literal, its quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


class GraphClient:
    """One app's access to Graph in one tenant. Safe to share between threads.

    `api` names the brake. `pause` waits out a short brake; tests pass their own.
    """

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        brakes: Brakes,
        *,
        api: str,
        clock: Clock,
        trust: SSLContext | bool = True,
        timeout: httpx.Timeout = TIMEOUT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.api = api
        self.brakes = brakes
        self.clock = clock
        self._tokens = tokens
        self._pause = pause
        self._timeout = timeout
        limits = httpx.Limits(max_connections=10, max_keepalive_connections=5, keepalive_expiry=30.0)
        self._http = httpx.Client(verify=trust, timeout=timeout, limits=limits)
        # At INFO httpx logs every URL, and ours carry e-mail addresses in their filters.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, ask: Ask, *, priority: Priority = "high") -> dict[str, Any]:
        """Send one request; returns the JSON answer, {} for an empty one.

        Raises GraphError when Graph refuses, DirectoryUnavailable when it is worth trying again (see
        `may_have_landed`), CredentialRefused, and PermissionMissing.
        """
        answer = self._answer(ask, priority)
        found = self._read(ask, answer.status_code, answer.headers, _parsed(answer))
        _log_answer(ask, answer)
        return found

    def get(self, path: str, *, priority: Priority = "high", advanced: bool = False) -> dict[str, Any]:
        """Read one resource or page. Raises as `send` does."""
        return self.send(Ask("GET", path, advanced=advanced), priority=priority)

    def pages(
        self, path: str, *, priority: Priority = "high", advanced: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Read a list page by page (see `values`), following Graph's links as they are.

        A page is read when it is asked for; `is_last` tells whether there is another. Raises as `send` does.
        """
        following: str | None = path
        while following:
            page = self.get(following, priority=priority, advanced=advanced)
            following = page.get("@odata.nextLink")
            yield page

    def batch(self, asks: Sequence[Ask], *, priority: Priority = "high") -> list[Result]:
        """Send up to twenty requests in one; returns what became of each, in the order given.

        Each is refused, throttled or failed for itself: what `send` would raise is its result. Raises only
        what befalls the batch as a whole.
        """
        if len(asks) > MOST_BATCHED:
            raise ValueError(f"a batch holds at most {MOST_BATCHED} requests")
        requests = [_item(str(number), ask, priority) for number, ask in enumerate(asks)]
        outer = Ask("POST", "/$batch", {"requests": requests})
        answer = self._answer(outer, priority)
        body = _parsed(answer)
        responses = body.get("responses") if isinstance(body, dict) else None
        # The outer answer was seen to be 424 with throttled items inside: what counts is inside.
        if not isinstance(responses, list) or answer.status_code not in {_OK, _FAILED_DEPENDENCY}:
            self._read(outer, answer.status_code, answer.headers, body)
            raise _unanswered("the batch came back without its answers")
        _log_answer(outer, answer, of=sorted({f"{one.method} {_collection(one)}" for one in asks}))
        by_id = {str(one.get("id")): one for one in responses if isinstance(one, dict)}
        return [self._read_item(ask, by_id.get(str(number))) for number, ask in enumerate(asks)]

    def _read_item(self, ask: Ask, response: Mapping[str, Any] | None) -> Result:
        if response is None:
            return _unanswered("the batch came back without this answer")
        headers = httpx.Headers({name: str(value) for name, value in (response.get("headers") or {}).items()})
        try:
            return self._read(ask, _status(response), headers, response.get("body"))
        except (GraphError, ProvisioningError) as error:
            return error

    def _answer(self, ask: Ask, priority: Priority) -> httpx.Response:
        """Send under the brake with a token that holds, and return the answer whatever it says."""
        url = self._url(ask.path)
        self._heed_brake()
        token = self._tokens.token()
        answer = self._ask_once(ask, url, token, priority)
        if answer.status_code == _UNAUTHORIZED:
            answer = self._ask_once(ask, url, self._tokens.token(refused=token), priority)
        return answer

    def _ask_once(self, ask: Ask, url: str, token: str, priority: Priority) -> httpx.Response:
        headers = _headers(ask, priority)
        headers |= {"Authorization": f"Bearer {token}", "client-request-id": str(uuid.uuid4())}
        timeout = self._timeout
        if ask.seconds is not None:
            timeout = httpx.Timeout(ask.seconds, connect=timeout.connect, pool=timeout.pool)
        request = self._http.build_request(ask.method, url, json=ask.body, headers=headers, timeout=timeout)
        try:
            answer = self._http.send(request)
        except httpx.RequestError as error:
            raise self._no_answer(ask, error) from (error if isinstance(error, _NOT_SENT) else _lost(error))
        if answer.status_code >= _SERVER_ERROR:
            # The server behind this connection is in trouble: the next request takes another.
            answer.extensions["network_stream"].close()
        return answer

    def _no_answer(self, ask: Ask, error: httpx.RequestError) -> DirectoryUnavailable:
        self.brakes.hold(Brake(ask.lane or self.api, self.clock.now() + AFTER_TROUBLE))
        facts = {"action": "graph", "operation": ask.operation, "error": type(error).__name__}
        log.warning("no answer from Graph", extra=facts)
        return DirectoryUnavailable()

    def _heed_brake(self) -> None:
        patience = LONGEST_PAUSE
        while (wait := self.brakes.wait(self.api)) > 0:
            if wait > patience:
                raise DirectoryUnavailable(wait)
            self._pause(wait)
            patience -= wait

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return self.base_url + path
        # Our token goes to nobody but Graph, whatever a link says.
        if _server(path) != _server(self.base_url):
            raise Unexpected(reason="a link leads away from Graph")
        return path

    def _read(self, ask: Ask, status: int, headers: httpx.Headers, body: Any) -> dict[str, Any]:
        """Translate one answer: the only place that knows what a status means."""
        if 0 < status < _FIRST_REFUSAL:
            if (brake := near_limit(self.api, _share(headers), self.clock.now())) is not None:
                self.brakes.hold(brake)
            if not body or isinstance(body, dict):  # an item of a batch was seen with "" for nothing
                return body or {}
            raise _unanswered("an answer that is no JSON")
        error = _refusal(status, headers, body)
        log.info("Graph refused", extra={"action": "graph", "operation": ask.operation, **error.facts})
        if status in _TRY_AGAIN or status >= _SERVER_ERROR:
            raise self._unavailable(ask, error, headers) from (error if status in _NOT_DONE else _lost(error))
        if status == _UNAUTHORIZED:
            raise CredentialRefused(**error.facts) from error
        if status == _FORBIDDEN and (error.code == _DENIED or error.says("required roles claim")):
            raise PermissionMissing(operation=ask.operation, request_id=error.request_id) from error
        raise error

    def _unavailable(self, ask: Ask, error: GraphError, headers: httpx.Headers) -> DirectoryUnavailable:
        """Hold the brake as the answer demands, for every process, and return the error that says so."""
        now, lane = self.clock.now(), ask.lane or self.api
        wait = retry_after(headers.get("Retry-After"), now)
        if error.status == _TOO_MANY:
            self.brakes.hold(throttled(lane, wait, now))
            return DirectoryUnavailable(NO_ADVICE.total_seconds() if wait is None else wait)
        if error.status != _FAILED_DEPENDENCY:
            self.brakes.hold(Brake(lane, now + (AFTER_TROUBLE if wait is None else timedelta(seconds=wait))))
        return DirectoryUnavailable(wait)


def _server(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port, the scheme's own left out; None for what is no address."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    return None if parsed.userinfo else (parsed.scheme, parsed.host, parsed.port)


def values(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a page."""
    found = page.get("value")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def is_last(page: Mapping[str, Any]) -> bool:
    """Whether no page follows this one."""
    return not page.get("@odata.nextLink")


def _status(item: Mapping[str, Any]) -> int:
    """Return the status of an item, which may be a number or its digits; 0 when it has none."""
    found = str(item.get("status"))
    return int(found) if found.isascii() and found.isdigit() else 0


def _share(headers: httpx.Headers) -> float:
    try:
        return float(headers.get("x-ms-throttle-limit-percentage", "0"))
    except ValueError:
        return 0.0


def _headers(ask: Ask, priority: Priority) -> dict[str, str]:
    headers: dict[str, str] = {"x-ms-throttle-priority": priority}
    if ask.advanced:
        headers["ConsistencyLevel"] = "eventual"
    return headers


def _item(number: str, ask: Ask, priority: Priority) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": number,
        "method": ask.method,
        "url": ask.path,
        "headers": _headers(ask, priority),
    }
    if ask.body is not None:
        item["body"] = ask.body
        item["headers"]["Content-Type"] = "application/json"
    return item


def _parsed(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _refusal(status: int, headers: httpx.Headers, body: Any) -> GraphError:
    found = body.get("error") if isinstance(body, dict) else None
    told: Mapping[str, Any] = found if isinstance(found, dict) else {}
    inner = told.get("innerError") or told.get("innererror") or {}
    request_id = headers.get("request-id") or (inner.get("request-id") if isinstance(inner, dict) else None)
    return GraphError(
        status, str(told.get("code") or ""), str(told.get("message") or ""), str(request_id or "")
    )


def _log_answer(ask: Ask, answer: httpx.Response, **more: Any) -> None:
    """Log that a call was answered; what Graph refuses is logged where it is read."""
    facts = {
        "operation": ask.operation,
        "status": answer.status_code,
        "request_id": answer.headers.get("request-id", ""),
        "ms": round(answer.elapsed.total_seconds() * 1000),
    }
    log.info("Graph answered", extra={"action": "graph", **facts, **more})


def _collection(ask: Ask) -> str:
    """Return the collection that a request is about: "/users", "/groups"."""
    return "/" + urlsplit(ask.path).path.lstrip("/").partition("/")[0]


def _lost(error: Exception) -> Unanswered:
    lost = Unanswered(str(error) or type(error).__name__)
    lost.__cause__ = error
    return lost


def _unanswered(why: str) -> DirectoryUnavailable:
    error = DirectoryUnavailable()
    error.__cause__ = Unanswered(why)
    return error
