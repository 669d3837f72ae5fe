"""One entry of the bot made ready in this process, then what that took: `python -m bench.entries NAME`.

bare    an interpreter that has loaded aiohttp's server
help    the command line, as far as `--help` needs it
serve   the door put together, as `serve --no-worker` does it
work    the worker put together, as `work` does it
"""

import json
import resource
import sys
import time
from pathlib import Path


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


ENTRIES = {"bare": bare, "help": help_, "serve": serve, "work": work}


def peak_mb() -> float:
    """Return the most memory this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage reports here begins with the peak of whoever started us
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line[:6] == "VmHWM:")
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    ENTRIES[sys.argv[1]]()
    print(json.dumps([time.process_time() * 1000, peak_mb()]))
