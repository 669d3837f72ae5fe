"""A race: a competition with a link, that organizers post, change and withdraw.

before `opens` ─▶ announced ─▶ open ─▶ closed          withdrawn: taken back, whatever the time
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from provisioning.ids import EventId, PersonId

Phase = Literal["announced", "open", "closed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Race:
    """One race, the `number`th of its event. Its channels are those it was posted to."""

    event_id: EventId
    number: int
    title: str
    link: str  # https, on a host that the event allows
    by: PersonId
    posted_at: datetime
    track: str = ""
    opens: datetime | None = None  # None: as soon as it is posted
    closes: datetime | None = None  # None: with the event
    channels: tuple[str, ...] = ()
    state: Literal["posted", "withdrawn"] = "posted"
    version: int = 0

    @property
    def key(self) -> str:
        """Return the name of the race over all events: `spring-cup-2027/3`."""
        return f"{self.event_id}/{self.number}"

    def phase(self, at: datetime) -> Phase:
        """Return where in its life the race is at this moment."""
        if self.state == "withdrawn":
            return "withdrawn"
        if self.closes is not None and at >= self.closes:
            return "closed"
        return "open" if self.opens is None or at >= self.opens else "announced"

    @property
    def is_in_order(self) -> bool:
        """Whether it opens before it closes."""
        return self.closes is None or (self.opens or self.posted_at) < self.closes


def is_allowed(link: str, hosts: tuple[str, ...]) -> bool:
    """Whether this is an https address on one of these exact hosts (`host`, or `host:port`)."""
    try:
        url = urlsplit(link)
        port = url.port
    except ValueError:
        return False
    if url.scheme != "https" or not url.hostname or "@" in url.netloc or not link.isprintable():
        return False
    host = url.hostname if port in {None, 443} else f"{url.hostname}:{port}"
    plain = url.netloc.lower() in {url.hostname, f"{url.hostname}:{port}"}
    return plain and host in {allowed.lower().removesuffix(":443") for allowed in hosts}
