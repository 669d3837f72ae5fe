"""The verbs that show an event in numbers, and as a list of its racers."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.chat.message import Code, Document, Fact, Facts, Message, Note, Paragraph, Plain, Text
from adapters.chat.message import Part as MessagePart
from bot import reporting
from bot.admin.phrases import Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning.errors import by_code
from provisioning.events import Event
from provisioning.instructing import Order
from provisioning.ports import Rows

DAYS_SHOWN: Final = 14  # of the joins over time; the file has all
REASONS_SHOWN: Final = 8
BAR: Final = 20  # signs of the longest bar


@dataclass(frozen=True, slots=True)
class ReportShow(AdminCommand):
    """Show the numbers of the event."""


@dataclass(frozen=True, slots=True)
class ExportShow(AdminCommand):
    """Give out the racers of the event as a file."""


@dataclass(frozen=True, slots=True)
class ReportShown:
    """The numbers of an event."""

    report: reporting.Report


@dataclass(frozen=True, slots=True)
class ExportShown:
    """The racers of an event, as a file."""

    event: Event
    count: int
    content: str


def _report(said: Phrase) -> ReportShow:
    return ReportShow(event=said.event or said.text or None)


def _export(said: Phrase) -> ExportShow:
    return ExportShow(event=said.event or said.text or None)


def _show_report(rows: Rows, order: Order, command: ReportShow) -> ReportShown:
    return ReportShown(reporting.report(rows, order.event))


def _show_export(rows: Rows, order: Order, command: ExportShow) -> ExportShown:
    count = rows.registrations.count(order.event.id)["all"]
    return ExportShown(order.event, count, reporting.racers_file(rows, order.event, order.at))


# --- what is said -------------------------------------------------------------------------------------------


def _say_report(words: Words, shown: ReportShown) -> Message:
    found, counted = shown.report, shown.report.funnel
    funnel = tuple(
        Fact(words.plain(f"report-shown.{name}"), (Plain(str(getattr(counted, name))),))
        for name in ("asked", "joined", "ready", "left")
    )
    parts: list[MessagePart] = [Paragraph(words.text("report-shown.next")), Facts(funnel)]
    median, late = counted.wait_at(0.5), counted.wait_at(0.95)
    if median is not None and late is not None:
        waits = words.text(
            "report-shown.waits", median=timedelta(seconds=median), late=timedelta(seconds=late)
        )
        parts.append(Paragraph(waits))
    refused = sorted(counted.refused.items(), key=lambda one: -one[1])[:REASONS_SHOWN]
    if refused:
        parts.append(Paragraph(words.text("report-shown.refused")))
        parts.append(Facts(tuple(Fact(code, _reason(words, code, number)) for code, number in refused)))
    parts += _over_time(words, found)
    for question, choices in sorted(counted.answers.items()):
        parts.append(Paragraph(words.text("report-shown.answers", question=question)))
        parts.append(Facts(tuple(Fact(choice, (Plain(str(number)),)) for choice, number in choices.items())))
    name = f"{found.event_id}-report.csv"
    said = Note(words.text("report-shown.file", file=name))
    document = Document(
        name,
        words.plain("report-file.summary", event=found.name),
        reporting.numbers_file(found),
        said,
        (Note(words.text("report-shown.no-file", id=found.event_id)),),
    )
    return Message(words.text("report-shown.summary", event=found.name), tuple(parts), document=document)


def _reason(words: Words, code: str, number: int) -> Text:
    error = by_code().get(code)
    key = f"why.{error.key()}" if error is not None else ""
    return (Plain(f"{number}: {words.plain(key)}"),) if key in words else (Plain(str(number)),)


def _over_time(words: Words, found: reporting.Report) -> list[MessagePart]:
    """Return the joins of each day as a bar and as a number: no number is said by a bar alone."""
    days = reporting.by_day(found)[-DAYS_SHOWN:]
    if not days:
        return []
    most = max(number for _, number in days)
    lines = [
        Paragraph((Code(day), Plain(f" {'█' * max(1, round(BAR * number / most))} {number}")))
        for day, number in days
    ]
    return [Paragraph(words.text("report-shown.over-time")), *lines]


def _say_export(words: Words, shown: ExportShown) -> Message:
    name = f"{shown.event.id}-racers.csv"
    document = Document(
        name,
        words.plain("export-file.summary", event=shown.event.name),
        shown.content,
        Paragraph(words.text("export-shown.file", file=name)),
        (Paragraph(words.text("export-shown.no-file", id=shown.event.id)),),
    )
    lead = Paragraph(words.text("export-shown.next", count=shown.count))
    return Message(words.text("export-shown.summary", event=shown.event.name), (lead,), document=document)


NOUN = Noun(
    verbs=(
        AdminVerb("admin report", "admin report [event]", "organizers", _report),
        AdminVerb("admin export", "admin export [event]", "organizers", _export),
    ),
    queries={ReportShow: _show_report, ExportShow: _show_export},
    answers={ReportShown: _say_report, ExportShown: _say_export},
)
