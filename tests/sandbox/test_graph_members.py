"""The simulated Graph over HTTP: members of groups, and when a change of them is seen."""

import asyncio
import itertools
import random
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.company import RACERS_GROUP, EntraGroup
from sandbox.graph_replication import Replication
from tests.sandbox.graph_bench import ALREADY, EVENTUAL, Bench, error, missing


async def test_one_member_is_added_and_removed(bench: Bench) -> None:
    user_id = bench.ids(1)[0]
    added = await bench.add(user_id)
    assert (added.status_code, added.content) == (204, b"")
    assert set(bench.racers.members) == {user_id}
    assert (await bench.remove(user_id)).status_code == 204
    assert bench.racers.members == {}


async def test_twenty_are_added_in_one_request(bench: Bench) -> None:
    assert (await bench.bind(bench.ids(20))).status_code == 204
    assert set(bench.racers.members) == set(bench.ids(20))
    call = bench.graph.log.calls[-1]
    assert (call.operation, call.detail["members"], call.detail["writes"]) == ("PATCH /groups/{id}", 20, 7.0)


async def test_twenty_one_are_too_many(bench: Bench) -> None:
    assert error(await bench.bind(bench.ids(21)))[:2] == (400, "Request_BadRequest")
    assert bench.racers.members == {}


async def test_one_who_is_in_already_spoils_the_whole_bind(bench: Bench) -> None:
    await bench.add(bench.ids(1)[0])
    assert error(await bench.bind(bench.ids(5))) == (400, "Request_BadRequest", ALREADY)
    assert error(await bench.add(bench.ids(1)[0])) == (400, "Request_BadRequest", ALREADY)
    assert set(bench.racers.members) == {bench.ids(1)[0]}


async def test_one_who_does_not_exist_spoils_the_bind_and_is_named(bench: Bench) -> None:
    unknown = bench.company.guid()
    assert error(await bench.bind([*bench.ids(3), unknown])) == missing(unknown)
    assert error(await bench.add(unknown)) == missing(unknown)
    assert bench.racers.members == {}


async def test_an_unknown_group_is_named(bench: Bench) -> None:
    unknown = bench.company.guid()
    assert error(await bench.bind(bench.ids(2), unknown)) == missing(unknown)
    assert error(await bench.get(f"/groups/{unknown}")) == missing(unknown)


async def test_the_same_id_twice_in_one_bind_is_refused(bench: Bench) -> None:
    status, code, message = error(await bench.bind([bench.ids(1)[0]] * 2))
    assert (status, code) == (400, "Request_BadRequest")
    assert message.endswith("can only be present once as an add/remove change.")


async def test_a_new_group_is_not_ready_for_members(bench: Bench) -> None:
    group = bench.company.add_group("Fresh")
    bench.graph.created_now(group.id, 10)
    assert error(await bench.add(bench.ids(1)[0], group.id)) == (
        400,
        "Request_BadRequest",
        "The source resource object or one of the objects being referenced do not exist.",
    )
    bench.company.clock.turn(11)
    assert (await bench.add(bench.ids(1)[0], group.id)).status_code == 204


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"group_types": ["DynamicMembership"], "membership_rule": "x"}, 403, "Insufficient privileges"),
        ({"mail_enabled": True}, 403, "Insufficient privileges"),
        ({"is_assignable_to_role": True}, 403, "Insufficient privileges"),
        ({"on_premises_sync_enabled": True}, 400, "on-premises mastered Directory Sync objects"),
    ],
)
async def test_groups_that_graph_does_not_manage_are_refused(
    bench: Bench, fields: dict[str, Any], status: int, text: str
) -> None:
    group = bench.company.add_group("Odd", **fields)
    for response in (await bench.add(bench.ids(1)[0], group.id), await bench.bind(bench.ids(2), group.id)):
        assert response.status_code == status
        assert text in error(response)[2]
    assert group.members == {}


async def test_a_microsoft_365_group_takes_members(bench: Bench) -> None:
    group = bench.company.add_group(
        "Team", mail_enabled=True, group_types=["Unified"], security_enabled=False
    )
    assert (await bench.add(bench.ids(1)[0], group.id)).status_code == 204


async def test_mail_enabled_groups_may_answer_in_the_other_form(bench: Bench) -> None:
    bench.graph.unmanaged_status = 400
    group = bench.company.add_group("List", mail_enabled=True)
    assert error(await bench.add(bench.ids(1)[0], group.id)) == (
        400,
        "Request_BadRequest",
        "Cannot Update a mail-enabled security groups and or distribution list.",
    )


async def test_the_quota_of_links_counts_duplicates_as_well(bench: Bench) -> None:
    bench.graph.link_quota = 10
    await bench.bind(bench.ids(9))
    text = (
        "Unable to perform operation as '11' would exceed the maximum quota count '10' for forward-link"
        " members."
    )
    refused = await bench.bind(bench.ids(2, start=8))
    assert error(refused) == (403, "Directory_QuotaExceeded", text)


async def test_removing_somebody_who_is_no_member_is_answered_in_two_ways(bench: Bench) -> None:
    user_id = bench.ids(1)[0]
    assert error(await bench.remove(user_id)) == missing(user_id)
    bench.graph.absent_member_status = 400
    text = (
        "One or more removed object references do not exist for the following modified properties: 'members'."
    )
    assert error(await bench.remove(user_id)) == (400, "Request_BadRequest", text)


async def test_without_ref_the_user_would_be_deleted(bench: Bench) -> None:
    user_id = bench.ids(1)[0]
    await bench.add(user_id)
    path = f"/groups/{bench.racers.id}/members/{user_id}"
    assert (await bench.call("DELETE", path)).status_code == 403
    assert user_id in bench.company.entra_users
    bench.token = bench.entra.issue(roles=("User.ReadWrite.All",))
    assert (await bench.call("DELETE", path)).status_code == 204
    assert user_id not in bench.company.entra_users


async def test_patching_the_references_is_not_a_way_to_add(bench: Bench) -> None:
    body = {"@odata.id": bench.reference(bench.ids(1)[0])}
    response = await bench.call("PATCH", f"/groups/{bench.racers.id}/members/$ref", json=body)
    assert error(response)[0] == 400
    assert "not supported on the targeted entity set" in error(response)[2]


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
async def test_a_malformed_body_is_refused(bench: Bench, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await bench.call(
        "POST", f"/groups/{bench.racers.id}/members/$ref", content=content, headers=headers
    )
    assert error(response)[:2] == (400, "Request_BadRequest")
    assert "An unexpected 'EndOfInput' node was found" in error(response)[2]


async def test_a_reference_must_be_one_of_this_service(bench: Bench) -> None:
    user_id = bench.ids(1)[0]
    for wrong in (
        user_id,
        f"https://elsewhere.example/v1.0/directoryObjects/{user_id}",
        f"{bench.base}/groups/{user_id}",
    ):
        response = await bench.call(
            "POST", f"/groups/{bench.racers.id}/members/$ref", json={"@odata.id": wrong}
        )
        assert response.status_code == 400
    official = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{user_id}"}
    response = await bench.call("POST", f"/groups/{bench.racers.id}/members/$ref", json=official)
    assert response.status_code == 204


async def test_two_writes_to_one_group_at_a_time_collide(bench: Bench) -> None:
    bench.graph.write_seconds = 0.2
    answers = await asyncio.gather(*(bench.add(one) for one in bench.ids(3)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert error(refused)[1] == "Directory_ConcurrencyViolation"
    assert len(bench.racers.members) == 1


async def test_writes_to_different_groups_do_not_collide(bench: Bench) -> None:
    bench.graph.write_seconds = 0.2
    other = bench.company.add_group("Other")
    answers = await asyncio.gather(bench.add(bench.ids(1)[0]), bench.add(bench.ids(1)[0], other.id))
    assert [answer.status_code for answer in answers] == [204, 204]


async def test_a_group_shows_what_a_preflight_asks(bench: Bench) -> None:
    names = (
        "id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,membershipRule,"
        "onPremisesSyncEnabled"
    )
    body = (await bench.get(f"/groups/{bench.racers.id}", params={"$select": names})).json()
    assert set(body) - {"@odata.context"} == set(names.split(","))
    assert (body["displayName"], body["securityEnabled"], body["groupTypes"]) == (RACERS_GROUP, True, [])
    found = await bench.get("/groups", params={"$filter": f"displayName eq '{RACERS_GROUP}'"})
    assert [one["id"] for one in found.json()["value"]] == [bench.racers.id]


async def test_members_are_paged(bench: Bench) -> None:
    bench.racers.members.update(dict.fromkeys(bench.ids(45), 0.0))
    path = f"/groups/{bench.racers.id}/members/microsoft.graph.user"
    pages = await bench.pages(path, params={"$select": "id", "$top": "20"})
    assert [len(page["value"]) for page in pages] == [20, 20, 5]
    assert {one["id"] for page in pages for one in page["value"]} == set(bench.ids(45))


async def test_the_cast_leaves_out_groups_within_the_group(bench: Bench) -> None:
    inner = bench.company.add_group("Inner")
    bench.racers.members.update({inner.id: 0.0, bench.ids(1)[0]: 0.0})
    every = (await bench.get(f"/groups/{bench.racers.id}/members")).json()["value"]
    users = (await bench.get(f"/groups/{bench.racers.id}/members/microsoft.graph.user")).json()["value"]
    assert {one["@odata.type"] for one in every} == {"#microsoft.graph.user", "#microsoft.graph.group"}
    assert [one["id"] for one in users] == bench.ids(1)


async def test_one_member_is_checked_by_filter(bench: Bench) -> None:
    await bench.add(bench.ids(1)[0])
    path = f"/groups/{bench.racers.id}/members"
    query = {"$select": "id", "$count": "true"}
    for user_id, expected in ((bench.ids(1)[0], 1), (bench.ids(2)[1], 0)):
        response = await bench.get(path, headers=EVENTUAL, params={"$filter": f"id eq '{user_id}'", **query})
        assert len(response.json()["value"]) == response.json()["@odata.count"] == expected
    assert (await bench.get(path, params={"$filter": "mail eq 'x'"})).status_code == 400


async def test_a_write_is_seen_by_readers_only_after_a_while_and_counts_at_once(bench: Bench) -> None:
    bench.graph.visibility_seconds = 3600
    user_id = bench.ids(1)[0]
    await bench.add(user_id)
    path = f"/groups/{bench.racers.id}/members"
    assert (await bench.get(path)).json()["value"] == []
    assert error(await bench.add(user_id))[2] == ALREADY
    bench.company.clock.turn(3600)
    assert [one["id"] for one in (await bench.get(path)).json()["value"]] == [user_id]
    await bench.remove(user_id)
    checked = await bench.call(
        "POST", f"/users/{user_id}/checkMemberGroups", json={"groupIds": [bench.racers.id]}
    )
    assert checked.json()["value"] == [bench.racers.id]
    bench.company.clock.turn(3600)
    assert (await bench.get(path)).json()["value"] == []


def test_writes_about_one_member_become_visible_in_their_order() -> None:
    clock = Clock()
    group = EntraGroup("g", "g")
    for seed in range(30):
        replication = Replication(clock, random.Random(seed), lambda: 100.0)
        states = []
        replication.wrote("g", ["u"], was_member=False)
        replication.wrote("g", ["u"], was_member=True)
        for _ in range(101):
            states.append(replication.is_member(group, "u"))
            clock.turn(1)
        # Out, then perhaps in for a while, then out: never in again after it was out again.
        changes = [now for now, after in itertools.pairwise(states) if now != after]
        assert changes in ([], [False, True])


async def test_a_new_user_is_not_found_for_a_while(bench: Bench) -> None:
    user = bench.user("employee")
    bench.graph.created_now(user.id, 30)
    assert error(await bench.get(f"/users/{user.id}")) == missing(user.id)
    assert await bench.find(f"mail eq '{user.mail}'") == []
    assert error(await bench.add(user.id)) == missing(user.id)
    bench.company.clock.turn(31)
    assert (await bench.get(f"/users/{user.id}")).status_code == 200
