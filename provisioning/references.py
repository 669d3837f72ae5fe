"""A reference: where the bot can write on a platform that needs more than a person's id to reach them."""

from dataclasses import dataclass
from datetime import datetime

ANSWER = "answer:"  # places that are answers of the bot; they are forgotten when nobody changes them any more


@dataclass(frozen=True, slots=True)
class Reference:
    """Where one place is reached, in the adapter's own words.

    `place` is a chat identity, a channel ("teams:19:…@thread.tacv2") or `answer:<handle of a reply>`.
    `dead` is why nothing gets through there, until somebody is heard from in that place again.
    """

    place: str
    address: str
    kept_at: datetime
    dead: str | None = None
