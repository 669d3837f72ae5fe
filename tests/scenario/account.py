"""An AWS account in which the bot is deployed: its table and queue at moto, its functions in this process.

Played here is what AWS does around the functions, with the shapes of its events:

    HTTP ─▶ HTTP API ─▶ a door's handler      queue ─▶ event source mapping ─▶ the worker's handler
                                              schedule ─▶ the clock's handler
"""

import base64
import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError

from adapters.aws.clients import client
from adapters.dynamodb.definition import create
from provisioning.errors import ProvisioningError

REGION = "us-east-1"  # that of the company in a box
RECEIVES = 3  # so often a message comes before it is a dead letter
WINDOW_SECONDS = 0.3  # the mapping's batching window
MOST_TOGETHER = 1000  # messages in one event
PAUSE_SECONDS = 0.2
TICK_SECONDS = 3.0  # a minute of the schedule
TIMEOUT_SECONDS = 60  # of every function
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS  # as the template has it: what is worked on comes to nobody else
_AT: Final[dict[str, Any]] = {"region": REGION, "connections": 32, "read_seconds": 60}

log = logging.getLogger(__name__)


class Entry(Protocol):
    """A function, made."""

    def __call__(self, event: Mapping[str, Any], context: Any, /) -> Any: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Invocation:
    """What Lambda tells a function of one invocation."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _last: float = field(default_factory=lambda: time.monotonic() + TIMEOUT_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        return int((self._last - time.monotonic()) * 1000)


class Account:
    """One account at this address of moto, with a table and a queue of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.received: Counter[str] = Counter()  # by body: how often a worker was given one
        self.table = f"bot-{uuid.uuid4().hex}"
        self.dynamodb = client("dynamodb", **_AT, endpoint_url=address)
        self.sqs = client("sqs", **_AT, endpoint_url=address)
        create(self.dynamodb, self.table)
        self.dead_letters_url = self.sqs.create_queue(QueueName=f"{self.table}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._arn(self.dead_letters_url), "maxReceiveCount": RECEIVES}
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
        self.queue_url = self.sqs.create_queue(QueueName=self.table, Attributes=attributes)["QueueUrl"]

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings by which the bot finds what is here."""
        return {
            "BOT_STORE": f"dynamodb://{self.table}?region={REGION}",
            "BOT_QUEUE": self.queue_url,
            "BOT_DEAD_LETTERS_URL": self.dead_letters_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self._address,
            "AWS_ENDPOINT_URL_SQS": self._address,
        }

    def send(self, body: str) -> None:
        """Put this message on the queue."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def buries(self, body: str) -> None:
        """Put this message among the dead letters."""
        self.sqs.send_message(QueueUrl=self.dead_letters_url, MessageBody=body)

    def waiting(self) -> int:
        """Count the messages on the queue that are to be received or were, not those held back."""
        return self._counted(self.queue_url)

    def loses_everything(self) -> None:
        """Lose every message on the queue."""
        self.sqs.purge_queue(QueueUrl=self.queue_url)

    def buried(self) -> int:
        """Count the dead letters, also those that somebody has taken and not deleted yet."""
        return self._counted(self.dead_letters_url)

    def dead_letters(self) -> list[str]:
        """Take the dead letters."""
        return [one["Body"] for one in self._received(self.dead_letters_url)]

    def receive(self) -> list[dict[str, Any]]:
        """Return what an event source mapping would hand on now."""
        messages: list[dict[str, Any]] = []
        last = time.monotonic() + WINDOW_SECONDS
        while len(messages) < MOST_TOGETHER:
            found = self._received(self.queue_url)
            messages += found
            if not messages or (not found and time.monotonic() > last):
                break
            if not found:
                time.sleep(PAUSE_SECONDS)
        for one in messages:
            times = int(one["Attributes"]["ApproximateReceiveCount"])
            self.received[one["Body"]] = max(times, self.received[one["Body"]])
        return [self._record(one) for one in messages]

    def settle(self, records: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> None:
        """Delete what the worker did not give back."""
        back = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        done = [record["receiptHandle"] for record in records if record["messageId"] not in back]
        for start in range(0, len(done), 10):
            part = done[start : start + 10]
            entries = [{"Id": str(number), "ReceiptHandle": one} for number, one in enumerate(part)]
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def _counted(self, url: str) -> int:
        asked = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible")]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
        return sum(map(int, found.values()))

    def _received(self, url: str) -> list[dict[str, Any]]:
        asked = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "WaitTimeSeconds": 0}
        found: list[dict[str, Any]] = self.sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])
        return found

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{self.table}",
            "awsRegion": REGION,
        }

    def _arn(self, url: str) -> str:
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(asked["Attributes"]["QueueArn"])


class Functions:
    """Functions of an account, running until they are stopped: doors behind an HTTP API at `url`, workers, a
    clock.
    """

    def __init__(
        self,
        account: Account,
        *,
        doors: Mapping[str, Sequence[Entry]] | None = None,
        workers: Sequence[Entry] = (),
        clocks: Sequence[Entry] = (),
    ) -> None:
        """Take the functions, made: the doors by path, each as often as it runs at once."""
        self.woken = [0] * len(workers)  # how often each worker was called
        self._idle = list(range(len(workers)))  # by number, whoever has waited longest first
        self._taking = threading.Lock()
        self._account = account
        self._over = threading.Event()
        self._entries = [*(one for door in (doors or {}).values() for one in door), *workers, *clocks]
        self._threads = [
            *(
                threading.Thread(target=self._map, args=(number, one), name="mapping")
                for number, one in enumerate(workers)
            ),
            *(threading.Thread(target=self._tick, args=(one,), name="schedule") for one in clocks),
        ]
        self._api: ThreadingHTTPServer | None = None
        if doors:
            self._api = _Api(
                ("127.0.0.1", 0), partial(_ToFunctions, {path: _free(doors[path]) for path in doors})
            )
            self._threads.append(threading.Thread(target=self._api.serve_forever, name="api"))
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """Return where the doors are, "" when there are none."""
        return "" if self._api is None else f"http://127.0.0.1:{self._api.server_port}"

    def stop(self) -> None:
        """Let everything finish what it is at, and close it."""
        self._over.set()
        if self._api is not None:
            self._api.shutdown()
        for thread in self._threads:
            thread.join()
        if self._api is not None:
            self._api.server_close()
        for entry in self._entries:
            entry.close()

    def _map(self, number: int, worker: Entry) -> None:
        while not self._over.is_set():
            records = self._taken(number)
            if records:
                answer = _invoked(worker, {"Records": records})
                self._idle.append(number)  # first: once no message waits, every worker can be called
                if answer is not None:
                    self._account.settle(records, answer)
            else:
                self._over.wait(PAUSE_SECONDS)

    def _taken(self, number: int) -> list[dict[str, Any]]:
        """Return what a worker is called with: none while one that is idle has waited longer."""
        with self._taking:
            if self._idle[0] != number:
                return []
            try:
                records = self._account.receive()
            except BotoCoreError as error:  # moto is busy; an event source mapping asks again, too
                log.warning("nothing received: %s", type(error).__name__)
                return []
            if records:
                self._idle.remove(number)
                self.woken[number] += 1
            return records

    def _tick(self, clock: Entry) -> None:
        while not self._over.wait(TICK_SECONDS):
            _invoked(clock, {})


def _invoked(entry: Entry, event: Mapping[str, Any]) -> Any:
    """Call a function. One that raises has failed, as at Lambda: it is called again, with what it left."""
    try:
        return entry(event, Invocation())
    except (ProvisioningError, BotoCoreError) as error:
        log.warning("invocation failed with %s", type(error).__name__)
        return None


def _free(entries: Sequence[Entry]) -> "SimpleQueue[Entry]":
    free: SimpleQueue[Entry] = SimpleQueue()
    for entry in entries:
        free.put(entry)
    return free


class _Api(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _ToFunctions(BaseHTTPRequestHandler):
    """Turns requests into events, each for an environment of the function that is free."""

    protocol_version = "HTTP/1.1"

    def __init__(self, free: Mapping[str, "SimpleQueue[Entry]"], *args: Any) -> None:
        self._free = free
        super().__init__(*args)

    def do_POST(self) -> None:
        """Answer as the function does."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        entries = self._free[self.path]
        entry = entries.get()
        try:
            answer = entry(http_event("POST", self.path, dict(self.headers.items()), body), Invocation())
        finally:
            entries.put(entry)
        said = answer.get("body", "").encode()
        self.send_response(answer["statusCode"])
        for name, value in {**answer.get("headers", {}), "Content-Length": str(len(said))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def http_event(method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the event of an HTTP API for this request, payload format 2.0, with a body in base64."""
    now = time.time()
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
