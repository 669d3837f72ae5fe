"""What the bot says in Slack: direct messages, answers in place, edits and announcements.

Addresses of messages are written `slack:<channel>:<ts>`.
"""

import logging
from collections.abc import Collection, Iterator
from typing import Any, Final

import httpx

from adapters.chat.hosts import is_listed
from adapters.chat.message import Document, Message, Plain, Table
from adapters.chat.text import short
from adapters.retry_after import retry_after
from adapters.slack.blocks import Block, render
from adapters.slack.client import SlackClient
from adapters.trust import ssl_context
from provisioning.errors import ChatUnavailable, Undeliverable, Unexpected
from provisioning.ids import ChatIdentity
from provisioning.requests import ReplyTo

_BAD_BLOCKS: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "msg_blocks_too_long",
        "block_mismatch",
    }
)
_SPENT: Final = frozenset({"used_url", "expired_url", "no_service"})
FILES: Final = "files:write"  # the optional scope without which no file goes along
LARGEST_PICTURE: Final = 1_000_000
_ALT: Final = 1000  # characters of a description that Slack takes
_OK, _BAD_REQUEST, _TOO_MANY, _SERVER_ERROR = 200, 400, 429, 500

log = logging.getLogger(__name__)


class SlackSpeaker:
    """Speaks through the Web API and response URLs.

    Where Slack does not take the blocks, a table is shown as lines of code, and at last all as plain text.
    """

    def __init__(self, client: SlackClient, response_url_hosts: Collection[str]) -> None:
        """Take the client, and the hosts (exact `host` or `host:port`) that a response URL may have."""
        self._client = client
        self._hosts = frozenset(response_url_hosts)
        self._http = httpx.Client(timeout=httpx.Timeout(8.0, connect=3.0), verify=ssl_context())
        # httpx logs the address of every request at INFO, and a response URL is a credential.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def tell(self, chat: ChatIdentity, message: Message) -> str:
        """Send a new direct message; see the port."""
        return self._post(chat.user, message)

    def announce(self, channel: str, message: Message) -> str:
        """Post to a channel ("slack:C…"); see the port."""
        platform, _, name = channel.partition(":")
        if platform != "slack" or not name:
            raise Undeliverable(reason="no Slack channel")
        return self._post(name, message)

    def edit(self, address: str, message: Message) -> None:
        """Change an earlier message in place; see the port."""
        platform, _, place = address.partition(":")
        channel, _, ts = place.partition(":")
        if platform != "slack" or not channel or not ts:
            raise Undeliverable(reason="no Slack message")
        self._said("chat.update", message, channel=channel, ts=ts)

    def replace(self, reply: ReplyTo, message: Message) -> None:
        """Replace what the person saw where they asked; see the port."""
        if not reply.handle_lives(self._client.clock.now()) or not is_listed(reply.handle, self._hosts):
            raise Undeliverable(reason="no response URL")
        for text, blocks in _ways(message):
            body = {"replace_original": True, "text": text} | ({"blocks": blocks} if blocks else {})
            refused = self._respond(str(reply.handle), body)
            if refused not in _BAD_BLOCKS:
                break
            log.warning(
                "blocks refused", extra={"action": "slack", "method": "response_url", "error": refused}
            )
        if refused is not None:
            raise Unexpected(method="response_url", reason=refused)

    def takes_files(self) -> bool:
        """Return whether the token has the optional scope for files; see the port."""
        return self._client.has(FILES)

    def attach(self, chat: ChatIdentity, document: Document) -> None:
        """Send a file into the direct conversation, under a message that says what it is; see the port."""
        file = self._uploaded(document.name, document.content.encode("utf-8", "replace"))
        # The conversation's own id comes with a message; asking for it would take one more scope.
        _, channel, _ = self._post(chat.user, Message((Plain(document.title),))).split(":")
        self._share(file, document.title, channel)

    def picture_room(self) -> int:
        """Return how large a picture may be: as large as it likes, with the optional scope; see the port."""
        return LARGEST_PICTURE if self.takes_files() else 0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, channel: str, message: Message) -> str:
        """Post a message; its picture follows it, uploaded before so that only sharing can still fail."""
        picture = message.picture
        file = "" if picture is None else self._uploaded(picture.name, picture.content, picture.alt)
        answer = self._said(
            "chat.postMessage", message, channel=channel, unfurl_links=False, unfurl_media=False
        )
        place, ts = str(answer.get("channel")), str(answer.get("ts"))
        if picture is not None:
            try:
                self._share(file, picture.title, place)
            except Undeliverable as error:  # messages may be welcome where files of somebody outside are not
                log.warning("picture refused", extra={"action": "slack", "error": error.facts.get("reason")})
                self._said("chat.update", message.without_picture(), channel=place, ts=ts)
        return f"slack:{place}:{ts}"

    def _uploaded(self, name: str, content: bytes, alt: str | None = None) -> str:
        """Upload a file that nobody sees yet; returns its id."""
        place = self._client.call(
            "files.getUploadURLExternal",
            filename=name,
            length=str(len(content)),
            alt_txt=None if alt is None else short(alt, _ALT),
        )
        self._upload(str(place.get("upload_url")), content)
        return str(place.get("file_id"))

    def _share(self, file: str, title: str, channel: str) -> None:
        self._client.call(
            "files.completeUploadExternal", files=[{"id": file, "title": title}], channel_id=channel
        )

    def _said(self, method: str, message: Message, **params: object) -> dict[str, Any]:
        *ways, (last_text, last_blocks) = _ways(message)
        for text, blocks in ways:
            try:
                return self._client.call(method, text=text, blocks=blocks, **params)
            except Unexpected as error:
                reason = error.facts.get("reason", "")
                if reason not in _BAD_BLOCKS:
                    raise
                log.warning("blocks refused", extra={"action": "slack", "method": method, "error": reason})
        return self._client.call(method, text=last_text, blocks=last_blocks, **params)

    def _upload(self, url: str, content: bytes) -> None:
        try:
            response = self._http.post(url, content=content)
        except httpx.RequestError as error:
            raise ChatUnavailable(method="upload", reason=type(error).__name__) from error
        if response.status_code != _OK:
            raise ChatUnavailable(method="upload", reason=f"http_{response.status_code}")

    def _respond(self, url: str, body: dict[str, object]) -> str | None:
        """Post to a response URL; returns what Slack has against the content, None when it took it."""
        try:
            response = self._http.post(url, json=body)
        except httpx.RequestError as error:
            raise ChatUnavailable(method="response_url", reason=type(error).__name__) from error
        status, complaint = response.status_code, _complaint(response)
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            wait = retry_after(response.headers.get("retry-after"), self._client.clock.now())
            raise ChatUnavailable(wait, method="response_url", reason=f"http_{status}")
        if complaint not in _SPENT and status in {_OK, _BAD_REQUEST}:
            return complaint
        # Mostly 404 with used_url, expired_url or no_service: five posts or thirty minutes are over.
        raise Undeliverable(method="response_url", reason=f"http_{status}")


def _complaint(response: httpx.Response) -> str | None:
    """Return what a response URL has against a post, said as text or as `{"ok": false, "error": …}`."""
    try:
        told = response.json()
    except ValueError:
        told = None
    is_taken = response.status_code == _OK
    if not isinstance(told, dict):
        return None if is_taken else response.text.strip()[:100]
    return None if is_taken and told.get("ok") is not False else str(told.get("error") or "no error")[:100]


def _ways(message: Message) -> Iterator[tuple[str, list[Block]]]:
    """Yield the ways to say this, the next for when Slack does not take the one before."""
    text, blocks = render(message)
    yield text, blocks
    if any(isinstance(part, Table) for part in message.parts):
        yield render(message, with_tables=False)
    yield text, []
