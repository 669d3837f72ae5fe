"""How the end of an event comes along."""

from adapters.codec.fields import (
    Json,
    decode,
    encode,
    read_moment,
    read_moment_if,
    read_reply,
    write_moment,
    write_reply,
)
from provisioning.closings import Closing
from provisioning.ids import EventId


def pack_closing(closing: Closing) -> str:
    """Write all but event and version."""
    body: Json = {"over_at": write_moment(closing.over_at), "total": closing.total, "left": closing.left}
    if closing.asked_by is not None:
        body["asked_by"] = write_reply(closing.asked_by)
    if closing.result:
        body["result"] = dict(closing.result)
    if closing.reasons:
        body["reasons"] = dict(closing.reasons)
    for name in ("reported_at", "complete_at", "forgotten_at"):
        if (moment := getattr(closing, name)) is not None:
            body[name] = write_moment(moment)
    return encode(body)


def unpack_closing(body: str, event_id: EventId, version: int) -> Closing:
    """Read what `pack_closing` wrote."""
    found: Json = decode(body)
    get = found.get
    asked_by = get("asked_by")
    return Closing(
        event_id=event_id,
        over_at=read_moment(found["over_at"]),
        total=found["total"],
        left=found["left"],
        asked_by=None if asked_by is None else read_reply(asked_by),
        result=get("result", {}),
        reasons=get("reasons", {}),
        reported_at=read_moment_if(get("reported_at")),
        complete_at=read_moment_if(get("complete_at")),
        forgotten_at=read_moment_if(get("forgotten_at")),
        version=version,
    )
