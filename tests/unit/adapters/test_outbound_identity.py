"""The AWS role is shown to Entra by a token that STS signs, fresh each time and for Entra alone."""

import boto3
import pytest
from botocore.stub import Stubber

from adapters.aws.outbound_identity import OutboundIdentity
from provisioning.errors import CredentialRefused, DirectoryUnavailable, ProvisioningError

AUDIENCE = "api://AzureADTokenExchange"
ASKED = {"Audience": [AUDIENCE], "SigningAlgorithm": "RS256", "DurationSeconds": 300}


@pytest.fixture
def stubbed() -> Stubber:
    sts = boto3.client(
        "sts", region_name="eu-central-1", aws_access_key_id="made-up", aws_secret_access_key="made-up"
    )
    return Stubber(sts)


def test_every_call_brings_a_fresh_token_for_entra(stubbed: Stubber) -> None:
    for token in ("first.made.up", "second.made.up"):
        stubbed.add_response("get_web_identity_token", {"WebIdentityToken": token}, ASKED)
    with stubbed:
        assertion = OutboundIdentity(stubbed.client, AUDIENCE).credential().assertion

        assert [assertion(), assertion()] == ["first.made.up", "second.made.up"]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("OutboundWebIdentityFederationDisabledException", 400, CredentialRefused),
        ("AccessDenied", 403, CredentialRefused),
        ("Throttling", 400, DirectoryUnavailable),
        ("InternalFailure", 500, DirectoryUnavailable),
    ],
)
def test_what_an_operator_can_mend_is_told_and_what_passes_is_waited_for(
    stubbed: Stubber, code: str, status: int, error: type[ProvisioningError]
) -> None:
    stubbed.add_client_error("get_web_identity_token", code, http_status_code=status)
    with stubbed, pytest.raises(error):
        OutboundIdentity(stubbed.client, AUDIENCE).token()


def test_the_refusal_names_what_aws_said(stubbed: Stubber) -> None:
    stubbed.add_client_error("get_web_identity_token", "AccessDenied", http_status_code=403)
    with stubbed, pytest.raises(CredentialRefused) as refused:
        OutboundIdentity(stubbed.client, AUDIENCE).token()

    assert "AccessDenied" in str(refused.value.facts)
