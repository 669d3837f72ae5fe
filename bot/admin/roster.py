"""The verbs about who is there and how they get on: racers, stuck, retry."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from adapters.chat.message import Button, Buttons, Message, Note, Paragraph, Plain, Text
from bot.admin.holds import people_or_name
from bot.admin.paging import Page, paged
from bot.admin.phrases import SHOWN, Phrase, page
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.grammar import ADMIN
from bot.words import Words
from provisioning import retrying, roster
from provisioning.dead_letters import DeadLetters
from provisioning.deciding import Stage
from provisioning.errors import InstructionUnclear, Unexpected, by_code
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.roster import Listed

LINES_A_PAGE: Final = 20
ALL: Final = "all"
# What an organizer may type for a stage, beside its own name with or without a dash.
_STAGES: Final = {
    **{str(stage): stage for stage in Stage},
    **{str(stage).replace("-", " "): stage for stage in Stage},
    "waiting-list": Stage.IN_LINE,
    "line": Stage.IN_LINE,
    "left": Stage.GONE,
}


@dataclass(frozen=True, slots=True)
class RacersShow(AdminCommand):
    """List the racers, all or those in one stage."""

    stage: Stage | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class StuckShow(AdminCommand):
    """List who does not get on."""

    page: int = 1

    @property
    def reads_letters(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Retry(AdminCommand):
    """Try racers again now; without targets, everybody who does not get on, and the dead letters."""

    @property
    def reads_letters(self) -> bool:
        return not self.targets


@dataclass(frozen=True, slots=True)
class RacersShown:
    """Racers by name; `stage` is the one that was asked for."""

    event: str
    stage: Stage | None
    page: Page[Listed]


@dataclass(frozen=True, slots=True)
class Stuck:
    """Somebody who does not get on: since when, and the code of what stands in the way."""

    name: str
    stage: Stage
    since: datetime
    code: str | None
    untold: bool = False  # their newest message could not be delivered


@dataclass(frozen=True, slots=True)
class StuckShown:
    """Who does not get on, the longest first; and the dead letters, where the host has a queue for them."""

    event: str
    event_id: str
    now: datetime
    page: Page[Stuck] = field(repr=False)
    letters: DeadLetters | None = None


def _racers(said: Phrase) -> RacersShow:
    named = said.text.casefold()
    if named and named not in _STAGES:
        raise InstructionUnclear(word=said.text[:SHOWN])
    return RacersShow(event=said.event, stage=_STAGES[named] if named else None, page=page(said))


def _stuck(said: Phrase) -> StuckShow:
    return StuckShow(event=said.event or said.text or None, page=page(said))


def _retry(said: Phrase) -> Retry:
    everybody = not said.targets and said.text.casefold() == ALL
    targets = () if everybody else people_or_name(said, "retry")
    return Retry(event=said.event, targets=targets, dry_run=said.dry_run)


def _show_racers(rows: Rows, order: Order, command: RacersShow) -> RacersShown:
    everybody = roster.listed(list(roster.everybody(rows, order.event.id)), order.event, order.at)
    found = [one for one in everybody if command.stage in (None, one.stage)]
    found.sort(key=lambda one: (one.name.casefold(), one.registration.key))
    asked = ["admin racers", *([str(command.stage)] if command.stage else ()), f"event={order.event.id}"]
    return RacersShown(
        order.event.name, command.stage, paged(found, command.page, LINES_A_PAGE, " ".join(asked))
    )


def _show_stuck(rows: Rows, order: Order, command: StuckShow) -> StuckShown:
    everybody = list(roster.everybody(rows, order.event.id))
    silent = {notice.about: notice for notice in retrying.undelivered(rows, order)}
    stuck = {one.registration.key for one in roster.in_need(everybody, order.event, order.at)}
    found = []
    for seen in roster.listed(everybody, order.event, order.at):
        one = seen.registration
        notice = silent.get(f"registration:{one.key}")
        untold = notice is not None and notice.serial == one.serial
        if one.key in stuck or untold:
            code = seen.problem or (notice.dropped if untold and notice is not None else None)
            found.append(Stuck(seen.name, seen.stage, seen.since, code, untold=untold))
    found.sort(key=lambda one: (one.since, one.name))
    again = f"admin stuck event={order.event.id}"
    page = paged(found, command.page, LINES_A_PAGE, again)
    return StuckShown(order.event.name, order.event.id, order.at, page, order.letters)


def _plan_retry(rows: Rows, order: Order, command: Retry) -> Draft:
    return retrying.retry_named(rows, order) if command.targets else retrying.retry_all(rows, order)


def _say_racers(words: Words, shown: RacersShown) -> Message:
    total = shown.page.total
    key = "racers-shown.all" if shown.stage is None else "racers-shown.some"
    stage = words.plain(f"stage.{shown.stage}") if shown.stage is not None else ""
    summary = words.text(f"{key}.summary", event=shown.event, count=total, stage=stage)
    lines = tuple(
        Paragraph(
            words.text(
                "racers-shown.line", name=one.name, stage=words.plain(f"stage.{one.stage}"), since=one.since
            )
        )
        for one in shown.page.items
    ) or (Paragraph(words.text("racers-shown.none")),)
    return Message(summary, (*lines, *shown.page.parts(words)))


def _say_stuck(words: Words, shown: StuckShown) -> Message:
    total = shown.page.total
    letters = _letters(words, shown.letters)
    button = Button(words.plain("stuck-shown.retry"), f"{ADMIN} retry {ALL} event={shown.event_id}")
    if not total:
        return Message(
            words.text("stuck-shown.none.summary", event=shown.event),
            (
                Paragraph(words.text("stuck-shown.none.next")),
                *letters,
                *((Buttons((button,)),) if shown.letters and shown.letters.count else ()),
            ),
        )
    lines = tuple(Paragraph(_stuck_line(words, one, shown.now)) for one in shown.page.items)
    return Message(
        words.text("stuck-shown.summary", event=shown.event, count=total),
        (
            *lines,
            *letters,
            Buttons((button,)),
            *shown.page.parts(words),
            Note(words.text("stuck-shown.note")),
        ),
    )


def _letters(words: Words, letters: DeadLetters | None) -> tuple[Paragraph, ...]:
    """Return what is said of the dead letters: nothing without any, or without a queue that has some."""
    if letters is None or not (letters.count or letters.problem):
        return ()
    if letters.problem is not None:
        return (Paragraph(words.text("dead-letters.unseen", code=letters.problem)),)
    kinds = ", ".join(
        f"{words.plain(f'dead-letters.{kind}')}: {number}" for kind, number in sorted(letters.kinds.items())
    )
    kinds = kinds or words.plain("dead-letters.hidden")
    said = Paragraph(words.text("dead-letters.lie", count=letters.count, kinds=kinds))
    note = Paragraph(words.text("dead-letters.staying", count=letters.staying))
    return (said, note) if letters.staying else (said,)


def _stuck_line(words: Words, one: Stuck, now: datetime) -> Text:
    """Return one line: who, in which stage, for how long, why, and whether they do not know."""
    error = by_code().get(one.code or "", Unexpected)
    known = f"why.{error.key()}" in words
    why = words.plain(f"why.{error.key()}" if known else "why.unexpected")
    key = "stuck-shown.line" if one.code is None else "stuck-shown.line-why"
    age = max(now - one.since, timedelta(minutes=1))
    stage = words.plain(f"stage.{one.stage}")
    line = words.text(key, name=one.name, stage=stage, age=age, code=one.code or "", why=why)
    return (*line, Plain(". "), *words.text("stuck-shown.untold")) if one.untold else line


NOUN = Noun(
    verbs=(
        AdminVerb("admin racers", "admin racers [state]", "organizers", _racers, options={"page": False}),
        AdminVerb("admin stuck", "admin stuck", "organizers", _stuck, options={"page": False}),
        AdminVerb("admin retry", "admin retry @racer… or all", "organizers", _retry, names_people=True),
    ),
    plans={Retry: _plan_retry},
    queries={RacersShow: _show_racers, StuckShow: _show_stuck},
    answers={RacersShown: _say_racers, StuckShown: _say_stuck},
)
