"""A function of the package, in a process of its own that finds its modules in the package alone.

python -I -S function.py FOLDER HANDLER: a line on stdout says that the handler is imported, as Lambda does it
before the first event; then each line on stdin is an event, and each on stdout what it came to.
"""

import importlib
import json
import os
import sys
import time
import uuid

SECONDS = 60.0


class Context:
    """What Lambda tells of an invocation."""

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._last = time.monotonic() + SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self._last - time.monotonic()) * 1000)


def main() -> None:
    folder, handler = sys.argv[1:]
    sys.path.insert(0, folder)
    answers = os.fdopen(os.dup(1), "w")  # what functions print are metrics
    os.dup2(2, 1)
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    print("imported", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(function(json.loads(line), Context())), file=answers, flush=True)


if __name__ == "__main__":
    main()
