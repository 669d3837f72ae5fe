"""The manifest against the code: what no schema can know. Scopes, events, words and addresses must agree."""

import ast
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from adapters.slack.client import METHODS
from adapters.slack.door import SLACK_EVENTS_PATH
from bot.grammar import usage_hint
from bot.serve import ROUTES
from infra import slack_manifest

SLACK = Path(__file__).resolve().parents[2] / "adapters" / "slack"
MANIFEST = slack_manifest.read()
REQUIRED = set(MANIFEST["oauth_config"]["scopes"]["bot"])
OPTIONAL = set(MANIFEST["oauth_config"]["scopes"]["bot_optional"])
NEEDED_TO_BE_CALLED = {"commands"}  # no Web API method needs it: Slack does, to offer the command


def calls(attribute: str) -> Iterator[ast.Call]:
    """Every call of a method of this name in the Slack adapter."""
    for path in SLACK.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == attribute
            ):
                yield node


def test_every_web_api_method_that_is_called_has_its_scopes() -> None:
    needed = {scope for method in METHODS.values() for scope in method.scopes}
    assert REQUIRED <= needed | NEEDED_TO_BE_CALLED <= REQUIRED | OPTIONAL


def test_no_method_is_called_that_is_not_on_the_list() -> None:
    named = {
        node.value
        for path in SLACK.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.split(".")[0] in {"auth", "users", "chat", "conversations", "views", "files", "pins"}
        and node.value.count(".") == 1
        and node.value.partition(".")[2].isalpha()
        and " " not in node.value
    }
    assert named == set(METHODS)


def test_every_event_that_is_listened_for_is_subscribed_and_no_other() -> None:
    listened = {name for call in calls("event") for name in _names(call.args[0])}
    assert listened == set(MANIFEST["settings"]["event_subscriptions"]["bot_events"])


def test_slack_shows_exactly_the_verbs_for_everyone() -> None:
    [command] = MANIFEST["features"]["slash_commands"]
    assert command["usage_hint"] == usage_hint()


def test_every_address_is_a_route_that_is_served() -> None:
    paths = {urlsplit(holder[key]).path for holder, key in slack_manifest.addresses(MANIFEST)}
    assert paths == {SLACK_EVENTS_PATH}
    assert ("POST", SLACK_EVENTS_PATH) in ROUTES


def _names(argument: ast.expr) -> list[str]:
    """The event names an argument stands for: itself, or what the loop around the call runs over."""
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    from adapters.slack import door

    return list(door.EVENTS)
