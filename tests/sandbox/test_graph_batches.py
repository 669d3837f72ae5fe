"""The simulated Graph over HTTP: many requests in one, each with its own answer."""

from sandbox.wire import Fault
from tests.sandbox.graph_bench import EVENTUAL, Bench, error


async def test_a_batch_answers_each_item_under_its_id_in_another_order(bench: Bench) -> None:
    requests = [bench.joining(str(number), one) for number, one in enumerate(bench.ids(20))]
    response = await bench.call("POST", "/$batch", json={"requests": requests})
    order = [item["id"] for item in response.json()["responses"]]
    assert sorted(order) == sorted(item["id"] for item in requests)
    assert order != [item["id"] for item in requests]
    assert {item["status"] for item in response.json()["responses"]} == {204}
    assert set(bench.racers.members) == set(bench.ids(20))


async def test_batch_items_are_logged_as_calls_of_their_own(bench: Bench) -> None:
    await bench.batch(bench.joining("a", bench.ids(1)[0]), bench.joining("b", bench.company.guid()))
    *items, outer = bench.graph.log.calls
    assert (outer.operation, outer.status, outer.batched) == ("$batch", 200, False)
    assert sorted((call.operation, call.status, call.batched) for call in items) == [
        ("POST /groups/{id}/members/$ref", 204, True),
        ("POST /groups/{id}/members/$ref", 404, True),
    ]


async def test_a_fault_can_befall_one_item(bench: Bench) -> None:
    bench.graph.faults.arm(Fault("POST /groups", "throttle", retry_after=2.128))
    found = await bench.batch(*(bench.joining(str(number), one) for number, one in enumerate(bench.ids(3))))
    throttled = [item for item in found.values() if item["status"] == 429]
    assert [item["headers"]["Retry-After"] for item in throttled] == ["2.128"]
    assert throttled[0]["body"]["error"]["code"] == "TooManyRequests"
    assert len(bench.racers.members) == 2


async def test_a_dropped_item_had_its_effect_all_the_same(bench: Bench) -> None:
    bench.graph.faults.arm(Fault("POST /groups", "drop"))
    found = await bench.batch(bench.joining("a", bench.ids(1)[0]))
    assert found["a"]["status"] == 504
    assert set(bench.racers.members) == {bench.ids(1)[0]}


async def test_an_item_fails_with_the_one_it_depends_on(bench: Bench) -> None:
    unknown = bench.joining("1", bench.company.guid())
    found = await bench.batch(
        bench.joining("3", bench.ids(1)[0], dependsOn=["2"]),
        bench.joining("2", bench.ids(2)[1], dependsOn=["1"]),
        unknown,
    )
    assert {key: item["status"] for key, item in found.items()} == {"1": 404, "2": 424, "3": 424}
    assert bench.racers.members == {}


async def test_headers_of_advanced_queries_belong_to_the_item(bench: Bench) -> None:
    url = "/users?$count=true&$select=id&$filter=endsWith(mail,'@acme.example')"
    found = await bench.batch(
        {"id": "with", "method": "GET", "url": url, "headers": EVENTUAL},
        {"id": "without", "method": "GET", "url": url},
        {"id": "strange", "method": "GET", "url": "/unicorns"},
    )
    assert {key: item["status"] for key, item in found.items()} == {
        "with": 200,
        "without": 400,
        "strange": 400,
    }


async def test_a_batch_that_cannot_be_read_is_refused_as_a_whole(bench: Bench) -> None:
    fine = bench.joining("1", bench.ids(1)[0])
    untyped = {name: value for name, value in fine.items() if name != "headers"}
    many = [bench.joining(str(number), one) for number, one in enumerate(bench.ids(21))]
    circle = [
        bench.joining("1", fine["id"], dependsOn=["2"]),
        bench.joining("2", fine["id"], dependsOn=["1"]),
    ]
    for requests in ([fine, fine], [untyped], many, circle, [], [{"id": "1"}]):
        response = await bench.call("POST", "/$batch", json={"requests": requests})
        assert error(response)[:2] == (400, "BadRequest")
    assert bench.racers.members == {}


async def test_the_outer_answer_may_be_424_when_items_are_throttled(bench: Bench) -> None:
    bench.graph.batch_424 = True
    bench.graph.faults.arm(Fault("POST /groups", "throttle"))
    response = await bench.call("POST", "/$batch", json={"requests": [bench.joining("1", bench.ids(1)[0])]})
    assert response.status_code == 424
    assert response.json()["responses"][0]["status"] == 429
