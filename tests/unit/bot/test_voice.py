"""The voice: what is owed is worded from what is true now, and said where it can still be heard."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.chat.message import Document, Message
from adapters.sqlite import SqliteStore, open_store
from bot import wording
from bot.metrics import Metrics, measure
from bot.voice import PlatformVoice
from bot.words import words
from provisioning.deciding import Stage
from provisioning.errors import (
    ChatUnavailable,
    Guest,
    IdentityChanged,
    PasswordTheirOwn,
    PermissionMissing,
    ProvisioningError,
    SiteUnavailable,
    Undeliverable,
)
from provisioning.events import DeepRacerOnAws
from provisioning.ids import ChatIdentity, PersonId
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Standing
from provisioning.platform import FirstPassword
from provisioning.recognizing import Recognizer
from provisioning.registrations import Person, Progress, Registration, Step
from provisioning.requests import ReplyTo, Wish
from provisioning.whose import Claim
from tests.unit.bot.board_messages import board_of, line
from tests.unit.provisioning.spring_cup import CHAT, MINUTE, NOON, SECOND, ada, ready, spring_cup

HOOK = "https://hooks.example.com/1"
REPLY = ReplyTo(CHAT, HOOK, NOON + 30 * MINUTE, 5, "en-US")
ABOUT = f"registration:{ada().key}"
RESULT = Notice(f"result:{ABOUT}:1", Kind.RESULT, ABOUT, REPLY, 1, created_at=NOON)
CARD = Notice(f"card:{ABOUT}", Kind.CARD, ABOUT, REPLY, created_at=NOON)
REFUSAL = Notice(
    "result:request:x:1", Kind.RESULT, "request:x", REPLY, 1, "DR-204", {"event": "Spring Cup"}, NOON
)


@dataclass
class Moment:
    """A clock that stands still until it is set."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass
class Said:
    """A platform's speaker that remembers what it said, and fails as it is told to."""

    said: list[tuple[str, Any, Message]] = field(default_factory=list)
    failing: dict[str, ProvisioningError] = field(default_factory=dict)
    files: bool = False
    attached: list[Document] = field(default_factory=list)

    def tell(self, chat: ChatIdentity, message: Message) -> str:
        self._say("tell", chat, message)
        return f"D1/{len(self.said)}"

    def replace(self, reply: ReplyTo, message: Message) -> None:
        self._say("replace", reply.handle, message)

    def edit(self, address: str, message: Message) -> None:
        self._say("edit", address, message)

    def announce(self, channel: str, message: Message) -> str:
        self._say("announce", channel, message)
        return f"C1/{len(self.said)}"

    def takes_files(self) -> bool:
        return self.files

    def attach(self, chat: ChatIdentity, document: Document) -> None:
        self.attached.append(document)

    def picture_room(self) -> int:
        return 1_000_000 if self.files else 0

    def _say(self, how: str, to: Any, message: Message) -> None:
        if how in self.failing:
            raise self.failing[how]
        self.said.append((how, to, message))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", Moment())
    opened.run(lambda rows: rows.events.save(spring_cup())).result()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def speaker() -> Said:
    return Said()


@dataclass
class FirstSignIns:
    """Makes first passwords, or fails with this."""

    error: ProvisioningError | None = None
    asked: list[Person] = field(default_factory=list)

    def renew(self, grant: DeepRacerOnAws, person: Person) -> FirstPassword:
        self.asked.append(person)
        if self.error is not None:
            raise self.error
        return FirstPassword("ada@example.com", f"first-{len(self.asked)}")


@pytest.fixture
def sign_ins() -> FirstSignIns:
    return FirstSignIns()


@dataclass
class Gate:
    """Lets everybody through, or refuses them for this."""

    error: ProvisioningError | None = None

    def confirm(self, chat: ChatIdentity, domains: tuple[str, ...], person_id: PersonId) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def told() -> Metrics:
    return measure()


@pytest.fixture
def voice(
    store: SqliteStore, speaker: Said, clock: Moment, told: Metrics, gate: Gate, sign_ins: FirstSignIns
) -> PlatformVoice:
    return PlatformVoice("slack", store, speaker, clock, told, cast("Recognizer", gate), lambda: sign_ins)


def put(store: SqliteStore, registration: Registration) -> None:
    store.run(lambda rows: rows.registrations.save(registration)).result()


def change(store: SqliteStore, **facts: Any) -> None:
    def unit(rows: Any) -> None:
        known = rows.registrations.get(ada().key)
        rows.registrations.save(replace(known, **facts))

    store.run(unit).result()


def shown(stage: Stage, registration: Registration, now: datetime = NOON) -> Message:
    return wording.standing(words(), Standing(spring_cup(version=1), registration, stage, now))


def test_a_result_is_a_new_direct_message_and_says_what_is_true_now(
    store: SqliteStore, voice: PlatformVoice, speaker: Said
) -> None:
    put(store, ada())
    change(
        store, **{name: getattr(ready(), name) for name in ("has_seat", "progress", "ready_at", "checked_at")}
    )
    assert voice.say(RESULT) == "D1/1"
    assert speaker.said == [("tell", CHAT, shown(Stage.READY, ready()))]


def test_where_no_direct_message_gets_through_the_place_where_they_asked_does(
    store: SqliteStore, voice: PlatformVoice, speaker: Said
) -> None:
    put(store, ready())
    speaker.failing["tell"] = Undeliverable()
    assert voice.say(RESULT) == ""
    assert [(how, to) for how, to, _ in speaker.said] == [("replace", HOOK)]


def test_where_nothing_gets_through_the_message_is_undeliverable(
    store: SqliteStore, voice: PlatformVoice, speaker: Said, clock: Moment
) -> None:
    put(store, ready())
    clock.at = NOON + 30 * MINUTE
    speaker.failing["tell"] = Undeliverable()
    with pytest.raises(Undeliverable):
        voice.say(RESULT)
    assert speaker.said == []


def test_a_platform_that_does_not_answer_is_no_reason_for_another_way(
    store: SqliteStore, voice: PlatformVoice, speaker: Said
) -> None:
    put(store, ready())
    speaker.failing["tell"] = ChatUnavailable(7.0)
    with pytest.raises(ChatUnavailable):
        voice.say(RESULT)
    assert speaker.said == []


def test_a_refusal_says_why_with_its_code(voice: PlatformVoice, speaker: Said) -> None:
    voice.say(REFUSAL)
    assert speaker.said == [("tell", CHAT, wording.refusal_of(words(), REFUSAL))]


def test_a_card_is_changed_in_place_and_counts_the_posts_of_its_handle(
    store: SqliteStore, voice: PlatformVoice, speaker: Said
) -> None:
    put(store, ada())
    card = CARD
    for used in range(1, 5):
        card = replace(card, reference=voice.say(card))
        assert card.reference == f"{used} {HOOK}"
    assert [(how, to) for how, to, _ in speaker.said] == [("replace", HOOK)] * 4


def test_the_last_post_is_kept_for_the_end(store: SqliteStore, voice: PlatformVoice, speaker: Said) -> None:
    put(store, ada())
    card = replace(CARD, reference=f"4 {HOOK}")
    with pytest.raises(Undeliverable):
        voice.say(card)
    change(store, ready_at=NOON)
    assert voice.say(card) == f"5 {HOOK}"
    with pytest.raises(Undeliverable):
        voice.say(replace(card, reference=f"5 {HOOK}"))
    assert len(speaker.said) == 1


def test_a_new_handle_begins_to_count_anew(store: SqliteStore, voice: PlatformVoice) -> None:
    put(store, ada())
    fresh = replace(REPLY, handle="https://hooks.example.com/2")
    assert voice.say(replace(CARD, to=fresh, reference=f"5 {HOOK}")) == "1 https://hooks.example.com/2"


def test_a_refusal_may_use_the_last_post(voice: PlatformVoice) -> None:
    refused = replace(REFUSAL, id="card:request:x", kind=Kind.CARD, reference=f"4 {HOOK}")
    assert voice.say(refused) == f"5 {HOOK}"


def test_a_handle_whose_time_is_over_is_left_alone(
    store: SqliteStore, voice: PlatformVoice, speaker: Said, clock: Moment
) -> None:
    put(store, ready())
    clock.at = NOON + 30 * MINUTE - SECOND
    assert voice.say(CARD) is not None
    clock.at += SECOND
    with pytest.raises(Undeliverable):
        voice.say(CARD)
    assert len(speaker.said) == 1


def test_an_earlier_message_is_made_true_again_in_place(
    store: SqliteStore, voice: PlatformVoice, speaker: Said
) -> None:
    put(store, ready())
    store.run(lambda rows: rows.outbox.put(RESULT)).result()
    edit = Notice(f"edit:{RESULT.id}", Kind.EDIT, ABOUT, REPLY, 1, RESULT.id)
    with pytest.raises(Undeliverable):
        voice.say(edit)

    def sent(rows: Any) -> None:
        rows.outbox.save(replace(rows.outbox.get(RESULT.id), sent_at=NOON, reference="D1/7"))

    store.run(sent).result()
    assert voice.say(edit) == "D1/7"
    assert speaker.said == [("edit", "D1/7", shown(Stage.READY, ready()))]


def test_organizers_are_told_in_their_channel(voice: PlatformVoice, speaker: Said) -> None:
    post = Notice(
        "post:x", Kind.POST, "slack:C0654321", says="organizers-healed", facts={"event": "Spring Cup"}
    )
    assert voice.say(post) == "C1/1"
    assert speaker.said == [("announce", "slack:C0654321", wording.post(words(), post))]


@pytest.mark.parametrize(
    "notice",
    [
        pytest.param(replace(RESULT, to=None), id="no address"),
        pytest.param(RESULT, id="nobody registered"),
    ],
)
def test_what_has_nobody_to_go_to_or_nothing_to_tell_of_is_undeliverable(
    notice: Notice, voice: PlatformVoice, speaker: Said
) -> None:
    with pytest.raises(Undeliverable):
        voice.say(notice)
    assert speaker.said == []


def test_what_was_told_is_counted_by_its_result(
    store: SqliteStore, voice: PlatformVoice, speaker: Said, told: Metrics
) -> None:
    put(store, ready())
    voice.say(RESULT)
    voice.say(REFUSAL)
    voice.say(CARD)
    speaker.failing["tell"] = ChatUnavailable()
    with pytest.raises(ChatUnavailable):
        voice.say(RESULT)
    text = told.text().decode()
    assert 'results_told_total{result="ready"} 1.0' in text
    assert 'results_told_total{result="DR-204"} 1.0' in text


def test_a_moment_later_the_same_notice_says_something_else(
    store: SqliteStore, voice: PlatformVoice, speaker: Said, clock: Moment
) -> None:
    """Nothing is worded before it is said: what was owed while they were added is said when they are late."""
    put(store, ada())
    voice.say(RESULT)
    clock.at = NOON + timedelta(hours=1)
    voice.say(RESULT)
    assert [message.summary for _, _, message in speaker.said] == [
        shown(Stage.ADDING, ada()).summary,
        shown(Stage.LATE, ada(), clock.at).summary,
    ]


# --- a first sign-in ----------------------------------------------------------------------------------------

SITE = DeepRacerOnAws("https://racing.example.com")
SIGN_IN = Notice(f"answer:signin:{ada().key}:1", Kind.ANSWER, f"signin:{ada().key}", REPLY, created_at=NOON)


def has_account(store: SqliteStore) -> None:
    store.run(lambda rows: rows.events.save(replace(spring_cup(version=1), grants=(SITE,)))).result()
    put(store, ada(has_seat=True, progress={SITE.target: Progress(Step.CONFIRMED, NOON, "dr-user")}))


def test_a_first_password_is_made_when_it_is_said_and_shown_where_it_was_asked_for(
    voice: PlatformVoice, store: SqliteStore, speaker: Said, sign_ins: FirstSignIns
) -> None:
    has_account(store)

    voice.say(SIGN_IN)
    voice.say(SIGN_IN)

    (how, to, message), (_, _, again) = speaker.said
    assert (how, to) == ("replace", REPLY.handle)
    assert "first-1" in str(message)
    assert "first-2" in str(again), "what was lost is made anew, never kept"
    assert [person.subject for person in sign_ins.asked] == ["dr-user", "dr-user"]


def test_a_site_that_does_not_answer_is_asked_again(
    voice: PlatformVoice, store: SqliteStore, speaker: Said, sign_ins: FirstSignIns
) -> None:
    has_account(store)
    sign_ins.error = SiteUnavailable(7.0)

    with pytest.raises(ChatUnavailable) as waits:
        voice.say(SIGN_IN)

    assert waits.value.retry_after == 7.0
    assert speaker.said == []


def test_what_somebody_else_must_mend_first_is_not_said_to_go_on_by_itself(
    voice: PlatformVoice, store: SqliteStore, speaker: Said, sign_ins: FirstSignIns
) -> None:
    has_account(store)
    sign_ins.error = PermissionMissing(action="cognito-idp:AdminSetUserPassword")

    voice.say(SIGN_IN)

    whole = str(speaker.said[0][2])
    assert "DR-405" in whole
    assert "Please ask once more" in whole
    assert "kept" not in whole


@pytest.mark.parametrize("error", [IdentityChanged(), Guest()])
def test_whose_chat_account_is_not_theirs_any_more_gets_no_password(
    voice: PlatformVoice,
    store: SqliteStore,
    speaker: Said,
    sign_ins: FirstSignIns,
    gate: Gate,
    error: ProvisioningError,
) -> None:
    has_account(store)
    gate.error = error

    voice.say(SIGN_IN)

    assert error.code in str(speaker.said[0][2])
    assert sign_ins.asked == []


def test_a_password_of_their_own_is_left_alone_and_that_is_said(
    voice: PlatformVoice, store: SqliteStore, speaker: Said, sign_ins: FirstSignIns
) -> None:
    has_account(store)
    sign_ins.error = PasswordTheirOwn()

    voice.say(SIGN_IN)

    assert "DR-243" in str(speaker.said[0][2])


def test_whoever_has_left_meanwhile_gets_no_password(
    voice: PlatformVoice, store: SqliteStore, speaker: Said, sign_ins: FirstSignIns
) -> None:
    has_account(store)
    change(store, wish=Wish.GONE)

    voice.say(SIGN_IN)

    assert "DR-244" in str(speaker.said[0][2])
    assert sign_ins.asked == []


# --- certificates -------------------------------------------------------------------------------------------

TOLD = replace(
    SIGN_IN,
    id=f"reminder:certificate:{ada().key}:7",
    kind=Kind.REMINDER,
    about=f"certificate:{ada().key}",
    facts={"event": "spring-cup", "board": "7"},
)


def has_finished(store: SqliteStore, *, alias: str = "bolt", **changes: Any) -> None:
    """Let Ada have finished a race of the event."""
    board = replace(board_of(line(None, alias, 62_345)), is_final=True)

    def unit(rows: Any) -> None:
        rows.registrations.save(ada())
        rows.boards.save(board)
        rows.boards.save_claims(board.event_id, "7", [Claim(ada().key.person_id, alias, NOON)])
        rows.events.save(replace(rows.events.get(board.event_id), **changes))

    store.run(unit).result()


@pytest.mark.parametrize(
    ("facts", "names", "name"),
    [
        ({}, False, "bolt"),
        ({}, True, "Ada Lovelace"),
        ({"name": "Countess\n\u202eof L. \U0001f680"}, True, "Countess of L."),
    ],
)
def test_a_certificate_is_made_out_in_the_name_that_the_racer_wishes(
    voice: PlatformVoice,
    store: SqliteStore,
    speaker: Said,
    facts: dict[str, str],
    names: bool,
    name: str,
) -> None:
    speaker.files = True
    has_finished(store, names=names)

    voice.say(replace(TOLD, facts={**TOLD.facts, **facts}))

    [(how, to, message)] = speaker.said
    assert (how, to) == ("tell", CHAT)
    assert message.picture is not None
    assert message.picture.content.startswith(b"\x89PNG")
    assert message.picture.alt == f"Certificate of {name} for Lap of R&D: place 1 of 1, 1:02.345."


def test_a_certificate_that_cannot_be_drawn_or_sent_is_told_in_words(
    voice: PlatformVoice, store: SqliteStore, speaker: Said
) -> None:
    has_finished(store)
    voice.say(TOLD)
    speaker.files = True
    voice.say(replace(TOLD, facts={**TOLD.facts, "name": "\U0001f680"}))

    (_, _, refused), (_, _, unwritten) = speaker.said
    assert refused.picture is unwritten.picture is None
    assert "files:write" in str(refused)
    assert "can't draw the letters" in str(unwritten)
    assert "1:02.345" in str(unwritten)


def test_of_a_race_that_was_forgotten_there_is_no_certificate(
    voice: PlatformVoice, store: SqliteStore, speaker: Said
) -> None:
    has_finished(store)
    store.run(lambda rows: rows.boards.forget(ada().key.event_id)).result()

    with pytest.raises(Undeliverable):
        voice.say(TOLD)
