"""Who is who in an identity store: the company's people and their users there.

A user is a person's when one of its ExternalIds is the person's directory object id; failing that, when
exactly one user has the person's user principal name as UserName and no other object id. Never by e-mail.

A few people are looked up one by one; many are found by reading the pages of ListUsers. Who was found in
order stays known for five minutes, so that the next batches cost nothing; anything that keeps somebody out is
believed for one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.aws.api import Api, Trouble
from provisioning.access import Failed, NotThere
from provisioning.errors import AccessAccountMismatch, AccessUnavailable
from provisioning.ids import PersonId
from provisioning.ports import Clock
from provisioning.registrations import Person

FEW: Final = 10  # people looked up one by one
KEPT_SECONDS: Final = 300.0  # for how long an enabled user who was found by object id stays found
FRESH_SECONDS: Final = 60.0  # for how long anything else is believed
PAGE: Final = 100  # ListUsers gives no more at once
PAGES_PER_CALL: Final = 100  # reading on is for the next call, so that one call stays short
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StoreUser:
    """A user of the identity store; external ids are in lower case."""

    user_id: str
    user_name: str
    external_ids: frozenset[str]
    enabled: bool

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the directory object ids among the external ids; some tenants map other attributes there."""
        return frozenset(found for found in self.external_ids if _GUID.fullmatch(found))


Found = StoreUser | NotThere | Failed


@dataclass(slots=True)
class _Reading:
    """The pages of ListUsers read so far; whole when `token` is None after the first page."""

    read_at: float
    pages: int = 0
    token: str | None = None
    by_object: dict[str, list[StoreUser]] = field(default_factory=dict)
    by_name: dict[str, list[StoreUser]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return self.pages > 0 and self.token is None


class StorePeople:
    """Finds the people of one identity store. One caller at a time."""

    def __init__(self, api: Api, store_id: str, clock: Clock) -> None:
        self._api = api
        self._store_id = store_id
        self._clock = clock
        self._issuers: list[str] = []  # who issued the object ids seen so far: Entra's SCIM, usually one
        self._reading: _Reading | None = None
        self._looked_up: dict[PersonId, tuple[StoreUser, float]] = {}

    def find(self, people: Sequence[Person]) -> Mapping[PersonId, Found]:
        """Answer for each of these people, by what was read in the last minutes or is read now."""
        self._forget_old()
        found: dict[PersonId, Found] = {}
        left = self._known(people, found)
        try:
            if len(left) > FEW:
                self._read_pages(left, found)
            else:
                for person in left:
                    found[person.id] = self._look_up(person)
        except Trouble as trouble:
            for person in left:
                found.setdefault(person.id, Failed(trouble.error))
        return found

    def forget(self, user_id: str) -> None:
        """Forget the pages read and this user, who turned out to be gone."""
        self._reading = None
        self._looked_up = {key: kept for key, kept in self._looked_up.items() if kept[0].user_id != user_id}

    def _forget_old(self) -> None:
        oldest = self._now() - KEPT_SECONDS
        if self._reading is not None and self._reading.read_at < oldest:
            self._reading = None
        self._looked_up = {key: kept for key, kept in self._looked_up.items() if kept[1] >= oldest}

    def _known(self, people: Sequence[Person], found: dict[PersonId, Found]) -> list[Person]:
        """Take over what is known already; return the people left."""
        left = []
        for person in people:
            known = self._kept(person) or self._read(person)
            if known is None:
                left.append(person)
            else:
                found[person.id] = known
        return left

    def _kept(self, person: Person) -> StoreUser | None:
        """Return the user found when this person was looked up."""
        user, at = self._looked_up.get(person.id, (None, 0.0))
        return user if user is not None and (user.enabled or self._is_fresh(at)) else None

    def _read(self, person: Person) -> StoreUser | Failed | None:
        """Return the person's user among the pages read, or None when these do not settle it."""
        reading = self._reading
        if reading is None:
            return None
        is_fresh = self._is_fresh(reading.read_at)
        by_object = reading.by_object.get(person.id.lower(), [])
        if by_object:
            found = _only(by_object)
            return found if is_fresh or (isinstance(found, StoreUser) and found.enabled) else None
        # A page not read yet may hold the user with the object id: the name alone settles nothing until then.
        settled = reading.whole and is_fresh
        by_name = reading.by_name.get(person.user_principal_name.casefold(), []) if settled else []
        return _of_name(person, by_name) if by_name else None

    def _read_pages(self, left: list[Person], found: dict[PersonId, Found]) -> None:
        """Read on, or anew what is old, until these people are found or the store is at its end."""
        if self._reading is not None and not self._is_fresh(self._reading.read_at):
            self._reading = None
        for _ in range(PAGES_PER_CALL):
            if not left or (self._reading is not None and self._reading.whole):
                break
            self._read_page()
            left = self._known(left, found)
        whole = self._reading is not None and self._reading.whole
        for person in left:
            found[person.id] = (
                self._by_subject(person) if whole else Failed(AccessUnavailable(retry_after=0.0))
            )

    def _read_page(self) -> None:
        reading = self._reading or _Reading(self._now())
        more = {} if reading.token is None else {"NextToken": reading.token}
        answer = self._api.ask("ListUsers", IdentityStoreId=self._store_id, MaxResults=PAGE, **more)
        for row in answer.get("Users", []):
            user = self._user(row)
            reading.by_name.setdefault(user.user_name.casefold(), []).append(user)
            for object_id in user.object_ids:
                reading.by_object.setdefault(object_id, []).append(user)
        reading.token = answer.get("NextToken") or None
        reading.pages += 1
        reading.read_at = self._now()
        self._reading = reading

    def _look_up(self, person: Person) -> Found:
        """Find one person by the object id if somebody's issuer is known, else by the name."""
        if not self._issuers and self._reading is None:
            self._read_page()
            known = self._read(person)
            if known is not None:
                return known
        for issuer in self._issuers:
            user = self._described({"ExternalId": {"Issuer": issuer, "Id": person.id}})
            if user is not None:
                return self._keep(person, user)
        name = {"AttributePath": "userName", "AttributeValue": person.user_principal_name}
        user = self._described({"UniqueAttribute": name})
        if user is None:
            return self._read_for_an_issuer(person) or self._by_subject(person)
        verdict = _of_name(person, [user])
        return verdict if isinstance(verdict, Failed) else self._keep(person, verdict)

    def _read_for_an_issuer(self, person: Person) -> Found | None:
        """Read on while nobody's object id was seen: this person's user may have it, under another name."""
        for _ in range(PAGES_PER_CALL):
            if self._issuers or self._reading is None or self._reading.whole:
                break
            self._read_page()
        else:
            return Failed(AccessUnavailable(retry_after=0.0))
        found = self._read(person)
        for issuer in self._issuers if found is None else ():
            user = self._described({"ExternalId": {"Issuer": issuer, "Id": person.id}})
            if user is not None:
                return self._keep(person, user)
        return found

    def _by_subject(self, person: Person) -> Found:
        """Find somebody whose name has changed by the id under which they were found before."""
        if person.subject is None:
            return NotThere()
        try:
            row = self._api.ask("DescribeUser", IdentityStoreId=self._store_id, UserId=person.subject)
        except Trouble as trouble:
            if trouble.about in {"USER", ""} and trouble.code == "ResourceNotFoundException":
                return NotThere()
            raise
        return self._keep(person, self._user(row))

    def _described(self, wanted: dict[str, Any]) -> StoreUser | None:
        """Return the user with this identifier, or None."""
        try:
            answer = self._api.ask("GetUserId", IdentityStoreId=self._store_id, AlternateIdentifier=wanted)
            row = self._api.ask("DescribeUser", IdentityStoreId=self._store_id, UserId=answer["UserId"])
        except Trouble as trouble:
            if trouble.about in {"USER", ""} and trouble.code == "ResourceNotFoundException":
                return None
            raise
        return self._user(row)

    def _keep(self, person: Person, user: StoreUser) -> StoreUser:
        self._looked_up[person.id] = (user, self._now())
        return user

    def _user(self, row: dict[str, Any]) -> StoreUser:
        """Read a user as ListUsers and DescribeUser give it, learning who issues object ids."""
        external = [(found["Issuer"], found["Id"].lower()) for found in row.get("ExternalIds") or ()]
        for issuer, key in external:
            if _GUID.fullmatch(key) and issuer not in self._issuers:
                self._issuers.append(issuer)
        ids = frozenset(key for _, key in external)
        # A user without a status is one of an older time; only DISABLED is a no.
        return StoreUser(row["UserId"], row.get("UserName", ""), ids, row.get("UserStatus") != "DISABLED")

    def _is_fresh(self, read_at: float) -> bool:
        return read_at >= self._now() - FRESH_SECONDS

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _only(users: Sequence[StoreUser]) -> StoreUser | Failed:
    return users[0] if len(users) == 1 else Failed(AccessAccountMismatch())


def _of_name(person: Person, users: Sequence[StoreUser]) -> StoreUser | Failed:
    """Return the one user of the person's name, unless it carries another object id."""
    others = {found for user in users for found in user.object_ids} - {person.id.lower()}
    return Failed(AccessAccountMismatch()) if others else _only(users)
