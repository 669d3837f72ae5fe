"""HTTP at a chat platform's door, whatever carries it: a server of our own (`served`), or Lambda."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from adapters.chat.body import body_of

JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json; charset=utf-8"}
TEXT: Final[Mapping[str, str]] = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A door's answer to one request."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Take = Callable[[Mapping[str, str], bytes], Awaitable[HttpAnswer]]
"""Takes one request at a door. The headers find their names in lower case."""


async def served(request: web.Request, take: Take) -> web.Response:
    """Have a door take a request that came over aiohttp."""
    body = await body_of(request)
    if isinstance(body, web.Response):
        return body
    answer = await take(request.headers, body)
    return web.Response(status=answer.status, body=answer.text.encode(), headers=answer.headers)
