"""The identity store of Acme's Identity Center: users, groups and memberships under the API's rules.

The truth is the `Company`; this module adds the API's rules and, as a switch, its replication: with
`visibility_seconds` reads lag behind writes of this API, while writes are judged on the truth.

Choices where no public text settles the behavior:
- userName and e-mail are compared without regard to case (SCIM, RFC 7643, says `caseExact: false` for both),
  and kept as written; ExternalId is compared exactly; attribute paths are taken in any case.
- ConflictException is HTTP 400, as the sibling SSO admin API answers it.
"""

import random
from collections.abc import Callable
from typing import Any

from sandbox.aws_json import AwsError, Operation, TokenBucket, page, throttling
from sandbox.company import IDENTITY_STORE_ID, SCIM_ISSUER, Company, StoreGroup, StoreUser

CALLS_PER_SECOND = 20.0
CALLS_AT_ONCE = 40.0
_REVISION = "1"


class IdentityStore:
    """The operations on people and memberships, each taking and returning the members of botocore's model."""

    def __init__(
        self,
        company: Company,
        *,
        visibility_seconds: float = 0.0,
        concurrent_modification_chance: float = 0.0,
        rate_scale: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.visibility_seconds = visibility_seconds
        self.concurrent_modification_chance = concurrent_modification_chance
        self.bucket = TokenBucket(company.clock, CALLS_PER_SECOND * rate_scale, CALLS_AT_ONCE * rate_scale)
        self._company = company
        self._dice = random.Random(seed)
        # Writes that reads do not show yet: the id, when they will, and what it was if deleted.
        self._unseen: dict[str, float] = {}
        self._users_still_seen: dict[str, tuple[float, StoreUser]] = {}
        self._memberships_still_seen: dict[str, tuple[float, str, str]] = {}

    def seconds_to_wait(self, operation: str) -> float:
        """Take one call; all operations share one rate."""
        return self.bucket.take()

    def throttling(self, seconds: float) -> AwsError:
        """Return the refusal of a caller who is too fast."""
        return throttling(seconds)

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        offered = {
            "ListUsers": self.list_users,
            "GetUserId": self.get_user_id,
            "DescribeUser": self.describe_user,
            "CreateUser": self.create_user,
            "DeleteUser": self.delete_user,
            "ListGroups": self.list_groups,
            "GetGroupId": self.get_group_id,
            "DescribeGroup": self.describe_group,
            "CreateGroupMembership": self.create_group_membership,
            "DeleteGroupMembership": self.delete_group_membership,
            "DescribeGroupMembership": self.describe_group_membership,
            "GetGroupMembershipId": self.get_group_membership_id,
            "ListGroupMemberships": self.list_group_memberships,
            "ListGroupMembershipsForMember": self.list_group_memberships_for_member,
            "IsMemberInGroups": self.is_member_in_groups,
        }
        return {name: _in_our_store(perform) for name, perform in offered.items()}

    def list_users(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of whole users; the only filter is `UserName`."""
        found = self._seen_users()
        if wanted := _filtered(asked, "UserName"):
            found = {key: user for key, user in found.items() if _same(user.user_name, wanted)}
        shown, more = page(found, asked)
        return {"Users": [_user(found[key]) for key in shown], **more}

    def get_user_id(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Find a user by ExternalId (issuer and id), by userName or by e-mail."""
        matches = _matching(asked, {"username": "user_name", "emails.value": "email"})
        found = next((user for user in self._seen_users().values() if matches(user)), None)
        if found is None:
            raise _not_found("USER")
        return {**_STORE, "UserId": found.user_id, "UserArn": _arn("user", found.user_id)}

    def describe_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return one whole user."""
        found = self._seen_users().get(_id(asked["UserId"]))
        if found is None:
            raise _not_found("USER", asked["UserId"])
        return _user(found)

    def create_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Create a user without ExternalId; all names are required, userName and e-mail are unique."""
        name = asked.get("Name", {})
        for member, value in (
            ("userName", asked.get("UserName")),
            ("displayName", asked.get("DisplayName")),
            ("name.givenName", name.get("GivenName")),
            ("name.familyName", name.get("FamilyName")),
        ):
            if not value:
                raise AwsError("ValidationException", f"{member}: The attribute {member} is required")
        email = (asked.get("Emails") or [{}])[0].get("Value")
        for user in self._company.store_users.values():
            if _same(user.user_name, asked["UserName"]):
                raise _taken("Duplicate UserName")
            if email and user.email and _same(user.email, email):
                raise _taken("Duplicate email")
        user_id = self._company.store_id()
        self._company.store_users[user_id] = StoreUser(
            user_id,
            asked["UserName"],
            name["GivenName"],
            name["FamilyName"],
            asked["DisplayName"],
            email,
            None,
        )
        self._unseen[user_id] = self._seen_at()
        return {**_STORE, "UserId": user_id, "UserArn": _arn("user", user_id), "Revision": _REVISION}

    def delete_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Delete a user and every membership they have."""
        user_id = _id(asked["UserId"])
        user = self._company.store_users.get(user_id)
        if user is None:
            raise _not_found("USER", user_id)
        if asked.get("Revision", _REVISION) != _REVISION:
            raise AwsError("ConflictException", "Revision does not match", Reason="CONCURRENT_MODIFICATION")
        for group in self._company.store_groups.values():
            for key in [key for key, member in group.memberships.items() if member == user_id]:
                self._drop_membership(group, key)
        del self._company.store_users[user_id]
        if user_id not in self._unseen:
            self._users_still_seen[user_id] = (self._seen_at(), user)
        return {}

    def list_groups(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of groups; the only filter is `DisplayName`."""
        found = self._company.store_groups
        if wanted := _filtered(asked, "DisplayName"):
            found = {key: group for key, group in found.items() if _same(group.display_name, wanted)}
        shown, more = page(found, asked)
        return {"Groups": [_group(found[key]) for key in shown], **more}

    def get_group_id(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Find a group by ExternalId or by displayName."""
        matches = _matching(asked, {"displayname": "display_name"})
        found = next((group for group in self._company.store_groups.values() if matches(group)), None)
        if found is None:
            raise _not_found("GROUP")
        return {**_STORE, "GroupId": found.group_id, "GroupArn": _arn("group", found.group_id)}

    def describe_group(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return one group."""
        return _group(self._known_group(asked["GroupId"]))

    def create_group_membership(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Put a user in a group; one who is in already is a conflict, even while reads do not show it yet."""
        group = self._known_group(asked["GroupId"])
        user_id = _id(asked["MemberId"]["UserId"])
        if user_id not in self._company.store_users:
            raise _not_found("USER", user_id)
        self._maybe_collide()
        if user_id in group.memberships.values():
            raise _taken("Member and Group relationship already exists")
        key = self._company.store_id()
        group.memberships[key] = user_id
        self._unseen[key] = self._seen_at()
        return {**_STORE, "MembershipId": key, "MembershipArn": _arn("membership", key)}

    def delete_group_membership(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Delete a membership; an unknown one is refused."""
        key = _id(asked["MembershipId"])
        group = next(
            (group for group in self._company.store_groups.values() if key in group.memberships), None
        )
        if group is None:
            raise _not_found("GROUP_MEMBERSHIP", key)
        self._maybe_collide()
        self._drop_membership(group, key)
        return {}

    def describe_group_membership(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return one membership."""
        key = _id(asked["MembershipId"])
        for group_id in self._company.store_groups:
            if user_id := self._seen_members(group_id).get(key):
                return _membership(key, group_id, user_id)
        raise _not_found("GROUP_MEMBERSHIP", key)

    def get_group_membership_id(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the id of a user's membership in a group."""
        group = self._known_group(asked["GroupId"])
        wanted = self._known_user(asked)
        for key, user_id in self._seen_members(group.group_id).items():
            if user_id == wanted:
                return {**_STORE, "MembershipId": key, "MembershipArn": _arn("membership", key)}
        raise _not_found("GROUP_MEMBERSHIP")

    def list_group_memberships(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of a group's memberships."""
        group = self._known_group(asked["GroupId"])
        found = self._seen_members(group.group_id)
        shown, more = page(found, asked)
        return {"GroupMemberships": [_membership(key, group.group_id, found[key]) for key in shown], **more}

    def list_group_memberships_for_member(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of the groups a user is in."""
        wanted = self._known_user(asked)
        found = {
            key: _membership(key, group_id, user_id)
            for group_id in self._company.store_groups
            for key, user_id in self._seen_members(group_id).items()
            if user_id == wanted
        }
        shown, more = page(found, asked)
        return {"GroupMemberships": [found[key] for key in shown], **more}

    def is_member_in_groups(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell for each group whether the user is in it; the results come in no promised order."""
        wanted = self._known_user(asked)
        groups = {_id(group_id) for group_id in asked["GroupIds"]}
        results = [
            {
                "GroupId": self._known_group(group_id).group_id,
                "MemberId": {"UserId": wanted},
                "MembershipExists": wanted in self._seen_members(group_id).values(),
            }
            for group_id in sorted(groups, reverse=True)
        ]
        return {"Results": results}

    def _known_group(self, given: str) -> StoreGroup:
        group = self._company.store_groups.get(_id(given))
        if group is None:
            raise _not_found("GROUP", given)
        return group

    def _known_user(self, asked: dict[str, Any]) -> str:
        user_id = _id(asked["MemberId"]["UserId"])
        if user_id not in self._seen_users():
            raise _not_found("USER", user_id)
        return user_id

    def _drop_membership(self, group: StoreGroup, key: str) -> None:
        user_id = group.memberships.pop(key)
        if key not in self._unseen:
            self._memberships_still_seen[key] = (self._seen_at(), group.group_id, user_id)

    def _maybe_collide(self) -> None:
        if self._dice.random() < self.concurrent_modification_chance:
            raise AwsError(
                "ConflictException",
                "The resource was modified by another request. Please try again.",
                Reason="CONCURRENT_MODIFICATION",
            )

    def _seen_at(self) -> float:
        """Return when reads will show a write made now."""
        return self._company.clock.now() + self._dice.random() * self.visibility_seconds

    def _catch_up(self) -> None:
        """Forget the writes that reads show by now."""
        now = self._company.clock.now()
        for late in (self._unseen, self._users_still_seen, self._memberships_still_seen):
            for key in [key for key, until in late.items() if _moment(until) <= now]:
                del late[key]

    def _seen_users(self) -> dict[str, StoreUser]:
        """Return the users as reads show them now."""
        self._catch_up()
        truth = self._company.store_users
        if not self._unseen and not self._users_still_seen:
            return truth
        seen = {key: user for key, user in truth.items() if key not in self._unseen}
        return seen | {key: user for key, (_, user) in self._users_still_seen.items()}

    def _seen_members(self, group_id: str) -> dict[str, str]:
        """Return a group's memberships as reads show them now: membership id to user id."""
        self._catch_up()
        group = self._company.store_groups.get(_id(group_id))
        truth = group.memberships if group is not None else {}
        if not self._unseen and not self._memberships_still_seen:
            return truth
        seen = {key: user_id for key, user_id in truth.items() if key not in self._unseen}
        present = set(seen.values())
        for key, (_, of_group, user_id) in self._memberships_still_seen.items():
            if of_group == _id(group_id) and user_id not in present:
                seen[key] = user_id
        return seen


_STORE = {"IdentityStoreId": IDENTITY_STORE_ID}


def _in_our_store(perform: Operation) -> Operation:
    """Let an operation see only requests to the store of this company; the store may be named by ARN."""

    def checked(asked: dict[str, Any]) -> dict[str, Any]:
        given = asked["IdentityStoreId"]
        if _id(given) != IDENTITY_STORE_ID:
            raise AwsError(
                "ResourceNotFoundException",
                f"IdentityStore not present for IdentityStoreId: {given}",
                ResourceType="IDENTITY_STORE",
                ResourceId=given,
            )
        return perform(asked)

    return checked


def _id(given: str) -> str:
    """Return the bare id of an id or an ARN."""
    return given.rpartition("/")[2]


def _moment(until: float | tuple[Any, ...]) -> float:
    return float(until[0] if isinstance(until, tuple) else until)


def _same(left: str, right: str) -> bool:
    return left.casefold() == right.casefold()


def _filtered(asked: dict[str, Any], path: str) -> str | None:
    """Return the value of the one filter this list takes, or None when there is no filter."""
    filters = asked.get("Filters") or []
    if not filters:
        return None
    if filters[0]["AttributePath"] != path:
        raise AwsError("ValidationException", f"Filtering is supported only on {path}")
    return str(filters[0]["AttributeValue"])


def _matching(asked: dict[str, Any], paths: dict[str, str]) -> Callable[[StoreUser | StoreGroup], bool]:
    """Return the test an AlternateIdentifier stands for; `paths` maps attribute paths to our fields."""
    wanted = asked["AlternateIdentifier"]
    if external := wanted.get("ExternalId"):
        ours = external["Issuer"] == SCIM_ISSUER
        return lambda found: ours and found.external_id == external["Id"]
    attribute = wanted["UniqueAttribute"]
    field = paths.get(attribute["AttributePath"].lower())
    value = attribute["AttributeValue"]
    if field is None or not isinstance(value, str):
        raise AwsError("ValidationException", "The AttributePath is not supported")
    return lambda found: _same(getattr(found, field) or "", value)


def _not_found(kind: str, given: str | None = None) -> AwsError:
    about: dict[str, Any] = {} if given is None else {"ResourceId": _id(given)}
    return AwsError("ResourceNotFoundException", f"{kind} not found.", ResourceType=kind, **about)


def _taken(message: str) -> AwsError:
    return AwsError("ConflictException", message, Reason="UNIQUENESS_CONSTRAINT_VIOLATION")


def _arn(kind: str, key: str) -> str:
    return f"arn:aws:identitystore:::{kind}/{key}"


def _external(external_id: str | None) -> dict[str, Any]:
    return {} if external_id is None else {"ExternalIds": [{"Issuer": SCIM_ISSUER, "Id": external_id}]}


def _user(user: StoreUser) -> dict[str, Any]:
    shown: dict[str, Any] = {
        **_STORE,
        "UserId": user.user_id,
        "UserArn": _arn("user", user.user_id),
        "Revision": _REVISION,
        "UserName": user.user_name,
        "Name": {"GivenName": user.given_name, "FamilyName": user.family_name},
        "DisplayName": user.display_name,
        "UserStatus": user.status,
        **_external(user.external_id),
    }
    if user.email is not None:
        shown["Emails"] = [{"Value": user.email, "Type": "work", "Primary": True}]
    return shown


def _group(group: StoreGroup) -> dict[str, Any]:
    return {
        **_STORE,
        "GroupId": group.group_id,
        "GroupArn": _arn("group", group.group_id),
        "Revision": _REVISION,
        "DisplayName": group.display_name,
        **_external(group.external_id),
    }


def _membership(key: str, group_id: str, user_id: str) -> dict[str, Any]:
    return {
        **_STORE,
        "MembershipId": key,
        "MembershipArn": _arn("membership", key),
        "GroupId": group_id,
        "MemberId": {"UserId": user_id},
    }
