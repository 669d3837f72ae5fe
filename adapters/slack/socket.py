"""Socket Mode: the same door without a public address, over a connection that the bot opens itself.

The SDK keeps the connection, answers pings and reconnects. A stall that it does not notice (reported in
slackapi/bolt-python#417 and python-slack-sdk#1110) shows in `seconds_since_contact`, for readiness and
alarms.
"""

import asyncio
import contextlib
import math
import time
from typing import Final

from aiohttp import WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from adapters.slack.door import SlackDoor

START_SECONDS: Final = 10.0


class SlackSocket:
    """One Socket Mode connection for a door. `app_token` is app-level (xapp-…, connections:write)."""

    def __init__(self, door: SlackDoor, app_token: str, *, ping_seconds: float = 10.0) -> None:
        if not app_token.strip():
            raise ValueError("the Slack app token is empty")
        self._door = door
        self._app_token = app_token
        self._ping_seconds = ping_seconds
        self._handler: AsyncSocketModeHandler | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self._heard_at: float | None = None  # by the monotonic clock

    async def start(self) -> None:
        """Connect. Returns once Slack said hello, or after ten seconds; then it goes on trying."""
        handler = AsyncSocketModeHandler(
            self._door.app,
            self._app_token,
            ping_interval=self._ping_seconds,
            web_client=self._door.app.client,
        )
        handler.client.on_message_listeners.append(self._heard)
        self._handler = handler
        self._connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._greeted.wait(), START_SECONDS)

    async def stop(self) -> None:
        """Close the connection; the door is stopped by itself."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]

    def seconds_since_contact(self) -> float:
        """Return how long ago Slack was last heard: hello, envelope or pong. Infinite before the first."""
        since = math.inf if self._heard_at is None else time.monotonic() - self._heard_at
        pong = None if self._handler is None else self._handler.client.last_ping_pong_time
        # Until the first pong the SDK keeps here when it first pinged, which proves nothing.
        return since if pong is None or math.isinf(since) else min(since, max(0.0, time.time() - pong))

    async def _heard(self, _: WSMessage) -> None:
        self._heard_at = time.monotonic()
        self._greeted.set()
