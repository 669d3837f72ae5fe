"""Vetting: who somebody is whom an organizer would add, and whether they may be added.

This is the directory's half of the gate. Who was named by a mention passes the chat platform's half as well.
Nothing is allowed in doubt.
"""

from collections.abc import Collection
from dataclasses import dataclass

from provisioning.access import Failed
from provisioning.directory import DirectoryUser
from provisioning.errors import ProvisioningError, Refusal, TargetUnknown
from provisioning.events import Event
from provisioning.identity import admitted_mail, the_employee
from provisioning.ids import ChatIdentity
from provisioning.recognizing import NOTHING_KNOWN, Asked, Recognizer
from provisioning.targets import Claims, Mailed, Mentioned, Target, speaking_as


@dataclass(frozen=True, slots=True)
class Vetted:
    """Somebody who may be added: an employee as the directory has them.

    `chat` if they were named by it, with the language tag that the platform shows for them.
    """

    user: DirectoryUser
    chat: ChatIdentity | None = None
    locale: str | None = None


def vet(
    recognizer: Recognizer, event: Event, targets: Collection[Target], claims: Claims = NOTHING_KNOWN
) -> dict[str, Vetted | Refusal]:
    """Return who each target is, or why they may not be added, by its text; all are asked for together.

    Raises what keeps the chat platform or the directory from being asked.
    """
    found: dict[str, Vetted | Refusal] = {}
    mentioned = {str(one): one.chat for one in targets if isinstance(one, Mentioned)}
    asked = {text: Asked(chat, event.email_domains) for text, chat in mentioned.items()}
    for text, recognized in recognizer.recognize(asked, claims).items():
        user, chat = recognized.who, speaking_as(mentioned[text], claims)
        found[text] = (
            Vetted(user, chat, recognized.locale) if isinstance(user, DirectoryUser) else _refused(user)
        )
    mails: dict[str, str] = {}
    for target in targets:
        text = str(target)
        if isinstance(target, Mailed):
            try:
                mails[text] = admitted_mail(text, event.email_domains)
            except Refusal as refusal:
                found[text] = refusal
        elif text not in mentioned:
            found[text] = TargetUnknown(target=text)
    answers = recognizer.find(set(mails.values()))
    for text, mail in mails.items():
        users = answers[mail]
        if isinstance(users, Failed):
            found[text] = _refused(users.error)
            continue
        try:
            found[text] = Vetted(the_employee(users))
        except Refusal as refusal:
            found[text] = refusal
    return found


def _refused(error: ProvisioningError) -> Refusal:
    """Return a refusal. Raises whatever else keeps it from being known."""
    if isinstance(error, Refusal):
        return error
    raise error
