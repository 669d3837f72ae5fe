"""The whole company in a box, running: every simulator on a loopback port, all in one thread."""

import asyncio
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.chatting import Moves, SlackPerson
from sandbox.company import DOMAIN, IDENTITY_STORE_ID, INSTANCE_ARN, TEAM_ID, TENANT_ID, Company
from sandbox.event_file import event_toml
from sandbox.racing import SERVICE_PASSWORD, SERVICE_USER
from sandbox.slack import SlackSimulator
from sandbox.teams_chatting import TeamsMoves, TeamsPerson
from sandbox.wire import CallLog, Faults

if TYPE_CHECKING:
    from sandbox.aws import AwsSimulator
    from sandbox.cognito_front import CognitoSimulator
    from sandbox.connector import ConnectorSimulator
    from sandbox.entra import EntraSimulator
    from sandbox.graph import GraphSimulator
    from sandbox.racing_site import RacingSimulator
    from sandbox.ses import SesSimulator

Result = TypeVar("Result")
PARTS = frozenset({"slack", "teams", "graph", "entra", "aws", "cognito", "racing", "ses"})
_OVER_TLS = frozenset({"entra", "racing"})
REGION = "us-east-1"
_AWS_ACCOUNT = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "AKIASANDBOX000000000",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running company is found, and what a player in another process needs to act in it."""

    urls: dict[str, str]
    environment: dict[str, str]
    signing_secret: str

    @classmethod
    def load(cls, path: Path) -> "Address":
        """Read the address a company saved. Raises FileNotFoundError when none is running there."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def person(self, key: str, *, bot_url: str | None, channel: str | None = None) -> SlackPerson:
        """Return a person of the running company who talks to the bot at this URL."""
        return SlackPerson(
            key,
            slack_url=self.urls["slack"],
            signing_secret=self.signing_secret,
            bot_url=bot_url,
            channel=channel,
        )

    def moves(self, key: str, *, bot_url: str, channel: str | None = None) -> Moves:
        """Return what a person of the running company can do, for a crowd that plays in one event loop."""
        return Moves(
            key,
            slack_url=self.urls["slack"],
            signing_secret=self.signing_secret,
            bot_url=bot_url,
            channel=channel,
        )

    def teams_person(self, key: str, *, bot_url: str, conversation: str | None = None) -> TeamsPerson:
        """Return a person of the running company who talks to the bot at this URL in Teams."""
        return TeamsPerson(key, teams_url=self.urls["teams"], bot_url=bot_url, conversation=conversation)

    def teams_moves(self, key: str, *, bot_url: str, conversation: str | None = None) -> TeamsMoves:
        """Return what a person can do in Teams, for a crowd that plays in one event loop."""
        return TeamsMoves(key, teams_url=self.urls["teams"], bot_url=bot_url, conversation=conversation)


class World:
    """The company and its simulators, served while the context is open.

    `parts` names the simulators to start; "teams" brings "entra" along, where the bot gets its own token.
    `slack`, `graph`, `entra`, `aws`, `teams`, `cognito` and `racing` hold switches for their constructors.
    `accent` returns what is put around each, by its name: it changes how they answer, and not what. Port 0
    takes a free port. State is touched from the loop's thread only: use `do`.
    """

    graph: "GraphSimulator"
    entra: "EntraSimulator"
    aws: "AwsSimulator"
    cognito: "CognitoSimulator"
    racing: "RacingSimulator"
    ses: "SesSimulator"
    slack: SlackSimulator
    teams: "ConnectorSimulator"
    _loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        company: Company | None = None,
        *,
        parts: frozenset[str] | set[str] = PARTS,
        slack_port: int = 0,
        graph_port: int = 0,
        entra_port: int = 0,
        aws_port: int = 0,
        teams_port: int = 0,
        slack: Mapping[str, Any] | None = None,
        graph: Mapping[str, Any] | None = None,
        entra: Mapping[str, Any] | None = None,
        aws: Mapping[str, Any] | None = None,
        cognito: Mapping[str, Any] | None = None,
        racing: Mapping[str, Any] | None = None,
        teams: Mapping[str, Any] | None = None,
        accent: Callable[[str], Middleware] | None = None,
    ) -> None:
        self.company = company or Company.found()
        self._accent = accent
        self.urls: dict[str, str] = {}
        self._parts = frozenset(parts) | ({"entra"} if "teams" in parts else set())
        self._ports = {
            "slack": slack_port,
            "graph": graph_port,
            "entra": entra_port,
            "aws": aws_port,
            "teams": teams_port,
        }
        self._switches: dict[str, Mapping[str, Any]] = {
            "slack": slack or {},
            "graph": graph or {},
            "entra": entra or {},
            "aws": aws or {},
            "cognito": cognito or {},
            "racing": racing or {},
            "teams": teams or {},
        }
        self._runners: list[web.AppRunner] = []
        self._ca_file: Path | None = None
        self._tls: ssl.SSLContext | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="company", daemon=True)
        thread.start()
        self._stack.callback(self._end, thread)
        try:
            for part in sorted(self._parts):
                self._start(part)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def do(self, work: Callable[[], Result]) -> Result:
        """Run this on the simulators' thread, between requests, and return its result."""
        outcome: Future[Result] = Future()

        def run() -> None:
            try:
                outcome.set_result(work())
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
                outcome.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return outcome.result(timeout=30)

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run this coroutine in the simulators' loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this coroutine run in the simulators' loop until the world closes."""
        kept = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._stack.callback(kept.cancel)

    def serve(self, name: str, app: web.Application) -> None:
        """Serve one more application beside the simulators; `urls` tells where, by this name."""
        port = self.wait(self._serve(app, 0, None))
        self.urls[name] = f"http://127.0.0.1:{port}"

    def person(self, key: str, *, bot_url: str | None, channel: str | None = None) -> SlackPerson:
        """Return a person who talks to the bot at this URL, or over Socket Mode; the world closes them."""
        return self._stack.enter_context(self.address().person(key, bot_url=bot_url, channel=channel))

    def teams_person(self, key: str, *, bot_url: str, conversation: str | None = None) -> TeamsPerson:
        """Return a person who talks to the bot at this URL in Teams; the world closes them."""
        person = self.address().teams_person(key, bot_url=bot_url, conversation=conversation)
        return self._stack.enter_context(person)

    def environment(self) -> dict[str, str]:
        """Return the settings with which the bot reaches this world: those of the parts that run."""
        settings: dict[str, str] = {}
        for part in self._parts:
            settings |= getattr(self, f"_{part}_settings")()
        return settings

    def event_file(self, directory: Path, **overrides: Any) -> Path:
        """Write an event of this company and return its path; `overrides` as in `event_toml`."""
        path = directory / f"{overrides.get('id', 'spring-cup-2027')}.toml"
        path.write_text(self.do(lambda: event_toml(self.company, **overrides)), encoding="utf-8")
        return path

    def racing_grant(self) -> dict[str, Any]:
        """Return the grant of an event that gives access to the racing site of this world."""
        return {"kind": "deepracer-on-aws", "site_url": self.urls["racing"]}

    def address(self) -> Address:
        """Return where this world is found."""
        secret = self.slack.signing_secret if "slack" in self._parts else ""
        return Address(dict(self.urls), self.environment(), secret)

    def save_address(self, path: Path) -> None:
        """Write the address for players in other processes, all at once; only the owner may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.draft")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self.address()), indent=2), encoding="utf-8")
        draft.replace(path)  # whoever waits for the file never reads half of it

    def _start(self, part: str) -> None:
        log, faults = CallLog(self.company.clock), Faults()
        context = self._context() if part in _OVER_TLS else None
        simulator = _simulator(part)(self.company, log, faults, **self._switches.get(part, {}))
        setattr(self, part, simulator)
        app = simulator.app()
        if self._accent is not None:
            app.middlewares.insert(0, self._accent(part))
        port = self.wait(self._serve(app, self._ports.get(part, 0), context))
        scheme = "http" if context is None else "https"
        self.urls[part] = f"{scheme}://127.0.0.1:{port}"

    def _context(self) -> ssl.SSLContext:
        """Return what the parts that speak TLS listen with; their certificate is the company's own."""
        if self._tls is None:
            from sandbox.tls import authority

            # The directory lives as long as the world: clients read the authority's file at any time.
            directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="company-"))
            self._tls, self._ca_file = authority(Path(directory))
        return self._tls

    async def _serve(self, app: web.Application, port: int, context: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        return int(runner.addresses[0][1])

    def _end(self, thread: threading.Thread) -> None:
        async def clean() -> None:
            for runner in self._runners:
                await runner.cleanup()
            await self._loop.shutdown_default_executor()

        self.wait(clean())
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(timeout=30)
        self._loop.close()

    def _slack_settings(self) -> dict[str, str]:
        return {
            "SLACK_BOT_TOKEN": self.slack.token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_API_BASE_URL": f"{self.urls['slack']}/api/",
            "SLACK_TEAM_IDS": TEAM_ID,
            "SLACK_RESPONSE_URL_HOSTS": self.urls["slack"].removeprefix("http://"),
        }

    def _entra_settings(self) -> dict[str, str]:
        return {
            "ENTRA_TENANT_ID": TENANT_ID,
            "ENTRA_CLIENT_ID": self.entra.client_id,
            "ENTRA_CLIENT_SECRET": self.entra.client_secret,
            "ENTRA_AUTHORITY_URL": self.urls["entra"],
            **self._trust(),
        }

    def _trust(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self._ca_file), "REQUESTS_CA_BUNDLE": str(self._ca_file)}

    def _graph_settings(self) -> dict[str, str]:
        return {
            "GRAPH_BASE_URL": f"{self.urls['graph']}/v1.0",
            # Entra issues tokens for Graph's own name, wherever Graph is reached.
            "GRAPH_SCOPE": "https://graph.microsoft.com/.default",
        }

    def _teams_settings(self) -> dict[str, str]:
        return {
            "MICROSOFT_APP_ID": self.teams.app_id,
            "MICROSOFT_APP_PASSWORD": self.entra.bot_app_secret,
            "MICROSOFT_APP_TYPE": "SingleTenant",
            "MICROSOFT_APP_TENANT_ID": TENANT_ID,
            "BOT_OPENID_METADATA_URL": f"{self.urls['teams']}/v1/.well-known/openidconfiguration",
            "BOT_LOGIN_URL": f"{self.urls['entra']}/adfs",
            "TEAMS_TENANT_IDS": TENANT_ID,
            "TEAMS_SERVICE_URL_HOSTS": self.urls["teams"].removeprefix("http://"),
        }

    def _aws_settings(self) -> dict[str, str]:
        return {
            **_AWS_ACCOUNT,
            "AWS_ENDPOINT_URL": self.urls["aws"],
            "IDENTITY_STORE_ID": IDENTITY_STORE_ID,
            "SSO_INSTANCE_ARN": INSTANCE_ARN,
        }

    def _cognito_settings(self) -> dict[str, str]:
        return {
            **_AWS_ACCOUNT,
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": self.urls["cognito"],
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY": self.urls["cognito"],
        }

    def _ses_settings(self) -> dict[str, str]:
        return {
            **_AWS_ACCOUNT,
            "AWS_ENDPOINT_URL_SESV2": self.urls["ses"],
            "MAIL_FROM": f"DeepRacer <racing@{DOMAIN}>",
            "MAIL_REGION": _AWS_ACCOUNT["AWS_REGION"],
        }

    def _racing_settings(self) -> dict[str, str]:
        # What else there is to know of the site stands in its env.js.
        return {
            "DEEPRACER_ADMIN_USER": SERVICE_USER,
            "DEEPRACER_ADMIN_PASSWORD": SERVICE_PASSWORD,
            **self._trust(),
        }


def _simulator(part: str) -> Callable[..., Any]:
    """Return the class of one part. Imported here, so that a world of fewer parts loads only those."""
    if part == "graph":
        from sandbox.graph import GraphSimulator

        return GraphSimulator
    if part == "entra":
        from sandbox.entra import EntraSimulator

        return EntraSimulator
    if part == "aws":
        from sandbox.aws import AwsSimulator

        return AwsSimulator
    if part == "cognito":
        from sandbox.cognito_front import CognitoSimulator

        return CognitoSimulator
    if part == "racing":
        from sandbox.racing_site import RacingSimulator

        return RacingSimulator
    if part == "ses":
        from sandbox.ses import SesSimulator

        return SesSimulator
    if part == "teams":
        from sandbox.connector import ConnectorSimulator

        return ConnectorSimulator
    return SlackSimulator
