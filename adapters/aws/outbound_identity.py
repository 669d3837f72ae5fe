"""The AWS role as a credential elsewhere: STS signs a token that Entra trusts, so that no secret is kept.

The account has to be told once to hand such tokens out, and the app registration to trust the role
(`infra/entra.py`). A token is asked for when Entra's own has run out, about once an hour.
"""

from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from adapters.tokens import Federated
from provisioning.errors import CredentialRefused, DirectoryUnavailable

TOKEN_SECONDS: Final = 300  # it is used at once
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = {"Throttling", "ThrottlingException", "TooManyRequestsException"}


@dataclass(frozen=True, slots=True)
class OutboundIdentity:
    """The role this process runs under. `sts` is a boto3 client of a Region: the global one has no tokens."""

    sts: Any
    audience: str

    def credential(self) -> Federated:
        """Return it as Entra's client takes it."""
        return Federated(self.token)

    def token(self) -> str:
        """Return a fresh token. Raises CredentialRefused or DirectoryUnavailable."""
        try:
            answer = self.sts.get_web_identity_token(
                Audience=[self.audience], SigningAlgorithm="RS256", DurationSeconds=TOKEN_SECONDS
            )
        except (NotConnected, HTTPClientError) as error:
            raise DirectoryUnavailable(None) from error
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _TOO_MANY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
                raise DirectoryUnavailable(None) from error
            raise CredentialRefused(reason=f"AWS gave no token for Entra: {code}") from error
        except BotoCoreError as error:  # no credentials, no Region
            raise CredentialRefused(reason=f"AWS gave no token for Entra: {type(error).__name__}") from error
        return str(answer["WebIdentityToken"])
