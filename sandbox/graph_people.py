"""Users in Graph: by id, by user principal name, by filter, many at once, and which groups they are in."""

import time
from collections.abc import Iterable
from typing import Any, Final

from sandbox.company import DOMAIN, TENANT_ID, Company, EntraGroup, EntraUser
from sandbox.graph_objects import USER, asked_filter, counted, page, render, selected
from sandbox.graph_odata import Filter
from sandbox.graph_replication import Replication
from sandbox.graph_wire import Answer, Ask, GraphError, Route, is_guid, not_present, require_guid

MOST_IDS: Final = 1_000
MOST_GROUP_IDS: Final = 20
READ_USERS: Final = frozenset(
    {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
READ_GROUPS: Final = frozenset(
    {"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All"}
    | {"Directory.Read.All", "Directory.ReadWrite.All"}
)
READ_ORGANIZATION: Final = READ_USERS | READ_GROUPS | {"Organization.Read.All", "Organization.ReadWrite.All"}

_INDEXED = {"id", "mail", "userPrincipalName", "proxyAddresses"}
# Below this size every filter reads every user, so that a change made to the company is seen at once.
_INDEX_FROM_USERS = 2_000
_INDEX_SECONDS = 1.0


class People:
    """The routes about users."""

    def __init__(self, company: Company, replication: Replication) -> None:
        self._company = company
        self._replication = replication
        self._index: dict[tuple[str, str], list[EntraUser]] = {}
        self._indexed_at = float("-inf")
        self._indexed_users = 0

    def routes(self) -> list[Route]:
        """Return the routes, the literal ones before those with keys."""
        return [
            Route("GET", "/organization", self.organization, READ_ORGANIZATION),
            Route("GET", "/users", self.listing, READ_USERS, units=2),
            Route("GET", "/users/$count", self.count, READ_USERS, units=2),
            Route("GET", "/users/{id}", self.one, READ_USERS),
            Route("POST", "/users/{id}/checkMemberGroups", self.check_member_groups, READ_USERS, units=4),
            Route("POST", "/directoryObjects/getByIds", self.by_ids, READ_USERS, units=5),
        ]

    async def organization(self, ask: Ask) -> Answer:
        """Answer the tenant itself."""
        organization = {
            "id": TENANT_ID,
            "displayName": "Acme",
            "tenantType": "AAD",
            "verifiedDomains": [{"name": DOMAIN, "isDefault": True, "isInitial": False, "type": "Managed"}],
        }
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#organization", "value": [organization]})

    async def listing(self, ask: Ask) -> Answer:
        """Answer users, all or those that match the filter."""
        selected(ask, USER)
        found = self._matching(asked_filter(ask, USER))
        return page(ask, found, lambda user: render(ask, user), context=_context(ask, "users"))

    async def count(self, ask: Ask) -> Answer:
        """Answer how many users there are, or match the filter."""
        return counted(ask, self._matching(asked_filter(ask, USER)))

    async def one(self, ask: Ask) -> Answer:
        """Answer one user by object id or user principal name."""
        user = self.find(ask.path[1])
        if user is None:
            raise not_present(ask.path[1])
        ask.detail["user"] = user.id
        return Answer(
            200,
            {"@odata.context": f"{ask.base}/$metadata#{_context(ask, 'users')}/$entity"} | render(ask, user),
        )

    async def by_ids(self, ask: Ask) -> Answer:
        """Answer the objects of up to a thousand ids; those that are not there are left out silently."""
        body = ask.json()
        ids = _strings(body, "ids")
        types = body.get("types") or ["user", "group", "directoryObject"]
        if len(ids) > MOST_IDS:
            raise GraphError(
                400, "Request_BadRequest", f"Too many ids specified: {len(ids)}. The maximum is {MOST_IDS}."
            )
        wanted = dict.fromkeys(require_guid(object_id) for object_id in ids)
        ask.detail["ids"] = len(wanted)
        every = "directoryObject" in types
        users = [self._company.entra_users.get(key) for key in wanted] if every or "user" in types else []
        groups = [self._company.entra_groups.get(key) for key in wanted] if every or "group" in types else []
        found = [thing for thing in [*users, *groups] if thing and self._replication.is_visible(thing.id)]
        value = [render(ask, thing, typed=True) for thing in found]
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#directoryObjects", "value": value})

    async def check_member_groups(self, ask: Ask) -> Answer:
        """Answer which of up to twenty groups the user is in, also through groups within groups."""
        group_ids = [require_guid(group_id) for group_id in _strings(ask.json(), "groupIds")]
        if len(group_ids) > MOST_GROUP_IDS:
            raise GraphError(
                400,
                "Request_BadRequest",
                f"The number of groupIds in the request exceeds the maximum of {MOST_GROUP_IDS}.",
            )
        user = self.find(ask.path[1])
        if user is None:
            raise not_present(ask.path[1])
        ask.detail.update({"user": user.id, "groups": len(group_ids)})
        around = self._groups_around(user.id)
        value = [group_id for group_id in dict.fromkeys(group_ids) if group_id in around]
        return Answer(200, {"@odata.context": f"{ask.base}/$metadata#Collection(Edm.String)", "value": value})

    def find(self, key: str) -> EntraUser | None:
        """Return the user with this object id or user principal name, if a reader sees one."""
        if is_guid(key):
            user = self._company.entra_users.get(key.lower())
            return user if user and self._replication.is_visible(user.id) else None
        wanted = key.lower()
        named = Filter(
            lambda user: user.user_principal_name.lower() == wanted, (("userPrincipalName", wanted),)
        )
        return next(iter(self._matching(named)), None)

    def _matching(self, asked: Filter | None) -> Iterable[EntraUser]:
        users: Iterable[EntraUser] = self._company.entra_users.values()
        if asked:
            users = self._candidates(asked) or users
        return [
            user
            for user in users
            if (not asked or asked.matches(user)) and self._replication.is_visible(user.id)
        ]

    def _candidates(self, asked: Filter) -> list[EntraUser]:
        """Return the users a large company's index has for these values; empty: read them all."""
        count = len(self._company.entra_users)
        if (
            count < _INDEX_FROM_USERS
            or not asked.equals
            or any(name not in _INDEXED for name, _ in asked.equals)
        ):
            return []
        now = time.monotonic()
        if self._indexed_users != count or now - self._indexed_at > _INDEX_SECONDS:
            self._index = _index(self._company.entra_users.values())
            self._indexed_at, self._indexed_users = now, count
        found = {user.id: user for pair in asked.equals for user in self._index.get(pair, ())}
        return list(found.values())

    def _groups_around(self, object_id: str) -> set[str]:
        """Return the ids of the groups the object is in, directly or through others."""
        around: set[str] = set()
        inner = {object_id}
        while inner:
            outer = {
                group.id
                for group in self._company.entra_groups.values()
                if group.id not in around and any(self._replication.is_member(group, one) for one in inner)
            }
            around |= outer
            inner = outer
        return around


def members_of(company: Company, ids: Iterable[str]) -> list[EntraUser | EntraGroup]:
    """Return the objects with these ids, users and groups; those deleted meanwhile are left out."""
    found = (company.entra_users.get(one) or company.entra_groups.get(one) for one in ids)
    return [thing for thing in found if thing is not None]


def _index(users: Iterable[EntraUser]) -> dict[tuple[str, str], list[EntraUser]]:
    index: dict[tuple[str, str], list[EntraUser]] = {}
    for user in users:
        pairs = {("id", user.id), ("userPrincipalName", user.user_principal_name.lower())}
        pairs |= {("mail", user.mail.lower())} if user.mail else set()
        pairs |= {("proxyAddresses", address.lower()) for address in user.proxy_addresses}
        for pair in pairs:
            index.setdefault(pair, []).append(user)
    return index


def _strings(body: dict[str, Any], name: str) -> list[str]:
    found = body.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise GraphError(400, "Request_BadRequest", f"Expected non-empty property value for '{name}'.")
    return found


def _context(ask: Ask, name: str) -> str:
    return f"{name}({ask.query['$select']})" if "$select" in ask.query else name
