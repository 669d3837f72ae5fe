"""Processes of a show: started with the settings they need and nothing else, and none outlives it.

Each is the leader of a process group of its own, so that Ctrl-C reaches the starter alone, which ends them in
order. Should the starter itself be killed, the warden (`sandbox.warden`) ends them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_SECONDS = 8.0  # what a process may take to end when asked; the bot finishes its call
_ROOT = Path(__file__).resolve().parents[1]
_WARDEN = Path(__file__).with_name("warden.py")
_KEPT = ("PATH", "SYSTEMROOT", "TZ")


def ask_to_stop_by_signals() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does: raise KeyboardInterrupt, in a shell's background too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


class ProcessEnded(Exception):
    """A process ended that should be running; its log says why."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        super().__init__(f"{name} ended by itself with exit code {code}")
        self.log = log


@dataclass(frozen=True, slots=True)
class Running:
    """One started process and the file that takes all its output."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Raise ProcessEnded when it does not run any more."""
        code = self.process.poll()
        if code is not None:
            raise ProcessEnded(self.name, code, self.log)

    def said(self) -> str:
        """Return everything it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class Processes:
    """The processes of one show, in a folder that is their home, working directory and place for logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Running] = []
        self._started = 0

    def __enter__(self) -> Self:
        self._warden = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", str(_WARDEN)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd=self.folder,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(list(reversed(self._running)))
        finally:
            self._warden.communicate()  # its input ends, and with it whatever is left

    def start(
        self, name: str, module: str, *arguments: str, settings: Mapping[str, str] | None = None
    ) -> Running:
        """Start `python -m module arguments` with these settings, in an environment that is clean otherwise.

        The name also names its log; a second process of the same name gets a log of its own.
        """
        self._started += 1
        log = self.folder / f"{self._started}-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(settings or {}),
                cwd=self.folder,
                start_new_session=True,
            )
        self._tell(f"+{process.pid}")
        running = Running(name, process, log)
        self._running.append(running)
        return running

    def check(self) -> None:
        """Raise ProcessEnded when one has ended by itself."""
        for running in self._running:
            running.check()

    def kill(self, running: Running) -> int:
        """End a process at once with SIGKILL, as a crash would; returns its exit code (-9)."""
        self._signal(running, signal.SIGKILL)
        code = running.process.wait()
        self._forget(running)
        return code

    def finish(self, running: Running, seconds: float) -> int:
        """Wait for a process that ends by itself, and return its exit code.

        Raises subprocess.TimeoutExpired when it takes longer.
        """
        code = running.process.wait(seconds)
        self._forget(running)
        return code

    def _end(self, running: list[Running]) -> None:
        """Ask all to end, those started last first; whoever does not within the grace is killed."""
        for each in running:
            self._signal(each, signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        for each in running:
            with suppress(subprocess.TimeoutExpired):
                each.process.wait(max(0.0, until - time.monotonic()))
        for each in running:
            if each.process.poll() is None:
                self._signal(each, signal.SIGKILL)
                each.process.wait()
            self._forget(each)

    def _signal(self, running: Running, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.process.pid, number)

    def _forget(self, running: Running) -> None:
        # A thread that waits for a process and the end of the show may both get here.
        with suppress(ValueError):
            self._running.remove(running)
            self._tell(f"-{running.process.pid}")

    def _tell(self, line: str) -> None:
        assert self._warden.stdin is not None  # noqa: S101 - it was opened as a pipe
        with suppress(BrokenPipeError):
            self._warden.stdin.write(f"{line}\n".encode())
            self._warden.stdin.flush()

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return an environment without proxies, credentials or settings of whoever runs the show."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(_ROOT),
            **settings,
        }
