"""Named leases: one holder over all processes."""

from provisioning.ports import Store
from tests.contract.samples import after


def take(store: Store, token: str, now: float, until: float, name: str = "sweeper") -> bool:
    return store.run(lambda rows: rows.leases.take(name, token, after(now), after(until))).result()


def test_a_named_lease_has_one_holder_over_all_processes(store: Store, other: Store) -> None:
    assert take(store, "a", 0, 60)
    assert not take(other, "b", 59, 120)
    assert take(other, "b", 60, 120)
    assert not take(store, "a", 61, 120)


def test_the_holder_renews_the_lease(store: Store) -> None:
    take(store, "a", 0, 60)
    assert take(store, "a", 30, 90)
    assert not take(store, "b", 60, 120)


def test_a_released_lease_is_free_at_once_and_only_its_holder_releases_it(store: Store) -> None:
    take(store, "a", 0, 60)
    store.run(lambda rows: rows.leases.release("sweeper", "b")).result()
    assert not take(store, "b", 1, 60)
    store.run(lambda rows: rows.leases.release("sweeper", "a")).result()
    assert take(store, "b", 1, 60)


def test_what_is_forgotten_is_over(store: Store, other: Store) -> None:
    take(store, "a", 0, 60, "speak:registration:cup/ada")
    take(store, "a", 0, 180)

    store.run(lambda rows: rows.leases.forget(after(120))).result()

    assert not take(other, "b", 121, 240)
    assert take(other, "b", 121, 240, "speak:registration:cup/ada")


def test_leases_of_different_names_do_not_touch(store: Store) -> None:
    take(store, "a", 0, 60)
    assert take(store, "b", 0, 60, "target:entra-group:0c1a")
