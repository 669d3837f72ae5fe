"""What the bot needs of a chat platform in order to speak."""

from typing import Protocol

from adapters.chat.message import Document, Message
from provisioning.ids import ChatIdentity
from provisioning.requests import ReplyTo


class Speaker(Protocol):
    """Says messages on one platform.

    Every method raises ChatUnavailable (worth another try) or Undeliverable (not).
    """

    def tell(self, chat: ChatIdentity, message: Message) -> str:
        """Send a new direct message; returns the platform's address of it, good for `edit`."""
        ...

    def replace(self, reply: ReplyTo, message: Message) -> None:
        """Replace what they saw where they asked, by the reply's handle; Undeliverable once it is dead."""
        ...

    def edit(self, address: str, message: Message) -> None:
        """Change an earlier message in place."""
        ...

    def takes_files(self) -> bool:
        """Whether a file can go along with a message: the platform has a way, and the app may use it."""
        ...

    def attach(self, chat: ChatIdentity, document: Document) -> None:
        """Send a file into the direct conversation. Undeliverable where `takes_files` is false."""
        ...

    def picture_room(self) -> int:
        """Return how many bytes a picture may have that goes with a new message; 0 where none goes along."""
        ...

    def announce(self, channel: str, message: Message) -> str:
        """Post to a channel ("slack:C0123"); returns the platform's address of the post, good for `edit`."""
        ...
