"""Who Teams vouches for: members of our tenant, and nobody of whom anything is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.teams.people import claimed, judge
from provisioning.access import Failed
from provisioning.directory import ObjectClaim
from provisioning.errors import (
    Anonymous,
    ChatUnavailable,
    ForeignWorkspace,
    Guest,
    ProvisioningError,
    Stranger,
    Undeliverable,
)
from provisioning.ids import ChatIdentity, PersonId

TENANT = "8f1b7c6e-6a9a-4b1e-9d53-1f6f0c2e7a01"
OTHER = "11111111-0000-4000-8000-000000000001"
ADA = ChatIdentity("teams", TENANT, "0d1e2f3a-0000-4000-8000-000000000001")
MEMBER: dict[str, Any] = {
    "id": "29:ada",
    "objectId": ADA.user,
    "tenantId": TENANT,
    "userRole": "user",
    "userPrincipalName": "ada@acme.example",
    "email": "ada@acme.example",
    "name": "Ada Lovelace",
}


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (MEMBER | changed).items() if name not in names}


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(MEMBER, id="as the service writes it"),
        pytest.param(without("objectId", aadObjectId=ADA.user), id="under the SDK's name"),
        pytest.param(without(objectId=ADA.user.upper(), tenantId=TENANT.upper()), id="in upper case"),
        pytest.param(without("email", "name"), id="without what nobody needs"),
    ],
)
def test_a_member_of_our_tenant_is_vouched_for_by_object_id(member: dict[str, Any]) -> None:
    assert judge(member, ADA, {TENANT}) == ObjectClaim(PersonId(ADA.user))


@pytest.mark.parametrize(
    ("member", "error"),
    [
        pytest.param(without(userRole="guest"), Guest, id="a guest"),
        pytest.param(without(userPrincipalName="ada_x.com#EXT#@acme.example"), Guest, id="a guest by name"),
        pytest.param(without(userPrincipalName="ada_x.com#ext#@acme.example"), Guest, id="in lower case"),
        pytest.param(without(userRole="anonymous"), Anonymous, id="anonymous"),
        pytest.param(without("objectId"), Anonymous, id="no object id"),
        pytest.param(without("userRole"), Anonymous, id="no role"),
        pytest.param(without(userRole="User"), Anonymous, id="a role nobody knows"),
        pytest.param(without(userRole=None), Anonymous, id="an empty role"),
        pytest.param(without("tenantId"), Anonymous, id="no tenant"),
        pytest.param(without("userPrincipalName"), Anonymous, id="no user principal name"),
        pytest.param(
            without(tenantId="11111111-0000-4000-8000-000000000001"), ForeignWorkspace, id="foreign"
        ),
        pytest.param(without(objectId="somebody-else"), ChatUnavailable, id="somebody else"),
        pytest.param(without(objectId=7), ChatUnavailable, id="no text"),
    ],
)
def test_anybody_else_is_not(member: dict[str, Any], error: type[ProvisioningError]) -> None:
    with pytest.raises(error):
        judge(member, ADA, {TENANT})


def test_a_tenant_that_is_admitted_is_still_not_the_one_they_spoke_from() -> None:
    with pytest.raises(ForeignWorkspace):
        judge(without(tenantId=OTHER), ADA, {TENANT, OTHER})


@given(
    st.dictionaries(st.sampled_from(sorted(MEMBER)), st.none() | st.text() | st.integers() | st.booleans())
)
def test_whatever_is_changed_never_makes_an_employee_of_a_stranger(changed: dict[str, Any]) -> None:
    odd = {name: value for name, value in changed.items() if value != MEMBER[name]}
    decisive = {"objectId", "tenantId", "userRole", "userPrincipalName"} & set(odd)
    outcome = claimed(ADA, lambda: MEMBER | odd, {TENANT})
    if decisive - {"userPrincipalName"}:
        assert isinstance(outcome, Failed)
    elif isinstance(outcome, ObjectClaim):
        assert outcome == ObjectClaim(PersonId(ADA.user))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Undeliverable(reason="MemberNotFoundInConversation"), Stranger),
        (Undeliverable(reason="ConversationBlockedByUser"), ChatUnavailable),
        (Undeliverable(reason="never heard from"), ChatUnavailable),
        (ChatUnavailable(3.0), ChatUnavailable),
    ],
)
def test_what_teams_does_not_answer_vouches_for_nobody(
    error: ProvisioningError, told: type[ProvisioningError]
) -> None:
    def ask() -> dict[str, Any]:
        raise error

    outcome = claimed(ADA, ask, {TENANT})
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, told)
