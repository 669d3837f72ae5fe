"""The brakes: held at once, by everyone, and never lowered."""

import time
from collections.abc import Callable

from provisioning.brake import Brake
from provisioning.ports import Store
from tests.contract.samples import SetClock, after

GRAPH = "graph:contoso"


def until(condition: Callable[[], bool]) -> bool:
    """Wait until it holds, for half a minute at most."""
    last = time.monotonic() + 30
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.02)
    return True


def test_an_api_is_free_to_begin_with(store: Store) -> None:
    assert store.brakes.wait(GRAPH) == 0.0


def test_a_brake_holds_until_its_moment(store: Store, clock: SetClock) -> None:
    store.brakes.hold(Brake(GRAPH, after(10)))
    assert store.brakes.wait(GRAPH) == 10.0
    assert store.brakes.wait("slack:users.info:T0123") == 0.0
    clock.moment = after(7.5)
    assert store.brakes.wait(GRAPH) == 2.5
    clock.moment = after(11)
    assert store.brakes.wait(GRAPH) == 0.0


def test_a_brake_is_raised_and_never_lowered(store: Store) -> None:
    for seconds in (10, 30, 20):
        store.brakes.hold(Brake(GRAPH, after(seconds)))
    assert store.brakes.wait(GRAPH) == 30.0


def test_a_brake_of_one_process_holds_the_others(store: Store, other: Store) -> None:
    assert other.brakes.wait(GRAPH) == 0.0
    store.brakes.hold(Brake(GRAPH, after(10)))
    assert until(lambda: other.brakes.wait(GRAPH) == 10.0)


def test_a_lower_brake_of_another_process_changes_nothing(
    store: Store, other: Store, opened: Callable[[], Store]
) -> None:
    store.brakes.hold(Brake(GRAPH, after(30)))
    other.brakes.hold(Brake(GRAPH, after(10)))
    assert opened().brakes.wait(GRAPH) == 30.0


def test_a_closed_store_still_brakes_its_own_process(store: Store) -> None:
    store.close()
    store.brakes.hold(Brake(GRAPH, after(10)))
    assert store.brakes.wait(GRAPH) == 10.0
