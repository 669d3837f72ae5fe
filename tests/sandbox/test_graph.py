"""The simulated Graph over HTTP: what it shows, what it changes, and that it refuses what Graph refuses."""

import asyncio
import itertools
import json
import math
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from sandbox.clock import Clock
from sandbox.company import DOMAIN, RACERS_GROUP, Company, EntraGroup, EntraUser
from sandbox.entra import EntraSimulator
from sandbox.graph import GraphSimulator
from sandbox.graph_provisioning import APP_ID
from sandbox.graph_replication import Replication
from sandbox.wire import CallLog, Fault, Faults
from tests.sandbox.still_clock import StillClock

EVENTUAL = {"ConsistencyLevel": "eventual"}
ALREADY = (
    "One or more added object references already exist for the following modified properties: 'members'."
)


class Bench:
    """A company, its Graph on a port, and a client that holds a token for it."""

    def __init__(self, company: Company, graph: GraphSimulator, entra: EntraSimulator, url: str) -> None:
        self.company, self.graph, self.entra = company, graph, entra
        self.base = f"{url}/v1.0"
        self.http = httpx.AsyncClient(timeout=30)
        self.token = entra.issue()

    @property
    def racers(self) -> EntraGroup:
        return self.company.group(RACERS_GROUP)

    def user(self, key: str) -> EntraUser:
        user = self.company.people[key].entra
        assert user is not None
        return user

    def ids(self, count: int, start: int = 1) -> list[str]:
        return [self.user(f"employee-{number:03d}").id for number in range(start, start + count)]

    def reference(self, object_id: str) -> str:
        return f"{self.base}/directoryObjects/{object_id}"

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        url = path if path.startswith("http") else f"{self.base}{path}"
        return await self.http.request(method, url, headers=headers, **more)

    async def get(
        self, path: str, *, params: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.call("GET", path, headers=headers or {}, params=params)

    async def find(self, where: str, *, top: str = "100") -> list[dict[str, Any]]:
        response = await self.get("/users", params={"$filter": where, "$top": top})
        assert response.status_code == 200, response.text
        return list(response.json()["value"])

    async def add(self, user_id: str, group_id: str | None = None) -> httpx.Response:
        body = {"@odata.id": self.reference(user_id)}
        return await self.call("POST", f"/groups/{group_id or self.racers.id}/members/$ref", json=body)

    async def bind(self, ids: list[str], group_id: str | None = None) -> httpx.Response:
        body = {"members@odata.bind": [self.reference(one) for one in ids]}
        return await self.call("PATCH", f"/groups/{group_id or self.racers.id}", json=body)

    async def remove(self, user_id: str) -> httpx.Response:
        return await self.call("DELETE", f"/groups/{self.racers.id}/members/{user_id}/$ref")

    async def batch(self, *requests: dict[str, Any]) -> dict[str, dict[str, Any]]:
        response = await self.call("POST", "/$batch", json={"requests": list(requests)})
        assert response.status_code == 200, response.text
        return {item["id"]: item for item in response.json()["responses"]}

    def joining(self, item_id: str, user_id: str, **more: Any) -> dict[str, Any]:
        return {
            "id": item_id,
            "method": "POST",
            "url": f"/groups/{self.racers.id}/members/$ref",
            "headers": {"Content-Type": "application/json"},
            "body": {"@odata.id": self.reference(user_id)},
            **more,
        }

    async def pages(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        """Follow the links to the end and return every page."""
        response = await self.get(path, params=params)
        found = [response.json()]
        while "@odata.nextLink" in found[-1]:
            found.append((await self.call("GET", found[-1]["@odata.nextLink"])).json())
        return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    company = Company.found(people=60, clock=StillClock())
    graph = GraphSimulator(company, CallLog(company.clock), Faults(), visibility_seconds=0, write_seconds=0)
    runner = web.AppRunner(graph.app(), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    entra = EntraSimulator(company, CallLog(company.clock), Faults())
    found = Bench(company, graph, entra, f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield found
    await found.http.aclose()
    await runner.cleanup()


def error(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()["error"]
    assert set(body["innerError"]) == {"date", "request-id", "client-request-id"}
    return response.status_code, body["code"], body["message"]


def missing(object_id: str) -> tuple[int, str, str]:
    text = "does not exist or one of its queried reference-property objects are not present."
    return 404, "Request_ResourceNotFound", f"Resource '{object_id}' {text}"


# Tokens and permissions


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


# Users


async def test_a_user_shows_the_default_properties_and_no_others(bench: Bench) -> None:
    user = bench.user("employee")
    body = (await bench.get(f"/users/{user.id}")).json()
    assert body["userPrincipalName"] == user.user_principal_name
    assert "accountEnabled" not in body
    assert "userType" not in body


async def test_what_is_not_selected_is_absent(bench: Bench) -> None:
    body = (
        await bench.get(f"/users/{bench.ids(1)[0]}", params={"$select": "id,accountEnabled,userType"})
    ).json()
    body.pop("@odata.context")
    assert body == {"id": bench.ids(1)[0], "accountEnabled": True, "userType": "Member"}


async def test_an_unknown_property_cannot_be_selected(bench: Bench) -> None:
    status, _, message = error(await bench.get("/users", params={"$select": "shoeSize"}))
    assert status == 400
    assert "'shoeSize'" in message


async def test_a_user_is_found_by_principal_name_in_any_case(bench: Bench) -> None:
    user = bench.user("employee")
    for path in (f"/users/{user.user_principal_name.upper()}", f"/users('{user.user_principal_name}')"):
        assert (await bench.get(path)).json()["id"] == user.id


async def test_a_guests_principal_name_needs_its_hash_encoded(bench: Bench) -> None:
    guest = bench.user("directory-guest")
    guest.user_principal_name = f"guest_partner.example#EXT#@{DOMAIN}"
    found = await bench.call("GET", f"/users/guest_partner.example%23EXT%23@{DOMAIN}?$select=id,creationType")
    assert (found.json()["id"], found.json()["creationType"]) == (guest.id, "Invitation")


async def test_a_principal_name_that_begins_with_a_dollar_needs_parentheses(bench: Bench) -> None:
    bench.user("employee").user_principal_name = f"$rich@{DOMAIN}"
    assert (await bench.get(f"/users/$rich@{DOMAIN}")).status_code == 400
    assert (await bench.get(f"/users('$rich@{DOMAIN}')")).json()["id"] == bench.ids(1)[0]


async def test_nobody_is_not_found(bench: Bench) -> None:
    unknown = bench.company.guid()
    assert error(await bench.get(f"/users/{unknown}")) == missing(unknown)


async def test_mail_is_compared_without_regard_to_case(bench: Bench) -> None:
    user = bench.user("employee")
    assert [one["id"] for one in await bench.find(f"mail eq '{str(user.mail).upper()}'")] == [user.id]


async def test_a_quote_in_a_mail_is_doubled(bench: Bench) -> None:
    bench.user("employee").mail = f"o'neil@{DOMAIN}"
    assert len(await bench.find(f"mail eq 'o''neil@{DOMAIN}'")) == 1
    status, _, message = error(await bench.get("/users", params={"$filter": f"mail eq 'o'neil@{DOMAIN}'"}))
    assert status == 400
    assert message.startswith("Invalid filter clause")


async def test_a_bare_plus_in_a_query_is_a_blank(bench: Bench) -> None:
    bench.user("employee").mail = f"plus+tag@{DOMAIN}"
    bare = await bench.call("GET", f"/users?$filter=mail%20eq%20'plus+tag@{DOMAIN}'")
    encoded = await bench.call("GET", f"/users?$filter=mail%20eq%20'plus%2Btag@{DOMAIN}'")
    assert (len(bare.json()["value"]), len(encoded.json()["value"])) == (0, 1)


async def test_a_mail_may_belong_to_two_users_through_an_alias(bench: Bench) -> None:
    mail = bench.user("two-matches").mail
    where = f"mail eq '{mail}' or proxyAddresses/any(p:p eq 'smtp:{mail}' or p eq 'SMTP:{mail}')"
    found = {one["id"] for one in await bench.find(where)}
    assert found == {bench.user("two-matches").id, bench.user("two-matches-other").id}


async def test_up_to_fifteen_mails_are_asked_for_at_once(bench: Bench) -> None:
    mails = [f"'{bench.user(f'employee-{number:03d}').mail}'" for number in range(1, 17)]
    assert len(await bench.find(f"mail in ({','.join(mails[:15])})")) == 15
    too_many = " or ".join(f"mail eq {mail}" for mail in mails)
    for where in (f"mail in ({','.join(mails)})", too_many):
        text = (
            "Too many child clauses specified in search filter expression containing 'OR' operators: 16."
            " Max allowed: 15."
        )
        response = await bench.get("/users", params={"$filter": where})
        assert error(response) == (400, "Request_UnsupportedQuery", text)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("startsWith(mail,'employee.00')", 9),
        ("startsWith(mail,'employee.00') and accountEnabled eq true", 9),
        ("(mail eq 'employee.001@acme.example' or mail eq 'nobody') and userType eq 'Member'", 1),
        ("accountEnabled eq false", 1),
        ("proxyAddresses/any(p:startsWith(p,'smtp:employee.01'))", 10),
        ("userType in ('Guest')", 2),
        ("otherMails/any(m:m eq 'x')", 0),
    ],
)
async def test_filters_that_are_supported_by_default(bench: Bench, where: str, expected: int) -> None:
    assert len(await bench.find(where, top="999")) == expected


@pytest.mark.parametrize(
    "where", ["mail ne 'x'", "not startsWith(mail,'x')", "endsWith(mail,'example')", "employeeType eq null"]
)
async def test_advanced_filters_need_the_header_and_the_count(bench: Bench, where: str) -> None:
    refused = await bench.get("/users", params={"$filter": where})
    half = await bench.get("/users", headers=EVENTUAL, params={"$filter": where})
    full = await bench.get("/users", headers=EVENTUAL, params={"$filter": where, "$count": "true"})
    assert error(refused)[1] == error(half)[1] == "Request_UnsupportedQuery"
    assert full.json()["@odata.count"] >= len(full.json()["value"])


@pytest.mark.parametrize(
    "where", ["mail eq", "mail eq 5", "mail like 'x'", "shoeSize eq 'x'", "(mail eq 'x'", "&"]
)
async def test_a_malformed_filter_is_refused(bench: Bench, where: str) -> None:
    assert error(await bench.get("/users", params={"$filter": where}))[:2] == (400, "BadRequest")


async def test_listing_users_is_paged_by_links_that_are_followed_as_they_are(bench: Bench) -> None:
    pages = await bench.pages("/users", params={"$top": "25", "$select": "id"})
    found = [one["id"] for page in pages for one in page["value"]]
    assert len(pages) == math.ceil(len(bench.company.entra_users) / 25)
    assert sorted(found) == sorted(bench.company.entra_users)
    assert all(set(one) == {"id"} for one in pages[-1]["value"])


async def test_a_page_token_belongs_to_its_query(bench: Bench) -> None:
    link = (await bench.get("/users", params={"$top": "5"})).json()["@odata.nextLink"]
    status, code, _ = error(await bench.call("GET", link.replace("$top=5", "$top=6")))
    assert (status, code) == (400, "Directory_ExpiredPageToken")


async def test_a_page_holds_at_most_999(bench: Bench) -> None:
    assert error(await bench.get("/users", params={"$top": "1000"})) == (
        400,
        "Request_UnsupportedQuery",
        "Invalid page size specified: '1000'. Must be between 1 and 999 inclusive.",
    )


async def test_users_can_be_counted(bench: Bench) -> None:
    assert (await bench.get("/users/$count")).status_code == 400
    assert (await bench.get("/users/$count", headers=EVENTUAL)).text == str(len(bench.company.entra_users))


async def test_by_ids_leaves_out_who_is_not_there(bench: Bench) -> None:
    ids = [*bench.ids(3), bench.company.guid()]
    response = await bench.call(
        "POST", "/directoryObjects/getByIds?$select=id,userType", json={"ids": ids, "types": ["user"]}
    )
    assert {one["id"] for one in response.json()["value"]} == set(bench.ids(3))
    assert response.json()["value"][0]["@odata.type"] == "#microsoft.graph.user"
    assert response.headers["x-ms-resource-unit"] == "2"


async def test_by_ids_takes_at_most_a_thousand(bench: Bench) -> None:
    ids = [bench.company.guid() for _ in range(1001)]
    assert (await bench.call("POST", "/directoryObjects/getByIds", json={"ids": ids})).status_code == 400


async def test_member_groups_are_checked_through_nested_groups(bench: Bench) -> None:
    outer = bench.company.add_group("Outer", members={bench.racers.id: 0.0})
    bench.racers.members[bench.ids(1)[0]] = 0.0
    asked = [outer.id, bench.racers.id, bench.company.guid()]
    response = await bench.call(
        "POST", f"/users/{bench.ids(1)[0]}/checkMemberGroups", json={"groupIds": asked}
    )
    assert response.json()["value"] == [outer.id, bench.racers.id]
    malformed = await bench.call(
        "POST", f"/users/{bench.ids(1)[0]}/checkMemberGroups", json={"groupIds": [outer.id, "x"]}
    )
    assert malformed.status_code == 400


async def test_a_large_company_is_searched_as_exactly_as_a_small_one(bench: Bench) -> None:
    for number in range(2100):
        key = f"many-{number}"
        mail = f"{key}@{DOMAIN}"
        bench.company.entra_users[key] = EntraUser(
            key, key, key, key, mail, mail, proxy_addresses=[f"SMTP:{mail}"]
        )
    found = await bench.find(
        f"mail eq 'MANY-7@{DOMAIN}' or proxyAddresses/any(p:p eq 'smtp:many-9@{DOMAIN}')"
    )
    assert [one["id"] for one in found] == ["many-7", "many-9"]
    bench.company.entra_users["many-7"].mail = "moved@acme.example"
    assert await bench.find(f"mail eq 'many-7@{DOMAIN}'") == []
    assert [one["id"] for one in await bench.find("mail eq 'moved@acme.example'")] == ["many-7"]


# Members


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


# Consistency


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


# Batches


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


# Throttling


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


# Delta


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


# Provisioning on demand


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


# What is not there


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
