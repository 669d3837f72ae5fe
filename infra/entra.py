"""Set up the Entra side: the app registration, its permissions, the racers' group, and trust in an AWS role.

what there should be ─┐
                      ├─▶ plan (pure) ─▶ printed (--dry-run) or sent to Graph, one request after the other
what is there ────────┘
Said again it finds nothing left to do. Nothing is ever deleted, and no secret is made: the bot's functions
show Entra a token of their AWS role.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx
import msal

from bot import checks

GRAPH: Final = "https://graph.microsoft.com/v1.0"
GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"  # Microsoft Graph itself, the same in every tenant
COMMAND_LINE: Final = "14d82eec-204b-4c2f-b7e8-296a70dab67e"  # Microsoft Graph Command Line Tools
SCOPES: Final = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Group.ReadWrite.All")
AUDIENCE: Final = "api://AzureADTokenExchange"
_UNKNOWN = re.compile(r"\{(\w+)\}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?:.*/)?(?P<name>[\w+=,.@-]+)")

Ids = dict[str, str]
Send = Callable[[str, str, Mapping[str, Any] | None], dict[str, Any]]  # method, path, body → answer


class CannotPlan(Exception):
    """What is there is ambiguous, or Graph refused; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there should be. Without an issuer no AWS role is trusted."""

    app: str
    group: str
    permissions: tuple[str, ...]
    issuer: str | None = None
    roles: tuple[str, ...] = ()  # ARNs


@dataclass(frozen=True, slots=True)
class Found:
    """What is there, as Graph shows it; None for what is not."""

    graph: Mapping[str, Any]  # the service principal of Microsoft Graph, with its appRoles
    application: Mapping[str, Any] | None = None
    principal: Mapping[str, Any] | None = None
    granted: frozenset[str] = frozenset()  # ids of app roles
    group: Mapping[str, Any] | None = None
    credentials: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `{name}` in path and body stands for an id that an earlier step brings; `brings` says
    which property of the answer is kept under which name.
    """

    why: str
    method: str
    path: str
    body: Mapping[str, Any]
    brings: Mapping[str, str] = field(default_factory=dict)


def plan(wanted: Wanted, found: Found) -> list[Step]:
    """Return the requests that are left to make. Raises CannotPlan for a permission that Graph has not."""
    return [
        *_application(wanted, found),
        *_principal(found),
        *_permissions(wanted, found),
        *_group(wanted, found),
        *_credentials(wanted, found),
    ]


def known(found: Found) -> Ids:
    """Return the ids that are known before the first step."""
    ids = {"graph": found.graph["id"]}
    if found.application is not None:
        ids |= {"application": found.application["id"], "client": found.application["appId"]}
    if found.principal is not None:
        ids["principal"] = found.principal["id"]
    if found.group is not None:
        ids["group"] = found.group["id"]
    return ids


def filled(node: Any, ids: Ids) -> Any:
    """Return a path or a body with the known ids in place; unknown ones stay as they are."""
    match node:
        case str():
            return _UNKNOWN.sub(lambda name: ids.get(name[1], name[0]), node)
        case dict():
            return {key: filled(value, ids) for key, value in node.items()}
        case list():
            return [filled(value, ids) for value in node]
    return node


def carry_out(steps: Sequence[Step], ids: Ids, send: Send) -> Ids:
    """Send every request, and return all ids. Raises CannotPlan at the first that Graph refuses."""
    ids = dict(ids)
    for step in steps:
        print(step.why)
        answer = send(step.method, filled(step.path, ids), filled(step.body, ids))
        ids |= {name: answer[key] for name, key in step.brings.items()}
    return ids


def look(wanted: Wanted, send: Send) -> Found:
    """Read what is there. Raises CannotPlan where a name is not unique, or Graph refuses."""
    graph = send("GET", f"/servicePrincipals(appId='{GRAPH_APP}')?$select=id,appRoles", None)
    group = _only(send, "/groups", wanted.group)
    application = _only(send, "/applications", wanted.app)
    if application is None:
        return Found(graph, group=group)
    of_the_app = quote(f"appId eq '{application['appId']}'")
    principals = send("GET", f"/servicePrincipals?$filter={of_the_app}", None)["value"]
    credentials = send("GET", f"/applications/{application['id']}/federatedIdentityCredentials", None)
    principal = principals[0] if principals else None
    granted: frozenset[str] = frozenset()
    if principal is not None:
        assigned = send("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments", None)["value"]
        granted = frozenset(one["appRoleId"] for one in assigned if one["resourceId"] == graph["id"])
    return Found(graph, application, principal, granted, group, tuple(credentials["value"]))


def _only(send: Send, collection: str, name: str) -> Mapping[str, Any] | None:
    escaped = name.replace("'", "''")
    asked = quote(f"displayName eq '{escaped}'")
    found = send("GET", f"{collection}?$filter={asked}", None)["value"]
    if len(found) > 1:
        raise CannotPlan(f"There are {len(found)} called {name!r} in {collection[1:]}; give another name.")
    return dict(found[0]) if found else None


def _application(wanted: Wanted, found: Found) -> list[Step]:
    asked = [{"id": id_, "type": "Role"} for id_ in _role_ids(wanted, found).values()]
    if found.application is None:
        body = {
            "displayName": wanted.app,
            "signInAudience": "AzureADMyOrg",
            "requiredResourceAccess": [{"resourceAppId": GRAPH_APP, "resourceAccess": asked}],
        }
        brings = {"application": "id", "client": "appId"}
        return [Step(f"Register the app {wanted.app}", "POST", "/applications", body, brings)]
    stated = found.application.get("requiredResourceAccess", [])
    others = [one for one in stated if one["resourceAppId"] != GRAPH_APP]
    mine = [access for one in stated if one not in others for access in one["resourceAccess"]]
    missing = [access for access in asked if access not in mine]
    if not missing:
        return []
    access = [*others, {"resourceAppId": GRAPH_APP, "resourceAccess": [*mine, *missing]}]
    what = "State the permissions that the app asks for"
    return [Step(what, "PATCH", "/applications/{application}", {"requiredResourceAccess": access})]


def _principal(found: Found) -> list[Step]:
    if found.principal is not None:
        return []
    what = "Make its service principal in this tenant"
    return [Step(what, "POST", "/servicePrincipals", {"appId": "{client}"}, {"principal": "id"})]


def _permissions(wanted: Wanted, found: Found) -> list[Step]:
    return [
        Step(
            f"Grant {name} for the whole tenant",
            "POST",
            "/servicePrincipals/{principal}/appRoleAssignments",
            {"principalId": "{principal}", "resourceId": "{graph}", "appRoleId": id_},
        )
        for name, id_ in _role_ids(wanted, found).items()
        if id_ not in found.granted
    ]


def _group(wanted: Wanted, found: Found) -> list[Step]:
    if found.group is not None:
        return []
    body = {
        "displayName": wanted.group,
        "description": "Racers of DeepRacer events; the bot adds and removes them.",
        "mailEnabled": False,
        "mailNickname": re.sub(r"[^A-Za-z0-9-]", "", wanted.group) or "racers",
        "securityEnabled": True,
    }
    return [Step(f"Make the group {wanted.group}", "POST", "/groups", body, {"group": "id"})]


def _credentials(wanted: Wanted, found: Found) -> list[Step]:
    """Trust each role; one that is trusted already, under whatever name, is left alone."""
    if wanted.issuer is None:
        return []
    trusted = {(one["issuer"], one["subject"]) for one in found.credentials}
    return [
        Step(
            f"Trust the AWS role {_role_name(role)}",
            "POST",
            "/applications/{application}/federatedIdentityCredentials",
            {"name": _role_name(role), "issuer": wanted.issuer, "subject": role, "audiences": [AUDIENCE]},
        )
        for role in wanted.roles
        if (wanted.issuer, role) not in trusted
    ]


def _role_ids(wanted: Wanted, found: Found) -> dict[str, str]:
    ids = {role["value"]: role["id"] for role in found.graph["appRoles"]}
    if unknown := set(wanted.permissions) - set(ids):
        raise CannotPlan(f"This Graph has no permission {', '.join(sorted(unknown))}.")
    return {name: ids[name] for name in wanted.permissions}


def _role_name(arn: str) -> str:
    form = _ROLE.fullmatch(arn)
    if form is None:
        raise CannotPlan(f"{arn!r} is not the ARN of an IAM role.")
    return form["name"]


def sender(token: str, base: str, http: httpx.Client) -> Send:
    """Return how requests are sent. It raises CannotPlan for what Graph refuses."""

    def send(method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            answer = http.request(
                method, f"{base}{path}", json=body, headers={"Authorization": f"Bearer {token}"}
            )
        except httpx.RequestError as error:
            raise CannotPlan(f"Graph did not answer: {type(error).__name__}") from error
        if answer.is_error:
            told = answer.json().get("error", {}) if "json" in answer.headers.get("content-type", "") else {}
            said = f"{told.get('code', '')}: {told.get('message', '')}"
            raise CannotPlan(f"{method} {path} was answered with {answer.status_code} {said}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    return send


def signed_in(tenant: str) -> str:
    """Sign an administrator in with a code typed into a browser, and return the token."""
    app = msal.PublicClientApplication(COMMAND_LINE, authority=f"https://login.microsoftonline.com/{tenant}")
    flow = app.initiate_device_flow([f"https://graph.microsoft.com/{scope}" for scope in SCOPES])
    if "message" not in flow:
        raise CannotPlan(f"Entra offers no sign-in: {flow.get('error_description', 'no reason given')}")
    print(flow["message"], file=sys.stderr)
    answer = app.acquire_token_by_device_flow(flow)
    if "access_token" not in answer:
        raise CannotPlan(f"Nobody signed in: {answer.get('error_description', answer.get('error'))}")
    return str(answer["access_token"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up Entra, or print what would be sent. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.entra", description=__doc__.partition("\n")[0])
    parser.add_argument("--tenant", required=True, help="the directory (tenant) ID")
    parser.add_argument("--app", default="DeepRacer bot", help="the app registration's name")
    parser.add_argument("--group", default="DeepRacer racers", help="the racers' group")
    parser.add_argument(
        "--push", action="store_true", help="also Synchronization.ReadWrite.All, for people new to AWS"
    )
    parser.add_argument(
        "--issuer", help="the AWS account's token issuer, https://….tokens.sts.global.api.aws"
    )
    parser.add_argument(
        "--role", action="append", default=[], help="the ARN of a function's role; repeatable"
    )
    parser.add_argument("--dry-run", action="store_true", help="print each request, send none that writes")
    parser.add_argument("--graph", default=GRAPH, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if bool(chosen.role) != bool(chosen.issuer):
        parser.error("--issuer and --role go together")
    permissions = (*checks.GRAPH_ROLES, *(checks.PUSH_ROLES[:1] if chosen.push else ()))
    wanted = Wanted(chosen.app, chosen.group, permissions, chosen.issuer, tuple(chosen.role))
    try:
        with httpx.Client(timeout=30) as http:
            token = os.environ.get("GRAPH_ACCESS_TOKEN") or signed_in(chosen.tenant)
            send = sender(token, chosen.graph, http)
            found = look(wanted, send)
            steps, ids = plan(wanted, found), known(found)
            if chosen.dry_run:
                for step in steps:
                    _show(step, ids)
            else:
                ids = carry_out(steps, ids, send)
    except CannotPlan as error:
        print(error, file=sys.stderr)
        return 1
    if not steps:
        print("Everything is there.")
    print(f"\nENTRA_TENANT_ID={chosen.tenant}")
    print(f"ENTRA_CLIENT_ID={ids.get('client', '(known when the app is registered)')}")
    print(f"the racers' group: {ids.get('group', '(known when it is made)')}")
    return 0


def _show(step: Step, ids: Ids) -> None:
    print(f"# {step.why}\n{step.method} {filled(step.path, ids)}")
    print(json.dumps(filled(step.body, ids), indent=2), end="\n\n")


if __name__ == "__main__":
    sys.exit(main())
