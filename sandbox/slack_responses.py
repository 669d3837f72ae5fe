"""Response URLs: five posts within thirty minutes of one command or one click."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sandbox.clock import Clock
from sandbox.company import TEAM_ID
from sandbox.slack_blocks import refusal
from sandbox.slack_people import BOT_USER
from sandbox.slack_transcript import Entry, Transcript

POSTS = 5
LIFE_SECONDS = 30 * 60.0
ANSWERED_SECONDS = 5.0  # longer than Slack waits for an answer, shorter than an app for its post
Json = dict[str, Any]


@dataclass(slots=True)
class Invocation:
    """One command or click, and what its response URL may still do."""

    path: str  # of the response URL
    user_id: str
    channel: str
    at: float
    message: Entry | None  # the clicked message, or the newest answer to a command
    clicked: bool
    posts: int = 0
    answered: asyncio.Event | None = None  # None: nobody says when


class ResponseUrls:
    """The response URLs of one workspace; what they are sent ends up in the transcript."""

    def __init__(self, clock: Clock, transcript: Transcript) -> None:
        self._clock = clock
        self._transcript = transcript
        self._invocations: dict[str, Invocation] = {}

    def mint(
        self, user_id: str, channel: str, message: Entry | None = None, *, is_brought: bool = False
    ) -> Invocation:
        """Make the response URL of a new command, or of a click when a message is given.

        `is_brought`: a player brings what the app acknowledges the command with.
        """
        kind = "commands" if message is None else "actions"
        path = f"/{kind}/{TEAM_ID}/{secrets.randbelow(10**12):012d}/{secrets.token_urlsafe(18)}"
        made = Invocation(path, user_id, channel, self._clock.now(), message, message is not None)
        if is_brought:
            made.answered = asyncio.Event()
        self._invocations[path] = made
        return made

    async def wait_until_answered(self, path: str) -> None:
        """Wait until a command's acknowledgment is here, or is not to be expected any more.

        Slack has it as soon as the app has given it. A player who brings it may be slow, and must not be
        overtaken by what the app posts after it.
        """
        made = self._invocations.get(path)
        if made is not None and made.answered is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(made.answered.wait(), ANSWERED_SECONDS)

    def answer(self, path: str, body: object) -> Entry | None:
        """Show the body of a command's acknowledgment, which costs no post. Empty bodies show nothing."""
        made = self._answered(path)
        message = {"text": body} if isinstance(body, str) else body
        if (
            made.clicked
            or not isinstance(message, dict)
            or not (message.get("text") or message.get("blocks"))
        ):
            return None
        if message.get("blocks") and refusal(message["blocks"]) is not None:
            return self.complain(path, 'failed with the error "invalid_command_response"')
        return self._show(made, message)

    def complain(self, path: str, complaint: str) -> Entry:
        """Show the person Slack's own line about a command that was not answered properly."""
        made = self._answered(path)
        return self._transcript.write(
            "ephemeral", made.channel, author="USLACKBOT", text=complaint, blocks=[], reader=made.user_id
        )

    def post(self, path: str, body: object) -> tuple[int, str]:
        """Take one POST to a response URL and return Slack's status and text."""
        made = self._invocations.get(path)
        if made is None:
            return 404, "no_service"
        if self._clock.now() - made.at > LIFE_SECONDS:
            return 404, "expired_url"
        if made.posts >= POSTS:
            return 404, "used_url"
        if not isinstance(body, dict):
            return 400, "invalid_payload"
        if _flag(body, "delete_original"):
            made.posts += 1
            if made.message is not None:
                made.message.deleted = True
            return 200, "ok"
        blocks = body.get("blocks") or []
        if not (body.get("text") or blocks or body.get("attachments")):
            return 400, "no_text"
        refused = refusal(blocks)
        if refused is not None:
            return 400, refused.error
        made.posts += 1
        self._show(made, body)
        return 200, "ok"

    def _answered(self, path: str) -> Invocation:
        made = self._invocations[path]
        if made.answered is not None:
            made.answered.set()
        return made

    def _show(self, made: Invocation, body: Json) -> Entry:
        text, blocks = str(body.get("text") or ""), body.get("blocks") or []
        original = made.message
        if _flag(body, "replace_original") and original is not None and not original.deleted:
            original.change(
                text, [{**b, "block_id": b.get("block_id") or f"r{i}"} for i, b in enumerate(blocks)]
            )
            original.replaced = True
            return original
        entry = self._write(made, text, blocks, in_channel=body.get("response_type") == "in_channel")
        if not made.clicked:
            made.message = entry
        return entry

    def _write(self, made: Invocation, text: str, blocks: list[Json], *, in_channel: bool) -> Entry:
        author = BOT_USER.id
        if not in_channel:
            return self._transcript.write(
                "ephemeral", made.channel, author=author, text=text, blocks=blocks, reader=made.user_id
            )
        if made.channel.startswith("D"):
            return self._transcript.write(
                "dm", made.channel, author=author, text=text, blocks=blocks, reader=made.user_id
            )
        return self._transcript.write("channel", made.channel, author=author, text=text, blocks=blocks)


def _flag(body: Json, name: str) -> bool:
    # Slack's own examples send these as booleans and as the strings "true" and "false".
    return str(body.get(name, "")).lower() in ("true", "1")
