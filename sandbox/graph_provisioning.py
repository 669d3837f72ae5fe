"""The enterprise app that feeds IAM Identity Center: its service principal, its job, and provisioning on
demand.

Source: learn.microsoft.com, "synchronizationJob: provisionOnDemand" and "On-demand provisioning in Microsoft
Entra ID".
"""

import json
import uuid
from typing import Any, Final, Protocol

from sandbox.company import TENANT_ID, Company
from sandbox.graph_objects import asked_filter, page
from sandbox.graph_odata import Kind
from sandbox.graph_replication import Replication
from sandbox.graph_throttle import Throttle
from sandbox.graph_wire import Answer, Ask, GraphError, Route, not_present, require_guid

APP_ID: Final = "3f7c9d2a-51b8-4e06-9c1d-7a2e60b4f815"  # application id of the enterprise app
MOST_MEMBERS: Final = 5
READ_APPLICATIONS: Final = frozenset(
    {"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}
    | {"Directory.Read.All", "Directory.ReadWrite.All"}
)
READ_ASSIGNMENTS: Final = frozenset(
    {"Directory.Read.All", "Directory.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"}
)
PROVISION: Final = frozenset({"Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy"})
READ_JOBS: Final = PROVISION | {"Synchronization.Read.All"}

_DISPLAY_NAME = "AWS IAM Identity Center (successor to AWS Single Sign-On)"
_JOBS = "/servicePrincipals/{id}/synchronization/jobs"


class ScimPush(Protocol):
    """What carries an object into the identity store when provisioning on demand says so."""

    def push_user(self, object_id: str) -> str | None:
        """Bring one Entra user into the store; return what went wrong, or None."""
        ...

    def push_members(self, group_id: str, user_ids: list[str]) -> str | None:
        """Add members of a linked Entra group to its group in the store; return what went wrong, or None."""
        ...


class _Principal:
    """The enterprise app's service principal."""

    def __init__(self, object_id: str) -> None:
        self.id = object_id
        self.app_id = APP_ID
        self.display_name = _DISPLAY_NAME

    def shown(self) -> dict[str, Any]:
        return {name: getter(self) for name, getter in _PRINCIPAL.properties.items()}


_PRINCIPAL = Kind(
    "ServicePrincipal",
    {
        "id": lambda app: app.id,
        "accountEnabled": lambda _: True,
        "appDisplayName": lambda app: app.display_name,
        "appId": lambda app: app.app_id,
        "displayName": lambda app: app.display_name,
        "servicePrincipalType": lambda _: "Application",
    },
    frozenset({"id", "appId", "displayName", "servicePrincipalType", "accountEnabled"}),
)


class Provisioning:
    """The routes about the enterprise app."""

    def __init__(
        self, company: Company, replication: Replication, throttle: Throttle, push: ScimPush
    ) -> None:
        self._company = company
        self._replication = replication
        self._throttle = throttle
        self._push = push

    @property
    def job_id(self) -> str:
        """The id of the only synchronization job."""
        return f"aWSSingleSignOn.{TENANT_ID.replace('-', '')}.{self._named_id('job')}"

    @property
    def user_rule_id(self) -> str:
        """The id of the rule that exports users."""
        return self._named_id("user rule")

    @property
    def group_rule_id(self) -> str:
        """The id of the rule that exports groups."""
        return self._named_id("group rule")

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("GET", "/servicePrincipals", self.principals, READ_APPLICATIONS),
            Route("GET", "/servicePrincipals/{id}", self.principal, READ_APPLICATIONS),
            Route("GET", "/groups/{id}/appRoleAssignments", self.assignments, READ_ASSIGNMENTS),
            Route("GET", _JOBS, self.jobs, READ_JOBS),
            Route("GET", f"{_JOBS}/{{id}}", self.job, READ_JOBS),
            Route("GET", f"{_JOBS}/{{id}}/schema", self.schema, READ_JOBS),
            Route(
                "POST",
                f"{_JOBS}/{{id}}/provisionOnDemand",
                self.provision_on_demand,
                PROVISION,
                writes=lambda _: 1.0,
                operation="POST provisionOnDemand",
            ),
        ]

    async def principals(self, ask: Ask) -> Answer:
        """Answer the service principals that match the filter: the enterprise app, or nothing."""
        asked = asked_filter(ask, _PRINCIPAL)
        known = _Principal(self._company.scim_app_id)
        found = [known] if asked is None or asked.matches(known) else []
        return page(ask, found, lambda app: _chosen(ask, app.shown()), context="servicePrincipals")

    async def principal(self, ask: Ask) -> Answer:
        """Answer the enterprise app by object id or by `(appId='…')`."""
        if ask.path[1] != f"appId={APP_ID}":
            self._require_principal(ask)
        shown = _chosen(ask, _Principal(self._company.scim_app_id).shown())
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#servicePrincipals/$entity"} | shown)

    async def assignments(self, ask: Ask) -> Answer:
        """Answer the apps a group is assigned to: the enterprise app for the groups that SCIM feeds."""
        group_id = require_guid(ask.path[1])
        group = self._company.entra_groups.get(group_id)
        if group is None or not self._replication.is_visible(group_id):
            raise not_present(group_id)
        ask.detail["group"] = group_id
        assignment = {
            "id": self._named_id(f"assignment {group_id}"),
            "deletedDateTime": None,
            "appRoleId": self._named_id("role User"),
            "principalDisplayName": group.display_name,
            "principalId": group_id,
            "principalType": "Group",
            "resourceDisplayName": _DISPLAY_NAME,
            "resourceId": self._company.scim_app_id,
        }
        value = [assignment] if group_id in self._company.scim_links else []
        context = f"{ask.base}/$metadata#groups('{group_id}')/appRoleAssignments"
        return Answer(200, {"@odata.context": context, "value": value})

    async def jobs(self, ask: Ask) -> Answer:
        """Answer the one job of the enterprise app."""
        self._require_principal(ask)
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#jobs", "value": [self._job()]})

    async def job(self, ask: Ask) -> Answer:
        """Answer one job by its id."""
        self._require_job(ask)
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#jobs/$entity"} | self._job())

    async def schema(self, ask: Ask) -> Answer:
        """Answer the job's schema: a rule for users and a rule for groups."""
        self._require_job(ask)
        names = (
            ("USER_OUTBOUND_USER", "User", self.user_rule_id),
            ("GROUP_OUTBOUND_GROUP", "Group", self.group_rule_id),
        )
        rules = [
            {
                "id": rule_id,
                "name": name,
                "editable": True,
                "priority": number,
                "sourceDirectoryName": "Azure Active Directory",
                "targetDirectoryName": "customappsso",
                "objectMappings": [
                    {
                        "enabled": True,
                        "flowTypes": "Add, Update, Delete",
                        "name": f"Provision Microsoft Entra ID {source}s",
                        "sourceObjectName": source,
                        "targetObjectName": source,
                        "attributeMappings": [],
                    }
                ],
            }
            for number, (name, source, rule_id) in enumerate(names, 1)
        ]
        body = {"id": self.job_id, "version": "1", "directories": [], "synchronizationRules": rules}
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#schema/$entity"} | body)

    async def provision_on_demand(self, ask: Ask) -> Answer:
        """Carry one user, or up to five members of one group, into the identity store now."""
        self._require_job(ask)
        subject = self._subject(ask)
        object_id = require_guid(str(subject.get("objectId", "")))
        self._throttle.charge_on_demand(self._company.scim_app_id)
        if subject["objectTypeName"] == "User":
            ask.detail["user"] = object_id
            verdict = self._provision_user(object_id)
        else:
            members = [require_guid(one["objectId"]) for one in _linked(subject)]
            ask.detail.update({"group": object_id, "members": len(members)})
            verdict = self._provision_members(object_id, members)
        context = f"{ask.base}/$metadata#microsoft.graph.stringKeyStringValuePair"
        return Answer(
            200,
            {"@odata.context": context, "key": json.dumps(verdict), "value": self._told(verdict, object_id)},
        )

    def _provision_user(self, user_id: str) -> dict[str, Any]:
        user = self._company.entra_users.get(user_id)
        if user is None or not self._replication.is_visible(user_id):
            return _verdict(
                "Failure", "EntryNotFound", f"The object {user_id} was not found in the source system."
            )
        if not user.account_enabled or not self._is_assigned(user_id):
            return _not_entitled()
        if any(found.external_id == user_id for found in self._company.store_users.values()):
            return _redundant()
        wrong = self._push.push_user(user_id)
        return (
            _verdict("Failure", "SystemForCrossDomainIdentityManagementServiceIncompatible", wrong)
            if wrong
            else _success()
        )

    def _provision_members(self, group_id: str, user_ids: list[str]) -> dict[str, Any]:
        if group_id not in self._company.entra_groups:
            return _verdict(
                "Failure", "EntryNotFound", f"The object {group_id} was not found in the source system."
            )
        if group_id not in self._company.scim_links:
            return _not_entitled()
        if user_ids and set(user_ids) <= self._arrived(group_id):
            return _redundant()
        wrong = self._push.push_members(group_id, user_ids)
        return _verdict("Failure", "ReferencedObjectNotFound", wrong) if wrong else _success()

    def _arrived(self, group_id: str) -> set[str | None]:
        """Return the Entra ids of those who are in the group's counterpart already."""
        store_group = self._company.store_groups.get(self._company.scim_links[group_id])
        members = store_group.memberships.values() if store_group else ()
        users = self._company.store_users
        return {users[user_id].external_id for user_id in members if user_id in users}

    def _is_assigned(self, user_id: str) -> bool:
        """Whether a group assigned to the app has the user as a direct member; nested groups do not count."""
        groups = (self._company.entra_groups.get(group_id) for group_id in self._company.scim_links)
        return any(group is not None and user_id in group.members for group in groups)

    def _subject(self, ask: Ask) -> dict[str, Any]:
        """Return the only subject of a well-formed request. Raises GraphError 400 for any other."""
        parameters = ask.json().get("parameters")
        if not isinstance(parameters, list) or len(parameters) != 1 or not isinstance(parameters[0], dict):
            raise _malformed("exactly one entry is expected in 'parameters'")
        subjects = parameters[0].get("subjects")
        if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
            raise _malformed("exactly one entry is expected in 'subjects'")
        subject: dict[str, Any] = subjects[0]
        rules = {"User": self.user_rule_id, "Group": self.group_rule_id}
        kind = subject.get("objectTypeName")
        if kind not in rules:
            raise _malformed("'objectTypeName' must be User or Group")
        if parameters[0].get("ruleId") != rules[kind]:
            raise _malformed(f"the rule '{parameters[0].get('ruleId')}' does not export a {kind}")
        if len(_linked(subject)) > MOST_MEMBERS:
            raise _malformed(f"at most {MOST_MEMBERS} members can be provisioned on demand")
        return subject

    def _require_principal(self, ask: Ask) -> None:
        object_id = ask.path[1] if ask.path[1] == f"appId={APP_ID}" else require_guid(ask.path[1])
        if object_id not in {self._company.scim_app_id, f"appId={APP_ID}"}:
            raise not_present(object_id)

    def _require_job(self, ask: Ask) -> None:
        self._require_principal(ask)
        if ask.path[4] != self.job_id:
            raise GraphError(404, "ResourceNotFound", f"The job '{ask.path[4]}' was not found.")

    def _job(self) -> dict[str, Any]:
        return {
            "id": self.job_id,
            "templateId": "aWSSingleSignOn",
            "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
            "status": {"code": "Active", "countSuccessiveCompleteFailures": 0, "escrowsPruned": False},
        }

    def _told(self, verdict: dict[str, Any], object_id: str) -> str:
        """Return the second string of the answer: an empty object unless something was exported."""
        if verdict["result"] != "Success":
            return "{}"
        user = next((one for one in self._company.store_users.values() if one.external_id == object_id), None)
        target = user.user_id if user else self._company.scim_links.get(object_id, "")
        step = {
            "name": "EntryExport",
            "type": "export",
            "status": "success",
            "description": "",
            "details": {},
        }
        return json.dumps(
            {
                "action": "Create",
                "statusInfo": {"status": "success"},
                "provisioningSteps": [step],
                "sourceIdentity": {"id": object_id},
                "targetIdentity": {"id": target},
            }
        )

    def _named_id(self, name: str) -> str:
        return str(uuid.uuid5(uuid.UUID(self._company.scim_app_id), name))


def _linked(subject: dict[str, Any]) -> list[dict[str, Any]]:
    links = subject.get("links") or {}
    members = links.get("members", []) if isinstance(links, dict) else None
    if not isinstance(members, list) or not all(
        isinstance(one, dict) and one.get("objectTypeName") == "User" and isinstance(one.get("objectId"), str)
        for one in members
    ):
        raise _malformed("'links' must hold 'members' of type User")
    return members


def _chosen(ask: Ask, shown: dict[str, Any]) -> dict[str, Any]:
    names = [name.strip() for name in ask.query.get("$select", "").split(",") if name.strip()]
    return {name: shown[name] for name in names if name in shown} if names else shown


def _verdict(result: str, code: str = "", message: str = "") -> dict[str, Any]:
    return {"result": result, "details": {"errorCode": code, "errorMessage": message}}


def _success() -> dict[str, Any]:
    return _verdict("Success")


def _redundant() -> dict[str, Any]:
    return _verdict("Skipped", "RedundantExport", "The state of the entry in both systems already matches.")


def _not_entitled() -> dict[str, Any]:
    return _verdict(
        "Skipped", "NotEffectivelyEntitled", "The entry is not assigned to the application, or not active."
    )


def _malformed(why: str) -> GraphError:
    return GraphError(400, "BadRequest", f"The request is malformed: {why}.")
