"""Serving a simulator on a loopback port of its own, from a thread, for clients that block."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web


@contextmanager
def listening(app: web.Application) -> Iterator[str]:
    """Serve the application on a free port of 127.0.0.1 while the block runs; yields `http://127.0.0.1:<port>`.

    The application has an event loop of its own; what it shares with the block is safe to read between calls.
    """
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, shutdown_timeout=0.5)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def end() -> None:
        await runner.cleanup()
        await asyncio.sleep(0)  # what was just told to close is closed in the next round of the loop

    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
