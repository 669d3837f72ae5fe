"""The stage of a scenario: the company in a box, the bots in it, its people, and the check at the end.

with Stage(folder) as stage:
    stage.opens_event()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
                                … and on leaving, what everybody was told is held against the directories
"""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx
import pytest

from bot import applying, auditing
from bot.stores import open_store
from provisioning.audit import Line
from provisioning.boards import Board
from provisioning.events import EntraGroup, Event, IdentityCenterGroup
from provisioning.ids import EventId
from provisioning.ports import Store, Unit
from provisioning.races import Race
from sandbox.chatting import Answer, Flow, perform
from sandbox.company import ORGANIZERS_GROUP, Company
from sandbox.racing import RACERS
from sandbox.wire import Call, Fault
from sandbox.world import World
from tests.scenario.people import Racer
from tests.scenario.platforms import SIDES, parts_of
from tests.scenario.running import ROOT, Loop, Process, Threads
from tests.scenario.telling import Said, kind_of, kinds_for_organizers, kinds_of_notes
from tests.scenario.waiting import POLL_SECONDS, eventually

T = TypeVar("T")

EVENT = "Spring Cup 2027"
AT_ONCE = 24  # people who talk at the same moment
SETTLED = {
    "ready",
    "gone",
    "over",
    "suspended",
    "removed",
    "in-line",
}  # what a newest message may say at the end
# What answers words said in front of others, and greets: in Teams that comes into the personal chat, too.
ANSWERS = {"welcome", "help", "unknown", "nothing", "choice", "queued", "are you sure", "leaving"}


class Bot(Protocol):
    """The bot, or a part of it, running; `url` is where its doors are, "" when it has none."""

    @property
    def url(self) -> str: ...

    def stop(self) -> None:
        """Stop it."""
        ...


class CompanyClock:
    """The company's clock, for the bot: turning it forward turns everything."""

    def __init__(self, company: Company) -> None:
        self._clock = company.clock

    def now(self) -> datetime:
        """Return the present moment of the company, in UTC."""
        return self._clock.utc()

    def turn(self, **by: float) -> None:
        """Turn it forward: `turn(hours=25)`."""
        seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
        self._clock.turn(sum(seconds[unit] * amount for unit, amount in by.items()))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one message said of one person, and where they were a member at that moment."""

    who: str
    kind: str
    event: str | None
    groups: frozenset[str]


@dataclass(slots=True)
class Groups:
    """The groups of one event: in Entra, the identity store, on the racing site; None where none is."""

    entra: str | None = None
    store: str | None = None
    racing: str | None = None


@dataclass(slots=True)
class Tally:
    """How many requests an API took for a number of joins."""

    answered: int
    throttled: int
    by_operation: dict[str, int] = field(default_factory=dict)


class Stage:
    """A company with its bots, while the context is open. `kills` is how many duplicates are forgiven."""

    at_once = AT_ONCE

    def __init__(
        self,
        folder: Path,
        *,
        company: Company | None = None,
        platforms: tuple[str, ...] = ("slack",),
        store_url: str | None = None,
        **switches: Any,
    ) -> None:
        self.folder = folder
        self.store_url = store_url or f"sqlite:///{folder}/bot.db"  # where the bots keep their rows
        self.company = company or Company.found(people=12)
        self.sides = [SIDES[platform] for platform in platforms]  # people talk on the first unless told
        self.world = World(self.company, **{"parts": parts_of(platforms), **switches})
        self.clock = CompanyClock(self.company)
        self.kills = 0
        self.settings: dict[str, str] = {}  # beside those of the world
        self.racers: dict[tuple[str, str], Racer] = {}  # by key and platform
        self.claims: list[Claim] = []
        self._events: dict[str, Groups] = {}
        self._bots: list[Bot] = []
        self._before: dict[str, frozenset[str]] = {}
        self._patched = pytest.MonkeyPatch()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(self._patched.undo)
        self._stack.enter_context(self.world)
        self._street = Loop("street")
        self._stack.callback(self._street.close)
        limits = httpx.Limits(max_connections=2 * AT_ONCE)
        self._client = httpx.AsyncClient(trust_env=False, limits=limits, verify=False)  # noqa: S501 - http only
        self._stack.callback(lambda: self._street.do(self._client.aclose()))
        self._store = self._open_store()
        self._stack.callback(self._close_store)
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            self._stack.callback(self.stop_bots)
            if kind is None:
                self.check()

    def _open_store(self) -> Store:
        return open_store(self.store_url, self.clock)

    def _close_store(self) -> None:
        self._store.close()

    # --- setting the stage ----------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """Return every setting of the bots."""
        return self.world.environment() | {"BOT_STORE": self.store_url, **self.settings}

    def opens_event(self, **fields: Any) -> Event:
        """Apply an event file, as `event apply` does; `fields` as in `sandbox.event_file`."""
        event = applying.read_file(self.world.event_file(self.folder, **{**self.sides[0].fields, **fields}))
        self.access_url = event.access_url or event.site_url or ""
        saved = applying.apply(self._store, applying.plan(self._store, event), self.clock.now())
        self._events[event.name] = Groups(
            next((grant.group_id for grant in event.grants if isinstance(grant, EntraGroup)), None),
            next((grant.group_id for grant in event.grants if isinstance(grant, IdentityCenterGroup)), None),
            RACERS if event.site_url else None,
        )
        if not self._before:
            self._before = self.world.do(lambda: {key: self._groups_of(key) for key in self.company.people})
        return saved

    def also_opens(self, name: str) -> None:
        """Know an event that was made in chat, from the grants of the one that was applied."""
        self._events[name] = self._events[EVENT]

    def starts_bot(self, *, worker: bool = True, door: bool = True) -> Threads:
        """Start a bot in this process."""
        for name, value in self.environment.items():  # some clients are made when somebody first needs them
            self._patched.setenv(name, value)
        bot = Threads(self.environment, self.clock, worker=worker, door=door)
        self._bots.append(bot)
        return bot

    def starts_process(self, *arguments: str) -> Process:
        """Start a process of the bot's command line."""
        bot = Process(arguments, self.environment, self.folder / f"{arguments[0]}.log")
        self._bots.append(bot)
        return bot

    def stop_bots(self) -> None:
        """Stop every bot, the newest first."""
        while self._bots:
            self._bots.pop().stop()

    def moves_to(self, store_url: str, *, killed_at: str) -> str:
        """Stop every bot and move to another store, with a move that is killed while it carries these rows
        over, and said again; returns what that one says.
        """
        self.stop_bots()
        self._store.close()
        command = [sys.executable, "-m", "bot", "migrate", "--from", self.store_url, "--to", store_url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as moving:
            assert moving.stdout is not None
            assert any(killed_at in line for line in moving.stdout), "it is on its way"
            moving.kill()
        assert moving.returncode == -signal.SIGKILL, "it was killed, and had not ended"
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Everything has arrived" in done.stdout
        self.store_url = store_url
        self._store = self._open_store()
        return done.stdout

    def person(self, key: str, platform: str | None = None) -> Racer:
        """Return a person of the company who talks to the first bot with a door."""
        side = self.sides[0] if platform is None else SIDES[platform]
        if (key, side.name) not in self.racers:
            url = next(bot.url for bot in self._bots if bot.url)
            line = side.line(self.world, self.plays, url, key)
            self.racers[key, side.name] = Racer(
                self.company.people[key], line, lambda who: self.world.do(lambda: self._groups_of(who))
            )
        return self.racers[key, side.name]

    def someone(self) -> Racer:
        """Return an employee who has not talked to the bot yet."""
        return next(
            self.person(key)
            for key in self.company.people
            if key.startswith("employee-") and not any(key == known for known, _ in self.racers)
        )

    def people(self, count: int, *, first: int = 1) -> list[Racer]:
        """Return so many employees."""
        return [self.person(f"employee-{number:03d}") for number in range(first, first + count)]

    def plays(self, flow: Flow[T]) -> T:
        """Play one person's flow to its end."""
        return self._street.do(perform(self._client, flow))

    def together(self, flows: Iterable[Flow[Answer]]) -> list[Answer]:
        """Play many people's flows at once."""

        async def all_of_them() -> list[Answer]:
            # Not more at once than there are connections: waiting for one would count as the bot's time.
            gate = asyncio.Semaphore(self.at_once)

            async def one(flow: Flow[Answer]) -> Answer:
                async with gate:
                    return await perform(self._client, flow)

            return await asyncio.gather(*(one(flow) for flow in flows))

        return self._street.do(all_of_them())

    def all_say(self, racers: Iterable[Racer], words: str) -> None:
        """Let all of these people type the same at once; every answer must be a good one."""
        crowd = list(racers)
        flows = [racer.line.saying(words) for racer in crowd]
        for racer, answer in zip(crowd, self.together(flows), strict=True):
            racer.hears(answer)

    def befalls(self, part: str, operation: str, kind: str, **fields: Any) -> None:
        """Arm a fault on one of the simulators."""
        fault = Fault(operation, kind, **fields)  # type: ignore[arg-type]
        self.world.do(lambda: getattr(self.world, part).faults.arm(fault))

    def calms(self, part: str) -> None:
        """Disarm the faults of one simulator."""
        self.world.do(getattr(self.world, part).faults.disarm)

    def befallen(self, part: str) -> bool:
        """Whether no fault of this simulator is left armed."""
        return self.world.do(lambda: not getattr(self.world, part).faults.armed())

    @contextmanager
    def time_flies(self, times: float) -> Iterator[None]:
        """Let the company's clock run so many times as fast, for a scenario that is paced, not busy.

        What is leased is then leased for less real time, so this is for bots that live through it.
        """
        over = threading.Event()

        def run() -> None:
            while not over.wait(POLL_SECONDS):
                self.clock.turn(seconds=POLL_SECONDS * (times - 1))

        flying = threading.Thread(target=run, name="time")
        flying.start()
        try:
            yield
        finally:
            over.set()
            flying.join()

    # --- what the stage shows -------------------------------------------------------------------------------

    @property
    def organizers(self) -> list[Said]:
        """Everything in the organizers' channel, oldest first."""
        return self.sides[0].organizers(self.world)

    @property
    def organizers_hear(self) -> list[str]:
        """The kinds of what the organizers' channel was told, oldest first."""
        return [one.kind for one in self.organizers]

    def event(self, event_id: str = "spring-cup-2027") -> Event:
        """Return the event as it is stored."""
        found = self._store.read(lambda rows: rows.events.get(EventId(event_id)))
        assert found is not None
        return found

    def races(self, event_id: str = "spring-cup-2027") -> tuple[Race, ...]:
        """Return the races of the event as they are stored."""
        return self._store.read(lambda rows: rows.races.of_event(EventId(event_id)))

    def notes(self, what: str) -> bool:
        """Whether the scheduler has noted this."""
        return self._store.read(lambda rows: rows.moments.get(what)) is not None

    def boards(self, event_id: EventId) -> tuple[Board, ...]:
        """Return the leaderboards of the event as they are stored."""
        return self._store.read(lambda rows: rows.boards.of_event(event_id))

    def makes_organizer(self, key: str) -> Racer:
        """Let somebody of the company be an organizer from now on."""
        person = self.company.people[key].entra
        assert person is not None

        def add() -> None:
            group = self.company.group(ORGANIZERS_GROUP)
            group.members[person.id] = self.company.clock.now()

        self.world.do(add)
        return self.person(key)

    def rows(self, unit: Unit[T]) -> T:
        """Read the bot's rows."""
        return self._store.read(unit)

    def audit_holds(self) -> bool:
        """Whether the chain of the audit is as it was written."""
        return not auditing.verify(self._store).breaks

    def audit_lines(self) -> tuple[Line, ...]:
        """Return the audit, oldest line first."""
        return self._store.read(lambda rows: rows.audit.lines(limit=10_000))

    def audit(self) -> list[str]:
        """Return what the audit says was done since the event was applied, oldest first."""
        lines = self._store.read(lambda rows: rows.audit.lines(limit=10_000))
        return [line.action for line in lines if line.action != "applied"]

    def refusals(self) -> list[str]:
        """Return the codes with which the gate refused somebody, oldest first."""
        lines = self._store.read(lambda rows: rows.audit.lines(limit=10_000))
        return [line.facts["code"] for line in lines if line.action == "refused"]

    def tallies(self, event_id: str = "spring-cup-2027") -> Mapping[str, int]:
        """Return what was counted of the event."""
        return self._store.read(lambda rows: rows.tallies.of(EventId(event_id)))

    def does(self, unit: Unit[T]) -> T:
        """Write to the rows, for what nothing says in chat yet."""
        return self._store.run(unit).result()

    def public(self) -> list[str]:
        """Everything that anybody but its one reader can see, outside the organizers' channel."""
        return [text for side in self.sides for text in side.public(self.world)]

    def members(self, event: str = EVENT) -> dict[str, list[str]]:
        """Return the Entra object ids in the groups of an event, duplicates as often as they are there."""
        groups = self._events[event]

        def read() -> dict[str, list[str]]:
            users, store = self.company.store_users, self.company.store_groups.get(groups.store or "")
            entra = self.company.entra_groups.get(groups.entra or "")
            return {
                "entra": list(entra.members) if entra else [],
                "identity store": [
                    str(users[user].external_id) for user in (store.memberships.values() if store else ())
                ],
            }

        return self.world.do(read)

    def calls(self, part: str, operation: str) -> int:
        """Count the calls of one API whose operation matches this regular expression."""
        return self.world.do(lambda: int(getattr(self.world, part).log.count(operation)))

    def has_nothing_due(self) -> bool:
        """Whether nothing waits for the bots now."""
        now = self.clock.now()
        return not self._store.read(
            lambda rows: rows.registrations.due(now, 1) or rows.queue.oldest_seconds(now)
        )

    def is_at_rest(self) -> bool:
        """Whether nothing waits for the bots, now or soon."""
        return not any(self._store.read(lambda rows: rows.queue.depth()).values())

    def calls_of(self, part: str, operation: str) -> list[Call]:
        """Return the calls of one API whose operation is this."""
        calls: list[Call] = self.world.do(lambda: list(getattr(self.world, part).log.calls))
        return [call for call in calls if call.operation == operation]

    def count_told(self, kind: str) -> int:
        """Count the messages of their own, of this kind, that people got."""
        texts = [text for side in self.sides for text in side.told(self.world)]
        return sum(kind_of(text)[0] == kind for text in texts)

    def tally(self, part: str) -> Tally:
        """Count the calls an API took. Graph's `$batch` is not one, its items are; tokens are not."""
        calls = self.world.do(lambda: list(getattr(self.world, part).log.calls))
        tally = Tally(0, 0)
        for call in calls:
            if "$batch" in call.operation:
                continue
            if call.status == 429 or call.detail.get("code") == "ThrottlingException":
                tally.throttled += 1
            else:
                tally.answered += 1
                tally.by_operation[call.operation] = tally.by_operation.get(call.operation, 0) + 1
        return tally

    def _groups_of(self, key: str, event: str = EVENT) -> frozenset[str]:
        """Return where a person is a member; on the simulators' thread only."""
        user, groups = self.company.people[key].entra, self._events.get(event, Groups())
        if user is None:
            return frozenset()
        entra = self.company.entra_groups.get(groups.entra or "")
        store = self.company.store_groups.get(groups.store or "")
        ids = {found.user_id for found in self.company.store_users.values() if found.external_id == user.id}
        found = set()
        if entra is not None and user.id in entra.members:
            found.add("entra")
        if store is not None and ids & set(store.memberships.values()):
            found.add("identity store")
        account = self.company.racing.user(user.mail or "") if groups.racing else None
        if account is not None and account.enabled and groups.racing in account.groups:
            found.add("racing site")
        return frozenset(found)

    # --- the check at the end -------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Note, of every message at the moment of posting, whether it is true."""
        for side in self.sides:
            side.listen(self.world, self._note)

    def _note(self, key: str, text: str) -> None:
        kind, event = kind_of(text)
        if event in self._events:
            self.claims.append(Claim(key, kind, event, self._groups_of(key, event)))

    def check(self) -> None:
        """Hold what everybody was told against the directories, then and now: once it has arrived."""
        eventually(lambda: not self._untrue(), "who was told ready last is in", otherwise=self._untrue)
        for claim in self.claims:
            if claim.kind == "ready":
                assert claim.groups == self._granted(claim.event), f"a ready that was not true: {claim}"
        surplus = 0
        for racer in self.racers.values():
            surplus += self._check_racer(racer)
        assert surplus <= self.kills, f"{surplus} messages came twice with {self.kills} kills"
        assert self.audit_holds(), "the chain of the audit is broken"
        for where, ids in self.members().items():
            assert len(ids) == len(set(ids)), f"a membership twice in {where}"

    def _untrue(self) -> str:
        """Return who reads, as their newest word of an event, that they are in, and is not."""
        newest = {
            (racer, one.event): one.kind
            for racer in self.racers.values()
            for one in racer.messages
            if one.event in self._events
        }
        return "\n".join(
            repr(racer)
            for (racer, event), kind in newest.items()
            if kind == "ready"
            and self.world.do(lambda key=racer.key, event=event: self._groups_of(key, event))  # type: ignore[misc]
            != self._granted(event)
        )

    def _check_racer(self, racer: Racer) -> int:
        """Check one person's messages; returns how many came twice."""
        # What says nothing of how far they are.
        beside = kinds_for_organizers() | kinds_of_notes() | ANSWERS | {"ends-soon", "board", "certificate"}
        told = [kind for kind in racer.told if kind not in beside]
        if len(self._events) == 1 and told and (told[-1] != "ready"):
            assert told[-1] in SETTLED or told[-1].startswith("DR-"), f"left hanging\n{racer!r}"
            before = self._before.get(racer.key, frozenset())
            # Whom Entra had before us keeps what follows from it in the identity store.
            kept = before | {"identity store"} if "entra" in before else before
            assert before <= racer.in_groups <= kept, f"told {told[-1]}, in {racer.in_groups}\n{racer!r}"
        repeated = sum(one == other for one, other in pairwise(told))
        return max(0, repeated - max(0, racer.asked - 1))  # who asks again may hear the same again

    def _granted(self, event: str | None) -> frozenset[str]:
        groups = self._events[event or EVENT]
        return frozenset(
            name
            for name, group in (
                ("entra", groups.entra),
                ("identity store", groups.store),
                ("racing site", groups.racing),
            )
            if group is not None
        )
