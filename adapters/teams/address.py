"""The address of a conversation in Teams, as our own JSON: what the SDK would keep in objects of its own."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["personal", "groupChat", "channel"]


@dataclass(frozen=True, slots=True)
class Address:
    """One conversation with the bot, and all that is needed to post there.

    `conversation` of a channel may name a thread ("19:…@thread.tacv2;messageid=…"). `bot` and `user` are the
    ids of Bot Connector ("28:…", "29:…"): addresses, never identities. `user` is set in personal chats, and
    wherever somebody spoke whom the bot may have to write to in private.
    """

    service_url: str
    tenant: str
    conversation: str
    kind: Kind
    bot: str
    user: str | None = None

    def pack(self) -> str:
        """Return the address as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def unpack(cls, text: str) -> "Address":
        """Read what `pack` wrote. Raises ValueError for anything else."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError("not the address of a conversation") from error

    @property
    def channel(self) -> str:
        """Return the conversation without the thread."""
        return self.conversation.partition(";")[0]
