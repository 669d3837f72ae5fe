"""The simulated Graph over HTTP: who may ask it, and that what it does not have is named."""

import json

import pytest

from sandbox.company import DOMAIN
from tests.sandbox.graph_bench import Bench, error


async def test_a_request_without_a_token_is_refused(bench: Bench) -> None:
    response = await bench.http.get(f"{bench.base}/users")
    assert error(response) == (401, "InvalidAuthenticationToken", "Access token is empty.")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_expired_token_is_refused(bench: Bench) -> None:
    bench.token = bench.entra.issue(lifetime_seconds=-60)
    status, code, message = error(await bench.get("/users"))
    assert (status, code) == (401, "InvalidAuthenticationToken")
    assert "expired" in message


async def test_a_token_of_somebody_else_is_refused(bench: Bench) -> None:
    bench.token = "eyJhbGciOiJub25lIn0.e30."
    assert error(await bench.get("/users"))[:2] == (401, "InvalidAuthenticationToken")


async def test_a_token_without_roles_opens_nothing(bench: Bench) -> None:
    bench.token = bench.entra.issue(roles=())
    assert error(await bench.get("/users")) == (
        403,
        "AccessDenied",
        "Required roles claim values are not provided.",
    )


async def test_reading_users_does_not_permit_to_change_members(bench: Bench) -> None:
    bench.token = bench.entra.issue(roles=("User.Read.All",))
    assert (await bench.get(f"/users/{bench.ids(1)[0]}")).status_code == 200
    denied = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    assert error(await bench.add(bench.ids(1)[0])) == denied
    assert bench.racers.members == {}


async def test_an_app_unknown_to_the_tenant_is_told_so(bench: Bench) -> None:
    bench.graph.is_known = False
    status, _, message = error(await bench.get("/users"))
    assert (status, message) == (401, "The identity of the calling application could not be established.")


async def test_the_request_id_of_the_client_comes_back(bench: Bench) -> None:
    response = await bench.get("/users/nobody@acme.example", headers={"client-request-id": "mine"})
    assert response.json()["error"]["innerError"]["client-request-id"] == "mine"
    assert response.headers["client-request-id"] == "mine"
    assert response.json()["error"]["innerError"]["request-id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("path", "segment"),
    [("/unicorns", "unicorns"), ("/users/x/horns", "horns"), ("/groups/x/members/y/z", "z")],
)
async def test_an_unknown_segment_is_named(bench: Bench, path: str, segment: str) -> None:
    assert error(await bench.get(path)) == (
        400,
        "BadRequest",
        f"Resource not found for the segment '{segment}'.",
    )


async def test_an_unknown_version_and_a_wrong_method_are_refused(bench: Bench) -> None:
    assert error(await bench.call("GET", bench.base.replace("v1.0", "v3.0") + "/users"))[0] == 400
    assert error(await bench.call("PUT", "/users"))[0] == 405


async def test_the_tenant_shows_its_name(bench: Bench) -> None:
    body = (await bench.get("/organization")).json()
    assert body["value"][0]["verifiedDomains"][0]["name"] == DOMAIN


async def test_every_call_is_logged_under_its_operation_without_names_or_addresses(bench: Bench) -> None:
    user = bench.user("employee")
    await bench.get(f"/users/{user.user_principal_name}")
    await bench.find(f"mail eq '{user.mail}'")
    await bench.remove(user.id)
    operations = [call.operation for call in bench.graph.log.calls]
    assert operations == ["GET /users/{id}", "GET /users", "DELETE /groups/{id}/members/{id}/$ref"]
    assert DOMAIN not in json.dumps(bench.graph.log.since(0))
