"""What a person wrote down wrongly, in a setting or an event file: all of it at once, each with its mend."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (`name`), what, and how it is mended. Never quotes a secret."""

    name: str
    what: str
    mend: str


class Faulty(Exception):
    """Something a person wrote cannot be used. Carries every fault that was found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.name} {fault.what}" for fault in self.faults))


def nearest(word: str, known: Collection[str], alike: float = 0.75) -> str | None:
    """Return the known word that `word` was probably meant to be, or None. `alike` is between 0 and 1."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=alike)), None)
