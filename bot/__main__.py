"""The command line. Every command imports what it needs itself, so that `--help` answers at once.

Exit codes: 0 done, 1 refused or a check failed, 2 settings, files or usage are wrong.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from bot.applying import Plan
    from bot.faults import Faulty
    from bot.settings import Settings
    from provisioning.events import Event
    from provisioning.ports import Store

REFUSED, WRONG = 1, 2
# A grant that does not exist or can never work is refused; what may still come is only said.
HOPELESS = frozenset({"DR-401", "DR-402", "DR-404"})

# Tracebacks with local variables, as typer shows them, would put secrets on the terminal.
app = typer.Typer(
    help="Employees join AWS DeepRacer events from Slack and Teams; organizers run them from there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
event_app = typer.Typer(no_args_is_help=True)
app.add_typer(event_app, name="event", help="Make, change and show events.")
audit_app = typer.Typer(no_args_is_help=True)
app.add_typer(audit_app, name="audit", help="Check and export the audit.")


class AuditForm(Enum):
    """How the audit is exported."""

    CSV = "csv"
    JSONL = "jsonl"


class ReportForm(Enum):
    """How a report is written."""

    CSV = "csv"
    JSON = "json"


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("deepracer-bot"))
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Take what is asked of no command."""


AsJson = Annotated[bool, typer.Option("--json", help="JSON for a program in place of a table.")]


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on, in place of BOT_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, in place of PORT; 0 for any free one.")
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave the worker to `work`.")] = False,
) -> None:
    """Take requests and settle what they ask for, until stopped."""
    with _complaints():
        settings = _settings()
        from bot import serve as serving
        from bot import wiring
        from bot.applying import read_file

        given = settings.bot.event_file
        event = read_file(given, settings.aws.access_portal_url) if given else None
        bot = wiring.build(settings, worker=not no_worker)
        if event is not None:
            serving.make_event(bot.store, event)
        where = settings.bot.port if port is None else port
        code = asyncio.run(serving.serve(bot, host=host or settings.bot.host, port=where))
    raise typer.Exit(code)


@app.command()
def work() -> None:
    """Settle what is on the queue, beside servers that run with --no-worker, until stopped."""
    with _complaints():
        settings = _settings()
        from bot import serve as serving
        from bot import wiring

        code = asyncio.run(serving.work(wiring.build(settings, worker=True, door=False)))
    raise typer.Exit(code)


@event_app.command("apply")
def event_apply(
    file: Annotated[Path, typer.Argument(help="The event as TOML.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not ask Entra and AWS whether the grants can work.")
    ] = False,
) -> None:
    """Show what a file would change, look whether its grants can work, apply it. The bot may be running."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import showing
        from bot.applying import apply, plan, read_file

        event = read_file(file, settings.aws.access_portal_url)
        with _store(settings) as store:
            planned = plan(store, event)
            showing.changes(planned.old or planned.new, planned.changes, is_new=planned.old is None)
            if not planned.changes:
                return
            if not no_check:
                _preflight(settings, store, planned)
            if not yes:
                _ask(planned)
            saved = apply(store, planned, datetime.now(UTC))
            showing.say(f"Applied: {saved.id} is at version {saved.version}.")


@app.command()
def add(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event, by its id.")],
    file: Annotated[Path, typer.Argument(help="A CSV with a column headed email, or one address a line.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Add the people in a file to an event; a line for each says what came of it. Safe to repeat."""
    with _complaints():
        settings = _settings(quiet=True)
        from adapters.graph.users import EntraDirectory
        from bot import adding_file, showing
        from bot.outside import reach
        from bot.stores import UtcClock
        from provisioning.recognizing import Recognizer

        mails = adding_file.addresses(file)
        clock = UtcClock()
        with _store(settings) as store, closing(reach(settings, store, clock)) as outside:
            event = _event(store, event_id)
            recognizer = Recognizer({}, EntraDirectory(outside.graph))
            added = adding_file.add_all(store, recognizer, event, mails, clock)
            not_in = showing.added(added, as_json=as_json)
    if not_in:
        raise typer.Exit(REFUSED)


@event_app.command("show")
def event_show(
    event_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One event; all without.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one event as it is stored, or the list of all."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import showing

        with _store(settings) as store:
            found = store.read(lambda rows: rows.events.all())
        now = datetime.now(UTC)
        one = next((event for event in found if event.id == event_id), None)
        if event_id is not None and one is None:
            known = ", ".join(event.id for event in found) or "none yet"
            _refuse(f"There is no event {event_id}. Known: {known}.")
        if as_json:
            rows = [showing.event_as_json(event, now) for event in found if one in (None, event)]
            showing.as_json(rows if one is None else rows[0])
        elif one is not None:
            showing.event(one, now)
        else:
            showing.events(found, now)


@event_app.command("teardown")
def event_teardown(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only write who would be out, as CSV.")] = False,
) -> None:
    """Write what tearing an event down would do, by name. The teardown itself is said in chat."""
    with _complaints():
        if not dry_run:
            _refuse(
                "An event is torn down in chat: /deepracer admin teardown. Here it can be tried: --dry-run."
            )
        settings = _settings(quiet=True)
        from bot.admin.teardown import names_file
        from provisioning.closing import partings

        with _store(settings) as store:
            event = _event(store, event_id)
            people = store.read(lambda rows: tuple(partings(rows, event)))
        sys.stdout.write(names_file(people))


@app.command()
def report(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event.")],
    *,
    form: Annotated[ReportForm, typer.Option("--format", help="How it is written.")] = ReportForm.CSV,
) -> None:
    """Write the numbers of an event: joins, refusals, times, answers. They outlive its people."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import reporting, showing

        with _store(settings) as store:
            event = _event(store, event_id)
            found = store.read(lambda rows: reporting.report(rows, event))
        if form is ReportForm.JSON:
            showing.as_json(reporting.as_json(found))
        else:
            sys.stdout.write(reporting.numbers_file(found))


@app.command()
def racers(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event.")],
    *,
    form: Annotated[AuditForm, typer.Option("--format", help="How it is written.")] = AuditForm.CSV,
) -> None:
    """Write everybody in an event, one a line. It names people: keep it where it belongs."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import reporting

        with _store(settings) as store:
            event, now = _event(store, event_id), datetime.now(UTC)
            sys.stdout.write(store.read(lambda rows: reporting.racers_file(rows, event, now, form.value)))


@audit_app.command("verify")
def audit_verify(*, as_json: AsJson = False) -> None:
    """Check that no line of the audit was removed, moved, changed or cut off; say where. The bot may run."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import auditing, showing

        with _store(settings) as store:
            found = auditing.verify(store)
        if as_json:
            showing.as_json(asdict(found))
        else:
            for head in found.heads:
                showing.say(f"{head.chain}: {head.count} lines, ends with {head.digest}")
            for one in found.breaks:
                showing.say(f"{one.chain}, line {one.number}: {auditing.WHAT[one.what]}")
            showing.say("The audit does not hold." if found.breaks else "The audit holds.")
    raise typer.Exit(REFUSED if found.breaks else 0)


@audit_app.command("export")
def audit_export(
    *,
    form: Annotated[AuditForm, typer.Option("--format", help="How it is written.")] = AuditForm.JSONL,
) -> None:
    """Write the whole audit to standard output, oldest line first."""
    with _complaints():
        settings = _settings(quiet=True)
        from bot import auditing

        with _store(settings) as store:
            auditing.export(store, form.value, sys.stdout)


@app.command()
def migrate(
    source: Annotated[str, typer.Option("--from", help="The file: sqlite:///…")],
    target: Annotated[str, typer.Option("--to", help="The table: dynamodb://…; made when it is new.")],
) -> None:
    """Copy everything from a file into a table and compare. Stop the bot first. Safe to repeat."""
    with _complaints():
        from adapters.moving import NotMoved
        from bot import auditing, logs, moving, showing
        from bot.stores import open_store

        logs.configure("WARNING")
        try:
            with closing(moving.leave(source, target)) as left, closing(moving.arrive(target)) as arriving:
                compared = moving.move(left, arriving, showing.arriving)
        except NotMoved as error:
            _refuse(str(error))
        with closing(open_store(target)) as store:
            holds = not auditing.verify(store).breaks
        showing.compared(compared, holds=holds)
    raise typer.Exit(0 if holds and all(one.is_same for one in compared) else REFUSED)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check every permission and endpoint, and say how to mend what is wrong. Changes nothing."""
    with _complaints(as_json=as_json):
        settings = _settings(quiet=True)
        from bot import doctor as checking

        code = checking.run(settings, as_json=as_json)
    raise typer.Exit(code)


@app.command("try", context_settings={"ignore_unknown_options": True})
def try_(
    verb: Annotated[list[str], typer.Argument(help="What the person types to the bot.")],
    *,
    person: Annotated[str, typer.Option("--as", help="Who types: a name of the company in a box.")],
    where: Annotated[Literal["slack", "teams"], typer.Option("--in", help="Where they type.")] = "slack",
    url: Annotated[str, typer.Option(help="Where the bot is.")] = "http://127.0.0.1:8080",
    world: Annotated[Path, typer.Option(help="The address file of the running company.")] = Path(
        ".sandbox/world.json"
    ),
    follow: Annotated[bool, typer.Option("--follow", help="Wait for the final message.")] = False,
) -> None:
    """Type a command as a person of the company in a box, and show what that person sees."""
    from bot import trying

    text = " ".join(verb)
    raise typer.Exit(trying.run(text, person=person, where=where, url=url, world=world, follow=follow))


def main() -> None:
    """Run the command line."""
    app(prog_name="deepracer-bot")


def _settings(*, quiet: bool = False) -> "Settings":
    """Read the settings and let logs out: all of a service, only warnings beside a command's own words."""
    from bot import logs
    from bot.settings import Settings

    settings = Settings.from_environment()
    logs.configure("WARNING" if quiet else settings.bot.log_level)
    return settings


@contextmanager
def _complaints(*, as_json: bool = False) -> Iterator[None]:
    """Turn what a person can mend into sentences and an exit code."""
    from bot.faults import Fault, Faulty
    from bot.settings import SettingsInvalid
    from provisioning.errors import ProvisioningError, StaleWrite

    try:
        yield
    except SettingsInvalid as error:
        if as_json:
            from bot.doctor import settings_as_json

            settings_as_json(error)
            raise typer.Exit(WRONG) from None
        here = "and the file .env" if Path(".env").is_file() else "for there is no file .env in this folder"
        _wrong(f"These settings, read from the environment, {here}, are missing or wrong:", error)
    except Faulty as error:
        _wrong("The event file cannot be used:", error)
    except StaleWrite:
        _refuse(
            "Somebody changed the event meanwhile. Look at the difference again: run the command once more."
        )
    except ProvisioningError as error:
        _refuse(f"{error} ({error.code})")
    except ValueError as error:
        # The store's own complaint, with its mend; any other ValueError is a defect and keeps its traceback.
        why, mend = getattr(error, "why", None), getattr(error, "mend", None)
        if why is None or mend is None:
            raise
        _wrong("The store cannot be opened:", Faulty([Fault("BOT_STORE", f": {why}", f"{mend}.")]))
    except OSError as error:
        _refuse(f"{error.strerror or error}")


@contextmanager
def _store(settings: "Settings") -> Iterator["Store"]:
    from bot.stores import open_store

    with closing(open_store(settings.bot.store)) as store:
        yield store


def _event(store: "Store", event_id: str) -> "Event":
    """Return the event of this id; refuse, naming those there are."""
    found = store.read(lambda rows: rows.events.all())
    one = next((event for event in found if event.id == event_id), None)
    if one is None:
        known = ", ".join(event.id for event in found) or "none yet"
        _refuse(f"There is no event {event_id}. Known: {known}.")
    return one


def _preflight(settings: "Settings", store: "Store", planned: "Plan") -> None:
    """Ask the system of every grant whether it can work."""
    from bot import showing
    from bot.doctor import preflight
    from bot.faults import Fault
    from bot.outside import reach
    from bot.stores import UtcClock

    with closing(reach(settings, store, UtcClock(), proposed=planned.new)) as outside:
        found = preflight(planned.new, outside.accesses)
    for check in found:
        if check.state == "ok":
            showing.say(f"Checked: {check.found}.")
    wrong = [
        (
            check.code in HOPELESS and not check.name.endswith("organizers"),
            Fault(check.name, f"{check.found} ({check.code})", check.mend),
        )
        for check in found
        if check.state != "ok"
    ]
    hopeless = [fault for is_hopeless, fault in wrong if is_hopeless]
    if hopeless:
        showing.complain(
            "Nothing was applied, because of this (--no-check applies it all the same):", hopeless
        )
        raise typer.Exit(REFUSED)
    if wrong:
        showing.complain("Not well yet; `deepracer-bot doctor` looks again:", [fault for _, fault in wrong])


def _ask(planned: "Plan") -> None:
    if not sys.stdin.isatty():
        _refuse("Nothing is applied without a yes, and there is no terminal to ask on. Add --yes.")
    verb = "Make" if planned.old is None else "Change"
    if not typer.confirm(f"{verb} {planned.new.id}?"):
        _refuse("Nothing was changed.")


def _wrong(what: str, error: "Faulty") -> NoReturn:
    from bot import showing

    showing.complain(what, error.faults)
    raise typer.Exit(WRONG)


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(REFUSED)


if __name__ == "__main__":
    main()
