"""Who is behind a chat identity: the platform vouches, the directory knows. Asked together, each once.

Nothing is allowed in doubt: whatever is not answered comes back as an error, and nobody is recognized by it.
"""

import logging
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

from provisioning.access import Failed
from provisioning.directory import (
    ChatPeople,
    Claim,
    Directory,
    DirectoryUser,
    MailClaim,
    ObjectClaim,
    Unvouched,
)
from provisioning.errors import IdentityChanged, ProvisioningError, Refusal, Unavailable
from provisioning.identity import admitted_mail, the_employee, the_employee_within
from provisioning.ids import ChatIdentity, PersonId

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Found = tuple[DirectoryUser, ...] | Failed
NOTHING_KNOWN: Final[Mapping[ChatIdentity, Claim | Failed]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat identity to be recognized, and the e-mail domains that count for it."""

    chat: ChatIdentity
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recognized:
    """The one enabled member, or why that is not known; with the language tag that their platform shows."""

    who: DirectoryUser | ProvisioningError
    locale: str | None = None


class Recognizer:
    """Finds the one employee behind each chat identity."""

    def __init__(self, people: Mapping[str, ChatPeople], directory: Directory) -> None:
        """Take the chat platforms by name ("slack"), each with the port that vouches for its users."""
        self._people = people
        self._directory = directory

    def recognize(
        self, asked: Mapping[K, Asked], known: Mapping[ChatIdentity, Claim | Failed] = NOTHING_KNOWN
    ) -> dict[K, Recognized]:
        """Return for each who that is, or why it is not known.

        `known` is what the platform has said of some of them a moment ago.
        """
        recognized: dict[K, DirectoryUser | ProvisioningError] = {}
        claims = self._claims({one.chat for one in asked.values()} - known.keys()) | dict(known)
        wanted: dict[K, str] = {}
        for key, one in asked.items():
            try:
                wanted[key] = _question(claims[one.chat], one.domains)
            except ProvisioningError as error:
                recognized[key] = error
        by_id = {key: isinstance(claims[asked[key].chat], ObjectClaim) for key in wanted}
        mails = {question for key, question in wanted.items() if not by_id[key]}
        found = self.find(mails) | self._read(claims)
        for key, question in wanted.items():
            recognized[key] = _employee(found[question], asked[key].domains if by_id[key] else None)
        return {key: Recognized(who, _locale(claims[asked[key].chat])) for key, who in recognized.items()}

    def confirm(self, chat: ChatIdentity, domains: tuple[str, ...], person_id: PersonId) -> None:
        """Look once more whether this chat identity is this person, and an employee.

        Raises IdentityChanged, or what else stands in the way.
        """
        who = self.recognize({chat: Asked(chat, domains)})[chat].who
        if isinstance(who, ProvisioningError):
            raise who
        if who.id != person_id:
            raise IdentityChanged

    def find(self, mails: Collection[str]) -> dict[str, Found]:
        """Return everybody who answers to each address."""
        if not mails:
            return {}
        answer = _guarded(lambda: self._directory.find(mails))
        return {mail: answer.get(mail, Failed(Unavailable())) for mail in mails}

    def names(self, people: Collection[PersonId]) -> dict[PersonId, str]:
        """Return what the directory calls them; whom it does not tell of is left out."""
        read = _guarded(lambda: self._directory.get(people)) if people else {}
        return {one: user.display_name for one, user in read.items() if isinstance(user, DirectoryUser)}

    def _claims(self, chats: set[ChatIdentity]) -> dict[ChatIdentity, Claim | Failed]:
        claims: dict[ChatIdentity, Claim | Failed] = {}
        for platform in {chat.platform for chat in chats}:
            asked = sorted(chat for chat in chats if chat.platform == platform)
            vouched = _guarded(partial(self._vouch, platform, asked))
            claims |= {chat: vouched.get(chat, Failed(Unavailable())) for chat in asked}
        return claims

    def _vouch(self, platform: str, chats: Sequence[ChatIdentity]) -> Mapping[ChatIdentity, Claim | Failed]:
        return self._people[platform].vouch(chats)

    def _read(self, claims: Mapping[ChatIdentity, Claim | Failed]) -> dict[str, Found]:
        ids = {claim.person_id for claim in claims.values() if isinstance(claim, ObjectClaim)}
        if not ids:
            return {}
        read = _guarded(lambda: self._directory.get(ids))
        found: dict[str, Found] = {}
        for person_id in ids:
            user = read.get(person_id, Failed(Unavailable()))
            found[person_id] = user if isinstance(user, Failed) else ((user,) if user else ())
        return found


def _guarded(ask: Callable[[], Mapping[K, V]]) -> Mapping[K, V]:
    """Ask an outside system. A defect there answers nothing; what is not answered is asked again."""
    try:
        return ask()
    except Exception:
        log.exception("outside call failed", extra={"action": "defect"})
        return {}


def _question(claim: Claim | Failed, domains: Sequence[str]) -> str:
    """Return what to ask the directory for: an admitted mail, or an object id."""
    if isinstance(claim, Failed):
        raise claim.error
    return admitted_mail(claim.mail, domains) if isinstance(claim, MailClaim) else claim.person_id


def _locale(claim: Claim | Failed) -> str | None:
    return claim.locale if isinstance(claim, MailClaim | Unvouched) else None


def _employee(found: Found, domains: Sequence[str] | None) -> DirectoryUser | ProvisioningError:
    """Return who was found; with domains, only if one of their addresses is in these."""
    if isinstance(found, Failed):
        return found.error
    try:
        return the_employee(found) if domains is None else the_employee_within(found, domains)
    except Refusal as refusal:
        return refusal
