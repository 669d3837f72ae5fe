"""The `identity-center` grant: membership in a group of the identity store, assigned to an account.

Membership is written through the Identity Store API in the primary Region, which takes effect at once and is
allowed while SCIM provisioning is on. It is confirmed by reading back membership and account assignment.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from adapters.aws.each import one_by_one
from adapters.aws.pace import Pace
from adapters.aws.store_people import StorePeople, StoreUser
from provisioning.access import Absent, Failed, NotThere, Outcome, Present
from provisioning.brake import Brakes
from provisioning.errors import (
    AccessAccountDisabled,
    AccessUnavailable,
    AssignmentMissing,
    GroupMissing,
    PermissionSetMissing,
    ProvisioningError,
)
from provisioning.events import IdentityCenterGroup
from provisioning.ids import PersonId
from provisioning.ports import Clock
from provisioning.registrations import Person

PAGE: Final = 100  # ListGroupMemberships gives no more at once
_COLLISION_SECONDS: Final = 1.0
_ALREADY = {"UNIQUENESS_CONSTRAINT_VIOLATION", ""}  # the reasons of a conflict that mean: a member already

_OTHERS = {"USER", "GROUP", "IDENTITY_STORE"}  # resources that may be missing instead of a membership

_Users = Mapping[PersonId, StoreUser]


class IdentityCenter:
    """The port `Access` for IAM Identity Center. Safe to use from several threads; they take turns.

    `store_client` and `admin_client` are boto3 clients of `identitystore` and `sso-admin` in the primary
    Region. `pace` is how fast the identity store is asked.
    """

    batch = 20  # at ten requests a second, two seconds

    def __init__(
        self,
        store_client: Any,
        admin_client: Any,
        *,
        brakes: Brakes,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._store_client = store_client
        self._admin_client = admin_client
        self._brakes = brakes
        self._clock = clock
        self._pace = pace or Pace()
        self._stores: dict[str, tuple[Api, StorePeople]] = {}
        self._admins: dict[str, Api] = {}
        self._pages: dict[str, int] = {}  # pages of a group's memberships, when last read to the end
        self._lock = RLock()

    def presence(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read who is in the group, whatever the state of their account."""
        return self._for_users(grant, people, lambda users: self._members(grant, users))

    def add(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Put these people in the group; a disabled account is refused."""

        def act(users: _Users) -> dict[PersonId, Outcome]:
            enabled, refused = _enabled(users)
            return refused | one_by_one(enabled, lambda user: self._create(grant, user))

        return self._for_users(grant, people, act)

    def remove(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Take these people out of the group; who is not in the identity store is in no group."""

        def act(users: _Users) -> dict[PersonId, Outcome]:
            listed, unread = self._list(grant, {user.user_id for user in users.values()})
            return one_by_one(users, lambda user: self._delete(grant, user, listed, unread))

        outcomes = self._for_users(grant, people, act)
        return {key: Absent() if isinstance(found, NotThere) else found for key, found in outcomes.items()}

    def confirm(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read back the membership and the assignment; a disabled account cannot use either."""

        def act(users: _Users) -> dict[PersonId, Outcome]:
            enabled, refused = _enabled(users)
            return refused | self._members(grant, enabled)

        outcomes = dict(self._for_users(grant, people, act))
        members = [key for key, found in outcomes.items() if isinstance(found, Present)]
        wrong = self._assignment_trouble(grant) if members else None
        return outcomes if wrong is None else outcomes | dict.fromkeys(members, Failed(wrong))

    def check(self, grant: IdentityCenterGroup) -> None:
        """Look for the group, the permission sets of the instance, the grant's own, and the assignment.

        Raises GroupMissing, PermissionSetMissing, AssignmentMissing, PermissionMissing, CredentialRefused,
        Unexpected or Unavailable.
        """
        store, _ = self._store(grant)
        admin = self._admin(grant)
        where = {"InstanceArn": grant.instance_arn}
        missing = PermissionSetMissing(permission_set=grant.permission_set_arn, instance=grant.instance_arn)
        try:
            store.check_brake()
            admin.check_brake()
            store.ask("DescribeGroup", IdentityStoreId=grant.identity_store_id, GroupId=grant.group_id)
            if self._described(admin, "DescribeInstance", **where).get("PermissionSetsEnabled") is False:
                raise missing
            self._described(
                admin, "DescribePermissionSet", **where, PermissionSetArn=grant.permission_set_arn
            )
        except Trouble as trouble:
            raise _of_grant(trouble.error, grant) from trouble
        wrong = self._assignment_trouble(grant)
        if wrong is not None:
            raise wrong

    def _described(self, admin: Api, operation: str, **asked: Any) -> dict[str, Any]:
        """Return a description, empty where it cannot be had: only what it says counts, not its absence."""
        try:
            return admin.ask(operation, **asked)
        except Trouble as trouble:
            if isinstance(trouble.error, PermissionSetMissing):
                raise
            return {}

    def _for_users(
        self,
        grant: IdentityCenterGroup,
        people: Sequence[Person],
        act: Callable[[_Users], Mapping[PersonId, Outcome]],
    ) -> Mapping[PersonId, Outcome]:
        """Find the people's users, act on those there are, and answer for everybody."""
        with self._lock:
            outcomes: dict[PersonId, Outcome] = {}
            users: dict[PersonId, StoreUser] = {}
            try:
                store, store_people = self._store(grant)
                store.check_brake()
                for key, found in store_people.find(people).items():
                    if isinstance(found, StoreUser):
                        users[key] = found
                    else:
                        outcomes[key] = found
                outcomes |= act(users) if users else {}
            except Trouble as trouble:
                for person in people:
                    outcomes.setdefault(person.id, Failed(trouble.error))
            return {key: _told(found, grant) for key, found in outcomes.items()}

    def _create(self, grant: IdentityCenterGroup, user: StoreUser) -> Outcome:
        try:
            self._ask(
                grant, "CreateGroupMembership", GroupId=grant.group_id, MemberId={"UserId": user.user_id}
            )
        except Trouble as trouble:
            if trouble.code == "ConflictException" and trouble.about in _ALREADY:
                return Present(user.user_id)
            return self._shrugged_off(grant, user, trouble)
        return Present(user.user_id)

    def _delete(
        self, grant: IdentityCenterGroup, user: StoreUser, listed: Mapping[str, str], unread: set[str]
    ) -> Outcome:
        try:
            membership_id = listed.get(user.user_id)
            if membership_id is None and user.user_id not in unread:
                return Absent()
            if membership_id is None:
                member = {"UserId": user.user_id}
                found = self._ask(grant, "GetGroupMembershipId", GroupId=grant.group_id, MemberId=member)
                membership_id = found["MembershipId"]
            self._ask(grant, "DeleteGroupMembership", MembershipId=membership_id)
        except Trouble as trouble:
            # What is missing is the membership, whatever it is called, unless AWS names something else.
            if trouble.about not in _OTHERS and trouble.code == "ResourceNotFoundException":
                return Absent()
            return self._shrugged_off(grant, user, trouble)
        return Absent()

    def _members(self, grant: IdentityCenterGroup, users: _Users) -> dict[PersonId, Outcome]:
        """Tell who of these users is in the group: by its list for many, one by one for few."""
        listed, unread = self._list(grant, {user.user_id for user in users.values()})

        def act(user: StoreUser) -> Outcome:
            if user.user_id in unread:
                return self._is_member(grant, user)
            return Present(user.user_id) if user.user_id in listed else Absent()

        return one_by_one(users, act)

    def _is_member(self, grant: IdentityCenterGroup, user: StoreUser) -> Outcome:
        try:
            answer = self._ask(
                grant, "IsMemberInGroups", GroupIds=[grant.group_id], MemberId={"UserId": user.user_id}
            )
        except Trouble as trouble:
            return self._shrugged_off(grant, user, trouble)
        rows = answer.get("Results", [])
        is_in = any(row.get("MembershipExists") for row in rows if row.get("GroupId") == grant.group_id)
        return Present(user.user_id) if is_in else Absent()

    def _shrugged_off(self, grant: IdentityCenterGroup, user: StoreUser, trouble: Trouble) -> Outcome:
        """Return the outcome of trouble that concerns this user alone; raise any other."""
        if trouble.about == "CONCURRENT_MODIFICATION":
            return Failed(AccessUnavailable(retry_after=_COLLISION_SECONDS))
        if trouble.about == "USER":
            _, store_people = self._store(grant)
            store_people.forget(user.user_id)
            return NotThere()
        raise trouble

    def _list(self, grant: IdentityCenterGroup, wanted: set[str]) -> tuple[dict[str, str], set[str]]:
        """Read the group's list for as long as that costs less than asking for each user.

        Returns membership ids by user id, and the users about whom the pages read say nothing.
        """
        listed: dict[str, str] = {}
        unread = set(wanted)
        pages = 0
        more: dict[str, str] = {}
        if self._pages.get(grant.group_id, 1) >= len(wanted):
            return listed, unread
        while True:
            answer = self._ask(grant, "ListGroupMemberships", GroupId=grant.group_id, MaxResults=PAGE, **more)
            pages += 1
            memberships = answer.get("GroupMemberships", [])
            users = [(row.get("MemberId", {}).get("UserId"), row["MembershipId"]) for row in memberships]
            rows = {user: membership for user, membership in users if user is not None}
            listed |= rows
            unread -= rows.keys()
            if not answer.get("NextToken"):
                self._pages[grant.group_id] = pages
                return listed, set()
            if pages >= len(unread):
                self._pages[grant.group_id] = max(pages + 1, self._pages.get(grant.group_id, 1))
                return listed, unread
            more = {"NextToken": answer["NextToken"]}

    def _assignment_trouble(self, grant: IdentityCenterGroup) -> ProvisioningError | None:
        """Return what keeps the group from the account, or None when it has the permission set there."""
        asked = {
            "InstanceArn": grant.instance_arn,
            "AccountId": grant.account_id,
            "PermissionSetArn": grant.permission_set_arn,
        }
        admin = self._admin(grant)
        try:
            admin.check_brake()
            while True:
                answer = admin.ask("ListAccountAssignments", **asked)
                for row in answer.get("AccountAssignments", []):
                    if (row.get("PrincipalType"), row.get("PrincipalId")) == ("GROUP", grant.group_id):
                        return None
                if not answer.get("NextToken"):
                    return AssignmentMissing(
                        group=grant.group_id,
                        account=grant.account_id,
                        permission_set=grant.permission_set_arn,
                    )
                asked["NextToken"] = answer["NextToken"]
        except Trouble as trouble:
            return _of_grant(trouble.error, grant)

    def _ask(self, grant: IdentityCenterGroup, operation: str, **asked: Any) -> dict[str, Any]:
        store, _ = self._store(grant)
        return store.ask(operation, IdentityStoreId=grant.identity_store_id, **asked)

    def _store(self, grant: IdentityCenterGroup) -> tuple[Api, StorePeople]:
        store_id = grant.identity_store_id
        if store_id not in self._stores:
            api = Api(
                self._store_client,
                f"identitystore:{store_id}",
                "identitystore",
                brakes=self._brakes,
                clock=self._clock,
                pace=self._pace,
            )
            self._stores[store_id] = (api, StorePeople(api, store_id, self._clock))
        return self._stores[store_id]

    def _admin(self, grant: IdentityCenterGroup) -> Api:
        if grant.instance_arn not in self._admins:
            self._admins[grant.instance_arn] = Api(
                self._admin_client,
                f"sso-admin:{grant.instance_arn}",
                "sso",
                brakes=self._brakes,
                clock=self._clock,
                pace=Pace(),
            )
        return self._admins[grant.instance_arn]


def _enabled(users: _Users) -> tuple[dict[PersonId, StoreUser], dict[PersonId, Outcome]]:
    """Part the users who may have access from the outcomes of those whose account is disabled."""
    enabled = {key: user for key, user in users.items() if user.enabled}
    return enabled, {key: Failed(AccessAccountDisabled()) for key in users.keys() - enabled.keys()}


def _told(outcome: Outcome, grant: IdentityCenterGroup) -> Outcome:
    if not isinstance(outcome, Failed):
        return outcome
    return Failed(_of_grant(outcome.error, grant), outcome.may_have_landed)


def _of_grant(error: ProvisioningError, grant: IdentityCenterGroup) -> ProvisioningError:
    """Return the error with the facts of the grant it concerns."""
    told: ProvisioningError | None = None
    if isinstance(error, GroupMissing) and not error.facts:
        told = GroupMissing(group=grant.group_id, store=grant.identity_store_id)
    if isinstance(error, PermissionSetMissing) and not error.facts:
        told = PermissionSetMissing(permission_set=grant.permission_set_arn, instance=grant.instance_arn)
    if told is None:
        return error
    told.__cause__ = error
    return told
