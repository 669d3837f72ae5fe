"""The tokens of Bot Connector and of the bot: right ones, and each way of being wrong."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import msal
import pytest
import requests

from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.connector_tokens import TokenForge
from sandbox.entra import CONNECTOR_AUDIENCE, GRAPH_AUDIENCE, read_token
from sandbox.wire import Fault
from sandbox.world import World
from tests.sandbox.teams_tenant import NotEndorsed, NotPublished, Tenant, bot_token, claims_of, tenant

SERVICE_URL = "http://127.0.0.1:1/emea/"
GOOD = {"valid", "expired-within-skew", "not-yet-valid-within-skew", "no-service-url", "other-service-url"}
REASONS: dict[str, type[jwt.InvalidTokenError]] = {
    "wrong-audience": jwt.InvalidAudienceError,
    "no-audience": jwt.MissingRequiredClaimError,
    "wrong-issuer": jwt.InvalidIssuerError,
    "no-issuer": jwt.MissingRequiredClaimError,
    "expired": jwt.ExpiredSignatureError,
    "no-expiry": jwt.MissingRequiredClaimError,
    "not-yet-valid": jwt.ImmatureSignatureError,
    "bad-signature": jwt.InvalidSignatureError,
    "unknown-key": NotPublished,
    "no-key-id": NotPublished,
    "unsigned": NotPublished,
    "hs256": jwt.InvalidAlgorithmError,
    "garbage": jwt.DecodeError,
    "empty": jwt.DecodeError,
    "other-channel": NotEndorsed,
    "entra": NotPublished,
}


@pytest.fixture(scope="module")
def acme() -> Iterator[Tenant]:
    with tenant(people=1) as found:
        yield found


def metadata_url(found: Tenant) -> str:
    return f"{found.url}/v1/.well-known/openidconfiguration"


def minted(found: Tenant, deviation: str = "valid") -> str:
    token = found.teams.forge.token(SERVICE_URL, deviation)
    assert token is not None
    return token


def test_every_deviation_is_judged_here(acme: Tenant) -> None:
    assert set(acme.teams.forge.deviations()) == GOOD | set(REASONS) | {"no-header"}
    assert acme.teams.forge.deviations()[0] == "valid"


def test_the_metadata_leads_to_keys_that_say_what_they_endorse(acme: Tenant) -> None:
    metadata = httpx.get(metadata_url(acme), trust_env=False).json()
    assert metadata["issuer"] == "https://api.botframework.com"
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256"]
    keys = httpx.get(metadata["jwks_uri"], trust_env=False).json()["keys"]
    assert {key["kty"] for key in keys} == {"RSA"}
    assert all(key["kid"] == key["x5t"] for key in keys)
    assert [("msteams" in key["endorsements"]) for key in keys] == [False, True]


def test_a_valid_token_is_about_this_bot_and_this_service_url(acme: Tenant) -> None:
    claims = claims_of(minted(acme), metadata_url(acme))
    assert (claims["aud"], claims["serviceurl"]) == (BOT_APP_ID, SERVICE_URL)
    assert claims["nbf"] < time.time() < claims["exp"]


@pytest.mark.parametrize("deviation", sorted(GOOD))
def test_these_tokens_are_sound_in_themselves(acme: Tenant, deviation: str) -> None:
    claims = claims_of(minted(acme, deviation), metadata_url(acme))
    assert claims["iss"] == "https://api.botframework.com"


def test_the_service_url_of_a_token_can_be_missing_or_another(acme: Tenant) -> None:
    url = metadata_url(acme)
    assert "serviceurl" not in claims_of(minted(acme, "no-service-url"), url)
    assert claims_of(minted(acme, "other-service-url"), url)["serviceurl"] != SERVICE_URL


@pytest.mark.parametrize(("deviation", "error"), REASONS.items())
def test_each_wrong_token_is_wrong_in_its_own_way(
    acme: Tenant, deviation: str, error: type[jwt.InvalidTokenError]
) -> None:
    with pytest.raises(error):
        claims_of(minted(acme, deviation), metadata_url(acme))


def test_the_forged_hs256_token_deceives_who_lets_a_token_choose_its_algorithm(acme: Tenant) -> None:
    head, body, mac = minted(acme, "hs256").split(".")
    secret = acme.teams.keys.current.public_pem()
    expected = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert jwt.utils.base64url_decode(mac) == expected


def test_a_request_can_come_without_the_header(acme: Tenant) -> None:
    assert acme.teams.forge.header(SERVICE_URL, "no-header") == {}
    assert acme.teams.forge.header(SERVICE_URL)["Authorization"].startswith("Bearer ")


def test_a_token_of_a_rotated_key_is_believed_when_the_keys_are_read_again() -> None:
    with tenant(people=1) as found:
        before = minted(found)
        found.teams.keys.rotate()
        assert claims_of(minted(found), metadata_url(found))["aud"] == BOT_APP_ID
        with pytest.raises(NotPublished):
            claims_of(before, metadata_url(found))


def test_with_an_overlap_the_old_key_stays_published() -> None:
    with tenant(people=1) as found:
        before = minted(found)
        found.call("POST", "/_teams/keys", {"overlap": True})
        assert claims_of(before, metadata_url(found)) == claims_of(before, metadata_url(found))
        assert jwt.get_unverified_header(minted(found))["kid"] != jwt.get_unverified_header(before)["kid"]


def test_metadata_and_keys_can_fail_like_every_other_call() -> None:
    with tenant(people=1) as found:
        found.teams.faults.arm(Fault("GET openidconfiguration", "status", status=503))
        found.teams.faults.arm(Fault("GET keys", "hang", seconds=30))
        assert httpx.get(metadata_url(found), trust_env=False).status_code == 503
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{found.url}/v1/.well-known/keys", timeout=0.2, trust_env=False)


# The bot's own token


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(Company.found(people=1), parts={"teams"}) as opened:
        yield opened


def acquired(settings: dict[str, str], authority: str, **options: Any) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = settings["REQUESTS_CA_BUNDLE"]
        app = msal.ConfidentialClientApplication(
            settings["MICROSOFT_APP_ID"],
            client_credential=settings["MICROSOFT_APP_PASSWORD"],
            authority=authority,
            http_client=session,
            **options,
        )
        return dict(app.acquire_token_for_client([f"{CONNECTOR_AUDIENCE}/.default"]))


def test_msal_gets_the_bots_token_from_the_adfs_form_without_looking_it_up_elsewhere(world: World) -> None:
    settings = world.environment()
    result = acquired(settings, settings["BOT_LOGIN_URL"])
    claims = read_token(result["access_token"], CONNECTOR_AUDIENCE)
    assert (claims["appid"], claims["tid"]) == (BOT_APP_ID, TENANT_ID)
    assert "roles" not in claims
    assert world.do(lambda: world.entra.log.count("POST adfs/token", status=200)) == 1


def test_msal_gets_the_bots_token_from_the_tenant_as_well(world: World) -> None:
    settings = world.environment()
    authority = f"{settings['ENTRA_AUTHORITY_URL']}/{settings['MICROSOFT_APP_TENANT_ID']}"
    result = acquired(settings, authority, instance_discovery=False)
    assert read_token(result["access_token"], CONNECTOR_AUDIENCE)["appid"] == BOT_APP_ID


def test_a_wrong_secret_of_the_bot_is_refused(world: World) -> None:
    settings = world.environment() | {"MICROSOFT_APP_PASSWORD": "another"}
    result = acquired(settings, settings["BOT_LOGIN_URL"])
    assert (result["error"], result["error_codes"]) == ("invalid_client", [7000215])


def test_a_token_of_msal_opens_the_connector(world: World) -> None:
    settings = world.environment()
    token = acquired(settings, settings["BOT_LOGIN_URL"])["access_token"]
    answer = httpx.get(
        f"{world.urls['teams']}/v3/conversations/a:1nobody/members",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert answer.json()["error"]["code"] == "ConversationNotFound"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer garbage",
        f"Basic {bot_token()}",
        f"Bearer {bot_token(lifetime_seconds=-10)}",
        f"Bearer {bot_token(audience=GRAPH_AUDIENCE)}",
        f"Bearer {bot_token(client_id='5f0c1d7e-3b52-4c0b-9a55-0c2b8f4d6e11')}",
    ],
    ids=["none", "empty", "garbage", "basic", "expired", "for Graph", "of another app"],
)
def test_without_the_bots_own_token_the_connector_answers_401(acme: Tenant, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.post(f"{acme.url}/v3/conversations", json={}, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authorization has been denied for this request."}


def test_a_forge_of_another_bot_names_that_bot(acme: Tenant) -> None:
    forge = TokenForge(acme.teams.keys, "another-app")
    with pytest.raises(jwt.InvalidAudienceError):
        claims_of(str(forge.token(SERVICE_URL)), metadata_url(acme))
