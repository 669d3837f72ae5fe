"""Entries of the ledger."""

from dataclasses import asdict

from adapters.codec.fields import Json, decode, encode, read_moment_if, write_moment
from provisioning.events import Quota
from provisioning.ids import EventId, PersonId, TargetId
from provisioning.ledger import Entry
from provisioning.platform import Allowance
from provisioning.quotas import NOTHING_KNOWN, OnSite, Used


def pack_entry(entry: Entry) -> str:
    """Write all but target, person and version."""
    body: Json = {"present_before": entry.present_before, "needed_by": sorted(entry.needed_by)}
    if entry.add_may_land_until is not None:
        body["add_may_land_until"] = write_moment(entry.add_may_land_until)
    if entry.remove_may_land_until is not None:
        body["remove_may_land_until"] = write_moment(entry.remove_may_land_until)
    if entry.on_site != NOTHING_KNOWN:
        body["on_site"] = _on_site_body(entry.on_site)
    return encode(body)


def unpack_entry(body: str, target: TargetId, person_id: PersonId, version: int) -> Entry:
    """Read what `pack_entry` wrote."""
    found: Json = decode(body)
    return Entry(
        target=target,
        person_id=person_id,
        present_before=found["present_before"],
        needed_by=frozenset(EventId(event_id) for event_id in found["needed_by"]),
        add_may_land_until=read_moment_if(found.get("add_may_land_until")),
        remove_may_land_until=read_moment_if(found.get("remove_may_land_until")),
        on_site=_on_site(found.get("on_site", {})),
        version=version,
    )


def _on_site_body(on_site: OnSite) -> Json:
    body: Json = {
        "quota": None if on_site.quota is None else asdict(on_site.quota),
        "before": None if on_site.before is None else asdict(on_site.before),
        "told_at": None if on_site.told_at is None else write_moment(on_site.told_at),
        "untold_since": None if on_site.untold_since is None else write_moment(on_site.untold_since),
        "used": None if on_site.used is None else asdict(on_site.used),
        "warned_in": on_site.warned_in,
        "warned": on_site.warned,
    }
    return {name: value for name, value in body.items() if value}


def _on_site(body: Json) -> OnSite:
    get = body.get
    return OnSite(
        quota=Quota(**body["quota"]) if "quota" in body else None,
        told_at=read_moment_if(get("told_at")),
        before=Allowance(**body["before"]) if "before" in body else None,
        untold_since=read_moment_if(get("untold_since")),
        used=Used(**body["used"]) if "used" in body else None,
        warned_in=get("warned_in", ""),
        warned=get("warned", 0),
    )
