"""A company's own certificate authority reaches every client."""

import ssl
from pathlib import Path

import pytest

from adapters.trust import ca_bundle, ssl_context
from sandbox.tls import authority


@pytest.fixture
def authorities(tmp_path: Path) -> tuple[Path, Path]:
    return authority(tmp_path / "one")[1], authority(tmp_path / "two")[1]


def trusted(context: ssl.SSLContext) -> set[bytes]:
    return set(context.get_ca_certs(binary_form=True))


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))


def test_the_company_s_authorities_are_trusted_beside_the_system_s(authorities: tuple[Path, Path]) -> None:
    one, two = authorities
    usual = trusted(ssl_context({}))
    both = trusted(ssl_context({"SSL_CERT_FILE": str(one), "REQUESTS_CA_BUNDLE": str(two)}))
    assert both == usual | {der(one), der(two)}
    assert usual


def test_what_is_set_is_read_when_a_context_is_made(
    authorities: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    usual = trusted(ssl_context())
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities[0]))
    assert trusted(ssl_context()) == usual | {der(authorities[0])}
    assert ca_bundle() == str(authorities[0])


def test_without_authorities_of_its_own_boto3_keeps_the_usual_ones() -> None:
    assert ca_bundle({}) is None
    assert ca_bundle({"AWS_CA_BUNDLE": " "}) is None


def test_one_file_named_several_times_is_that_file(authorities: tuple[Path, Path]) -> None:
    one = str(authorities[0])
    assert ca_bundle({"AWS_CA_BUNDLE": one, "SSL_CERT_FILE": one, "REQUESTS_CA_BUNDLE": one}) == one


def test_different_files_are_merged_into_one(authorities: tuple[Path, Path]) -> None:
    one, two = authorities
    named = {"AWS_CA_BUNDLE": str(one), "REQUESTS_CA_BUNDLE": str(two)}
    merged = ca_bundle(named)
    assert merged not in {None, str(one), str(two)}
    assert trusted(ssl.create_default_context(cafile=merged)) == {der(one), der(two)}
    assert ca_bundle(named) == merged
    assert Path(str(merged)).stat().st_mode & 0o077 == 0


def test_a_folder_of_certificates_is_merged_for_boto3(authorities: tuple[Path, Path]) -> None:
    folder = authorities[0].parent
    (folder / "server.pem").unlink()
    merged = ca_bundle({"REQUESTS_CA_BUNDLE": str(folder)})
    assert trusted(ssl.create_default_context(cafile=merged)) == {der(authorities[0])}
    ssl_context({"REQUESTS_CA_BUNDLE": str(folder)})


@pytest.mark.parametrize("read", [ssl_context, ca_bundle])
def test_a_path_that_is_not_there_is_named_with_its_variable(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(FileNotFoundError, match=r"REQUESTS_CA_BUNDLE names .*missing"):
        read({"REQUESTS_CA_BUNDLE": str(tmp_path / "missing")})
