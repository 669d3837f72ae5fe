"""Asking Graph: what each answer means, and what it does to the shared brake."""

import logging
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from adapters.graph.client import AFTER_TROUBLE, Ask, GraphError, asking, literal, may_have_landed, values
from provisioning.brake import NO_ADVICE, SLOW, Brake
from provisioning.errors import (
    CredentialRefused,
    DirectoryUnavailable,
    PermissionMissing,
    ProvisioningError,
    Unexpected,
)
from sandbox.company import Company
from sandbox.wire import Fault
from tests.unit.adapters.graph_company import (
    API,
    IssuedTokens,
    Told,
    client_of,
    graph_company,
    graph_error,
    scripted,
)

READ = Ask("GET", "/users/x")


def test_an_answer_is_its_json_and_an_empty_answer_is_empty() -> None:
    with (
        scripted([Told(body={"id": "1"}), Told(204)]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        assert client.send(READ) == {"id": "1"}
        assert client.send(Ask("DELETE", "/users/x")) == {}


def test_every_request_says_who_asks_how_urgently_and_under_which_id() -> None:
    with (
        scripted([Told(body={}), Told(body={})]) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        client.send(READ)
        client.send(Ask("GET", asking("/users", filter="a b", count="true"), advanced=True), priority="low")
    first, second = (one.headers for one in heard)
    assert (first["Authorization"], first["x-ms-throttle-priority"]) == ("Bearer t", "high")
    assert (second["x-ms-throttle-priority"], second["ConsistencyLevel"]) == ("low", "eventual")
    assert "ConsistencyLevel" not in first
    assert first["client-request-id"] != second["client-request-id"]
    assert heard[1].path == "/v1.0/users?$filter=a%20b&$count=true"


def test_a_throttled_request_holds_the_brake_for_all_and_the_next_is_not_sent() -> None:
    with graph_company() as acme:
        acme.faults.arm(Fault("GET /users", "throttle", retry_after=7.5))
        with pytest.raises(DirectoryUnavailable) as first:
            acme.client.get("/users")
        sent = acme.log.count()
        with pytest.raises(DirectoryUnavailable) as second:
            acme.client.get("/users")
        assert first.value.retry_after == 7.5
        assert not may_have_landed(first.value)
        assert acme.brakes.held[0].api == API
        assert second.value.retry_after is not None
        assert 2.0 < second.value.retry_after <= 7.5
        assert (sent, acme.log.count(), acme.pauses) == (1, 1, [])


def test_a_short_brake_is_waited_out_here() -> None:
    with graph_company() as acme:
        acme.brakes.hold(Brake(API, acme.client.clock.now() + timedelta(seconds=1.5)))
        acme.client.get("/users")
        assert 0 < sum(acme.pauses) <= 1.5
        assert acme.log.count("GET /users", status=200) == 1


def test_retry_after_may_be_a_date_or_be_left_out() -> None:
    company = Company.found(people=1)
    date = format_datetime(company.clock.utc() + timedelta(seconds=60), usegmt=True)
    answers = [
        Told(429, headers={"Retry-After": date}),
        Told(429, headers={"Retry-After": "soon"}),
        Told(429),
    ]
    seconds: list[float] = []
    with scripted(answers) as (url, _), client_of(url, company, IssuedTokens("t")) as (client, brakes, _):
        for _ in answers:
            brakes.held.clear()
            with pytest.raises(DirectoryUnavailable) as throttled:
                client.send(READ)
            assert throttled.value.retry_after is not None
            seconds.append(throttled.value.retry_after)
    assert 50 < seconds[0] <= 60
    assert seconds[1:] == [NO_ADVICE.total_seconds()] * 2


def test_an_answer_close_to_the_limit_slows_everybody_down() -> None:
    shares = [{"x-ms-throttle-limit-percentage": share} for share in ("0.85", "0.93", "much")]
    company = Company.found(people=1)
    with (
        scripted([Told(body={}, headers=one) for one in shares]) as (url, _),
        client_of(url, company, IssuedTokens("t")) as (client, brakes, _),
    ):
        client.send(READ)
        assert brakes.held == []
        now = company.clock.utc()
        client.send(READ)
        client.send(READ)
    (brake,) = brakes.held
    assert SLOW <= brake.until - now < SLOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("status", "landed"), [(500, True), (502, True), (503, False), (504, True), (408, True)]
)
def test_trouble_in_graph_is_worth_another_try_and_slows_everybody_down(status: int, landed: bool) -> None:
    company = Company.found(people=1)
    with (
        scripted([Told(status, "<html>")]) as (url, _),
        client_of(url, company, IssuedTokens("t")) as (
            client,
            brakes,
            _,
        ),
    ):
        before = company.clock.utc()
        with pytest.raises(DirectoryUnavailable) as trouble:
            client.send(READ)
        assert may_have_landed(trouble.value) is landed
        assert brakes.held[0].api == API
        assert brakes.held[0].until >= before + AFTER_TROUBLE
        assert brakes.wait(API) <= AFTER_TROUBLE.total_seconds()


def test_the_brake_of_an_operation_with_its_own_budget_leaves_the_rest_alone() -> None:
    with (
        scripted([Told(429), Told(body={})]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, brakes, _),
    ):
        with pytest.raises(DirectoryUnavailable):
            client.send(Ask("POST", "/push", {}, lane="push:app"))
        client.send(READ)
        assert [brake.api for brake in brakes.held] == ["push:app"]


def test_after_trouble_the_next_request_takes_a_new_connection() -> None:
    answers = [Told(body={}), Told(body={}), Told(500), Told(body={})]
    with (
        scripted(answers) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (
            client,
            brakes,
            _,
        ),
    ):
        client.send(READ)
        client.send(READ)
        with pytest.raises(DirectoryUnavailable):
            client.send(READ)
        brakes.held.clear()
        client.send(READ)
    ports = [one.port for one in heard]
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[0]


def test_a_request_whose_answer_was_cut_off_may_have_landed() -> None:
    with graph_company() as acme:
        acme.faults.arm(Fault("GET /users", "drop"))
        with pytest.raises(DirectoryUnavailable) as cut:
            acme.client.get("/users")
        assert may_have_landed(cut.value)
        assert acme.brakes.wait(API) > 0


def test_a_request_whose_answer_does_not_come_in_time_may_have_landed() -> None:
    with (
        scripted([Told(hangs=True)]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t"), timeout=httpx.Timeout(0.1)) as (
            client,
            brakes,
            _,
        ),
    ):
        with pytest.raises(DirectoryUnavailable) as late:
            client.send(READ)
        assert may_have_landed(late.value)
        assert brakes.wait(API) > 0


def test_a_request_that_found_no_connection_did_not_land() -> None:
    with scripted([]) as (url, _):
        pass
    with client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, brakes, _):
        with pytest.raises(DirectoryUnavailable) as closed:
            client.send(READ)
        assert not may_have_landed(closed.value)
        assert brakes.wait(API) > 0


def test_a_token_problem_is_not_taken_for_a_lost_answer() -> None:
    class NoTokens(IssuedTokens):
        def token(self, refused: str | None = None) -> str:
            raise DirectoryUnavailable(3.0) from httpx.ReadTimeout("late")

    with client_of("http://127.0.0.1:9/v1.0", Company.found(people=1), NoTokens("t")) as (client, _, _):
        with pytest.raises(DirectoryUnavailable) as none:
            client.send(READ)
        assert not may_have_landed(none.value)


def test_a_refused_token_is_replaced_once() -> None:
    refusal = Told(401, graph_error("InvalidAuthenticationToken"))
    with (
        scripted([refusal, Told(body={"id": "1"}), refusal, refusal]) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("old", "new")) as (client, _, _),
    ):
        assert client.send(READ) == {"id": "1"}
        assert [one.headers["Authorization"] for one in heard] == ["Bearer old", "Bearer new"]
        with pytest.raises(CredentialRefused) as refused:
            client.send(READ)
        assert refused.value.facts["code"] == "InvalidAuthenticationToken"
        assert len(heard) == 4


@pytest.mark.parametrize("roles", [("GroupMember.Read.All",), ()])
def test_a_permission_that_was_not_granted_is_named_as_such(roles: tuple[str, ...]) -> None:
    with graph_company(roles=roles) as acme, pytest.raises(PermissionMissing) as missing:
        acme.client.get("/users")
    assert missing.value.facts["operation"].endswith("/users")


def test_any_other_refusal_keeps_graphs_status_code_and_request_id() -> None:
    with (
        scripted([Told(403, graph_error("Directory_QuotaExceeded", "Too MANY"))]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
        pytest.raises(GraphError) as refused,
    ):
        client.send(READ)
    assert refused.value.facts == {"status": "403", "code": "Directory_QuotaExceeded", "request_id": "r-1"}
    assert refused.value.says("too many")
    assert "Too MANY" not in str(refused.value)


def test_a_page_in_place_of_json_is_no_answer() -> None:
    with (
        scripted([Told(200, "<html>sign in</html>")]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        with pytest.raises(DirectoryUnavailable) as page:
            client.send(READ)
        assert may_have_landed(page.value)


def test_pages_are_followed_to_the_end_and_read_only_as_asked_for() -> None:
    with graph_company(people=5) as acme:
        path = asking("/users", select="id", top="7")
        everybody = [user["id"] for page in acme.client.pages(path) for user in values(page)]
        assert sorted(everybody) == sorted(acme.company.entra_users)
        before = acme.log.count("GET /users")
        next(acme.client.pages(path))
        assert acme.log.count("GET /users") == before + 1


def test_a_link_that_leads_elsewhere_is_not_followed_with_our_token() -> None:
    with scripted([Told(body={"value": []})]) as (elsewhere, overheard):
        link = {"value": [], "@odata.nextLink": f"{elsewhere}/users"}
        with (
            scripted([Told(body=link)]) as (url, _),
            client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
            pytest.raises(Unexpected),
        ):
            list(client.pages("/users"))
        assert overheard == []


@pytest.mark.parametrize("outer_424", [False, True])
def test_each_item_of_a_batch_is_answered_for_itself_and_in_the_order_given(outer_424: bool) -> None:
    with graph_company(batch_424=outer_424) as acme:
        people = acme.employees(1, 6)
        asks = [Ask("GET", asking(f"/users/{one.id}", select="id")) for one in people]
        asks.insert(3, Ask("GET", "/users/00000000-0000-4000-8000-000000000000"))
        acme.faults.arm(Fault("GET /users/{id}", "throttle", retry_after=9.0))
        results = acme.client.batch(asks)
        throttled = [one for one in results if isinstance(one, DirectoryUnavailable)]
        assert [one.retry_after for one in throttled] == [9.0]
        assert len(results) == len(asks)
        for ask, result in zip(asks, results, strict=True):
            if isinstance(result, dict):
                assert result["id"] in ask.path
            elif isinstance(result, GraphError):
                assert (ask, result.code) == (asks[3], "Request_ResourceNotFound")
        assert acme.brakes.wait(API) > 8


@pytest.mark.parametrize("body", [None, "", {}])
@pytest.mark.parametrize("status", [204, pytest.param("204", id="digits")])
def test_an_item_of_a_batch_may_be_empty_in_several_ways(body: object, status: object) -> None:
    items = {"responses": [{"id": "0", "status": status, "body": body}, {"id": "1", "status": status}]}
    with (
        scripted([Told(body=items)]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        assert client.batch([Ask("DELETE", "/a"), Ask("DELETE", "/b")]) == [{}, {}]


def test_an_item_of_a_batch_without_an_answer_may_have_landed() -> None:
    responses = [
        {"id": "1", "status": 204},
        {"id": "2", "status": 424, "body": graph_error("FailedDependency")},
    ]
    with (
        scripted([Told(body={"responses": responses})]) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        results = client.batch([Ask("POST", "/a", {"x": 1}), Ask("DELETE", "/b"), Ask("DELETE", "/c")])
    assert [type(one) for one in results] == [DirectoryUnavailable, dict, DirectoryUnavailable]
    assert [isinstance(one, ProvisioningError) and may_have_landed(one) for one in results] == [
        True,
        False,
        False,
    ]
    first, second, _ = heard[0].body["requests"]
    assert first["headers"]["Content-Type"] == "application/json"
    assert "body" not in second


def test_a_batch_that_fails_as_a_whole_raises() -> None:
    answers = [Told(400, graph_error("BadRequest")), Told(200, {})]
    with (
        scripted(answers) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        with pytest.raises(GraphError):
            client.batch([READ])
        with pytest.raises(DirectoryUnavailable):
            client.batch([READ])
        with pytest.raises(ValueError, match="20"):
            client.batch([READ] * 21)


def test_addresses_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with graph_company() as acme, caplog.at_level(logging.INFO):
        acme.faults.arm(Fault("GET /users", "refuse"))
        path = asking("/users", filter=f"mail eq {literal('ada@acme.example')}")
        with pytest.raises(DirectoryUnavailable):
            acme.client.get(path)
        acme.brakes.held.clear()
        acme.client.get(path)
        with pytest.raises(GraphError):
            acme.client.get(asking("/users", filter="mail eq ada@acme.example"))
    ours = [one for one in caplog.records if one.name != "aiohttp.access"]  # the simulator's own log
    assert any(one.message == "no answer from Graph" for one in ours)
    assert "acme.example" not in "".join(str(vars(one)) for one in ours)
