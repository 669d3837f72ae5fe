"""What is the same for every handler: made at the first event, kept for those that follow."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from bot import logs
from bot.stores import UtcClock
from provisioning.ports import Clock

Event = Mapping[str, Any]


class Context(Protocol):
    """What Lambda tells of an invocation."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int:
        """Return for how long the invocation may still run."""
        ...


Entry = Callable[[Event, Context], Any]
Make = Callable[[Mapping[str, str], Clock], Entry]


class Handler:
    """A handler as Lambda calls it. What it is made of lives as long as the function's environment."""

    def __init__(self, make: Make) -> None:
        """Take the way to make the entry from the environment's settings."""
        self._make: Final = make
        self._entry: Entry | None = None

    def __call__(self, event: Event, context: Context) -> Any:
        if self._entry is None:
            logs.configure(os.environ.get("LOG_LEVEL", "INFO").upper())
            self._entry = self._make(os.environ, UtcClock())
        with logs.invoked(context.aws_request_id):
            return self._entry(event, context)
