"""What provisioning needs to know of people: from the company's directory, and from the chat platform."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from provisioning.access import Failed
from provisioning.ids import ChatIdentity, PersonId
from provisioning.requests import ReplyTo


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """One user object of the directory. `user_type` is "Member", "Guest" or None, as the directory has it.

    `domains` are those of every address the user answers to, in lower case; `mail` is where their mail goes.
    """

    id: PersonId
    user_principal_name: str
    display_name: str
    enabled: bool
    user_type: str | None
    domains: frozenset[str] = frozenset()
    mail: str | None = None


@dataclass(frozen=True, slots=True)
class MailClaim:
    """The chat platform vouches for this confirmed e-mail address of an employee account.

    `locale` is the language tag that the platform has for them, if it shows one.
    """

    mail: str
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectClaim:
    """The chat platform vouches for this directory object id."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class Unvouched(Failed):
    """The chat platform does not vouch for somebody; `locale` is their language tag, if it shows one."""

    locale: str | None = None


Claim = MailClaim | ObjectClaim


class ChatPeople(Protocol):
    """Who the users of one chat platform are, as far as that platform vouches for it."""

    def vouch(self, chats: Sequence[ChatIdentity]) -> Mapping[ChatIdentity, Claim | Failed]:
        """Look these users up, each at the moment of asking. Answers for every one of them.

        Failed with a Refusal: the platform shows that this is no employee in good standing. Failed with
        Unavailable or Misconfigured: nothing is known, and so nothing is allowed.
        """
        ...


class Mentions(Protocol):
    """Who is mentioned, on a platform whose mentions name nobody as the ones they speak as."""

    def vouch_for(
        self, where: ReplyTo, mentioned: Sequence[ChatIdentity]
    ) -> Mapping[ChatIdentity, Claim | Failed]:
        """Look up people who were mentioned in the place where somebody spoke. Answers for every one of them.

        Failed as in `ChatPeople.vouch`. Whom a mention names already as they speak is left out.
        """
        ...


class Lists(Protocol):
    """The files that people give to the bot on one chat platform."""

    def read(self, chat: ChatIdentity, file: str) -> str:
        """Return the text of a file that this person gave.

        Raises ListUnreadable for a file that is gone, somebody else's, too large or no text, and what keeps
        the chat platform from being asked.
        """
        ...


class Directory(Protocol):
    """The company's directory: the record of who is an employee."""

    def find(self, mails: Collection[str]) -> Mapping[str, tuple[DirectoryUser, ...] | Failed]:
        """Find everybody who answers to each address, over mail, userPrincipalName and proxyAddresses.

        Addresses compare without regard to case. Nobody is an empty tuple. Read anew on every call.
        """
        ...

    def get(self, ids: Collection[PersonId]) -> Mapping[PersonId, DirectoryUser | Failed | None]:
        """Read these users by object id; None for one that does not exist."""
        ...
