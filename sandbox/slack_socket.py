"""Socket Mode: the websocket over which commands, clicks and events reach an app without a public URL."""

import asyncio
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack_people import APP_ID

MOST_CONNECTIONS = 10
ANSWER_SECONDS = 3.0  # Slack gives up after this long
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One envelope as it was pushed, and what the app made of it."""

    envelope_id: str
    kind: str
    acked: bool
    payload: Any = None  # what came with the acknowledgment


class NotConnected(Exception):
    """No app holds a Socket Mode connection."""


class SocketMode:
    """The connections of one app. Any of them may get an envelope; here they take turns."""

    def __init__(self) -> None:
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._turn = 0
        self.connections: list[web.WebSocketResponse] = []
        self.envelopes: list[Envelope] = []

    def ticket(self) -> str:
        """Return a ticket that opens one connection."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold one connection open until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid_ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self.connections) >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self.connections.append(socket)
        try:
            await socket.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self.connections),
                    "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": APP_ID},
                }
            )
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.json())
        finally:
            if socket in self.connections:
                self.connections.remove(socket)
        return socket

    async def push(self, kind: str, payload: Json, *, retry: int = 0) -> Envelope:
        """Push one envelope ("slash_commands", "interactive", "events_api") and wait for its acknowledgment.

        Raises NotConnected when no app is there to take it.
        """
        if not self.connections:
            raise NotConnected
        self._turn += 1
        socket = self.connections[self._turn % len(self.connections)]
        envelope_id = str(uuid.uuid4())
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        body: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            body |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        await socket.send_json(body)
        try:
            envelope = Envelope(
                envelope_id, kind, acked=True, payload=await asyncio.wait_for(answer, ANSWER_SECONDS)
            )
        except TimeoutError:
            envelope = Envelope(envelope_id, kind, acked=False)
        finally:
            del self._waiting[envelope_id]
        self.envelopes.append(envelope)
        return envelope

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection to go: "warning", "refresh_requested" or "link_disabled".

        All but a warning end it.
        """
        for socket in list(self.connections):
            await socket.send_json(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
            )
            if reason != "warning":
                await socket.close()

    async def close(self) -> None:
        """Close every connection, for the end of the simulator."""
        for socket in list(self.connections):
            await socket.close()

    def _acknowledge(self, message: Json) -> None:
        waiting = self._waiting.get(str(message.get("envelope_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("payload"))
