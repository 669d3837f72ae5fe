"""The verb about what the organizers' channel is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.chat.message import Channel, Fact, Facts, Message, Note, Paragraph, Plain
from bot.admin.phrases import SHOWN, Phrase
from bot.admin.verbs import AdminCommand, AdminVerb, Noun
from bot.words import Words
from provisioning import feed
from provisioning.errors import InstructionUnclear, ValueUnusable
from provisioning.events import Event
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.recording import FEED_KINDS

_ON, _OFF = {"on", "yes"}, {"off", "no"}


@dataclass(frozen=True, slots=True)
class FeedShow(AdminCommand):
    """Show what the organizers' channel is told."""


@dataclass(frozen=True, slots=True)
class FeedSet(AdminCommand):
    """Switch kinds on or off."""

    kinds: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedShown:
    """What the organizers' channel of an event is told."""

    event: Event


def _feed(said: Phrase) -> FeedShow | FeedSet:
    unknown = next((word for word in said.words if "=" in word), None)
    if unknown is not None:
        raise InstructionUnclear(word=unknown[:SHOWN])
    wanted: dict[str, bool] = {}
    for name, text in said.options.items():
        if name == "event":
            continue
        if text.casefold() not in _ON | _OFF:
            raise ValueUnusable(field=name, value=text[:SHOWN], form="switch")
        wanted[name] = text.casefold() in _ON
    event = said.event or said.text or None
    if not wanted:
        return FeedShow(event=event)
    return FeedSet(event=event, dry_run=said.dry_run, kinds=wanted)


def _shown(rows: Rows, order: Order, command: FeedShow) -> FeedShown:
    return FeedShown(order.event)


def _plan(rows: Rows, order: Order, command: FeedSet) -> Draft:
    return feed.switch(rows, order, command.kinds)


def _say(words: Words, shown: FeedShown) -> Message:
    rows = tuple(
        Fact(
            words.plain(f"field.feed-{name}"),
            (Plain(words.plain(f"feed-shown.{'on' if name in shown.event.feed else 'off'}")),),
        )
        for name in FEED_KINDS
    )
    channel = shown.event.organizer_channel
    lead = (
        words.text("feed-shown.next", channel=Channel(channel))
        if channel
        else words.text("feed-shown.nowhere")
    )
    summary = words.text("feed-shown.summary", event=shown.event.name)
    return Message(summary, (Paragraph(lead), Facts(rows), Note(words.text("feed-shown.note"))))


NOUN = Noun(
    verbs=(
        AdminVerb(
            "admin feed",
            "admin feed [joins=on refusals=off …]",
            "organizers",
            _feed,
            options=dict.fromkeys(FEED_KINDS, False),
        ),
    ),
    plans={FeedSet: _plan},
    queries={FeedShow: _shown},
    answers={FeedShown: _say},
)
