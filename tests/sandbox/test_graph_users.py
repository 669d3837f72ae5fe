"""The simulated Graph over HTTP: users, as they are found, listed, selected and counted."""

import math

import pytest

from sandbox.company import DOMAIN, EntraUser
from tests.sandbox.graph_bench import EVENTUAL, Bench, error, missing


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
