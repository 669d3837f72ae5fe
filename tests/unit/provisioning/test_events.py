"""An event: its life from announcement to end, and which of its grants feeds which."""

from dataclasses import replace

import pytest

from provisioning.events import EntraGroup, Event, Grant, IdentityCenterGroup
from provisioning.ids import GroupId
from tests.unit.provisioning.spring_cup import (
    DAY,
    EFFECT,
    NOON,
    OTHER_EFFECT,
    OTHER_RECORD,
    RECORD,
    SECOND,
    spring_cup,
)

LIFE = spring_cup(opens=NOON, closes=NOON + DAY, ends=NOON + 2 * DAY)


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        (NOON - SECOND, "announced"),
        (NOON, "open"),
        (NOON + DAY - SECOND, "open"),
        (NOON + DAY, "closed"),
        (NOON + 2 * DAY - SECOND, "closed"),
        (NOON + 2 * DAY, "ended"),
        (NOON + 999 * DAY, "ended"),
    ],
)
def test_each_phase_begins_with_its_moment(moment: object, phase: str) -> None:
    assert LIFE.phase(moment) == phase  # type: ignore[arg-type]


def test_the_latest_phase_counts_when_moments_coincide() -> None:
    assert spring_cup(opens=NOON, closes=NOON).phase(NOON) == "closed"
    assert spring_cup(opens=NOON, closes=NOON, ends=NOON).phase(NOON) == "ended"


def test_moments_in_another_zone_are_the_same_moments() -> None:
    berlin = NOON.astimezone(tz=None)
    assert LIFE.phase(berlin) == "open"


@pytest.mark.parametrize(
    ("grants", "grant", "feeder"),
    [
        pytest.param((RECORD, EFFECT), EFFECT, RECORD, id="the Entra group before it"),
        pytest.param((RECORD, EFFECT), RECORD, None, id="nothing feeds an Entra group"),
        pytest.param((EFFECT,), EFFECT, None, id="alone it is fed by nothing"),
        pytest.param((EFFECT, RECORD), EFFECT, None, id="nor by what comes after it"),
        pytest.param((RECORD, OTHER_RECORD, EFFECT), EFFECT, OTHER_RECORD, id="the nearest one before it"),
        pytest.param((RECORD, EFFECT, OTHER_EFFECT), OTHER_EFFECT, RECORD, id="one may feed two"),
        pytest.param(
            (RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT), EFFECT, RECORD, id="each pair for itself: the first"
        ),
        pytest.param(
            (RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT),
            OTHER_EFFECT,
            OTHER_RECORD,
            id="each pair for itself: the second",
        ),
    ],
)
def test_what_feeds_an_identity_center_group(
    grants: tuple[Grant, ...], grant: Grant, feeder: Grant | None
) -> None:
    assert spring_cup(*grants).feeder_of(grant) == feeder


@pytest.mark.parametrize(
    ("event", "elsewhere"),
    [
        pytest.param(spring_cup(RECORD, EFFECT), {RECORD}, id="a record takes effect in what it feeds"),
        pytest.param(spring_cup(RECORD), set(), id="a record that feeds nothing takes effect itself"),
        pytest.param(spring_cup(EFFECT, RECORD), set(), id="also when the other comes first"),
        pytest.param(
            spring_cup(RECORD, OTHER_RECORD, EFFECT), {OTHER_RECORD}, id="only the one that feeds it"
        ),
        pytest.param(
            spring_cup(RECORD, retired=(EFFECT,)), set(), id="what it fed once does not count any more"
        ),
        pytest.param(spring_cup(EFFECT, retired=(RECORD,)), set(), id="nor does a retired record feed"),
    ],
)
def test_which_grants_take_effect_elsewhere(event: Event, elsewhere: set[Grant]) -> None:
    known = (*event.grants, *event.retired)
    assert {grant for grant in known if event.takes_effect_elsewhere(grant)} == elsewhere


def test_a_target_is_unique_over_kinds_stores_and_groups() -> None:
    grants: list[Grant] = [
        EntraGroup(GroupId("0c1a")),
        EntraGroup(GroupId("0c1b")),
        replace(EFFECT, group_id=GroupId("0c1a")),
        replace(EFFECT, group_id=GroupId("0c1b")),
        replace(EFFECT, group_id=GroupId("0c1a"), identity_store_id="d-2"),
    ]
    assert len({grant.target for grant in grants}) == len(grants)


def test_the_same_group_is_the_same_target_whatever_it_is_assigned_to() -> None:
    other = IdentityCenterGroup("d-1", GroupId("9067"), "arn:other", "999", "arn:other", "app")
    assert other.target == EFFECT.target


def test_a_grant_is_found_by_its_target_while_it_is_granted_and_when_it_is_retired() -> None:
    event = spring_cup(RECORD, retired=(EFFECT,))
    assert event.grant_of(RECORD.target) == RECORD
    assert event.grant_of(EFFECT.target) == EFFECT
    assert event.grant_of(OTHER_RECORD.target) is None
    assert event.targets == (RECORD.target,)
