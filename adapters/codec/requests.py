"""Requests: what one chat identity asked."""

from adapters.codec.fields import Json, decode, encode, read_moment, read_reply, write_moment, write_reply
from provisioning.ids import RequestKey
from provisioning.requests import Request, Seen, Wish


def pack_request(request: Request) -> str:
    """Write all but key and version."""
    body: Json = {
        "wish": request.wish,
        "received_at": write_moment(request.received_at),
        "reply": write_reply(request.reply),
        "state": request.state,
        "correlation": request.correlation,
    }
    if request.person_id is not None:
        body["person_id"] = request.person_id
    if request.refusal is not None:
        body["refusal"] = request.refusal
    if request.cancels_join:
        body["cancels_join"] = True
    if request.overdue_told:
        body["overdue_told"] = True
    if request.seen:
        body["seen"] = [(seen.asked_id, write_moment(seen.at), seen.answer) for seen in request.seen]
    return encode(body)


def unpack_request(body: str, key: RequestKey, version: int) -> Request:
    """Read what `pack_request` wrote."""
    found: Json = decode(body)
    get = found.get
    return Request(
        key=key,
        wish=Wish(found["wish"]),
        received_at=read_moment(found["received_at"]),
        reply=read_reply(found["reply"]),
        state=found["state"],
        person_id=get("person_id"),
        refusal=get("refusal"),
        correlation=get("correlation", ""),
        cancels_join=get("cancels_join", False),
        overdue_told=get("overdue_told", False),
        seen=tuple(Seen(asked_id, read_moment(at), answer) for asked_id, at, answer in get("seen", ())),
        version=version,
    )
