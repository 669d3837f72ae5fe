"""How a worker of this process learns at once that something was queued."""

from threading import Condition


class Bell:
    """Counts how often it rang, so that no ringing between looking and sleeping is missed."""

    def __init__(self) -> None:
        """Begin silent."""
        self._condition = Condition()
        self._rung = 0

    def heard(self) -> int:
        """Return how often it has rung."""
        return self._rung

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self._rung += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Sleep until it has rung more often than that, at most so long."""
        with self._condition:
            self._condition.wait_for(lambda: self._rung != heard, seconds)
