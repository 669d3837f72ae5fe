"""Provisioning on demand: Entra brings a person into the identity store now, not in the next SCIM cycle.

    grant -> enterprise app (named, or found by the feeding group) -> its job and user rule -> one user a call

An enterprise app takes five requests in ten seconds. Only the user is pushed: the bot writes the membership.
Source: learn.microsoft.com, "synchronizationJob: provisionOnDemand".
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

from adapters.graph.client import Ask, GraphClient, GraphError, values
from adapters.graph.group import GroupPaths
from provisioning.brake import Brake
from provisioning.errors import Misconfigured, ProvisioningError
from provisioning.events import IdentityCenterGroup
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person

BUDGET: Final = 5  # requests
WINDOW: Final = timedelta(seconds=10)  # in which an enterprise app takes them
REMEMBERED: Final = timedelta(hours=1)  # an app and its job
LOOKED_AGAIN: Final = timedelta(minutes=5)  # when there was none
PATIENCE: Final = timedelta(seconds=2)  # after which no other push is begun in the same call
ANSWER_SECONDS: Final = 15.0  # a push does its work before it answers; well within the lease of the worker
# A skipped push whose reason is this one brought nobody: the person is not assigned to the app.
_NOT_ASSIGNED = "NotEffectivelyEntitled"
_IN_STEP = "RedundantExport"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    """The synchronization job of an enterprise app, and its rule for users."""

    app_id: str
    job_id: str
    rule_id: str
    template: str

    @property
    def path(self) -> str:
        return f"{_jobs_of(self.app_id)}/{quote(self.job_id, safe='')}/provisionOnDemand"

    @property
    def is_for_aws(self) -> bool:
        return self.template.lower().startswith("aws")


class ScimPush:
    """The port `Push`. `feeder` tells which Entra group feeds an Identity Center group, if any is known.

    Needs the Graph permission `Synchronization.ReadWrite.All`, or to own the enterprise app with
    `Application.ReadWrite.OwnedBy`; to find the app of a grant that names none, also `Directory.Read.All`.
    """

    def __init__(
        self,
        client: GraphClient,
        feeder: Callable[[IdentityCenterGroup], GroupId | None],
        allowed: Callable[[], frozenset[GroupId]],
    ) -> None:
        self._client = client
        self._feeder = feeder
        self._paths = GroupPaths(allowed)
        self._jobs: dict[str, tuple[_Job | None, datetime]] = {}  # what was found, and until when it counts
        self._sent: dict[str, deque[datetime]] = {}
        self._lock = Lock()

    def push(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, bool]:
        pushed: dict[PersonId, bool] = {}
        until = self._client.clock.now() + PATIENCE
        try:
            job = self._job_for(grant) if people else None
            for person in people:
                if job is None or self._client.clock.now() > until or not self._spend(job.app_id):
                    break
                pushed[person.id] = False
                pushed[person.id] = self._push_one(job, person)
        except (GraphError, ProvisioningError) as error:
            _tell("no push", error=type(error).__name__, status=getattr(error, "status", None))
        return pushed

    def _push_one(self, job: _Job, person: Person) -> bool:
        subject = {"objectId": person.id, "objectTypeName": "User"}
        body = {"parameters": [{"ruleId": job.rule_id, "subjects": [subject]}]}
        try:
            answer = self._client.send(
                Ask("POST", job.path, body, lane=_brake_name(job.app_id), seconds=ANSWER_SECONDS)
            )
        except GraphError as error:
            self._jobs.clear()  # the job may have been made anew: it is looked for again
            _tell("push refused", status=error.status, code=error.code)
            return False
        result, reason = verdict(answer)
        _tell("pushed", result=result, reason=reason)
        return result == "Success" or (result == "Skipped" and reason != _NOT_ASSIGNED) or reason == _IN_STEP

    def _spend(self, app_id: str) -> bool:
        """Take one request from the app's budget, shared with other processes through the brake."""
        brake, now = _brake_name(app_id), self._client.clock.now()
        with self._lock:
            sent = self._sent.setdefault(app_id, deque())
            while sent and sent[0] <= now - WINDOW:
                sent.popleft()
            if len(sent) >= BUDGET or self._client.brakes.wait(brake) > 0:
                return False
            sent.append(now)
            if len(sent) == BUDGET:
                self._client.brakes.hold(Brake(brake, sent[0] + WINDOW))
            return True

    def _job_for(self, grant: IdentityCenterGroup) -> _Job | None:
        key, now = grant.scim_app_id or grant.target, self._client.clock.now()
        if key in self._jobs and now < self._jobs[key][1]:
            return self._jobs[key][0]
        try:
            apps = self._apps_for(grant)
        except (GraphError, Misconfigured) as error:
            _tell("no apps", error=type(error).__name__, status=getattr(error, "status", None))
            apps = []
        jobs = [job for app_id in apps if (job := self._job_of(app_id)) is not None]
        # A group may feed other apps as well; nobody is to be brought into those.
        likely = [job for job in jobs if job.is_for_aws] or jobs
        found = likely[0] if len(likely) == 1 else None
        if found is None:
            _tell("no push", error="not exactly one enterprise app feeds this group", apps=len(likely))
        self._jobs[key] = found, now + (REMEMBERED if found else LOOKED_AGAIN)
        return found

    def _apps_for(self, grant: IdentityCenterGroup) -> list[str]:
        """Return the enterprise app the grant names, or those its feeding Entra group is assigned to."""
        if grant.scim_app_id:
            return [grant.scim_app_id]
        feeder = self._feeder(grant)
        if feeder is None:
            return []
        assignments = self._all(self._paths.of(feeder, "/appRoleAssignments"))
        return list(dict.fromkeys(str(one["resourceId"]) for one in assignments if one.get("resourceId")))

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        for page in self._client.pages(path, priority="normal"):
            yield from values(page)

    def _job_of(self, app_id: str) -> _Job | None:
        """Return the app's job that exports users; None as well for an app that is kept from us."""
        try:
            for job in self._all(_jobs_of(app_id)):
                path = f"{_jobs_of(app_id)}/{quote(str(job['id']), safe='')}/schema"
                if (rule_id := user_rule(self._client.get(path, priority="normal"))) is not None:
                    return _Job(app_id, str(job["id"]), rule_id, str(job.get("templateId") or job["id"]))
        except (GraphError, Misconfigured) as error:
            _tell("no job", error=type(error).__name__, status=getattr(error, "status", None))
        return None


def user_rule(schema: Mapping[str, Any]) -> str | None:
    """Return the id of the synchronization rule that exports users, or None."""
    for rule in schema.get("synchronizationRules") or ():
        mappings = rule.get("objectMappings") or ()
        if any(
            str(one.get("sourceObjectName")).lower() == "user" and one.get("enabled", True)
            for one in mappings
        ):
            return str(rule["id"])
    return None


def verdict(answer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the result of a push and its reason, from the JSON in the string `key`; "" when unreadable."""
    try:
        told = json.loads(answer.get("key") or "{}")
    except (TypeError, ValueError):
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    details = told.get("details")
    reason = details.get("errorCode") if isinstance(details, dict) else None
    return str(told.get("result") or ""), str(reason or "")


def _jobs_of(app_id: str) -> str:
    return f"/servicePrincipals/{quote(app_id, safe='')}/synchronization/jobs"


def _brake_name(app_id: str) -> str:
    return f"provision-on-demand:{app_id}"


def _tell(what: str, **facts: object) -> None:
    log.info(what, extra={"action": "push", **facts})
