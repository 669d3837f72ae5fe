"""Who the people in Teams are, as far as Teams vouches for it: the first half of the identity gate.

The object id came with the signed token. Whether its owner is a member of our tenant and no guest is asked of
Bot Connector, at the moment of asking. `judge` decides, purely; what is missing never counts in anybody's
favor.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.teams.address import Address
from adapters.teams.connector import Connector
from adapters.teams.wire import conversation_of
from provisioning.access import Failed
from provisioning.directory import Claim, ObjectClaim
from provisioning.errors import (
    Anonymous,
    ChatUnavailable,
    ForeignWorkspace,
    Guest,
    ProvisioningError,
    Stranger,
    Undeliverable,
)
from provisioning.ids import ChatIdentity, PersonId
from provisioning.ports import Store
from provisioning.requests import ReplyTo

ROUND: Final = timedelta(seconds=25)  # what was not asked by then is asked in a later round
AT_ONCE: Final = 8  # lookups at the same time
CONNECTOR_ID: Final = "29:"  # begins the id by which Bot Connector names a person, and so do mentions
EXTERNAL: Final = "#EXT#"  # stands in the user principal name of guests of a tenant
_NO_MEMBER: Final = "MemberNotFoundInConversation"
_ASK_AGAIN_SECONDS: Final = 60.0


class TeamsPeople:
    """The people of these tenants (ids in lower case): the port `ChatPeople`."""

    def __init__(self, connector: Connector, store: Store, tenants: Collection[str]) -> None:
        self._connector = connector
        self._store = store
        self._tenants = frozenset(tenants)

    def vouch(self, chats: Sequence[ChatIdentity]) -> Mapping[ChatIdentity, Claim | Failed]:
        """Look these users up; see the port."""
        until = self._connector.clock.now() + ROUND
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, max(1, len(chats)))) as threads:
            return dict(zip(chats, threads.map(lambda chat: self._one(chat, until), chats), strict=True))

    def vouch_for(
        self, where: ReplyTo, mentioned: Sequence[ChatIdentity]
    ) -> Mapping[ChatIdentity, Claim | Failed]:
        """Look up whom a mention names (`29:…`), in the conversation where it was made; see `Mentions`."""
        known = self._store.read(lambda rows: rows.references.get(str(where.chat)))
        asked = [chat for chat in mentioned if chat.user.startswith(CONNECTOR_ID)]
        if not asked:
            return {}
        if known is None or where.handle is None:
            return {chat: Failed(Stranger()) for chat in asked}
        spoken_in = conversation_of(where.handle)
        place = replace(Address.unpack(known.address), conversation=spoken_in, user=None)
        until = self._connector.clock.now() + ROUND
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(asked))) as threads:
            found = threads.map(lambda chat: self._mentioned(place, chat, until), asked)
            return dict(zip(asked, found, strict=True))

    def _mentioned(self, place: Address, chat: ChatIdentity, until: datetime) -> Claim | Failed:
        if self._connector.clock.now() >= until:
            return Failed(ChatUnavailable(1.0, reason="no time left in this round"))
        try:
            member = self._connector.member(place, chat.user)
        except Undeliverable:  # nobody of this conversation
            return Failed(Stranger())
        except ProvisioningError as error:
            return Failed(error)
        object_id = str(member.get("objectId") or member.get("aadObjectId") or "").lower()
        return claimed(replace(chat, user=object_id), lambda: member, self._tenants)

    def _one(self, chat: ChatIdentity, until: datetime) -> Claim | Failed:
        if self._connector.clock.now() >= until:
            return Failed(ChatUnavailable(1.0, reason="no time left in this round"))
        return claimed(chat, lambda: self._member(chat), self._tenants)

    def _member(self, chat: ChatIdentity) -> Mapping[str, Any]:
        found = self._store.read(lambda rows: rows.references.get(str(chat)))
        if found is None:
            raise Undeliverable(reason="never heard from")
        return self._connector.member(Address.unpack(found.address), chat.user)


def claimed(
    chat: ChatIdentity, ask: Callable[[], Mapping[str, Any]], tenants: Collection[str]
) -> Claim | Failed:
    """Return the claim, or why there is none: a refusal, or what kept Teams from answering."""
    try:
        return judge(ask(), chat, tenants)
    except Undeliverable as error:
        if error.facts.get("reason") == _NO_MEMBER:
            return Failed(Stranger())
        # Where they spoke nobody answers any more (the app was removed, blocked): that says nothing of them.
        return Failed(ChatUnavailable(_ASK_AGAIN_SECONDS, reason=error.facts.get("reason", "")))
    except ProvisioningError as error:
        return Failed(error)


def judge(member: Mapping[str, Any], chat: ChatIdentity, tenants: Collection[str]) -> ObjectClaim:
    """Return the claim that Teams makes for this member. Raises a Refusal, or ChatUnavailable when unclear.

    botbuilder and the service disagree on the name of the object id (`aadObjectId`, `objectId`).
    """
    role, tenant = member.get("userRole"), member.get("tenantId")
    object_id = member.get("objectId") or member.get("aadObjectId")
    if role == "guest":
        raise Guest
    if role == "anonymous" or not object_id:
        raise Anonymous
    if not isinstance(object_id, str) or object_id.lower() != chat.user:
        raise ChatUnavailable(reason="unclear objectId")
    if not isinstance(tenant, str) or not tenant:
        raise Anonymous
    if tenant.lower() not in tenants or tenant.lower() != chat.tenant:
        raise ForeignWorkspace
    name = member.get("userPrincipalName")
    if not isinstance(name, str) or not name:
        raise Anonymous
    if EXTERNAL in name.upper():
        raise Guest
    if role != "user":
        raise Anonymous
    return ObjectClaim(PersonId(chat.user))
