"""The company's directory in Entra: who answers to an e-mail address, and users by object id.

An address is looked for in mail, userPrincipalName and proxyAddresses, never in otherMails, which people may
edit themselves. Few addresses are asked for by filter; many are looked up in a crawl of all users when that
takes at most half as many requests. A crawl serves the call that made it and no other.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from adapters.graph.client import (
    MOST_BATCHED,
    Ask,
    GraphClient,
    GraphError,
    Priority,
    Result,
    asking,
    chunks,
    is_last,
    literal,
    values,
)
from provisioning.access import Failed
from provisioning.directory import DirectoryUser
from provisioning.errors import EmailUnusable, PermissionMissing, ProvisioningError, Unexpected
from provisioning.ids import PersonId

SELECT: Final = "id,displayName,mail,userPrincipalName,accountEnabled,userType,proxyAddresses"
PAGE: Final = "999"  # users on a page, the most Graph gives
TOGETHER: Final = 3  # addresses in one filter: four clauses each, and Graph takes fifteen
ASKED_AGAIN: Final = (
    6  # at most so many whom a crawl did not find are asked for by filter before they are nobody
)
MOST_IDS: Final = 1000  # ids in one getByIds
FEW_IDS: Final = 3

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,254}@[^\s@\x00-\x1f\x7f]{1,253}")
_REFUSED_FILTER = 400
_NOT_FOUND = 404

Found = tuple[DirectoryUser, ...] | Failed


class EntraDirectory:
    """The users of one tenant: the port `Directory`.

    `priority` is what Graph is told: "high" where somebody waits, "low" for the daily look at everybody.
    """

    def __init__(self, client: GraphClient, *, priority: Priority = "high") -> None:
        self._client = client
        self._priority: Priority = priority
        self._pages = 1  # pages of the whole directory, as far as known: never more than there are
        self._filters_combine = True  # until Graph refuses a filter over several properties

    def find(self, mails: Collection[str]) -> Mapping[str, Found]:
        by_fold = {folded(mail): mail for mail in mails}
        found: dict[str, Found] = {
            fold: Failed(EmailUnusable()) for fold, mail in by_fold.items() if not _ADDRESS.fullmatch(mail)
        }
        wanted = {fold: mail for fold, mail in by_fold.items() if fold not in found}
        found |= self._crawl(wanted)
        found |= self._filter([mail for fold, mail in wanted.items() if fold not in found])
        return {mail: found[folded(mail)] for mail in mails}

    def get(self, ids: Collection[PersonId]) -> Mapping[PersonId, DirectoryUser | Failed | None]:
        by_fold = {one: one.lower() for one in ids}
        wanted = [fold for fold in dict.fromkeys(by_fold.values()) if _GUID.fullmatch(fold)]
        found: dict[str, DirectoryUser | Failed | None] = {}
        if len(wanted) <= FEW_IDS:
            found |= self._read(wanted)
        else:
            for some in chunks(wanted, MOST_IDS):
                found |= self._read_together(some)
        # What is not even formed like an object id can be nobody's.
        return {one: found.get(fold) for one, fold in by_fold.items()}

    def _crawl(self, wanted: Mapping[str, str]) -> dict[str, Found]:
        """Decide the addresses by reading all users; those left out are to be asked for by filter."""
        most = -(-len(wanted) // TOGETHER) // 2
        if most < self._pages:
            return {}
        people: dict[str, dict[str, DirectoryUser]] = {}
        try:
            if not self._read_all(most, wanted, people):
                return {}
        except GraphError:
            return {}
        except ProvisioningError as error:
            return dict.fromkeys(wanted, Failed(error))
        missing = [fold for fold in wanted if fold not in people]
        nobody: dict[str, Found] = {} if len(missing) <= ASKED_AGAIN else dict.fromkeys(missing, ())
        return nobody | {fold: tuple(users.values()) for fold, users in people.items()}

    def _read_all(
        self, most: int, wanted: Mapping[str, str], people: dict[str, dict[str, DirectoryUser]]
    ) -> bool:
        """Enter who answers to each wanted address; False when the directory has more than `most` pages."""
        path = asking("/users", select=SELECT, top=PAGE)
        for number, page in enumerate(self._client.pages(path, priority=self._priority), 1):
            self._pages = number if is_last(page) else number + 1
            if self._pages > most:
                return False
            for raw in values(page):
                for fold in addresses_of(raw) & wanted.keys():
                    user = _user(raw)
                    people.setdefault(fold, {})[user.id] = user
        return True

    def _filter(self, mails: Sequence[str]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for some in chunks(chunks(mails, TOGETHER), MOST_BATCHED):
            if not self._filters_combine:
                break
            results = self._ask([combined_filter(together) for together in some])
            for together, result in zip(some, results, strict=True):
                if not (isinstance(result, GraphError) and result.status == _REFUSED_FILTER):
                    found |= self._answered(together, [result])
                elif result.code == "Request_UnsupportedQuery":
                    self._filters_combine = False
        for mail in mails:
            if folded(mail) not in found:
                found |= self._answered([mail], self._ask(separate_filters(mail)))
        return found

    def _ask(self, filters: Sequence[str]) -> list[Result]:
        """Ask for the users that match each filter: one by a request of its own, several in a batch."""
        asks = [Ask("GET", asking("/users", filter=text, select=SELECT)) for text in filters]
        return _results(self._client, asks, self._priority)

    def _answered(self, mails: Sequence[str], results: Sequence[Result]) -> dict[str, Found]:
        """Return who answers to each address, given the answers of all filters asked for them."""
        people: dict[str, dict[str, DirectoryUser]] = {folded(mail): {} for mail in mails}
        try:
            for result in results:
                for raw in self._all_of(result):
                    for fold in addresses_of(raw) & people.keys():
                        user = _user(raw)
                        people[fold][user.id] = user
        except GraphError as error:
            return dict.fromkeys(people, Failed(error.unexpected()))
        except ProvisioningError as error:
            return dict.fromkeys(people, Failed(error))
        return {fold: tuple(users.values()) for fold, users in people.items()}

    def _all_of(self, result: Result) -> Iterable[dict[str, Any]]:
        if not isinstance(result, dict):
            raise result
        yield from values(result)
        if following := result.get("@odata.nextLink"):
            for page in self._client.pages(following, priority=self._priority):
                yield from values(page)

    def _read(self, ids: Sequence[str]) -> dict[str, DirectoryUser | Failed | None]:
        found: dict[str, DirectoryUser | Failed | None] = {}
        for some in chunks(ids, MOST_BATCHED):
            asks = [Ask("GET", asking(f"/users/{one}", select=SELECT)) for one in some]
            for one, result in zip(some, _results(self._client, asks, self._priority), strict=True):
                found[one] = _one(result)
        return found

    def _read_together(self, ids: Sequence[str]) -> dict[str, DirectoryUser | Failed | None]:
        ask = Ask(
            "POST", asking("/directoryObjects/getByIds", select=SELECT), {"ids": ids, "types": ["user"]}
        )
        try:
            raws = list(self._all_of(self._client.send(ask, priority=self._priority)))
        except GraphError as error:
            return dict.fromkeys(ids, Failed(error.unexpected()))
        except ProvisioningError as error:
            return dict.fromkeys(ids, Failed(error))
        known = {str(raw.get("id", "")).lower(): raw for raw in raws}
        # Where `$select` is not honored, what decides is left out: those users are read one by one.
        partial = [one for one in ids if one in known and "accountEnabled" not in known[one]]
        found: dict[str, DirectoryUser | Failed | None] = {
            one: _one(known[one]) if one in known else None for one in ids
        }
        return found | self._read(partial)


def folded(address: str) -> str:
    """Return the address for comparison: in lower case, but no other letter ever becomes an ASCII one.

    (The Kelvin sign would become a k, and its owner somebody else.)
    """
    return "".join(
        letter if letter.lower().isascii() and not letter.isascii() else letter.lower() for letter in address
    )


def addresses_of(raw: Mapping[str, Any]) -> set[str]:
    """Return the folded addresses that a user object answers to."""
    proxies = [
        proxy[len("smtp:") :]
        for proxy in raw.get("proxyAddresses") or ()
        if proxy.lower().startswith("smtp:")
    ]
    return {folded(text) for text in (raw.get("mail"), raw.get("userPrincipalName"), *proxies) if text}


def separate_filters(mail: str) -> list[str]:
    """Return the three filters that together find everybody who answers to this address."""
    proxies = f"p:p eq {literal(f'smtp:{mail}')} or p eq {literal(f'SMTP:{mail}')}"
    return [
        f"mail eq {literal(mail)}",
        f"userPrincipalName eq {literal(mail)}",
        f"proxyAddresses/any({proxies})",
    ]


def combined_filter(mails: Iterable[str]) -> str:
    """Return one filter that finds everybody who answers to one of these addresses."""
    return " or ".join(clause for mail in mails for clause in separate_filters(mail))


def _results(client: GraphClient, asks: Sequence[Ask], priority: Priority) -> list[Result]:
    """Send one request by itself, several as a batch; what befalls the batch befalls each of them."""
    try:
        if len(asks) == 1:
            return [client.send(asks[0], priority=priority)]
        return client.batch(asks, priority=priority) if asks else []
    except (GraphError, ProvisioningError) as error:
        return [error] * len(asks)


def _one(result: Result) -> DirectoryUser | Failed | None:
    if isinstance(result, GraphError):
        return None if _is_missing(result) else Failed(result.unexpected())
    if isinstance(result, ProvisioningError):
        return Failed(result)
    try:
        return _user(result)
    except ProvisioningError as error:
        return Failed(error)


def _is_missing(error: GraphError) -> bool:
    # A 404 that says neither may come from a gateway, and is nobody's absence.
    return error.status == _NOT_FOUND and (
        error.code == "Request_ResourceNotFound" or error.says("does not exist")
    )


def _user(raw: Mapping[str, Any]) -> DirectoryUser:
    """Read a user object. Raises PermissionMissing when the properties that decide are kept from us."""
    if not isinstance(raw.get("accountEnabled"), bool):
        raise PermissionMissing(permission="User.Read.All", operation="read accountEnabled of users")
    if not raw.get("id"):
        raise Unexpected(reason="a user without an id")
    return DirectoryUser(
        PersonId(str(raw["id"]).lower()),
        str(raw.get("userPrincipalName") or ""),
        str(raw.get("displayName") or ""),
        raw["accountEnabled"],
        raw.get("userType"),
        frozenset(address.rpartition("@")[2] for address in addresses_of(raw)),
        raw.get("mail"),
    )
