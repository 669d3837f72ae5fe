"""One entry of the bot made ready in this process, then what that took: `python -m bench.entries NAME`.

bare    an interpreter that has loaded aiohttp's server
help    the command line, as far as `--help` needs it
serve   the door put together, as `serve --no-worker` does it
work    the worker put together, as `work` does it

boto3   an interpreter that has made the clients of DynamoDB and SQS
slack, teams, worker, clock
        the entry of this name on Lambda put together, over a table that nobody is asked for
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from provisioning.ports import Clock


def bare() -> None:
    from aiohttp import web

    web.Application()


def help_() -> None:
    from bot.__main__ import app

    app(["--help"], standalone_mode=False)


def serve() -> None:
    _build(worker=False, door=True)


def work() -> None:
    _build(worker=True, door=False)


def _build(*, worker: bool, door: bool) -> None:
    import bot.__main__
    import bot.serve  # noqa: F401 - loaded as the command line loads it
    from bot import wiring
    from bot.settings import Settings

    wiring.build(Settings.from_environment(), worker=worker, door=door).close()


def boto3_() -> None:
    from adapters.aws.clients import client

    for service in ("dynamodb", "sqs"):
        client(service, region="eu-central-1")


def _on_lambda(entry: str) -> None:
    from adapters.aws.clients import client
    from adapters.dynamodb import DynamoStore
    from bot import stores
    from bot.entry import waking

    module = importlib.import_module(f"bot.entry.{entry}")

    def opened(_: str, clock: Clock) -> DynamoStore:  # to open one is to ask AWS whether it is there
        return DynamoStore(client("dynamodb", region="eu-central-1"), "bot", clock)

    vars(module)["open_store"] = vars(waking)["open_store"] = opened
    module.make(os.environ, stores.UtcClock())


ENTRIES: dict[str, Callable[[], None]] = {"bare": bare, "help": help_, "serve": serve, "work": work}
ON_LAMBDA: dict[str, Callable[[], None]] = {
    "boto3": boto3_,
    **{name: partial(_on_lambda, name) for name in ("slack", "teams", "worker", "clock")},
}


def peak_mb() -> float:
    """Return the most memory this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage reports here begins with the peak of whoever started us
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line[:6] == "VmHWM:")
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    (ENTRIES | ON_LAMBDA)[sys.argv[1]]()
    print(json.dumps([time.process_time() * 1000, peak_mb()]))
