"""What is used of a quota, as racers read it: what `usage` answers, and a line of the ready message. Pure."""

from adapters.chat.message import Message, Paragraph, Part
from bot.words import Value, Words
from provisioning.events import Quota
from provisioning.outcomes import UsageShown
from provisioning.quotas import Used


def usage(words: Words, shown: UsageShown) -> Message:
    """Return what the asker has used this month, for each event in which they race on a racing site."""
    if not shown.standings:
        return Message(words.text("usage.nowhere.summary"), (Paragraph(words.text("usage.nowhere.next")),))
    parts: list[Part] = []
    for one in shown.standings:
        if len(shown.standings) > 1:
            parts.append(Paragraph(words.text("usage.event", event=one.event.name)))
        parts.append(used_line(words, one.registration.quota_in(one.event), one.used))
    is_known = any(one.used is not None for one in shown.standings)
    month = Paragraph(words.text("usage.month" if is_known else "usage.month-unread"))
    return Message(words.text("usage.summary"), (*parts, month))


def used_line(words: Words, quota: Quota, used: Used | None) -> Part:
    """Return what is used of this quota, what is reserved, and what is left."""
    values: dict[str, Value] = {"hours": quota.training_hours, "models": quota.models}
    if used is None:
        return Paragraph(words.text("usage.unread", **values))
    values |= {
        "made": used.models,
        "used": duration(used.minutes),
        "queued": duration(used.queued),
        "left": duration(used.left_of(quota)),
    }
    return Paragraph(words.text("usage.line-queued" if used.queued else "usage.line", **values))


def duration(minutes: int) -> str:
    """Return so many minutes as hours and minutes: `8 h 20 min`; the units are the same in all languages."""
    hours, rest = divmod(minutes, 60)
    if not rest:
        return f"{hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
