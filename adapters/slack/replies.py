"""Answers that leave through response URLs, after Slack's own request has been answered."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from adapters.slack.blocks import Block
from adapters.trust import ssl_context

STOP_SECONDS: Final = 5.0
_POST_SECONDS: Final = 10.0
_OK: Final = 200

log = logging.getLogger(__name__)


class Replies:
    """The posts under way, over one session. Each is tried once; what it says can be asked for."""

    def __init__(self) -> None:
        # The loop itself keeps only weak references to tasks.
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: ClientSession | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside the request that asked for it; `stop` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self, url: str, said: tuple[str, list[Block]], *, replaces: bool) -> None:
        """Post text and blocks: in place of the URL's own message, or as a new one for the asker's eyes.

        Raises nothing. The caller has checked the host. The log never names the URL: it is a credential.
        """
        text, blocks = said
        body = {"replace_original": replaces, "text": text, "blocks": blocks}
        if not replaces:
            body["response_type"] = "ephemeral"
        try:
            async with self._opened().post(url, json=body, allow_redirects=False) as response:
                if response.status != _OK:
                    log.warning("response URL refused", extra={"action": "reply", "status": response.status})
        except (ClientError, TimeoutError, OSError) as error:
            log.warning("response URL not reached", extra={"action": "reply", "error": type(error).__name__})

    async def finish(self, seconds: float) -> None:
        """Wait for what is under way, for so long, and end what is not done."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def stop(self) -> None:
        """Wait a few seconds for what is under way, end what is not done, and close the connections."""
        await self.finish(STOP_SECONDS)
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(ssl=ssl_context()),
                timeout=ClientTimeout(total=_POST_SECONDS),
                trust_env=True,
            )
        return self._session
