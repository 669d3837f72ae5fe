"""The Slack app manifest: valid in both forms, and asking for no more than the bot needs."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from infra import slack_manifest


def text(longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, **more}


def closed(**properties: Any) -> dict[str, Any]:
    """An object with exactly these keys, addresses aside: Socket Mode has none."""
    required = [name for name in properties if name not in slack_manifest.ADDRESSES]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SWITCH = {"type": "boolean"}
WORDS = {"type": "array", "items": text(50), "uniqueItems": True}
ADDRESS = text(3000, pattern=r"^https://[^/@\s]+/slack/events$")
OUR_RULES = closed(
    _metadata=closed(major_version={"const": 2}),
    display_information=closed(
        name=text(35),
        description=text(140),
        long_description=text(4000, minLength=175),
        background_color=text(7, pattern="^#[0-9a-fA-F]{6}$"),
    ),
    features=closed(
        app_home=closed(
            home_tab_enabled=SWITCH, messages_tab_enabled=SWITCH, messages_tab_read_only_enabled=SWITCH
        ),
        bot_user=closed(display_name=text(80), always_online=SWITCH),
        slash_commands={
            "type": "array",
            "minItems": 1,
            "items": closed(
                command=text(32, pattern="^/[a-z]+$"),
                url=ADDRESS,
                description=text(2000),
                usage_hint=text(1000),
                should_escape={"const": True},
            ),
        },
    ),
    oauth_config=closed(scopes=closed(bot=WORDS, bot_optional=WORDS)),
    settings=closed(
        event_subscriptions=closed(request_url=ADDRESS, bot_events=WORDS),
        interactivity=closed(is_enabled=SWITCH, request_url=ADDRESS),
        org_deploy_enabled=SWITCH,
        socket_mode_enabled=SWITCH,
        token_rotation_enabled={"const": False},
    ),
)
SCHEMAS = {"our rules": OUR_RULES}
# Read while collecting: conftest clears the environment before each test.
if published := os.environ.get("SLACK_MANIFEST_SCHEMA"):
    SCHEMAS["Slack's schema"] = json.loads(Path(published).read_text(encoding="utf-8"))

WRITTEN = slack_manifest.read()
HTTP = slack_manifest.served_at(WRITTEN, "https://bot.example.com")
SOCKET_MODE = slack_manifest.in_socket_mode(WRITTEN)
FORMS = {"written": WRITTEN, "http": HTTP, "socket mode": SOCKET_MODE}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_a_manifest_slack_accepts(form: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(schema).validate(form)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_misspelt_key_is_noticed(schema: dict[str, Any]) -> None:
    misspelt = {**WRITTEN, "setings": {}}
    with pytest.raises(jsonschema.ValidationError, match="setings"):
        jsonschema.Draft7Validator(schema).validate(misspelt)


def test_the_app_asks_for_least_privilege() -> None:
    assert WRITTEN["oauth_config"] == {
        "scopes": {
            "bot": ["commands", "chat:write", "users:read", "users:read.email"],
            "bot_optional": ["files:read", "files:write", "chat:write.public"],
        }
    }


def test_there_is_one_command_with_everyones_verbs() -> None:
    [command] = WRITTEN["features"]["slash_commands"]
    assert command["command"] == "/deepracer"
    everyones = "join | status | leave | signin | races | leaderboard | certificate | usage | answer"
    assert command["usage_hint"] == f"{everyones} | privacy | forget | help"


def test_direct_messages_arrive_and_nothing_typed_there_is_expected() -> None:
    assert WRITTEN["features"]["app_home"] == {
        "home_tab_enabled": False,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": True,
    }


def test_the_bot_hears_when_it_is_uninstalled_and_nothing_else() -> None:
    assert WRITTEN["settings"]["event_subscriptions"]["bot_events"] == ["app_uninstalled", "tokens_revoked"]


def test_buttons_are_switched_on() -> None:
    assert WRITTEN["settings"]["interactivity"]["is_enabled"] is True


def test_over_http_the_command_the_events_and_the_buttons_have_an_address_on_the_host() -> None:
    found = [holder[key] for holder, key in slack_manifest.addresses(HTTP)]
    assert found == ["https://bot.example.com/slack/events"] * 3
    assert HTTP["settings"]["socket_mode_enabled"] is False


def test_in_socket_mode_there_is_no_address_at_all() -> None:
    assert "://" not in json.dumps(SOCKET_MODE)
    assert SOCKET_MODE["settings"]["socket_mode_enabled"] is True


def test_making_a_form_leaves_the_manifest_as_it_was() -> None:
    assert slack_manifest.read() == WRITTEN


@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_host_may_have_a_port_and_a_closing_slash(port: str) -> None:
    form = slack_manifest.served_at(WRITTEN, f"https://bot.example.com{port}/")
    [command] = form["features"]["slash_commands"]
    assert command["url"] == f"https://bot.example.com{port}/slack/events"


@pytest.mark.parametrize(
    "address",
    [
        "http://bot.example.com",
        "bot.example.com",
        "https://",
        "https://:8443",
        "https://bot.example.com/deepracer",
        "https://bot.example.com?x=1",
        "https://bot.example.com#x",
        "https://me@bot.example.com",
    ],
)
def test_an_address_slack_would_not_call_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not an https address of a host alone"):
        slack_manifest.served_at(WRITTEN, address)


def test_the_command_prints_yaml_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    slack_manifest.main(["--socket-mode"])
    assert yaml.safe_load(capsys.readouterr().out) == SOCKET_MODE


def test_the_command_prints_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    slack_manifest.main(["--url", "https://bot.example.com", "--json"])
    assert json.loads(capsys.readouterr().out) == HTTP


@pytest.mark.parametrize(
    "arguments", [[], ["--socket-mode", "--url", "https://x.example"], ["--url", "http://x"]]
)
def test_the_command_refuses_to_guess(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        slack_manifest.main(arguments)
    assert "error:" in capsys.readouterr().err
