"""The simulated SSO admin API, asked by real boto3 over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws import AwsSimulator
from sandbox.company import (
    ACCOUNT_ID,
    IDENTITY_STORE_ID,
    INSTANCE_ARN,
    PERMISSION_SET_ARN,
    RACERS_GROUP,
    Company,
)
from sandbox.listening import listening
from sandbox.sso_admin import Assignment
from sandbox.wire import CallLog, Faults

INSTANCE = {"InstanceArn": INSTANCE_ARN}
WHERE = {**INSTANCE, "AccountId": ACCOUNT_ID, "PermissionSetArn": PERMISSION_SET_ARN}


@pytest.fixture
def company() -> Company:
    return Company.found(people=15)


@pytest.fixture
def simulator(company: Company) -> AwsSimulator:
    return AwsSimulator(company, CallLog(company.clock), Faults(), assignment_seconds=60, rate_scale=1000)


@pytest.fixture
def admin(simulator: AwsSimulator) -> Iterator[Any]:
    with listening(simulator.app()) as url:
        client = boto3.client(
            "sso-admin",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="AKIAMADEUP",
            aws_secret_access_key="made-up",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield client
        client.close()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def wanted(principal_id: str, kind: str = "USER") -> dict[str, str]:
    return {
        **INSTANCE,
        "TargetId": ACCOUNT_ID,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": PERMISSION_SET_ARN,
        "PrincipalType": kind,
        "PrincipalId": principal_id,
    }


def creation(admin: Any, request_id: str) -> dict[str, Any]:
    status: dict[str, Any] = admin.describe_account_assignment_creation_status(
        **INSTANCE, AccountAssignmentCreationRequestId=request_id
    )["AccountAssignmentCreationStatus"]
    return status


def test_the_racers_group_is_assigned_from_the_start(admin: Any, company: Company) -> None:
    rows = admin.list_account_assignments(**WHERE)["AccountAssignments"]
    assert [(row["PrincipalType"], row["PrincipalId"]) for row in rows] == [
        ("GROUP", company.store_group(RACERS_GROUP).group_id)
    ]


def test_the_instance_tells_its_store_and_whether_it_has_permission_sets(
    admin: Any, simulator: AwsSimulator
) -> None:
    assert admin.list_instances()["Instances"][0]["IdentityStoreId"] == IDENTITY_STORE_ID
    assert admin.describe_instance(**INSTANCE)["PermissionSetsEnabled"] is True
    simulator.sso_admin.permission_sets_enabled = False
    assert admin.describe_instance(**INSTANCE)["PermissionSetsEnabled"] is False


def test_the_permission_set_is_listed_and_described(admin: Any) -> None:
    assert admin.list_permission_sets(**INSTANCE)["PermissionSets"] == [PERMISSION_SET_ARN]
    shown = admin.describe_permission_set(**INSTANCE, PermissionSetArn=PERMISSION_SET_ARN)["PermissionSet"]
    assert shown["SessionDuration"] == "PT2H"


def test_an_unknown_permission_set_and_instance_are_not_found(admin: Any) -> None:
    other = PERMISSION_SET_ARN[:-1] + "0"
    assert (
        refused(lambda: admin.describe_permission_set(**INSTANCE, PermissionSetArn=other))
        == "ResourceNotFoundException"
    )
    elsewhere = {"InstanceArn": INSTANCE_ARN[:-1] + "0"}
    assert refused(lambda: admin.list_permission_sets(**elsewhere)) == "ResourceNotFoundException"


def test_an_assignment_is_in_progress_first_and_in_effect_only_afterwards(
    admin: Any, company: Company, simulator: AwsSimulator
) -> None:
    user_id = next(iter(company.store_users))
    begun = admin.create_account_assignment(**wanted(user_id))["AccountAssignmentCreationStatus"]
    made = Assignment(ACCOUNT_ID, PERMISSION_SET_ARN, "USER", user_id)
    assert begun["Status"] == "IN_PROGRESS"
    assert made not in simulator.sso_admin.assignments
    company.clock.turn(60)
    assert creation(admin, begun["RequestId"])["Status"] == "SUCCEEDED"
    assert made in simulator.sso_admin.assignments
    listed = admin.list_account_assignment_creation_status(**INSTANCE, Filter={"Status": "SUCCEEDED"})
    assert [row["RequestId"] for row in listed["AccountAssignmentsCreationStatus"]] == [begun["RequestId"]]


def test_an_unknown_principal_fails_later(admin: Any, company: Company) -> None:
    begun = admin.create_account_assignment(**wanted(company.store_id(), "GROUP"))
    company.clock.turn(60)
    status = creation(admin, begun["AccountAssignmentCreationStatus"]["RequestId"])
    assert status["Status"] == "FAILED"
    assert "404" in status["FailureReason"]


def test_an_eleventh_creation_under_way_is_a_conflict(admin: Any, company: Company) -> None:
    users = list(company.store_users)
    for user_id in users[:10]:
        admin.create_account_assignment(**wanted(user_id))
    assert refused(lambda: admin.create_account_assignment(**wanted(users[10]))) == "ConflictException"
    company.clock.turn(60)
    assert admin.create_account_assignment(**wanted(users[10]))["AccountAssignmentCreationStatus"]


def test_deleting_an_assignment_takes_a_while_and_happens_once(
    admin: Any, company: Company, simulator: AwsSimulator
) -> None:
    group = wanted(company.store_group(RACERS_GROUP).group_id, "GROUP")
    begun = admin.delete_account_assignment(**group)["AccountAssignmentDeletionStatus"]
    assert len(simulator.sso_admin.assignments) == 1
    assert refused(lambda: admin.create_account_assignment(**group)) == "ConflictException"
    company.clock.turn(60)
    status = admin.describe_account_assignment_deletion_status(
        **INSTANCE, AccountAssignmentDeletionRequestId=begun["RequestId"]
    )
    assert status["AccountAssignmentDeletionStatus"]["Status"] == "SUCCEEDED"
    assert simulator.sso_admin.assignments == set()
    assert refused(lambda: admin.delete_account_assignment(**group)) == "ResourceNotFoundException"


def test_all_operations_share_one_rate(admin: Any, simulator: AwsSimulator) -> None:
    simulator.sso_admin.bucket.limit(0.001, 2)
    admin.list_instances()
    admin.list_permission_sets(**INSTANCE)
    assert refused(lambda: admin.list_account_assignments(**WHERE)) == "ThrottlingException"


def test_the_default_rates_are_twenty_a_second(company: Company) -> None:
    simulator = AwsSimulator(company, CallLog(company.clock), Faults())
    store, admin = simulator.identity_store.bucket, simulator.sso_admin.bucket
    assert (store.rate_per_second, store.burst) == (20, 40)
    assert (admin.rate_per_second, admin.burst) == (20, 20)
