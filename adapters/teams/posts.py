"""Messages of the bot in Teams: how one is shown, and where it then stands."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from adapters.chat.message import Message
from adapters.teams.address import Address
from adapters.teams.cards import render
from provisioning.errors import Undeliverable, Unexpected

ADAPTIVE: Final = "application/vnd.microsoft.card.adaptive"
_SUMMARY: Final = 200  # characters that a notification shows at most
_CARD_REFUSED: Final = frozenset({"BadSyntax", "BadArgument", "MessageSizeTooBig", "http_413"})

Activity = dict[str, Any]
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Posted:
    """One message of ours: the conversation it is in, and its id there.

    `put_by_teams`: it is a pressed card, and what takes its place went out as the answer to the press.
    """

    address: Address
    activity: str
    put_by_teams: bool = False

    def pack(self) -> str:
        """Return it as one line of JSON."""
        told = {"address": self.address.pack(), "activity": self.activity}
        return json.dumps(told | ({"put_by_teams": True} if self.put_by_teams else {}))

    @classmethod
    def unpack(cls, text: str) -> "Posted":
        """Read what `pack` wrote. Raises Undeliverable for anything else, and for a message without an id."""
        try:
            found = json.loads(text)
            address, activity = Address.unpack(found["address"]), str(found["activity"])
            posted = cls(address, activity, bool(found.get("put_by_teams")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Undeliverable(reason="no message in Teams") from error
        if not posted.activity:
            raise Undeliverable(reason="Teams gave this message no id")
        return posted


def shown(message: Message, show: Callable[[Activity], T]) -> T:
    """Show the message as a card; without its picture, then in plain words, when Teams does not take it."""
    text, card = render(message)
    summary = text.split("\n", 1)[0][:_SUMMARY]
    try:
        return show({"summary": summary, "attachments": [{"contentType": ADAPTIVE, "content": card}]})
    except Unexpected as error:
        reason = error.facts.get("reason", "")
        if reason not in _CARD_REFUSED:
            raise
        log.warning("card refused", extra={"action": "teams", "error": reason})
        if message.picture is not None:  # it may have been the picture
            return shown(message.without_picture(), show)
        return show(in_words(message))


def in_words(message: Message) -> Activity:
    """Return the activity that shows the message without a card."""
    return {"text": render(message)[0], "textFormat": "plain"}
