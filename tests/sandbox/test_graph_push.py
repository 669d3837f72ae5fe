"""The simulated Graph over HTTP: provisioning on demand."""

import json
from typing import Any

import httpx

from sandbox.company import RACERS_GROUP
from sandbox.graph_provisioning import APP_ID
from tests.sandbox.graph_bench import Bench


async def provision(
    bench: Bench, kind: str, object_id: str, members: list[str] | None = None
) -> httpx.Response:
    jobs = await bench.get(f"/servicePrincipals/{bench.company.scim_app_id}/synchronization/jobs")
    path = (
        f"/servicePrincipals/{bench.company.scim_app_id}/synchronization/jobs/{jobs.json()['value'][0]['id']}"
    )
    rules = (await bench.get(f"{path}/schema")).json()["synchronizationRules"]
    rule = next(one for one in rules if one["objectMappings"][0]["sourceObjectName"] == kind)
    subject: dict[str, Any] = {"objectId": object_id, "objectTypeName": kind}
    if members is not None:
        subject["links"] = {"members": [{"objectId": one, "objectTypeName": "User"} for one in members]}
    body = {"parameters": [{"ruleId": rule["id"], "subjects": [subject]}]}
    return await bench.call("POST", f"{path}/provisionOnDemand", json=body)


async def test_a_newcomer_is_pushed_with_two_strings_inside_the_answer(bench: Bench) -> None:
    newcomer = bench.user("newcomer")
    await bench.add(newcomer.id)
    response = await provision(bench, "User", newcomer.id)
    body = response.json()
    assert json.loads(body["key"])["result"] == "Success"
    stored = next(one for one in bench.company.store_users.values() if one.external_id == newcomer.id)
    assert json.loads(body["value"])["targetIdentity"]["id"] == stored.user_id
    again = (await provision(bench, "User", newcomer.id)).json()
    assert json.loads(again["key"])["details"]["errorCode"] == "RedundantExport"
    assert again["value"] == "{}"


async def test_who_is_not_assigned_to_the_app_is_skipped(bench: Bench) -> None:
    newcomer = bench.user("newcomer")
    body = (await provision(bench, "User", newcomer.id)).json()
    assert json.loads(body["key"])["result"] == "Skipped"
    assert json.loads(body["key"])["details"]["errorCode"] == "NotEffectivelyEntitled"
    assert all(one.external_id != newcomer.id for one in bench.company.store_users.values())


async def test_members_are_pushed_five_at_a_time(bench: Bench) -> None:
    await bench.bind(bench.ids(6))
    assert (await provision(bench, "Group", bench.racers.id, bench.ids(6))).status_code == 400
    body = (await provision(bench, "Group", bench.racers.id, bench.ids(5))).json()
    assert json.loads(body["key"])["result"] == "Success"
    assert len(bench.company.store_group(RACERS_GROUP).memberships) == 5


async def test_a_failed_push_is_told_inside_a_200(bench: Bench) -> None:
    newcomer = bench.user("newcomer")
    newcomer.given_name = ""
    await bench.add(newcomer.id)
    response = await provision(bench, "User", newcomer.id)
    assert response.status_code == 200
    assert json.loads(response.json()["key"])["result"] == "Failure"


async def test_the_sixth_push_within_ten_seconds_is_throttled(bench: Bench) -> None:
    user_id = bench.ids(1)[0]
    statuses = [(await provision(bench, "User", user_id)).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    bench.company.clock.turn(10)
    assert (await provision(bench, "User", user_id)).status_code == 200
    assert bench.graph.log.count("POST provisionOnDemand") == 7


async def test_the_enterprise_app_of_a_group_is_found_by_who_may_read_the_directory(bench: Bench) -> None:
    path = f"/groups/{bench.racers.id}/appRoleAssignments"
    assert (await bench.get(path)).status_code == 403
    bench.token = bench.entra.issue(roles=("Directory.Read.All",))
    assert [one["resourceId"] for one in (await bench.get(path)).json()["value"]] == [
        bench.company.scim_app_id
    ]
    by_app_id = await bench.get(f"/servicePrincipals(appId='{APP_ID}')", params={"$select": "id"})
    assert by_app_id.json()["id"] == bench.company.scim_app_id
    found = await bench.get("/servicePrincipals", params={"$filter": f"appId eq '{APP_ID}'"})
    assert len(found.json()["value"]) == 1
    other = bench.company.add_group("Other")
    assert (await bench.get(f"/groups/{other.id}/appRoleAssignments")).json()["value"] == []
