"""The Entra side is set up by a plan: what there should be, less what is there."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from infra import entra
from infra.entra import AUDIENCE, GRAPH_APP, CannotPlan, Found, Step, Wanted, carry_out, known, plan

ISSUER = "https://0a1b2c3d.tokens.sts.global.api.aws"
ROLE = "arn:aws:iam::111122223333:role/deepracer-bot-WorkerRole-ABC"
WANTED = Wanted(
    "DeepRacer bot", "DeepRacer racers", ("GroupMember.ReadWrite.All", "User.Read.All"), ISSUER, (ROLE,)
)
ROLES = [
    {"value": "GroupMember.ReadWrite.All", "id": "role-members"},
    {"value": "User.Read.All", "id": "role-users"},
    {"value": "Directory.ReadWrite.All", "id": "role-everything"},
]
EMPTY = Found({"id": "graph-principal", "appRoles": ROLES})


class Tenant:
    """A tenant's Graph as far as the script speaks to it; it refuses what it cannot have."""

    def __init__(self) -> None:
        self.applications: list[dict[str, Any]] = []
        self.principals: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.granted: list[dict[str, Any]] = []
        self.credentials: list[dict[str, Any]] = []
        self.written: list[str] = []

    def send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        path = unquote(path)
        assert not re.search(r"\{\w+\}", path + json.dumps(body)), "an id was not filled in"
        if method == "GET":
            return self._read(path)
        self.written.append(f"{method} {path}")
        return self._write(method, path, dict(body or {}))

    def _read(self, path: str) -> dict[str, Any]:
        if path.startswith(f"/servicePrincipals(appId='{GRAPH_APP}')"):
            return dict(EMPTY.graph)
        collection, _, query = path.partition("?")
        rows = {
            "/applications": self.applications,
            "/groups": self.groups,
            "/servicePrincipals": self.principals,
            "/applications/id-1/federatedIdentityCredentials": self.credentials,
            "/servicePrincipals/id-2/appRoleAssignments": self.granted,
        }[collection]
        _, _, value = query.partition(" eq ")
        return {"value": [row for row in rows if not value or value.strip("'") in row.values()]}

    def _write(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "PATCH":
            [application] = self.applications
            application.update(body)
            return {}
        rows, more = {
            "/applications": (self.applications, {"id": "id-1", "appId": "client-1"}),
            "/servicePrincipals": (self.principals, {"id": "id-2"}),
            "/groups": (self.groups, {"id": "id-3"}),
            "/servicePrincipals/id-2/appRoleAssignments": (self.granted, {}),
            "/applications/id-1/federatedIdentityCredentials": (self.credentials, {}),
        }[path]
        rows.append(body | more)
        return rows[-1]


def set_up(tenant: Tenant, wanted: Wanted = WANTED) -> list[Step]:
    """Run the whole script's way once; returns the steps that were left."""
    found = entra.look(wanted, tenant.send)
    steps = plan(wanted, found)
    carry_out(steps, known(found), tenant.send)
    return steps


def test_in_an_empty_tenant_everything_is_made_and_a_second_run_finds_nothing_to_do() -> None:
    tenant = Tenant()
    set_up(tenant)
    [credential] = tenant.credentials
    [group] = tenant.groups

    assert {one["appRoleId"] for one in tenant.granted} == {"role-members", "role-users"}
    assert all(one["principalId"] == "id-2" for one in tenant.granted)
    assert (credential["issuer"], credential["subject"]) == (ISSUER, ROLE)
    assert credential["audiences"] == [AUDIENCE]
    assert (group["securityEnabled"], group["mailEnabled"]) == (True, False)
    assert "groupTypes" not in group  # assigned, not dynamic
    assert set_up(tenant) == []


def test_after_a_failure_in_the_middle_the_rest_is_made() -> None:
    tenant = Tenant()
    steps = plan(WANTED, EMPTY)
    carry_out(steps[:3], known(EMPTY), tenant.send)
    before = len(tenant.written)
    set_up(tenant)

    assert len(tenant.written) == len(steps)
    assert "POST /applications" not in tenant.written[before:]
    assert set_up(tenant) == []


def test_permissions_that_the_app_has_already_stay() -> None:
    tenant = Tenant()
    set_up(tenant)
    [application] = tenant.applications
    other = {"resourceAppId": "another-api", "resourceAccess": [{"id": "x", "type": "Scope"}]}
    kept = {"id": "role-everything", "type": "Role"}
    application["requiredResourceAccess"] = [
        other,
        {"resourceAppId": GRAPH_APP, "resourceAccess": [kept, {"id": "role-users", "type": "Role"}]},
    ]
    set_up(tenant)

    assert other in application["requiredResourceAccess"]
    [graph] = [one for one in application["requiredResourceAccess"] if one["resourceAppId"] == GRAPH_APP]
    assert {one["id"] for one in graph["resourceAccess"]} == {"role-everything", "role-users", "role-members"}


def test_a_role_that_is_trusted_under_another_name_is_not_trusted_twice() -> None:
    found = Found(
        EMPTY.graph,
        application={"id": "a", "appId": "c", "requiredResourceAccess": []},
        credentials=({"name": "made by hand", "issuer": ISSUER, "subject": ROLE},),
    )

    assert not [step for step in plan(WANTED, found) if "federated" in step.path]


def test_without_an_issuer_no_role_is_trusted() -> None:
    wanted = Wanted(WANTED.app, WANTED.group, WANTED.permissions)

    assert not [step for step in plan(wanted, EMPTY) if "federated" in step.path]


def test_no_permission_is_granted_that_was_not_asked_for() -> None:
    assert "role-everything" not in json.dumps([step.body for step in plan(WANTED, EMPTY)])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("a", "g", ("Fly.All",)), "Fly.All"),
        (Wanted("a", "g", (), ISSUER, ("arn:aws:iam::111122223333:user/eve",)), "not the ARN of an IAM role"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(wanted: Wanted, said: str) -> None:
    with pytest.raises(CannotPlan, match=said):
        plan(wanted, EMPTY)


def test_two_groups_of_one_name_are_not_guessed_between() -> None:
    tenant = Tenant()
    tenant.groups = [{"id": "1", "displayName": WANTED.group}, {"id": "2", "displayName": WANTED.group}]

    with pytest.raises(CannotPlan, match="another name"):
        set_up(tenant)


def test_a_dry_run_prints_every_request_and_sends_none_that_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = Tenant()
    monkeypatch.setenv("GRAPH_ACCESS_TOKEN", "made-up")
    monkeypatch.setattr(entra, "sender", lambda *_: tenant.send)
    said = ["--tenant", "t", "--issuer", ISSUER, "--role", ROLE, "--dry-run"]

    assert entra.main(said) == 0
    printed = capsys.readouterr().out
    assert tenant.written == []
    for step in plan(WANTED, EMPTY):
        assert f"# {step.why}\n{step.method} " in printed
    assert "POST /applications/{application}/federatedIdentityCredentials" in printed
