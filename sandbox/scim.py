"""Entra's provisioning into the identity store: the regular cycle, and single people and members on demand.

Choices where no public text settles the behavior:
- A cycle exports the changes it saw in the linked groups since the last one, and nothing else: a membership
  that Entra's group never had stays, and one deleted only in the store does not come back by itself.
- A group on demand adds members who are in the store already; it does not bring their users along.
- A user of the same userName without an ExternalId is taken over; one with another ExternalId is a conflict.
"""

import asyncio
import re
from collections.abc import Iterable

from sandbox.company import Company, EntraUser, StoreGroup, StoreUser

MEMBERS_ON_DEMAND = 5
# Tab, newline and these characters are refused by Identity Center in every attribute (AWS's Entra tutorial).
_REFUSED = re.compile(r"[\t\r\n<>;:%]")


class Scim:
    """The enterprise app's provisioning job; `rejected` maps object ids that cannot arrive to the reason."""

    def __init__(self, company: Company, cycle_seconds: float = 2400.0) -> None:
        self.cycle_seconds = cycle_seconds
        self.cycles = 0
        self.rejected: dict[str, str] = {}
        self._company = company
        self._next_at = company.clock.now() + cycle_seconds
        # What Entra knows to have exported: per linked Entra group the members that arrived.
        self._exported: dict[str, set[str]] = {}
        for entra_id, store_group in self._links():
            members = (company.store_users.get(key) for key in store_group.memberships.values())
            arrived = {user.external_id for user in members if user is not None}
            self._exported[entra_id] = {
                key for key in company.entra_groups[entra_id].members if key in arrived
            }

    def due(self) -> bool:
        """Tell whether the company's clock has reached the next cycle."""
        return self._company.clock.now() >= self._next_at

    async def run(self, poll_seconds: float = 0.1) -> None:
        """Run each cycle when it is due, until cancelled; turning the clock brings one early."""
        while True:
            if self.due():
                self.cycle()
            await asyncio.sleep(poll_seconds)

    def cycle(self) -> None:
        """Export every change since the last cycle, whether it is due or not, and plan the next one."""
        arrived = {user.external_id: user for user in self._company.store_users.values() if user.external_id}
        self._follow_accounts(arrived.values())
        for entra_id, store_group in self._links():
            exported = self._exported.setdefault(entra_id, set())
            members = self._company.entra_groups[entra_id].members
            now = {key for key in members if key in self._company.entra_users}
            self._remove(store_group, {arrived[key].user_id for key in exported - now if key in arrived})
            exported &= now
            present = set(store_group.memberships.values())
            for key in sorted(now - exported):
                user = arrived.get(key) or self._bring(key)
                if user is None:
                    continue
                arrived[key] = user
                exported.add(key)
                if user.user_id not in present:
                    store_group.memberships[self._company.store_id()] = user.user_id
        self.cycles += 1
        self._next_at = self._company.clock.now() + self.cycle_seconds

    def push_user(self, object_id: str) -> str | None:
        """Bring one Entra user into the store on demand; return what went wrong, or None.

        Pushing someone who is in already is no error. Nobody is disabled or deleted this way.
        """
        if self._bring(object_id) is None:
            return self.rejected.get(object_id, f"User '{object_id}' does not exist in the directory.")
        return None

    def push_members(self, group_id: str, user_ids: list[str]) -> str | None:
        """Add at most five members of a linked Entra group to its store group; return what went wrong.

        The ids are Entra's. Who is in the store and in Entra's group is added even when others are not.
        """
        store_group = self._company.store_groups.get(self._company.scim_links.get(group_id, ""))
        if store_group is None:
            return f"Group '{group_id}' is not assigned to the application."
        if len(user_ids) > MEMBERS_ON_DEMAND:
            return f"At most {MEMBERS_ON_DEMAND} members can be provisioned at once."
        wrong = []
        for object_id in user_ids:
            user = self._in_store(object_id)
            if object_id not in self._company.entra_groups[group_id].members:
                wrong.append(f"'{object_id}' is not a member of the group.")
            elif user is None:
                wrong.append(f"'{object_id}' does not exist in the target system.")
            else:
                self._exported.setdefault(group_id, set()).add(object_id)
                if user.user_id not in store_group.memberships.values():
                    store_group.memberships[self._company.store_id()] = user.user_id
        return " ".join(wrong) or None

    def _links(self) -> list[tuple[str, StoreGroup]]:
        """Return the Entra groups assigned to the application, each with its group of the store."""
        company = self._company
        return [
            (entra_id, company.store_groups[store_id])
            for entra_id, store_id in company.scim_links.items()
            if entra_id in company.entra_groups and store_id in company.store_groups
        ]

    def _follow_accounts(self, users: Iterable[StoreUser]) -> None:
        """Disable those whose Entra account is disabled or gone; enable those whose account is back."""
        for user in users:
            account = self._company.entra_users.get(user.external_id or "")
            user.status = "ENABLED" if account is not None and account.account_enabled else "DISABLED"

    def _remove(self, store_group: StoreGroup, user_ids: set[str]) -> None:
        for key in [key for key, user_id in store_group.memberships.items() if user_id in user_ids]:
            del store_group.memberships[key]

    def _in_store(self, object_id: str) -> StoreUser | None:
        users = self._company.store_users.values()
        return next((user for user in users if user.external_id == object_id), None)

    def _bring(self, object_id: str) -> StoreUser | None:
        """Return the store user of this Entra user, brought now when absent; None when impossible."""
        user = self._company.entra_users.get(object_id)
        if user is None:
            return None
        known = self._in_store(object_id)
        wrong = None if known is not None else self._why_not(user)
        if wrong is not None:
            self.rejected[object_id] = wrong
            return None
        self.rejected.pop(object_id, None)
        if known is not None:
            return known
        namesake = self._namesake(user)
        if namesake is not None:
            namesake.external_id = user.id
            return namesake
        return self._company.bring_to_store(user)

    def _namesake(self, user: EntraUser) -> StoreUser | None:
        name = user.user_principal_name.casefold()
        users = self._company.store_users.values()
        return next((found for found in users if found.user_name.casefold() == name), None)

    def _why_not(self, user: EntraUser) -> str | None:
        """Return why Identity Center or Entra would not take this absent user, or None."""
        if not user.account_enabled:
            return "The account is disabled and absent from the target system: skipped."
        attributes = {
            "name.givenName": user.given_name,
            "name.familyName": user.surname,
            "displayName": user.display_name,
            "userName": user.user_principal_name,
        }
        for name, value in attributes.items():
            if not value.strip():
                return f"The attribute {name} is required."
            if _REFUSED.search(value):
                return f"The attribute {name} holds a character that is not allowed."
        namesake = self._namesake(user)
        if namesake is not None and namesake.external_id is not None:
            return "409 uniqueness: the userName belongs to another user."
        return None
