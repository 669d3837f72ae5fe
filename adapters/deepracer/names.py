"""What an account that the bot makes on a racing site is called.

Both names follow from the pool and the person alone, so that whoever comes back after a crash finds the
account that was made before it.
"""

import hashlib
from typing import Final

from provisioning.ids import PersonId

_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"  # no capitals: the pool does not tell them apart
_LENGTH: Final = 15  # the one length that the site admits


def username_of(pool_id: str, person: PersonId) -> str:
    """Return the username, and so the profile id, of this person's account; it tells nobody who that is."""
    number = int.from_bytes(hashlib.sha256(f"{pool_id}/{person.lower()}".encode()).digest())
    letters = []
    for _ in range(_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


def alias_of(username: str) -> str:
    """Return the alias an account begins with, unlike any other's; the racer chooses one later."""
    return f"racer-{username[:8]}"
