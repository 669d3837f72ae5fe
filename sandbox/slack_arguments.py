"""The arguments of a Web API call, whatever way they came, and the refusal that answers bad ones."""

import json
from typing import Any, cast

from aiohttp import web

Json = dict[str, Any]


class Refused(Exception):
    """An answer with ok false: the error code and further fields of the answer."""

    def __init__(self, error: str, **fields: Any) -> None:
        """Keep the code and the fields."""
        super().__init__(error)
        self.error = error
        self.fields = fields


async def arguments(request: web.Request, *, takes_json: bool) -> tuple[Json, str | None]:
    """Return the arguments from query, form and JSON, and the token from the header or the `token` field.

    Methods that only read do not look into JSON bodies: their arguments must come as a form or in the query.
    """
    args: Json = dict(request.query)
    if request.method == "POST":
        if request.content_type == "application/json":
            if takes_json:
                args |= _json_object(await request.text())
        else:
            args |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else None
    # In a JSON body Slack does not look for a token.
    if token is None and request.content_type != "application/json":
        token = cast("str | None", args.get("token"))
    return {name: value for name, value in args.items() if name != "token"}, token


def _json_object(text: str) -> Json:
    if not text:
        return {}
    try:
        body: Any = json.loads(text)
    except json.JSONDecodeError:
        raise Refused("invalid_json") from None
    if not isinstance(body, dict):
        raise Refused("json_not_object")
    return body


def required(args: Json, name: str) -> str:
    """Return an argument that must not be missing."""
    value = args.get(name)
    if value in (None, ""):
        raise Refused(
            "invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]}
        )
    return str(value)


def number(args: Json, name: str) -> int:
    """Return an argument that is a number; 0 when it is missing."""
    try:
        return int(args.get(name) or 0)
    except ValueError:
        raise Refused(
            "invalid_arguments",
            response_metadata={"messages": [f"[ERROR] must be an integer [json-pointer:/{name}]"]},
        ) from None


def parsed(blocks: Any) -> Any:
    """Return blocks or a view, whether they came as JSON or, in a form, as a string of JSON."""
    if isinstance(blocks, str) and blocks:
        try:
            return json.loads(blocks)
        except json.JSONDecodeError:
            raise Refused("invalid_blocks_format") from None
    return blocks or []


def refused_for(error: str, messages: tuple[str, ...]) -> Refused:
    """Return the refusal that lists what was found wrong."""
    if not messages:
        return Refused(error)
    return Refused(
        error,
        errors=list(messages),
        response_metadata={"messages": [f"[ERROR] {found}" for found in messages]},
    )
