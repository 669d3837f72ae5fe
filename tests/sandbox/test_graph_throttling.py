"""The simulated Graph over HTTP: what requests cost, and what happens when that runs out."""

import asyncio

import httpx
import pytest

from sandbox.wire import Fault
from tests.sandbox.graph_bench import Bench, error


async def test_costs_in_resource_units(bench: Bench) -> None:
    member_path = f"/groups/{bench.racers.id}/members"
    costs = {
        "/users": "2",
        "/users?$select=id": "1",
        f"/users/{bench.ids(1)[0]}": "1",
        member_path: "3",
        f"{member_path}?$select=id": "2",
        f"{member_path}?$select=id&$top=5": "1",
        "/groups/delta?$select=members&$expand=members": "1",
    }
    for path, units in costs.items():
        assert (path, (await bench.call("GET", path)).headers["x-ms-resource-unit"]) == (path, units)


async def test_writes_run_out_and_come_back_after_what_the_answer_says(bench: Bench) -> None:
    bench.graph.throttle_scale = 0.01  # 30 writes in 150 seconds
    people = bench.ids(40)
    assert [(await bench.add(one)).status_code for one in people[:30]] == [204] * 30
    refused = await bench.add(people[30])
    assert error(refused)[:2] == (429, "TooManyRequests")
    assert refused.headers["x-ms-throttle-scope"].startswith(
        f"Tenant_Application/Write/{bench.entra.client_id}/"
    )
    assert refused.headers["x-ms-throttle-information"] == "WriteLimitExceeded"
    assert refused.headers["Retry-After"] == "5"
    assert (await bench.get(f"/users/{people[0]}")).status_code == 200
    bench.company.clock.turn(float(refused.headers["Retry-After"]))
    assert (await bench.add(people[30])).status_code == 204


async def test_the_share_used_is_shown_only_near_the_limit(bench: Bench) -> None:
    bench.graph.throttle_scale = 10 / 3000
    shares = [(await bench.add(one)).headers.get("x-ms-throttle-limit-percentage") for one in bench.ids(9)]
    assert shares[:7] == [None] * 7
    assert float(shares[8] or 0) == pytest.approx(0.9, abs=0.05)


async def test_reading_is_limited_by_resource_units(bench: Bench) -> None:
    bench.graph.throttle_scale = 10 / 8000
    answers = [await bench.get("/users") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 1 <= len(refused) <= 3
    assert refused[0].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


async def test_each_batch_item_pays_for_itself(bench: Bench) -> None:
    bench.graph.throttle_scale = 0.001  # 3 writes
    found = await bench.batch(*(bench.joining(str(number), one) for number, one in enumerate(bench.ids(5))))
    assert sorted(item["status"] for item in found.values()) == [204, 204, 204, 429, 429]
    throttled = next(item for item in found.values() if item["status"] == 429)
    assert float(throttled["headers"]["Retry-After"]) > 0


async def test_a_commanded_throttle_looks_like_graphs(bench: Bench) -> None:
    bench.graph.faults.arm(Fault("GET /users", "throttle", retry_after=2.128))
    response = await bench.get("/users")
    assert error(response)[:2] == (429, "TooManyRequests")
    assert response.headers["Retry-After"] == "2.128"
    assert response.headers["x-ms-throttle-scope"].startswith("Tenant_Application/")


async def test_a_cut_connection_after_the_effect_leaves_the_effect(bench: Bench) -> None:
    bench.graph.faults.arm(Fault("PATCH /groups", "drop"))
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.bind(bench.ids(3))
    assert set(bench.racers.members) == set(bench.ids(3))


async def test_a_late_write_happens_though_nobody_waits_for_it(bench: Bench) -> None:
    bench.graph.faults.arm(Fault("PATCH /groups", "late", seconds=2.0))
    bench.http.timeout = httpx.Timeout(30, read=0.1)
    with pytest.raises(httpx.ReadTimeout):
        await bench.bind(bench.ids(3))
    async with asyncio.timeout(60):
        while not bench.racers.members:  # noqa: ASYNC110 - the company's state tells, no event does
            await asyncio.sleep(0.01)
    assert set(bench.racers.members) == set(bench.ids(3))
