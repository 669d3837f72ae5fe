"""The SSO admin API of Acme's Identity Center: permission sets, and account assignments that take a while.

Choices where no public text settles the behavior: assigning what is assigned already succeeds again; deleting
an assignment that is not there is ResourceNotFoundException; an unknown principal makes the creation FAILED.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.aws_json import AwsError, Operation, TokenBucket, page, throttling
from sandbox.company import (
    ACCOUNT_ID,
    IDENTITY_STORE_ID,
    INSTANCE_ARN,
    PERMISSION_SET_ARN,
    RACERS_GROUP,
    Company,
)

CALLS_PER_SECOND = 20.0
CREATIONS_IN_FLIGHT = 10

_Kind = Literal["creation", "deletion"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One principal's permission set in one account; a principal is a GROUP or a USER of the store."""

    account_id: str
    permission_set_arn: str
    principal_type: str
    principal_id: str


@dataclass(slots=True)
class PermissionSet:
    """A permission set; `session_duration` is ISO 8601, PT1H to PT12H."""

    name: str
    session_duration: str = "PT2H"
    relay_state: str | None = None


@dataclass(slots=True)
class _Request:
    """One asynchronous creation or deletion."""

    kind: _Kind
    request_id: str
    assignment: Assignment
    created_at: float
    ends_at: float
    status: str = "IN_PROGRESS"
    failure: str | None = None


class SsoAdmin:
    """One instance, its permission sets and assignments; the racers' store group has one from the start."""

    def __init__(self, company: Company, *, assignment_seconds: float = 2.0, rate_scale: float = 1.0) -> None:
        self.assignment_seconds = assignment_seconds
        self.permission_sets_enabled = True
        self.permission_sets = {PERMISSION_SET_ARN: PermissionSet("DeepRacer")}
        self.bucket = TokenBucket(company.clock, CALLS_PER_SECOND * rate_scale, CALLS_PER_SECOND * rate_scale)
        self._company = company
        self._opened_at = company.clock.now()
        self._requests: dict[str, _Request] = {}
        racers = company.store_group(RACERS_GROUP).group_id
        self._assignments = {Assignment(ACCOUNT_ID, PERMISSION_SET_ARN, "GROUP", racers)}

    @property
    def assignments(self) -> set[Assignment]:
        """The assignments in effect now; the set may be changed to make a story."""
        self._settle()
        return self._assignments

    def seconds_to_wait(self, operation: str) -> float:
        """Take one call; all operations share one rate."""
        return self.bucket.take()

    def throttling(self, seconds: float) -> AwsError:
        """Return the refusal of a caller who is too fast."""
        return throttling(seconds)

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        return {
            "ListInstances": self.list_instances,
            "DescribeInstance": self.describe_instance,
            "ListPermissionSets": self.list_permission_sets,
            "DescribePermissionSet": self.describe_permission_set,
            "CreateAccountAssignment": self.create_account_assignment,
            "DeleteAccountAssignment": self.delete_account_assignment,
            "ListAccountAssignments": self.list_account_assignments,
            "DescribeAccountAssignmentCreationStatus": lambda asked: self._describe_request(
                asked, "creation"
            ),
            "DescribeAccountAssignmentDeletionStatus": lambda asked: self._describe_request(
                asked, "deletion"
            ),
            "ListAccountAssignmentCreationStatus": lambda asked: self._list_requests(asked, "creation"),
            "ListAccountAssignmentDeletionStatus": lambda asked: self._list_requests(asked, "deletion"),
        }

    def list_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the one instance there is."""
        shown, more = page([INSTANCE_ARN], asked)
        return {"Instances": [self._instance() for _ in shown], **more}

    def describe_instance(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the instance, and whether it has permission sets at all."""
        if asked["InstanceArn"] != INSTANCE_ARN:
            # The operation has no ResourceNotFoundException in its model.
            raise AwsError("AccessDeniedException", "You do not have sufficient access to this instance.")
        return {**self._instance(), "PermissionSetsEnabled": self.permission_sets_enabled}

    def list_permission_sets(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of permission set ARNs."""
        _known_instance(asked)
        shown, more = page(self.permission_sets, asked)
        return {"PermissionSets": shown, **more}

    def describe_permission_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a permission set with its session duration."""
        _known_instance(asked)
        found = self._permission_set(asked)
        shown: dict[str, Any] = {
            "Name": found.name,
            "PermissionSetArn": asked["PermissionSetArn"],
            "CreatedDate": self._opened_at,
            "SessionDuration": found.session_duration,
        }
        if found.relay_state is not None:
            shown["RelayState"] = found.relay_state
        return {"PermissionSet": shown}

    def create_account_assignment(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Begin an assignment; at most ten may be under way."""
        _known_instance(asked)
        self._permission_set(asked)
        self._settle()
        wanted = _assignment(asked)
        running = self._running()
        _refuse_second(wanted, running)
        if sum(found.kind == "creation" for found in running) >= CREATIONS_IN_FLIGHT:
            raise AwsError("ConflictException", "Too many account assignment operations are in progress.")
        failure = None
        principals = (
            self._company.store_groups if wanted.principal_type == "GROUP" else self._company.store_users
        )
        if wanted.principal_id not in principals:
            failure = "Received a 404 status error: Principal not found"
        begun = self._begin("creation", wanted, failure)
        return {"AccountAssignmentCreationStatus": _shown(begun)}

    def delete_account_assignment(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Begin to withdraw an assignment; it stays in effect until the deletion has SUCCEEDED."""
        _known_instance(asked)
        self._permission_set(asked)
        self._settle()
        wanted = _assignment(asked)
        _refuse_second(wanted, self._running())
        if wanted not in self._assignments:
            raise AwsError("ResourceNotFoundException", "Account assignment not found.")
        return {"AccountAssignmentDeletionStatus": _shown(self._begin("deletion", wanted, None))}

    def list_account_assignments(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of who has this permission set in this account."""
        _known_instance(asked)
        self._permission_set(asked)
        found = {
            held.principal_id: held
            for held in self.assignments
            if (held.account_id, held.permission_set_arn) == (asked["AccountId"], asked["PermissionSetArn"])
        }
        shown, more = page(found, asked)
        return {
            "AccountAssignments": [
                {
                    "AccountId": found[key].account_id,
                    "PermissionSetArn": found[key].permission_set_arn,
                    "PrincipalType": found[key].principal_type,
                    "PrincipalId": key,
                }
                for key in shown
            ],
            **more,
        }

    def _begin(self, kind: _Kind, wanted: Assignment, failure: str | None) -> _Request:
        now = self._company.clock.now()
        begun = _Request(kind, str(uuid.uuid4()), wanted, now, now + self.assignment_seconds, failure=failure)
        self._requests[begun.request_id] = begun
        return begun

    def _running(self) -> list[_Request]:
        return [found for found in self._requests.values() if found.status == "IN_PROGRESS"]

    def _settle(self) -> None:
        """Let every request whose time has come take effect."""
        now = self._company.clock.now()
        for request in self._requests.values():
            if request.status != "IN_PROGRESS" or request.ends_at > now:
                continue
            request.status = "FAILED" if request.failure else "SUCCEEDED"
            if request.failure is None and request.kind == "creation":
                self._assignments.add(request.assignment)
            elif request.failure is None:
                self._assignments.discard(request.assignment)

    def _describe_request(self, asked: dict[str, Any], kind: _Kind) -> dict[str, Any]:
        _known_instance(asked)
        self._settle()
        name = kind.capitalize()
        found = self._requests.get(asked[f"AccountAssignment{name}RequestId"])
        if found is None or found.kind != kind:
            raise AwsError("ResourceNotFoundException", f"Account assignment {kind} request not found.")
        return {f"AccountAssignment{name}Status": _shown(found)}

    def _list_requests(self, asked: dict[str, Any], kind: _Kind) -> dict[str, Any]:
        _known_instance(asked)
        self._settle()
        wanted = asked.get("Filter", {}).get("Status")
        found = {
            key: request
            for key, request in self._requests.items()
            if request.kind == kind and wanted in {None, request.status}
        }
        shown, more = page(found, asked)
        rows = [
            {"Status": found[key].status, "RequestId": key, "CreatedDate": found[key].created_at}
            for key in shown
        ]
        return {f"AccountAssignments{kind.capitalize()}Status": rows, **more}

    def _permission_set(self, asked: dict[str, Any]) -> PermissionSet:
        found = self.permission_sets.get(asked["PermissionSetArn"])
        if found is None:
            raise AwsError("ResourceNotFoundException", "PermissionSet not found.")
        return found

    def _instance(self) -> dict[str, Any]:
        return {
            "InstanceArn": INSTANCE_ARN,
            "IdentityStoreId": IDENTITY_STORE_ID,
            "OwnerAccountId": ACCOUNT_ID,
            "CreatedDate": self._opened_at,
            "Status": "ACTIVE",
            "PrimaryRegion": "us-east-1",
        }


def _known_instance(asked: dict[str, Any]) -> None:
    if asked["InstanceArn"] != INSTANCE_ARN:
        raise AwsError("ResourceNotFoundException", "Instance not found.")


def _refuse_second(wanted: Assignment, running: list[_Request]) -> None:
    if any(found.assignment == wanted for found in running):
        raise AwsError("ConflictException", "A conflicting operation for this assignment is in process.")


def _assignment(asked: dict[str, Any]) -> Assignment:
    return Assignment(
        asked["TargetId"], asked["PermissionSetArn"], asked["PrincipalType"], asked["PrincipalId"]
    )


def _shown(request: _Request) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Status": request.status,
        "RequestId": request.request_id,
        "TargetId": request.assignment.account_id,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": request.assignment.permission_set_arn,
        "PrincipalType": request.assignment.principal_type,
        "PrincipalId": request.assignment.principal_id,
        "CreatedDate": request.created_at,
    }
    if request.status == "FAILED":
        shown["FailureReason"] = request.failure
    return shown
