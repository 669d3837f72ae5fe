"""The checks of `doctor` about e-mail: whether SES lets the bot send, and as much as the events may need."""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from bot.checks import Check
from provisioning.events import Event

_PRODUCTION: Final = "Ask AWS for production access: SES console, Account dashboard."
_VERIFY: Final = "Verify the address or its domain: SES console, Identities."


class Sending(Protocol):
    """What may be sent; numbers are recipients."""

    @property
    def in_production(self) -> bool: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def a_day(self) -> float | None: ...
    @property
    def sent(self) -> float | None: ...


class Post(Protocol):
    """What is asked of SES."""

    @property
    def sender(self) -> str: ...
    def account(self) -> Sending:
        """Return what may be sent. Raises ProvisioningError."""
        ...

    def is_verified(self) -> bool:
        """Whether the sender may send. Raises ProvisioningError."""
        ...


def mail(post: Post | None, events: Sequence[Event]) -> Iterator[Check]:
    """Look whether mail gets out; without an event that mails there is nothing to look at."""
    mailing = [event for event in events if event.mails]
    if not mailing:
        return
    named = ", ".join(event.id for event in mailing)
    if post is None:
        yield Check("mail", "warn", f"MAIL_FROM is not set, and {named} mails", "Set it, or mails = false.")
        return
    found = post.account()
    if not found.enabled:
        yield Check("mail", "failed", "SES does not send for this account", "Look into the SES console.")
    elif not found.in_production:
        told = "SES sends to verified addresses alone: the account is in its sandbox"
        yield Check("mail", "failed", told, _PRODUCTION)
    else:
        yield Check("mail", "ok", f"SES sends, {found.a_day:,.0f} a day")
    if not post.is_verified():
        yield Check("mail sender", "failed", "is not verified in SES", _VERIFY)
    needed, left = sum(event.capacity for event in mailing), (found.a_day or 0.0) - (found.sent or 0.0)
    if found.in_production and left < needed:
        told = f"{left:,.0f} mails are left today, {named} may need {needed:,}; the rest goes out later"
        yield Check("mail quota", "warn", told, "Ask AWS for a higher quota: SES console, Account dashboard.")
