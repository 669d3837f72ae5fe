"""The racing site of a simulated company, and real clients that reach it over HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
from botocore.config import Config

from adapters.deepracer.access import RacerAccounts
from adapters.deepracer.names import username_of
from adapters.deepracer.pool import Pool
from adapters.deepracer.site import Sites, Told
from provisioning.access import Failed, Outcome
from provisioning.brake import Brake
from provisioning.errors import ProvisioningError
from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
from provisioning.registrations import Person
from sandbox.cognito_front import CognitoSimulator
from sandbox.company import Company
from sandbox.listening import listening
from sandbox.racing import RACERS, USER_POOL_ID, PoolUser, Racing
from sandbox.racing_site import RacingSimulator
from sandbox.wire import CallLog, Faults


class CompanyClock:
    """The company's clock, for the adapters."""

    def __init__(self, company: Company) -> None:
        self._clock = company.clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


@dataclass
class Board:
    """The brakes of one process, kept in memory."""

    clock: CompanyClock
    held: dict[str, Brake] = field(default_factory=dict)

    def wait(self, api: str) -> float:
        return self.held[api].holds(self.clock.now()) if api in self.held else 0.0

    def hold(self, brake: Brake) -> None:
        self.held[brake.api] = brake


@dataclass
class RacingWorld:
    """The simulated site, and the adapter that gives accounts on it."""

    company: Company
    cognito: CognitoSimulator
    site: RacingSimulator
    site_url: str
    clock: CompanyClock
    brakes: Board
    clients: dict[str, Any]
    told: Told = field(default_factory=Told)
    asked_for_mail: list[PersonId] = field(default_factory=list)
    without_mail: dict[PersonId, Failed | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sites = Sites(lambda: httpx.Client(trust_env=False), self.told, self.clock)
        self.access = self.again()

    @property
    def racing(self) -> Racing:
        return self.company.racing

    @property
    def grant(self) -> DeepRacerOnAws:
        return DeepRacerOnAws(self.site_url)

    def again(self, **switches: Any) -> RacerAccounts:
        """Return the adapter as a process that was started anew has it."""
        pool = Pool(
            self.clients["cognito-idp"], USER_POOL_ID, brakes=self.brakes, clock=self.clock, rate_scale=1000.0
        )
        return RacerAccounts(self.sites, lambda _: pool, self.mails, self.clock, **switches)

    def mails(self, people: Sequence[PersonId]) -> Mapping[PersonId, str | Failed | None]:
        self.asked_for_mail += people
        return {
            one: self.without_mail[one] if one in self.without_mail else self.company.entra_users[one].mail
            for one in people
        }

    def person(self, number: int = 1, subject: str | None = None) -> Person:
        user = self.company.people[f"employee-{number:03d}"].entra
        assert user is not None
        return Person(PersonId(user.id), user.user_principal_name, user.display_name, subject)

    def people(self, count: int) -> list[Person]:
        return [self.person(number) for number in range(1, count + 1)]

    def mail(self, person: Person) -> str:
        return str(self.company.entra_users[person.id].mail)

    def own(self, person: Person) -> PoolUser:
        return self.racing.users[username_of(USER_POOL_ID, person.id)]

    def own_account(self, person: Person, *groups: str) -> PoolUser:
        """Let the person have an account that somebody else made."""
        username = f"theirs{int(person.user_principal_name.split('@')[0][-3:]):09d}"
        user = self.racing.enroll(username, self.mail(person), None, 0.0)
        user.groups, user.status = set(groups), "CONFIRMED"
        return user

    def racers(self) -> list[str]:
        return [user.username for user in self.racing.members(RACERS)]

    def calls(self, operation: str = "") -> int:
        return self.cognito.log.count(operation)

    def turn(self, seconds: float) -> None:
        self.company.clock.turn(seconds)


@contextmanager
def racing_world(people: int = 12, **switches: Any) -> Iterator[RacingWorld]:
    """Open the world; `switches` are those of the user pool."""
    company = Company.found(people=people)
    clock = CompanyClock(company)
    cognito = CognitoSimulator(
        company, CallLog(company.clock), Faults(), **{"rate_scale": 1000.0, **switches}
    )
    site = RacingSimulator(company, CallLog(company.clock), Faults(), rate_scale=1000.0)
    with listening(cognito.app()) as url, listening(site.app()) as site_url:
        clients = {
            service: boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=url,
                aws_access_key_id="AKIAMADEUP",
                aws_secret_access_key="made-up",
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=30),
            )
            for service in ("cognito-idp", "cognito-identity")
        }
        yield RacingWorld(company, cognito, site, site_url, clock, Board(clock), clients)
        for client in clients.values():
            client.close()


def failed(outcome: Outcome) -> ProvisioningError:
    assert isinstance(outcome, Failed)
    return outcome.error
