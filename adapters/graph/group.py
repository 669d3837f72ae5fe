"""An Entra group as a grant: the port `Access` for memberships in a group of the company's tenant.

    add     -> one: POST $ref; up to twenty: PATCH members@odata.bind, which adds all or none
            -> refused: drop whom the answer names, or whom the group has already, and send the rest
            -> still refused: one by one in a $batch, each for itself
    remove  -> DELETE …/$ref, several in a $batch; there is no bulk removal

A 204 is the truth; what is read a moment later may not show it yet. Writes to one group go one after another:
parallel ones are refused with 409.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import quote

from adapters.graph.client import (
    Ask,
    GraphClient,
    GraphError,
    Priority,
    Result,
    asking,
    chunks,
    is_last,
    literal,
    may_have_landed,
    values,
)
from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.correlation import only
from provisioning.errors import (
    DirectoryUnavailable,
    GroupMissing,
    GroupUnmanageable,
    Misconfigured,
    NotInDirectory,
    PermissionMissing,
    ProvisioningError,
    Unexpected,
)
from provisioning.events import EntraGroup
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person

MOST_BOUND: Final = 20  # members in one PATCH
MOST_ASKED: Final = 15  # ids in one filter
PAGE: Final = "999"
PREFLIGHT: Final = (
    "id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,membershipRule,"
    "onPremisesSyncEnabled"
)
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 400, 403, 404, 409
_REPLICATION_SECONDS = 5.0
_CONFLICT_SECONDS = 1.0

Outcomes = dict[PersonId, Outcome]


class GroupPaths:
    """The one place where the URLs of groups are made: only for groups of applied events (`allowed`)."""

    def __init__(self, allowed: Callable[[], frozenset[GroupId]]) -> None:
        self._allowed = allowed

    def of(self, group_id: GroupId, tail: str = "") -> str:
        """Return the path of a group, or of something below it (`tail` begins with a slash).

        Raises PermissionMissing for a group that no event of ours grants or names.
        """
        if group_id.lower() not in {one.lower() for one in self._allowed()}:
            raise PermissionMissing(group=group_id, operation="a group that belongs to no event")
        return f"/groups/{quote(group_id, safe='')}{tail}"

    def member(self, group_id: GroupId, person_id: PersonId) -> str:
        """Return the path of one membership. Without its `/$ref` a DELETE would delete the user."""
        return self.of(group_id, f"/members/{quote(person_id, safe='')}/$ref")


class EntraGroupAccess:
    """Memberships in Entra groups. Share one per process: it remembers how large the groups are."""

    batch = 100  # five PATCHes

    def __init__(
        self, client: GraphClient, allowed: Callable[[], frozenset[GroupId]], *, priority: Priority = "high"
    ) -> None:
        self._client = client
        self._paths = GroupPaths(allowed)
        self._priority: Priority = priority
        # Group -> pages of its members, as far as known: never more than there are.
        self._pages: dict[str, int] = {}
        self._ids_in_filter = MOST_ASKED  # 1 once Graph has refused several

    def presence(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        if not people:
            return {}
        ids = _ids(people)
        try:
            filters = -(-len(ids) // self._ids_in_filter)
            members = self._list(grant.group_id, filters)
            found = self._search(grant.group_id, ids) if members is None else members
        except (GraphError, ProvisioningError) as error:
            return dict.fromkeys((one.id for one in people), Failed(self._meaning(error, grant)))
        return {one.id: Present() if one.id.lower() in found else Absent() for one in people}

    def confirm(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self.presence(grant, people)

    def check(self, grant: EntraGroup) -> None:
        try:
            group = self._client.get(
                asking(self._paths.of(grant.group_id), select=PREFLIGHT), priority=self._priority
            )
        except GraphError as error:
            if error.status == _NOT_FOUND or error.says("invalid object identifier"):
                raise GroupMissing(group=grant.group_id) from error
            raise error.unexpected() from error
        if (reason := unmanageable(group)) is not None:
            raise GroupUnmanageable(
                group=grant.group_id, name=str(group.get("displayName") or ""), reason=reason
            )

    def _list(self, group_id: GroupId, most: int) -> frozenset[str] | None:
        """Return all members when they are known or found to fit on so many pages, else None.

        A group whose size is unknown is listed only where that may save requests.
        """
        known = self._pages.get(group_id.lower())
        if (known or 2) > most:
            return None
        members: set[str] = set()
        path = asking(self._paths.of(group_id, "/members/microsoft.graph.user"), select="id", top=PAGE)
        for number, page in enumerate(self._client.pages(path, priority=self._priority), 1):
            self._pages[group_id.lower()] = number if is_last(page) else number + 1
            if self._pages[group_id.lower()] > most:
                return None
            members.update(str(one.get("id", "")).lower() for one in values(page))
        return frozenset(members)

    def _search(self, group_id: GroupId, ids: Sequence[str]) -> frozenset[str]:
        """Return who of these is a member, asked for by filter."""
        members: set[str] = set()
        for some in chunks(ids, self._ids_in_filter):
            try:
                found = self._asked(group_id, some)
            except GraphError as error:
                if len(some) == 1 or error.status != _BAD_REQUEST:
                    raise
                self._ids_in_filter = 1
                members |= self._search(group_id, some)
            else:
                members |= found
        return frozenset(members)

    def _asked(self, group_id: GroupId, ids: Sequence[str]) -> set[str]:
        named = ", ".join(literal(one) for one in ids)
        text = f"id eq {named}" if len(ids) == 1 else f"id in ({named})"
        path = asking(self._paths.of(group_id, "/members"), filter=text, select="id", count="true")
        pages = self._client.pages(path, priority=self._priority, advanced=True)
        return {str(one.get("id", "")).lower() for page in pages for one in values(page)}

    def add(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self._in_turn(grant, people, self._add_some)

    def _add_some(self, grant: EntraGroup, people: Sequence[Person]) -> Outcomes:
        """Add up to twenty people, leaving out whom Graph refuses until it takes the rest."""
        outcomes: Outcomes = {}
        rest = list(people)
        have_read = False
        while len(rest) > 1:
            result = self._send([self._binding(grant, rest)])[0]
            if isinstance(result, dict):
                return outcomes | {one.id: Present() for one in rest}
            verdict = judge_add(result, grant.group_id, _ids(rest))
            if verdict is Verdict.REFUSED:
                return outcomes | _all_failed(rest, self._meaning(result, grant))
            decided: Outcomes = {}
            if isinstance(verdict, str):
                decided = {one.id: Failed(NotInDirectory()) for one in rest if one.id.lower() == verdict}
            elif verdict is not Verdict.DOUBTFUL and not have_read:
                have_read = True
                found = self.presence(grant, rest)
                decided = {one: outcome for one, outcome in found.items() if isinstance(outcome, Present)}
            if not decided:
                break
            outcomes |= decided
            rest = [one for one in rest if one.id not in decided]
        return outcomes | self._add_each(grant, rest)

    def _binding(self, grant: EntraGroup, people: Sequence[Person]) -> Ask:
        references = [f"{self._client.base_url}/directoryObjects/{quote(one.id, safe='')}" for one in people]
        if len(references) == 1:
            return Ask("POST", self._paths.of(grant.group_id, "/members/$ref"), {"@odata.id": references[0]})
        return Ask("PATCH", self._paths.of(grant.group_id), {"members@odata.bind": references})

    def _add_each(self, grant: EntraGroup, people: Sequence[Person]) -> Outcomes:
        """Add each for themselves, so that nobody stands in another's way."""
        results = self._send([self._binding(grant, [one]) for one in people])
        return {one.id: self._added(result, grant, one) for one, result in zip(people, results, strict=True)}

    def _added(self, result: Result, grant: EntraGroup, person: Person) -> Outcome:
        if isinstance(result, dict):
            return Present()
        if isinstance(result, GraphError):
            verdict = judge_add(result, grant.group_id, _ids([person]))
            if verdict is Verdict.MEMBER:
                return Present()
            if isinstance(verdict, str):
                return Failed(NotInDirectory())
        return _failed(self._meaning(result, grant))

    def remove(self, grant: EntraGroup, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        return self._in_turn(grant, people, self._remove_some)

    def _remove_some(self, grant: EntraGroup, people: Sequence[Person]) -> Outcomes:
        results = self._send([Ask("DELETE", self._paths.member(grant.group_id, one.id)) for one in people])
        return {one.id: self._removed(result, grant) for one, result in zip(people, results, strict=True)}

    def _removed(self, result: Result, grant: EntraGroup) -> Outcome:
        if isinstance(result, dict) or (
            isinstance(result, GraphError) and was_absent(result, grant.group_id)
        ):
            return Absent()
        return _failed(self._meaning(result, grant))

    def _in_turn(
        self,
        grant: EntraGroup,
        people: Sequence[Person],
        change: Callable[[EntraGroup, Sequence[Person]], Outcomes],
    ) -> Outcomes:
        """Change twenty at a time; what stands in everybody's way ends it, and the rest is not sent."""
        outcomes: Outcomes = {}
        each = list({one.id.lower(): one for one in people}.values())
        some: Sequence[Person]
        stop: ProvisioningError | None = None
        for some in chunks(each, MOST_BOUND):
            if stop is not None:
                outcomes |= {one.id: Failed(stop) for one in some}
                continue
            try:
                with only(one.id for one in some):
                    outcomes |= change(grant, some)
            except ProvisioningError as error:
                outcomes |= _all_failed(some, error)
            stop = _stop([outcomes[one.id] for one in some])
        by_fold = {one.lower(): outcome for one, outcome in outcomes.items()}
        return {one.id: by_fold[one.id.lower()] for one in people}

    def _send(self, asks: Sequence[Ask]) -> list[Result]:
        """Send one by itself, several in a batch; what befalls the batch befalls each of them."""
        try:
            if len(asks) == 1:
                return [self._client.send(asks[0], priority=self._priority)]
            return self._client.batch(asks, priority=self._priority) if asks else []
        except (GraphError, ProvisioningError) as error:
            return [error] * len(asks)

    def _meaning(self, error: GraphError | ProvisioningError, grant: EntraGroup) -> ProvisioningError:
        """Return what a refusal means for everybody it concerns."""
        if isinstance(error, PermissionMissing) and "group" not in error.facts:
            return self._why_forbidden(error, grant)
        if isinstance(error, ProvisioningError):
            return error
        if is_missing(error) or error.says(f"invalid object identifier '{grant.group_id}'"):
            return GroupMissing(group=grant.group_id)
        if error.status == _CONFLICT:
            return DirectoryUnavailable(_CONFLICT_SECONDS)
        if error.says("one of the objects being referenced do not exist"):
            return DirectoryUnavailable(_REPLICATION_SECONDS)
        if error.code == "Directory_QuotaExceeded":
            return GroupUnmanageable(group=grant.group_id, reason="full")
        if error.says("mail-enabled"):
            return GroupUnmanageable(group=grant.group_id, reason="mail-enabled")
        if error.says("on-premises mastered"):
            return GroupUnmanageable(group=grant.group_id, reason="on-premises")
        if error.status == _FORBIDDEN or error.says("insufficient privileges"):
            return self._why_forbidden(
                PermissionMissing(operation="members", request_id=error.request_id), grant
            )
        return error.unexpected()

    def _why_forbidden(self, error: PermissionMissing, grant: EntraGroup) -> ProvisioningError:
        """Tell a missing permission from a group nobody may manage through Graph: the refusal is the same."""
        try:
            self.check(grant)
        except (GroupMissing, GroupUnmanageable) as better:
            return better
        except ProvisioningError:
            pass
        return PermissionMissing(group=grant.group_id, **error.facts)


class Verdict(Enum):
    """What a refused add tells of the people in it."""

    MEMBER = auto()  # at least one is a member already
    FULL = auto()  # too many, perhaps only because members were counted once more
    DOUBTFUL = auto()  # no word for it: perhaps one person's
    REFUSED = auto()  # concerns them all


def judge_add(error: GraphError | ProvisioningError, group_id: str, ids: Sequence[str]) -> Verdict | str:
    """Return what a refused add means, or which of the (lower-case) `ids` is a person who does not exist."""
    if isinstance(error, ProvisioningError):
        return Verdict.REFUSED
    if is_missing(error):
        named = {one.lower() for one in _GUID.findall(error.message)} - {group_id.lower()}
        return next((one for one in ids if one in named), Verdict.REFUSED)
    if error.says("already exist"):
        return Verdict.MEMBER
    if error.code == "Directory_QuotaExceeded":
        return Verdict.FULL
    known = (
        "one of the objects being referenced do not exist",
        "mail-enabled",
        "on-premises mastered",
        "insufficient privileges",
    )
    if error.status == _BAD_REQUEST and not any(error.says(text) for text in known):
        return Verdict.DOUBTFUL
    return Verdict.REFUSED


def was_absent(error: GraphError, group_id: str) -> bool:
    """Whether a refused removal means that there was no such membership."""
    if is_missing(error):
        return group_id.lower() not in error.message.lower()
    return error.says("removed object references do not exist")


def is_missing(error: GraphError) -> bool:
    """Whether Graph says that an object is not there; which one, only the id in the message tells."""
    return error.status == _NOT_FOUND and error.says("does not exist")


def unmanageable(group: Mapping[str, Any]) -> str | None:
    """Return why the members of this group cannot be changed through Graph by us, or None.

    Source: learn.microsoft.com, "Authorization_RequestDenied when adding a user to a group".
    """
    types = group.get("groupTypes") or ()
    if "DynamicMembership" in types or group.get("membershipRule"):
        return "dynamic"
    if group.get("mailEnabled") and "Unified" not in types:
        return "mail-enabled"
    if group.get("isAssignableToRole"):
        return "role-assignable"
    return "on-premises" if group.get("onPremisesSyncEnabled") else None


def _stop(outcomes: Sequence[Outcome]) -> ProvisioningError | None:
    """Return the error after which nothing more is sent: one that does not concern a single person.

    What nobody has a word for may be one person's; it ends the call only when it befell everybody.
    """
    errors = [one.error for one in outcomes if isinstance(one, Failed)]
    for error in errors:
        if isinstance(error, DirectoryUnavailable | Misconfigured) and not isinstance(error, Unexpected):
            return error
    is_general = len(errors) == len(outcomes) and all(isinstance(error, Unexpected) for error in errors)
    return errors[0] if is_general else None


def _ids(people: Sequence[Person]) -> list[str]:
    return list(dict.fromkeys(one.id.lower() for one in people))


def _failed(error: ProvisioningError) -> Failed:
    return Failed(error, may_have_landed(error))


def _all_failed(people: Iterable[Person], error: ProvisioningError) -> Outcomes:
    return {one.id: _failed(error) for one in people}
