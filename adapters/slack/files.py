"""Files that people give to the bot in Slack: read once, when they are needed, and never kept."""

from typing import Final

from adapters.slack.client import SlackClient
from provisioning.errors import ListUnreadable
from provisioning.ids import ChatIdentity

MOST_BYTES: Final = 200_000  # some five thousand addresses


class SlackFiles:
    """Reads files through the Web API."""

    def __init__(self, client: SlackClient) -> None:
        """Take the client."""
        self._client = client

    def read(self, chat: ChatIdentity, file: str) -> str:
        """Return the text of a file that this person gave; see the port."""
        found = self._client.call("files.info", file=file).get("file")
        shown = found if isinstance(found, dict) else {}
        if shown.get("user") != chat.user:
            raise ListUnreadable(why="somebody else's")
        size, url = shown.get("size"), shown.get("url_private")
        if not isinstance(size, int) or size > MOST_BYTES or not isinstance(url, str):
            raise ListUnreadable(why="too large")
        try:
            return self._client.download(url, MOST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ListUnreadable(why="no text") from error
