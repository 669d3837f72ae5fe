"""The bell of the bot on AWS: a queue of SQS whose messages wake workers.

A message names a key of the store's queue and nothing else: what there is to do is read from the rows, so a
message that comes twice, late or not at all changes nothing but the hour. `read` takes every form that was
ever written, because a message may be older than the code that gets it.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from adapters.aws.clients import client
from provisioning.ports import Clock
from provisioning.queue import Work
from provisioning.ringing import Ring

SCHEMA: Final = 2  # 1 had no correlation
TOGETHER: Final = 10  # messages that SQS takes in one call
LATEST_SECONDS: Final = 900  # SQS holds nothing back for longer: what is due later is left to the clock
CONNECT_SECONDS: Final = 0.5  # somebody in chat waits for the answer meanwhile
READ_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Unreadable(ValueError):
    """A message that none of our schemas knows."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a message says: there is work of this kind; `key` is empty when it is about no one key.

    `correlation` is that of the chat request that rang, "" where none did and in the first schema.
    """

    work: Work
    key: str
    correlation: str = ""


def written(ring: Ring) -> str:
    """Return the body of the message for this ring."""
    said = {"schema": SCHEMA, "work": ring.work, "key": ring.key, "correlation": ring.correlation}
    return json.dumps(said, separators=(",", ":"))


def read(body: str) -> Called:
    """Read the body of a message. Raises Unreadable."""
    try:
        found = json.loads(body)
        if type(found["schema"]) is not int or not 1 <= found["schema"] <= SCHEMA:
            raise Unreadable("of a schema that is not known here")
        work, key = Work(found["work"]), found["key"]
        correlation = found["correlation"] if found["schema"] > 1 else ""
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Unreadable(str(error) if isinstance(error, Unreadable) else type(error).__name__) from None
    if not isinstance(key, str) or not isinstance(correlation, str):
        raise Unreadable("a key that is no text")
    return Called(work, key, correlation)


class SqsBell:
    """Rings on this queue. Implements `Ringer`."""

    def __init__(self, sqs: Any, url: str, clock: Clock) -> None:
        """Speak through this client of SQS, which does not retry by itself."""
        self._sqs = sqs
        self._url = url
        self._clock = clock

    def ring(self, rings: Sequence[Ring]) -> None:
        now = self._clock.now()
        entries = [
            {"MessageBody": written(ring), "DelaySeconds": max(0, math.ceil(seconds))}
            for ring in rings
            if (seconds := (ring.ready_at - now).total_seconds()) <= LATEST_SECONDS
        ]
        for start in range(0, len(entries), TOGETHER):
            part = entries[start : start + TOGETHER]
            self._through(
                "send_message_batch", [{"Id": str(number), **entry} for number, entry in enumerate(part)]
            )

    def put_off(self, seconds_by_receipt: Mapping[str, int]) -> None:
        """Show received messages again after so many seconds, by their receipt handle. Raises nothing."""
        waits = list(seconds_by_receipt.items())
        for start in range(0, len(waits), TOGETHER):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for number, (receipt, seconds) in enumerate(waits[start : start + TOGETHER])
            ]
            self._through("change_message_visibility_batch", entries)

    def _through(self, operation: str, entries: Sequence[Mapping[str, Any]]) -> None:
        try:
            answer = getattr(self._sqs, operation)(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            self._warn(operation, code, len(entries))
        else:
            for failed in answer.get("Failed", ()):
                self._warn(operation, failed.get("Code", ""), 1)

    def _warn(self, operation: str, code: str, messages: int) -> None:
        facts = {"operation": operation, "error": code, "messages": messages}
        log.warning("the bell was not heard", extra={"action": "bell", **facts})


def open_bell(url: str, clock: Clock) -> SqsBell:
    """Return the bell on the queue of this URL, in the Region that the URL names."""
    sqs = client("sqs", region=region_of(url), connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS)
    return SqsBell(sqs, url, clock)


def region_of(url: str) -> str | None:
    """Return the Region in the URL of a queue, None when it names none."""
    host = (urlsplit(url).hostname or "").split(".")
    return host[1] if len(host) > 2 and host[0] == "sqs" else None  # noqa: PLR2004 - sqs, Region, the rest
