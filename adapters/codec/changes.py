"""Changes, with what it takes to undo them."""

from adapters.codec.fields import Json, decode, encode, read_moment, read_moment_if, write_moment
from provisioning.changes import Change
from provisioning.ids import EventId, PersonId


def pack_change(change: Change) -> str:
    """Write all but id and version."""
    return encode(write_change(change))


def unpack_change(body: str, change_id: str, version: int) -> Change:
    """Read what `pack_change` wrote."""
    return read_change(decode(body), change_id, version)


def write_change(change: Change) -> Json:
    """Write a change as a member of another body."""
    body: Json = {
        "event_id": change.event_id,
        "by": change.by,
        "at": write_moment(change.at),
        "kind": change.kind,
        "subjects": change.subjects,
    }
    for name in ("people", "reason", "undone_by", "undoes"):
        if (value := getattr(change, name)) is not None:
            body[name] = value
    if change.before:
        body["before"] = dict(change.before)
    if change.after:
        body["after"] = dict(change.after)
    if change.beside:
        body["beside"] = dict(change.beside)
    if change.undo_until is not None:
        body["undo_until"] = write_moment(change.undo_until)
    return body


def read_change(found: Json, change_id: str, version: int) -> Change:
    """Read what `write_change` wrote."""
    get = found.get
    return Change(
        id=change_id,
        event_id=EventId(found["event_id"]),
        by=PersonId(found["by"]),
        at=read_moment(found["at"]),
        kind=found["kind"],
        subjects=tuple(found["subjects"]),
        people=get("people", 0),
        before=get("before", {}),
        after=get("after", {}),
        beside=get("beside", {}),
        reason=get("reason", ""),
        undo_until=read_moment_if(get("undo_until")),
        undone_by=get("undone_by"),
        undoes=get("undoes"),
        version=version,
    )
