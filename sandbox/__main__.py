"""The company in a box from the command line: `python -m sandbox demo`, `run` or `company`."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="A company in a box: simulated Slack, Entra, Graph and IAM Identity Center on loopback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

People = Annotated[int, typer.Option(min=1, help="How many employees the company has.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same company.")]
AddressFile = Annotated[Path, typer.Option("--address", help="Where to write how the company is reached.")]
DEFAULT_ADDRESS = Path(".sandbox/world.json")


@app.command()
def demo() -> None:
    """Play an event of fifty people against the real bot, and read back what became of everybody."""
    from sandbox.demo import run as play

    raise typer.Exit(play())


@app.command()
def run(
    *,
    address: AddressFile = DEFAULT_ADDRESS,
    port: Annotated[int, typer.Option(help="The bot's port; when it is taken, any free one.")] = 8080,
    people: People = 60,
    seed: Seed = 1,
) -> None:
    """Keep the company and the bot up until Ctrl-C, and show each message a person gets."""
    from sandbox.running import run as keep_open

    raise typer.Exit(keep_open(address, port=port, people=people, seed=seed))


@app.command()
def company(*, address: AddressFile = DEFAULT_ADDRESS, people: People = 60, seed: Seed = 1) -> None:
    """Open the company alone until Ctrl-C, and write how to reach it."""
    from sandbox.company import Company
    from sandbox.opening import opened

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with opened(Company.found(people=people, seed=seed), address) as (world, _):
        for name, url in sorted(world.urls.items()):
            print(f"{name:<9} {url}", flush=True)
        print(f"The bot's settings for it are in {address} (environment). Ctrl-C closes it.", flush=True)
        ended.wait()


if __name__ == "__main__":
    app(prog_name="python -m sandbox")
