"""`make run`: the company and the bot, up until Ctrl-C, with a line for each message a person gets."""

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sandbox import demo_words as words
from sandbox.company import Company
from sandbox.onlooker import Line
from sandbox.opening import opened
from sandbox.processes import ProcessEnded, Processes, Running, ask_to_stop_by_signals
from sandbox.world import World

HOST = "127.0.0.1"
START_SECONDS = 30.0
LOOK_SECONDS = 0.3
FAILED = 1
_USUAL_PORT = 8080
_KINDS = {"dm": "message", "ephemeral": "reply", "channel": "post"}


def run(address: Path, *, port: int, people: int, seed: int) -> int:
    """Run until Ctrl-C; returns the exit code."""
    ask_to_stop_by_signals()
    company = Company.found(people=people, seed=seed)
    company.hire("german", slack={"locale": "de-DE"}, teams={"locale": "de-DE"})
    with tempfile.TemporaryDirectory(prefix="deepracer-run-") as name:
        folder = Path(name)
        try:
            with opened(company, address) as (world, onlooker), Processes(folder) as processes:
                bot = _start(world, processes, folder, _free(port))
                _explain(_port(bot), address, folder)
                shown = 0
                while True:
                    processes.check()
                    lines = world.do(onlooker.news)
                    for line in lines[shown:]:
                        print(_told(line), flush=True)
                    shown = len(lines)
                    time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            print("\nStopped. The company and the bot are gone.")
            return 0
        except ProcessEnded as ended:
            print(f"{ended}. It said last:", file=sys.stderr)
            print("\n".join(_last(ended.log)), file=sys.stderr)
            return FAILED


def _start(world: World, processes: Processes, folder: Path, port: int) -> Running:
    """Apply the event and start the bot; returns it when it listens."""
    settings = world.environment() | {"BOT_STORE": f"sqlite:///{folder / 'bot.db'}", "BOT_HOST": HOST}
    event = world.event_file(folder)
    applying = processes.start("event-apply", "bot", "event", "apply", str(event), "--yes", settings=settings)
    code = processes.finish(applying, START_SECONDS)
    if code != 0:
        raise ProcessEnded("event apply", code, applying.log)
    bot = processes.start("bot", "bot", "serve", "--port", str(port), settings=settings)
    while not _port(bot):
        bot.check()
        time.sleep(LOOK_SECONDS)
    return bot


def _free(port: int) -> int:
    """Return the port, or 0 (any free one) when somebody has it already."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return 0
    return port


def _port(bot: Running) -> int:
    """Return the port the bot says it listens on, 0 while it has not said so."""
    for line in bot.said().splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("action") == "listening":
                return int(said["port"])
    return 0


def _explain(port: int, address: Path, folder: Path) -> None:
    options = "" if port == _USUAL_PORT else f" --url http://{HOST}:{port}"
    options += "" if address == Path(".sandbox/world.json") else f" --world {address}"
    command = f"{_command()} try"
    print(f"The company is open, and the bot listens on http://{HOST}:{port}. Ctrl-C ends both.\n")
    print("Type as somebody, in another terminal:")
    for words_, note in (
        ("join --as employee --follow", "a join, until the link comes"),
        ("join --as employee-002 --in teams --follow", "the same in Microsoft Teams"),
        ("status --as employee", "how far it is"),
        ("leave --as employee", "asks first; then: leave spring-cup-2027 --yes"),
        ("join --as guest --follow", "a refusal; others: stranger, disabled, two-matches, look-alike"),
        ("join --as teams-guest --in teams --follow", "a refusal in Teams"),
        ("join --as newcomer --follow", "somebody AWS does not know yet"),
        ("admin event show --as organizer --follow", "an organizer; admin help lists the rest"),
        ("join --as german --follow", "somebody whose Slack is in German"),
    ):
        print(f"  {command} {words_}{options}    # {note}")
    print(f"\nThe bot's log: {max(folder.glob('*-bot.log'))}\nWhat people see:\n", flush=True)


def _command() -> str:
    """Return how the bot's command line is called from here."""
    script = Path(sys.executable).with_name("deepracer-bot")
    python = os.path.relpath(sys.executable)
    return os.path.relpath(script) if script.exists() else f"{python} -m bot"


def _told(line: Line) -> str:
    at = (
        datetime.fromtimestamp(line.at, UTC).astimezone()
        if not line.edited
        else datetime.now(UTC).astimezone()
    )
    kind = "changed" if line.edited else _KINDS.get(line.surface, line.surface)
    first = words.plain(line.text).partition("\n")[0]
    code = words.code(line.text)
    coded = f"  ({code})" if code else ""
    return f"{at:%H:%M:%S}  {line.platform:<5}  {line.to:<18} {kind:<8} {first}{coded}"


def _last(log: Path) -> Sequence[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
