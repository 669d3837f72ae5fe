"""Which addresses the bot sends answers to, and in Teams its token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.hosts import is_listed, is_secure
from bot.setting_groups import SlackSettings, TeamsSettings

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
        "https://:pw@smba.example/",
        "https://smba.example./",
        "https://smba.example%2eevil.example/",
        "https://smba.example;evil.example/",
        "https://smbа.example/",  # noqa: RUF001 - the a is Cyrillic
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
    microsoft = TeamsSettings.model_fields["service_url_hosts"].default

    assert is_listed("https://smba.trafficmanager.net/emea/", microsoft)
    assert is_listed("https://smba.infra.gcc.teams.microsoft.com/", microsoft)
    assert not is_listed("https://evil.trafficmanager.net/", microsoft)


@given(st.text(max_size=40))
def test_no_text_is_an_address_of_slacks_unless_it_begins_like_one(rest: str) -> None:
    slack = SlackSettings.model_fields["response_url_hosts"].default

    assert not is_listed(rest, slack)
    if is_listed("https://hooks.slack.com" + rest, slack):
        assert rest == "" or rest[0] in "/?#:"
