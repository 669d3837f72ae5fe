"""The entries on Lambda: what each loads, and how an event of the HTTP API becomes a request."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.entry.http_api import body_of, headers_of

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
    "BOT_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/bot",
    "AWS_REGION": "eu-central-1",
}
# A store without a client: opening one would ask for its table.
MAKING = """
import json, os, sys
from bot.entry import {entry}
from bot import stores
import adapters.dynamodb
{entry}.open_store = lambda url, clock: adapters.dynamodb.DynamoStore(None, "bot", clock)
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
