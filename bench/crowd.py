"""A crowd that types `/deepracer join` all at once: requests signed beforehand, sent over open connections.

One thread and a selector, so that sending costs a fraction of what any server here spends on answering.
"""

import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import quantiles
from urllib.parse import urlencode

from sandbox.chatting import sign
from sandbox.company import TEAM_ID

_OK = b"HTTP/1.1 20"  # 200, and 201 where nothing is said
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = b"content-length:"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One round: answers a second, and how long answers took (ms). `sender_share` of its time is our CPU."""

    rate: float
    p50: float
    p99: float
    sender_share: float


class Typist:
    """Signs joins of ever new users, for one workspace of the company in a box."""

    def __init__(self, secret: str, response_host: str) -> None:
        self._secret = secret
        self._host = response_host
        self._numbers = count(1)

    def joins(self, number: int) -> list[bytes]:
        """Return so many requests, each of somebody who never asked before, signed now."""
        now = int(time.time())
        return [self._join(next(self._numbers), now) for _ in range(number)]

    def _join(self, number: int, now: int) -> bytes:
        form = {
            "token": "-",
            "team_id": TEAM_ID,
            "team_domain": "acme",
            "channel_id": f"D0BENCH{number:07d}",
            "channel_name": "directmessage",
            "user_id": f"U0BENCH{number:07d}",
            "user_name": f"employee.{number}",
            "command": "/deepracer",
            "text": "join",
            "api_app_id": "A0ACMEBOT",
            "is_enterprise_install": "false",
            "response_url": f"https://{self._host}/commands/{TEAM_ID}/{number:013d}/kJ3vWq8ZtY5nB2xR7cLdM1pQ",
            "trigger_id": f"{number:013d}.4093759211.8a1f0c3e5b7d92",
        }
        body = urlencode(form).encode()
        headers = {
            "Host": "127.0.0.1",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "Accept": "application/json,*/*",
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            **sign(self._secret, body, now),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /slack/events HTTP/1.1\r\n{head}\r\n".encode() + body


def send(port: int, requests: Sequence[bytes], connections: int) -> Measured:
    """Send every request, each connection its next one when it has its answer. Raises for any but a 200."""
    waiting = iter(requests)
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        lines = [_Line(port) for _ in range(connections)]
        started, began = time.perf_counter(), time.process_time()
        for line in lines:
            if line.say_next(waiting):
                selector.register(line.socket, selectors.EVENT_READ, line)
        while len(took) < len(requests):
            ready = selector.select(_WAIT_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer in {_WAIT_SECONDS:.0f} s")
            for key, _ in ready:
                line = key.data
                if line.hears():
                    took.append(line.took)
                    if not line.say_next(waiting):
                        selector.unregister(line.socket)
        seconds, spent = time.perf_counter() - started, time.process_time() - began
        for line in lines:
            line.socket.close()
    cuts = quantiles(took, n=100)
    return Measured(len(took) / seconds, cuts[49] * 1000, cuts[98] * 1000, spent / seconds)


class _Line:
    """One open connection, and when the request on it was sent."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.took = 0.0
        self._heard = b""
        self._said_at = 0.0

    def say_next(self, waiting: Iterator[bytes]) -> bool:
        request = next(waiting, None)
        if request is None:
            return False
        self._heard = b""
        self._said_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def hears(self) -> bool:
        """Take what has come; whether that completes the answer."""
        some = self.socket.recv(65536)
        self._heard += some
        end = self._heard.find(_HEAD_ENDS)
        if some and (end < 0 or len(self._heard) < end + len(_HEAD_ENDS) + _length(self._heard[:end])):
            return False
        self.took = time.perf_counter() - self._said_at
        if not self._heard.startswith(_OK):
            raise RuntimeError(f"answered {self._heard[:200]!r}")
        return True

    def text(self) -> str:
        """Return the text of the answer, out of its JSON where it is some."""
        body = self._heard.partition(_HEAD_ENDS)[2].decode()
        return str(json.loads(body)["text"]) if body.startswith("{") else body


def ask(port: int, request: bytes) -> str:
    """Send one request and return the text of its answer."""
    line = _Line(port)
    with line.socket:
        line.say_next(iter([request]))
        while not line.hears():
            pass
        return line.text()


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0] or b"0")
