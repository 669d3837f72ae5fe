"""What every store raises when it cannot be kept where the settings say."""


class StoreUnfit(ValueError):
    """The store cannot be kept there. The message says why, and after the colon what mends it."""

    def __init__(self, why: str, mend: str) -> None:
        """Take both halves of the message."""
        self.why = why
        self.mend = mend
        super().__init__(f"{why}: {mend}")
