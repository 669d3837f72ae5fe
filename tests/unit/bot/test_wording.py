"""What the bot says: everything it may come to has words, and names stay names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat.message import (
    Bold,
    Button,
    Buttons,
    Code,
    LinkButton,
    Message,
    Note,
    Paragraph,
    Plain,
    Steps,
    Text,
    When,
)
from adapters.teams.cards import fallback
from bot import wording
from bot.access import Asker
from bot.admin.events import EventShown, shown_value
from bot.admin.table import ANSWERS
from bot.announcement_wording import of_event, of_race
from bot.doors import form_words
from bot.grammar import Join, Leave, Unknown, parse
from bot.words import Words, words
from provisioning.deciding import Stage
from provisioning.errors import (
    DirectoryUnavailable,
    InstructionUnclear,
    Misconfigured,
    PermissionMissing,
    ProvisioningError,
    StaleWrite,
    StoreUnavailable,
    Unavailable,
    ValueUnusable,
    by_code,
)
from provisioning.events import DeepRacerOnAws, Event, Grant, Question, TrainingLink
from provisioning.forgetting import Known
from provisioning.ids import EventId, RequestKey
from provisioning.instructions import KEPT
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import (
    MOST_AHEAD,
    Choice,
    ConfirmForget,
    ConfirmLeave,
    Forgotten,
    LookingUp,
    Nothing,
    Overview,
    Privacy,
    Questioned,
    Queued,
    RacesShown,
    Refused,
    SigningIn,
    Standing,
    UsageShown,
)
from provisioning.platform import FirstPassword
from provisioning.quotas import Used
from provisioning.registrations import Hold, Progress, Registration, Step
from provisioning.requests import Request, Wish
from provisioning.sweeping import ANSWERS_KEPT, REFUSED_KEPT, SENT_KEPT
from provisioning.usage import SAYS
from tests.unit.bot.board_messages import board_messages
from tests.unit.bot.organizers_messages import a_race, lives_of_a_race, organizers_messages
from tests.unit.bot.test_words import HOSTILE, sentences
from tests.unit.provisioning.spring_cup import (
    CHAT,
    EFFECT,
    HOUR,
    MINUTE,
    NOON,
    RECORD,
    REMOVED,
    REPLY,
    SUSPENDED,
    ada,
    at,
    broken,
    gone,
    ready,
    spring_cup,
)

NAME = "Nameless"
FACTS = {
    "name": NAME,
    "event": NAME,
    "domain": NAME,
    "opens": NOON.isoformat(),
    "closes": NOON.isoformat(),
    "ends": NOON.isoformat(),
    "until": NOON.isoformat(),
    "id": "spring-cup",
    **dict.fromkeys(("word", "field", "value", "target", "message", "nearest", "who", "least", "most"), NAME),
}
RACERS: dict[Stage, tuple[Registration, ...]] = {
    Stage.IN_LINE: (ada(waiting_for="seat"),),
    Stage.ADDING: (ada(), ada(has_seat=True, progress=at(Step.ADDED)), ada(problem="DR-500")),
    Stage.WAITING: (ada(has_seat=True, progress=at(Step.ADDED), waiting_for="identity-center"),),
    Stage.CONFIRMING: (
        ada(has_seat=True, progress=at(Step.ADDED, Step.ADDED)),
        ada(has_seat=True, progress=at(Step.CONFIRMED, Step.CONFIRMED)),
    ),
    Stage.READY: (ready(),),
    Stage.LEAVING: (ready(wish=Wish.GONE), ready(hold=Hold("suspended", "organizer", NOON, NAME))),
    Stage.GONE: (gone(), gone(progress={}), gone(progress=at(Step.KEPT, Step.ABSENT))),
    Stage.SUSPENDED: (
        gone(hold=Hold("suspended", "organizer", NOON)),
        gone(hold=Hold("suspended", "organizer", NOON, NAME)),
    ),
    Stage.REMOVED: (
        gone(hold=Hold("removed", "organizer", NOON, NAME)),
        gone(hold=Hold("removed", "organizer", NOON)),
        gone(hold=Hold("removed", "directory", NOON, "membership-missing")),
        gone(hold=Hold("removed", "directory", NOON, "not-an-employee")),
    ),
    Stage.REFUSED: (ada(problem="DR-241"), ada(problem="DR-242"), ada(problem="DR-999")),
    Stage.BROKEN: (ada(),),
    Stage.LATE: (ada(), ada(problem="DR-500")),
}
POSTS = [
    ("organizers-broken", {"code": "DR-401", "target": NAME, "group": NAME}),
    ("organizers-broken", {"code": "DR-402", "target": NAME, "reason": NAME}),
    ("organizers-healed", {"code": "DR-401"}),
    ("organizers-late", {"racer": NAME}),
    ("organizers-removed", {"racer": NAME}),
    ("organizers-incident", {"code": "DR-231", "racer": NAME}),
    ("organizers-gate-broken", {"code": "DR-405"}),
    ("organizers-overdue", {"code": "DR-301", "racer": NAME}),
    ("organizers-overdue", {"code": "DR-300", "racer": NAME}),
    ("organizers-undeliverable", {"code": "DR-408", "racer": NAME}),
    ("organizers-stuck-leaving", {"code": "DR-302", "target": NAME, "racer": NAME}),
    ("organizers-unannounced", {"code": "DR-408", "channel": "slack:C1", "reason": NAME}),
    ("organizers-ending", {"count": "1200", "ends": NOON.isoformat()}),
    ("organizers-joins", {"count": "12", "racing": "214", "ready": "200"}),
    ("organizers-refusals", {"codes": "DR-204 × 3"}),
    ("organizers-waiting", {"count": "3", "taken": "100", "capacity": "100"}),
    ("organizers-capacity", {"level": "80", "taken": "80", "capacity": "100"}),
    ("organizers-uncertified", {"race": NAME, "count": "3", "racers": NAME}),
    ("organizers-defect", {"code": "DR-500", "target": NAME}),
    ("organizers-models-left", {"code": "DR-305", "target": NAME}),
    ("organizers-quota-untold", {"code": "DR-423", "target": NAME}),
    ("organizers-quota-not-back", {"code": "DR-423", "target": NAME}),
    ("organizers-usage", {"count": "3", "level": "80"}),
    ("organizers-quota-altered", {"count": "2", "level": ""}),
]
WHERE = "slack:C0654321"


def standings(name: str) -> Iterator[Standing]:
    """Yield every stage with every kind of registration that may be in it, before the end and after."""
    links = (TrainingLink(name, "https://example.com/start"),)
    cup = spring_cup(name=name, training_links=links)
    for stage, racers in RACERS.items():
        event = replace(cup, broken=broken()) if stage is Stage.BROKEN else cup
        for racer in (_renamed(racer, name) for racer in racers):
            for now in (NOON, event.ends):
                for ahead, typical in ((0, None), (1, 45.0), (7, 300.0)):
                    yield Standing(event, racer, stage, now, ahead, typical)


SITE = DeepRacerOnAws("https://d111111abcdef8.cloudfront.net")


def ready_on_the_site(*others: Grant, access_url: str = "", name: str = NAME) -> Standing:
    """Return a racer who is ready in an event that gives an account on a racing site."""
    event = spring_cup(*others, SITE, name=name, access_url=access_url)
    progress = {grant.target: Progress(Step.CONFIRMED, NOON) for grant in event.grants}
    return Standing(event, ready(progress=progress), Stage.READY, NOON)


def gone_from_the_site(*others: Grant, name: str = NAME) -> Standing:
    """Return a racer who had an account on a racing site, and what else the event gave, and has left."""
    event = spring_cup(*others, SITE, name=name)
    progress = {grant.target: Progress(Step.ABSENT, NOON) for grant in event.grants}
    return Standing(event, gone(progress=progress), Stage.GONE, NOON)


def _renamed(racer: Registration, name: str) -> Registration:
    if racer.hold is not None and racer.hold.reason == NAME:
        return replace(racer, hold=replace(racer.hold, reason=name))
    return racer


def on_the_site(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    """Yield what racers of a racing site are told, with and without Identity Center beside it."""
    for found in (
        ready_on_the_site(name=name),
        ready_on_the_site(EFFECT, access_url="https://d-1.awsapps.com/start", name=name),
    ):
        yield "standing ready on the site", wording.answer(words, found)
        yield "joining the site", wording.answer(words, replace(found, stage=Stage.ADDING))
    for left in (gone_from_the_site(name=name), gone_from_the_site(EFFECT, name=name)):
        for now in (left.now, left.event.ends):
            yield "standing gone from the site", wording.answer(words, replace(left, now=now))
    found = ready_on_the_site(name=name)
    used = (None, Used("2027-03", 500, 0, 2), Used("2027-03", 20, 600, 2))
    for one in (replace(found, used=reading) for reading in used):
        yield "ready, with what is used", wording.answer(words, one)
        yield "usage", wording.answer(words, UsageShown((one,)))
        for says in ("quota", *SAYS.values()):
            yield f"note {says}", wording.note(words, says, one)
    joining = replace(found, registration=replace(found.registration, ready_at=None), stage=Stage.ADDING)
    yield "note quota, before being in", wording.note(words, "quota", joining)
    yield "usage in two events", wording.answer(words, UsageShown((found, found)))
    yield "usage nowhere", wording.answer(words, UsageShown(()))


def messages(words: Words, name: str = NAME) -> Iterator[tuple[str, Message]]:
    """Yield everything that the bot may say, with this name wherever a person may have chosen one."""
    cup, other = spring_cup(name=name), replace(spring_cup(name=name), id=EventId("other"))
    facts = {key: name if value == NAME else value for key, value in FACTS.items()}
    for found in standings(name):
        yield f"standing {found.stage}", wording.answer(words, found)
    yield from on_the_site(words, name)
    for ahead, typical in ((0, None), (1, 30.0), (2, 3000.0), (MOST_AHEAD, 30.0)):
        for wish in Wish:
            yield f"queued {wish}", wording.answer(words, Queued(cup, wish, ahead, typical))
    for event in (cup, replace(cup, organizer_channel=WHERE)):
        yield "queued too long", wording.answer(words, Queued(event, Wish.RACING, 3, 30.0, is_overdue=True))
    for wish in Wish:
        yield f"choice {wish}", wording.answer(words, Choice(wish, (cup, other)))
    for pending in (False, True):
        yield "confirm leave", wording.answer(words, ConfirmLeave(cup, pending))
    for events in ((), (cup,), (cup, other)):
        yield f"nothing, {len(events)} open", wording.answer(words, Nothing(events))
    yield "looking up", wording.answer(words, LookingUp())
    one, two = Standing(cup, ready(), Stage.READY, NOON), Queued(other, Wish.RACING)
    for overview in (Overview((one,), ()), Overview((), (two,)), Overview((one,), (two,))):
        yield "overview", wording.answer(words, overview)
    form = form_words(words)
    said_in_it = tuple(Paragraph((Plain(one),)) for one in (form.list, form.nothing, form.failed))
    yield "in a form", Message((Plain(form.title),), said_in_it)
    yield "form not opened", wording.not_opened(words)
    yield from refusals(words, cup, facts)
    yield from notes(words, cup)
    for says, values in POSTS:
        told = {key: name if value == NAME else value for key, value in values.items()} | {"event": name}
        yield says, wording.post(words, Notice("post:x", Kind.POST, WHERE, says=says, facts=told))
    for unknown in (None, Unknown(name, None), Unknown(name, "join")):
        yield "help", wording.help_message(words, Asker(), unknown)
    for events in ((), (cup,), (cup, other)):
        yield f"welcome, {len(events)} open", wording.welcome(words, events)
        yield f"welcome of a team, {len(events)} open", wording.welcome(words, events, together=True)
    yield "pointer", wording.answered_privately(words)
    yield "pointer", wording.open_a_chat(words)
    yield from privacies(words, cup, name)
    yield from organizers_messages(words, name)
    yield from races_and_sites(words, cup, other, name)
    yield from board_messages(words, name)
    yield from channel_messages(words, cup, name)
    yield "slow", wording.slow(words)
    yield "too slow", wording.too_slow(words)
    yield "defect", wording.defect(words)


def notes(words: Words, cup: Event) -> Iterator[tuple[str, Message]]:
    """Yield everything that racers are told beside the results."""
    for found in (Standing(cup, ready(), Stage.READY, NOON), Standing(cup, gone(), Stage.GONE, NOON)):
        for says in ("quota", "resumed"):
            yield f"note {says}", wording.note(words, says, found)


def races_and_sites(words: Words, cup: Event, other: Event, name: str) -> Iterator[tuple[str, Message]]:
    """Yield the lists of races, and the way into a racing site."""
    for open_ones, coming in ((0, 0), (1, 0), (1, 1), (3, 2), (16, 0), (20, 0)):
        mine = [(event, a_race(name)) for event in (cup, other)] * 10
        shown = RacesShown(tuple(mine[:open_ones]), tuple(mine[:coming]))
        yield f"races, {open_ones} open", wording.answer(words, shown)
    asked = replace(cup, questions=(Question("ml", name, (name, f"{name} 2")), Question("team", name)))
    for answers in ({}, {"ml": name}, {"ml": name, "team": name}):
        yield "questions", wording.answer(words, Questioned(asked, answers))
    yield "signing in", wording.answer(words, SigningIn(cup))
    given = FirstPassword("ada@example.com", "s3cret")
    yield "first password", wording.first_password(words, cup, "https://racing.example.com", given)
    yield "no first password", wording.no_first_password(words, cup, PermissionMissing)


def channel_messages(words: Words, cup: Event, name: str) -> Iterator[tuple[str, Message]]:
    """Yield everything that is said of races, and that channels are shown."""
    for open_ones, coming in ((0, 0), (1, 0), (1, 1), (3, 2), (16, 0), (20, 0)):
        mine = [(event, a_race(name)) for event in (cup, replace(cup, id=EventId("other")))] * 10
        shown = RacesShown(tuple(mine[:open_ones]), tuple(mine[:coming]))
        yield f"races, {open_ones} open", wording.answer(words, shown)
    moments = (cup.opens - MINUTE, NOON, cup.closes, cup.ends)
    for event in (cup, replace(cup, paused=name)):
        for kind in ("open", "soon", "closed"):
            for now in moments:
                yield f"announcement {kind}", of_event(words, kind, event, now)
        for race, now in lives_of_a_race(name):
            for kind in ("race", "race-soon"):
                yield f"announcement {kind}", of_race(words, kind, event, race, now)
                yield f"announcement {kind}", of_race(words, kind, event, race, cup.ends)
    for races in ((), (a_race(name),)):
        found = Standing(cup, ready(), Stage.READY, NOON, races=races)
        yield "ready with races", wording.answer(words, found)
        yield "ends soon", wording.ends_soon(words, found)


def privacies(words: Words, cup: Event, name: str) -> Iterator[tuple[str, Message]]:
    """Yield what is told of what is kept, and of having it deleted."""
    request = Request(RequestKey(cup.id, CHAT), Wish.RACING, NOON, REPLY, "folded", ada().person.id)
    for registration in (ada(), ada(hold=SUSPENDED), ada(hold=REMOVED)):
        part = replace(registration, person=replace(registration.person, display_name=name))
        for requests in ((), (request,), (request, request)):
            asking = (Question("ml", name),) if requests else ()
            shown = replace(cup, names=bool(requests), questions=asking)
            known = Known((CHAT,), part.person.id, ((shown, part),), requests)
            yield "privacy", wording.answer(words, Privacy(known))
            yield "confirm forget", wording.answer(words, ConfirmForget(known))
    on_site = Known((CHAT,), ada().person.id, ((spring_cup(SITE, name=name), ada()),), ())
    yield "privacy on a site", wording.answer(words, Privacy(on_site))
    yield "privacy", wording.answer(words, Privacy(Known((CHAT,), None, (), (request,))))
    yield "privacy", wording.answer(words, Privacy(Known((CHAT,), None, (), ())))
    for anything in (True, False):
        yield "forgotten", wording.answer(words, Forgotten(anything))


def refusals(words: Words, cup: Event, facts: dict[str, str]) -> Iterator[tuple[str, Message]]:
    """Yield every no, with and without what may be told with it."""
    for code, error in by_code().items():
        for left in ((), ("message", "nearest")):
            some = {key: value for key, value in facts.items() if key not in left}
            yield f"refused {code}", wording.answer(words, Refused(error(**some)))
        yield f"refused {code}", wording.answer(words, Refused(error(**facts), cup))
        yield f"busy {code}", wording.busy(words, error(**facts))
        notice = Notice("result:x", Kind.RESULT, "request:x", REPLY, 1, code, facts, NOON)
        yield f"refusal of {code}", wording.refusal_of(words, notice)
        for hear in ("know", "unaware", "told", "untold"):
            found = replace(notice, facts={**facts, "organizers": hear})
            yield f"refusal of {code}", wording.refusal_of(words, found)
    unclear = InstructionUnclear(word=facts["word"], usage="admin suspend @racer… [reason]")
    yield "refused DR-263", wording.answer(words, Refused(unclear))
    for form in ("time", "number", "line", "message", "channel", "id", "link", "switch", "amount"):
        yield "refused DR-265", wording.answer(words, Refused(ValueUnusable(**facts, form=form)))


def parts_of(found: Any) -> Iterator[Any]:
    """Yield everything inside a message, from the whole to the last span."""
    yield found
    if is_dataclass(found):
        for field in fields(found):
            yield from parts_of(getattr(found, field.name))
    elif isinstance(found, tuple):
        for part in found:
            yield from parts_of(part)


def said(text: Text) -> str:
    return "".join(getattr(span, "text", "") or getattr(span, "label", "…") for span in text)


def renamed(found: Any, change: Callable[[str], str]) -> Any:
    """Return the message with every string of it changed, and nothing else."""
    if isinstance(found, str):
        return change(found)
    if isinstance(found, tuple):
        return tuple(renamed(part, change) for part in found)
    if is_dataclass(found) and not isinstance(found, type):
        return replace(
            found, **{field.name: renamed(getattr(found, field.name), change) for field in fields(found)}
        )
    return found


ALL = list(messages(words()))
NAMING = {what for what, plain in ALL if NAME in repr(plain)}


def test_every_outcome_stage_and_error_has_words() -> None:
    assert {name for name, _ in ALL} >= {f"standing {stage}" for stage in Stage}
    assert len(ALL) > 250
    for name, message in ALL:
        first = said(message.summary)
        assert first.strip(), name
        assert "\n" not in first, name
        assert message.parts, name
        assert isinstance(message.parts[0], Paragraph | Buttons), name
        assert all(said(part.text).strip() for part in message.parts if isinstance(part, Paragraph | Note)), (
            name
        )


def test_no_mark_or_place_of_a_value_is_left_in_what_is_said() -> None:
    for name, message in ALL:
        for part in parts_of(message):
            for shown in (getattr(part, "text", ""), getattr(part, "label", ""), getattr(part, "title", "")):
                assert not (isinstance(shown, str) and any(mark in shown for mark in "`*{}")), (name, shown)


class Spoken(dict[str, str]):
    """The sentences, and which of them were used."""

    def __init__(self) -> None:
        super().__init__(sentences())
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)


def test_every_sentence_of_the_catalog_is_said_somewhere() -> None:
    spoken = Spoken()
    for _ in messages(Words("en", spoken)):
        pass
    assert spoken.keys() == spoken.used


def test_whoever_is_taken_out_is_not_told_that_they_are_leaving() -> None:
    taken_out, leaving = (
        said(wording.answer(words(), Standing(spring_cup(), racer, Stage.LEAVING, NOON)).summary)
        for racer in (
            ready(hold=Hold("removed", "directory", NOON, "not-an-employee")),
            ready(wish=Wish.GONE),
        )
    )

    assert "leaving" in leaving
    assert "being taken out" in taken_out


# --- names stay names ---------------------------------------------------------------------------------------


@settings(max_examples=5)  # thousands of messages for each name
@given(st.sampled_from(HOSTILE[:-1]) | st.text(min_size=1))
def test_a_name_changes_nothing_but_itself(name: str) -> None:
    """The same message with the same spans, only the other name in it."""
    for (what, plain), (_, odd) in zip(ALL, messages(words(), name), strict=True):
        if what in NAMING:
            assert odd == renamed(plain, lambda text: text.replace(NAME, name)), what
        else:
            assert odd == plain, what


def test_a_name_never_stands_where_something_is_typed_or_opened() -> None:
    for what, plain in ALL:
        for part in parts_of(plain):
            if isinstance(part, Code | Bold):
                assert NAME not in part.text, what
            if isinstance(part, Button):
                assert NAME not in part.words, what
            assert NAME not in getattr(part, "url", ""), what


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_a_name_stands_alone_in_plain_text(name: str) -> None:
    message = wording.answer(words(), Queued(spring_cup(name=name), Wish.RACING))
    assert Plain(name) in message.summary


def test_an_unknown_word_is_repeated_as_it_was_typed() -> None:
    unknown = parse("`jion`**")
    assert isinstance(unknown, Unknown)
    assert Plain("`jion`**") in wording.help_message(words(), Asker(), unknown).summary


# --- what the buttons do ------------------------------------------------------------------------------------


def test_every_button_says_a_command_and_names_its_event() -> None:
    for name, message in ALL:
        for part in parts_of(message):
            if isinstance(part, Button):
                command = parse(part.words)
                assert not isinstance(command, Unknown), (name, part.words)
                if isinstance(command, Join | Leave) and not name.startswith("help"):
                    assert command.event in {"spring-cup", "other"}, (name, part.words)


@pytest.mark.parametrize("locale", ["en", "de"])
def test_what_is_kept_is_told_as_long_as_it_is_kept(locale: str) -> None:
    asking = replace(spring_cup(), questions=(Question("ml", "How much?"),))
    known = Known((CHAT,), ada().person.id, ((asking, ada()),), ())
    told = [
        said(part.text)
        for part in wording.answer(words(locale), Privacy(known)).parts
        if hasattr(part, "text")
    ]
    messages = next(text for text in told if str(REFUSED_KEPT.days) in text and "30" in text)
    assert {int(number) for number in re.findall(r"\d+", messages)} == {
        max(SENT_KEPT, ANSWERS_KEPT).days,
        REFUSED_KEPT.days,
    }
    assert KEPT.days == 2
    assert any({"en": "for two days", "de": "zwei Tage"}[locale] in text for text in told)
    answers = {"en": "answered to the questions", "de": "auf die Fragen"}[locale]
    assert any(answers in text for text in told)
    plain = wording.answer(words(locale), Privacy(replace(known, registrations=((spring_cup(), ada()),))))
    assert not any(answers in said(part.text) for part in plain.parts if hasattr(part, "text"))


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_defect_does_not_say_that_nothing_was_recorded(locale: str) -> None:
    """What was asked is committed before it is worded, and either may go wrong."""
    whole = "".join(said(part.text) for part in wording.defect(words(locale)).parts if hasattr(part, "text"))
    assert {"en": "whether it was recorded", "de": "Ob es gespeichert wurde"}[locale] in whole
    assert not re.search(r"(?i)nothing was recorded|wurde nichts gespeichert", whole)


def test_what_cannot_be_taken_back_asks_or_was_asked() -> None:
    for name, message in ALL:
        for part in parts_of(message):
            if isinstance(part, Button) and "--yes" in part.words:
                was_asked = name.startswith(("confirm leave", "confirm forget"))
                assert (part.confirm is not None) == (not was_asked), name
                assert part.style == ("danger" if was_asked else "plain"), name


@pytest.mark.parametrize("stage", [Stage.ADDING, Stage.WAITING, Stage.CONFIRMING, Stage.LATE, Stage.IN_LINE])
def test_who_waits_and_would_leave_is_told_that_the_join_is_cancelled(stage: Stage) -> None:
    """They have no access yet that they could lose."""
    (found, *_) = [one for one in standings(NAME) if one.stage is stage]
    (leave,) = [part for part in parts_of(wording.standing(words(), found)) if isinstance(part, Button)]
    assert leave.confirm is not None
    assert "leaving cancels it" in leave.confirm.text


def test_who_was_told_that_it_takes_too_long_is_not_promised_the_usual_time() -> None:
    late = wording.answer(words(), Queued(spring_cup(), Wish.RACING, 3, 60.0, is_overdue=True))
    assert late.summary == words().text("queued.overdue.summary", event="Spring Cup")
    (next_to_it,) = [part for part in late.parts if isinstance(part, Paragraph)]
    assert said(next_to_it.text).startswith(said(words().text("queued.overdue.next")))


@pytest.mark.parametrize("stage", [Stage.LATE, Stage.BROKEN])
def test_that_the_organizers_know_is_said_only_where_they_are_told(stage: Stage) -> None:
    (found, *_) = [one for one in standings(NAME) if one.stage is stage]
    known = said(words().text("organizers.know"))

    def worded(**changes: Any) -> str:
        event = replace(found.event, **{"organizer_channel": WHERE, **changes})
        told = wording.standing(words(), replace(found, event=event))
        return " ".join(said(part.text) for part in told.parts if isinstance(part, Paragraph))

    assert known in worded()
    assert known not in worded(feed=())
    assert known not in worded(organizer_channel=None)


def test_who_reads_what_others_quote_is_not_sent_to_themselves() -> None:
    """A code in the organizers' channel leads to the runbook, not to the organizers."""
    facts = {"code": "DR-209", "event": "Spring Cup 2027"}
    notice = Notice("post:x", Kind.POST, WHERE, says="organizers-incident", facts=facts)
    assert wording.post(words(), notice).parts[-1] == Note(words().text("note.organizers", code="DR-209"))


def test_what_an_early_end_closed_closed_then_and_not_at_a_time_to_come() -> None:
    """Tearing down on Monday closes a race that was to close on Friday, on Monday."""
    cup = spring_cup(torn_down_at=NOON)
    card = of_race(words(), "race", cup, a_race("Monza", closes=NOON + timedelta(days=4)), NOON)
    joining = of_event(words(), "open", cup, NOON)
    assert {part.at for part in parts_of(card) if isinstance(part, When)} == {NOON}
    assert {part.at for part in parts_of(joining) if isinstance(part, When)} == {NOON}


def test_nobody_waits_in_line_for_an_event_that_is_over() -> None:
    event = spring_cup(torn_down_at=NOON)
    shown = EventShown(event, NOON + HOUR, {"all": 14, "gone": 13, "in_line": 14, "racing": 14})

    said = fallback(ANSWERS[EventShown](words(), shown))

    assert "Out: 13 of 14 who were in it." in said
    assert "in line" not in said
    assert "event set" not in said, "nothing of it can be changed any more"


def test_a_change_says_what_state_something_is_in_in_the_readers_language() -> None:
    assert [said(shown_value(words("de"), *one)) for one in (("hold", "suspended"), ("paused", "yes"))] == [
        "gesperrt",
        "ja",
    ]
    assert said(shown_value(words("de"), "title", "on")) == "on", "a title stays as somebody wrote it"


def test_usage_that_nobody_has_read_is_not_called_fresh() -> None:
    found = Standing(spring_cup(), ready(), Stage.READY, NOON)
    (_, month) = wording.answer(words(), UsageShown((found,))).parts
    assert month == Paragraph(words().text("usage.month-unread"))


def test_no_more_than_five_events_are_offered_as_buttons_and_all_are_named() -> None:
    events = tuple(replace(spring_cup(), id=EventId(f"cup-{number}")) for number in range(9))
    for outcome in (Choice(Wish.RACING, events), Nothing(events)):
        message = wording.answer(words(), outcome)
        rows = [part for part in message.parts if isinstance(part, Buttons)]
        assert [len(row.buttons) for row in rows] == [5]
        assert sum(isinstance(part, Paragraph) for part in message.parts) >= 9


# --- what is said is true -----------------------------------------------------------------------------------


def test_only_who_is_ready_gets_the_link() -> None:
    for found in standings(NAME):
        message = wording.standing(words(), found)
        urls = {part.url for part in parts_of(message) if isinstance(part, LinkButton)}
        assert urls == ({found.event.access_url} if found.stage is Stage.READY else set())


def test_the_ready_message_can_be_read_alone() -> None:
    found = Standing(spring_cup(), ready(), Stage.READY, NOON)
    message = wording.standing(words(), found)
    whole = " ".join(said(part.text) for part in message.parts if isinstance(part, Paragraph | Note))
    assert "Spring Cup" in said(message.summary)
    assert found.event.access_url in whole
    assert "10 training hours and 5 models" in whole
    assert When(found.event.ends) in list(parts_of(message))


def test_the_racing_site_is_what_opens_where_it_is_all_there_is() -> None:
    message = wording.standing(words(), ready_on_the_site())
    assert {part.url for part in parts_of(message) if isinstance(part, LinkButton)} == {SITE.site_url}
    assert "e-mail address" in said(message.parts[0].text)  # type: ignore[union-attr]


def test_with_identity_center_both_open_and_each_says_what_it_is() -> None:
    url = "https://d-1.awsapps.com/start"
    message = wording.standing(words(), ready_on_the_site(EFFECT, access_url=url))
    buttons = {part.url: part.label for part in parts_of(message) if isinstance(part, LinkButton)}
    assert buttons == {SITE.site_url: "Open the racing site", url: "Open AWS"}
    lines = [said(part.text) for part in message.parts if isinstance(part, Paragraph)]
    assert any(SITE.site_url in line and "race" in line for line in lines)
    assert any(url in line and "account" in line for line in lines)


@pytest.mark.parametrize("locale", ["en", "de"])
def test_who_left_a_racing_site_is_not_told_that_nobody_lets_them_in_there(locale: str) -> None:
    """Where the bot works through a site's API alone, who is out can sign in: to a quota below nothing."""
    spoken = words(locale)
    site = said(wording.standing(spoken, gone_from_the_site()).parts[0].text)  # type: ignore[union-attr]
    both = said(wording.standing(spoken, gone_from_the_site(EFFECT)).parts[0].text)  # type: ignore[union-attr]
    aws = said(wording.standing(spoken, Standing(spring_cup(), gone(), Stage.GONE, NOON)).parts[0].text)  # type: ignore[union-attr]
    may_sign_in = {"en": "can sign in", "de": "noch anmelden kannst"}[locale]
    assert [(may_sign_in in text, "12" in text) for text in (site, both, aws)] == [
        (True, False),
        (True, True),
        (False, True),
    ]


def test_an_error_is_quoted_by_its_code() -> None:
    for name, message in ALL:
        if name.startswith(("refused", "refusal of")):
            notes = [said(part.text) for part in message.parts if isinstance(part, Note)]
            assert any(name.split()[-1] in note for note in notes), name


def test_a_broken_event_quotes_what_broke_it_and_not_an_older_problem_of_the_racer() -> None:
    found = Standing(spring_cup(broken=broken()), ada(problem="DR-500"), Stage.BROKEN, NOON)
    notes = [said(part.text) for part in wording.standing(words(), found).parts if isinstance(part, Note)]
    assert [("DR-401" in note, "DR-500" in note) for note in notes] == [(True, False)]


@pytest.mark.parametrize(
    ("ahead", "line"),
    [(0, "You're next:"), (1, "One person is before you."), (7, "7 people are before you.")],
)
def test_who_waits_in_line_hears_how_many_are_before_them(ahead: int, line: str) -> None:
    found = Standing(spring_cup(), ada(waiting_for="seat"), Stage.IN_LINE, NOON, ahead)
    first = wording.standing(words(), found).parts[0]
    assert isinstance(first, Paragraph)
    assert said(first.text).startswith(line)


@pytest.mark.parametrize(
    ("language", "ahead", "line"),
    [
        ("en", 1, "One person asked just before you."),
        ("en", 99, "99 people asked just before you."),
        ("en", MOST_AHEAD, "At least 100 people asked just before you."),
        ("de", 99, "99 Personen waren kurz vor dir dran."),
        ("de", MOST_AHEAD, "Mindestens 100 Personen waren kurz vor dir dran."),
    ],
)
def test_who_asks_hears_how_many_asked_before_them_as_far_as_they_are_counted(
    language: str, ahead: int, line: str
) -> None:
    message = wording.answer(words(language), Queued(spring_cup(), Wish.RACING, ahead))
    assert line in [said(part.text) for part in message.parts if isinstance(part, Paragraph)]


@pytest.mark.parametrize(
    ("since_asking", "by"),
    [(0, 40 * MINUTE), (34, 40 * MINUTE), (36, 41 * MINUTE), (200, 205 * MINUTE)],
)
def test_the_time_that_is_promised_is_never_over_already(since_asking: int, by: timedelta) -> None:
    found = Standing(spring_cup(), RACERS[Stage.WAITING][0], Stage.WAITING, NOON + since_asking * MINUTE)
    moments = [part.at for part in parts_of(wording.standing(words(), found)) if isinstance(part, When)]
    assert moments == [NOON + by]


@pytest.mark.parametrize(
    ("racer", "states"),
    [
        (ada(), ["done", "next", "next", "next"]),
        (ada(has_seat=True), ["done", "now", "next", "next"]),
        (ada(has_seat=True, progress=at(Step.INTENDED)), ["done", "now", "next", "next"]),
        (ada(has_seat=True, progress=at(Step.ADDED)), ["done", "done", "now", "next"]),
        (ada(has_seat=True, progress=at(Step.ADDED, Step.ADDED)), ["done", "done", "done", "now"]),
        (ada(has_seat=True, progress=at(Step.WITHDRAWING, Step.ADDED)), ["done", "now", "done", "next"]),
        (ada(has_seat=True, progress=at(Step.CONFIRMED, Step.CONFIRMED)), ["done", "done", "done", "now"]),
    ],
)
def test_the_steps_show_what_is_done_what_is_under_way_and_what_comes(
    racer: Registration, states: list[str]
) -> None:
    message = wording.standing(words(), Standing(spring_cup(), racer, Stage.ADDING, NOON))
    steps = [part for part in message.parts if isinstance(part, Steps)]
    assert [[line.state for line in part.lines] for part in steps] == [states]


def test_a_grant_of_every_kind_has_a_step() -> None:
    labels = {said(words().text(f"steps.{grant.kind}")) for grant in (RECORD, EFFECT)}
    assert len(labels) == 2


@pytest.mark.parametrize("error", [StoreUnavailable, DirectoryUnavailable, StaleWrite, Unavailable])
def test_what_was_not_recorded_is_not_called_kept(error: type[ProvisioningError]) -> None:
    message = wording.busy(words(), error())
    whole = " ".join(said(part.text) for part in message.parts if isinstance(part, Paragraph))
    assert "may not have been recorded" in whole
    assert "kept" not in whole


@pytest.mark.parametrize("error", [error for error in by_code().values() if issubclass(error, Misconfigured)])
def test_organizers_are_told_in_words_what_broke_their_event(error: type[ProvisioningError]) -> None:
    facts = {"event": NAME, "code": error.code, "target": RECORD.target}
    message = wording.post(words(), Notice("post:x", Kind.POST, WHERE, says="organizers-broken", facts=facts))
    first = message.parts[0]
    assert isinstance(first, Paragraph)
    assert said(words().text(f"error.{error.key()}.summary")) in said(first.text)


@pytest.mark.parametrize("code", ["DR-241", "DR-242"])
def test_whatever_refuses_where_access_is_given_has_words(code: str) -> None:
    found = Standing(spring_cup(), ada(problem=code), Stage.REFUSED, NOON)
    assert wording.standing(words(), found).parts


def test_moments_in_facts_are_shown_in_the_readers_zone() -> None:
    opens = datetime.fromisoformat("2027-03-01T09:00:00+01:00")
    error = by_code()["DR-103"](event=NAME, opens=opens.isoformat())
    message = wording.answer(words(), Refused(error))
    assert [part.at for part in parts_of(message) if isinstance(part, When)] == [opens]
