"""The first sign-in to an account that the bot made: a password for once, set on request and told only once.

So the mails of a user pool, fifty a day and void after a week, need not be waited for. It never touches an
account that somebody else made, that has a password of its owner's, or that may do more than race.
"""

import secrets
import string
from collections.abc import Callable
from typing import Final

from adapters.aws.api import Trouble
from adapters.deepracer.names import username_of
from adapters.deepracer.pool import RACERS, Pool
from provisioning.errors import AccessUnavailable, PasswordTheirOwn
from provisioning.events import DeepRacerOnAws
from provisioning.platform import FirstPassword
from provisioning.registrations import Person

FIRST_STANDS: Final = "FORCE_CHANGE_" + "PASSWORD"  # the status of a user who has set none of their own
_KINDS: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#%+-=?")
_LENGTH: Final = 16
_ALIKE: Final = frozenset("0O1lI")  # people type it over


class OneTimePasswords:
    """The port `FirstSignIn`. `pool_of` returns the user pool of a site."""

    def __init__(self, pool_of: Callable[[str], Pool]) -> None:
        self._pool_of = pool_of

    def renew(self, grant: DeepRacerOnAws, person: Person) -> FirstPassword:
        pool = self._pool_of(grant.site_url)
        username = username_of(pool.id, person.id)
        if person.subject not in {None, username}:
            raise PasswordTheirOwn
        try:
            pool.check_brakes()
            account = pool.account(username)
            if account is None:
                raise AccessUnavailable
            if account.status != FIRST_STANDS or not account.enabled or pool.groups_of(username) != {RACERS}:
                raise PasswordTheirOwn
            password = made_up()
            pool.ask("AdminSetUserPassword", Username=username, Password=password, Permanent=False)
        except Trouble as trouble:
            raise trouble.error from trouble
        return FirstPassword(account.email, password)


def made_up() -> str:
    """Return a password of every kind of character that a pool's policy may want, easy to type over."""
    kinds = ["".join(letter for letter in kind if letter not in _ALIKE) for kind in _KINDS]
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(_LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
