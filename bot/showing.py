"""What the command line shows: faults, differences and events as tables. Values never turn into markup."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.adding_file import Row
from bot.event_file import Change, difference
from bot.faults import Fault
from bot.moving import Compared
from provisioning.adding import ADDED, ALREADY_IN
from provisioning.errors import by_code
from provisioning.events import Event

_GRANT = "grant "  # before the target in the name of a field


def complain(what: str, faults: Iterable[Fault]) -> None:
    """Show on stderr what is wrong, and under each fault how it is mended."""
    console = Console(stderr=True, highlight=False)
    console.print(Text(what, style="bold"))
    for fault in faults:
        console.print(Text.assemble("  ", (fault.name, "bold red"), " ", fault.what), soft_wrap=True)
        console.print(Text(f"      {fault.mend}"), soft_wrap=True)


def say(text: str) -> None:
    """Show one line."""
    Console(highlight=False).print(Text(text), soft_wrap=True)


def arriving(noun: str, arrived: int, total: int) -> None:
    """Show how far a move is."""
    say(f"{noun}: {arrived} of {total}")


def compared(found: Sequence[Compared], *, holds: bool) -> None:
    """Show what left, what arrived, and whether it is the same."""
    table = Table(box=SIMPLE)
    for column in ("", "left", "arrived", "digest", "same"):
        table.add_column(column)
    for one in found:
        same = "yes" if one.is_same else "NO"
        cells = (one.noun, str(one.left.count), str(one.arrived.count), one.arrived.digest[:12], same)
        table.add_row(*map(Text, cells))
    Console(highlight=False).print(table)
    say("The audit holds." if holds else "The audit does not hold.")
    if holds and all(one.is_same for one in found):
        say("Everything has arrived. Start the bot over the table, and not over the file again.")
    else:
        say("Not everything arrived as it left. Do not start the bot over the table.")


def changes(event: Event, found: Sequence[Change], *, is_new: bool) -> None:
    """Show what applying a file would change."""
    console = Console(highlight=False)
    if not found:
        console.print(Text(f"{event.id} is already as the file says."))
        return
    title = f"{event.id} would be made" if is_new else f"{event.id}, version {event.version}, would change"
    table = Table(title=title, title_justify="left", box=SIMPLE)
    columns = ("field", "value") if is_new else ("field", "now", "then")
    for column in columns:
        table.add_column(column, overflow="fold")
    for change in found:
        field, before, after = _cells(change)
        table.add_row(*map(Text, (field, after) if is_new else (field, before, after)))
    console.print(table)


def _cells(change: Change) -> tuple[str, str, str]:
    """Return what a field is called, what it is now, and then. A target stands with its grant's values.

    It is as long as half a terminal is wide, and the names of all fields would be given that much room.
    """
    if not change.field.startswith(_GRANT):
        return change.field, change.before or "-", change.after or "-"
    target = change.field.removeprefix(_GRANT)
    before, after = (f"{target}\n{value}" if value else "-" for value in (change.before, change.after))
    return _GRANT.strip(), before, after


def event(found: Event, now: datetime) -> None:
    """Show one event as it is stored."""
    title = f"{found.id}, version {found.version}, {found.phase(now)}"
    table = Table(title=title, title_justify="left", box=SIMPLE, show_header=False)
    table.add_column("field", overflow="fold")
    table.add_column("value", overflow="fold")
    for change in difference(None, found):
        field, _, value = _cells(change)
        table.add_row(Text(field), Text(value))
    table.add_row(Text("seats taken"), Text(f"{found.taken} of {found.capacity}"))
    if found.paused is not None:
        table.add_row(Text("joining"), Text(f"paused: {found.paused}" if found.paused else "paused"))
    if found.torn_down_at is not None:
        table.add_row(Text("torn down"), Text(found.torn_down_at.isoformat()))
    for grant in found.retired:
        table.add_row(Text("retired grant"), Text(grant.target))
    if found.broken is not None:
        table.add_row(Text("broken"), Text(f"{found.broken.code} at {found.broken.target}", style="bold red"))
    Console(highlight=False).print(table)


def events(found: Sequence[Event], now: datetime) -> None:
    """Show all events, a line each."""
    if not found:
        say("There is no event yet. Make one: deepracer-bot event apply FILE")
        return
    table = Table(box=SIMPLE)
    for column in ("event", "name", "phase", "seats taken", "version", "broken"):
        table.add_column(column, overflow="fold")
    for each in found:
        cells = [each.id, each.name, each.phase(now), f"{each.taken} of {each.capacity}", str(each.version)]
        table.add_row(*(Text(cell) for cell in [*cells, "-" if each.broken is None else each.broken.code]))
    Console(highlight=False).print(table)


def added(rows: Iterable[Row], *, as_json: bool) -> int:
    """Show what came of each person, as it comes; returns how many are not in the event."""
    console = Console(highlight=False)
    not_in = 0
    for row in rows:
        is_in = row.result in {ADDED, ALREADY_IN}
        not_in += not is_in
        if as_json:
            sys.stdout.write(json.dumps(asdict(row)) + "\n")
            continue
        error = by_code().get(row.result)
        why = (
            f"not added: {(error.__doc__ or '').partition(chr(10))[0]} ({row.result})"
            if error
            else row.result
        )
        console.print(Text.assemble((row.mail, "" if is_in else "bold red"), "  ", why), soft_wrap=True)
    return not_in


def as_json(value: object) -> None:
    """Write a value for a program to read."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def event_as_json(found: Event, now: datetime) -> dict[str, Any]:
    """Return an event as JSON; times in UTC, every grant with its kind and target."""
    row = asdict(found)
    for name in ("grants", "retired"):
        row[name] = [
            {"kind": grant.kind, "target": grant.target, **asdict(grant)} for grant in getattr(found, name)
        ]
    return {**row, "phase": found.phase(now)}
