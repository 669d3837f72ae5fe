"""What the bot says in Teams, as the people of the tenant come to see it."""

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.chat.message import Bold, Button, Buttons, Message, Note, Paragraph, Picture, Plain
from adapters.chat.speaker import Speaker
from adapters.sqlite import open_store
from adapters.teams.address import Address
from adapters.teams.connector import DEAD
from adapters.teams.speaker import ON_ITS_WAY, SETTLES, SpeakerWords, TeamsSpeaker
from adapters.teams.wire import Place
from provisioning.claiming import meet
from provisioning.errors import ChatUnavailable, CredentialRefused, Undeliverable, Unexpected
from provisioning.ids import ChatIdentity
from provisioning.ports import Store
from provisioning.references import Reference
from sandbox.connector_conversations import ORGANIZERS, PIT_CREW, RACING, SHARED
from sandbox.connector_web import LARGEST_MESSAGE_BYTES
from sandbox.wire import Fault
from tests.unit.adapters.teams_tenant import Tenant, tenant

QUEUED = Message((Plain("You are in the queue."),))
READY = Message((Plain("You can "), Bold("race"), Plain(".")), (Buttons((Button("Quota", "quota"),)),))
GONE = Message((Plain("Your access has ended."),))
HELLO = Message((Plain("Hello."),))
PNG = b"\x89PNG\r\n\x1a\n"
DRAWN = replace(
    READY, picture=Picture("board.png", "Lap of honor", PNG, "1. Ada", (Note((Plain("No picture."),)),))
)
SHOUT = Message((Plain("<at>Everybody</at> won"),), (Paragraph((Plain("<at>General</at>"),)),))
WORDS = SpeakerWords(
    answered_privately=lambda _: Message((Plain("Look at our chat."),)),
    open_a_chat=lambda _: Message((Plain("Open a chat with me."),)),
)
REFUSED_CARD = '{"error": {"code": "BadSyntax", "message": "Bad adaptive card"}}'


@pytest.fixture
def acme() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.fixture
def store(acme: Tenant, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", acme.time)
    yield opened
    opened.close()


@pytest.fixture
def speaker(acme: Tenant, store: Store) -> TeamsSpeaker:
    return TeamsSpeaker(acme.connector, store, WORDS, meet)


def known(store: Store, place: str | ChatIdentity) -> Reference | None:
    return store.read(lambda rows: rows.references.get(str(place)))


def in_the_channel(acme: Tenant, conversation: str = RACING) -> list[str]:
    """What the bot says there."""
    people = acme.company.teams_users
    entries = acme.teams.transcript.in_conversation(conversation)
    return [entry.says() for entry in entries if entry.author not in people]


def calm(acme: Tenant) -> None:
    """Let the pace of every conversation recover."""
    acme.time.sleep(10)


# --- messages of their own ----------------------------------------------------------------------------------


def test_somebody_who_spoke_to_the_bot_is_told_in_their_personal_chat(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    port: Speaker = speaker

    port.tell(acme.chat(), READY)

    (entry,) = acme.sees()
    assert (entry.kind, entry.text, entry.answers) == ("personal", "", None)
    assert entry.says() == "You can race.\nQuota"


def test_a_personal_chat_is_opened_for_somebody_who_was_only_met_in_a_channel(
    acme: Tenant, speaker: TeamsSpeaker, store: Store
) -> None:
    speaker.keep(acme.chat(), acme.heard("join", conversation=RACING).address)

    speaker.tell(acme.chat(), QUEUED)
    speaker.tell(acme.chat(), READY)

    assert [entry.kind for entry in acme.sees()] == ["personal", "personal"]
    assert acme.teams.log.count("POST conversations") == 1
    found = known(store, acme.chat())
    assert found is not None
    assert Address.unpack(found.address) == acme.personal()


def test_nobody_is_told_who_was_never_heard_from(acme: Tenant, speaker: TeamsSpeaker) -> None:
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)

    assert acme.teams.log.calls == []


def test_an_outsider_in_a_shared_channel_cannot_be_told_in_private(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    partner = replace(acme.chat(), user=str(acme.company.people["teams-partner"].teams.aad_object_id))
    speaker.keep(partner, acme.heard("join", "teams-partner", conversation=SHARED).address)

    with pytest.raises(Undeliverable):
        speaker.tell(partner, READY)

    assert acme.reads("teams-partner") == []


def test_a_message_whose_answer_was_lost_is_not_said_twice(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.teams.faults.arm(Fault("POST activities", "drop"))

    with pytest.raises(ChatUnavailable):
        speaker.tell(acme.chat(), READY)

    assert len(acme.sees()) == 1


def test_an_earlier_message_is_edited_in_place(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    address = speaker.tell(acme.chat(), READY)

    speaker.edit(address, GONE)

    assert acme.reads() == ["Your access has ended."]
    assert acme.sees()[0].edited


@pytest.mark.parametrize("address", ["", "{}", "slack:C1:1.2", '{"address": "{}", "activity": "1"}', "[]"])
def test_only_a_message_of_the_bot_in_teams_is_edited(
    acme: Tenant, speaker: TeamsSpeaker, address: str
) -> None:
    with pytest.raises(Undeliverable):
        speaker.edit(address, READY)

    assert acme.teams.log.calls == []


def test_a_message_to_which_teams_gave_no_id_cannot_be_edited(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.teams.faults.arm(Fault("POST activities", "status", status=201, body="{}"))
    address = speaker.tell(acme.chat(), READY)

    with pytest.raises(Undeliverable):
        speaker.edit(address, GONE)

    assert acme.teams.log.count("PUT") == 0


# --- announcements ------------------------------------------------------------------------------------------


def test_an_announcement_is_a_thread_of_its_own_and_is_edited_in_place(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(acme.chat(), acme.personal())  # whoever speaks anywhere shows the way to the service

    address = speaker.announce(f"teams:{ORGANIZERS}", READY)
    speaker.announce(f"teams:{ORGANIZERS}", HELLO)
    speaker.edit(address, GONE)

    entries = acme.teams.transcript.in_conversation(ORGANIZERS)
    assert [entry.says() for entry in entries] == ["Your access has ended.", "Hello."]
    assert [entry.thread for entry in entries] == [entry.activity_id for entry in entries]


def test_an_announcement_and_its_edit_mention_nobody(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(None, acme.channel(RACING))

    address = speaker.announce(f"teams:{RACING}", SHOUT)
    speaker.edit(address, SHOUT)

    (entry,) = acme.teams.transcript.in_conversation(RACING)
    assert "<at>" not in str((entry.text, entry.card, entry.versions))
    assert entry.card is not None
    assert "msteams" not in entry.card


@pytest.mark.parametrize("channel", ["teams:19:nowhere@thread.tacv2", "teams:", "slack:C1", RACING])
def test_an_announcement_needs_a_channel_that_the_bot_is_in(
    acme: Tenant, speaker: TeamsSpeaker, channel: str
) -> None:
    with pytest.raises(Undeliverable):
        speaker.announce(channel, READY)  # nothing was ever heard of the tenant

    speaker.keep(None, acme.channel(RACING))
    with pytest.raises((Undeliverable, Unexpected)):
        speaker.announce(channel, READY)


def test_a_team_that_the_app_was_removed_from_takes_no_announcement(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(None, acme.channel(RACING))
    acme.teams.conversations.team.app_in = False

    with pytest.raises(Undeliverable) as caught:
        speaker.announce(f"teams:{RACING}", READY)

    assert caught.value.facts["reason"] == "BotNotInConversationRoster"


# --- answers ------------------------------------------------------------------------------------------------


def test_words_in_the_personal_chat_are_answered_there(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join")

    speaker.answer(heard, QUEUED)

    (entry,) = acme.sees()
    assert (entry.says(), entry.answers) == ("You are in the queue.", heard.activity_id)


@pytest.mark.parametrize("conversation", [RACING, PIT_CREW])
def test_words_in_front_of_others_are_answered_in_private_and_the_thread_points_there(
    acme: Tenant, speaker: TeamsSpeaker, conversation: str
) -> None:
    heard = acme.heard("join", conversation=conversation)
    other = acme.heard("status", "employee-002", conversation=conversation)

    speaker.answer(heard, READY)

    private, pointer = acme.sees()
    assert (private.kind, private.says()) == ("personal", "You can race.\nQuota")
    assert (pointer.text, pointer.card) == ("Look at our chat.", None)
    assert pointer.answers == heard.activity_id
    assert pointer.thread == (heard.activity_id if conversation == RACING else None)
    assert other.activity_id not in {pointer.thread, pointer.answers}


def test_when_the_pointer_has_been_given_only_the_content_follows(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.answer(replace(acme.heard("join", conversation=RACING), place=Place.PRIVATE), READY)

    assert in_the_channel(acme) == []
    assert acme.reads() == ["You can race.\nQuota"]


def test_whoever_nobody_knows_is_answered_where_they_spoke(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join", "teams-anonymous", conversation="Race meeting")
    assert heard.place is Place.HERE

    speaker.answer(heard, GONE)

    assert acme.reads("teams-anonymous") == ["Your access has ended."]


def test_whoever_cannot_be_written_to_is_asked_to_open_a_chat(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join", "teams-partner", conversation=SHARED)

    with pytest.raises(Undeliverable):
        speaker.answer(heard, READY)

    assert in_the_channel(acme, SHARED) == ["Open a chat with me."]


@pytest.mark.parametrize("conversation", [None, RACING])
def test_what_is_delivered_again_is_not_answered_again_unless_an_answer_was_promised(
    acme: Tenant, speaker: TeamsSpeaker, conversation: str | None
) -> None:
    heard = acme.heard("join", conversation=conversation)
    speaker.answer(heard, QUEUED)
    said = acme.reads()

    speaker.answer(heard, QUEUED)
    assert acme.reads() == said
    calm(acme)

    speaker.answer(replace(heard, place=Place.PRIVATE, is_awaited=True), READY)
    assert acme.reads() == [*said, "You can race.\nQuota"]


def test_an_answer_waits_as_long_as_teams_says(acme: Tenant, speaker: TeamsSpeaker) -> None:
    acme.teams.faults.arm(Fault("POST activit", "throttle", times=3, retry_after=2))

    speaker.answer(acme.heard("join"), QUEUED)

    assert acme.reads() == ["You are in the queue."]
    assert sum(acme.time.slept) >= 6


def test_an_answer_is_given_up_when_teams_stays_away(acme: Tenant, speaker: TeamsSpeaker) -> None:
    acme.teams.faults.arm(Fault("POST activit", "refuse", times=None))

    with pytest.raises(ChatUnavailable):
        speaker.answer(acme.heard("join"), QUEUED)

    assert timedelta(seconds=sum(acme.time.slept)) < ON_ITS_WAY


def test_what_an_operator_must_mend_is_not_tried_again(acme: Tenant, speaker: TeamsSpeaker) -> None:
    acme.tokens.error = CredentialRefused(reason="invalid_client")

    with pytest.raises(CredentialRefused):
        speaker.answer(acme.heard("join"), QUEUED)

    assert acme.time.slept == []


def test_an_answer_to_words_that_were_deleted_meanwhile_is_given_all_the_same(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    heard = acme.heard("join")
    asked = acme.teams.transcript.find(heard.address.conversation, heard.activity_id)
    assert asked is not None
    asked.deleted = True

    speaker.answer(heard, QUEUED)

    assert acme.reads() == ["You are in the queue."]


def test_a_welcome_greets_where_the_app_was_added(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.welcome(acme.personal(), HELLO)
    speaker.welcome(acme.channel(RACING), GONE)

    assert [entry.says() for entry in acme.sees() if entry.kind == "personal"] == ["Hello."]
    assert in_the_channel(acme) == ["Your access has ended."]


# --- pressed cards, and answers brought up to date ----------------------------------------------------------


def test_the_answer_to_an_old_clients_button_takes_the_place_of_the_card(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.answer(acme.heard("help"), READY)
    card = acme.sees()[0]
    pressed = acme.heard("", kind="submit", entry=card.number, value={"say": "quota"})
    assert pressed.card == card.activity_id

    speaker.answer(pressed, QUEUED)
    acme.time.sleep(2)
    speaker.replace(pressed.utterance.reply, GONE)

    assert acme.reads() == ["Your access has ended."]


def test_a_pressed_card_that_is_gone_is_answered_anew(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.answer(acme.heard("help"), READY)
    card = acme.sees()[0]
    pressed = acme.heard("", kind="submit", entry=card.number, value={"say": "quota"})
    card.deleted = True

    speaker.answer(pressed, QUEUED)

    assert acme.reads() == ["You are in the queue."]


def test_an_answer_is_brought_up_to_date_where_it_stands(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join")
    speaker.answer(heard, QUEUED)
    acme.time.sleep(3600)

    speaker.replace(heard.utterance.reply, READY)

    (entry,) = acme.sees()
    assert entry.says() == "You can race.\nQuota"
    assert entry.edited


def test_the_answer_to_words_in_a_channel_is_brought_up_to_date_in_private(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    heard = acme.heard("join", conversation=RACING)
    speaker.answer(heard, QUEUED)
    acme.time.sleep(3600)

    speaker.replace(heard.utterance.reply, READY)

    assert [entry.says() for entry in acme.sees() if entry.kind == "personal"] == ["You can race.\nQuota"]
    assert in_the_channel(acme) == ["Look at our chat."]


def test_a_card_that_was_replaced_at_once_is_left_alone_for_a_moment(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    heard = acme.heard("help")
    speaker.answer(heard, READY)
    speaker.placed(heard, acme.sees()[0].activity_id)

    with pytest.raises(ChatUnavailable) as caught:
        speaker.replace(heard.utterance.reply, GONE)
    assert caught.value.retry_after == pytest.approx(SETTLES.total_seconds())
    acme.time.sleep(caught.value.retry_after or 0)
    speaker.replace(heard.utterance.reply, GONE)

    assert acme.reads() == ["Your access has ended."]


def test_an_update_that_comes_before_its_answer_waits_for_it(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join")
    with pytest.raises(ChatUnavailable):
        speaker.replace(heard.utterance.reply, READY)

    speaker.answer(heard, QUEUED)
    acme.time.sleep(2)
    speaker.replace(heard.utterance.reply, READY)

    assert acme.reads() == ["You can race.\nQuota"]


def test_an_answer_that_was_never_posted_is_waited_for_no_longer_than_it_may_take(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    reply = acme.heard("join").utterance.reply
    acme.time.sleep(ON_ITS_WAY.total_seconds() - 1)
    with pytest.raises(ChatUnavailable):
        speaker.replace(reply, READY)

    acme.time.sleep(1)

    with pytest.raises(Undeliverable):
        speaker.replace(reply, READY)


def test_a_handle_that_is_dead_takes_no_update(acme: Tenant, speaker: TeamsSpeaker) -> None:
    heard = acme.heard("join")
    speaker.answer(heard, QUEUED)
    acme.time.sleep(2)
    reply = heard.utterance.reply

    for dead in (
        replace(reply, handle=None),
        replace(reply, handle_until=None),
        replace(reply, handle_posts=0),
        replace(reply, handle_until=acme.time.now()),
    ):
        with pytest.raises(Undeliverable):
            speaker.replace(dead, READY)

    assert acme.reads() == ["You are in the queue."]


# --- pictures -----------------------------------------------------------------------------------------------


def test_a_picture_stands_in_its_message_with_the_same_in_words(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    speaker.tell(acme.chat(), DRAWN)

    (entry,) = acme.sees()
    assert entry.says() == "You can race.\n1. Ada\nQuota"
    assert entry.card is not None
    (image,) = [part for part in entry.card["body"] if part["type"] == "Image"]
    assert base64.b64decode(image["url"].removeprefix("data:image/png;base64,")) == PNG


def test_the_largest_picture_there_is_room_for_goes_with_the_longest_message(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    content = PNG + b"0" * (speaker.picture_room() - len(PNG))
    picture = Picture("board.png", "Lap of honor", content, "1. Ada " * 1000)
    long = (Paragraph((Plain("long " * 4000),)),)
    speaker.tell(acme.chat(), replace(READY, parts=(*long, *READY.parts, *long), picture=picture))

    (entry,) = acme.sees()
    assert "[…]" in entry.says()
    assert len(json.dumps(entry.card, ensure_ascii=False)) < 40_000 * 0.95


def test_a_message_whose_picture_teams_refuses_says_what_the_picture_would(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.teams.faults.arm(Fault("POST activities", "status", status=400, body=REFUSED_CARD))
    speaker.tell(acme.chat(), DRAWN)

    (entry,) = acme.sees()
    assert entry.card is not None
    assert entry.says() == "You can race.\nQuota\nNo picture."


# --- what Teams does not take -------------------------------------------------------------------------------


def test_a_card_that_teams_refuses_is_said_in_plain_words_once(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    refuse = {"kind": "status", "status": 400, "body": REFUSED_CARD}
    acme.teams.faults.arm(Fault("POST activities", **refuse))  # type: ignore[arg-type]
    address = speaker.tell(acme.chat(), READY)
    (entry,) = acme.sees()
    assert (entry.text, entry.card) == ("You can race.\nQuota: “quota”", None)

    acme.teams.faults.arm(Fault("PUT activity", **refuse))  # type: ignore[arg-type]
    speaker.edit(address, GONE)
    assert (entry.text, entry.card) == ("Your access has ended.", None)

    acme.teams.faults.arm(Fault("POST conversations", **refuse))  # type: ignore[arg-type]
    speaker.announce(f"teams:{RACING}", HELLO)
    assert in_the_channel(acme) == ["Hello."]

    calm(acme)
    acme.teams.faults.arm(Fault("POST activities", times=2, **refuse))  # type: ignore[arg-type]
    with pytest.raises(Unexpected):
        speaker.tell(acme.chat(), READY)


def test_a_message_that_is_too_long_is_cut_to_what_teams_takes(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    long = Message((Plain("Standings"),), tuple(Paragraph((Plain("lap " * 400),)) for _ in range(200)))

    speaker.tell(acme.chat(), long)

    (entry,) = acme.sees()
    assert entry.card is not None
    assert "[…]" in entry.says()
    assert 1000 < len(entry.says().encode("utf-16-le")) < LARGEST_MESSAGE_BYTES
    assert acme.teams.log.count("POST activities", status=413) == 0


# --- where people are reached -------------------------------------------------------------------------------


def test_where_somebody_is_reached_is_new_once(acme: Tenant, speaker: TeamsSpeaker) -> None:
    in_channel = acme.channel(RACING, "employee")
    assert speaker.keep(acme.chat(), in_channel)
    assert speaker.keep(acme.chat(), acme.personal()), "the personal chat is new"
    assert not speaker.keep(acme.chat(), acme.personal())
    assert not speaker.keep(acme.chat(), in_channel)
    assert not speaker.keep(None, acme.channel(RACING)), "the channel was met with them"
    assert speaker.keep(None, acme.channel(ORGANIZERS))


def test_a_personal_chat_stays_the_place_to_write_to(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    speaker.keep(acme.chat(), acme.channel(RACING, "employee"))

    speaker.tell(acme.chat(), READY)

    assert [entry.kind for entry in acme.sees()] == ["personal"]
    assert acme.teams.log.count("POST conversations") == 0


@pytest.mark.parametrize("where", ["personal", "channel"])
def test_a_service_that_has_moved_is_followed(acme: Tenant, speaker: TeamsSpeaker, where: str) -> None:
    old = replace(acme.personal(), service_url="http://127.0.0.1:9/emea/")
    speaker.keep(acme.chat(), old)
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)
    calm(acme)

    met = acme.personal() if where == "personal" else acme.channel(RACING, "employee")
    speaker.keep(acme.chat(), met)

    speaker.tell(acme.chat(), READY)
    speaker.announce(f"teams:{ORGANIZERS}", HELLO)
    assert acme.reads() == ["You can race.\nQuota"]


@pytest.mark.parametrize("code", sorted(DEAD - {"UserNotFound"}))
def test_a_dead_conversation_is_left_alone_until_somebody_is_heard_from_again(
    acme: Tenant, speaker: TeamsSpeaker, store: Store, code: str
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.dies("employee", code)
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)
    found = known(store, acme.chat())
    assert found is not None
    assert found.dead == code
    acme.dies("employee", None)
    with pytest.raises(Undeliverable) as caught:
        speaker.tell(acme.chat(), READY)
    assert caught.value.facts["reason"] == code
    assert acme.teams.log.count("POST") == 1
    calm(acme)

    assert speaker.keep(acme.chat(), acme.personal()), "as if it were new"

    speaker.tell(acme.chat(), READY)
    assert acme.reads() == ["You can race.\nQuota"]


def test_what_is_refused_for_another_reason_is_not_taken_for_dead(
    acme: Tenant, speaker: TeamsSpeaker, store: Store
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.teams.faults.arm(Fault("POST activities", "status", status=403))
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)

    speaker.tell(acme.chat(), READY)

    assert acme.reads() == ["You can race.\nQuota"]


@pytest.mark.parametrize("how", ["words", "button"])
def test_a_dead_conversation_lives_again_when_somebody_is_answered_there(
    acme: Tenant, speaker: TeamsSpeaker, how: str
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.dies("employee", "ConversationBlockedByUser")
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)
    calm(acme)

    heard = acme.heard("status")  # the door kept this address lately and does not keep it at every word
    if how == "words":
        speaker.answer(heard, QUEUED)
    else:
        speaker.placed(heard, "1234")

    speaker.tell(acme.chat(), READY)
    assert acme.reads()[-1] == "You can race.\nQuota"


def test_who_speaks_in_a_channel_after_their_chat_died_is_found_anew(
    acme: Tenant, speaker: TeamsSpeaker
) -> None:
    speaker.keep(acme.chat(), replace(acme.personal(), conversation="a:1nowhere"))
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)
    heard = acme.heard("status", conversation=RACING)
    speaker.keep(acme.chat(), heard.address)

    speaker.answer(heard, READY)

    assert [entry.says() for entry in acme.sees() if entry.kind == "personal"] == ["You can race.\nQuota"]


def test_somebody_heard_from_while_a_message_failed_is_not_taken_for_dead(
    acme: Tenant, speaker: TeamsSpeaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker.keep(acme.chat(), acme.personal())
    acme.dies("employee", "ConversationBlockedByUser")
    send = acme.connector.send

    def failing(*args: object, **named: object) -> str:
        try:
            return send(*args, **named)  # type: ignore[arg-type]
        finally:
            acme.time.sleep(0.5)
            speaker.keep(acme.chat(), acme.personal())
            acme.time.sleep(0.5)

    with monkeypatch.context() as patched:
        patched.setattr(acme.connector, "send", failing)
        with pytest.raises(Undeliverable):
            speaker.tell(acme.chat(), READY)
    acme.dies("employee", None)

    speaker.tell(acme.chat(), READY)

    assert acme.reads() == ["You can race.\nQuota"]


def test_where_the_app_was_removed_nobody_is_reached(acme: Tenant, speaker: TeamsSpeaker) -> None:
    speaker.keep(acme.chat(), acme.personal())
    speaker.keep(None, acme.channel(RACING))

    speaker.forget(acme.chat(), acme.personal())
    speaker.forget(None, acme.channel(RACING))

    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)
    assert speaker.keep(None, acme.channel(RACING))
    assert speaker.keep(acme.chat(), acme.personal())


def test_no_log_line_names_a_person_or_a_conversation(
    acme: Tenant, speaker: TeamsSpeaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    speaker.keep(acme.chat(), acme.personal())
    acme.teams.faults.arm(Fault("POST activities", "status", status=400, body=REFUSED_CARD))
    speaker.tell(acme.chat(), READY)
    acme.dies("employee", "ConversationBlockedByUser")
    with pytest.raises(Undeliverable):
        speaker.tell(acme.chat(), READY)

    ours = [record for record in caplog.records if record.name.startswith("adapters")]
    assert {"card refused", "conversation is dead"} <= {record.getMessage() for record in ours}
    usual = vars(logging.makeLogRecord({})).keys()  # where the code lies, which may have any name
    told = [{name: value for name, value in vars(record).items() if name not in usual} for record in ours]
    everything = "\n".join(f"{record.getMessage()} {facts}" for record, facts in zip(ours, told, strict=True))
    assert not [one for one in ("a:1", "29:", acme.chat().user, "@acme", "race") if one in everything]
