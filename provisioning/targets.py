"""Targets: whom an instruction names, by mention, by address or by name, and who that is in the directory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from provisioning.access import Failed
from provisioning.directory import Claim, ObjectClaim
from provisioning.errors import (
    EmailOutsideCompany,
    EmailUnusable,
    ProvisioningError,
    Refusal,
    SeveralRacers,
    TargetUnclear,
    TargetUnknown,
)
from provisioning.events import Event
from provisioning.identity import admitted_mail
from provisioning.ids import ChatIdentity, PersonId, RegistrationKey
from provisioning.ports import Rows, Store
from provisioning.recognizing import Asked, Recognizer
from provisioning.registrations import Registration
from provisioning.roster import everybody

MOST_CHOICES = 10  # people among whom an organizer is let choose
SHOWN = 60  # characters of a name that are repeated back


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A person of a chat platform, as its own mention names them; `name` is what it shows, if known."""

    chat: ChatIdentity
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the form under which an instruction keeps who that is."""
        return str(self.chat)


@dataclass(frozen=True, slots=True)
class Mailed:
    """An e-mail address, as it was typed."""

    mail: str

    def __str__(self) -> str:
        """Return the form under which an instruction keeps who that is."""
        return self.mail


@dataclass(frozen=True, slots=True)
class Named:
    """A racer of the event, by what they are called.

    That is the directory's name, what they sign in with, or its part before the @. A button says the object
    id.
    """

    name: str

    def __str__(self) -> str:
        """Return the form under which an instruction keeps who that is."""
        return self.name


Target = Mentioned | Mailed | Named
Claims = Mapping[ChatIdentity, Claim | Failed]


def speaking_as(mentioned: ChatIdentity, claims: Claims) -> ChatIdentity:
    """Return the chat identity as which a mentioned person speaks."""
    claim = claims.get(mentioned)
    if isinstance(claim, ObjectClaim):
        return ChatIdentity(mentioned.platform, mentioned.tenant, claim.person_id)
    return mentioned


def resolve(
    store: Store, recognizer: Recognizer, event: Event, targets: Collection[Target], claims: Claims
) -> dict[str, PersonId]:
    """Return who each target is, by its text. `claims` is what the platform has said of mentions already.

    A mention is the person it is bound to, else whom the gate recognizes. Raises TargetUnknown,
    TargetUnclear, SeveralRacers, or what keeps the chat platform or the directory from being asked.
    """
    mentioned = [target for target in targets if isinstance(target, Mentioned)]
    found = store.read(
        lambda rows: {
            str(target): person
            for target in mentioned
            if (person := rows.bindings.person_of(speaking_as(target.chat, claims))) is not None
        }
    )
    unbound = {
        str(target): Asked(target.chat, event.email_domains)
        for target in mentioned
        if str(target) not in found
    }
    for name, recognized in recognizer.recognize(unbound, claims).items():
        user = recognized.who
        if isinstance(user, Refusal):
            raise TargetUnknown(target=name, why=user.code) from user
        if isinstance(user, ProvisioningError):
            raise user
        found[name] = user.id
    found |= _by_mail(recognizer, event, [target for target in targets if isinstance(target, Mailed)])
    names = [target for target in targets if isinstance(target, Named)]
    return found | (store.read(lambda rows: _by_name(rows, event, names)) if names else {})


def _by_name(rows: Rows, event: Event, targets: Collection[Named]) -> dict[str, PersonId]:
    """Return who in the event goes by these names. Raises TargetUnknown, SeveralRacers."""
    people = [(one.key.person_id, _names(one)) for one in everybody(rows, event.id)]
    found: dict[str, PersonId] = {}
    for target in targets:
        wanted = _folded(target.name)
        exact = [person for person, names in people if wanted in {*names, person}]
        begun = [person for person, names in people if any(name.startswith(wanted) for name in names)]
        those = exact or begun
        if not those:
            raise TargetUnknown(target=target.name[:SHOWN])
        if len(those) > 1:
            keys = [str(RegistrationKey(event.id, person)) for person in those[:MOST_CHOICES]]
            raise SeveralRacers(target=target.name[:SHOWN], choose=" ".join(keys))
        found[str(target)] = those[0]
    return found


def _names(registration: Registration) -> frozenset[str]:
    name = registration.person.user_principal_name
    return frozenset(map(_folded, (registration.person.display_name, name, name.partition("@")[0]))) - {""}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _by_mail(recognizer: Recognizer, event: Event, targets: Collection[Mailed]) -> dict[str, PersonId]:
    wanted: dict[str, str] = {}
    for target in targets:
        try:
            wanted[str(target)] = admitted_mail(target.mail, event.email_domains)
        except (EmailUnusable, EmailOutsideCompany) as refusal:
            raise TargetUnknown(target=target.mail, why=refusal.code) from refusal
    answers = recognizer.find(set(wanted.values()))
    found: dict[str, PersonId] = {}
    for name, mail in wanted.items():
        users = answers[mail]
        if isinstance(users, Failed):
            raise users.error
        if not users:
            raise TargetUnknown(target=name)
        if len({user.id for user in users}) > 1:
            raise TargetUnclear(target=name)
        found[name] = users[0].id
    return found
