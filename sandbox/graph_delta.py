"""Delta queries over groups and their members: everything at first, then only what changed since the last
link.

A link lives seven days of the company's clock; later the answer is 400 `syncStateNotFound` and a caller
starts anew. Source: learn.microsoft.com, "Get incremental changes for groups".
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.company import Company
from sandbox.graph_objects import GROUP, GROUP_DEFAULT
from sandbox.graph_odata import parse
from sandbox.graph_people import READ_GROUPS, members_of
from sandbox.graph_replication import Replication
from sandbox.graph_switches import Switches
from sandbox.graph_wire import Answer, Ask, GraphError, Route

MOST_FILTERED: Final = 50
_DAY_SECONDS = 86_400.0
_ID_CLAUSE = re.compile(r"\s*id\s+eq\s+'([^']*)'\s*\Z")

Snapshot = Mapping[str, frozenset[str]]  # group id -> member ids as readers saw them


@dataclass(frozen=True, slots=True)
class _Query:
    group_ids: frozenset[str] | None  # None: all groups
    properties: tuple[str, ...]
    with_members: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What a token stands for: the query, what its caller knows after it, and the rows not yet shown."""

    query: _Query
    snapshot: Snapshot
    made_at: float
    rows: tuple[dict[str, Any], ...] = ()


class Delta:
    """The route of delta queries, and what its tokens stand for."""

    def __init__(self, company: Company, replication: Replication, switches: Switches) -> None:
        self._company = company
        self._replication = replication
        self._switches = switches
        self._states: dict[str, _State] = {}

    def routes(self) -> list[Route]:
        """Return the route; it stands before `/groups/{id}`."""
        return [Route("GET", "/groups/delta", self.changes, READ_GROUPS)]

    async def changes(self, ask: Ask) -> Answer:
        """Answer one page of changes, with a link to the next page or to the next round."""
        if "$skiptoken" in ask.query:
            state = self._known(ask.query["$skiptoken"])
        elif ask.query.get("$deltatoken", "latest") != "latest":
            state = self._round(self._known(ask.query["$deltatoken"]))
        else:
            query = _read_query(ask)
            state = self._round(_State(query, {}, self._company.clock.now()))
            if "$deltatoken" in ask.query:
                state = _State(query, state.snapshot, state.made_at)
        return self._page(ask, state)

    def _round(self, known: _State) -> _State:
        """Compare what the caller knows with what readers see now."""
        seen = self._snapshot(known.query, known.snapshot)
        rows: list[dict[str, Any]] = []
        for group_id, members in seen.items():
            before = known.snapshot.get(group_id)
            if before == members:
                continue
            rows += self._rows(known.query, group_id, members, before)
        rows += [
            {"id": group_id, "@removed": {"reason": "deleted"}}
            for group_id in known.snapshot
            if group_id not in seen
        ]
        return _State(known.query, seen, self._company.clock.now(), tuple(rows))

    def _snapshot(self, query: _Query, before: Snapshot) -> Snapshot:
        found: dict[str, frozenset[str]] = {}
        for group in self._company.entra_groups.values():
            if query.group_ids is not None and group.id not in query.group_ids:
                continue
            if not self._replication.is_visible(group.id):
                continue
            ids = self._replication.members(group) if query.with_members else ()
            members = frozenset(thing.id for thing in members_of(self._company, ids))
            # An unchanged set is kept as it is: tokens are many, and the groups large.
            found[group.id] = before[group.id] if before.get(group.id) == members else members
        return found

    def _rows(
        self, query: _Query, group_id: str, members: frozenset[str], before: frozenset[str] | None
    ) -> list[dict[str, Any]]:
        """Return a group's changes, cut into rows that fit a page; only the first has the properties."""
        group = self._company.entra_groups[group_id]
        head = {"id": group_id} | {name: GROUP.properties[name](group) for name in query.properties}
        if not query.with_members:
            return [head]
        known = before or frozenset()
        kinds = {thing.id: type(thing).__name__ for thing in members_of(self._company, members - known)}
        changes: list[dict[str, Any]] = [
            {"@odata.type": f"#microsoft.graph.{'user' if kind == 'EntraUser' else 'group'}", "id": one}
            for one, kind in sorted(kinds.items())
        ]
        changes += [
            {"@odata.type": "#microsoft.graph.user", "id": one, "@removed": {"reason": "deleted"}}
            for one in sorted(known - members)
        ]
        size = self._switches.delta_page_size
        pieces = [changes[start : start + size] for start in range(0, len(changes), size)]
        if not pieces:
            return [head]
        return [
            (head if number == 0 else {"id": group_id}) | {"members@delta": piece}
            for number, piece in enumerate(pieces)
        ]

    def _page(self, ask: Ask, state: _State) -> Answer:
        value: list[dict[str, Any]] = []
        room = self._switches.delta_page_size
        rest = list(state.rows)
        while rest and room > 0:
            size = max(1, len(rest[0].get("members@delta", ())))
            if value and size > room:
                break
            room -= size
            value.append(rest.pop(0))
        token = secrets.token_urlsafe(24)
        self._states[token] = _State(state.query, state.snapshot, state.made_at, tuple(rest))
        link, name = ("@odata.nextLink", "$skiptoken") if rest else ("@odata.deltaLink", "$deltatoken")
        body = {
            "@odata.context": f"{ask.base}/$metadata#groups",
            link: f"{ask.base}/groups/delta?{name}={token}",
        }
        return Answer(200, body | {"value": value})

    def _known(self, token: str) -> _State:
        state = self._states.get(token)
        if state is None:
            raise GraphError(400, "Request_BadRequest", "Badly formed token.")
        if self._company.clock.now() - state.made_at > self._switches.delta_days * _DAY_SECONDS:
            raise GraphError(
                400,
                "syncStateNotFound",
                "The sync state generation is not found; it may have expired. Please start a full"
                " synchronization.",
            )
        return state


def _read_query(ask: Ask) -> _Query:
    names = {name.strip() for name in ask.query.get("$select", "").split(",") if name.strip()}
    for name in names - GROUP.properties.keys() - {"members", "owners"}:
        raise GraphError(
            400,
            "BadRequest",
            "Parsing OData Select and Expand failed: Could not find a property named"
            f" '{name}' on type 'microsoft.graph.group'.",
        )
    with_members = "members" in names or "members" in ask.query.get("$expand", "").split(",")
    properties = tuple(name for name in GROUP_DEFAULT if name in names) if names else GROUP_DEFAULT
    text = ask.query.get("$filter")
    if text is None:
        return _Query(None, properties, with_members)
    clauses = re.split(r"\s+or\s+", text.strip())
    matches = [_ID_CLAUSE.match(clause) for clause in clauses]
    if len(matches) > MOST_FILTERED or not all(matches):
        parse(text, GROUP, advanced=False)
        raise GraphError(
            400, "Request_UnsupportedQuery", "Only filters on 'id' are supported for this query."
        )
    return _Query(frozenset(match[1].lower() for match in matches if match), properties, with_members)
