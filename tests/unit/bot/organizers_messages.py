"""Everything that organizers may be told, for the tests of the wording."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from adapters.chat.message import Mention, Message
from bot import wording
from bot.admin import wording as admin_wording
from bot.admin.adding import Whom
from bot.admin.basics import AuditShown
from bot.admin.events import EventShown
from bot.admin.feed import FeedShown
from bot.admin.models import ModelsShown
from bot.admin.paging import paged
from bot.admin.quotas import QuotaShown
from bot.admin.races import RacesListed
from bot.admin.reports import ExportShown, ReportShown
from bot.admin.roster import RacersShown, Stuck, StuckShown
from bot.admin.table import ANSWERS
from bot.admin.teardown import TeardownShown, progress, report
from bot.admin.usage import UsageListed, UsedLine
from bot.reporting import Report
from bot.words import Words
from provisioning.audit import Line
from provisioning.changes import Change, undoable
from provisioning.closing import GARAGES, MEGABYTES, Part, Parting, Stored
from provisioning.closings import Closing
from provisioning.dead_letters import UNREADABLE, DeadLetters
from provisioning.deciding import Stage
from provisioning.errors import by_code
from provisioning.event_changes import FIELDS
from provisioning.events import Ceiling, DeepRacerOnAws, Event, Price, Quota
from provisioning.garages import MOST_KEPT
from provisioning.hold_changes import STAYS
from provisioning.ids import EventId, PersonId
from provisioning.instructions import Instruction, State
from provisioning.outcomes import Instructed
from provisioning.platform import Model
from provisioning.queue import Work
from provisioning.quotas import Used
from provisioning.races import Race
from provisioning.recording import FEED_KINDS
from provisioning.registrations import Registration
from provisioning.roster import Listed
from provisioning.tallies import Funnel
from tests.unit.provisioning.spring_cup import (
    ADA,
    CHAT,
    DAY,
    HOUR,
    NOON,
    REPLY,
    SECOND,
    ada,
    ready,
    spring_cup,
)

ORGANIZER = PersonId("0a0a")
SITE = DeepRacerOnAws("https://d111111abcdef8.cloudfront.net")
OF_RACERS = ("quota", "suspend", "resume", "remove", "rebind", "retry", "models-delete")
KINDS = (
    *("quota-default", "event-set", "event-open", "event-close", "event-create", "pause", "unpause"),
    *("race-post", "race-update", "race-remove", "feed-set"),
    *("leaderboard-post", "leaderboard-watch", "leaderboard-mute"),
    *("teardown", "teardown-again", "retry-letters"),
)


def organizers_messages(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    """Yield everything that organizers may be told, with this name wherever a person may have chosen one."""
    cup = spring_cup(name=name, channels=("slack:C1",), organizer_channel="slack:C2")
    yield "instructed", wording.answer(words, Instructed("i-1"))
    yield "help for organizers", admin_wording.help_message(words)
    yield "whom", ANSWERS[Whom](words, Whom(name, "admin add event=spring-cup"))
    for event, now in _lives(cup, name):
        shown = EventShown(event, now, {"ready": 3, "in_line": 2})
        yield "event", ANSWERS[EventShown](words, shown)
    for count in (0, 1, 40):
        for number in (1, 2, 3):
            lines = [_line(name), replace(_line(name), actor="bot", facts={})] * count
            page = paged(lines, number, 15, "admin audit event=spring-cup")
            known: dict[str, Mention | str] = {str(CHAT): Mention(CHAT), "spring-cup/7d5e": name}
            yield "audit", ANSWERS[AuditShown](words, AuditShown(name, page, known))
    yield from _endings(words, cup, name)
    yield from _numbers(words, cup, name)
    for kind in KINDS:
        yield from _changes(words, cup, replace(_change(cup, name), kind=kind))
    races = (*(race for race, _ in lives_of_a_race(name)), a_race(name, closes=NOON + DAY, track=name))
    for number in (1, 2):
        listed = paged(races * 3, number, 15, "admin race list event=spring-cup")
        yield "races", ANSWERS[RacesListed](words, RacesListed(cup, NOON, listed))
    yield "no races", ANSWERS[RacesListed](words, RacesListed(cup, NOON, paged((), 1, 15, "admin race list")))
    for event in (cup, replace(cup, organizer_channel=None)):
        yield "feed", ANSWERS[FeedShown](words, FeedShown(event))
    yield "choice of an event", _choice(words, cup)
    for kind in OF_RACERS:
        for people in (1, 2):
            yield from _changes(words, cup, replace(_of_racers(name, people), kind=kind))
    for racers, own in (((), 0), ((ready(),), 1), ((_called(name), ready(quota=Quota(1, 2))), 7)):
        for ceiling in (Ceiling(), Ceiling(100, 20)):
            quotas = QuotaShown(replace(cup, ceiling=ceiling), racers, own)
            yield "quotas", ANSWERS[QuotaShown](words, quotas)
    yield "quotas on a site", ANSWERS[QuotaShown](words, QuotaShown(spring_cup(SITE, name=name), (), 0))
    yield from _usage(words, name)
    yield from _models(words, name)
    yield from _lists(words, name)
    for people in (0, 1, 2):
        yield from _changes(words, cup, _added(name, people))
    yield "choice of a racer", _choice_of_racer(words, name)


def _usage(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    line = UsedLine(name, Quota(10, 5), Used("2027-03", 500, 20, 3))
    nothing = UsedLine(name, Quota(0, 0), Used("2027-03"))
    for price in (None, Price.parse("0.85 USD"), Price.parse("3")):
        cup = spring_cup(SITE, name=name, price_per_hour=price)
        for lines in ((), (line,), (line, nothing) * 12):
            listed = UsageListed(cup, paged(lines, 1, 20, "admin usage"), 1700, 2, 1)
            yield "what is used", ANSWERS[UsageListed](words, listed)


def _models(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    for count in (0, 1, 41):
        models = (Model("m1", name, "READY", NOON),) * count
        yield "models", ANSWERS[ModelsShown](words, ModelsShown(name, ((name, models), (name, ()))))
    one = ModelsShown(name, ((name, (Model("m1", name, "READY", NOON),)),))
    yield "models", ANSWERS[ModelsShown](words, one)
    many = ModelsShown(name, ((name, (Model("m1", name, "READY", NOON),) * MOST_KEPT),))
    yield "models", ANSWERS[ModelsShown](words, many)


def _lists(words: Words, name: str) -> Iterator[tuple[str, Message]]:
    everywhere = [Listed(_called(name), stage, NOON, name) for stage in Stage]
    for listed, stage in (
        (everywhere, None),
        (everywhere[:1] * 21, Stage.READY),
        (everywhere[:1], Stage.LATE),
    ):
        racers = RacersShown(name, stage, paged(listed, 2, 20, "admin racers event=spring-cup"))
        yield "racers", ANSWERS[RacersShown](words, racers)
    for found in ((), everywhere[:1]):
        yield "racers", ANSWERS[RacersShown](words, RacersShown(name, None, paged(found, 1, 20, "")))
    late = [Stuck(name, Stage.LATE, NOON - HOUR, code, untold=code is None) for code in (None, *_WHY)]
    for stuck in ((), late[:1], late):
        page = paged(stuck, 1, 20, "admin stuck event=spring-cup")
        for letters in (None, *_LETTERS):
            shown = StuckShown(name, "spring-cup", NOON, page, letters)
            yield "stuck", ANSWERS[StuckShown](words, shown)


_LETTERS = (
    DeadLetters(),
    DeadLetters(1, {UNREADABLE: 1}),
    DeadLetters(140, dict.fromkeys((*Work, UNREADABLE), 2)),
    DeadLetters(3),
    DeadLetters(problem="DR-302"),
)
# What may keep somebody from joining, and is counted; and a code of a newer version.
REFUSED = (
    *("DR-103", "DR-104", "DR-105", "DR-107"),
    *(code for code in by_code() if "DR-201" <= code <= "DR-232" or "DR-251" <= code <= "DR-253"),
    "DR-999",
)
_WHY_NOT = ("DR-211", "DR-212", "DR-221", "DR-222", "DR-223", "DR-224", "DR-273")
_WHY = ("DR-241", "DR-242", *(f"DR-40{number}" for number in (1, 2, 3, 4, 5, 6, 8)), "DR-500")


def _called(name: str) -> Registration:
    return ready(person=replace(ADA, display_name=name))


def _of_racers(name: str, people: int) -> Change:
    keys = [f"spring-cup/{number}" for number in range(people)]
    return undoable(
        Change(
            "i-1",
            cup_id(),
            ORGANIZER,
            NOON,
            "quota",
            tuple(f"quota:{key}" for key in keys),
            people,
            {f"{key} hours": "10" for key in keys},
            {f"{key} hours": "15" for key in keys}
            | {f"{key} hold": "suspended" for key in keys}
            | {f"{key} wish": "gone" for key in keys}
            | {f"{key} account": "slack:T1:U1" for key in keys},
            beside={f"{key} name": name for key in keys} | {f"{key}{STAYS}": "member-before" for key in keys},
        )
    )


def _added(name: str, people: int) -> Change:
    keys = [f"spring-cup/{number}" for number in range(people)]
    results = ["added", "already-in", "suspended", "removed", "DR-204", "DR-999", *_WHY_NOT]
    typed = {f"{name}{number} typed": result for number, result in enumerate([*results, *["added"] * 40])}
    change = Change("i-1", cup_id(), ORGANIZER, NOON, "add", tuple(f"wish:{key}" for key in keys), people)
    names = {f"{key} name": name for key in keys}
    before, after = {f"{key} wish": "gone" for key in keys}, {f"{key} wish": "racing" for key in keys}
    return undoable(replace(change, before=before, after=after, beside=names | typed))


def _choice_of_racer(words: Words, name: str) -> Message:
    found = {str(one.key): one for one in (_called(name), _called("Ada"))}
    rows: Any = SimpleNamespace(registrations=SimpleNamespace(get=lambda key: found.get(str(key))))
    instruction = Instruction(
        "i-1",
        CHAT,
        f"quota @{name} hours=3",
        NOON,
        REPLY,
        state="refused",
        refusal="DR-284",
        facts={"target": name, "choose": f"{_called(name).key} spring-cup/gone"},
    )
    return admin_wording.answer_of(words, rows, instruction, NOON)


def with_document(message: Message) -> Message:
    """Return the message with all that it says about its file, and in place of it."""
    document = message.document
    if document is None:
        return message
    return replace(message, parts=(*message.parts, document.said, *document.instead), document=None)


def _numbers(words: Words, cup: Event, name: str) -> Iterator[tuple[str, Message]]:
    hours = tuple((NOON + number * HOUR, number + 1) for number in range(60))
    answers = {"aws": {f"not {name}": 3, name: 1}}  # never twice the same, whatever the name
    counted = [dict.fromkeys(REFUSED[start : start + 8], 2) for start in range(0, len(REFUSED), 8)]
    refusing = (Funnel(refused=refused) for refused in counted)
    several = Funnel(300, 200, 190, 7, counted[0], hours, {42: 100, 90: 90}, answers)
    for funnel in (Funnel(), several, *refusing):
        shown = ReportShown(Report(cup.id, name, funnel, {"all": 200}))
        message = ANSWERS[ReportShown](words, shown)
        yield "report", with_document(message)
    for count in (0, 1, 300):
        yield "export", with_document(ANSWERS[ExportShown](words, ExportShown(cup, count, "name\r\n")))


def _endings(words: Words, cup: Event, name: str) -> Iterator[tuple[str, Message]]:
    racer = ada(person=replace(ada().person, display_name=name))
    for people in ((), (Parting(racer, Part.WITHDRAWN),), tuple(Parting(racer, part) for part in Part) * 10):
        page = paged(people, 1, 30, "admin teardown --dry-run event=spring-cup")
        message = ANSWERS[TeardownShown](words, TeardownShown(cup, people, page))
        yield "teardown", with_document(message)
    for racers in (1, 3):
        shown = TeardownShown(cup, (), paged((), 1, 30, ""), Stored(racers, 1200))
        yield "teardown with models", ANSWERS[TeardownShown](words, shown)
    for left in (0, 1, 2):
        result = {str(part): number for number, part in enumerate(Part, 1)} | {GARAGES: left, MEGABYTES: 9}
        closing = Closing(cup.id, NOON, 300, left, REPLY, result, {"DR-302": 1, "": 1} if left else {})
        yield "closing", progress(words, cup, closing)
        yield "closed", report(words, cup, closing, (racer,) * left)


def a_race(name: str, **changes: Any) -> Race:
    race = Race(cup_id(), 1, name, "https://racing.example.com/1", ORGANIZER, NOON - DAY)
    return replace(race, **changes)


def lives_of_a_race(name: str) -> Iterator[tuple[Race, Any]]:
    """Yield a race in each of its phases, with the moment of it."""
    yield a_race(name, opens=NOON + HOUR, track=name), NOON
    yield a_race(name), NOON
    yield a_race(name, closes=NOON), NOON
    yield a_race(name, state="withdrawn"), NOON


def _lives(cup: Event, name: str) -> Iterator[tuple[Event, Any]]:
    for now in (cup.opens - SECOND, NOON, cup.closes, cup.ends):
        yield cup, now
    yield replace(cup, paused=name), NOON
    yield replace(cup, paused=""), NOON


def _line(name: str) -> Line:
    return Line(NOON, str(CHAT), "changed", "spring-cup/7d5e", cup_id(), facts={"name": name})


def cup_id() -> EventId:
    return EventId("spring-cup")


def _change(cup: Event, name: str) -> Change:
    before = {field: FIELDS[field].show(cup) for field in FIELDS}
    after = {field: text for field, text in before.items() if field != "channels"}
    after |= {"name": f"{name} ", "opens": (NOON - DAY).isoformat(), "closes": (NOON + DAY).isoformat()}
    after |= {"ends": (NOON + 2 * DAY).isoformat(), "capacity": "7", "hours": "3", "models": "2"}
    after |= {"organizer_channel": "slack:C3", "id": "other", "paused": "yes", "message": name}
    after |= {"torn_down_at": NOON.isoformat()}
    after |= {"race": name, "watched": "slack:C1", "muted": "slack:C2"}
    after |= {"title": name, "track": name, "link": "https://racing.example.com/1", "state": "posted"}
    after |= {f"feed-{kind}": "on" for kind in FEED_KINDS}
    return undoable(Change("i-1", cup.id, ORGANIZER, NOON, "event-set", ("event.name",), 2, before, after))


def _changes(words: Words, cup: Event, change: Change) -> Iterator[tuple[str, Message]]:
    for one in (
        change,
        replace(change, people=0),
        replace(change, people=1),
        replace(change, undone_by="i-2"),
        replace(change, undo_until=None),
        replace(change, undoes="i-0", undo_until=None),
        replace(change, kind="something-else"),
        replace(change, people=0),
        replace(change, people=1),
        replace(change, after={"cup letters": "1"}, before={"cup letters": "4"}),
        replace(change, after={"message": ""}, before={"message": "x"}),
        replace(change, after={"state": "withdrawn"}, before={"state": "posted"}),
        replace(change, after={"feed-joins": "off"}, before={"feed-joins": "on"}),
        replace(change, after={"cup hold": "removed"}, before={"cup hold": "suspended"}),
        replace(change, after={"cup wish": "gone"}, before={"cup wish": "racing"}),
        replace(change, after={f"field {number}": "x" for number in range(21)}, before={}),
        replace(change, after={f"field {number}": "x" for number in range(30)}, before={}),
    ):
        yield f"done {change.kind}", with_document(admin_wording.done(words, one, cup, NOON))
    late = admin_wording.done(words, change, cup, NOON + HOUR)
    yield f"done {change.kind}, too late to undo", with_document(late)
    states: tuple[State, ...] = ("asking", "confirmed", "previewed")
    for state in states:
        for people in (0, 1, 214):
            for kind in (change.kind, "something-else"):
                shown = Instruction("i-1", CHAT, "event set ends=now", NOON, REPLY, state=state)
                proposed = replace(change, people=people, kind=kind)
                said = admin_wording.proposal(words, shown, proposed, cup)
                yield f"shown {change.kind}", with_document(said)
        for people in (1, 2):
            back = replace(change, people=people, undoes="i-0", undo_until=None)
            yield f"taking back {change.kind}", admin_wording.proposal(words, shown, back, cup)


def _choice(words: Words, cup: Event) -> Message:
    events = {event.id: event for event in (cup, replace(cup, id=EventId("other")))}
    rows: Any = SimpleNamespace(events=SimpleNamespace(get=events.get))
    facts = {"choose": "spring-cup other gone"}
    instruction = Instruction("i-1", CHAT, "event show", NOON, REPLY, state="answered", facts=facts)
    return admin_wording.answer_of(words, rows, instruction, NOON)
