"""What was kept lately need not be kept again, unless it changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.teams import kept
from adapters.teams.address import Address
from adapters.teams.kept import Kept
from provisioning.ids import ChatIdentity

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
ADA = ChatIdentity("teams", "tenant", "ada")
HERE = Address("https://smba.example/", "tenant", "a:1", "personal", "28:bot", "29:ada")


def test_for_ten_minutes_the_same_is_fresh() -> None:
    known = Kept()
    assert not known.is_fresh(ADA, HERE, AT)

    known.add(ADA, HERE, AT)
    assert known.is_fresh(ADA, HERE, AT + timedelta(minutes=9, seconds=59))
    assert not known.is_fresh(ADA, HERE, AT + timedelta(minutes=10))
    assert not known.is_fresh(ADA, HERE, AT - timedelta(seconds=1))


@pytest.mark.parametrize(
    "change", [{"service_url": "https://x.example/"}, {"user": None}, {"kind": "channel"}]
)
def test_another_address_of_the_same_place_is_not(change: dict[str, str]) -> None:
    known = Kept()
    known.add(ADA, HERE, AT)
    moved = replace(HERE, **change)  # type: ignore[arg-type]

    assert not known.is_fresh(ADA, moved, AT)
    known.add(ADA, moved, AT)
    assert not known.is_fresh(ADA, HERE, AT)


def test_people_and_places_are_kept_apart() -> None:
    known = Kept()
    known.add(ADA, HERE, AT)

    assert not known.is_fresh(None, HERE, AT)
    assert not known.is_fresh(ADA, replace(HERE, conversation="a:2"), AT)


def test_a_place_that_is_dropped_is_dropped_for_everybody() -> None:
    known = Kept()
    known.add(ADA, HERE, AT)
    known.add(None, HERE, AT)
    known.drop(HERE)

    assert not known.is_fresh(ADA, HERE, AT)
    assert not known.is_fresh(None, HERE, AT)


def test_of_too_many_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST", 2)
    known, places = Kept(), [replace(HERE, conversation=f"a:{number}") for number in range(3)]
    for place in (*places[:2], places[0], places[2]):
        known.add(ADA, place, AT)

    assert [known.is_fresh(ADA, place, AT) for place in places] == [True, False, True]
