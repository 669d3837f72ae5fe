"""What has to be let go of at the end."""

from typing import Protocol


class Closeable(Protocol):
    """What holds connections."""

    def close(self) -> None:
        """Let go of them."""
        ...
