"""The simulated user pool and identity pool, asked by real boto3 over HTTP."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox.cognito_front import CognitoSimulator
from sandbox.company import Company
from sandbox.listening import listening
from sandbox.racing import (
    CLIENT_ID,
    IDENTITY_POOL_ID,
    RACERS,
    SERVICE_PASSWORD,
    SERVICE_USER,
    USER_POOL_ID,
)
from sandbox.wire import CallLog, Fault, Faults

POOL = {"UserPoolId": USER_POOL_ID}
ADA = "ada000000000001"
LOGIN = f"cognito-idp.us-east-1.amazonaws.com/{USER_POOL_ID}"


@pytest.fixture
def company() -> Company:
    return Company.found(people=3)


@pytest.fixture
def simulator(company: Company) -> CognitoSimulator:
    return CognitoSimulator(company, CallLog(company.clock), Faults(), rate_scale=1000)


@pytest.fixture
def url(simulator: CognitoSimulator) -> Iterator[str]:
    with listening(simulator.app()) as url:
        yield url


def connected(url: str, service: str, **config: Any) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="AKIAMADEUP",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture
def pool(url: str) -> Iterator[Any]:
    client = connected(url, "cognito-idp")
    yield client
    client.close()


@pytest.fixture
def identities(url: str) -> Iterator[Any]:
    client = connected(url, "cognito-identity", signature_version=UNSIGNED)
    yield client
    client.close()


def refusal_of(call: Callable[[], object]) -> str:
    """Return the error code of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def create(pool: Any, username: str = ADA, email: str = "ada@acme.example", **more: Any) -> dict[str, Any]:
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    asked = {"MessageAction": "SUPPRESS", **more}
    made = pool.admin_create_user(**POOL, Username=username, UserAttributes=attributes, **asked)
    return dict(made["User"])


def sign_in(pool: Any, name: str, password: str) -> dict[str, Any]:
    given = {"USERNAME": name, "PASSWORD": password}
    return dict(pool.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=CLIENT_ID, AuthParameters=given))


def test_a_new_user_has_a_profile_with_the_quotas_of_new_users_and_their_alias(
    pool: Any, company: Company
) -> None:
    company.racing.settings["usageQuotas"]["newUser"]["newUserComputeMinutesLimit"] = "600"
    made = create(pool, ClientMetadata={"racerAlias": "ada-l"})
    profile = company.racing.profiles[ADA]
    assert (made["UserStatus"], made["Enabled"]) == ("FORCE_CHANGE_PASSWORD", True)
    assert (profile.alias, profile.minutes_allowed, profile.models_allowed) == ("ada-l", 600, -1)


def test_without_an_alias_everybody_has_the_same(pool: Any, company: Company) -> None:
    create(pool)
    assert company.racing.profiles[ADA].alias == "RacerAlias"


@pytest.mark.parametrize("username", ["short", "ada@acme.example", "ada_00000000001"])
def test_the_trigger_refuses_a_username_of_another_form(pool: Any, username: str) -> None:
    assert refusal_of(lambda: create(pool, username)) == "UserLambdaValidationException"


def test_the_trigger_refuses_an_alias_that_is_too_short(pool: Any) -> None:
    assert (
        refusal_of(lambda: create(pool, ClientMetadata={"racerAlias": "ab"}))
        == "UserLambdaValidationException"
    )


def test_a_username_and_a_mail_address_are_given_once(pool: Any, company: Company) -> None:
    create(pool)
    assert refusal_of(lambda: create(pool, ADA.upper())) == "UsernameExistsException"
    assert refusal_of(lambda: create(pool, "bob000000000001")) == "AliasExistsException"
    assert "bob000000000001" not in company.racing.profiles


def test_where_the_trigger_runs_first_a_profile_without_a_user_is_left(
    pool: Any, company: Company, simulator: CognitoSimulator
) -> None:
    simulator.user_pool.leaves_orphans = True
    create(pool)
    assert refusal_of(lambda: create(pool, "bob000000000001")) == "AliasExistsException"
    assert "bob000000000001" in company.racing.profiles
    assert "bob000000000001" not in company.racing.users


def test_cognitos_own_mailer_invites_fifty_a_day(pool: Any, company: Company) -> None:
    mailed: dict[str, Any] = {"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]}
    create(pool)
    for _ in range(50):
        create(pool, **mailed)
    assert refusal_of(lambda: create(pool, **mailed)) == "LimitExceededException"
    company.racing.sends_with_ses = True
    create(pool, **mailed)
    assert len(company.racing.mails) == 51


def test_an_invitation_is_sent_again_only_while_the_first_password_stands(pool: Any) -> None:
    create(pool)
    pool.admin_set_user_password(**POOL, Username=ADA, Password="Of-her-own-1", Permanent=True)
    mailed: dict[str, Any] = {"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]}
    assert refusal_of(lambda: create(pool, **mailed)) == "UnsupportedUserStateException"


def test_a_user_is_found_by_username_and_by_mail_in_any_case(pool: Any) -> None:
    create(pool)
    for name in (ADA, "Ada@Acme.Example"):
        assert pool.admin_get_user(**POOL, Username=name)["Username"] == ADA
    assert refusal_of(lambda: pool.admin_get_user(**POOL, Username="nobody")) == "UserNotFoundException"


def test_a_membership_may_be_made_and_ended_twice(pool: Any) -> None:
    create(pool)
    membership = {**POOL, "Username": ADA, "GroupName": RACERS}
    for _ in range(2):
        pool.admin_add_user_to_group(**membership)
    groups = pool.admin_list_groups_for_user(**POOL, Username=ADA)["Groups"]
    assert [group["GroupName"] for group in groups] == [RACERS]
    for _ in range(2):
        pool.admin_remove_user_from_group(**membership)
    assert pool.admin_list_groups_for_user(**POOL, Username=ADA)["Groups"] == []


def test_a_group_and_a_pool_that_are_not_there_are_said_to_be_missing(pool: Any) -> None:
    create(pool)
    asked = {"Username": ADA, "GroupName": "dr-nobody"}
    assert refusal_of(lambda: pool.admin_add_user_to_group(**POOL, **asked)) == "ResourceNotFoundException"
    other = {"UserPoolId": "us-east-1_another00"}
    assert refusal_of(lambda: pool.admin_get_user(**other, Username=ADA)) == "ResourceNotFoundException"


def test_the_pages_of_a_group_hold_everybody_once(pool: Any, company: Company) -> None:
    for number in range(130):
        company.racing.enroll(f"racer{number:010d}", f"racer{number}@acme.example", RACERS, 0.0)
    first = pool.list_users_in_group(**POOL, GroupName=RACERS, Limit=60)
    second = pool.list_users_in_group(**POOL, GroupName=RACERS, NextToken=first["NextToken"])
    third = pool.list_users_in_group(**POOL, GroupName=RACERS, NextToken=second["NextToken"])
    names = [user["Username"] for page in (first, second, third) for user in page["Users"]]
    assert (len(names), len(set(names)), "NextToken" in third) == (130, 130, False)
    too_many = {"GroupName": RACERS, "Limit": 61}
    assert refusal_of(lambda: pool.list_users_in_group(**POOL, **too_many)) == "InvalidParameterException"


def test_the_filter_of_list_users_compares_exactly(pool: Any) -> None:
    create(pool)

    def found(text: str) -> list[str]:
        return [user["Username"] for user in pool.list_users(**POOL, Filter=text)["Users"]]

    assert found('email = "ada@acme.example"') == [ADA]
    assert found('email = "Ada@acme.example"') == []
    assert found('email ^= "ada@"') == [ADA]
    assert refusal_of(lambda: found("email is ada")) == "InvalidParameterException"


def test_lists_lag_behind_and_single_users_do_not(
    pool: Any, company: Company, simulator: CognitoSimulator
) -> None:
    simulator.user_pool.visibility_seconds = 100_000.0
    create(pool)
    pool.admin_add_user_to_group(**POOL, Username=ADA, GroupName=RACERS)
    assert pool.list_users_in_group(**POOL, GroupName=RACERS)["Users"] == []
    assert pool.list_users(**POOL, Filter=f'username = "{ADA}"')["Users"] == []
    assert pool.admin_list_groups_for_user(**POOL, Username=ADA)["Groups"]
    company.clock.turn(100_000.0)
    assert [user["Username"] for user in pool.list_users_in_group(**POOL, GroupName=RACERS)["Users"]] == [ADA]


def test_a_first_password_must_be_changed_and_ends_after_a_week(pool: Any, company: Company) -> None:
    create(pool, TemporaryPassword="For-once-1")
    asked = sign_in(pool, "ada@acme.example", "For-once-1")
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answer = pool.respond_to_auth_challenge(
        ClientId=CLIENT_ID,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": ADA, "NEW_PASSWORD": "Of-her-own-1"},
    )
    assert "IdToken" in answer["AuthenticationResult"]
    assert pool.admin_get_user(**POOL, Username=ADA)["UserStatus"] == "CONFIRMED"
    pool.admin_set_user_password(**POOL, Username=ADA, Password="For-once-2", Permanent=False)
    company.clock.turn(8 * 86400.0)
    assert refusal_of(lambda: sign_in(pool, ADA, "For-once-2")) == "NotAuthorizedException"


def test_a_disabled_user_signs_in_no_more_not_even_with_a_refresh_token(pool: Any) -> None:
    token = sign_in(pool, SERVICE_USER, SERVICE_PASSWORD)["AuthenticationResult"]["RefreshToken"]

    def refresh() -> Any:
        given = {"REFRESH_TOKEN": token}
        return pool.initiate_auth(AuthFlow="REFRESH_TOKEN_AUTH", ClientId=CLIENT_ID, AuthParameters=given)

    assert "IdToken" in refresh()["AuthenticationResult"]
    pool.admin_disable_user(**POOL, Username=SERVICE_USER)
    assert refusal_of(refresh) == "NotAuthorizedException"
    assert refusal_of(lambda: sign_in(pool, SERVICE_USER, SERVICE_PASSWORD)) == "NotAuthorizedException"
    pool.admin_enable_user(**POOL, Username=SERVICE_USER)
    assert "AuthenticationResult" in sign_in(pool, SERVICE_USER, SERVICE_PASSWORD)


def test_the_id_token_names_the_groups_and_gives_credentials_for_an_hour(
    pool: Any, identities: Any, company: Company
) -> None:
    token = sign_in(pool, SERVICE_USER, SERVICE_PASSWORD)["AuthenticationResult"]["IdToken"]
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["cognito:groups"] == ["dr-admins"]
    logins = {LOGIN: token}
    identity = identities.get_id(IdentityPoolId=IDENTITY_POOL_ID, Logins=logins)["IdentityId"]
    given = identities.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
    assert 3590 < given["Expiration"].timestamp() - company.clock.now() <= 3600
    assert company.racing.keys[given["AccessKeyId"]].role == "dr-admins"
    company.clock.turn(3601)
    late = {"IdentityId": identity, "Logins": logins}
    assert refusal_of(lambda: identities.get_credentials_for_identity(**late)) == "NotAuthorizedException"


def test_whoever_is_in_no_group_gets_no_credentials(pool: Any, identities: Any, company: Company) -> None:
    company.racing.users[SERVICE_USER].groups.clear()
    token = sign_in(pool, SERVICE_USER, SERVICE_PASSWORD)["AuthenticationResult"]["IdToken"]
    logins = {LOGIN: token}
    identity = identities.get_id(IdentityPoolId=IDENTITY_POOL_ID, Logins=logins)["IdentityId"]
    asked = {"IdentityId": identity, "Logins": logins}
    assert refusal_of(lambda: identities.get_credentials_for_identity(**asked)) == "NotAuthorizedException"


def test_each_category_of_operations_has_a_rate_of_its_own(pool: Any, simulator: CognitoSimulator) -> None:
    create(pool)
    simulator.user_pool.buckets["UserUpdate"].limit(0.001, 1)
    membership = {**POOL, "Username": ADA, "GroupName": RACERS}
    pool.admin_add_user_to_group(**membership)
    assert refusal_of(lambda: pool.admin_add_user_to_group(**membership)) == "TooManyRequestsException"
    pool.admin_get_user(**POOL, Username=ADA)


def test_an_administrators_call_must_be_signed(url: str) -> None:
    target = {"X-Amz-Target": "AWSCognitoIdentityProviderService.AdminGetUser"}
    answer = httpx.post(url, headers=target, json={}, trust_env=False)
    assert (answer.status_code, answer.json()["__type"]) == (403, "MissingAuthenticationTokenException")


def test_a_call_whose_answer_is_lost_has_taken_effect(
    pool: Any, company: Company, simulator: CognitoSimulator
) -> None:
    simulator.faults.arm(Fault("AdminCreateUser", "drop"))
    with pytest.raises(ConnectionClosedError):
        create(pool)
    assert ADA in company.racing.users
    assert simulator.log.count("AdminCreateUser", status=0) == 1
