"""What a Graph request and answer are, apart from the socket: the same for a request of its own and one in a
`$batch`.

`Ask` comes in, a `Route` knows what it is called, costs and demands, an `Answer` or a `GraphError` goes out.
"""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

NOT_PRESENT: Final = (
    "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
)
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_KEYED = re.compile(r"(\w+)\((?:(\w+)=)?'(.*)'\)\Z", re.DOTALL)
_DOLLAR_SEGMENTS = {"$ref", "$count", "$batch", "$value"}


class GraphError(Exception):
    """A refusal with Graph's own status, code and message; `headers` go with it."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `body` is JSON, a `str` for plain text, or None for an empty answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to Graph. `path` holds the decoded segments below `/v1.0`; header names are in lower case.

    `detail` is for the call log: ids and counts only, never names or addresses.
    """

    method: str
    path: tuple[str, ...]
    link_path: str  # the path as it was sent, for links back
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str  # e.g. "https://graph.microsoft.com/v1.0"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def is_advanced(self) -> bool:
        """Whether the request asks for the advanced query capabilities of directory objects."""
        eventual = self.headers.get("consistencylevel", "").lower() == "eventual"
        return eventual and self.query.get("$count", "").lower() == "true"

    def json(self) -> dict[str, Any]:
        """Return the body. Raises GraphError 400 when it is not a JSON object said to be one."""
        if not self.headers.get("content-type", "").lower().startswith("application/json"):
            raise GraphError(
                400,
                "BadRequest",
                "Write requests (excluding DELETE) must contain the Content-Type header declaration.",
            )
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise GraphError(
                400,
                "Request_BadRequest",
                "An unexpected 'EndOfInput' node was found when reading from the JSON reader. A"
                " 'StartObject' node was"
                " expected.",
            )
        return found


Handler = Callable[[Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `template` is its path with `{id}` for keys; any one of `roles` opens it (none: open to
    all).

    `units` are the resource units it costs before `$select` and `$top` are counted; `writes` the writes.
    """

    method: str
    template: str
    handler: Handler
    roles: frozenset[str] = frozenset()
    units: int = 1
    writes: Callable[[Ask], float] | None = None
    operation: str = ""

    @property
    def name(self) -> str:
        """The operation's name in the call log."""
        return self.operation or f"{self.method} {self.template}"

    def fits(self, path: Sequence[str]) -> bool:
        """Whether the path has this route's form, whatever the method."""
        form = self.template.strip("/").split("/")
        return len(form) == len(path) and all(
            part in {"{id}", given} for part, given in zip(form, path, strict=True)
        )


def segments(raw_path: str) -> tuple[str, ...]:
    """Split a raw path below the version into decoded segments; `users('x')` is the same as `users/x`.

    Raises GraphError 400 for an id that begins with `$` and is not in parentheses.
    """
    found: list[str] = []
    for raw in raw_path.strip("/").split("/"):
        part = unquote(raw)
        keyed = _KEYED.match(part)
        if keyed:
            key = keyed[3].replace("''", "'")
            found += [keyed[1], f"{keyed[2]}={key}" if keyed[2] else key]
        elif part.startswith("$") and part not in _DOLLAR_SEGMENTS:
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{part}'.")
        else:
            found.append(part)
    return tuple(found)


def query(raw: str) -> dict[str, str]:
    """Decode a raw query string; a bare plus is a blank, as on the real service."""
    return dict(parse_qsl(raw, keep_blank_values=True))


def require_guid(text: str) -> str:
    """Return the id in lower case. Raises GraphError 400 when it is no GUID."""
    if not _GUID.match(text):
        raise GraphError(400, "Request_BadRequest", f"Invalid object identifier '{text}'.")
    return text.lower()


def is_guid(text: str) -> bool:
    """Whether the text is a GUID."""
    return _GUID.match(text) is not None


def not_present(object_id: str) -> GraphError:
    """Return the 404 for an object that is not there, or not there yet."""
    return GraphError(404, "Request_ResourceNotFound", NOT_PRESENT.format(id=object_id))


def error_answer(error: GraphError, ask: Ask | None = None) -> Answer:
    """Return the error in Graph's envelope."""
    request_id = ask.request_id if ask else str(uuid.uuid4())
    client_request_id = ask.headers.get("client-request-id", request_id) if ask else request_id
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": client_request_id,
    }
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return Answer(error.status, body, error.headers)
