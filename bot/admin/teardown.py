"""The verb that ends an event, what it would do by name, and what organizers hear while it is done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.chat.message import (
    Document,
    Fact,
    Facts,
    Mention,
    Message,
    Note,
    Paragraph,
    Plain,
)
from adapters.chat.message import Part as MessagePart
from bot.admin.paging import Page, paged
from bot.admin.phrases import Phrase, page
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.spreadsheet import Form, written
from bot.words import Words
from provisioning.closing import GARAGES, MEGABYTES, Part, Parting, Stored, partings, still_leaving, stored_by
from provisioning.closings import Closing
from provisioning.events import Event
from provisioning.ids import EventId
from provisioning.instructing import Draft, Order
from provisioning.outbox import Notice
from provisioning.ports import Rows
from provisioning.registrations import Registration
from provisioning.teardown_changes import tear_down

NAMES_A_PAGE: Final = 30
LEAVING_NAMED: Final = 10  # of those who still have access, in the report
COLUMNS: Final = ("name", "user_principal_name", "person_id", "chat", "happens")


@dataclass(frozen=True, slots=True)
class Teardown(AdminCommand):
    """End the event now."""


@dataclass(frozen=True, slots=True)
class TeardownShow(AdminCommand):
    """Show what ending the event would do, by name."""

    page: int = 1


@dataclass(frozen=True, slots=True)
class TeardownShown:
    """What the end of the event would mean, for each who is not out."""

    event: Event
    people: tuple[Parting, ...]
    page: Page[Parting]
    stored: Stored = field(default_factory=Stored)

    @property
    def counts(self) -> Mapping[Part, int]:
        """Return how many there are of each part."""
        return Counter(one.part for one in self.people)


def _teardown(said: Phrase) -> Teardown | TeardownShow:
    event = said.event or said.text or None
    if said.dry_run:
        return TeardownShow(event=event, dry_run=True, page=page(said))
    return Teardown(event=event)


def _plan(rows: Rows, order: Order, command: Teardown) -> Draft:
    return tear_down(rows, order)


def _show(rows: Rows, order: Order, command: TeardownShow) -> TeardownShown:
    people = tuple(partings(rows, order.event))
    again = f"admin teardown --dry-run event={order.event.id}"
    stored = stored_by(rows, order.event, (one.registration for one in people))
    return TeardownShown(order.event, people, paged(people, command.page, NAMES_A_PAGE, again), stored)


# --- what is said -------------------------------------------------------------------------------------------


def _say(words: Words, shown: TeardownShown) -> Message:
    facts = _facts(words, {str(part): number for part, number in shown.counts.items()}, "teardown-shown")
    name = f"{shown.event.id}-teardown.csv"
    document = Document(
        name,
        words.plain("teardown-file.summary", event=shown.event.name),
        names_file(shown.people),
        Note(words.text("teardown-shown.file", file=name)),
        (*(_name(words, one) for one in shown.page.items), *shown.page.parts(words)),
    )
    return Message(
        words.text("teardown-shown.summary", event=shown.event.name),
        (
            Paragraph(words.text("teardown-shown.next", count=len(shown.people))),
            *_stored(words, shown.stored),
            *facts,
        ),
        document=document if shown.people else None,
    )


def names_file(people: Sequence[Parting], form: Form = "csv") -> str:
    """Return who would be out, and what that means for their access, as a file."""
    rows = [
        {
            "name": one.registration.person.display_name,
            "user_principal_name": one.registration.person.user_principal_name,
            "person_id": one.registration.person.id,
            "chat": "" if one.registration.reply is None else str(one.registration.reply.chat),
            "happens": str(one.part),
        }
        for one in people
    ]
    return written(COLUMNS, rows, form)


def _name(words: Words, one: Parting) -> Paragraph:
    happens = words.plain(f"teardown-shown.{one.part}")
    return Paragraph(words.text("teardown-shown.line", racer=_racer(one.registration), happens=happens))


def closing_message(words: Words, rows: Rows, notice: Notice) -> Message | None:
    """Return what this notice tells of an event that is over, as it is now; None when it is not over."""
    event = rows.events.get(EventId(notice.facts["event_id"]))
    closing = rows.closings.get(EventId(notice.facts["event_id"]))
    if event is None or closing is None or closing.over_at != event.over_at:
        return None
    if notice.facts["closing"] == "closing":
        return progress(words, event, closing)
    return report(words, event, closing, still_leaving(rows, event, LEAVING_NAMED) if closing.left else ())


def progress(words: Words, event: Event, closing: Closing) -> Message:
    """Return how many of those who had a part in the event are out."""
    done = closing.total - closing.left
    summary = words.text("closing.summary", event=event.name, done=done, total=closing.total)
    tail = "next" if closing.left else "complete"
    return Message(summary, (Paragraph(words.text(f"closing.{tail}")),))


def report(words: Words, event: Event, closing: Closing, leaving: Sequence[Registration]) -> Message:
    """Return how the event ended: whose access, what stays and why, and who still has some."""
    left = closing.left
    key = "closed-leaving" if left else "closed"
    parts: list[MessagePart] = [
        Paragraph(words.text(f"{key}.next", count=left)),
        *_stored(words, Stored(closing.result.get(GARAGES, 0), closing.result.get(MEGABYTES, 0))),
        *_facts(words, closing.result, "closed"),
    ]
    reasons = tuple(
        Fact(words.plain("closed.reason" if code else "closed.no-reason", code=code), (Plain(str(number)),))
        for code, number in sorted(closing.reasons.items())
        if left and number
    )
    parts += [Facts(reasons)] if reasons else []
    parts += [Paragraph(words.text("closed.name", racer=_racer(one))) for one in leaving]
    until = closing.over_at + timedelta(days=event.retention_days)
    parts.append(Note(words.text("closed.until", until=until)))
    return Message(words.text(f"{key}.summary", event=event.name), tuple(parts))


def _stored(words: Words, stored: Stored) -> tuple[Paragraph, ...]:
    """Return what stays on the racing site: the end of an event deletes no model."""
    if not stored.racers:
        return ()
    size = str(stored.megabytes)
    return (Paragraph(words.text("teardown-shown.models", count=stored.racers, size=size)),)


def _facts(words: Words, counts: Mapping[str, int], section: str) -> tuple[Facts, ...]:
    rows = tuple(
        Fact(words.plain(f"{section}.{part}"), (Plain(str(counts[part])),))
        for part in Part
        if counts.get(part)
    )
    return (Facts(rows),) if rows else ()


def _racer(registration: Registration) -> Mention | str:
    """Return how a racer is named: by their chat account, or, before they have one, as the directory does."""
    if registration.reply is None:
        return registration.person.display_name or registration.person.id
    return Mention(registration.reply.chat, registration.person.display_name)


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin teardown", "admin teardown [event]", "organizers", _teardown, options={"page": False}
        ),
    ),
    plans={Teardown: _plan},
    queries={TeardownShow: _show},
    answers={TeardownShown: _say},
)
