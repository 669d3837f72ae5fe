"""The gate's own decisions: which mail admits, and which directory user it is. Pure; any doubt refuses.

What the chat platform vouches for comes from its adapter (`directory.ChatPeople`), what the directory knows
from `directory.Directory`. Here the two are brought together.
"""

import re
from collections.abc import Sequence

from provisioning.directory import DirectoryUser
from provisioning.errors import (
    AccountDisabled,
    DirectoryGuest,
    EmailOutsideCompany,
    EmailUnusable,
    NotInDirectory,
    SeveralMatches,
)

# No quotes or comments (RFC 5322, atext), and ASCII only: letters of other scripts can look like ours.
_PLAIN = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9._-]+")


def admitted_mail(mail: str, domains: Sequence[str]) -> str:
    """Return the address in lower case when its domain is exactly one of these.

    Raises EmailUnusable for anything but one plain ASCII address, EmailOutsideCompany for another domain: a
    subdomain, a longer name ending alike and a look-alike letter are other domains.
    """
    if not _PLAIN.fullmatch(mail):
        raise EmailUnusable
    local, _, domain = mail.lower().rpartition("@")
    if domain not in {allowed.lower() for allowed in domains}:
        raise EmailOutsideCompany(domain=domain)
    return f"{local}@{domain}"


def the_employee(found: Sequence[DirectoryUser]) -> DirectoryUser:
    """Return the one user found, an enabled member.

    Raises NotInDirectory, SeveralMatches, AccountDisabled or DirectoryGuest. A user without a type is not
    known to be a member, and so is treated as a guest.
    """
    if not found:
        raise NotInDirectory
    if len({user.id for user in found}) > 1:
        raise SeveralMatches
    user = found[0]
    if user.enabled is not True:
        raise AccountDisabled
    if user.user_type != "Member":
        raise DirectoryGuest
    return user


def the_employee_within(found: Sequence[DirectoryUser], domains: Sequence[str]) -> DirectoryUser:
    """Return the one user found by object id, an enabled member with an address in one of these domains.

    Who came in by mail has shown such an address before. Raises what `the_employee` raises, or
    EmailOutsideCompany.
    """
    user = the_employee(found)
    if user.domains.isdisjoint(domain.lower() for domain in domains):
        raise EmailOutsideCompany(domain=user.user_principal_name.lower().rpartition("@")[2] or "?")
    return user


def is_employee(user: DirectoryUser | None) -> bool:
    """Whether this is an enabled member, in the daily check of a racer."""
    return user is not None and user.enabled is True and user.user_type == "Member"
