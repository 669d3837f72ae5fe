"""An event as a file: TOML → Event, every fault at once; and what applying it would change.

The keys are those of `provisioning.events.Event`. `access_url` can be written as a table of `portal`,
`role_name` and `destination`, which becomes the portal's shortcut into the Identity Center grant's account.
It may be left out where a racing site is all there is to open.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from bot import access_address, event_forms
from bot.event_forms import Reader, Table
from bot.faults import Fault, Faulty
from provisioning.events import (
    Ceiling,
    DeepRacerOnAws,
    EntraGroup,
    Event,
    Grant,
    IdentityCenterGroup,
    Price,
    Question,
    Quota,
    TrainingLink,
)
from provisioning.ids import EventId, GroupId

# Of an Event, these are the store's.
NOT_DEFINED: Final = ("retired", "paused", "torn_down_at", "feed", "version", "taken", "broken")
KINDS: Final = (EntraGroup.kind, IdentityCenterGroup.kind, DeepRacerOnAws.kind)
MOST_QUESTIONS: Final = 5
MOST_OPTIONS: Final = 10


class EventFileInvalid(Faulty):
    """The event file cannot be used; carries every fault."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that would change, in words to show. None: the field, or the whole event, is not there."""

    field: str
    before: str | None
    after: str | None


def parse(text: str, portal: str | None = None) -> Event:
    """Read an event file. `portal` is the access portal of an `access_url` table that names none.

    Raises EventFileInvalid with every fault.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EventFileInvalid(
            [Fault("the file", f"is not TOML: {error}", "Mend the line it names.")]
        ) from error
    whole = Reader(tables, "")
    reader = whole.table("event")
    whole.finish()
    event = _event(reader, portal)
    if whole.faults:
        raise EventFileInvalid(whole.faults)
    return event


def _event(reader: Reader, portal: str | None) -> Event:
    """Read the [event] table. Where something is wrong, a stand-in takes its place and the fault is noted."""
    grants = tuple(_grants(reader))
    quota, ceiling, price = _quota(reader)
    account = next((found.account_id for found in grants if isinstance(found, IdentityCenterGroup)), None)
    has_site = any(isinstance(found, DeepRacerOnAws) for found in grants)
    event = Event(
        id=EventId(reader.text("id", event_forms.slug)),
        name=reader.text("name", event_forms.line),
        opens=reader.time("opens"),
        closes=reader.time("closes"),
        ends=reader.time("ends"),
        capacity=reader.number("capacity", at_least=1),
        email_domains=reader.texts("email_domains", event_forms.domain, at_least=1),
        organizer_group=GroupId(reader.text("organizer_group", event_forms.guid).lower()),
        grants=grants,
        access_url=access_address.read(reader, account, portal, may_be_missing=has_site and account is None),
        retention_days=reader.number("retention_days", at_least=0, default=30),
        quota=quota,
        ceiling=ceiling,
        price_per_hour=price,
        questions=tuple(_questions(reader)),
        link_hosts=reader.texts("link_hosts", event_forms.host),
        training_links=tuple(_training_links(reader)),
        channels=reader.texts("channels", event_forms.channel),
        organizer_channel=reader.text("organizer_channel", event_forms.channel, default="") or None,
        mails=reader.switch("mails"),
        names=reader.switch("names"),
    )
    reader.finish()
    if reader.is_sound("opens", "closes", "ends"):
        _in_order(reader, event.opens, event.closes, event.ends)
    return replace(event, email_domains=tuple(found.lower() for found in event.email_domains))


def _in_order(reader: Reader, opens: datetime, closes: datetime, ends: datetime) -> None:
    if not opens < closes:
        reader.fault("closes", "is not after opens", "Let the join window close after it opens.")
    if not closes <= ends:
        reader.fault("ends", "is before closes", "Let access end when joining closes, or later.")


def _quota(reader: Reader) -> tuple[Quota, Ceiling, Price | None]:
    if "quota" not in reader.given:
        return Quota(), Ceiling(), None
    table = reader.table("quota")
    quota = Quota(
        table.number("training_hours", at_least=0, default=Quota().training_hours),
        table.number("models", at_least=0, default=Quota().models),
    )
    ceiling = Ceiling(
        _at_most(table, "max_hours", "training_hours", quota.training_hours),
        _at_most(table, "max_models", "models", quota.models),
    )
    price = table.text("price_per_hour", event_forms.price, default="")
    is_price = bool(price) and table.is_sound("price_per_hour")
    table.finish()
    return quota, ceiling, Price.parse(price) if is_price else None


def _at_most(table: Reader, key: str, capped: str, given: int) -> int | None:
    """Read a ceiling; None where there is none. What is given to everybody must not be above it."""
    if key not in table.given:
        return None
    ceiling = table.number(key, at_least=0)
    if table.is_sound(key, capped) and given > ceiling:
        table.fault(key, f"is {ceiling}, below {capped}", f"Let it be at least {given}, or lower {capped}.")
    return ceiling


def _training_links(reader: Reader) -> list[TrainingLink]:
    links = []
    for table in reader.tables("training_links"):
        links.append(
            TrainingLink(table.text("title", event_forms.line), table.text("url", event_forms.https))
        )
        table.finish()
    return links


def _questions(reader: Reader) -> list[Question]:
    tables = reader.tables("questions")
    if len(tables) > MOST_QUESTIONS:
        reader.fault("questions", f"has {len(tables)} questions", f"Ask at most {MOST_QUESTIONS}.")
    found: list[Question] = []
    for table in tables:
        kind = table.text("kind")
        is_choice = kind == "choice"
        if table.is_sound("kind") and kind not in {"choice", "text"}:
            table.fault("kind", f"is {kind!r}", "Use choice or text.")
        options = table.texts("options", event_forms.option, at_least=2) if is_choice else ()
        if len(options) > MOST_OPTIONS:
            table.fault("options", f"has {len(options)} options", f"Give at most {MOST_OPTIONS}.")
        question = Question(table.text("id", event_forms.word), table.text("text", event_forms.line), options)
        if any(other.id == question.id for other in found) and table.is_sound("id"):
            table.fault("id", f"{question.id} is asked twice", "Give each question an id of its own.")
        found.append(question)
        table.finish()
    return found


def _grants(reader: Reader) -> list[Grant]:
    tables = reader.tables("grants", at_least=1)
    grants: list[Grant] = []
    for table in tables:
        grant = _grant(table)
        if grant is None:
            continue
        if any(other.target == grant.target for other in grants) and table.is_sound("group_id"):
            table.fault("group_id", "is granted twice", "Take one of the two grants out.")
        if isinstance(grant, DeepRacerOnAws) and any(isinstance(other, DeepRacerOnAws) for other in grants):
            table.fault("site_url", "is a second racing site", "An event has one: take one of the two out.")
        grants.append(grant)
    return grants


def _grant(table: Reader) -> Grant | None:
    kind = table.text("kind")
    if kind == EntraGroup.kind:
        grant: Grant = EntraGroup(GroupId(table.text("group_id", event_forms.guid).lower()))
    elif kind == IdentityCenterGroup.kind:
        grant = IdentityCenterGroup(
            identity_store_id=table.text("identity_store_id", event_forms.identity_store),
            group_id=GroupId(table.text("group_id", event_forms.store_group)),
            instance_arn=table.text("instance_arn", event_forms.instance_arn),
            account_id=table.text("account_id", event_forms.account),
            permission_set_arn=table.text("permission_set_arn", event_forms.permission_set_arn),
            scim_app_id=table.text("scim_app_id", event_forms.guid, default="").lower() or None,
        )
    elif kind == DeepRacerOnAws.kind:
        grant = DeepRacerOnAws(table.text("site_url", event_forms.site).rstrip("/").lower())
    else:
        if table.is_sound("kind"):
            table.fault("kind", *event_forms.kind(kind, KINDS))
        return None  # the other keys of a grant of unknown kind mean nothing
    table.finish()
    return grant


# --- what applying it would do ------------------------------------------------------------------------------


def difference(old: Event | None, new: Event) -> list[Change]:
    """Return what applying `new` would change, in the order of the file. Empty when nothing would."""
    before, after = _shown(old) if old else {}, _shown(new)
    names = [*after, *(name for name in before if name not in after)]
    changes = [
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]
    if old and old.targets != new.targets and {*old.targets} == {*new.targets}:
        changes.append(Change("grants in order", " → ".join(old.targets), " → ".join(new.targets)))
    return changes


def may_apply(old: Event | None, new: Event, *, has_registrations: bool) -> None:
    """Look whether `new` may take the place of `old`.

    Raises EventFileInvalid when a grant of an event with registrations is swapped: one goes, and another
    of the same kind comes in its place, so that people would lose what they have before they get what is new.
    """
    if old is None or not has_registrations:
        return
    faults = [
        Fault(
            f"grants ({kind})",
            f"would be swapped, {', '.join(gone)} for {', '.join(come)}, while people are registered",
            "Grants are added or retired, never swapped: apply a file with both, retire the old one later.",
        )
        for kind in KINDS
        if (gone := _targets(old, kind) - _targets(new, kind))
        and (come := _targets(new, kind) - _targets(old, kind))
    ]
    if faults:
        raise EventFileInvalid(faults)


def successor(old: Event | None, new: Event, *, has_registrations: bool) -> Event:
    """Return `new` as what follows `old` in the store: its version, and the grants that go among the retired.

    What was granted to somebody stays known, so that it can be withdrawn; an event without registrations has
    granted nothing.
    """
    if old is None:
        return new
    known = (*old.retired, *old.grants) if has_registrations else ()
    retired = tuple(grant for grant in known if grant.target not in new.targets)
    return replace(
        new,
        version=old.version,
        taken=old.taken,
        broken=old.broken,
        retired=retired,
        paused=old.paused,
        torn_down_at=old.torn_down_at,
        feed=old.feed,
    )


def _targets(event: Event, kind: str) -> set[str]:
    return {grant.target for grant in event.grants if grant.kind == kind}


def _shown(event: Event) -> dict[str, str]:
    """Return the definition as text by field, so that two of them can be compared and shown."""
    shown: dict[str, str] = {}
    for field in fields(event):
        value: Any = getattr(event, field.name)
        if field.name in NOT_DEFINED or value is None:
            continue
        if field.name == "grants":
            shown |= {f"grant {grant.target}": _grant_shown(grant) for grant in event.grants}
        elif field.name == "quota":
            shown |= {"quota.training_hours": str(value.training_hours), "quota.models": str(value.models)}
        elif field.name == "ceiling":
            ceilings = {"quota.max_hours": value.training_hours, "quota.max_models": value.models}
            shown |= {name: str(most) for name, most in ceilings.items() if most is not None}
        elif field.name == "price_per_hour":
            shown["quota.price_per_hour"] = str(value)
        elif isinstance(value, tuple):
            shown[field.name] = ", ".join(_item_shown(item) for item in value)
        else:
            shown[field.name] = _item_shown(value)
    return {name: text for name, text in shown.items() if text}


def _item_shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Question):
        return f"{value.id}: {value.text} ({' | '.join(value.options) or 'text'})"
    if isinstance(value, TrainingLink):
        return f"{value.title} <{value.url}>"
    if isinstance(value, datetime):
        # One zone for all: the store gives UTC back, and another zone for the same moment is no change.
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)


def _grant_shown(grant: Grant) -> str:
    if isinstance(grant, EntraGroup):
        return "member of the Entra group"
    if isinstance(grant, DeepRacerOnAws):
        return "account on the racing site"
    facts: Table = {
        "account": grant.account_id,
        "permission set": grant.permission_set_arn,
        "instance": grant.instance_arn,
        "fed by": grant.scim_app_id,
    }
    return ", ".join(f"{name} {text}" for name, text in facts.items() if text)
