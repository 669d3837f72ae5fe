"""Tokens from Entra over https: the three credentials, one request for many askers, and what is refused."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from adapters.tokens import (
    Certificate,
    Credential,
    EntraTokens,
    Federated,
    Secret,
    roles_of,
    with_tenant,
)
from adapters.trust import ssl_context
from provisioning.errors import CredentialRefused, DirectoryUnavailable
from sandbox.company import TENANT_ID, Company
from sandbox.entra import CLIENT_ID, CLIENT_SECRET, FEDERATION_AUDIENCE, EntraSimulator
from sandbox.wire import Fault
from sandbox.world import World
from tests.unit.adapters.graph_company import client_of

TOKEN = "POST token"


@dataclass
class Entra:
    """Entra over https, and whom it trusts."""

    simulator: EntraSimulator
    url: str
    http: httpx.Client

    def tokens(
        self, credential: Credential | None = None, *, tenant: str = TENANT_ID, client_id: str = CLIENT_ID
    ) -> EntraTokens:
        return EntraTokens(
            tenant, client_id, credential or Secret(CLIENT_SECRET), self.http, authority=self.url
        )

    def asked(self) -> int:
        return self.simulator.log.count(TOKEN)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(Company.found(people=1), parts={"entra"}) as world:
        yield world


@pytest.fixture
def entra(world: World) -> Iterator[Entra]:
    world.entra.log.calls.clear()
    world.entra.faults.disarm()
    with httpx.Client(verify=ssl_context(world.environment())) as http:
        yield Entra(world.entra, world.urls["entra"], http)


def test_a_token_carries_the_permissions_that_were_granted(entra: Entra) -> None:
    tokens = entra.tokens()
    assert tokens.roles() == frozenset(entra.simulator.roles)
    assert roles_of(tokens.token()) == tokens.roles()


def test_a_token_from_entra_opens_graph_and_one_that_ran_out_is_replaced() -> None:
    with World(Company.found(people=1), parts={"entra", "graph"}, entra={"token_seconds": 1}) as world:
        settings = world.environment()
        with httpx.Client(verify=ssl_context(settings)) as http:
            tokens = EntraTokens(
                settings["ENTRA_TENANT_ID"],
                settings["ENTRA_CLIENT_ID"],
                Secret(settings["ENTRA_CLIENT_SECRET"]),
                http,
                authority=settings["ENTRA_AUTHORITY_URL"],
                scope=settings["GRAPH_SCOPE"],
            )
            with client_of(settings["GRAPH_BASE_URL"], world.company, tokens) as (client, _, _):
                assert client.get("/users")["value"]
                world.entra.token_seconds = 3599
                assert client.get("/users")["value"]
                assert world.graph.log.count("GET /users", status=200) == 2


def test_a_token_is_kept_for_the_next_request(entra: Entra) -> None:
    tokens = entra.tokens()
    assert tokens.token() == tokens.token()
    assert entra.asked() == 1


def test_many_askers_at_once_make_one_request(entra: Entra) -> None:
    tokens = entra.tokens()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: tokens.token(), range(16)))) == 1
    assert entra.asked() == 1


def test_a_refused_token_is_replaced_once_for_all_who_were_refused(entra: Entra) -> None:
    tokens = entra.tokens()
    old = tokens.token()
    new = tokens.token(refused=old)
    assert new != old
    assert tokens.token(refused=old) == new
    assert tokens.token() == new
    assert entra.asked() == 2


def test_nothing_is_sent_before_a_token_is_asked_for(entra: Entra) -> None:
    entra.tokens()
    assert entra.simulator.log.count() == 0


def test_a_wrong_secret_is_refused_with_entras_number_and_without_the_secret(
    entra: Entra, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CredentialRefused) as refused:
        entra.tokens(Secret("not-the-secret")).token()
    assert refused.value.facts["reason"] == "invalid_client AADSTS7000215"
    assert "not-the-secret" not in caplog.text
    assert "not-the-secret" not in repr(Secret("not-the-secret"))


def test_an_unknown_app_or_tenant_is_refused(entra: Entra) -> None:
    with pytest.raises(CredentialRefused) as app:
        entra.tokens(client_id=TENANT_ID).token()
    assert app.value.facts["reason"] == "unauthorized_client AADSTS700016"
    with pytest.raises(CredentialRefused):
        entra.tokens(tenant="nobody.example").token()


def test_entra_may_ask_to_wait(entra: Entra) -> None:
    entra.simulator.faults.arm(Fault(TOKEN, "throttle", retry_after=30.0))
    tokens = entra.tokens()
    for _ in range(2):  # the second time msal remembers it, and asks nobody
        with pytest.raises(DirectoryUnavailable) as busy:
            tokens.token()
        assert busy.value.retry_after is not None
        assert 0 < busy.value.retry_after <= 30
    assert entra.asked() == 1


@pytest.mark.parametrize("operation", [TOKEN, "GET openid-configuration"])
@pytest.mark.parametrize("kind", ["status", "refuse"])
def test_entra_in_trouble_is_worth_another_try(entra: Entra, operation: str, kind: str) -> None:
    fault = Fault(operation, "status", status=503) if kind == "status" else Fault(operation, "refuse")
    entra.simulator.faults.arm(fault)
    with pytest.raises(DirectoryUnavailable):
        entra.tokens().token()
    assert entra.tokens().token()


def test_a_page_in_place_of_a_token_is_worth_another_try(entra: Entra) -> None:
    entra.simulator.faults.arm(Fault(TOKEN, "status", status=200, body="<html>sign in</html>"))
    with pytest.raises(DirectoryUnavailable):
        entra.tokens().token()


def test_a_certificate_opens_as_a_secret_does(entra: Entra, tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(key_and_certificate())
    assert entra.tokens(Certificate.load(path)).roles()


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", "ü"])
def test_a_certificate_file_without_both_parts_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "app.pem"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CredentialRefused) as refused:
        Certificate.load(path)
    assert str(path) in refused.value.facts["reason"]
    with pytest.raises(CredentialRefused):
        Certificate.load(tmp_path / "missing.pem")


def test_a_key_that_cannot_be_read_is_refused(entra: Entra) -> None:
    with pytest.raises(CredentialRefused):
        entra.tokens(Certificate("no key", "no certificate")).token()


def test_a_federated_assertion_is_asked_for_anew_for_every_token(entra: Entra, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(assertion() + "\n", encoding="ascii")
    tokens = entra.tokens(Federated.from_file(path))
    old = tokens.token()
    path.write_text("rubbish", encoding="ascii")
    assert tokens.token() == old
    with pytest.raises(CredentialRefused):
        tokens.token(refused=old)
    asked: list[str] = []

    def assertion_of_ours() -> str:
        asked.append("once")
        return assertion()

    assert entra.tokens(Federated(assertion_of_ours)).token()
    assert asked == ["once"]


def test_a_federated_token_file_that_is_missing_is_named_as_the_reason(entra: Entra, tmp_path: Path) -> None:
    with pytest.raises(CredentialRefused) as refused:
        entra.tokens(Federated.from_file(tmp_path / "missing")).token()
    assert "federated token file" in refused.value.facts["reason"]


@pytest.mark.parametrize(
    ("authority", "whole"),
    [
        ("https://login.microsoftonline.com", "https://login.microsoftonline.com/t1"),
        ("https://login.microsoftonline.us/", "https://login.microsoftonline.us/t1"),
        ("https://127.0.0.1:8443/t2", "https://127.0.0.1:8443/t2"),
        ("https://host/adfs/", "https://host/adfs"),
    ],
)
def test_the_tenant_is_appended_unless_it_is_there(authority: str, whole: str) -> None:
    assert with_tenant(authority, "t1") == whole


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.W10.c", "a.eyJyb2xlcyI6IngifQ.c"])
def test_a_token_that_cannot_be_read_shows_no_permissions(token: str) -> None:
    assert roles_of(token) == frozenset()


def assertion() -> str:
    claims = {
        "iss": "https://issuer",
        "sub": "role",
        "aud": FEDERATION_AUDIENCE,
        "exp": int(time.time()) + 300,
    }
    return jwt.encode(claims, _KEY, algorithm="RS256")


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_and_certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bot")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(_KEY, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = _KEY.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key + certificate.public_bytes(pem)
