"""The company opened for business: all simulators, an onlooker, and SCIM's cycle by the company's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.company import Company
from sandbox.onlooker import Onlooker
from sandbox.scim import Scim
from sandbox.world import Address, World


@contextmanager
def opened(company: Company, address: Path) -> Iterator[tuple[World, Onlooker]]:
    """Serve the company while the block runs, and keep a file that tells how it is reached.

    The onlooker is served as well, in the world's `urls` as `onlooker`.
    """
    scim = Scim(company)
    with World(company, graph={"push": scim}) as world:
        onlooker = Onlooker(company, world.slack.transcript, world.teams)
        world.serve("onlooker", onlooker.app())
        world.keep(scim.run())
        world.save_address(address)
        try:
            yield world, onlooker
        finally:
            _take_away(address, world)


def _take_away(address: Path, world: World) -> None:
    """Remove the file, unless it tells of another company by now."""
    try:
        if Address.load(address) == world.address():
            address.unlink()
    except FileNotFoundError:
        return
