"""The company's simulated Slack on a loopback port, and a client of it whose time is the company's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.slack.client import SlackClient
from provisioning.brake import Brake
from provisioning.ids import ChatIdentity
from sandbox.clock import Clock
from sandbox.company import TEAM_ID, Company
from sandbox.listening import listening
from sandbox.slack import SlackSimulator
from sandbox.wire import CallLog, Faults
from tests.sandbox.still_clock import StillClock


class CompanyTime:
    """The company's clock as the port asks for it; sleeping turns it forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._clock.utc()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.turn(seconds)


class HeldBrakes:
    """Brakes in memory; `held` keeps every one that was held."""

    def __init__(self, time: CompanyTime) -> None:
        self._time = time
        self.held: list[Brake] = []

    def wait(self, api: str) -> float:
        now = self._time.now()
        return max((brake.holds(now) for brake in self.held if brake.api == api), default=0.0)

    def hold(self, brake: Brake) -> None:
        self.held.append(brake)


@dataclass(frozen=True)
class Workspace:
    """A running workspace and the bot's client of it."""

    company: Company
    slack: SlackSimulator
    url: str
    time: CompanyTime
    brakes: HeldBrakes
    client: SlackClient

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def chat(self, key: str) -> ChatIdentity:
        return ChatIdentity("slack", TEAM_ID, self.company.people[key].slack.id)


@contextmanager
def workspace(*, people: int = 5, token: str | None = None, **switches: Any) -> Iterator[Workspace]:
    """Run a workspace of this many employees (and the special people) while the block runs."""
    company = Company.found(people=people, clock=StillClock())
    slack = SlackSimulator(company, CallLog(company.clock), Faults(), **switches)
    time = CompanyTime(company.clock)
    brakes = HeldBrakes(time)
    with listening(slack.app()) as url:
        client = SlackClient(f"{url}/api/", token or slack.token, brakes, time, sleep=time.sleep)
        try:
            yield Workspace(company, slack, url, time, brakes, client)
        finally:
            client.close()
