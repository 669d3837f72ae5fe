"""What Slack sends, read into utterances; and which response URLs are posted to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.slack.payload import Malformed, command, origin, press
from provisioning.ids import ChatIdentity

HOSTS = frozenset({"hooks.slack.com", "127.0.0.1:8200"})
AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
URL = "https://hooks.slack.com/commands/T1/2/3"


def form(**changes: Any) -> dict[str, Any]:
    return {
        "team_id": "T1",
        "user_id": "U1",
        "command": "/deepracer",
        "text": "join",
        "trigger_id": "1.2.3",
        "response_url": URL,
    } | changes


def click(**changes: Any) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "acme"},
        "user": {"id": "U1", "team_id": "T1"},
        "enterprise": None,
        "container": {"type": "message", "channel_id": "C1", "is_ephemeral": True},
        "trigger_id": "1.2.3",
        "response_url": URL,
        "actions": [{"action_id": "say:1", "value": "leave --yes"}],
    } | changes


def test_a_command_is_an_utterance_with_a_way_back_for_half_an_hour() -> None:
    heard = command(form(), AT, HOSTS)

    assert heard.utterance.chat == ChatIdentity("slack", "T1", "U1")
    assert heard.utterance.text == "join"
    assert heard.utterance.asked_id == "1.2.3"
    assert heard.utterance.received_at == AT
    assert not heard.utterance.pressed
    assert heard.utterance.reply.handle == URL
    assert heard.utterance.reply.handle_posts == 5
    until = heard.utterance.reply.handle_until
    assert until is not None
    assert timedelta(minutes=25) < until - AT < timedelta(minutes=30)


def test_a_command_without_words_is_empty() -> None:
    assert command(form(text=""), AT, HOSTS).utterance.text == ""
    assert (
        command({key: value for key, value in form().items() if key != "text"}, AT, HOSTS).utterance.text
        == ""
    )


def test_what_slack_escaped_is_read_as_it_was_typed() -> None:
    typed = "admin event set name=R&amp;D &lt;Cup&gt; <@U2|eve>"

    assert command(form(text=typed), AT, HOSTS).utterance.text == "admin event set name=R&D <Cup> <@U2|eve>"


def test_on_enterprise_grid_the_identity_belongs_to_the_organization() -> None:
    assert command(form(enterprise_id="E1"), AT, HOSTS).utterance.chat.tenant == "E1"
    assert press(click(enterprise={"id": "E1"}), AT, HOSTS).utterance.chat.tenant == "E1"
    with_its_team = click(team={"id": "T1", "domain": "acme", "enterprise_id": "E1"})
    assert press(with_its_team, AT, HOSTS).utterance.chat.tenant == "E1"


def test_a_click_says_the_words_of_its_button() -> None:
    heard = press(click(), AT, HOSTS)

    assert heard.utterance.text == "leave --yes"
    assert heard.utterance.asked_id == "1.2.3/say:1"
    assert heard.utterance.pressed
    assert heard.replaces
    assert heard.utterance.reply.handle_posts == 4  # one is for the answer to the click


def test_the_words_of_a_button_are_not_unescaped() -> None:
    pressed = click(actions=[{"action_id": "say:0", "value": "a &amp; b"}])

    assert press(pressed, AT, HOSTS).utterance.text == "a &amp; b"


@pytest.mark.parametrize(
    "container",
    [
        {"channel_id": "C1", "is_ephemeral": False},
        {"channel_id": "C1"},
        {"channel_id": "G1", "is_ephemeral": "true"},
        {},
        None,
    ],
)
def test_a_message_that_others_see_is_never_replaced_by_an_answer(container: object) -> None:
    heard = press(click(container=container), AT, HOSTS)

    assert not heard.replaces
    assert heard.url == URL
    assert heard.utterance.reply.handle is None


def test_a_message_in_the_persons_own_conversation_is_replaced() -> None:
    assert press(click(container={"channel_id": "D1", "is_ephemeral": False}), AT, HOSTS).replaces


@pytest.mark.parametrize("missing", [("trigger_id",), ("trigger_id", "response_url")])
def test_a_command_without_a_trigger_is_known_again_by_what_was_signed(missing: tuple[str, ...]) -> None:
    def id_of(at: datetime = AT, **changes: Any) -> str:
        told = {key: value for key, value in form(**changes).items() if key not in missing}
        return command(told, at, HOSTS).utterance.asked_id

    assert id_of() == id_of()
    assert id_of(text="leave") != id_of()
    assert id_of(user_id="U2") != id_of()
    # The same words once more: another response URL, or signed at another second.
    assert id_of(AT + timedelta(seconds=1), response_url=f"{URL}2") != id_of()
    assert id_of() != command(form(), AT, HOSTS).utterance.asked_id


def test_a_command_that_is_delivered_again_over_a_socket_is_the_same_whenever_it_comes() -> None:
    told = {key: value for key, value in form().items() if key != "trigger_id"}
    first, again = (command(told, at, HOSTS).utterance.asked_id for at in (AT, AT + timedelta(seconds=9)))
    assert first == again


@pytest.mark.parametrize("name", ["user_id", "team_id"])
def test_a_command_that_lacks_what_slack_always_sends_is_malformed(name: str) -> None:
    for broken in (
        {key: value for key, value in form().items() if key != name},
        form(**{name: ["x"]}),
        form(trigger_id=["x"]),
    ):
        with pytest.raises(Malformed):
            command(broken, AT, HOSTS)


@pytest.mark.parametrize(
    "broken",
    [
        {"user": None},
        {"user": {}},
        {"trigger_id": None},
        {"actions": []},
        {"actions": None},
        {"team": None, "user": {"id": "U1"}},
    ],
)
def test_a_click_that_lacks_what_slack_always_sends_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        press(click(**broken), AT, HOSTS)


@pytest.mark.parametrize(
    ("body", "ours", "admitted"),
    [
        (form(), {"T1"}, True),
        (form(enterprise_id="E1"), {"T1"}, True),
        (form(team_id="T2", enterprise_id="E1"), {"T1", "E1"}, True),
        (form(team_id="T2"), {"T1", "E1"}, False),
        (form(team_id="T2", enterprise_id="E2"), {"T1", "E1"}, False),
        (form(team_id=None, enterprise_id="E1"), {"T1", "E1"}, False),
        (form(team_id=["T1"]), {"T1"}, False),
        (form(team_id=""), {"T1", ""}, False),
        (click(), {"T1"}, True),
        (click(team={"id": "T2"}), {"T1"}, False),
        (click(team=None), {"T1"}, True),
        (click(team=None, user={"id": "U1", "team_id": "T2"}, enterprise={"id": "E1"}), {"E1"}, True),
        (click(team=None, user={"id": "U1"}, enterprise={"id": "E1"}), {"E1"}, False),
        ({"type": "event_callback", "team_id": "T1"}, {"T1"}, True),
        ({}, {"T1"}, False),
    ],
)
def test_a_request_is_ours_when_its_workspace_or_its_organization_is(
    body: dict[str, Any], ours: set[str], admitted: object
) -> None:
    assert origin(body).is_in(ours) is admitted


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/commands/T1/2/3",
        "https://hooks.slack.com:443/actions/T1/2/3",
        "https://HOOKS.slack.com/x",
        "http://127.0.0.1:8200/commands/T1/2/3",
    ],
)
def test_response_urls_on_listed_hosts_are_ours(url: str) -> None:
    assert command(form(response_url=url), AT, HOSTS).utterance.reply.handle == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "hooks.slack.com/commands",
        "http://hooks.slack.com/commands/T1/2/3",
        "https://hooks.slack.com.evil.example/",
        "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com@evil.example/",
        "https://evil.example\\@hooks.slack.com/",
        "https://hooks.slack.com:8443/",
        "https://hooks.slack.com:port/",
        "https://hooks.slack.com /",
        "https://hooks.slack.com\n.evil.example/",
        "https://hooks.slаck.com/",  # noqa: RUF001 - the a is Cyrillic
        "http://127.0.0.1:8201/",
        "http://127.0.0.1/",
        "ftp://hooks.slack.com/",
        "https://[::1/",
    ],
)
def test_any_other_response_url_is_not(url: object) -> None:
    assert command(form(response_url=url), AT, HOSTS).utterance.reply.handle is None


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"type": "button", "value": "join cup"}, "join cup"),
        ({"type": "static_select", "selected_option": {"value": "answer cup ml 2"}}, "answer cup ml 2"),
        ({"type": "static_select", "selected_option": {}}, ""),
        (
            {"type": "plain_text_input", "block_id": "0 answer cup team {answer}", "value": "Red & {answer}"},
            "answer cup team Red & {answer}",
        ),
        ({"type": "plain_text_input", "block_id": "0 answer cup team {answer}"}, "answer cup team "),
        ({"type": "plain_text_input", "value": "Red"}, ""),
    ],
)
def test_what_is_chosen_or_typed_into_a_field_is_said(action: dict[str, object], words: str) -> None:
    pressed = click(actions=[{"action_id": "say:0", **action}])
    assert press(pressed, AT, HOSTS).utterance.text == words
