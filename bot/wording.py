"""The wording: outcomes to messages. Pure; sentences come from the catalog, decisions were made before.

The summary is the outcome, the first paragraph what happens next. Each message is true when read alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from adapters.chat.message import (
    Button,
    Buttons,
    Channel,
    Code,
    Confirm,
    Fact,
    Facts,
    Link,
    LinkButton,
    Mention,
    Message,
    Note,
    Paragraph,
    Part,
    Plain,
    StepLine,
    Steps,
    Text,
)
from bot import board_wording, picture_wording, privacy
from bot.access import Asker, allowed
from bot.grammar import EXAMPLES, YES, Unknown
from bot.question_wording import questions
from bot.race_wording import race_lines, races
from bot.usage_wording import duration, usage, used_line
from bot.words import Words
from provisioning.deciding import IN_PLACE, SCIM_CYCLE, Stage
from provisioning.errors import (
    Misconfigured,
    ProvisioningError,
    Refusal,
    StoreUnavailable,
    Unexpected,
    by_code,
)
from provisioning.events import DeepRacerOnAws, Event
from provisioning.ids import ChatIdentity
from provisioning.outbox import Notice
from provisioning.outcomes import (
    MOST_AHEAD,
    BoardsShown,
    Certificates,
    Choice,
    ConfirmForget,
    ConfirmLeave,
    Drawing,
    Forgotten,
    Instructed,
    LookingUp,
    Nothing,
    Outcome,
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
from provisioning.recording import is_told
from provisioning.registrations import Registration, Step
from provisioning.requests import Wish

StepState = Literal["done", "now", "next"]
SOON = timedelta(minutes=1)
HOLD_UPS = {Stage.BROKEN: "organizers-broken", Stage.LATE: "organizers-late"}  # and what tells of them
PENDING = {Stage.ADDING, Stage.WAITING, Stage.CONFIRMING, Stage.LATE}
CHOICES_SHOWN = 5
TO_ORGANIZERS = "note.organizers"  # what stands beside a code for those to whom others quote theirs


def answer(words: Words, outcome: Outcome) -> Message:
    """Return what the asker is told at once."""
    match outcome:
        case Queued():
            return _queued(words, outcome)
        case Standing():
            return standing(words, outcome)
        case Choice():
            return _choice(words, outcome)
        case ConfirmLeave():
            return _confirm_leave(words, outcome)
        case Nothing():
            return _nothing(words, outcome)
        case Overview():
            return _overview(words, outcome)
        case Privacy() | ConfirmForget() | Forgotten():
            return privacy.answer(words, outcome)
        case SigningIn() | Instructed() | LookingUp():
            return _passing(words, outcome)
        case Refused():
            return refusal(words, type(outcome.error), outcome.error.facts, outcome.event)
        case Questioned():
            return questions(words, outcome)
        case RacesShown() | BoardsShown() | Drawing() | Certificates() | UsageShown():
            return _racing(words, outcome)


def _racing(words: Words, outcome: RacesShown | BoardsShown | Drawing | Certificates | UsageShown) -> Message:
    """Return the open races, leaderboards, what is used, or that something is being drawn."""
    if isinstance(outcome, UsageShown):
        return usage(words, outcome)
    if isinstance(outcome, RacesShown):
        return races(words, outcome)
    if isinstance(outcome, Drawing | Certificates):
        return picture_wording.drawing(words, outcome)
    return board_wording.shown(words, outcome)


def _passing(words: Words, outcome: SigningIn | Instructed | LookingUp) -> Message:
    """Return that the answer comes where this stands."""
    if isinstance(outcome, SigningIn):
        lead = Paragraph(words.text("signin.next"))
        return Message(words.text("signin.summary", event=outcome.event.name), (lead,), passing=True)
    key = "instructed" if isinstance(outcome, Instructed) else "looking-up"
    return Message(words.text(f"{key}.summary"), (Paragraph(words.text(f"{key}.next")),), passing=True)


def help_message(words: Words, asker: Asker, unknown: Unknown | None = None) -> Message:
    """Return what this asker may do; with words that were no command, the nearest one first."""
    lines = tuple(
        Paragraph(words.text("help.line", usage=verb.usage, what=words.plain(verb.key)))
        for verb in allowed(asker)
    )
    parts: list[Part] = [Paragraph(words.text("help.lead")), *lines, _examples(words)]
    if unknown is None:
        return Message(words.text("help.summary"), tuple(parts))
    if unknown.nearest:
        nearest = unknown.nearest
        parts = [
            Paragraph(words.text("help.nearest", nearest=nearest)),
            Buttons((Button(words.plain("help.try", verb=nearest), nearest, "primary"),)),
            *parts,
        ]
    return Message(words.text("help.unknown", word=unknown.word), tuple(parts))


def refusal(
    words: Words,
    error: type[ProvisioningError],
    facts: Mapping[str, str],
    event: Event | None = None,
    *,
    note: str = "note.code",
) -> Message:
    """Return why something is refused or waits, how to mend it, and the code with what to do with it."""
    key = f"error.{error.key()}"
    if f"{key}.summary" not in words:
        key = f"error.{Unexpected.key()}"
    values = _unnamed(words) | _values(facts) | ({"event": event.name} if event else {})
    following = _following(words, key, values)
    if "organizers" in facts:
        following = _with_organizers(words, following, facts["organizers"])
    return Message(
        words.text(f"{key}.summary", **values),
        (Paragraph(following), Note(words.text(note, code=error.code))),
    )


def _with_organizers(words: Words, following: Text, hear: str) -> Text:
    """Return the sentence with whether the organizers hear of it from the bot, or need to be told."""
    return (*following, Plain(" "), *words.text(f"organizers.{hear}"))


def _held_up(words: Words, following: Text, event: Event, says: str) -> Text:
    return _with_organizers(words, following, "know" if is_told(event, says) else "unaware")


def _following(words: Words, key: str, values: Mapping[str, Any]) -> Text:
    """Return what happens next: the sentence for the fact that tells cases apart, where there is one."""
    for fact in ("form", "message", "nearest", "usage"):
        special = f"{key}.{values[fact]}" if fact == "form" and fact in values else f"{key}.{fact}"
        if values.get(fact) and special in words:
            return words.text(special, **values)
    return words.text(f"{key}.next", **values)


def refusal_of(words: Words, notice: Notice, *, note: str = "note.code") -> Message:
    """Return the message of a notice that carries an error code."""
    return refusal(words, by_code().get(notice.says, Unexpected), notice.facts, note=note)


def post(words: Words, notice: Notice) -> Message:
    """Return a message to the organizers' channel."""
    facts = dict(notice.facts)
    error = by_code().get(facts.get("code", ""))
    why = (
        words.text(f"error.{error.key()}.summary")
        if error and f"error.{error.key()}.summary" in words
        else ()
    )
    racer = _person(facts.get("racer", ""), facts.get("name", ""))
    values: dict[str, Any] = {
        **_values(facts),
        "why": "".join(getattr(span, "text", "") for span in why),
        "racer": racer,
    }
    if "count" in facts:
        values["count"] = int(facts["count"])
    parts: list[Part] = [Paragraph(words.text(f"{notice.says}.next", **values))]
    rows = tuple(
        Fact(words.plain(f"post.{name}"), ((Channel if name == "channel" else Plain)(facts[name]),))
        for name in ("target", "group", "channel", "reason")
        if facts.get(name)
    )
    if rows:
        parts.append(Facts(rows))
    if facts.get("code"):
        parts.append(Note(words.text(TO_ORGANIZERS, code=facts["code"])))
    return Message(words.text(f"{notice.says}.summary", **values), tuple(parts))


def standing(words: Words, found: Standing) -> Message:
    """Return how a registration stands: in the reply to `status`, on the card, and as the result."""
    if found.stage is Stage.READY:
        return _ready(words, found)
    if found.stage is Stage.REFUSED:
        error = by_code().get(found.registration.problem or "", Unexpected)
        worded = refusal(words, error, {}, found.event)
        lead = Paragraph(worded.summary)
        return Message(words.text("standing.refused.summary", event=found.event.name), (lead, *worded.parts))
    summary, following = _standing_text(words, found)
    parts: list[Part] = [Paragraph(following)]
    if found.stage in PENDING:
        parts.append(_steps(words, found))
    if found.stage in PENDING or found.stage is Stage.IN_LINE:
        parts.append(Buttons((_cancel_button(words, found.event),)))
    code = (
        found.event.broken.code
        if found.stage is Stage.BROKEN and found.event.broken
        else found.registration.problem
    )
    if code:
        parts.append(Note(words.text("note.code", code=code)))
    return Message(summary, tuple(parts))


def note(words: Words, says: str, found: Standing) -> Message:
    """Return what somebody else changed for this racer, as it is now."""
    event, mine = found.event, found.registration.quota_in(found.event)
    values: dict[str, Any] = {"event": event.name, "hours": mine.training_hours, "models": mine.models}
    values["left"] = duration(0 if found.used is None else found.used.left_of(mine))
    monthly = "-monthly" if says == "quota" and event.site_url else ""
    once_in = "-once-in" if says == "quota" and not found.registration.is_ready else ""
    following = words.text(f"told.{says}.next{monthly}{once_in}", id=event.id, **values)
    return Message(words.text(f"told.{says}.summary", **values), (Paragraph(following),))


def ends_soon(words: Words, found: Standing) -> Message:
    """Return the reminder that the event ends soon, to somebody who is in it."""
    event = found.event
    values: dict[str, Any] = {"event": event.name, "ends": event.ends}
    buttons = (part for part in _openings(words, event) if isinstance(part, Buttons))
    races = [Paragraph(words.text("standing.ready.races")), *race_lines(words, event, found.races)]
    return Message(
        words.text("ends-soon.summary", **values),
        (
            Paragraph(words.text("ends-soon.next", **values)),
            *buttons,
            *(races if found.races else ()),
        ),
    )


def welcome(words: Words, open_events: tuple[Event, ...], *, together: bool = False) -> Message:
    """Return the greeting where the bot was added, with what can be joined; `together`: many read it."""
    what_now = _nothing(words, Nothing(open_events)).parts
    lead = Paragraph(words.text("welcome.next"))
    how = (Paragraph(words.text("welcome.together")),) if together else ()
    return Message(words.text("welcome.summary"), (lead, *what_now, *how, _examples(words)))


def first_password(words: Words, event: Event, site_url: str, given: FirstPassword) -> Message:
    """Return the way into the racing site, for its owner's eyes; nothing of it is kept."""
    rows = (
        Fact(words.plain("signin.name"), (Code(given.sign_in_as),)),
        Fact(words.plain("signin.password"), (Code(given.password),)),
    )
    open_site = LinkButton(words.plain("standing.ready.open-site"), site_url, "primary")
    return Message(
        words.text("signin.given", event=event.name),
        (
            Paragraph(words.text("signin.once")),
            Facts(rows),
            Buttons((open_site,)),
            Note(words.text("signin.renew")),
        ),
    )


def no_first_password(words: Words, event: Event, error: type[Misconfigured]) -> Message:
    """Return that somebody else must mend what keeps the first sign-in from being made."""
    why = words.text(f"error.{error.key()}.summary")
    return Message(
        words.text("signin.failed", event=event.name),
        (
            Paragraph((*why, Plain(" "), *words.text("signin.again"))),
            Note(words.text("note.code", code=error.code)),
        ),
    )


def answered_privately(words: Words) -> Message:
    """Return what stands where somebody asked in front of others."""
    return _pointer(words, "pointer.answered")


def open_a_chat(words: Words) -> Message:
    """Return what stands there when the asker cannot be written to in private."""
    return _pointer(words, "pointer.open-a-chat")


def _pointer(words: Words, key: str) -> Message:
    return Message(words.text(f"{key}.summary"), (Paragraph(words.text(f"{key}.next")),))


def busy(words: Words, error: ProvisioningError) -> Message:
    """Return what to say when nothing could be recorded, whatever kept it from being."""
    shown = type(error) if isinstance(error, Refusal) else StoreUnavailable
    return refusal(words, shown, error.facts)


def slow(words: Words) -> Message:
    """Return what to say when an answer takes too long for the platform."""
    return Message(words.text("slow.summary"), (Paragraph(words.text("slow.next")),))


def not_opened(words: Words) -> Message:
    """Return what to say when a form was asked for and did not open."""
    return Message(words.text("not-opened.summary"), (Paragraph(words.text("not-opened.next")),))


def too_slow(words: Words) -> Message:
    """Return what to say when an answer takes too long, and none can follow later."""
    return Message(words.text("too-slow.summary"), (Paragraph(words.text("too-slow.next")),))


def defect(words: Words) -> Message:
    """Return what to say when something went wrong that there is no word for."""
    note = Note(words.text("note.code", code=Unexpected.code))
    return Message(words.text("defect.summary"), (Paragraph(words.text("defect.next")), note))


def _standing_text(words: Words, found: Standing) -> tuple[Text, Text]:
    stage, event, registration = found.stage, found.event, found.registration
    key = f"standing.{stage}"
    ended = event.phase(found.now) == "ended"
    name = {"event": event.name}
    if stage is Stage.IN_LINE:
        return words.text(f"{key}.summary", **name), words.text(f"{key}.next", count=found.line_ahead)
    if stage is Stage.ADDING:
        return words.text(f"{key}.summary", **name), _typical(words, key, found.typical_seconds)
    if stage is Stage.WAITING:
        by = max(registration.asked_at + SCIM_CYCLE, found.now + timedelta(minutes=5))
        return words.text(f"{key}.summary", **name), words.text(f"{key}.next", by=by)
    if stage is Stage.GONE:
        lead = "ended-" if ended else ""
        return words.text(f"{key}.{lead}summary", **name), words.text(
            f"{key}.{lead}{_farewell(event, registration, ended=ended)}", id=event.id
        )
    if stage is Stage.LEAVING and ended:
        return words.text(f"{key}.summary", **name), words.text(f"{key}.ended-next", **name)
    if stage is Stage.LEAVING and registration.hold is not None:
        return words.text(f"{key}.held-summary", **name), words.text(f"{key}.held-next")
    if stage in {Stage.SUSPENDED, Stage.REMOVED}:
        return words.text(f"{key}.summary", **name), _held(words, key, registration)
    following = words.text(f"{key}.next", **name)
    if stage in HOLD_UPS:
        following = _held_up(words, following, event, HOLD_UPS[stage])
    return words.text(f"{key}.summary", **name), following


def _farewell(event: Event, registration: Registration, *, ended: bool) -> str:
    """Return which sentence is true of the access: it ended, stays as it was before, or never was.

    A racing site may go on admitting who has nothing there any more: always where the bot works through its
    API alone.
    """
    steps = {progress.step for progress in registration.progress.values()}
    if not steps:
        return "never"
    if Step.KEPT in steps:
        return "kept"
    if ended and registration.wish is Wish.RACING and registration.first_ready_at is None:
        return "never"
    on_site = {isinstance(event.grant_of(target), DeepRacerOnAws) for target in registration.progress}
    return "both-next" if len(on_site) > 1 else "site-next" if True in on_site else "next"


def _held(words: Words, key: str, registration: Registration) -> Text:
    hold = registration.hold
    if hold is None:
        return words.text(f"{key}.next", reason="")
    if hold.by == "directory":
        return words.text(
            f"{key}.directory-{'membership' if hold.reason == 'membership-missing' else 'employee'}"
        )
    return words.text(f"{key}.next", reason=f" ({hold.reason})" if hold.reason else "")


def _ready(words: Words, found: Standing) -> Message:
    event = found.event
    parts = [*_openings(words, event)]
    parts += [
        Paragraph(words.text("standing.ready.training", links=Link(training.title, training.url)))
        for training in event.training_links
    ]
    mine = found.registration.quota_in(event)
    monthly = "-monthly" if event.site_url else ""
    quota = words.text(f"standing.ready.quota{monthly}", hours=mine.training_hours, models=mine.models)
    if found.used is not None:
        parts.append(used_line(words, mine, found.used))
    if found.races:
        parts += [Paragraph(words.text("standing.ready.races")), *race_lines(words, event, found.races)]
    ends = words.text("standing.ready.ends", ends=event.ends)
    parts.append(Note((*quota, Plain(" "), *ends)))
    return Message(words.text("standing.ready.summary", event=event.name), tuple(parts))


def _openings(words: Words, event: Event) -> Iterator[Part]:
    """Yield what the racer can open: the racing site, the event's own address, or both, each by name."""
    site, account = event.site_url, event.access_url
    if site and account:
        yield Paragraph(words.text("standing.ready.both-next"))
        open_site = LinkButton(words.plain("standing.ready.open-site"), site, "primary")
        yield Buttons((open_site, LinkButton(words.plain("standing.ready.open-account"), account, "plain")))
        yield Paragraph(words.text("standing.ready.site", link=Link(site, site)))
        yield Paragraph(words.text("standing.ready.account", link=Link(account, account)))
        return
    url = site or account
    yield Paragraph(words.text("standing.ready.site-next" if site else "standing.ready.next"))
    yield Buttons((LinkButton(words.plain("standing.ready.open", event=event.name), url, "primary"),))
    yield Paragraph(
        words.text("standing.ready.site" if site else "standing.ready.address", link=Link(url, url))
    )


def _steps(words: Words, found: Standing) -> Steps:
    """Return the steps of the join, each with how far it is."""
    progress = found.registration.progress
    lines = [_step(words, "identity", "done")]
    reached = found.registration.has_seat
    for grant in found.event.grants:
        known = progress.get(grant.target)
        done = known is not None and known.step in IN_PLACE
        state: StepState = "done" if done else ("now" if reached else "next")
        lines.append(_step(words, grant.kind, state))
        reached = reached and done
    lines.append(_step(words, "confirmed", "now" if reached else "next"))
    return Steps(tuple(lines))


def _step(words: Words, what: str, state: StepState) -> StepLine:
    return StepLine(words.text(f"steps.{what}"), state, words.plain(f"step.{state}"))


def _queued(words: Words, found: Queued) -> Message:
    name = found.event.name
    if found.wish is Wish.GONE:
        return Message(
            words.text("queued.leave.summary", event=name), (Paragraph(words.text("queued.leave.next")),)
        )
    if found.is_overdue:
        lead = _held_up(words, words.text("queued.overdue.next"), found.event, "organizers-overdue")
        return Message(words.text("queued.overdue.summary", event=name), (Paragraph(lead),))
    return _join_queued(words, name, found.typical_seconds, found.ahead)


@lru_cache(maxsize=64)
def _join_queued(words: Words, name: str, typical_seconds: float | None, ahead: int) -> Message:
    # When an event opens, hundreds are told the same: it is worded, and then rendered, once for all of them.
    parts: list[Part] = [Paragraph(_typical(words, "queued.join", typical_seconds))]
    if ahead:
        key = "queued.join.many-ahead" if ahead >= MOST_AHEAD else "queued.join.ahead"
        parts.append(Paragraph(words.text(key, count=ahead)))
    parts.append(Note(words.text("queued.join.status")))
    return Message(words.text("queued.join.summary", event=name), tuple(parts))


def _typical(words: Words, key: str, seconds: float | None) -> Text:
    if seconds is None:
        return words.text(f"{key}.next-unknown")
    return words.text(f"{key}.next", typical=max(timedelta(seconds=seconds), SOON))


def _choice(words: Words, found: Choice) -> Message:
    verb = "join" if found.wish is Wish.RACING else "leave"
    lines: Sequence[Part] = [
        Paragraph(
            words.text("choose.until", event=event.name, closes=event.closes)
            if found.wish is Wish.RACING
            else words.text("choose.during", event=event.name)
        )
        for event in found.events
    ]
    buttons = tuple(Button(event.name, f"{verb} {event.id}") for event in found.events[:CHOICES_SHOWN])
    return Message(words.text(f"choose.{verb}"), (*lines, Buttons(buttons)))


def _confirm_leave(words: Words, found: ConfirmLeave) -> Message:
    event = found.event
    yes = Button(words.plain("confirm-leave.yes"), f"leave {event.id} {YES}", "danger")
    no = Button(words.plain("confirm-leave.no"), "status")
    return Message(
        words.text("confirm-leave.summary", event=event.name),
        (
            Paragraph(words.text("confirm-leave.pending" if found.pending else "confirm-leave.next")),
            Buttons((yes, no)),
            Note(words.text("confirm-leave.typed", id=event.id)),
        ),
    )


def _cancel_button(words: Words, event: Event) -> Button:
    """Return the way out for whoever still waits; it is there, and does not shout beside their progress."""
    asked = Confirm(
        words.plain("confirm-leave.title"),
        words.plain("confirm-leave.pending"),
        words.plain("confirm-leave.yes"),
        words.plain("confirm-leave.no"),
    )
    return Button(words.plain("confirm-leave.yes"), f"leave {event.id} {YES}", "plain", asked)


def _nothing(words: Words, found: Nothing) -> Message:
    if not found.open_events:
        return Message(words.text("nothing.summary"), (Paragraph(words.text("nothing.none")),))
    count = len(found.open_events)
    lines: list[Part] = [Paragraph(words.text("nothing.open", count=count))]
    lines += [
        Paragraph(words.text("choose.until", event=event.name, closes=event.closes))
        for event in found.open_events
    ]
    buttons = tuple(
        Button(
            words.plain("nothing.join", event=event.name),
            f"join {event.id}",
            "primary" if count == 1 else "plain",
        )
        for event in found.open_events[:CHOICES_SHOWN]
    )
    return Message(words.text("nothing.summary"), (*lines, Buttons(buttons)))


def _examples(words: Words) -> Note:
    first, second, third = EXAMPLES
    return Note(words.text("help.examples", first=first, second=second, third=third))


def _overview(words: Words, found: Overview) -> Message:
    messages = [standing(words, one) for one in found.standings] + [
        _queued(words, one) for one in found.queued
    ]
    if len(messages) == 1:
        return messages[0]
    parts: list[Part] = []
    for message in messages:
        parts += [Paragraph(message.summary), *message.parts]
    return Message(words.text("overview.summary"), tuple(parts))


def _person(text: str, name: str) -> Mention | str:
    """Return whose chat identity this is, so that the platform shows a name; other text stays."""
    try:
        return Mention(ChatIdentity.parse(text), name)
    except ValueError:
        return text


def _unnamed(words: Words) -> dict[str, Any]:
    """Return what stands in a sentence where a stored error kept no facts."""
    return {name: words.plain(f"unnamed.{name}") for name in ("event", "domain", "name")}


def _values(facts: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts of an error with its moments as moments, to be shown in the reader's zone."""
    values: dict[str, Any] = dict(facts)
    if "target" in values:
        values["target"] = _person(values["target"], values.get("called", ""))
    for name in ("opens", "closes", "ends", "until"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return values
