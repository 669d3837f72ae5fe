"""Notices in the outbox."""

from adapters.codec.fields import Json, decode, encode, read_moment_if, read_reply, write_moment, write_reply
from provisioning.outbox import Kind, Notice


def pack_notice(notice: Notice) -> str:
    """Write all but id and version."""
    body: Json = {"kind": notice.kind, "about": notice.about}
    if notice.to is not None:
        body["to"] = write_reply(notice.to)
    if notice.serial:
        body["serial"] = notice.serial
    if notice.says:
        body["says"] = notice.says
    if notice.facts:
        body["facts"] = dict(notice.facts)
    if notice.created_at is not None:
        body["created_at"] = write_moment(notice.created_at)
    if notice.sent_at is not None:
        body["sent_at"] = write_moment(notice.sent_at)
    if notice.reference is not None:
        body["reference"] = notice.reference
    if notice.dropped is not None:
        body["dropped"] = notice.dropped
    return encode(body)


def unpack_notice(body: str, notice_id: str, version: int) -> Notice:
    """Read what `pack_notice` wrote."""
    found: Json = decode(body)
    get = found.get
    to = get("to")
    return Notice(
        id=notice_id,
        kind=Kind(found["kind"]),
        about=found["about"],
        to=None if to is None else read_reply(to),
        serial=get("serial", 0),
        says=get("says", ""),
        facts=get("facts", {}),
        created_at=read_moment_if(get("created_at")),
        sent_at=read_moment_if(get("sent_at")),
        reference=get("reference"),
        dropped=get("dropped"),
        version=version,
    )
