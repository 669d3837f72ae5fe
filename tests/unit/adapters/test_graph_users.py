"""The directory in Entra: who answers to an address, in how many requests, and users by object id."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.graph.client import asking
from adapters.graph.users import EntraDirectory, addresses_of, combined_filter, folded, separate_filters
from provisioning.access import Failed
from provisioning.directory import DirectoryUser
from provisioning.errors import DirectoryUnavailable, EmailUnusable, PermissionMissing, Unexpected
from provisioning.ids import PersonId
from sandbox.company import DOMAIN, Company, EntraUser
from sandbox.graph_objects import USER
from sandbox.graph_odata import parse
from sandbox.wire import Fault
from tests.unit.adapters.graph_company import (
    GraphCompany,
    IssuedTokens,
    Told,
    client_of,
    graph_company,
    graph_error,
    scripted,
)

LISTING = "GET /users$"


def mail(acme: GraphCompany, key: str) -> str:
    found = acme.company.people[key].slack.email
    assert found is not None
    return found


def ids(found: object) -> set[str]:
    assert isinstance(found, tuple), found
    return {user.id for user in found}


def test_people_are_found_by_mail_by_user_principal_name_and_by_alias_in_whatever_case() -> None:
    with graph_company() as acme:
        user = acme.company.people["employee-001"].entra
        assert user is not None
        user.mail, user.user_principal_name = f"Mail.One@{DOMAIN}", f"upn.one@{DOMAIN}"
        user.proxy_addresses = [f"SMTP:Primary.One@{DOMAIN}", f"smtp:Alias.One@{DOMAIN}", "x500:/o=Acme"]
        asked = [f"mail.ONE@{DOMAIN}", f"UPN.one@{DOMAIN}", f"primary.one@{DOMAIN}", f"ALIAS.one@{DOMAIN}"]
        for address in asked:
            found = EntraDirectory(acme.client).find([address])
            assert list(found) == [address]
            assert ids(found[address]) == {user.id}


def test_what_decides_about_a_person_is_read_with_them() -> None:
    with graph_company() as acme:
        found = EntraDirectory(acme.client).find([mail(acme, "disabled"), mail(acme, "directory-guest")])
        (disabled,) = found[mail(acme, "disabled")]  # type: ignore[misc]
        (guest,) = found[mail(acme, "directory-guest")]  # type: ignore[misc]
        assert (disabled.enabled, disabled.user_type) == (False, "Member")
        assert (guest.enabled, guest.user_type) == (True, "Guest")
        user = acme.company.people["disabled"].entra
        assert user is not None
        assert disabled == DirectoryUser(
            PersonId(user.id),
            user.user_principal_name,
            user.display_name,
            enabled=False,
            user_type="Member",
            mail=user.mail,
            domains=frozenset({"acme.example"}),
        )


def test_everybody_who_answers_to_an_address_is_counted() -> None:
    with graph_company() as acme:
        both = {acme.person("two-matches").id, acme.person("two-matches-other").id}
        address = mail(acme, "two-matches")
        assert ids(EntraDirectory(acme.client).find([address])[address]) == both


def test_an_address_that_people_may_edit_themselves_proves_nothing() -> None:
    with graph_company() as acme:
        user = acme.company.people["employee-001"].entra
        assert user is not None
        user.other_mails = [f"boss@{DOMAIN}"]
        assert EntraDirectory(acme.client).find([f"boss@{DOMAIN}"]) == {f"boss@{DOMAIN}": ()}


def test_nobody_is_an_empty_answer() -> None:
    with graph_company() as acme:
        ghost = mail(acme, "not-in-directory")
        assert EntraDirectory(acme.client).find([ghost]) == {ghost: ()}
        assert EntraDirectory(acme.client).find([]) == {}


@pytest.mark.parametrize(
    "address", [f"o'neil@{DOMAIN}", f"a+b@{DOMAIN}", f"g_x.example#ext#@{DOMAIN}", f"a&b=c%27@{DOMAIN}"]
)
def test_an_address_with_signs_that_mean_something_elsewhere_is_found(address: str) -> None:
    with graph_company() as acme:
        user = acme.company.people["employee-002"].entra
        assert user is not None
        user.user_principal_name = address
        assert ids(EntraDirectory(acme.client).find([address])[address]) == {user.id}


@pytest.mark.parametrize(
    "address", ["", "nobody", "a b@acme.example", f"x@{'y' * 300}", "a@b@c", "a\n@acme.example"]
)
def test_what_is_no_address_is_not_asked_for(address: str) -> None:
    with graph_company() as acme:
        found = EntraDirectory(acme.client).find([address])[address]
        assert isinstance(found, Failed)
        assert isinstance(found.error, EmailUnusable)
        assert acme.log.count() == 0


def test_three_addresses_share_one_request() -> None:
    with graph_company() as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in (1, 2, 3)]
        found = EntraDirectory(acme.client).find(asked)
        assert [len(ids(found[address])) for address in asked] == [1, 1, 1]
        assert acme.log.count() == 1


def test_many_addresses_are_looked_up_in_a_crawl_of_a_directory_that_is_small_enough() -> None:
    with graph_company(people=1200) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 501)]
        found = EntraDirectory(acme.client).find([*asked, mail(acme, "two-matches")])
        assert all(len(ids(found[address])) == 1 for address in asked)
        assert len(ids(found[mail(acme, "two-matches")])) == 2
        assert acme.log.count() == 2


def test_those_whom_a_crawl_did_not_find_are_asked_for_once_more_when_they_are_few() -> None:
    with graph_company(people=100) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 61)]
        few = [f"ghost-{number}@{DOMAIN}" for number in range(6)]
        many = [f"ghost-{number}@{DOMAIN}" for number in range(7)]
        directory = EntraDirectory(acme.client)
        found = directory.find([*asked, *few])
        assert [found[ghost] for ghost in few] == [()] * 6
        assert acme.log.count(LISTING) == 1 + 2
        found = directory.find([*asked, *many])
        assert [found[ghost] for ghost in many] == [()] * 7
        assert acme.log.count(LISTING) == 3 + 1


def test_a_crawl_ends_when_the_directory_proves_too_large_and_is_not_tried_again() -> None:
    with graph_company(people=1100) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 10)]
        directory = EntraDirectory(acme.client)
        assert all(len(ids(one)) == 1 for one in directory.find(asked).values())
        assert acme.log.count(LISTING) == 1 + 3
        directory.find(asked)
        assert acme.log.count(LISTING) == 4 + 3
        # Now that it takes two pages, more addresses make it worth while.
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 31)]
        assert all(len(ids(one)) == 1 for one in directory.find(asked).values())
        assert acme.log.count(LISTING) == 7 + 2


def test_a_crawl_serves_no_other_call() -> None:
    with graph_company(people=100) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 61)]
        directory = EntraDirectory(acme.client)
        directory.find(asked)
        user = acme.company.people["employee-001"].entra
        assert user is not None
        user.account_enabled = False
        (found,) = directory.find(asked)[asked[0]]  # type: ignore[misc]
        assert not found.enabled


def test_when_a_crawl_is_refused_filters_find_everybody() -> None:
    with graph_company(people=100) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 61)]
        acme.faults.arm(Fault("GET /users", "status", status=400))
        assert all(len(ids(one)) == 1 for one in EntraDirectory(acme.client).find(asked).values())


def test_when_graph_takes_no_filter_over_several_properties_each_is_asked_for_itself() -> None:
    user = {"id": "A1", "mail": "ada@x.example", "accountEnabled": True, "proxyAddresses": None}
    items = [
        {"id": "0", "status": 200, "body": {"value": [user]}},
        {"id": "1", "status": 200, "body": {"value": []}},
        {"id": "2", "status": 200, "body": {"value": [user]}},
    ]
    answers = [
        Told(400, graph_error("Request_UnsupportedQuery")),
        Told(body={"responses": items}),
        Told(body={"responses": items}),
    ]
    with (
        scripted(answers) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (
            client,
            _,
            _,
        ),
    ):
        directory = EntraDirectory(client)
        assert ids(directory.find(["Ada@x.example"])["Ada@x.example"]) == {"a1"}
        assert ids(directory.find(["ada@x.example"])["ada@x.example"]) == {"a1"}
    asked = [parse_qs(urlsplit(one["url"]).query)["$filter"][0] for one in heard[1].body["requests"]]
    assert asked == [
        "mail eq 'Ada@x.example'",
        "userPrincipalName eq 'Ada@x.example'",
        "proxyAddresses/any(p:p eq 'smtp:Ada@x.example' or p eq 'SMTP:Ada@x.example')",
    ]
    assert len(heard) == 3


def test_a_filter_that_graph_cannot_read_concerns_nobody_else() -> None:
    refused = [{"id": str(number), "status": 400, "body": graph_error("BadRequest")} for number in range(3)]
    answers = [
        Told(400, graph_error("BadRequest")),
        Told(body={"responses": refused}),
        Told(body={"value": []}),
    ]
    with (
        scripted(answers) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (
            client,
            _,
            _,
        ),
    ):
        directory = EntraDirectory(client)
        odd = directory.find(["odd@x.example"])["odd@x.example"]
        assert isinstance(odd, Failed)
        assert isinstance(odd.error, Unexpected)
        assert directory.find(["ada@x.example"]) == {"ada@x.example": ()}
    assert len(heard) == 3


def test_while_graph_is_out_of_reach_nothing_is_known_of_anybody() -> None:
    with graph_company(people=100) as acme:
        acme.faults.arm(Fault(".*", "status", status=503, times=None))
        for count in (1, 9, 60):
            acme.brakes.held.clear()
            asked = [mail(acme, f"employee-{number:03d}") for number in range(1, count + 1)]
            for found in EntraDirectory(acme.client).find(asked).values():
                assert isinstance(found, Failed)
                assert isinstance(found.error, DirectoryUnavailable)


def test_one_throttled_item_of_a_batch_leaves_the_others_known() -> None:
    with graph_company(people=1100) as acme:
        asked = [mail(acme, f"employee-{number:03d}") for number in range(1, 8)]
        directory = EntraDirectory(acme.client)
        directory.find(asked)
        acme.faults.arm(Fault("GET /users", "throttle", retry_after=4.0))
        found = list(directory.find(asked).values())
        assert sum(isinstance(one, Failed) for one in found) in {1, 3}
        assert sum(isinstance(one, tuple) and len(one) == 1 for one in found) in {4, 6}


def test_users_whose_state_is_kept_from_us_let_nobody_in() -> None:
    user = {"id": "a1", "mail": "ada@x.example", "userPrincipalName": "ada@x.example"}
    with (
        scripted([Told(body={"value": [user]}), Told(body=user)]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        directory = EntraDirectory(client)
        found = directory.find(["ada@x.example"])["ada@x.example"]
        by_id = directory.get([PersonId("11111111-1111-4111-8111-111111111111")])
        for one in (found, *by_id.values()):
            assert isinstance(one, Failed)
            assert isinstance(one.error, PermissionMissing)


@pytest.mark.parametrize("count", [1, 3, 4, 40])
def test_users_are_read_by_object_id_and_none_stands_for_nobody(count: int) -> None:
    with graph_company() as acme:
        known = [one.id for one in acme.employees(1, count)]
        unknown = PersonId("00000000-0000-4000-8000-000000000000")
        shouted = PersonId(known[0].upper())
        found = EntraDirectory(acme.client).get([*known[1:], shouted, unknown, PersonId("../groups")])
        assert found[unknown] is None
        assert found[PersonId("../groups")] is None
        for one in (shouted, *known[1:]):
            user = found[one]
            assert isinstance(user, DirectoryUser)
            assert (user.id, user.enabled, user.user_type) == (one.lower(), True, "Member")
        assert acme.log.count("POST /directoryObjects/getByIds|\\$batch") == 1


def test_users_read_together_may_come_on_several_pages() -> None:
    names = [f"00000000-aaaa-4000-8000-00000000000{number}" for number in range(5)]
    users = [{"id": one, "accountEnabled": True, "userType": "Member"} for one in names]
    pages = [Told(body={"value": users[:2], "@odata.nextLink": "NEXT"}), Told(body={"value": users[2:]})]
    company = Company.found(people=1)
    with scripted(pages) as (url, heard):
        pages[0].body["@odata.nextLink"] = f"{url.replace('http', 'HTTP')}/next?$skiptoken=x"
        with client_of(url, company, IssuedTokens("t")) as (client, *_):
            found = EntraDirectory(client).get([PersonId(one) for one in names])
    assert all(isinstance(one, DirectoryUser) for one in found.values())
    assert [(one.method, one.path) for one in heard] == [
        ("POST", heard[0].path),
        ("GET", "/v1.0/next?$skiptoken=x"),
    ]


@pytest.mark.parametrize(
    ("body", "is_nobody"),
    [
        ({"error": {"message": "Resource 'x' does not exist or one of its … are not present."}}, True),
        ({"error": {"code": "Request_ResourceNotFound"}}, True),
        ({"error": {}}, False),
        ("<html>no such page</html>", False),
        (None, False),
    ],
)
def test_only_what_says_so_is_the_absence_of_a_user(body: object, is_nobody: bool) -> None:
    someone = PersonId("00000000-aaaa-4000-8000-000000000001")
    with (
        scripted([Told(404, body)]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, *_),
    ):
        found = EntraDirectory(client).get([someone])[someone]
    assert (found is None) is is_nobody
    assert is_nobody or isinstance(found, Failed)


def test_one_user_is_read_in_one_request() -> None:
    with graph_company() as acme:
        person = acme.person("disabled")
        found = EntraDirectory(acme.client, priority="low").get([person.id])[person.id]
        assert isinstance(found, DirectoryUser)
        assert not found.enabled
        assert [call.operation for call in acme.log.calls] == ["GET /users/{id}"]
        assert EntraDirectory(acme.client).get([]) == {}


def test_users_read_together_without_what_decides_are_read_one_by_one() -> None:
    people = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(4)]
    whole = [
        {"id": one, "userPrincipalName": "u", "displayName": "n", "userType": "Member"} for one in people
    ]
    state = {"accountEnabled": True}
    items = [{"id": str(number), "status": 200, "body": whole[2 + number] | state} for number in range(2)]
    answers = [
        Told(body={"value": [whole[0] | state, whole[2], whole[3]]}),
        Told(body={"responses": items}),
    ]
    with (
        scripted(answers) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        found = EntraDirectory(client).get([PersonId(one) for one in people])
    assert [type(one) for one in found.values()] == [DirectoryUser, type(None), DirectoryUser, DirectoryUser]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_no_user_counts_as_gone_while_graph_is_out_of_reach(count: int) -> None:
    with graph_company() as acme:
        acme.faults.arm(Fault(".*", "status", status=502, times=None))
        for found in EntraDirectory(acme.client).get([one.id for one in acme.employees(1, count)]).values():
            assert isinstance(found, Failed)
            assert isinstance(found.error, DirectoryUnavailable)


def test_no_user_counts_as_gone_because_a_proxy_has_no_such_page() -> None:
    with (
        scripted([Told(404, "<html>")]) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        one = PersonId("00000000-0000-4000-8000-000000000000")
        assert isinstance(EntraDirectory(client).get([one])[one], Failed)


ADDRESS = st.from_regex(r"[^\s@\x00-\x1f\x7f]{1,20}@[^\s@\x00-\x1f\x7f]{1,20}", fullmatch=True)


@given(st.lists(ADDRESS, min_size=1, max_size=3, unique_by=str.lower))
def test_a_filter_finds_who_has_the_address_whatever_signs_it_is_made_of(addresses: list[str]) -> None:
    def user(number: int, *, name: str | None = None, box: str | None = None, proxy: str = "") -> EntraUser:
        return EntraUser(str(number), "", "", "", box, name or "other@x.example", proxy_addresses=[proxy])

    path = asking("/users", filter=combined_filter(addresses))
    text = parse_qs(urlsplit(path).query, keep_blank_values=True)["$filter"][0]
    asked = parse(text, USER, advanced=False)
    for address in addresses:
        assert asked.matches(user(1, box=address))
        assert asked.matches(user(2, name=address))
        assert asked.matches(user(3, proxy=f"smtp:{address}"))
    assert not asked.matches(user(4, box=f"x{addresses[0]}", proxy=f"x500:{addresses[0]}"))
    assert len(separate_filters(addresses[0])) == 3


@given(st.text())
def test_folding_is_stable_and_makes_no_ascii_letter_of_another(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    if not text.isascii():
        assert not folded(text).isascii()
    else:
        assert folded(text) == text.lower()


def test_the_kelvin_sign_is_no_k() -> None:
    kelvin = "\N{KELVIN SIGN}im@acme.example"
    assert folded(kelvin) != folded("kim@acme.example")
    assert folded("KIM@ACME.EXAMPLE") == folded("kim@acme.example")


def test_only_mail_proxies_count_as_addresses() -> None:
    proxies = ["SMTP:A@x.example", "smtp:b@x.example", "SIP:c@x.example", "x500:/o=x"]
    raw = {"mail": None, "userPrincipalName": "U@x.example", "proxyAddresses": proxies}
    assert addresses_of(raw) == {"u@x.example", "a@x.example", "b@x.example"}
