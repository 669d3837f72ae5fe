"""What is counted while the bot works, whoever collects it: a server for `/metrics`, or a line of the log."""

from typing import Protocol


class Counting(Protocol):
    """Takes the counts. Every word is one of a closed list, never what a person typed."""

    def answered(self, verb: str, outcome: str, seconds: float) -> None:
        """Count one answer to a chat request, and how long it took."""
        ...

    def has_told(self, result: str) -> None:
        """Count one result told to a racer."""
        ...
