"""The racers' user pool as administrators see it: users, groups, invitations, under the API's rules.

The pre-sign-up trigger runs within AdminCreateUser and writes the racer's profile before the user exists, so
a profile proves no account. With `visibility_seconds` the two lists lag behind writes; single users do not.

Choices where no public text settles the behavior: a username that is taken is refused before the trigger
runs, an e-mail address that is taken before it too, unless `leaves_orphans`; then a profile without a user is
left behind. What the day's mails do not allow leaves one in any case.
"""

import random
import re
from typing import Any

from sandbox.aws_json import AwsError, Operation, TokenBucket
from sandbox.company import Company
from sandbox.racing import USER_POOL_ID, PoolUser

MAILS_A_DAY = 50  # of Cognito's own mailer
TEMPORARY_SECONDS = 7 * 86400.0
LARGEST_PAGE = 60
_DAY = 86400.0
# Requests a second for each category of operations, as the quotas of Cognito list them.
RATES = {
    "UserCreation": 50.0,
    "UserRead": 120.0,
    "UserUpdate": 25.0,
    "UserResourceRead": 50.0,
    "UserList": 30.0,
    "UserAccountRecovery": 30.0,
    "UserPoolRead": 15.0,
    "UserAuthentication": 120.0,
}
_CATEGORIES = {
    "AdminCreateUser": "UserCreation",
    "AdminGetUser": "UserRead",
    "AdminListGroupsForUser": "UserResourceRead",
    "ListUsers": "UserList",
    "ListUsersInGroup": "UserList",
    "AdminSetUserPassword": "UserAccountRecovery",
    "DescribeUserPool": "UserPoolRead",
    "InitiateAuth": "UserAuthentication",
    "RespondToAuthChallenge": "UserAuthentication",
}
_FILTER = re.compile(r'\s*(?P<name>[\w:]+)\s*(?P<how>\^?=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*')


class UserPool:
    """The operations of an administrator, each taking and returning the members of botocore's model."""

    def __init__(
        self,
        company: Company,
        *,
        visibility_seconds: float = 0.0,
        leaves_orphans: bool = False,
        rate_scale: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.visibility_seconds = visibility_seconds
        self.leaves_orphans = leaves_orphans
        self.buckets = {
            name: TokenBucket(company.clock, rate * rate_scale, rate * rate_scale)
            for name, rate in RATES.items()
        }
        self._company = company
        self._dice = random.Random(seed)
        # Memberships whose change the group's list does not show yet: until when, and what it shows.
        self._shown_still: dict[tuple[str, str], tuple[float, bool]] = {}

    def operations(self) -> dict[str, Operation]:
        """Return the operations by the names boto3 sends."""
        offered = {
            "DescribeUserPool": self.describe_user_pool,
            "AdminCreateUser": self.admin_create_user,
            "AdminGetUser": self.admin_get_user,
            "AdminUpdateUserAttributes": self.admin_update_user_attributes,
            "AdminAddUserToGroup": self.admin_add_user_to_group,
            "AdminRemoveUserFromGroup": self.admin_remove_user_from_group,
            "AdminListGroupsForUser": self.admin_list_groups_for_user,
            "AdminSetUserPassword": self.admin_set_user_password,
            "AdminDisableUser": self.admin_disable_user,
            "AdminEnableUser": self.admin_enable_user,
            "AdminDeleteUser": self.admin_delete_user,
            "ListUsers": self.list_users,
            "ListUsersInGroup": self.list_users_in_group,
        }
        return {name: _in_our_pool(perform) for name, perform in offered.items()}

    def seconds_to_wait(self, operation: str) -> float:
        """Take one call of the operation's category."""
        return self.buckets[_CATEGORIES.get(operation, "UserUpdate")].take()

    def throttling(self, seconds: float) -> AwsError:
        """Return the refusal of a caller who is too fast; Cognito does not say for how long."""
        return throttling(seconds)

    def describe_user_pool(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tell how the pool sends its mail, and that nobody signs up by themselves."""
        sender = "DEVELOPER" if self._company.racing.sends_with_ses else "COGNITO_DEFAULT"
        pool = {
            "Id": USER_POOL_ID,
            "Name": "default-DeepRacerIndyUserPool",
            "AliasAttributes": ["email"],
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "EmailConfiguration": {"EmailSendingAccount": sender},
        }
        return {"UserPool": pool}

    def admin_create_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a user, or send the invitation of one again."""
        racing, now = self._company.racing, self._company.clock.now()
        if asked.get("MessageAction") == "RESEND":
            return self._resend(asked)
        username, given = asked["Username"], _attributes(asked)
        email, verified = given.get("email", ""), given.get("email_verified", "").lower() == "true"
        known = racing.user(username)
        if known is not None and known.username.casefold() == username.casefold():
            raise AwsError("UsernameExistsException", "User account already exists")
        taken = verified and racing.user(email) is not None and not asked.get("ForceAliasCreation")
        if taken and not self.leaves_orphans:
            raise _alias_taken()
        self._run_trigger(username, email, asked.get("ClientMetadata", {}).get("racerAlias"))
        if taken:
            raise _alias_taken()
        password = asked.get("TemporaryPassword") or self._password()
        check_password(password)
        if asked.get("MessageAction") != "SUPPRESS":
            self._mail(email, asked)
        user = PoolUser(username, racing.guid(), email, now, email_verified=verified)
        user.password, user.password_until = password, now + TEMPORARY_SECONDS
        racing.users[username] = user
        return {"User": self._shown(user, "Attributes")}

    def admin_get_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return one user, by username or by verified e-mail address."""
        return self._shown(self._user(asked), "UserAttributes")

    def admin_update_user_attributes(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Change the e-mail address; the profile keeps the old one, as its update is best effort."""
        user, given = self._user(asked), _attributes(asked)
        if email := given.get("email"):
            other = self._company.racing.user(email)
            if other is not None and other is not user:
                raise _alias_taken()
            user.email = email
            user.email_verified = given.get("email_verified", "").lower() == "true"
        return {}

    def admin_add_user_to_group(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Put a user in a group; one who is in already stays in."""
        return self._move(asked, is_in=True)

    def admin_remove_user_from_group(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a user out of a group; one who is not in stays out."""
        return self._move(asked, is_in=False)

    def admin_list_groups_for_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the groups a user is in."""
        groups = sorted(self._user(asked).groups)
        return {"Groups": [{"GroupName": name, "UserPoolId": USER_POOL_ID} for name in groups]}

    def admin_set_user_password(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set a password: a permanent one, or one that must be changed and ends after seven days."""
        user, permanent = self._user(asked), bool(asked.get("Permanent"))
        check_password(asked["Password"])
        user.password = asked["Password"]
        user.status = "CONFIRMED" if permanent else "FORCE_CHANGE_PASSWORD"
        user.password_until = None if permanent else self._company.clock.now() + TEMPORARY_SECONDS
        return {}

    def admin_disable_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Keep a user from signing in, and revoke what they are signed in with."""
        user = self._user(asked)
        user.enabled, user.sessions_since = False, self._company.clock.now()
        return {}

    def admin_enable_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Let a user sign in again."""
        self._user(asked).enabled = True
        return {}

    def admin_delete_user(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Delete a user; the profile stays."""
        del self._company.racing.users[self._user(asked).username]
        return {}

    def list_users(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of users; the filter compares exactly, a new user is shown after a while."""
        matches = _filtered(asked.get("Filter") or "")
        late = self._company.clock.now() - self.visibility_seconds
        found = {
            user.username: user
            for user in self._company.racing.users.values()
            if user.created_at <= late and matches(user)
        }
        shown, more = _page(sorted(found), asked, "PaginationToken")
        return {"Users": [self._shown(found[name], "Attributes") for name in shown], **more}

    def list_users_in_group(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a page of the users in a group."""
        group = self._group(asked)
        now = self._company.clock.now()
        found = {
            user.username: user
            for user in self._company.racing.users.values()
            if self._seems_in(user, group, now)
        }
        shown, more = _page(sorted(found), asked, "NextToken")
        return {"Users": [self._shown(found[name], "Attributes") for name in shown], **more}

    def _seems_in(self, user: PoolUser, group: str, now: float) -> bool:
        until, shown = self._shown_still.get((user.username, group), (0.0, False))
        return shown if until > now else group in user.groups

    def _move(self, asked: dict[str, Any], *, is_in: bool) -> dict[str, Any]:
        group, user = self._group(asked), self._user(asked)
        if (group in user.groups) is is_in:
            return {}
        if self.visibility_seconds:
            until = self._company.clock.now() + self._dice.random() * self.visibility_seconds
            self._shown_still[user.username, group] = (until, not is_in)
        (user.groups.add if is_in else user.groups.discard)(group)
        return {}

    def _run_trigger(self, username: str, email: str, alias: str | None) -> None:
        """Do what the platform's pre-sign-up function does: look at username and alias, write the profile."""
        racing = self._company.racing
        if not re.fullmatch(r"[A-Za-z0-9-]{15}", username):
            raise AwsError(
                "UserLambdaValidationException", "PreSignUp failed with error Username is invalid."
            )
        if alias is not None and not re.fullmatch(r"[A-Za-z0-9_-]{3,20}", alias):
            raise AwsError("UserLambdaValidationException", "PreSignUp failed with error Alias is invalid.")
        racing.make_profile(username, email, alias, self._company.clock.now())

    def _mail(self, email: str, asked: dict[str, Any]) -> None:
        racing, now = self._company.racing, self._company.clock.now()
        if "EMAIL" not in asked.get("DesiredDeliveryMediums", ("SMS",)):
            raise AwsError("InvalidParameterException", "Cannot resolve destination for the invitation.")
        today = sum(at // _DAY == now // _DAY for at, _ in racing.mails)
        if today >= MAILS_A_DAY and not racing.sends_with_ses:
            raise AwsError(
                "LimitExceededException", "Exceeded daily email limit for the operation or the account."
            )
        racing.mails.append((now, email))

    def _resend(self, asked: dict[str, Any]) -> dict[str, Any]:
        user = self._user(asked)
        if user.status != "FORCE_CHANGE_PASSWORD":
            raise AwsError(
                "UnsupportedUserStateException",
                f"Resend not possible. {user.status} status is not supported.",
            )
        self._mail(user.email, asked)
        user.password = asked.get("TemporaryPassword") or self._password()
        user.password_until = self._company.clock.now() + TEMPORARY_SECONDS
        return {"User": self._shown(user, "Attributes")}

    def _password(self) -> str:
        return f"Aa1!{self._dice.getrandbits(48):012x}"

    def _group(self, asked: dict[str, Any]) -> str:
        group = str(asked["GroupName"])
        if group not in self._company.racing.groups:
            raise AwsError("ResourceNotFoundException", "Group not found.")
        return group

    def _user(self, asked: dict[str, Any]) -> PoolUser:
        user = self._company.racing.user(asked["Username"])
        if user is None:
            raise AwsError("UserNotFoundException", "User does not exist.")
        return user

    def _shown(self, user: PoolUser, attributes: str) -> dict[str, Any]:
        given = {"sub": user.sub, "email": user.email, "email_verified": str(user.email_verified).lower()}
        return {
            "Username": user.username,
            attributes: [{"Name": name, "Value": value} for name, value in given.items()],
            "UserCreateDate": user.created_at,
            "UserLastModifiedDate": user.created_at,
            "Enabled": user.enabled,
            "UserStatus": user.status,
        }


def throttling(_: float) -> AwsError:
    """Return the throttling answer of both Cognito services."""
    return AwsError("TooManyRequestsException", "Rate exceeded")


def check_password(password: str) -> None:
    """Refuse a password that the pool's policy forbids."""
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]", r".{8}")
    if not all(re.search(kind, password) for kind in kinds):
        raise AwsError("InvalidPasswordException", "Password did not conform with policy")


def _alias_taken() -> AwsError:
    return AwsError("AliasExistsException", "An account with the email already exists.")


def _in_our_pool(perform: Operation) -> Operation:
    """Let an operation see only requests to the pool of this company."""

    def checked(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["UserPoolId"] != USER_POOL_ID:
            given = asked["UserPoolId"]
            raise AwsError("ResourceNotFoundException", f"User pool {given} does not exist.")
        return perform(asked)

    return checked


def _attributes(asked: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one.get("Value", "") for one in asked.get("UserAttributes", ())}


def _filtered(text: str) -> Any:
    """Return the test that a filter of ListUsers stands for."""
    if not text:
        return lambda _: True
    found = _FILTER.fullmatch(text)
    names = {"username": "username", "email": "email", "sub": "sub", "cognito:user_status": "status"}
    field = names.get(found["name"]) if found else None
    if found is None or field is None:
        raise AwsError("InvalidParameterException", "Error while parsing filter.")
    wanted = re.sub(r"\\(.)", r"\1", found["value"])
    if found["how"] == "=":
        return lambda user: getattr(user, field) == wanted
    return lambda user: str(getattr(user, field)).startswith(wanted)


def _page(keys: list[str], asked: dict[str, Any], token: str) -> tuple[list[str], dict[str, str]]:
    """Return one page, and the token member when there are more."""
    after, size = str(asked.get(token) or ""), int(asked.get("Limit") or LARGEST_PAGE)
    left = [key for key in keys if key > after]
    return left[:size], ({token: left[size - 1]} if len(left) > size else {})
