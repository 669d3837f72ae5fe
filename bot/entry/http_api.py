"""A door behind an HTTP API: an event of payload format 2.0 in, the door's answer out.

One event loop lives as long as the function's environment and runs only while a request is answered: between
two requests Lambda freezes everything. So what was begun beside an answer is finished before it is returned.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any, Protocol

from adapters.chat.body import LIMIT
from adapters.chat.http import HttpAnswer
from bot.closing import Closeable
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Context, Event
from provisioning.ports import Store

_LEAST_SECONDS = 0.1  # that what was begun is always given


class Door(Protocol):
    """The door of one chat platform."""

    async def take(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Take one request."""
        ...

    async def finish(self, seconds: float) -> None:
        """Let what was begun beside the answers end, for so long."""
        ...

    async def stop(self) -> None:
        """Close its connections."""
        ...


class Front:
    """Has a door take what comes for this path. The platform waits for `within_seconds`, counted from when
    the request reached AWS; so long what goes out beside the answer may take.
    """

    def __init__(
        self,
        door: Door,
        path: str,
        store: Store,
        metrics: EmbeddedMetrics,
        within_seconds: float,
        closing: Sequence[Closeable] = (),
    ) -> None:
        """Take the door; `closing` is what it reaches the outside with."""
        self._door = door
        self._path = path
        self._store = store
        self._metrics = metrics
        self._within_seconds = within_seconds
        self._closing = closing
        self._loop = asyncio.Runner()

    def __call__(self, event: Event, _: Context) -> dict[str, Any]:
        """Answer one event of the HTTP API."""
        # In the context of this invocation: left to itself, the runner stays in that of the first.
        answer = self._loop.run(self._answered(event), context=copy_context())
        self._metrics.write()
        return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.text}

    def close(self) -> None:
        """Close everything, the store last."""
        self._loop.run(self._door.stop())
        self._loop.close()
        for one in self._closing:
            one.close()
        self._store.close()

    async def _answered(self, event: Event) -> HttpAnswer:
        request = event["requestContext"]
        # A stage that is not $default stands before the path.
        if request["http"]["method"] != "POST" or not str(event["rawPath"]).endswith(self._path):
            return HttpAnswer(404)
        body = body_of(event)
        if body is None:
            return HttpAnswer(400)
        if len(body) > LIMIT:
            return HttpAnswer(413)
        answer = await self._door.take(headers_of(event), body)
        gone = time.time() - request["timeEpoch"] / 1000
        await self._door.finish(max(_LEAST_SECONDS, self._within_seconds - gone))
        return answer


def headers_of(event: Event) -> dict[str, str]:
    """Return the headers, their names in lower case. The API has joined those that came more than once."""
    return {name.lower(): value for name, value in event["headers"].items()}


def body_of(event: Event) -> bytes | None:
    """Return the body as it was sent, None when it cannot be told."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
