"""What the bot says in Slack, as the people of the workspace come to see it."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.chat.message import (
    Bold,
    Button,
    Buttons,
    Column,
    Message,
    Note,
    Paragraph,
    Picture,
    Plain,
    Table,
)
from adapters.chat.speaker import Speaker
from adapters.slack.speaker import FILES, SlackSpeaker
from provisioning.errors import ChatUnavailable, ScopeMissing, Undeliverable
from provisioning.requests import ReplyTo
from sandbox.slack_channels import GENERAL, RACING
from sandbox.slack_transcript import Entry
from sandbox.wire import Fault
from tests.unit.adapters.slack_workspace import Workspace, workspace

READY = Message((Plain("You can "), Bold("race"), Plain(".")), (Buttons((Button("Quota", "quota"),)),))
GONE = Message((Plain("Your access has ended."),))
PNG = b"\x89PNG\r\n\x1a\n not much of a picture"
DRAWN = replace(
    READY,
    picture=Picture("board.png", "Lap of honor", PNG, "1. Ada " * 200, (Note((Plain("No picture."),)),)),
)
SHOUT = Message((Plain("<!channel> won"),), (Paragraph((Plain("<!here> "), Bold("<@U1>"))),))


@pytest.fixture
def acme() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


@pytest.fixture
def speaker(acme: Workspace) -> Iterator[SlackSpeaker]:
    speaking = SlackSpeaker(acme.client, {acme.host})
    yield speaking
    speaking.close()


def dm(acme: Workspace, key: str = "employee") -> Entry:
    found = acme.slack.transcript.newest_dm(acme.chat(key).user)
    assert found is not None
    return found


def asked(acme: Workspace, *, message: Entry | None = None) -> ReplyTo:
    """Where the employee has just typed a command, or clicked this message."""
    chat = acme.chat("employee")
    made = acme.slack.response_urls.mint(chat.user, acme.slack.channels.open_dm(chat.user), message)
    return ReplyTo(
        chat,
        handle=f"{acme.url}{made.path}",
        handle_until=acme.time.now() + timedelta(minutes=29),
        handle_posts=5,
    )


def says(acme: Workspace, key: str = "employee") -> list[str]:
    return [entry.says() for entry in acme.slack.transcript.visible_to(acme.chat(key).user)]


def test_somebody_is_told_in_their_own_conversation(acme: Workspace, speaker: SlackSpeaker) -> None:
    port: Speaker = speaker
    address = port.tell(acme.chat("employee"), READY)

    entry = dm(acme)
    assert entry.says() == "*You can race.*\nQuota"
    assert entry.text == "You can race.\nQuota: /deepracer quota"
    assert address == f"slack:{entry.channel}:{entry.ts}"


def test_an_earlier_message_is_edited_in_place(acme: Workspace, speaker: SlackSpeaker) -> None:
    address = speaker.tell(acme.chat("employee"), READY)

    speaker.edit(address, GONE)

    assert dm(acme).edited
    assert says(acme) == ["*Your access has ended.*"]


def test_an_announcement_stands_in_its_channel(acme: Workspace, speaker: SlackSpeaker) -> None:
    address = speaker.announce(f"slack:{RACING}", READY)

    (entry,) = acme.slack.transcript.in_channel(RACING)
    assert address == f"slack:{RACING}:{entry.ts}"


def test_an_announcement_and_its_edit_mention_nobody(acme: Workspace, speaker: SlackSpeaker) -> None:
    address = speaker.announce(f"slack:{RACING}", SHOUT)
    (entry,) = acme.slack.transcript.in_channel(RACING)
    for shown in (entry.text, entry.says()):
        assert "<" not in shown
        assert "&lt;!channel&gt; won" in shown

    speaker.edit(address, SHOUT)
    assert "<" not in entry.text + entry.says()


def test_the_answer_to_a_command_is_replaced_where_it_was_given(
    acme: Workspace, speaker: SlackSpeaker
) -> None:
    reply = asked(acme)
    acme.slack.response_urls.answer(str(reply.handle).removeprefix(acme.url), {"text": "Working on it…"})

    speaker.replace(reply, READY)

    assert says(acme) == ["*You can race.*\nQuota"]


@pytest.mark.parametrize(
    "change",
    [
        {"handle": None},
        {"handle_until": None},
        {"handle_posts": 0},
        {"handle": "http://127.0.0.1:9/commands/T/1/x"},
        {"handle": "https://hooks.slack.com.evil.example/commands/T/1/x"},
    ],
)
def test_without_a_living_handle_of_ours_nothing_is_posted(
    acme: Workspace, speaker: SlackSpeaker, change: dict[str, Any]
) -> None:
    with pytest.raises(Undeliverable):
        speaker.replace(replace(asked(acme), **change), READY)

    assert acme.slack.log.count("response_url") == 0


def test_a_used_up_response_url_is_undeliverable(acme: Workspace, speaker: SlackSpeaker) -> None:
    reply = asked(acme)
    for _ in range(5):
        speaker.replace(reply, READY)

    with pytest.raises(Undeliverable):
        speaker.replace(reply, GONE)


def test_an_expired_response_url_is_undeliverable(acme: Workspace, speaker: SlackSpeaker) -> None:
    reply = asked(acme)
    acme.company.clock.turn(31 * 60)

    with pytest.raises(Undeliverable):
        speaker.replace(replace(reply, handle_until=acme.time.now() + timedelta(minutes=1)), READY)
    assert acme.slack.log.count("response_url", status=404) == 1


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("error", ["used_url", "expired_url"])
def test_a_response_url_may_say_in_json_that_it_is_over(
    acme: Workspace, speaker: SlackSpeaker, status: int, error: str
) -> None:
    body = f'{{"ok": false, "error": "{error}"}}'
    acme.slack.faults.arm(Fault("response_url", "status", status=status, body=body))

    with pytest.raises(Undeliverable):
        speaker.replace(asked(acme), READY)


@pytest.mark.parametrize("status", [200, 400])
def test_blocks_refused_in_json_are_said_as_text(acme: Workspace, speaker: SlackSpeaker, status: int) -> None:
    reply = asked(acme)
    body = '{"ok": false, "error": "invalid_blocks"}'
    acme.slack.faults.arm(Fault("response_url", "status", status=status, body=body))

    speaker.replace(reply, READY)

    assert acme.slack.log.count("response_url", status=200) >= 1
    assert acme.slack.transcript.entries[-1].blocks == []


def test_how_long_a_response_url_is_to_be_left_alone_is_kept(acme: Workspace, speaker: SlackSpeaker) -> None:
    acme.slack.faults.arm(Fault("response_url", "throttle", retry_after=7))

    with pytest.raises(ChatUnavailable) as caught:
        speaker.replace(asked(acme), READY)

    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_response_url_out_of_order_is_worth_another_try(
    acme: Workspace, speaker: SlackSpeaker, status: int
) -> None:
    acme.slack.faults.arm(Fault("response_url", "status", status=status))

    with pytest.raises(ChatUnavailable):
        speaker.replace(asked(acme), READY)


def test_a_cut_connection_to_a_response_url_is_worth_another_try(
    acme: Workspace, speaker: SlackSpeaker
) -> None:
    acme.slack.faults.arm(Fault("response_url", "refuse"))

    with pytest.raises(ChatUnavailable):
        speaker.replace(asked(acme), READY)


def test_blocks_that_slack_refuses_are_left_out_once(acme: Workspace, speaker: SlackSpeaker) -> None:
    refused = '{"ok": false, "error": "invalid_blocks"}'
    acme.slack.faults.arm(Fault("chat.postMessage", "status", status=200, body=refused))
    address = speaker.tell(acme.chat("employee"), READY)
    assert dm(acme).says() == "You can race.\nQuota: /deepracer quota"

    acme.slack.faults.arm(Fault("chat.update", "status", status=200, body=refused))
    speaker.edit(address, GONE)
    assert dm(acme).says() == "Your access has ended."

    acme.slack.faults.arm(Fault("response_url", "status", status=400, body="invalid_blocks"))
    speaker.replace(asked(acme), READY)
    assert says(acme)[-1] == "You can race.\nQuota: /deepracer quota"


def test_a_table_that_slack_refuses_is_shown_as_lines_of_code(acme: Workspace, speaker: SlackSpeaker) -> None:
    refused = '{"ok": false, "error": "invalid_attachments"}'
    board = Message((Plain("Board"),), (Table((), (Column("Racer"),), (("Ada",),)),))

    acme.slack.faults.arm(Fault("chat.postMessage", "status", status=200, body=refused))
    address = speaker.tell(acme.chat("employee"), board)
    assert dm(acme).blocks[-1]["text"]["text"] == "```\nRacer\nAda\n```"

    acme.slack.faults.arm(Fault("chat.update", "status", status=200, body=refused, times=2))
    speaker.edit(address, board)
    assert dm(acme).says() == "Board\nRacer\nAda"

    acme.slack.faults.arm(Fault("response_url", "status", status=400, body="invalid_blocks"))
    speaker.replace(asked(acme), board)
    assert "```\nRacer\nAda\n```" in says(acme)[-1]


def test_a_message_whose_answer_was_lost_is_not_said_twice(acme: Workspace, speaker: SlackSpeaker) -> None:
    acme.slack.faults.arm(Fault("chat.postMessage", "drop"))

    with pytest.raises(ChatUnavailable):
        speaker.tell(acme.chat("employee"), READY)

    assert len(says(acme)) == 1


@pytest.mark.parametrize("key", ["bot", "deactivated"])
def test_nobody_can_be_told_who_is_not_there(acme: Workspace, speaker: SlackSpeaker, key: str) -> None:
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(key), READY)


def test_without_a_messages_tab_direct_messages_are_the_operators_to_mend() -> None:
    with workspace(messages_tab=False) as acme:
        speaker = SlackSpeaker(acme.client, {acme.host})
        with pytest.raises(ScopeMissing) as caught:
            speaker.tell(acme.chat("employee"), READY)
        speaker.close()

    assert caught.value.facts["needed"] == "messages_tab_disabled"


@pytest.mark.parametrize("channel", [f"slack:{GENERAL}", "slack:C0NOWHERE", "slack:", "teams:19:x", RACING])
def test_an_announcement_needs_a_channel_that_the_bot_is_in(
    acme: Workspace, speaker: SlackSpeaker, channel: str
) -> None:
    with pytest.raises(Undeliverable):
        speaker.announce(channel, READY)


@pytest.mark.parametrize("address", ["slack:D1", "slack::1.2", "teams:a:b", "", "slack:C0RACING01:1.000001"])
def test_only_a_message_of_the_bot_is_edited(acme: Workspace, speaker: SlackSpeaker, address: str) -> None:
    with pytest.raises(Undeliverable):
        speaker.edit(address, READY)


def test_no_log_line_names_a_response_url(
    acme: Workspace, speaker: SlackSpeaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reply = asked(acme)
    speaker.replace(reply, READY)
    acme.slack.faults.arm(Fault("response_url", "status", status=400, body="invalid_blocks"))
    speaker.replace(reply, READY)

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp")]
    assert ours
    assert not [line for line in ours if "/commands/" in line]


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.fixture
def with_files(acme: Workspace) -> None:
    acme.slack.switches.scopes.add(FILES)


needs_files = pytest.mark.usefixtures("with_files")


@needs_files
def test_a_picture_follows_its_message_with_the_same_in_words(acme: Workspace, speaker: SlackSpeaker) -> None:
    address = speaker.tell(acme.chat("employee"), DRAWN)
    speaker.announce(f"slack:{RACING}", DRAWN)

    private, public = acme.slack.files.shared()
    assert private.content == public.content == PNG
    assert (private.name, private.title, private.alt[:7]) == ("board.png", "Lap of honor", "1. Ada ")
    assert len(private.alt) == 1000
    assert address == f"slack:{private.channel}:{dm(acme).ts}"
    assert public.channel == RACING
    assert says(acme) == ["*You can race.*\nQuota"] * 2


@needs_files
def test_where_files_are_not_welcome_the_message_says_what_the_picture_would(
    acme: Workspace, speaker: SlackSpeaker
) -> None:
    acme.slack.switches.scopes.add("chat:write.public")

    speaker.announce(f"slack:{GENERAL}", DRAWN)

    (entry,) = acme.slack.transcript.in_channel(GENERAL)
    assert entry.says().endswith("No picture.")
    assert acme.slack.files.shared() == []


@needs_files
def test_a_picture_that_could_not_be_uploaded_leaves_no_message(
    acme: Workspace, speaker: SlackSpeaker
) -> None:
    acme.slack.faults.arm(Fault("files.getUploadURLExternal", "status", status=503))
    with pytest.raises(ChatUnavailable):
        speaker.tell(acme.chat("employee"), DRAWN)
    assert says(acme) == []

    speaker.tell(acme.chat("employee"), DRAWN)
    assert len(acme.slack.files.shared()) == 1


@needs_files
def test_there_is_room_for_pictures_with_the_scope_for_files_only(
    acme: Workspace, speaker: SlackSpeaker
) -> None:
    assert speaker.picture_room() > 100_000
    acme.slack.switches.scopes.discard(FILES)
    acme.client.scopes()
    assert speaker.picture_room() == 0
