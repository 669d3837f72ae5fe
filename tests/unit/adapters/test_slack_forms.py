"""The form for a list in Slack: what it shows and keeps, what is read of it, and whose files are read."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.slack import forms
from adapters.slack.files import MOST_BYTES, SlackFiles
from adapters.slack.opening import SlackForms
from adapters.slack.payload import Asked
from provisioning.errors import ChatUnavailable, ListUnreadable, ScopeMissing, Unexpected
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given
from provisioning.requests import ReplyTo
from sandbox.slack import SCOPES
from sandbox.wire import Fault
from tests.scenario.slack_forms import SAID
from tests.unit.adapters.slack_workspace import Workspace, workspace

ADA = ChatIdentity("slack", "T1", "U1")
UNTIL = datetime(2027, 3, 1, 9, 29, tzinfo=UTC)
REPLY = ReplyTo(ADA, handle="https://hooks.slack.com/actions/T1/2/3", handle_until=UNTIL, handle_posts=4)
WORDS = "admin add event=spring-cup-2027"


@pytest.fixture
def acme() -> Iterator[Workspace]:
    with workspace(scopes=SCOPES | {"files:read"}) as found:
        yield found


# --- the form -----------------------------------------------------------------------------------------------


def test_the_form_has_a_field_for_a_list_and_one_for_a_file() -> None:
    view = forms.view(SAID, WORDS, REPLY, takes_files=True)

    def label(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    assert view == {
        "type": "modal",
        "callback_id": "list",
        "title": label("Add people"),
        "submit": label("Go on"),
        "close": label("Cancel"),
        "private_metadata": json.dumps(
            {"words": WORDS, "handle": REPLY.handle, "until": int(UNTIL.timestamp()), "posts": 4}
        ),
        "blocks": [
            {
                "type": "input",
                "block_id": "text",
                "optional": True,
                "label": label("Addresses"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": 3000,
                    "placeholder": label("One a line"),
                },
            },
            {
                "type": "input",
                "block_id": "file",
                "optional": True,
                "label": label("A CSV file"),
                "element": {
                    "type": "file_input",
                    "action_id": "file",
                    "filetypes": ["csv", "txt"],
                    "max_files": 1,
                },
            },
        ],
    }


@pytest.mark.parametrize("reply", [REPLY, ReplyTo(ADA)])
def test_what_the_form_keeps_comes_back(reply: ReplyTo) -> None:
    view = forms.view(SAID, WORDS, reply, takes_files=False)

    assert forms.kept(view["private_metadata"], ADA) == (WORDS, reply)


def sent(**values: Any) -> dict[str, Any]:
    return {"state": {"values": {name: {name: value} for name, value in values.items()}}}


@pytest.mark.parametrize(
    ("view", "given"),
    [
        (sent(text={"value": " a@x.example\n"}), Given("a@x.example")),
        (sent(text={"value": None}, file={"files": [{"id": "F01"}]}), Given("", "F01")),
        (sent(text={"value": "a@x.example"}, file={"files": [{"id": "F01"}]}), Given("a@x.example", "F01")),
        (sent(text={"value": None}, file={"files": []}), None),
        (sent(text={"value": 7}, file={"files": [{"id": "../../x"}]}), None),
        (sent(text=7, file={"files": ["F01"]}), None),
        ({"state": {"values": []}}, None),
        ({"state": {}}, None),
        ({}, None),
    ],
)
def test_a_sent_form_gives_what_was_filled_in(view: dict[str, Any], given: Given | None) -> None:
    assert forms.filled(view) == given


@pytest.mark.parametrize(("scopes", "fields"), [(SCOPES, 1), (SCOPES | {"files:read"}, 2)])
def test_slack_opens_the_form_with_the_fields_that_the_token_may_read(
    scopes: frozenset[str], fields: int
) -> None:
    with workspace(scopes=scopes) as acme:
        user = acme.chat("employee").user
        acme.slack.views.triggers["1.2.3"] = user, acme.slack.company.clock.now()

        SlackForms(acme.client).open(Asked("1.2.3", WORDS, REPLY), SAID)

        (modal,) = acme.slack.views.modals.values()
        assert (modal.user_id, len(modal.view["blocks"])) == (user, fields)


def test_a_press_is_good_for_three_seconds_and_once(acme: Workspace) -> None:
    opening = SlackForms(acme.client)
    acme.slack.views.triggers["1.2.3"] = "U1", acme.slack.company.clock.now() - 4

    for trigger, reason in (("1.2.3", "expired_trigger_id"), ("9.9.9", "invalid_trigger_id")):
        with pytest.raises(Unexpected) as caught:
            opening.open(Asked(trigger, WORDS, REPLY), SAID)
        assert caught.value.facts["reason"] == reason


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_of_the_sender_is_read(acme: Workspace) -> None:
    chat = acme.chat("employee")
    file = acme.slack.files.give(chat.user, "people.csv", "\ufeffemail\nzoë@x.example".encode())

    assert SlackFiles(acme.client).read(chat, file.id) == "email\nzoë@x.example"


def test_a_file_of_somebody_else_is_not_read(acme: Workspace) -> None:
    file = acme.slack.files.give(acme.chat("organizer").user, "people.csv", b"email")

    with pytest.raises(ListUnreadable):
        SlackFiles(acme.client).read(acme.chat("employee"), file.id)

    assert acme.slack.log.count("download") == 0


@pytest.mark.parametrize("content", [b"x" * (MOST_BYTES + 1), b"\xff\xfe\x00"])
def test_a_file_that_is_too_large_or_no_text_is_no_list(acme: Workspace, content: bytes) -> None:
    chat = acme.chat("employee")
    file = acme.slack.files.give(chat.user, "people.csv", content)

    with pytest.raises(ListUnreadable):
        SlackFiles(acme.client).read(chat, file.id)


def test_a_file_that_is_gone_is_no_list(acme: Workspace) -> None:
    with pytest.raises(ListUnreadable):
        SlackFiles(acme.client).read(acme.chat("employee"), "F0000000099")


def test_a_file_is_larger_than_it_says_at_our_peril(acme: Workspace) -> None:
    chat = acme.chat("employee")
    file = acme.slack.files.give(chat.user, "people.csv", b"x" * (MOST_BYTES + 1))
    file.length = 10

    with pytest.raises(ListUnreadable):
        SlackFiles(acme.client).read(chat, file.id)


def test_without_the_scope_the_operator_can_mend_it() -> None:
    with workspace() as acme, pytest.raises(ScopeMissing) as caught:
        SlackFiles(acme.client).read(acme.chat("employee"), "F01")

    assert caught.value.facts["needed"] == "files:read"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/files-pri/T1-F1/people.csv",
        "http://127.0.0.1.evil.example/files-pri/x",
        "http://127.0.0.1:1/files-pri/x",
        "http://ada@127.0.0.1/files-pri/x",
        "file:///etc/passwd",
        "//[",
        "",
    ],
)
def test_no_other_server_is_shown_the_token(acme: Workspace, url: str) -> None:
    with pytest.raises(ListUnreadable):
        acme.client.download(url, MOST_BYTES)


def test_a_page_to_sign_in_is_no_list(acme: Workspace) -> None:
    file = acme.slack.files.give("U1", "people.csv", b"email")
    url = file.as_json(acme.host)["url_private"]
    acme.slack.switches.scopes.discard("files:read")

    with pytest.raises(ListUnreadable):
        acme.client.download(url, MOST_BYTES)


def test_an_outage_is_worth_another_try(acme: Workspace) -> None:
    file = acme.slack.files.give("U1", "people.csv", b"email")
    acme.slack.faults.arm(Fault("download", "status", status=503))

    with pytest.raises(ChatUnavailable):
        acme.client.download(file.as_json(acme.host)["url_private"], MOST_BYTES)


def test_the_words_of_the_bot_fit_into_the_form() -> None:
    from bot.words import words

    for name in ("title", "send", "cancel"):
        assert len(words(None, "slack").plain(f"add-form.{name}")) <= 24
    hint = words(None, "slack").plain("add-form.list-hint")
    assert len(forms.view(replace(SAID, list_hint=hint), WORDS, REPLY, takes_files=True)["blocks"]) == 2
    assert len(hint) <= 150
