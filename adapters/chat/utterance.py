"""An utterance: what somebody said to the bot, on whatever platform, verified to come from that platform."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from adapters.chat.message import Message
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given
from provisioning.requests import ReplyTo


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words to the bot. A pressed button is an utterance too: its value is the words it stands for.

    `asked_id` is the platform's own id of this request, the same when it is delivered again. `received_at` is
    when the platform signed it, aware UTC. `pressed`: the words came from a button of an earlier message.
    `given`: the list that was sent with them.
    """

    chat: ChatIdentity
    text: str
    asked_id: str
    received_at: datetime
    reply: ReplyTo
    pressed: bool = False
    given: Given | None = None


Answer = Callable[[Utterance], Awaitable[Message]]
"""Answers an utterance at once: it is done when whatever the answer promises is durable. A ProvisioningError
has been worded already, so that only defects are raised."""
