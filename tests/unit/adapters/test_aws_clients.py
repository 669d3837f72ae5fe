"""Where boto3 clients are made."""

import pytest

from adapters.aws.clients import client


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMADEUP")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


def test_a_client_is_made_once_for_the_same_address() -> None:
    first = client("identitystore", region="us-east-1", endpoint_url="http://127.0.0.1:1")
    assert client("identitystore", region="us-east-1", endpoint_url="http://127.0.0.1:1") is first
    assert client("identitystore", region="us-east-1", endpoint_url="http://127.0.0.1:2") is not first


def test_a_client_gives_up_soon_and_never_retries_by_itself() -> None:
    config = client("sso-admin", region="eu-central-1").meta.config
    assert (config.connect_timeout, config.read_timeout) == (3, 8)
    assert config.retries["total_max_attempts"] == 1


def test_the_endpoint_variable_of_boto3_is_honored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4711")
    assert client("sso-admin", region="eu-west-1").meta.endpoint_url == "http://127.0.0.1:4711"
