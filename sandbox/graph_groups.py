"""Groups in Graph and their members: reading them, adding one (`$ref`) or up to twenty (`@odata.bind`),
removing one.

A write takes `write_seconds`; then all its checks and its effect happen in one go. A second write to the same
group meanwhile is refused with 409, as the real service does now and then. Sources: learn.microsoft.com, "Add
members", "Remove member", "List group members"; messages as recorded by public clients.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sandbox.company import Company, EntraGroup, EntraUser
from sandbox.graph_objects import GROUP, asked_filter, counted, page, render, selected
from sandbox.graph_odata import Kind
from sandbox.graph_people import READ_GROUPS, members_of
from sandbox.graph_replication import Replication
from sandbox.graph_switches import Switches
from sandbox.graph_wire import Answer, Ask, GraphError, Route, not_present, require_guid

MOST_LINKS: Final = 20
WRITE_MEMBERS: Final = frozenset(
    {"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
)
DELETE_USERS: Final = frozenset({"User.ReadWrite.All"})

_BIND = "members@odata.bind"
_USER_CAST = "microsoft.graph.user"
_REFERENCE = re.compile(r"/(?:v1\.0|beta)/(?:directoryObjects|users)/([^/]+)\Z")
_MEMBER_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "id": lambda thing: thing.id,
    "displayName": lambda thing: thing.display_name,
    "mail": lambda thing: getattr(thing, "mail", None),
    "userPrincipalName": lambda thing: getattr(thing, "user_principal_name", None),
    "accountEnabled": lambda thing: getattr(thing, "account_enabled", None),
    "userType": lambda thing: getattr(thing, "user_type", None),
}
# Members may be filtered by id as they are, by anything else only with the advanced query capabilities.
_MEMBER = Kind(
    "DirectoryObject",
    _MEMBER_PROPERTIES,
    frozenset(_MEMBER_PROPERTIES),
    frozenset(_MEMBER_PROPERTIES) - {"id"},
)


class Groups:
    """The routes about groups and their members."""

    def __init__(self, company: Company, replication: Replication, switches: Switches) -> None:
        self._company = company
        self._replication = replication
        self._switches = switches
        self._writing: set[str] = set()  # ids of the groups a write is under way to

    def routes(self) -> list[Route]:
        """Return the routes, the literal ones before those with keys."""
        listing, counting = "GET /groups/{id}/members", "GET /groups/{id}/members/$count"
        cast = f"/groups/{{id}}/members/{_USER_CAST}"
        return [
            Route("GET", "/groups", self.listing, READ_GROUPS),
            Route("GET", "/groups/{id}", self.one, READ_GROUPS),
            Route("PATCH", "/groups/{id}", self.bind, WRITE_MEMBERS, writes=self._bind_cost),
            Route("GET", "/groups/{id}/members", self.members, READ_GROUPS, units=3, operation=listing),
            Route("GET", cast, self.members, READ_GROUPS, units=3, operation=listing),
            Route(
                "GET",
                "/groups/{id}/members/$count",
                self.member_count,
                READ_GROUPS,
                units=3,
                operation=counting,
            ),
            Route("GET", f"{cast}/$count", self.member_count, READ_GROUPS, units=3, operation=counting),
            Route("POST", "/groups/{id}/members/$ref", self.add, WRITE_MEMBERS, writes=_one_write),
            Route(
                "PATCH", "/groups/{id}/members/$ref", self.patch_references, WRITE_MEMBERS, writes=_one_write
            ),
            Route("DELETE", "/groups/{id}/members/{id}/$ref", self.remove, WRITE_MEMBERS, writes=_one_write),
            Route(
                "DELETE",
                "/groups/{id}/members/{id}",
                self.delete_member_object,
                DELETE_USERS,
                writes=_one_write,
            ),
        ]

    async def listing(self, ask: Ask) -> Answer:
        """Answer groups, all or those that match the filter."""
        selected(ask, GROUP)
        asked = asked_filter(ask, GROUP)
        groups = [
            group
            for group in self._company.entra_groups.values()
            if self._replication.is_visible(group.id) and (asked is None or asked.matches(group))
        ]
        return page(ask, groups, lambda group: render(ask, group), context="groups")

    async def one(self, ask: Ask) -> Answer:
        """Answer one group."""
        group = self._seen(ask)
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#groups/$entity"} | render(ask, group))

    async def members(self, ask: Ask) -> Answer:
        """Answer the direct members as readers see them: of every kind, or with the cast only users."""
        found = self._members(ask)
        typed = _USER_CAST not in ask.path
        context = "directoryObjects" if typed else "users"
        usual = self._switches.member_page_size
        return page(ask, found, lambda thing: render(ask, thing, typed=typed), context=context, usual=usual)

    async def member_count(self, ask: Ask) -> Answer:
        """Answer the number of direct members as readers see it."""
        return counted(ask, self._members(ask))

    async def add(self, ask: Ask) -> Answer:
        """Add one member."""
        reference = ask.json().get("@odata.id")
        return await self._write(ask, lambda group: self._join(group, [_referred(ask, reference)]), members=1)

    async def bind(self, ask: Ask) -> Answer:
        """Add up to twenty members, all or none."""
        body = ask.json()
        references = body.get(_BIND)
        if not body:
            raise GraphError(400, "Request_BadRequest", "Empty Payload. JSON content expected.")
        if set(body) != {_BIND}:
            # Every other property of a group needs more than the right to its members.
            raise _denied()
        if not isinstance(references, list):
            raise GraphError(
                400,
                "Request_BadRequest",
                f"Invalid value specified for property '{_BIND}' of resource 'Group'.",
            )
        if len(references) > MOST_LINKS:
            raise GraphError(
                400, "Request_BadRequest", f"A resource cannot contain more than {MOST_LINKS} link changes."
            )
        return await self._write(
            ask,
            lambda group: self._join(group, [_referred(ask, one) for one in references]),
            members=len(references),
        )

    async def patch_references(self, _: Ask) -> Answer:
        """Refuse a way of adding that looks right and does not exist."""
        raise GraphError(
            400,
            "Request_BadRequest",
            "The request to update a resource reference is not supported on the targeted entity set.",
        )

    async def remove(self, ask: Ask) -> Answer:
        """Remove one member."""
        return await self._write(ask, lambda group: self._leave(group, require_guid(ask.path[3])), members=1)

    async def delete_member_object(self, ask: Ask) -> Answer:
        """Delete the user: what a forgotten `/$ref` does when the app may delete users."""
        user_id = require_guid(ask.path[3])
        if self._company.entra_users.pop(user_id, None) is None:
            raise not_present(user_id)
        for group in self._company.entra_groups.values():
            group.members.pop(user_id, None)
        return Answer(204)

    async def _write(self, ask: Ask, change: Callable[[EntraGroup], None], *, members: int) -> Answer:
        group_id = require_guid(ask.path[1])
        ask.detail.update({"group": group_id, "members": members})
        if group_id in self._writing:
            raise GraphError(
                409,
                "Directory_ConcurrencyViolation",
                "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
            )
        self._writing.add(group_id)
        try:
            await asyncio.sleep(self._switches.write_seconds)
            change(self._writable(group_id))
        finally:
            self._writing.discard(group_id)
        return Answer(204)

    def _writable(self, group_id: str) -> EntraGroup:
        group = self._company.entra_groups.get(group_id)
        if group is None:
            raise not_present(group_id)
        if not self._replication.is_visible(group_id):
            raise GraphError(
                400,
                "Request_BadRequest",
                "The source resource object or one of the objects being referenced do not exist.",
            )
        self._refuse_unmanaged(group)
        return group

    def _refuse_unmanaged(self, group: EntraGroup) -> None:
        if group.on_premises_sync_enabled:
            raise GraphError(
                400,
                "Request_BadRequest",
                "Unable to update the specified properties for on-premises mastered Directory Sync"
                " objects or objects"
                " currently undergoing migration.",
            )
        if group.is_assignable_to_role:
            raise _denied()
        is_mail = group.mail_enabled and "Unified" not in group.group_types
        if not is_mail and "DynamicMembership" not in group.group_types:
            return
        if self._switches.unmanaged_status == 400:  # noqa: PLR2004 - the switch is an HTTP status
            raise GraphError(
                400,
                "Request_BadRequest",
                "Cannot Update a mail-enabled security groups and or distribution list."
                if is_mail
                else "Insufficient privileges to complete the operation.",
            )
        raise _denied()

    def _join(self, group: EntraGroup, ids: list[str]) -> None:
        if len(set(ids)) < len(ids):
            raise GraphError(
                400,
                "Request_BadRequest",
                "A reference in property 'members' can only be present once as an add/remove change.",
            )
        for object_id in ids:
            known = object_id in self._company.entra_users or object_id in self._company.entra_groups
            if not known or not self._replication.is_visible(object_id):
                raise not_present(object_id)
        quota, wanted = self._switches.link_quota, len(group.members) + len(ids)
        if quota is not None and wanted > quota:
            raise GraphError(
                403,
                "Directory_QuotaExceeded",
                f"Unable to perform operation as '{wanted}' would exceed the maximum quota count"
                f" '{quota}' for"
                " forward-link members.",
            )
        if any(object_id in group.members for object_id in ids):
            raise GraphError(
                400,
                "Request_BadRequest",
                "One or more added object references already exist for the following modified"
                " properties: 'members'.",
            )
        now = self._company.clock.now()
        self._replication.wrote(group.id, ids, was_member=False)
        group.members.update(dict.fromkeys(ids, now))

    def _leave(self, group: EntraGroup, object_id: str) -> None:
        if object_id in group.members:
            self._replication.wrote(group.id, [object_id], was_member=True)
            del group.members[object_id]
        elif self._switches.absent_member_status == 400:  # noqa: PLR2004 - the switch is an HTTP status
            raise GraphError(
                400,
                "Request_BadRequest",
                "One or more removed object references do not exist for the following modified"
                " properties: 'members'.",
            )
        else:
            raise not_present(object_id)

    def _seen(self, ask: Ask) -> EntraGroup:
        group_id = require_guid(ask.path[1])
        ask.detail["group"] = group_id
        group = self._company.entra_groups.get(group_id)
        if group is None or not self._replication.is_visible(group_id):
            raise not_present(group_id)
        return group

    def _members(self, ask: Ask) -> Iterable[EntraUser | EntraGroup]:
        group = self._seen(ask)
        asked = asked_filter(ask, _MEMBER)
        ids: Iterable[str] = self._replication.members(group)
        if asked and asked.equals and all(name == "id" for name, _ in asked.equals):
            ids = [one for _, one in asked.equals if self._replication.is_member(group, one)]
        return [
            thing
            for thing in members_of(self._company, ids)
            if (asked is None or asked.matches(thing))
            and (_USER_CAST not in ask.path or isinstance(thing, EntraUser))
        ]

    def _bind_cost(self, ask: Ask) -> float:
        try:
            references = ask.json().get(_BIND)
        except GraphError:
            return 1.0
        return (
            max(1.0, self._switches.bind_write_cost(len(references))) if isinstance(references, list) else 1.0
        )


def _referred(ask: Ask, reference: object) -> str:
    """Return the object id a reference names. Raises GraphError 400 when it is not one of this service's."""
    url = urlsplit(reference if isinstance(reference, str) else "")
    match = _REFERENCE.search(url.path)
    if match is None or url.netloc not in {urlsplit(ask.base).netloc, "graph.microsoft.com"}:
        raise GraphError(400, "Request_BadRequest", "Invalid URL format specified in payload.")
    return require_guid(unquote(match[1]))


def _denied() -> GraphError:
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def _one_write(_: Ask) -> float:
    return 1.0
