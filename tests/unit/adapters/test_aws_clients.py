"""Where boto3 clients are made."""

import pytest

from adapters.aws.clients import client


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMADEUP")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


def test_a_client_goes_where_it_is_told_each_time() -> None:
    first = client("identitystore", region="us-east-1", endpoint_url="http://127.0.0.1:1")
    second = client("identitystore", region="us-east-1", endpoint_url="http://127.0.0.1:2")
    assert (first.meta.endpoint_url, second.meta.endpoint_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")


def test_a_client_gives_up_soon_and_never_retries_by_itself() -> None:
    config = client("sso-admin", region="eu-central-1").meta.config
    assert (config.connect_timeout, config.read_timeout) == (3, 8)
    assert config.retries["total_max_attempts"] == 1


def test_the_endpoint_variable_of_boto3_is_honored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4711")
    assert client("sso-admin", region="eu-west-1").meta.endpoint_url == "http://127.0.0.1:4711"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4712")
    assert client("sso-admin", region="eu-west-1").meta.endpoint_url == "http://127.0.0.1:4712"
