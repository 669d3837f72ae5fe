"""The simulated identity store, asked by real boto3 over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox.aws import AwsSimulator
from sandbox.company import IDENTITY_STORE_ID, RACERS_GROUP, SCIM_ISSUER, Company, StoreUser
from sandbox.listening import listening
from sandbox.wire import CallLog, Fault, Faults

STORE = {"IdentityStoreId": IDENTITY_STORE_ID}
NOBODY = "9067a1b2c3-00000000-0000-4000-8000-000000000000"


@pytest.fixture
def company() -> Company:
    return Company.found(people=250)


@pytest.fixture
def simulator(company: Company) -> AwsSimulator:
    return AwsSimulator(company, CallLog(company.clock), Faults(), rate_scale=1000)


@pytest.fixture
def url(simulator: AwsSimulator) -> Iterator[str]:
    with listening(simulator.app()) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    client = boto3.client(
        "identitystore",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="AKIAMADEUP",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def in_store(company: Company, key: str) -> StoreUser:
    person = company.people[key]
    assert person.entra is not None
    return next(user for user in company.store_users.values() if user.external_id == person.entra.id)


def racers(company: Company) -> str:
    return company.store_group(RACERS_GROUP).group_id


def refused(call: Callable[[], object]) -> dict[str, Any]:
    """Return the answer of a call that must be refused, with its error code under `Code`."""
    with pytest.raises(ClientError) as caught:
        call()
    response: dict[str, Any] = dict(caught.value.response)
    return {**response, "Code": response["Error"]["Code"], "Text": response["Error"]["Message"]}


def join(store: Any, company: Company, user: StoreUser) -> str:
    made = store.create_group_membership(**STORE, GroupId=racers(company), MemberId={"UserId": user.user_id})
    return str(made["MembershipId"])


def test_the_pages_of_list_users_hold_everybody_once(store: Any, company: Company) -> None:
    pages = list(store.get_paginator("list_users").paginate(**STORE, PaginationConfig={"PageSize": 100}))
    ids = [user["UserId"] for page in pages for user in page["Users"]]
    assert [len(page["Users"]) for page in pages[:2]] == [100, 100]
    assert sorted(ids) == sorted(company.store_users)
    assert "NextToken" not in pages[-1]


def test_somebody_deleted_between_two_pages_shifts_nobody(store: Any, company: Company) -> None:
    first = store.list_users(**STORE, MaxResults=100)
    del company.store_users[first["Users"][0]["UserId"]]
    rest = store.list_users(**STORE, MaxResults=100, NextToken=first["NextToken"])
    seen = {user["UserId"] for page in (first, rest) for user in page["Users"]}
    assert len(seen) == 200


def test_a_page_of_more_than_a_hundred_is_refused(store: Any) -> None:
    answer = refused(lambda: store.list_users(**STORE, MaxResults=101))
    assert answer["Code"] == "ValidationException"
    assert "less than or equal to 100" in answer["Text"]


def test_a_made_up_next_token_is_refused(store: Any) -> None:
    assert refused(lambda: store.list_users(**STORE, NextToken="abcd"))["Code"] == "ValidationException"


def test_list_users_filters_by_user_name_only(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    found = store.list_users(
        **STORE, Filters=[{"AttributePath": "UserName", "AttributeValue": user.user_name}]
    )
    assert [each["UserId"] for each in found["Users"]] == [user.user_id]
    by_mail = [{"AttributePath": "Emails.Value", "AttributeValue": user.user_name}]
    assert refused(lambda: store.list_users(**STORE, Filters=by_mail))["Code"] == "ValidationException"


@pytest.mark.parametrize("path", ["userName", "emails.value"])
def test_a_user_is_found_by_user_name_and_by_mail_in_any_case(
    store: Any, company: Company, path: str
) -> None:
    user = in_store(company, "employee")
    wanted = {"UniqueAttribute": {"AttributePath": path, "AttributeValue": user.user_name.upper()}}
    assert store.get_user_id(**STORE, AlternateIdentifier=wanted)["UserId"] == user.user_id


def test_a_user_is_found_by_the_issuer_and_the_entra_object_id(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    wanted = {"ExternalId": {"Issuer": SCIM_ISSUER, "Id": user.external_id}}
    assert store.get_user_id(**STORE, AlternateIdentifier=wanted)["UserId"] == user.user_id
    wanted["ExternalId"]["Issuer"] = "https://scim.example/other"
    assert refused(lambda: store.get_user_id(**STORE, AlternateIdentifier=wanted))["ResourceType"] == "USER"


def test_an_unknown_user_name_says_user_not_found(store: Any) -> None:
    wanted = {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": "ghost@acme.example"}}
    answer = refused(lambda: store.get_user_id(**STORE, AlternateIdentifier=wanted))
    assert (answer["Code"], answer["Text"]) == ("ResourceNotFoundException", "USER not found.")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_describe_user_tells_status_and_external_id(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    user.status = "DISABLED"
    shown = store.describe_user(**STORE, UserId=user.user_id)
    assert shown["UserStatus"] == "DISABLED"
    assert shown["ExternalIds"] == [{"Issuer": SCIM_ISSUER, "Id": user.external_id}]
    assert shown["UserName"] == user.user_name


def test_ids_may_be_given_as_arns(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    shown = store.describe_user(
        IdentityStoreId=f"arn:aws:identitystore::111122223333:identitystore/{IDENTITY_STORE_ID}",
        UserId=f"arn:aws:identitystore:::user/{user.user_id}",
    )
    assert shown["UserId"] == user.user_id


def test_an_id_of_another_form_is_a_validation_error(store: Any) -> None:
    answer = refused(lambda: store.describe_user(**STORE, UserId="employee-001"))
    assert answer["Code"] == "ValidationException"
    assert "regular expression" in answer["Text"]


def test_another_store_is_not_found(store: Any, company: Company) -> None:
    answer = refused(lambda: store.list_users(IdentityStoreId="d-0000000000"))
    assert (answer["Code"], answer["ResourceType"]) == ("ResourceNotFoundException", "IDENTITY_STORE")


def test_a_user_made_by_the_api_has_no_external_id_and_a_unique_name(store: Any, company: Company) -> None:
    asked = {
        "UserName": "new@acme.example",
        "DisplayName": "New Person",
        "Name": {"GivenName": "New", "FamilyName": "Person"},
    }
    made = store.create_user(**STORE, **asked)
    assert "ExternalIds" not in store.describe_user(**STORE, UserId=made["UserId"])
    again = refused(lambda: store.create_user(**STORE, **{**asked, "UserName": "NEW@acme.example"}))
    assert (again["Code"], again["Reason"]) == ("ConflictException", "UNIQUENESS_CONSTRAINT_VIOLATION")


def test_a_user_without_a_family_name_is_refused(store: Any) -> None:
    answer = refused(
        lambda: store.create_user(
            **STORE, UserName="x@acme.example", DisplayName="X", Name={"GivenName": "X"}
        )
    )
    assert answer["Code"] == "ValidationException"


def test_deleting_a_user_deletes_the_memberships_with_them(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    join(store, company, user)
    store.delete_user(**STORE, UserId=user.user_id)
    assert company.store_group(RACERS_GROUP).memberships == {}
    assert refused(lambda: store.delete_user(**STORE, UserId=user.user_id))["ResourceType"] == "USER"


def test_groups_are_found_by_name_and_described(store: Any, company: Company) -> None:
    wanted = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": RACERS_GROUP}}
    group_id = store.get_group_id(**STORE, AlternateIdentifier=wanted)["GroupId"]
    assert group_id == racers(company)
    assert store.describe_group(**STORE, GroupId=group_id)["DisplayName"] == RACERS_GROUP
    assert [group["GroupId"] for group in store.list_groups(**STORE)["Groups"]] == [group_id]
    assert refused(lambda: store.describe_group(**STORE, GroupId=NOBODY))["ResourceType"] == "GROUP"


def test_a_second_membership_of_the_same_person_is_a_uniqueness_conflict(
    store: Any, company: Company
) -> None:
    user = in_store(company, "employee")
    join(store, company, user)
    answer = refused(lambda: join(store, company, user))
    assert (answer["Code"], answer["Reason"]) == ("ConflictException", "UNIQUENESS_CONSTRAINT_VIOLATION")
    assert answer["Text"] == "Member and Group relationship already exists"
    assert list(company.store_group(RACERS_GROUP).memberships.values()) == [user.user_id]


def test_a_membership_needs_a_known_user_and_a_known_group(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    nobody = refused(
        lambda: store.create_group_membership(**STORE, GroupId=racers(company), MemberId={"UserId": NOBODY})
    )
    nowhere = refused(
        lambda: store.create_group_membership(**STORE, GroupId=NOBODY, MemberId={"UserId": user.user_id})
    )
    assert (nobody["ResourceType"], nowhere["ResourceType"]) == ("USER", "GROUP")
    assert nobody["ResourceId"] == NOBODY


def test_a_membership_can_be_found_described_and_deleted_once(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    key = join(store, company, user)
    member = {"UserId": user.user_id}
    found = store.get_group_membership_id(**STORE, GroupId=racers(company), MemberId=member)
    assert found["MembershipId"] == key
    assert store.describe_group_membership(**STORE, MembershipId=key)["MemberId"] == member
    store.delete_group_membership(**STORE, MembershipId=key)
    again = refused(lambda: store.delete_group_membership(**STORE, MembershipId=key))
    assert (again["Code"], again["ResourceType"]) == ("ResourceNotFoundException", "GROUP_MEMBERSHIP")
    gone = refused(lambda: store.get_group_membership_id(**STORE, GroupId=racers(company), MemberId=member))
    assert gone["ResourceType"] == "GROUP_MEMBERSHIP"


def test_memberships_are_listed_by_group_in_pages_and_by_member(store: Any, company: Company) -> None:
    users = list(company.store_users.values())[:120]
    for user in users:
        join(store, company, user)
    pages = list(store.get_paginator("list_group_memberships").paginate(**STORE, GroupId=racers(company)))
    listed = [row["MemberId"]["UserId"] for page in pages for row in page["GroupMemberships"]]
    assert sorted(listed) == sorted(user.user_id for user in users)
    mine = store.list_group_memberships_for_member(**STORE, MemberId={"UserId": users[0].user_id})
    assert [row["GroupId"] for row in mine["GroupMemberships"]] == [racers(company)]


def test_is_member_in_groups_answers_for_each_group(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    other = company.store_id()
    company.store_groups[other] = type(company.store_group(RACERS_GROUP))(other, "Other", None)
    join(store, company, user)
    asked = [racers(company), other]
    results = store.is_member_in_groups(**STORE, MemberId={"UserId": user.user_id}, GroupIds=asked)["Results"]
    assert {row["GroupId"]: row["MembershipExists"] for row in results} == {
        racers(company): True,
        other: False,
    }


def test_more_than_a_hundred_groups_at_once_are_refused(store: Any, company: Company) -> None:
    user = in_store(company, "employee")
    asked = [company.store_id() for _ in range(101)]
    answer = refused(
        lambda: store.is_member_in_groups(**STORE, MemberId={"UserId": user.user_id}, GroupIds=asked)
    )
    assert answer["Code"] == "ValidationException"


def test_reads_lag_behind_writes_while_duplicates_are_judged_on_the_truth(
    store: Any, company: Company, simulator: AwsSimulator
) -> None:
    simulator.identity_store.visibility_seconds = 1000
    user = in_store(company, "employee")
    key = join(store, company, user)
    member = {"UserId": user.user_id}

    def seen() -> bool:
        asked = store.is_member_in_groups(**STORE, MemberId=member, GroupIds=[racers(company)])
        return bool(asked["Results"][0]["MembershipExists"])

    assert not seen()
    assert refused(lambda: join(store, company, user))["Reason"] == "UNIQUENESS_CONSTRAINT_VIOLATION"
    company.clock.turn(1000)
    assert seen()
    store.delete_group_membership(**STORE, MembershipId=key)
    assert seen()
    assert refused(lambda: store.delete_group_membership(**STORE, MembershipId=key))
    company.clock.turn(1000)
    assert not seen()


def test_concurrent_modification_is_a_conflict_of_its_own_reason(
    store: Any, company: Company, simulator: AwsSimulator
) -> None:
    simulator.identity_store.concurrent_modification_chance = 1.0
    answer = refused(lambda: join(store, company, in_store(company, "employee")))
    assert (answer["Code"], answer["Reason"]) == ("ConflictException", "CONCURRENT_MODIFICATION")
    assert company.store_group(RACERS_GROUP).memberships == {}


def test_who_is_too_fast_is_told_rate_exceeded_with_http_400(
    store: Any, company: Company, simulator: AwsSimulator
) -> None:
    simulator.identity_store.bucket.limit(0.001, 2)
    for _ in range(2):
        store.list_groups(**STORE)
    answer = refused(lambda: store.list_groups(**STORE))
    assert (answer["Code"], answer["Text"]) == ("ThrottlingException", "Rate exceeded")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["RetryAfterSeconds"] > 900
    company.clock.turn(1000)
    assert store.list_groups(**STORE)["Groups"]
    assert simulator.log.count("ListGroups", status=400) == 1


def test_an_armed_throttle_looks_like_the_real_one(store: Any, simulator: AwsSimulator) -> None:
    simulator.faults.arm(Fault("DescribeGroup", "throttle", retry_after=7))
    answer = refused(lambda: store.describe_group(**STORE, GroupId=NOBODY))
    assert (answer["Code"], answer["RetryAfterSeconds"]) == ("ThrottlingException", 7)


def test_a_dropped_connection_leaves_the_effect_behind(
    store: Any, company: Company, simulator: AwsSimulator
) -> None:
    simulator.faults.arm(Fault("CreateGroupMembership", "drop"))
    with pytest.raises(ConnectionClosedError):
        join(store, company, in_store(company, "employee"))
    assert len(company.store_group(RACERS_GROUP).memberships) == 1


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer abc"}, 400, "IncompleteSignatureException"),
    ],
)
def test_a_request_without_a_signature_is_refused(
    url: str, headers: dict[str, str], status: int, code: str
) -> None:
    target = {"X-Amz-Target": "AWSIdentityStore.ListUsers", "Content-Type": "application/x-amz-json-1.1"}
    answer = httpx.post(url, headers={**target, **headers}, json=STORE)
    assert (answer.status_code, answer.json()["__type"]) == (status, code)


def test_an_operation_that_is_not_offered_is_unknown(store: Any) -> None:
    answer = refused(store.list_identity_stores)
    assert answer["Code"] == "UnknownOperationException"
