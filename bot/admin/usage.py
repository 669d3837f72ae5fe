"""The verb about what racers have used of their quotas, and what that costs."""

from dataclasses import dataclass
from typing import ClassVar, Final

from adapters.chat.message import Column, Message, Note, Paragraph, Part, Table
from bot.admin.paging import Page, paged
from bot.admin.phrases import Phrase, page
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.usage_wording import duration
from bot.words import Words
from provisioning import roster
from provisioning.events import Event, Quota
from provisioning.instructing import Order
from provisioning.ports import Rows
from provisioning.quotas import NEAR, Used
from provisioning.usage import used_of

LINES_A_PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class UsageShow(AdminCommand):
    """Show what everybody who races has used, or those who are named."""

    needs_usage: ClassVar[bool] = True

    page: int = 1


@dataclass(frozen=True, slots=True)
class UsedLine:
    """What one racer has used this month of what they may."""

    name: str
    quota: Quota
    used: Used

    @property
    def share(self) -> int:
        """Return how much of the hours is used or reserved, in percent; of no hours all is."""
        whole = self.quota.training_hours * 60
        return (self.used.minutes + self.used.queued) * 100 // whole if whole else 100


@dataclass(frozen=True, slots=True)
class UsageListed:
    """What racers have used, whoever is nearest to the limit first; `minutes` is the sum of all pages.

    `near` and `out` count who has reached each level of use.
    """

    event: Event
    page: Page[UsedLine]
    minutes: int
    near: int
    out: int


def _usage(said: Phrase) -> UsageShow:
    return UsageShow(event=said.event or said.text or None, targets=said.targets, page=page(said))


def _show(rows: Rows, order: Order, command: UsageShow) -> UsageListed:
    event = order.event
    named = roster.named(rows, event, order.people) if command.targets else roster.racing(rows, event.id)
    names = roster.told_apart(named)
    lines = [
        UsedLine(names[one.key], one.quota_in(event), used)
        for one in named
        if (used := used_of(rows, one, event, order.at)) is not None
    ]
    lines.sort(key=lambda one: (-one.share, -one.used.minutes, one.name.casefold()))
    levels = [one.used.level_in(one.quota) for one in lines]
    near, out = NEAR
    return UsageListed(
        event,
        paged(lines, command.page, LINES_A_PAGE, f"admin usage event={event.id}"),
        sum(one.used.minutes for one in lines),
        levels.count(near),
        levels.count(out),
    )


def _say(words: Words, listed: UsageListed) -> Message:
    event, lines = listed.event, listed.page.items
    if not lines:
        return Message(
            words.text("usage-listed.none.summary", event=event.name),
            (Paragraph(words.text("usage-listed.none.next")),),
        )
    parts: list[Part] = [Paragraph(words.text("usage-listed.near", near=listed.near, out=listed.out))]
    if event.price_per_hour is not None:
        price_per_hour = event.price_per_hour
        spent = words.amount(price_per_hour.of(listed.minutes), price_per_hour.currency, pattern="#,##0.00")
        price = words.amount(price_per_hour.amount, price_per_hour.currency, pattern="#,##0.00##")
        parts.append(Paragraph(words.text("usage-listed.spent", spent=spent, price=price)))
    note = Note(words.text("usage-listed.month"))
    used = duration(listed.minutes)
    summary = words.text("usage-listed.summary", event=event.name, count=listed.page.total, used=used)
    return Message(summary, (*parts, _table(words, lines), *listed.page.parts(words), note))


def _table(words: Words, lines: tuple[UsedLine, ...]) -> Table:
    heads = ("used", "queued", "left", "share", "models")
    columns = tuple(Column(words.plain(f"usage-listed.{head}"), is_number=True) for head in heads)
    rows = tuple(
        (
            one.name,
            duration(one.used.minutes),
            duration(one.used.queued),
            duration(one.used.left_of(one.quota)),
            f"{one.share} %",
            f"{one.used.models} / {one.quota.models}",
        )
        for one in lines
    )
    return Table(
        words.text("usage-listed.caption"), (Column(words.plain("usage-listed.racer")), *columns), rows
    )


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin usage",
            "admin usage [event] [@racer…]",
            "organizers",
            _usage,
            options={"page": False},
            names_people=True,
        ),
    ),
    queries={UsageShow: _show},
    answers={UsageListed: _say},
)
