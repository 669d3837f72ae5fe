"""Which addresses the bot sends its token to."""

import pytest

from adapters.teams.hosts import MICROSOFT, is_listed, is_secure

HOSTS = frozenset({"smba.example", ".teams.example", "127.0.0.1:3978", "[::1]:3978", "smba.example:8443"})


@pytest.mark.parametrize(
    "url",
    [
        "https://smba.example/emea/",
        "https://SMBA.example/emea/",
        "https://smba.example:443/",
        "https://smba.example:8443/",
        "https://a.teams.example/",
        "https://a.b.teams.example",
        "http://127.0.0.1:3978/_connector",
        "http://[::1]:3978/",
    ],
)
def test_listed_hosts_are_spoken_to(url: str) -> None:
    assert is_listed(url, HOSTS)
    assert is_secure(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://smba.example/emea/",
        "https://smba.example.evil.example/",
        "https://evil.example/smba.example",
        "https://smba.example@evil.example/",
        "https://evil.example\\@smba.example/",
        "https://teams.example/",
        "https://xteams.example/",
        "https://smba.example:444/",
        "https://a.teams.example:444/",
        "http://127.0.0.1:3979/",
        "http://127.0.0.1/",
        "ftp://smba.example/",
        "//smba.example/",
        "smba.example",
        "https:///x",
        "https://smba.example:x/",
        "https://[/",
        "https://smba.exämple/",
        "https://smba.example/ x",
        "https://smba.example/\n",
        "",
        None,
        5,
    ],
)
def test_others_are_not(url: object) -> None:
    assert not is_listed(url, HOSTS)


@pytest.mark.parametrize("url", ["http://smba.example/", "ftp://x.example/", "https://", None])
def test_what_is_overheard_is_not_secure(url: object) -> None:
    assert not is_secure(url)
    assert is_secure("http://localhost:3978/")


def test_microsofts_own_are_listed_and_their_neighbors_are_not() -> None:
    assert is_listed("https://smba.trafficmanager.net/emea/", MICROSOFT)
    assert is_listed("https://smba.infra.gcc.teams.microsoft.com/", MICROSOFT)
    assert not is_listed("https://evil.trafficmanager.net/", MICROSOFT)
