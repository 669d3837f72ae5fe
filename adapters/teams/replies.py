"""What is done beside a request: answers on their way, and work that blocks, on threads of its own.

Sending waits for Bot Connector and for its pace; keeping an address is on the way to an answer. So each has
its own threads, and the slow cannot hold up the quick.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

STOP_SECONDS: Final = 5.0
_SENDERS: Final = 16  # Bot Connector takes thirty messages a second from an app
_KEEPERS: Final = 8

P = ParamSpec("P")
T = TypeVar("T")


class Replies:
    """The answers under way."""

    def __init__(self) -> None:
        # The loop itself keeps only weak references to tasks.
        self._tasks: set[asyncio.Task[None]] = set()
        self._senders = ThreadPoolExecutor(_SENDERS, "teams-send")
        self._keepers = ThreadPoolExecutor(_KEEPERS, "teams-keep")

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside the request that asked for it; `stop` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call that may take its time."""
        return await self._on(self._senders, call, *args, **kwargs)

    async def keep(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call that somebody's answer waits for."""
        return await self._on(self._keepers, call, *args, **kwargs)

    async def finish(self, seconds: float) -> None:
        """Wait for what is under way, for so long, and end what is not done."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def stop(self) -> None:
        """Wait a few seconds for what is under way, and end what is not done."""
        await self.finish(STOP_SECONDS)
        for threads in (self._senders, self._keepers):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _on(
        self, threads: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: call(*args, **kwargs))
