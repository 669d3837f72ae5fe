"""One AWS API asked at a measured pace, its refusals told in the words of provisioning."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as NotConnected,
)

from adapters.aws.pace import Pace
from provisioning.brake import NO_ADVICE, Brakes, throttled
from provisioning.errors import (
    AccessUnavailable,
    CredentialRefused,
    GroupMissing,
    Misconfigured,
    PermissionMissing,
    PermissionSetMissing,
    ProvisioningError,
    StoreUnavailable,
    Unexpected,
)
from provisioning.ports import Clock

# Waiting longer than this is not for a call in progress: its people are queued again.
LONGEST_WAIT: Final = 0.5
_SERVER_ERROR: Final = 500

# As botocore itself counts them, in its standard retry mode.
_THROTTLED = {
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_CREDENTIALS = {
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}

log = logging.getLogger(__name__)


class Trouble(Exception):
    """A request that brought no answer to work with.

    `stops`: the next request would fare the same. `about` is the `Reason` or `ResourceType` that AWS gave.
    """

    def __init__(
        self,
        error: ProvisioningError,
        *,
        stops: bool = False,
        may_have_landed: bool = False,
        code: str = "",
        about: str = "",
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.stops = stops or isinstance(error, Misconfigured)
        self.may_have_landed = may_have_landed
        self.code = code
        self.about = about


class Api:
    """One service of one tenant: waits its turn, asks once, raises `Trouble` for everything but an answer.

    `name` is the brake's, shared by all processes; `action_prefix` is IAM's name of the service. `familiar`
    are codes of refusals that the asker knows what to do with: `Trouble.code` says which it was.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        action_prefix: str,
        *,
        brakes: Brakes,
        clock: Clock,
        pace: Pace,
        familiar: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._name = name
        self._action_prefix = action_prefix
        self._brakes = brakes
        self._clock = clock
        self._pace = pace
        self._familiar = familiar
        self._lock = Lock()

    def check_brake(self) -> None:
        """Raise Trouble while the brake holds; called once, at the start of a batch."""
        try:
            seconds = self._brakes.wait(self._name)
        except StoreUnavailable as error:
            raise Trouble(error, stops=True) from error
        if seconds > 0:
            raise Trouble(AccessUnavailable(retry_after=seconds), stops=True)

    def ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Ask once and return the members of the answer. Raises Trouble."""
        self._wait_for_turn()
        action, began = f"{self._action_prefix}:{operation}", time.monotonic()
        try:
            answer: dict[str, Any] = getattr(self._client, xform_name(operation))(**asked)
        except (ClientError, BotoCoreError) as error:
            trouble = _trouble(error, action, self._familiar)
            _log(action, began, error.response if isinstance(error, ClientError) else {}, _outcome(error))
            if trouble.code in _THROTTLED:
                self._slow_down(trouble.error)
            raise trouble from error
        _log(action, began, answer, "ok")
        with self._lock:
            self._pace.went_well()
        return answer

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = self._clock.now().timestamp()
            seconds = self._pace.wait(now)
            if seconds > LONGEST_WAIT:
                raise Trouble(AccessUnavailable(retry_after=seconds), stops=True)
            self._pace.take(now)
        if seconds > 0:
            time.sleep(seconds)

    def _slow_down(self, error: ProvisioningError) -> None:
        retry_after = error.retry_after if isinstance(error, AccessUnavailable) else None
        now = self._clock.now()
        with self._lock:
            self._pace.was_throttled(now.timestamp(), retry_after)
        with suppress(StoreUnavailable):  # this process slows down all the same
            self._brakes.hold(throttled(self._name, retry_after, now))


def _log(action: str, began: float, response: Mapping[str, Any], outcome: str) -> None:
    meta = response.get("ResponseMetadata", {})
    facts = {
        "operation": action,
        "outcome": outcome,
        "status": meta.get("HTTPStatusCode"),
        "request_id": meta.get("RequestId", ""),
        "ms": round((time.monotonic() - began) * 1000),
    }
    log.info("AWS was asked", extra={"action": "aws", **facts})


def _outcome(error: ClientError | BotoCoreError) -> str:
    """Return the word for a failure: AWS's own, or the kind of it where there was no answer."""
    return (
        str(error.response["Error"].get("Code", ""))
        if isinstance(error, ClientError)
        else type(error).__name__
    )


def _trouble(error: ClientError | BotoCoreError, action: str, familiar: frozenset[str]) -> Trouble:
    """Translate a foreign error; the one place where that is done."""
    if isinstance(error, ClientError):
        return _refused(dict(error.response), action, familiar)
    if isinstance(error, NotConnected):
        return Trouble(AccessUnavailable())
    if isinstance(error, HTTPClientError):  # a timeout or a cut while reading: the request itself went out
        return Trouble(AccessUnavailable(), may_have_landed=True)
    if isinstance(
        error,
        NoCredentialsError
        | PartialCredentialsError
        | CredentialRetrievalError
        | SSOError
        | TokenRetrievalError,
    ):
        return Trouble(CredentialRefused(service="AWS", reason=type(error).__name__))
    # The type alone: botocore's sentences may quote what was asked, such as a person's name.
    log.error("%s failed with %s, for which there is no word", action, type(error).__name__)
    return Trouble(Unexpected(action=action, reason=type(error).__name__))


def _refused(response: dict[str, Any], action: str, familiar: frozenset[str]) -> Trouble:
    """Translate an error answer, by code and never by status: throttling comes as HTTP 400."""
    code = str(response["Error"].get("Code", ""))
    about = str(response.get("Reason") or response.get("ResourceType") or "")
    advice = response.get("RetryAfterSeconds")
    if advice is None and code in _THROTTLED:  # of the many who were not asked none has failed by itself
        advice = NO_ADVICE.total_seconds()
    unavailable = AccessUnavailable(retry_after=None if advice is None else float(advice))
    if code in familiar:
        return Trouble(Unexpected(action=action, reason=code), code=code, about=about)
    if code in _THROTTLED:
        return Trouble(unavailable, stops=True, code=code, about=about)
    if code == "ConflictException":  # callers who take it for success look at `about` first
        return Trouble(unavailable, code=code, about=about)
    if code == "InternalServerException" or response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
        return Trouble(unavailable, may_have_landed=True, code=code)
    if code in {"AccessDenied", "AccessDeniedException"}:  # SQS says the shorter one
        missing = "kms:Decrypt" if about.startswith("KMS") else action
        return Trouble(PermissionMissing(permission=missing), code=code, about=about)
    if code in _CREDENTIALS:
        return Trouble(CredentialRefused(service="AWS", reason=code), code=code)
    if code == "ResourceNotFoundException":
        missing_thing = PermissionSetMissing() if action.startswith("sso:") else GroupMissing()
        return Trouble(missing_thing, code=code, about=about)
    log.error("%s was refused with %s: %s", action, code, response["ResponseMetadata"].get("RequestId"))
    return Trouble(Unexpected(action=action, reason=code), code=code, about=about)
