"""What the door is compared with: two servers that promise nothing and keep nothing.

python -m bench.rivals ack     a Bolt app that checks the signature and acknowledges
python -m bench.rivals bare    a handler that checks the signature and parses the form
"""

import asyncio
import json
import os
import sys
from urllib.parse import parse_qsl

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier

SAID = "You're in the queue for Spring Cup 2027."


def ack(secret: str) -> web.Application:
    """Return Bolt at its fastest: acknowledging before it responds, nobody asked whose workspace it is."""

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="xoxb-0")  # noqa: S106

    bolt = AsyncApp(signing_secret=secret, authorize=authorize, process_before_response=True)

    async def acknowledge(ack: AsyncAck) -> None:
        await ack(SAID)

    async def take(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await bolt.async_dispatch(await to_bolt_request(request)))

    bolt.command("/deepracer")(acknowledge)
    return _application(take)


def bare(secret: str) -> web.Application:
    """Return the least that any door for Slack must do."""
    verifier = SignatureVerifier(secret)

    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        if not verifier.is_valid(body, stamp, request.headers.get("X-Slack-Signature", "")):
            return web.Response(status=401)
        form = dict(parse_qsl(body))
        return web.Response(text=SAID if form["text"] == "join" else "")

    return _application(take)


def _application(take: "web._BaseRequestHandler") -> web.Application:  # type: ignore[name-defined]
    app = web.Application()
    app.router.add_post("/slack/events", take)
    return app


async def serve(app: web.Application) -> None:
    """Serve on a free port for ever, and say which."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"action": "listening", "port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    made = {"ack": ack, "bare": bare}[sys.argv[1]]
    asyncio.run(serve(made(os.environ["SLACK_SIGNING_SECRET"])))
