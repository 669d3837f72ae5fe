"""Ends the processes that a killed starter could not end itself.

It reads `+<pid>` and `-<pid>` from its input, one a line; when the input ends, because whoever held the other
end is gone, it kills the process groups that are left. It stands alone: nothing of the project is imported.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Watch until the input ends."""
    watched: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            watched.add(pid)
        else:
            watched.discard(pid)
    for pid in watched:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
