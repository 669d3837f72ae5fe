"""The company's simulated Bot Connector on a loopback port, and a client whose time is the company's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from adapters.teams.address import Address
from adapters.teams.connector import Connector
from adapters.teams.wire import Heard, envelope, read
from provisioning.ids import ChatIdentity
from sandbox.clock import Clock
from sandbox.company import BOT_APP_ID, TENANT_ID, Company
from sandbox.connector import REGION, ConnectorSimulator
from sandbox.connector_conversations import BOT_MRI
from sandbox.connector_transcript import TeamsEntry
from sandbox.entra import CONNECTOR_AUDIENCE, EntraSimulator
from sandbox.listening import listening
from sandbox.wire import CallLog, Faults
from tests.sandbox.still_clock import StillClock
from tests.unit.adapters.slack_workspace import CompanyTime, HeldBrakes


@dataclass
class GivenTokens:
    """Tokens given one after the other: a refused one is replaced by the next, as long as there are any."""

    tokens: list[str]
    refused: list[str] = field(default_factory=list)
    error: Exception | None = None

    def token(self, refused: str | None = None) -> str:
        if self.error is not None:
            raise self.error
        if refused is not None:
            self.refused.append(refused)
            self.tokens = self.tokens[1:] or self.tokens
        return self.tokens[0]


@dataclass(frozen=True)
class Tenant:
    """A running tenant and the bot's client of it."""

    company: Company
    teams: ConnectorSimulator
    url: str
    time: CompanyTime
    brakes: HeldBrakes
    tokens: GivenTokens
    connector: Connector

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def service_url(self) -> str:
        return f"{self.url}{REGION}/"

    def chat(self, key: str = "employee") -> ChatIdentity:
        object_id = self.company.people[key].teams.aad_object_id
        assert object_id is not None
        return ChatIdentity("teams", TENANT_ID, object_id)

    def personal(self, key: str = "employee") -> Address:
        """Return the address of this person's chat with the bot, opening it when there is none."""
        user = self.company.people[key].teams
        conversation = self.teams.conversations.personal(user)
        return Address(self.service_url, TENANT_ID, conversation.id, "personal", BOT_MRI, user.id)

    def channel(self, conversation: str, key: str | None = None) -> Address:
        """Return the address of a channel, as met by this person."""
        user = None if key is None else self.company.people[key].teams.id
        return Address(self.service_url, TENANT_ID, conversation, "channel", BOT_MRI, user)

    def heard(self, words: str, key: str = "employee", **more: Any) -> Heard:
        """Let somebody type this in Teams (or do what `more` says), and return what the bot hears of it."""
        asked = {"person": key, "kind": "message", "text": words} | more
        told = httpx.post(f"{self.url}/_teams/activities", json=asked, trust_env=False)
        found = read(envelope(told.json()["activity"]), self.time.now())
        assert isinstance(found, Heard)
        return found

    def sees(self, key: str = "employee") -> list[TeamsEntry]:
        """Return what this person sees of the bot, oldest first."""
        user = self.company.people[key].teams.id
        return [one for one in self.teams.transcript.visible_to(user) if one.author == BOT_MRI]

    def reads(self, key: str = "employee") -> list[str]:
        return [entry.says() for entry in self.sees(key)]

    def dies(self, key: str, code: str | None) -> None:
        """End the personal chat with somebody for this reason, or let it live again."""
        self.teams.conversations.personal(self.company.people[key].teams).dead = code


@cache
def bot_token() -> str:
    """Return a good token of the bot's own."""
    clock = Clock()
    entra = EntraSimulator(Company.found(people=1, clock=clock), CallLog(clock), Faults())
    return entra.issue(client_id=BOT_APP_ID, audience=CONNECTOR_AUDIENCE)


@contextmanager
def tenant(*, people: int = 5, tokens: GivenTokens | None = None, **switches: Any) -> Iterator[Tenant]:
    """Run a tenant of this many employees (and the special people) while the block runs."""
    company = Company.found(people=people, clock=StillClock())
    teams = ConnectorSimulator(company, CallLog(company.clock), Faults(), **switches)
    time = CompanyTime(company.clock)
    brakes = HeldBrakes(time)
    given = tokens or GivenTokens([bot_token()])
    with listening(teams.app()) as url:
        host = url.removeprefix("http://")
        connector = Connector(given, {host}, brakes, time, sleep=time.sleep)
        try:
            yield Tenant(company, teams, url, time, brakes, given, connector)
        finally:
            connector.close()
