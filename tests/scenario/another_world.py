"""An accent: the same company, whose APIs keep to their contracts in another way than our simulators do.

What an API need not say is left out, what it may say beside is said, and every form that is free is another
one: lists in short pages with an empty token at the end, patience as a date, JSON in pieces and with spaces.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.clock import Clock

PAGE = 3  # members of a page where ours gives a thousand
# What these APIs say only when there is something to say; each of them is missing in somebody's world.
_MAY_BE_MISSING = {"is_stranger", "is_ultra_restricted", "response_metadata", "deleted", "is_invited_user"}
_LISTS = {"Users", "GroupMemberships", "AccountAssignments"}


def accent(clock: Clock) -> Any:
    """Return the middleware that lets simulators speak so; `clock` is the one by which dates are told."""

    @web.middleware
    async def spoken(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith("/_"):  # what people do there, and the test itself
            return await handler(request)
        if "$top" in request.query:
            shorter = request.rel_url.update_query({"$top": str(PAGE)})
            request = request.clone(rel_url=shorter)
        answer = await handler(request)
        if isinstance(answer, web.Response):
            _say_otherwise(answer, clock)
        return answer

    return spoken


def _say_otherwise(answer: web.Response, clock: Clock) -> None:
    if "Retry-After" in answer.headers:
        seconds = float(answer.headers["Retry-After"])
        # A date knows no fractions: rounded up, so that nobody comes too early.
        until = clock.utc() + timedelta(seconds=seconds + 1)
        answer.headers["Retry-After"] = format_datetime(until, usegmt=True)
    if "json" not in answer.content_type or not answer.text:
        return
    try:
        found = json.loads(answer.text)
    except ValueError:
        return
    answer.text = json.dumps(_otherwise(found), indent=2, ensure_ascii=True)
    answer.enable_chunked_encoding()


def _otherwise(found: Any) -> Any:
    """Return the same facts in another form."""
    if isinstance(found, list):
        return [_otherwise(one) for one in found]
    if not isinstance(found, dict):
        return found
    said = {name: _otherwise(value) for name, value in found.items() if value or name not in _MAY_BE_MISSING}
    if said.keys() & _LISTS:
        said.setdefault("NextToken", "")
    if len(said) == 1:  # AWS's unions have one member and no other
        return said
    return said | {"x-said-beside": {"since": 2031, "of": ["nobody", None]}}
