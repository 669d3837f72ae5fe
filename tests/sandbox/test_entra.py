"""Entra as msal meets it: over TLS with the company's own authority, and with the real refusals."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import msal
import pytest
import requests
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.company import TENANT_ID, Company
from sandbox.entra import FEDERATION_AUDIENCE, EntraSimulator, read_token
from sandbox.tls import authority
from sandbox.wire import CallLog, Fault, Faults

SCOPE = "https://graph.microsoft.com/.default"


@dataclass
class Running:
    entra: EntraSimulator
    url: str
    ca: Path

    async def ask(self, tenant: str = TENANT_ID, **form: str) -> httpx.Response:
        usual = {
            "grant_type": "client_credentials",
            "client_id": self.entra.client_id,
            "client_secret": self.entra.client_secret,
            "scope": SCOPE,
        }
        fields = {name: value for name, value in (usual | form).items() if value}
        async with httpx.AsyncClient(verify=_trusting(self.ca)) as http:
            return await http.post(f"{self.url}/{tenant}/oauth2/v2.0/token", data=fields)

    async def acquire(self, credential: Any, times: int = 1) -> dict[str, Any]:
        """Acquire a token with msal, in a thread of its own, and return the last result."""

        def run() -> dict[str, Any]:
            with requests.Session() as session:
                # Else a REQUESTS_CA_BUNDLE of the machine would win over `verify`.
                session.trust_env = False
                session.verify = str(self.ca)
                app = msal.ConfidentialClientApplication(
                    self.entra.client_id,
                    client_credential=credential,
                    authority=f"{self.url}/{TENANT_ID}",
                    instance_discovery=False,
                    http_client=session,
                )
                results = [app.acquire_token_for_client([SCOPE]) for _ in range(times)]
                return dict(results[-1])

        return await asyncio.to_thread(run)


def _trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


@asynccontextmanager
async def _serving(entra: EntraSimulator, directory: Path) -> AsyncIterator[Running]:
    context, ca = authority(directory)
    runner = web.AppRunner(entra.app(), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield Running(entra, f"https://127.0.0.1:{runner.addresses[0][1]}", ca)
    finally:
        await runner.cleanup()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    company = Company.found(people=2)
    entra = EntraSimulator(company, CallLog(company.clock), Faults())
    async with _serving(entra, tmp_path) as found:
        yield found


async def test_msal_gets_a_token_with_the_roles_the_administrator_consented_to(running: Running) -> None:
    result = await running.acquire(running.entra.client_secret)
    claims = read_token(result["access_token"])
    assert result["expires_in"] == 3599
    assert claims["roles"] == ["GroupMember.ReadWrite.All", "User.Read.All", "Synchronization.ReadWrite.All"]
    assert (claims["tid"], claims["appid"]) == (TENANT_ID, running.entra.client_id)


async def test_msal_answers_a_second_request_from_its_cache(running: Running) -> None:
    result = await running.acquire(running.entra.client_secret, times=2)
    assert result["token_source"] == "cache"
    assert running.entra.log.count("POST token") == 1


async def test_a_certificate_of_another_authority_is_not_trusted(running: Running, tmp_path: Path) -> None:
    _, stranger = authority(tmp_path / "stranger")
    async with httpx.AsyncClient(verify=_trusting(stranger)) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"{running.url}/{TENANT_ID}/v2.0/.well-known/openid-configuration")


async def test_a_wrong_secret_is_reported_by_msal_and_not_raised(running: Running) -> None:
    result = await running.acquire("another secret")
    assert result["error"] == "invalid_client"
    assert result["error_codes"] == [7000215]
    assert result["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")


async def test_a_federated_assertion_takes_the_place_of_a_secret(running: Running) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    claims = {
        "iss": "https://issuer.example",
        "sub": "role",
        "aud": FEDERATION_AUDIENCE,
        "exp": time.time() + 60,
    }
    assertion = jwt.encode(claims, key, algorithm="ES256")
    result = await running.acquire({"client_assertion": lambda: assertion})
    assert read_token(result["access_token"])["idtyp"] == "app"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"aud": "https://elsewhere.example"}, 700212),
        ({"aud": "https://login.microsoftonline.com/x", "iss": "somebody"}, 700021),
        ({"exp": 1}, 700024),
        ({"sub": ""}, 50027),
    ],
)
async def test_an_assertion_that_proves_nothing_is_refused(
    running: Running, wrong: dict[str, Any], code: int
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    claims = {
        "iss": "https://issuer.example",
        "sub": "role",
        "aud": FEDERATION_AUDIENCE,
        "exp": time.time() + 60,
    }
    response = await running.ask(
        client_secret="",
        client_assertion=jwt.encode(claims | wrong, key, algorithm="ES256"),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    assert (response.status_code, response.json()["error_codes"]) == (401, [code])


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000216),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, 400, "unauthorized_client", 700016),
        ({"scope": "User.Read"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://other.example/.default"}, 400, "invalid_resource", 500011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"tenant": "00000000-0000-0000-0000-000000000001"}, 400, "invalid_request", 90002),
    ],
)
async def test_each_wrong_token_request_gets_its_own_code(
    running: Running, form: dict[str, str], status: int, error: str, code: int
) -> None:
    response = await running.ask(**form)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert set(body) >= {"error_description", "timestamp", "trace_id", "correlation_id", "error_uri"}
    assert body["error_description"].startswith(f"AADSTS{code}: ")


async def test_discovery_names_addresses_on_https_and_the_metadata_msal_needs(running: Running) -> None:
    async with httpx.AsyncClient(verify=_trusting(running.ca)) as http:
        found = (await http.get(f"{running.url}/{TENANT_ID}/v2.0/.well-known/openid-configuration")).json()
        instance = (await http.get(f"{running.url}/common/discovery/instance")).json()
        unknown = await http.get(f"{running.url}/nobody.example/v2.0/.well-known/openid-configuration")
    assert found["token_endpoint"] == f"{running.url}/{TENANT_ID}/oauth2/v2.0/token"
    assert instance["metadata"][0]["preferred_network"] == running.url.removeprefix("https://")
    assert (unknown.status_code, unknown.json()["error_codes"]) == (400, [90002])


async def test_an_app_without_consent_gets_a_token_without_roles(running: Running) -> None:
    running.entra.roles = ()
    token = (await running.ask()).json()["access_token"]
    assert "roles" not in read_token(token)


async def test_a_throttled_token_request_says_when_to_come_back(running: Running) -> None:
    running.entra.faults.arm(Fault("POST token", "throttle", retry_after=7))
    response = await running.ask()
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert running.entra.log.count("POST token", status=429) == 1


async def test_the_keys_of_the_authority_are_not_readable_by_others(tmp_path: Path) -> None:
    authority(tmp_path)
    assert (tmp_path / "server.pem").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in (tmp_path / "ca.pem").read_text()
