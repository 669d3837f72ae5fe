"""Registrations, and holds by themselves."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

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
from provisioning.events import Quota
from provisioning.ids import PersonId, RegistrationKey, TargetId
from provisioning.registrations import Hold, Person, Progress, Registration, Step, Told
from provisioning.requests import Wish


def pack_registration(registration: Registration) -> str:
    """Write all but key, seat and version."""
    body: Json = {
        "person": _person_body(registration.person),
        "wish": registration.wish,
        "wish_at": write_moment(registration.wish_at),
        "asked_at": write_moment(registration.asked_at),
        "correlation": registration.correlation,
    }
    if registration.reply is not None:
        body["reply"] = write_reply(registration.reply)
    if registration.quota is not None:
        body["quota"] = asdict(registration.quota)
    if registration.unclaimed:
        body["unclaimed"] = True
    if registration.hold is not None:
        body["hold"] = _hold_body(registration.hold)
    if registration.progress:
        body["progress"] = {
            target: (progress.step, write_moment(progress.since), progress.subject)
            for target, progress in registration.progress.items()
        }
    if registration.waiting_for is not None:
        body["waiting_for"] = registration.waiting_for
    if registration.problem is not None:
        body["problem"] = registration.problem
    if registration.attempts:
        body["attempts"] = registration.attempts
    if registration.told is not Told.NOTHING:
        body["told"] = registration.told
    if registration.last_result is not Told.NOTHING:
        body["last_result"] = registration.last_result
    if registration.serial:
        body["serial"] = registration.serial
    return encode(body | _moments(registration))


def _moments(registration: Registration) -> Json:
    """Return what happened when, and what is to happen when, as far as there is something."""
    moments = {
        "seated_at": registration.seated_at,
        "moved_at": registration.moved_at,
        "ready_at": registration.ready_at,
        "first_ready_at": registration.first_ready_at,
        "gone_at": registration.gone_at,
        "checked_at": registration.checked_at,
        "missing_since": registration.missing_since,
        "gone_recheck_at": registration.gone_recheck_at,
        "models_unwanted_since": registration.models_unwanted_since,
        "pushed_at": registration.pushed_at,
        "wake_at": registration.wake_at,
    }
    return {name: write_moment(moment) for name, moment in moments.items() if moment is not None}


def unpack_registration(body: str, key: RegistrationKey, *, has_seat: bool, version: int) -> Registration:
    """Read what `pack_registration` wrote."""
    found: Json = decode(body)
    get = found.get
    reply, quota = get("reply"), get("quota")
    return Registration(
        key=key,
        person=_person(found["person"]),
        wish=Wish(found["wish"]),
        wish_at=read_moment(found["wish_at"]),
        reply=None if reply is None else read_reply(reply),
        asked_at=read_moment(found["asked_at"]),
        correlation=get("correlation", ""),
        hold=_hold(get("hold")),
        quota=None if quota is None else Quota(**quota),
        unclaimed=get("unclaimed", False),
        has_seat=has_seat,
        progress={
            TargetId(target): Progress(Step(step), read_moment(since), subject)
            for target, (step, since, subject) in get("progress", {}).items()
        },
        waiting_for=get("waiting_for"),
        problem=get("problem"),
        seated_at=read_moment_if(get("seated_at")),
        moved_at=read_moment_if(get("moved_at")),
        ready_at=read_moment_if(get("ready_at")),
        first_ready_at=read_moment_if(get("first_ready_at")),
        gone_at=read_moment_if(get("gone_at")),
        checked_at=read_moment_if(get("checked_at")),
        missing_since=read_moment_if(get("missing_since")),
        gone_recheck_at=read_moment_if(get("gone_recheck_at")),
        models_unwanted_since=read_moment_if(get("models_unwanted_since")),
        pushed_at=read_moment_if(get("pushed_at")),
        attempts=get("attempts", 0),
        wake_at=read_moment_if(get("wake_at")),
        told=Told(get("told", Told.NOTHING)),
        last_result=Told(get("last_result", Told.NOTHING)),
        serial=get("serial", 0),
        version=version,
    )


def _person_body(person: Person) -> Json:
    body = {"id": person.id, "upn": person.user_principal_name, "name": person.display_name}
    return body if person.subject is None else body | {"subject": person.subject}


def _person(found: Mapping[str, Any]) -> Person:
    return Person(PersonId(found["id"]), found["upn"], found["name"], found.get("subject"))


def pack_hold(hold: Hold) -> str:
    """Write a hold by itself."""
    return encode(_hold_body(hold))


def unpack_hold(body: str) -> Hold:
    """Read what `pack_hold` wrote."""
    kind, by, at, reason = decode(body)
    return Hold(kind, by, read_moment(at), reason)


def _hold_body(hold: Hold) -> list[Any]:
    return [hold.kind, hold.by, write_moment(hold.at), hold.reason]


def _hold(found: list[Any] | None) -> Hold | None:
    if found is None:
        return None
    kind, by, at, reason = found
    return Hold(kind, by, read_moment(at), reason)
