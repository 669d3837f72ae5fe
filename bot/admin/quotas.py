"""The verb about quotas: shown, set, or moved by some hours or models; for racers, everyone, or the event."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from adapters.chat.message import Fact, Facts, Message, Note, Paragraph, Plain
from bot.admin.phrases import SHOWN, Phrase, number
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning import quota_changes, roster
from provisioning.errors import InstructionUnclear, ValueUnusable
from provisioning.events import Event
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.quotas import NO_CHANGE, Adjustment, Amount
from provisioning.registrations import Registration
from provisioning.targets import Named

Whose = Literal["racers", "everyone", "event"]
_WHOSE: Final[dict[str, Whose]] = {
    **dict.fromkeys(("everyone", "everybody", "<!everyone>", "@everyone"), "everyone"),
    "default": "event",
}
_SAID = re.compile(r"(?P<amount>[+\-\u2212\u2013]?\d[\d.,']*)(?P<unit>h|hours?|m|models?)", re.IGNORECASE)
_MINUS: Final = ("-", "\u2212", "\u2013")  # also as phones and word processors write it


@dataclass(frozen=True, slots=True)
class QuotaSet(AdminCommand):
    """Change the quota of those who are named, of everyone who races, or the event's."""

    needs_usage: ClassVar[bool] = True

    whose: Whose = "racers"
    adjustment: Adjustment = NO_CHANGE


@dataclass(frozen=True, slots=True)
class QuotaShow(AdminCommand):
    """Show the event's quota, or that of those who are named."""


@dataclass(frozen=True, slots=True)
class QuotaShown:
    """The quota of an event, of these racers, and how many have one of their own."""

    event: Event
    racers: tuple[Registration, ...]
    own: int


def _quota(said: Phrase) -> QuotaSet | QuotaShow:
    words = list(said.words)
    given = {name: said.options[name] for name in ("hours", "models") if name in said.options}
    for word in said.words:
        amount = _SAID.fullmatch(word)
        if amount is not None:
            given["hours" if amount["unit"].lower().startswith("h") else "models"] = amount["amount"]
            words.remove(word)
    whose = _WHOSE.get(" ".join(words).casefold(), "racers")
    targets = said.targets
    if words and whose == "racers":
        if targets:
            raise InstructionUnclear(word=words[0][:SHOWN])
        targets = (Named(" ".join(words)),)
    if not given:
        return QuotaShow(event=said.event, targets=targets)
    if targets and whose != "racers":
        raise InstructionUnclear(word=words[0][:SHOWN])
    if whose == "racers" and not targets:
        raise InstructionUnclear(word="quota")
    adjustment = Adjustment(*(_amount(name, given[name]) if name in given else None for name in _PARTS))
    return QuotaSet(
        event=said.event, targets=targets, dry_run=said.dry_run, whose=whose, adjustment=adjustment
    )


_PARTS: Final = ("hours", "models")


def _amount(name: str, text: str) -> Amount:
    """Read a number, or one to be added (+) or taken away (-). Raises ValueUnusable."""
    sign, digits = (text[:1], text[1:]) if text.startswith(("+", *_MINUS)) else ("", text)
    digits = re.sub(r"(?i)\s*(?:h|hours?|m|models?)$", "", digits)
    try:
        found = int(number(name, digits, at_least=0))
    except ValueUnusable as error:
        raise ValueUnusable(field=name, value=text[:SHOWN], form="amount") from error
    return Amount(-found if sign in _MINUS else found, moves=bool(sign))


def _plan(rows: Rows, order: Order, command: QuotaSet) -> Draft:
    if command.whose == "event":
        return quota_changes.of_event(rows, order, command.adjustment)
    if command.whose == "everyone":
        return quota_changes.of_everyone(rows, order, command.adjustment)
    return quota_changes.of_racers(rows, order, command.adjustment)


def _show(rows: Rows, order: Order, command: QuotaShow) -> QuotaShown:
    own = sum(one.quota is not None for one in roster.everybody(rows, order.event.id))
    return QuotaShown(order.event, tuple(roster.named(rows, order.event, order.people)), own)


def _say(words: Words, shown: QuotaShown) -> Message:
    event, ceiling = shown.event, shown.event.ceiling
    parts = [Paragraph(words.text("quota-shown.own", count=shown.own))]
    most = [
        words.plain(f"quota-shown.{name}", most=str(number))
        for name, number in (("hours", ceiling.training_hours), ("models", ceiling.models))
        if number is not None
    ]
    notes = [Note((Plain(" ".join(most)),))] if most else []
    key = "quota-shown.summary-monthly" if event.site_url else "quota-shown.summary"
    summary = words.text(key, event=event.name, hours=event.quota.training_hours, models=event.quota.models)
    return Message(summary, (*parts, *_racers(words, event, shown.racers), *notes))


def _racers(words: Words, event: Event, racers: Sequence[Registration]) -> tuple[Facts, ...]:
    rows = []
    for one in racers:
        quota = one.quota_in(event)
        key = "quota-shown.mine" if one.quota is not None else "quota-shown.events"
        rows.append(
            Fact(
                roster.called(one), words.text(key, hours=str(quota.training_hours), models=str(quota.models))
            )
        )
    return (Facts(tuple(rows)),) if rows else ()


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin quota",
            "admin quota @racer…, everyone or default hours=… models=…",
            "organizers",
            _quota,
            options={"hours": False, "models": False},
            names_people=True,
        ),
    ),
    plans={QuotaSet: _plan},
    queries={QuotaShow: _show},
    answers={QuotaShown: _say},
)
