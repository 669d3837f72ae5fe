"""Mail through Amazon SES, version 2 of its API. Source: docs.aws.amazon.com/ses/latest/APIReference-V2.

SES knows no idempotency token: whoever must not send twice notes first that they are about to. An address on
the account's suppression list is told before; SES itself would take the mail and throw it away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.pace import Pace
from adapters.chat.letter import Letter
from provisioning.brake import Brakes
from provisioning.errors import ChatUnavailable, Unavailable, Undeliverable
from provisioning.ports import Clock

PER_SECOND: Final = 10.0  # a new account out of the sandbox may send 14
_FOR_GOOD: Final = frozenset({"MessageRejected", "BadRequestException"})
_STOPPED: Final = frozenset(
    {"AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException"}
)
_OUT_OF_QUOTA: Final = "LimitExceededException"
_NOT_FOUND: Final = "NotFoundException"
_QUOTA_SECONDS: Final = 3600.0
_STOPPED_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Sending:
    """What SES lets the account send. Numbers are recipients; None where SES does not tell."""

    in_production: bool
    enabled: bool
    a_day: float | None
    sent: float | None


class Ses:
    """Sends letters from one address; `client` is a boto3 client of `sesv2`, `sender` the address."""

    def __init__(self, client: Any, sender: str, *, brakes: Brakes, clock: Clock) -> None:
        self.sender = sender
        familiar = _FOR_GOOD | _STOPPED | {_OUT_OF_QUOTA, _NOT_FOUND}
        self._mail = Api(
            client,
            "ses",
            "ses",
            brakes=brakes,
            clock=clock,
            pace=Pace(rate=PER_SECOND, most=PER_SECOND),
            familiar=frozenset(familiar),
        )

    def send(self, to: str, letter: Letter) -> str:
        """Send the letter and return SES's id of it.

        Raises Undeliverable where it never gets there, ChatUnavailable where it may later, and
        PermissionMissing or CredentialRefused.
        """
        content = {
            "Simple": {
                "Subject": _content(letter.subject),
                "Body": {"Text": _content(letter.text), "Html": _content(letter.html)},
            }
        }
        try:
            self._mail.check_brake()
            if self._is_suppressed(to):
                raise Undeliverable(reason="suppressed")
            sent = self._mail.ask(
                "SendEmail",
                FromEmailAddress=self.sender,
                Destination={"ToAddresses": [to]},
                Content=content,
            )
        except Trouble as trouble:
            raise _told(trouble) from trouble
        return str(sent["MessageId"])

    def account(self) -> Sending:
        """Return what may be sent. Raises as `send` does."""
        try:
            found = self._mail.ask("GetAccount")
        except Trouble as trouble:
            raise trouble.error from trouble
        quota: Mapping[str, float] = found.get("SendQuota", {})
        return Sending(
            bool(found.get("ProductionAccessEnabled")),
            bool(found.get("SendingEnabled")),
            quota.get("Max24HourSend"),
            quota.get("SentLast24Hours"),
        )

    def is_verified(self) -> bool:
        """Whether the sender's address, or its domain, may send. Raises as `send` does."""
        domain = self.sender.rpartition("@")[2].rstrip(">")
        return any(self._is_identity_verified(one) for one in (_address(self.sender), domain))

    def _is_identity_verified(self, identity: str) -> bool:
        try:
            return bool(
                self._mail.ask("GetEmailIdentity", EmailIdentity=identity)["VerifiedForSendingStatus"]
            )
        except Trouble as trouble:
            if trouble.code == _NOT_FOUND:
                return False
            raise trouble.error from trouble

    def _is_suppressed(self, address: str) -> bool:
        try:
            self._mail.ask("GetSuppressedDestination", EmailAddress=address)
        except Trouble as trouble:
            if trouble.code == _NOT_FOUND:
                return False
            raise
        return True


def _told(trouble: Trouble) -> Exception:
    """Return what a speaker makes of it: gone for good, or worth another try at some time."""
    if trouble.code in _FOR_GOOD:
        return Undeliverable(reason=trouble.code)
    if trouble.code in _STOPPED:
        return ChatUnavailable(_STOPPED_SECONDS, reason=trouble.code)
    if trouble.code == _OUT_OF_QUOTA:
        return ChatUnavailable(_QUOTA_SECONDS, reason=trouble.code)
    if trouble.may_have_landed:
        return Undeliverable(reason="unsure")
    if isinstance(trouble.error, Unavailable):
        return ChatUnavailable(trouble.error.retry_after, reason=trouble.code or trouble.error.code)
    return trouble.error


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _address(sender: str) -> str:
    """Return the address alone of `DeepRacer <racing@acme.example>`."""
    return sender.rpartition("<")[2].rstrip(">")
