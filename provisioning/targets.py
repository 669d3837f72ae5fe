"""Targets: whom an instruction names, by mention or by address, and who that is in the directory."""

from collections.abc import Collection
from dataclasses import dataclass

from provisioning.access import Failed
from provisioning.errors import (
    EmailOutsideCompany,
    EmailUnusable,
    ProvisioningError,
    Refusal,
    TargetUnclear,
    TargetUnknown,
)
from provisioning.events import Event
from provisioning.identity import admitted_mail
from provisioning.ids import ChatIdentity, PersonId
from provisioning.ports import Store
from provisioning.recognizing import Asked, Recognizer


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A person of a chat platform, as its own mention names them."""

    chat: ChatIdentity

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


Target = Mentioned | Mailed


def resolve(
    store: Store, recognizer: Recognizer, event: Event, targets: Collection[Target]
) -> dict[str, PersonId]:
    """Return who each target is, by its text.

    A mention is the person it is bound to, else whom the gate recognizes. Raises TargetUnknown,
    TargetUnclear, or what keeps the chat platform or the directory from being asked.
    """
    mentioned = [target for target in targets if isinstance(target, Mentioned)]
    found = store.read(
        lambda rows: {
            str(target): person
            for target in mentioned
            if (person := rows.bindings.person_of(target.chat)) is not None
        }
    )
    unbound = {
        str(target): Asked(target.chat, event.email_domains)
        for target in mentioned
        if str(target) not in found
    }
    for name, user in recognizer.recognize(unbound).items():
        if isinstance(user, Refusal):
            raise TargetUnknown(target=name, why=user.code) from user
        if isinstance(user, ProvisioningError):
            raise user
        found[name] = user.id
    return found | _by_mail(recognizer, event, [target for target in targets if isinstance(target, Mailed)])


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
