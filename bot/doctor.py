"""`doctor`: every permission and endpoint looked at, and how to mend what is wrong. It changes nothing.

settings ─▶ store ─▶ bell ─▶ (clock, Slack, Entra, Graph, every event: at the same time) ─▶ a table, or JSON
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.unfit import StoreUnfit
from bot import bell_checks, checks, mail_checks, site_checks, store_checks
from bot.applying import read_file
from bot.checks import Check, failure
from bot.event_file import EventFileInvalid, difference
from bot.logs import clean
from bot.outside import Outside, reach
from bot.setting_groups import BotSettings
from bot.settings import Settings, SettingsInvalid
from bot.showing import as_json as write_json
from bot.stores import UtcClock, open_store
from provisioning.access import Access
from provisioning.errors import ProvisioningError, Unavailable, by_code
from provisioning.events import DeepRacerOnAws, Event, IdentityCenterGroup
from provisioning.ports import Store

PATIENCE: Final = 20.0  # seconds for one look
PAUSES: Final = (2.0, 5.0)  # seconds after which a system that did not answer is asked again
FAILED: Final = 1
_STYLES: Final = {"ok": "green", "warn": "yellow", "failed": "bold red"}

Look = Callable[[], Iterator[Check]]


def run(settings: Settings, *, as_json: bool) -> int:
    """Look at everything, show it, and return the exit code: 1 when anything failed."""
    found = examine(settings)
    if as_json:
        write_json([asdict(check) for check in found])
    else:
        show(found)
    return FAILED if any(check.state == "failed" for check in found) else 0


def examine(settings: Settings) -> list[Check]:
    """Look at everything. Every failure is a check; nothing is raised."""
    url = settings.bot.store
    place = _look("store", lambda: store_checks.place_of_store(url))
    found = [Check("settings", "ok", "complete"), *place]
    if any(check.state == "failed" for check in place):
        return found  # without a store nobody remembers when an API wants to be left alone
    is_made = not place
    try:
        with _store(url if is_made else None) as store:
            if is_made:
                found += _look("store", lambda: store_checks.store(store, url))
            found += _look("bell", lambda: _bell(settings.bot, store))
            events, complaints = _events(settings, store)
            found += complaints
            with closing(reach(settings, store, UtcClock(), proposed=_unmade(events))) as outside:
                found += _all(_looks(settings, outside, events))
    except (StoreUnfit, OSError) as error:
        found.append(failure("store", error))
    return [replace(check, found=clean(check.found)) for check in found]


def preflight(event: Event, accesses: Mapping[str, Access[Any]]) -> list[Check]:
    """Look whether the grants and the organizers' group of an event can work, before it is applied.

    A system that does not answer as it should is asked again: one slow answer says nothing of a grant.
    """
    found = _answered(f"{event.id}: organizers", partial(checks.organizers, event, accesses))
    for grant in event.grants:
        found += _answered(f"{event.id}: {grant.kind}", partial(checks.grant, event, grant, accesses))
    return found


def settings_as_json(error: SettingsInvalid) -> None:
    """Write wrong settings in the form of checks."""
    write_json([asdict(Check(fault.name, "failed", fault.what, fault.mend)) for fault in error.faults])


def show(found: Sequence[Check]) -> None:
    """Print what was found, with a mend under what is not well; an event's checks stand under its id."""
    console = Console(highlight=False)
    widest = max((len(_apart(check)[1]) for check in found), default=0)
    for of_event, about_it in groupby(found, key=lambda check: _apart(check)[0]):
        table = Table(box=SIMPLE, show_header=False)
        table.add_column(no_wrap=True, min_width=len("failed"))
        table.add_column(min_width=widest, no_wrap=True)
        table.add_column(overflow="fold")
        for check in about_it:
            what = f"{check.found} ({check.code})" if check.code else check.found
            state = Text(check.state, style=_STYLES[check.state])
            table.add_row(state, Text(_apart(check)[1]), Text(what))
            if check.mend:
                table.add_row("", "", Text(check.mend, style="italic"))
        if of_event:
            console.print(Text(f"  {of_event}", style="bold"))
        console.print(table)
    counts = {state: sum(check.state == state for check in found) for state in _STYLES}
    console.print(Text(f"{counts['ok']} well, {counts['warn']} to look at, {counts['failed']} failed"))


def _apart(check: Check) -> tuple[str, str]:
    """Return the event that a check is about, "" for none, and what it looks at."""
    of_event, _, what = check.name.rpartition(": ")
    return of_event, what


@contextmanager
def _store(url: str | None) -> Iterator[Store]:
    """Open the store. One that does not exist yet is not made: its owner would be whoever runs the doctor."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(url or f"sqlite:///{folder}/empty.db")) as store,
    ):
        yield store


def _events(settings: Settings, store: Store) -> tuple[list[Event], list[Check]]:
    """Return the events to look at: the stored ones, and that of BOT_EVENT_FILE while it is not made yet."""
    events = list(store.read(lambda rows: rows.events.all()))
    if settings.bot.event_file is None:
        none = Check("events", "warn", "there is none", "Make one: deepracer-bot event apply FILE")
        return events, [] if events else [none]
    try:
        given = read_file(settings.bot.event_file, settings.aws.access_portal_url)
    except EventFileInvalid as error:
        return events, [Check(fault.name, "failed", fault.what, fault.mend) for fault in error.faults]
    stored = next((event for event in events if event.id == given.id), None)
    if stored is None:
        return [*events, given], []
    fields = ", ".join(change.field for change in difference(stored, given))
    if not fields:
        return events, []
    mend = "The stored event counts. See and apply the difference: deepracer-bot event apply FILE"
    return events, [Check(f"{given.id}: BOT_EVENT_FILE", "warn", f"differs in {fields}", mend)]


def _bell(settings: BotSettings, store: Store) -> Iterator[Check]:
    """Look at the queue of SQS, where there is one."""
    if settings.queue_url is not None:
        from adapters.aws.queue_facts import queue_facts

        facts_of = partial(queue_facts, brakes=store.brakes, clock=UtcClock())
        yield from bell_checks.bell(facts_of, settings.queue_url, settings.dead_letters_url)


def _unmade(events: Iterable[Event]) -> Event | None:
    return next((event for event in events if event.version == 0), None)


def _looks(settings: Settings, outside: Outside, events: Iterable[Event]) -> Iterator[tuple[str, Look]]:
    slack, teams = settings.slack, settings.teams
    if slack is not None:
        yield "clock against Slack", partial(checks.clock, "Slack", f"{slack.api_base_url}api.test")
    yield "clock against Graph", partial(checks.clock, "Graph", f"{settings.graph.base_url}/organization")
    if slack is not None and outside.slack is not None:
        yield "Slack", partial(checks.slack, outside.slack, slack)
    if teams is not None and outside.teams is not None:
        yield "Teams", partial(checks.teams, outside.teams)
        yield "Teams keys", partial(checks.teams_keys, teams)
    yield "Entra", lambda: checks.entra(outside.tokens)
    yield "Graph users", lambda: checks.graph(outside.graph)
    yield "mail", lambda: mail_checks.mail(outside.mail, tuple(events))
    for event in events:
        if event.phase(datetime.now(UTC)) != "ended":
            yield from _looks_at(event, outside)


def _looks_at(event: Event, outside: Outside) -> Iterator[tuple[str, Look]]:
    yield f"{event.id}: access_url", lambda: checks.address(event)
    yield f"{event.id}: organizers", lambda: checks.organizers(event, outside.accesses)
    yield f"{event.id}: organizer_channel", lambda: checks.reports(event)
    for grant in event.grants:
        yield f"{event.id}: {grant.kind}", partial(checks.grant, event, grant, outside.accesses)
        if isinstance(grant, IdentityCenterGroup):
            yield f"{event.id}: SCIM", partial(checks.feeding, event, grant, outside.graph)
            yield (
                f"{event.id}: on-demand push",
                partial(checks.push, event, grant, outside.tokens, outside.graph),
            )
        if isinstance(grant, DeepRacerOnAws):
            yield from _looks_at_site(event, grant, outside)


def _looks_at_site(event: Event, grant: DeepRacerOnAws, outside: Outside) -> Iterator[tuple[str, Look]]:
    url, racing = grant.site_url, outside.racing.sites
    connect = partial(racing.client_of, url) if racing.has_service_user else None
    yield f"{event.id}: racing site", lambda: site_checks.version(event, lambda: racing.sites.of(url).version)
    yield f"{event.id}: racing site's API", partial(site_checks.api, event, grant, connect)
    yield (
        f"{event.id}: invitations",
        lambda: site_checks.invitations(event, racing.pools.of(url), invites=racing.invites),
    )
    yield f"{event.id}: training jobs", lambda: site_checks.jobs(event, racing.jobs_at(url).at_once)


def _all(looks: Iterable[tuple[str, Look]]) -> list[Check]:
    """Look at everything at the same time; what is found keeps the order of the looks."""
    threads = ThreadPoolExecutor(max_workers=6)
    begun = [(name, threads.submit(_look, name, look)) for name, look in looks]
    found = [check for name, future in begun for check in _awaited(name, future)]
    threads.shutdown(wait=False, cancel_futures=True)
    return found


def _awaited(name: str, future: Future[list[Check]]) -> list[Check]:
    try:
        return future.result(timeout=PATIENCE)
    except TimeoutError:
        return [
            Check(name, "failed", f"no answer within {PATIENCE:.0f} s", "Look whether this host reaches it.")
        ]


def _look(name: str, look: Look) -> list[Check]:
    """Return what a look found, up to and with the error that ended it."""
    found: list[Check] = []
    try:
        found.extend(look())  # extend takes what came before an error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the doctor found
        found.append(_softened(failure(name, error)))
    return found


def _answered(name: str, look: Look) -> list[Check]:
    for pause in PAUSES:
        found = _look(name, look)
        if not any(issubclass(by_code().get(check.code, ProvisioningError), Unavailable) for check in found):
            return found
        time.sleep(pause)
    return _look(name, look)


def _softened(check: Check) -> Check:
    """Return the check as a warning where the bot works without what it looked at, only slower."""
    optional = check.name.endswith((": SCIM", ": on-demand push"))
    return replace(check, state="warn") if optional else check
