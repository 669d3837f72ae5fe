"""The AWS role is shown to Entra by a token that STS signs: fresh each time, and for Entra alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import jwt
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from adapters.aws.outbound_identity import OutboundIdentity
from adapters.tokens import EntraTokens
from adapters.trust import ssl_context
from provisioning.errors import CredentialRefused, DirectoryUnavailable, ProvisioningError
from sandbox.company import TENANT_ID, Company
from sandbox.entra import CLIENT_ID, FEDERATION_AUDIENCE
from sandbox.listening import listening
from sandbox.sts import ISSUER, ROLE, StsSimulator
from sandbox.world import World


@dataclass(frozen=True, slots=True)
class Sts:
    """STS over HTTP, and a client of it."""

    simulator: StsSimulator
    client: Any

    @property
    def identity(self) -> OutboundIdentity:
        return OutboundIdentity(self.client, FEDERATION_AUDIENCE)


def client(url: str) -> Any:
    return boto3.client(
        "sts",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Sts]:
    simulator = StsSimulator()
    with listening(simulator.app()) as url:
        yield Sts(simulator, client(url))


@pytest.fixture
def sts(running: Sts) -> Sts:
    running.simulator.asked.clear()
    running.simulator.hands_out = True
    return running


def test_a_token_says_who_the_bot_is_and_is_for_entra_alone(sts: Sts) -> None:
    token = sts.identity.token()
    claims = jwt.decode(token, options={"verify_signature": False})

    assert (claims["iss"], claims["sub"]) == (ISSUER, ROLE)
    assert claims["aud"] == [FEDERATION_AUDIENCE]
    assert claims["exp"] - claims["iat"] == 300


def test_entra_takes_it_in_place_of_a_secret_and_is_shown_a_fresh_one_every_time(sts: Sts) -> None:
    with (
        World(Company.found(people=1), parts={"entra"}) as world,
        httpx.Client(verify=ssl_context(world.environment())) as http,
    ):
        entra = world.urls["entra"]
        tokens = EntraTokens(TENANT_ID, CLIENT_ID, sts.identity.credential(), http, authority=entra)
        first = tokens.token()
        second = tokens.token(refused=first)

    assert first != second
    assert sts.simulator.asked == [(FEDERATION_AUDIENCE,)] * 2


def test_an_account_that_hands_out_no_tokens_is_named_as_the_reason(sts: Sts) -> None:
    sts.simulator.hands_out = False

    with pytest.raises(CredentialRefused) as refused:
        sts.identity.token()
    assert "OutboundWebIdentityFederationDisabled" in refused.value.facts["reason"]


def test_sts_out_of_reach_is_waited_for() -> None:
    with pytest.raises(DirectoryUnavailable):
        OutboundIdentity(client("http://127.0.0.1:9"), FEDERATION_AUDIENCE).token()


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, CredentialRefused),
        ("Throttling", 400, DirectoryUnavailable),
        ("InternalFailure", 500, DirectoryUnavailable),
    ],
)
def test_what_an_operator_can_mend_is_told_and_what_passes_is_waited_for(
    sts: Sts, code: str, status: int, error: type[ProvisioningError]
) -> None:
    with Stubber(sts.client) as stubbed:
        stubbed.add_client_error("get_web_identity_token", code, http_status_code=status)
        with pytest.raises(error):
            sts.identity.token()
