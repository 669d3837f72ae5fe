"""Entra's provisioning into the identity store: what a cycle carries over, and what is pushed on demand."""

import asyncio

import pytest

from sandbox.company import RACERS_GROUP, Company, EntraGroup, EntraUser, StoreUser
from sandbox.scim import Scim


@pytest.fixture
def company() -> Company:
    return Company.found(people=5)


@pytest.fixture
def scim(company: Company) -> Scim:
    return Scim(company)


def entra(company: Company, key: str) -> EntraUser:
    user = company.people[key].entra
    assert user is not None
    return user


def in_store(company: Company, user: EntraUser) -> StoreUser | None:
    return next((found for found in company.store_users.values() if found.external_id == user.id), None)


def racers(company: Company) -> EntraGroup:
    return company.group(RACERS_GROUP)


def add(company: Company, key: str) -> EntraUser:
    user = entra(company, key)
    racers(company).members[user.id] = company.clock.now()
    return user


def members(company: Company) -> list[str]:
    held = company.store_group(RACERS_GROUP).memberships.values()
    return sorted(company.store_users[user_id].external_id or "" for user_id in held)


def test_a_cycle_brings_a_new_member_and_their_user(company: Company, scim: Scim) -> None:
    newcomer = add(company, "newcomer")
    assert in_store(company, newcomer) is None
    scim.cycle()
    assert in_store(company, newcomer) is not None
    assert members(company) == [newcomer.id]


def test_a_cycle_brings_nobody_outside_the_linked_groups(company: Company, scim: Scim) -> None:
    scim.cycle()
    assert in_store(company, entra(company, "newcomer")) is None


def test_a_second_cycle_changes_nothing(company: Company, scim: Scim) -> None:
    add(company, "employee")
    scim.cycle()
    before = dict(company.store_group(RACERS_GROUP).memberships)
    scim.cycle()
    assert company.store_group(RACERS_GROUP).memberships == before
    assert scim.cycles == 2


def test_a_membership_made_directly_is_not_made_twice(company: Company, scim: Scim) -> None:
    user = in_store(company, add(company, "employee"))
    assert user is not None
    company.store_group(RACERS_GROUP).memberships["mine"] = user.user_id
    scim.cycle()
    assert company.store_group(RACERS_GROUP).memberships == {"mine": user.user_id}


def test_who_leaves_the_entra_group_loses_the_membership_with_the_next_cycle(
    company: Company, scim: Scim
) -> None:
    user = add(company, "employee")
    scim.cycle()
    del racers(company).members[user.id]
    assert members(company) == [user.id]
    scim.cycle()
    assert members(company) == []


def test_a_membership_that_entra_never_had_stays(company: Company, scim: Scim) -> None:
    user = in_store(company, entra(company, "employee"))
    assert user is not None
    company.store_group(RACERS_GROUP).memberships["by-hand"] = user.user_id
    scim.cycle()
    assert company.store_group(RACERS_GROUP).memberships == {"by-hand": user.user_id}


def test_members_of_both_sides_count_as_exported_from_the_start(company: Company) -> None:
    user = add(company, "employee")
    known = in_store(company, user)
    assert known is not None
    company.store_group(RACERS_GROUP).memberships["before"] = known.user_id
    scim = Scim(company)
    del racers(company).members[user.id]
    scim.cycle()
    assert members(company) == []


def test_a_disabled_account_is_disabled_in_the_store_and_comes_back(company: Company, scim: Scim) -> None:
    user = entra(company, "employee")
    user.account_enabled = False
    scim.cycle()
    known = in_store(company, user)
    assert known is not None
    assert known.status == "DISABLED"
    user.account_enabled = True
    scim.cycle()
    assert known.status == "ENABLED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"given_name": ""},
        {"surname": ""},
        {"display_name": "Ada\tLovelace"},
        {"display_name": "Ada\nLovelace"},
        *({"given_name": f"Ada{character}"} for character in "<>;:%"),
    ],
    ids=repr,
)
def test_a_name_that_identity_center_refuses_never_arrives(
    company: Company, scim: Scim, wrong: dict[str, str]
) -> None:
    user = add(company, "newcomer")
    for field, value in wrong.items():
        setattr(user, field, value)
    scim.cycle()
    assert in_store(company, user) is None
    assert user.id in scim.rejected
    assert scim.push_user(user.id) == scim.rejected[user.id]


def test_a_rejected_person_arrives_once_the_name_is_mended(company: Company, scim: Scim) -> None:
    user = add(company, "newcomer")
    user.given_name = "A;da"
    scim.cycle()
    user.given_name = "Ada"
    scim.cycle()
    assert members(company) == [user.id]
    assert scim.rejected == {}


def test_a_user_is_pushed_on_demand_without_any_membership(company: Company, scim: Scim) -> None:
    user = add(company, "newcomer")
    assert scim.push_user(user.id) is None
    assert in_store(company, user) is not None
    assert members(company) == []
    assert scim.push_user(user.id) is None


def test_nobody_unknown_or_disabled_is_pushed(company: Company, scim: Scim) -> None:
    assert "does not exist" in (scim.push_user(company.guid()) or "")
    user = entra(company, "newcomer")
    user.account_enabled = False
    assert "disabled" in (scim.push_user(user.id) or "")


def test_a_user_name_of_somebody_else_is_a_conflict(company: Company, scim: Scim) -> None:
    user, other = entra(company, "newcomer"), in_store(company, entra(company, "employee"))
    assert other is not None
    other.user_name = user.user_principal_name.upper()
    assert "uniqueness" in (scim.push_user(user.id) or "")


def test_a_user_made_by_hand_is_taken_over_by_user_name(company: Company, scim: Scim) -> None:
    user = entra(company, "newcomer")
    by_hand = StoreUser(company.store_id(), user.user_principal_name, "A", "B", "A B", None, None)
    company.store_users[by_hand.user_id] = by_hand
    assert scim.push_user(user.id) is None
    assert by_hand.external_id == user.id


def test_members_are_pushed_on_demand_five_at_a_time(company: Company, scim: Scim) -> None:
    users = [add(company, f"employee-{number:03d}") for number in range(1, 6)]
    group_id = racers(company).id
    assert scim.push_members(group_id, [user.id for user in users]) is None
    assert members(company) == sorted(user.id for user in users)
    assert scim.push_members(group_id, ["any"] * 6) is not None


def test_members_on_demand_must_be_members_and_in_the_store(company: Company, scim: Scim) -> None:
    inside, outside, absent = add(company, "employee"), entra(company, "alias"), add(company, "newcomer")
    wrong = scim.push_members(racers(company).id, [inside.id, outside.id, absent.id]) or ""
    assert outside.id in wrong
    assert absent.id in wrong
    assert members(company) == [inside.id]
    assert scim.push_members(company.guid(), [inside.id]) is not None


async def test_turning_the_clock_brings_the_cycle_early(company: Company, scim: Scim) -> None:
    running = asyncio.create_task(scim.run(poll_seconds=0.001))
    newcomer = add(company, "newcomer")
    await asyncio.sleep(0)
    assert not scim.due()
    assert scim.cycles == 0
    company.clock.turn(2400)
    async with asyncio.timeout(5):
        while scim.cycles == 0:  # noqa: ASYNC110 - the loop under test tells nobody when it has run
            await asyncio.sleep(0.001)
    running.cancel()
    assert members(company) == [newcomer.id]
