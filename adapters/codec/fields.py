"""The small things of which rows are made: JSON, moments, texts of people, and where an answer goes."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from provisioning.ids import ChatIdentity
from provisioning.requests import ReplyTo

Json = dict[str, Any]

# In ASCII, so that half a surrogate pair in somebody's display name can be kept as well.
encode = json.JSONEncoder(separators=(",", ":")).encode
decode = json.JSONDecoder().decode
read_moment = datetime.fromisoformat


def write_moment(moment: datetime) -> str:
    """Write a moment with its offset. Raises ValueError when it has none."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stored")
    return moment.isoformat()


def read_moment_if(text: str | None) -> datetime | None:
    """Read a moment, if there is one."""
    return None if text is None else read_moment(text)


def write_reply(reply: ReplyTo) -> Json:
    """Write where an answer goes."""
    body: Json = {"chat": str(reply.chat)}
    if reply.handle is not None:
        body["handle"] = reply.handle
    if reply.handle_until is not None:
        body["handle_until"] = write_moment(reply.handle_until)
    if reply.handle_posts:
        body["handle_posts"] = reply.handle_posts
    if reply.locale is not None:
        body["locale"] = reply.locale
    return body


def read_reply(found: Mapping[str, Any]) -> ReplyTo:
    """Read what `write_reply` wrote."""
    get = found.get
    return ReplyTo(
        ChatIdentity.parse(found["chat"]),
        get("handle"),
        read_moment_if(get("handle_until")),
        get("handle_posts", 0),
        get("locale"),
    )


def pack_text(text: str) -> str:
    """Write a text that people typed: every store takes it, also with half a surrogate pair in it."""
    return encode(text)


def unpack_text(body: str) -> str:
    """Read what `pack_text` wrote."""
    return str(decode(body))
