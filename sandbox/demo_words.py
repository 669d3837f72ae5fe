"""What a reader makes of the bot's messages: the demo knows the bot by its words alone, as people do."""

import html
import re

_LINK = re.compile(r"<[^|<>]+\|([^<>]+)>")  # an address or a date with what is shown in its place
_CODE = re.compile(r"\bCode (DR-\d{3})\b")


def is_ready(text: str, event: str = "") -> bool:
    """Tell whether this message says that the reader is in (in this event)."""
    return text.startswith(f"You're in: {event}")


def is_gone(text: str) -> bool:
    """Tell whether this message says that the reader has left, or that their join is cancelled."""
    return text.startswith("You've left ") or "that is cancelled" in text


def shows_identity(text: str) -> bool:
    """Tell whether this message shows that the bot knows who the reader is."""
    return "done: Checked who you are" in text or is_ready(text) or is_gone(text)


def code(text: str) -> str | None:
    """Return the code this message tells the reader to quote, or None."""
    found = _CODE.search(text)
    return found[1] if found else None


def plain(text: str) -> str:
    """Return a message's text as it is read: Slack's three escapes undone."""
    return html.unescape(text)


def says(text: str) -> list[str]:
    """Return the lines of a message's blocks as they look: links and dates as shown, no markup."""
    return [plain(_LINK.sub(r"\1", line)).strip("*") for line in text.splitlines()]
