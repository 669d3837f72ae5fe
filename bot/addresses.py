"""Where people's mail goes, as the directory has it at the moment of asking."""

from collections.abc import Callable, Mapping, Sequence

from provisioning.access import Failed
from provisioning.directory import Directory, DirectoryUser
from provisioning.ids import PersonId

Mails = Callable[[Sequence[PersonId]], Mapping[PersonId, str | Failed | None]]


def mails_in(directory: Directory) -> Mails:
    """Return where people's mail goes, as this directory has it; some have only a principal name."""

    def mails(people: Sequence[PersonId]) -> Mapping[PersonId, str | Failed | None]:
        return {person: _mail(found) for person, found in directory.get(people).items()}

    return mails


def _mail(found: DirectoryUser | Failed | None) -> str | Failed | None:
    if isinstance(found, DirectoryUser):
        return found.mail or found.user_principal_name
    return found
