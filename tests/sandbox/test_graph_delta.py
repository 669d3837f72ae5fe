"""The simulated Graph over HTTP: what has changed in a group since."""

from tests.sandbox.graph_bench import Bench, error


async def test_delta_tells_all_members_and_then_only_the_changes(bench: Bench) -> None:
    bench.graph.delta_page_size = 20
    bench.racers.members.update(dict.fromkeys(bench.ids(45), 0.0))
    query = {"$filter": f"id eq '{bench.racers.id}'", "$select": "members"}
    pages = await bench.pages("/groups/delta", params=query)
    rows = [row for page in pages for row in page["value"]]
    assert len(pages) == 3
    assert {row["id"] for row in rows} == {bench.racers.id}
    assert {one["id"] for row in rows for one in row["members@delta"]} == set(bench.ids(45))
    await bench.remove(bench.ids(1)[0])
    await bench.add(bench.ids(1, start=50)[0])
    second = (await bench.call("GET", pages[-1]["@odata.deltaLink"])).json()
    assert second["value"] == [
        {
            "id": bench.racers.id,
            "members@delta": [
                {"@odata.type": "#microsoft.graph.user", "id": bench.ids(1, start=50)[0]},
                {
                    "@odata.type": "#microsoft.graph.user",
                    "id": bench.ids(1)[0],
                    "@removed": {"reason": "deleted"},
                },
            ],
        }
    ]
    third = (await bench.call("GET", second["@odata.deltaLink"])).json()
    assert third["value"] == []


async def test_delta_from_now_on_begins_empty(bench: Bench) -> None:
    await bench.add(bench.ids(1)[0])
    query = {"$filter": f"id eq '{bench.racers.id}'", "$select": "members", "$deltatoken": "latest"}
    first = (await bench.get("/groups/delta", params=query)).json()
    assert first["value"] == []
    await bench.add(bench.ids(2)[1])
    second = (await bench.call("GET", first["@odata.deltaLink"])).json()
    assert [one["id"] for one in second["value"][0]["members@delta"]] == [bench.ids(2)[1]]


async def test_a_delta_link_lives_seven_days(bench: Bench) -> None:
    link = (await bench.get("/groups/delta", params={"$select": "id,displayName,members"})).json()[
        "@odata.deltaLink"
    ]
    bench.company.clock.turn(7 * 86_400 - 60)
    assert (await bench.call("GET", link)).status_code == 200
    bench.company.clock.turn(120)
    assert error(await bench.call("GET", link))[:2] == (400, "syncStateNotFound")


async def test_delta_tells_of_a_group_that_is_gone(bench: Bench) -> None:
    link = (await bench.get("/groups/delta", params={"$select": "members"})).json()["@odata.deltaLink"]
    gone = bench.racers.id
    del bench.company.entra_groups[gone]
    assert (await bench.call("GET", link)).json()["value"] == [
        {"id": gone, "@removed": {"reason": "deleted"}}
    ]
