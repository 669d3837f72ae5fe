"""The entries on Lambda: what each loads, and how an event of the HTTP API becomes a request."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from adapters.chat.http import HttpAnswer
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Handler
from bot.entry.http_api import Front, body_of, headers_of
from bot.stores import UtcClock, open_store

ROOT = Path(__file__).parents[3]
CHAT_FRAMEWORKS = {"slack_bolt", "slack_sdk", "botbuilder", "botframework", "msrest"}
NEVER = {"prometheus_client", "typer", "PIL", "matplotlib", "moto", "sandbox"}
MAY_NOT_LOAD = {
    "slack": NEVER | {"botbuilder", "botframework", "msrest", "msal", "adapters.graph", "adapters.teams"},
    "teams": NEVER | {"sqlite3", "slack_bolt", "slack_sdk", "adapters.graph", "adapters.slack"},
    "worker": NEVER | {"sqlite3"} | CHAT_FRAMEWORKS | {"aiohttp"},
    "clock": NEVER | CHAT_FRAMEWORKS | {"aiohttp", "bot.wording", "bot.organizing"},
}
GUID = "6f0c0f3e-9f4b-4b53-8f3e-0c1d2e3f4a5b"
SETTINGS = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
    "SLACK_TEAM_IDS": "T0ACME001",
    "MICROSOFT_APP_ID": GUID,
    "MICROSOFT_APP_PASSWORD": "made-up",
    "MICROSOFT_APP_TENANT_ID": GUID,
    "ENTRA_TENANT_ID": GUID,
    "ENTRA_CLIENT_ID": GUID,
    "ENTRA_CLIENT_SECRET": "made-up",
    "BOT_QUEUE": "https://sqs.eu-central-1.amazonaws.com/111122223333/bot",
    "AWS_REGION": "eu-central-1",
}
# A store without a client: opening one would ask for its table.
MAKING = """
import json, os, sys
from bot.entry import {entry}
from bot import stores
import adapters.dynamodb
from bot.entry import waking
for module in ({entry}, waking):
    module.open_store = lambda url, clock: adapters.dynamodb.DynamoStore(None, "bot", clock)
made = {entry}.make(os.environ, stores.UtcClock())
print(json.dumps(sorted(sys.modules)), flush=True)
os._exit(0)  # the store's thread waits for a table that is not there
"""


@pytest.mark.parametrize("entry", MAY_NOT_LOAD)
def test_an_entry_that_is_ready_has_loaded_nothing_that_it_has_no_use_for(entry: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR"}}
    made = subprocess.run(
        [sys.executable, "-c", MAKING.format(entry=entry)],
        cwd=ROOT,
        env=inherited | SETTINGS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    loaded = set(json.loads(made.stdout))
    assert sorted(name for name in loaded if name in MAY_NOT_LOAD[entry]) == []


class Door:
    """A door that tells what it was given, and begins something beside its answer."""

    def __init__(self) -> None:
        self.taken: list[tuple[Mapping[str, str], bytes, str]] = []
        self.finished: list[float] = []

    async def take(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        self.taken.append((headers, body, get_contextvars().get("invocation", "")))
        return HttpAnswer(200, "{}", {"Content-Type": "application/json"})

    async def finish(self, seconds: float) -> None:
        self.finished.append(seconds)

    async def stop(self) -> None:
        """Close nothing."""


@dataclass
class Invocation:
    aws_request_id: str = "3f1c"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def event(path: str = "/slack/events", method: str = "POST", **fields: Any) -> dict[str, Any]:
    http = {"http": {"method": method, "path": path}, "timeEpoch": int(time.time() * 1000)}
    return {"rawPath": path, "requestContext": http, "headers": {"x-a": "b"}, "body": "text=join", **fields}


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def front(door: Door, tmp_path: Path) -> Iterator[Front]:
    store = open_store(f"sqlite:///{tmp_path}/bot.db")
    made = Front(door, "/slack/events", store, EmbeddedMetrics("slack", UtcClock()), 2.9)
    yield made
    made.close()


def test_what_was_begun_beside_an_answer_is_finished_in_what_is_left_of_its_time(
    front: Front, door: Door
) -> None:
    asked = event()
    asked["requestContext"]["timeEpoch"] -= 1000

    answer = front(asked, Invocation())

    assert answer == {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}
    assert 0.1 <= door.finished[0] <= 1.9


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (event(method="GET"), 404),
        (event("/metrics"), 404),
        (event("/prod/slack/events"), 200),
        (event(body="not base64!", isBase64Encoded=True), 400),
        (event(body="x" * (256 * 1024 + 1)), 413),
    ],
)
def test_only_what_is_for_the_door_comes_to_it(
    front: Front, door: Door, asked: dict[str, Any], status: int
) -> None:
    assert front(asked, Invocation())["statusCode"] == status
    assert len(door.taken) == (status == 200)


def test_every_request_is_known_by_the_id_of_its_own_invocation(front: Front, door: Door) -> None:
    handler = Handler(lambda *_: front)
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        for invocation in ("first", "second"):
            handler(event(), Invocation(invocation))
    finally:
        logging.getLogger().handlers[:], logging.getLogger().level = before
        logging.captureWarnings(capture=False)
    assert [invocation for _, _, invocation in door.taken] == ["first", "second"]


def test_headers_find_their_names_in_lower_case() -> None:
    assert headers_of({"headers": {"X-Slack-Signature": "v0=a"}}) == {"x-slack-signature": "v0=a"}


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ({"body": "dGV4dD1qb2lu", "isBase64Encoded": True}, b"text=join"),
        ({"body": "text=j\u00f6in", "isBase64Encoded": False}, "text=j\u00f6in".encode()),
        ({"isBase64Encoded": False}, b""),
        ({"body": "not base64!", "isBase64Encoded": True}, None),
    ],
)
def test_the_body_is_the_bytes_that_were_sent(event: dict[str, object], body: bytes | None) -> None:
    assert body_of(event) == body
