"""The body of a request to a chat platform's door, read as far as it is welcome."""

from typing import Final

from aiohttp import web

LIMIT: Final = 256 * 1024  # bytes; the largest payloads of the platforms are a tenth of this


async def body_of(request: web.Request) -> bytes | web.Response:
    """Return the body, or how it is refused: 413 as soon as it is too long, 400 when it cannot be read.

    Length is counted after any decompression.
    """
    if (request.content_length or 0) > LIMIT:
        return web.Response(status=413)
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > LIMIT:
                return web.Response(status=413)
    except (web.RequestPayloadError, OSError):
        return _unread(request)
    return bytes(body)


def _unread(request: web.Request) -> web.Response:
    """Refuse a body that cannot be read to its end.

    aiohttp 3.14 would read on nevertheless before the next request, and log a traceback when that fails.
    """
    request.content.feed_eof()
    refusal = web.Response(status=400)
    refusal.force_close()
    return refusal
