"""Lines of the audit."""

from collections.abc import Mapping

from adapters.codec.fields import Json, decode, encode, read_moment, write_moment
from provisioning.audit import Line


def pack_line(line: Line, digests: Mapping[str, str] | None = None) -> str:
    """Write an audit line without its texts: of these only the digests, by name."""
    body: Json = {
        "at": write_moment(line.at),
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
    }
    if line.event_id is not None:
        body["event_id"] = line.event_id
    if line.correlation:
        body["correlation"] = line.correlation
    if line.facts:
        body["facts"] = dict(line.facts)
    if line.whose is not None:
        body["whose"] = line.whose
    if digests:
        body["texts"] = dict(digests)
    return encode(body)


def unpack_line(body: str, texts: Mapping[str, str] | None = None) -> Line:
    """Read what `pack_line` wrote, with the texts that are still there."""
    found: Json = decode(body)
    return Line(
        at=read_moment(found["at"]),
        actor=found["actor"],
        action=found["action"],
        subject=found["subject"],
        event_id=found.get("event_id"),
        correlation=found.get("correlation", ""),
        facts=found.get("facts", {}),
        texts=texts or {},
        whose=found.get("whose"),
    )


def text_digests(body: str) -> Mapping[str, str]:
    """Return the digests of texts in an audit line that `pack_line` wrote."""
    digests: Mapping[str, str] = decode(body).get("texts", {})
    return digests
