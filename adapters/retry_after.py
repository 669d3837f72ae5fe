"""How long an answer over HTTP asks to be left alone: its header `Retry-After` (RFC 9110, section 10.2.3)."""

import math
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 3600.0  # seconds; nobody is believed for longer


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds the header says, as a number (Graph sends fractions) or as a date; never negative.

    None when it is missing or nothing sensible.
    """
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
        except (ValueError, TypeError):  # TypeError: a date without a zone
            return None
    return min(seconds, LONGEST) if math.isfinite(seconds) and seconds >= 0 else None
