"""How Bot Connector says no: status, code and sentence.

Codes and sentences are those of Microsoft's "Status codes from bot conversational APIs", and of its answers
as reported in MicrosoftDocs/bot-docs#681, #352 and #1514.
"""

import json
import math
from typing import Any

from aiohttp import web

# Code -> status and sentence of what ends or blocks a conversation.
DEAD = {
    "BotNotInConversationRoster": (403, "The bot is not part of the conversation roster."),
    "ConversationBlockedByUser": (403, "User blocked the conversation with the bot."),
    "BotDisabledByAdmin": (403, "The tenant admin disabled this bot"),
    "MessageWritesBlocked": (403, "Message writes are blocked due to thread properties."),
    "ForbiddenOperationException": (403, "Bot is not installed in user's personal scope"),
    "ConversationNotFound": (404, "The conversation was not found."),
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        """Keep the parts of the answer."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @classmethod
    def dead(cls, code: str) -> "Refused":
        """Return the refusal of a conversation that is dead for this reason."""
        status, message = DEAD[code]
        return cls(status, code, message)

    @classmethod
    def bad_syntax(cls, message: str) -> "Refused":
        """Return the refusal of a request that makes no sense."""
        return cls(400, "BadSyntax", message)

    @classmethod
    def throttled(cls, seconds: float) -> "Refused":
        """Return the refusal of one call too many."""
        return cls(429, "Throttled", "Too many requests.", retry_after=seconds)

    def response(self) -> web.Response:
        """Return it as it goes over the wire."""
        wait = self.retry_after
        headers = {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
        return web.json_response(
            {"error": {"code": self.code, "message": self.message}}, status=self.status, headers=headers
        )


def unauthorized() -> web.Response:
    """Return what a call without a good token meets, before Bot Connector's own code has a say."""
    return web.json_response({"message": "Authorization has been denied for this request."}, status=401)


def json_object(text: str) -> dict[str, Any]:
    """Return the body of a call. Raises Refused when it is no JSON object."""
    try:
        body: Any = json.loads(text)
    except json.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused.bad_syntax("Invalid JSON in the request body")
    return body
