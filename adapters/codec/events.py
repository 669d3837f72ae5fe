"""Events and what keeps one from working."""

from dataclasses import asdict
from decimal import Decimal
from typing import get_args

from adapters.codec.fields import Json, decode, encode, read_moment, read_moment_if, write_moment
from provisioning.events import Breakage, Ceiling, Event, Grant, Price, Question, Quota, TrainingLink
from provisioning.ids import EventId, GroupId, TargetId

_GRANTS = {kind.kind: kind for kind in get_args(Grant)}


def pack_event(event: Event) -> str:
    """Write the definition: all but id, version, seats taken and breakage."""
    return encode(
        {
            "name": event.name,
            "opens": write_moment(event.opens),
            "closes": write_moment(event.closes),
            "ends": write_moment(event.ends),
            "capacity": event.capacity,
            "email_domains": event.email_domains,
            "organizer_group": event.organizer_group,
            "grants": [_grant_body(grant) for grant in event.grants],
            "access_url": event.access_url,
            "retention_days": event.retention_days,
            "quota": asdict(event.quota),
            "ceiling": asdict(event.ceiling),
            "price_per_hour": None
            if event.price_per_hour is None
            else (str(event.price_per_hour.amount), event.price_per_hour.currency),
            "link_hosts": event.link_hosts,
            "training_links": [asdict(link) for link in event.training_links],
            "channels": event.channels,
            "organizer_channel": event.organizer_channel,
            "retired": [_grant_body(grant) for grant in event.retired],
            "paused": event.paused,
            "torn_down_at": None if event.torn_down_at is None else write_moment(event.torn_down_at),
            "feed": event.feed,
            "mails": event.mails,
            "names": event.names,
            "questions": [asdict(question) for question in event.questions],
        }
    )


def unpack_event(body: str, event_id: EventId, version: int) -> Event:
    """Read a definition; nobody is seated and nothing broken."""
    found: Json = decode(body)
    get = found.get
    return Event(
        id=event_id,
        name=found["name"],
        opens=read_moment(found["opens"]),
        closes=read_moment(found["closes"]),
        ends=read_moment(found["ends"]),
        capacity=found["capacity"],
        email_domains=tuple(found["email_domains"]),
        organizer_group=GroupId(found["organizer_group"]),
        grants=tuple(_grant(grant) for grant in found["grants"]),
        access_url=found["access_url"],
        retention_days=found["retention_days"],
        quota=Quota(**get("quota", {})),
        ceiling=Ceiling(**get("ceiling", {})),
        price_per_hour=_price(get("price_per_hour")),
        link_hosts=tuple(get("link_hosts", ())),
        training_links=tuple(TrainingLink(**link) for link in get("training_links", ())),
        channels=tuple(get("channels", ())),
        organizer_channel=get("organizer_channel"),
        retired=tuple(_grant(grant) for grant in get("retired", ())),
        paused=get("paused"),
        torn_down_at=read_moment_if(get("torn_down_at")),
        questions=tuple(_question(question) for question in get("questions", ())),
        mails=get("mails", False),
        names=get("names", False),
        feed=tuple(get("feed", Event.__dataclass_fields__["feed"].default)),
        version=version,
    )


def _price(body: list[str] | None) -> Price | None:
    return None if body is None else Price(Decimal(body[0]), body[1])


def _question(found: Json) -> Question:
    return Question(found["id"], found["text"], tuple(found.get("options", ())))


def _grant_body(grant: Grant) -> Json:
    return {"kind": grant.kind, **asdict(grant)}


def _grant(found: Json) -> Grant:
    grant: Grant = _GRANTS[found["kind"]](**{name: value for name, value in found.items() if name != "kind"})
    return grant


def pack_breakage(breakage: Breakage) -> str:
    """Write what keeps an event from working."""
    return encode({**asdict(breakage), "since": write_moment(breakage.since)})


def unpack_breakage(body: str) -> Breakage:
    """Read what `pack_breakage` wrote."""
    found: Json = decode(body)
    return Breakage(
        TargetId(found["target"]),
        found["code"],
        found["key"],
        read_moment(found["since"]),
        found.get("facts", {}),
    )
