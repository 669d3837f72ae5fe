"""Posted races."""

from adapters.codec.fields import Json, decode, encode, read_moment, read_moment_if, write_moment
from provisioning.ids import EventId, PersonId
from provisioning.races import Race


def pack_race(race: Race) -> str:
    """Write all but event, number and version."""
    body: Json = {
        "title": race.title,
        "link": race.link,
        "by": race.by,
        "posted_at": write_moment(race.posted_at),
        "channels": race.channels,
        "state": race.state,
    }
    if race.track:
        body["track"] = race.track
    for name in ("opens", "closes"):
        if (moment := getattr(race, name)) is not None:
            body[name] = write_moment(moment)
    return encode(body)


def unpack_race(body: str, event_id: EventId, number: int, version: int) -> Race:
    """Read what `pack_race` wrote."""
    found: Json = decode(body)
    get = found.get
    return Race(
        event_id=event_id,
        number=number,
        title=found["title"],
        link=found["link"],
        by=PersonId(found["by"]),
        posted_at=read_moment(found["posted_at"]),
        track=get("track", ""),
        opens=read_moment_if(get("opens")),
        closes=read_moment_if(get("closes")),
        channels=tuple(get("channels", ())),
        state=get("state", "posted"),
        version=version,
    )
