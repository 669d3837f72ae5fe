"""Directory objects as Graph shows them: which properties exist, which come unasked, and how lists are paged.

Properties that are not selected are absent, not null. Source: learn.microsoft.com, "user resource type",
"group resource type", "Paging Microsoft Graph data in your app".
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from sandbox.company import DOMAIN, EntraGroup, EntraUser
from sandbox.graph_odata import Filter, Kind, parse
from sandbox.graph_wire import Answer, Ask, GraphError

LARGEST_PAGE: Final = 999
_USUAL_PAGE = 100

USER: Final = Kind(
    "User",
    {
        "id": lambda user: user.id,
        "businessPhones": lambda _: [],
        "displayName": lambda user: user.display_name,
        "givenName": lambda user: user.given_name,
        "jobTitle": lambda _: None,
        "mail": lambda user: user.mail,
        "mobilePhone": lambda _: None,
        "officeLocation": lambda _: None,
        "preferredLanguage": lambda _: None,
        "surname": lambda user: user.surname,
        "userPrincipalName": lambda user: user.user_principal_name,
        "accountEnabled": lambda user: user.account_enabled,
        "userType": lambda user: user.user_type,
        "proxyAddresses": lambda user: list(user.proxy_addresses),
        "otherMails": lambda user: list(user.other_mails),
        "externalUserState": lambda user: user.external_user_state,
        "creationType": lambda user: user.creation_type,
        "onPremisesSyncEnabled": lambda user: user.on_premises_sync_enabled,
        "employeeType": lambda user: user.employee_type,
        "identities": lambda user: [
            {
                "signInType": "userPrincipalName",
                "issuer": f"{DOMAIN.split('.', maxsplit=1)[0]}.onmicrosoft.com",
                "issuerAssignedId": user.user_principal_name,
            }
        ],
    },
    frozenset(
        {
            "id",
            "displayName",
            "givenName",
            "surname",
            "mail",
            "userPrincipalName",
            "proxyAddresses",
            "otherMails",
        }
        | {
            "accountEnabled",
            "userType",
            "externalUserState",
            "creationType",
            "onPremisesSyncEnabled",
            "employeeType",
        }
    ),
    frozenset({"employeeType", "externalUserState"}),
)
USER_DEFAULT: Final = tuple(USER.properties)[:11]

GROUP: Final = Kind(
    "Group",
    {
        "id": lambda group: group.id,
        "description": lambda _: None,
        "displayName": lambda group: group.display_name,
        "groupTypes": lambda group: list(group.group_types),
        "isAssignableToRole": lambda group: group.is_assignable_to_role or None,
        "mail": lambda _: None,
        "mailEnabled": lambda group: group.mail_enabled,
        "mailNickname": lambda group: "".join(filter(str.isalnum, group.display_name)),
        "membershipRule": lambda group: group.membership_rule,
        "onPremisesSyncEnabled": lambda group: group.on_premises_sync_enabled,
        "securityEnabled": lambda group: group.security_enabled,
        "visibility": lambda _: None,
    },
    frozenset({"id", "displayName", "mailEnabled", "securityEnabled", "groupTypes", "onPremisesSyncEnabled"}),
)
GROUP_DEFAULT: Final = tuple(GROUP.properties)


def render(ask: Ask, thing: EntraUser | EntraGroup, *, typed: bool = False) -> dict[str, Any]:
    """Return the selected properties of a user or group, with `@odata.type` where types are mixed."""
    kind, usual = (USER, USER_DEFAULT) if isinstance(thing, EntraUser) else (GROUP, GROUP_DEFAULT)
    shown = {"@odata.type": f"#microsoft.graph.{kind.name.lower()}"} if typed else {}
    names = selected(ask, kind, lenient=typed) or usual
    return shown | {name: kind.properties[name](thing) for name in names if name in kind.properties}


def selected(ask: Ask, kind: Kind, *, lenient: bool = False) -> tuple[str, ...]:
    """Return the properties that `$select` names, if any. Raises GraphError 400 for an unknown one."""
    names = tuple(name.strip() for name in ask.query.get("$select", "").split(",") if name.strip())
    for name in names:
        if name not in kind.properties and not lenient:
            raise GraphError(
                400,
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
                f" 'microsoft.graph.{kind.name.lower()}'.",
            )
    return names


def asked_filter(ask: Ask, kind: Kind) -> Filter | None:
    """Return the request's `$filter`, if any. Raises GraphError 400 for query options not supported here."""
    if "$skip" in ask.query:
        raise GraphError(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    unsupported = {"$search", "$orderby", "$format", "$apply"} & ask.query.keys()
    if unsupported or (
        "$count" in ask.query and not ask.is_advanced and ask.query["$count"].lower() == "true"
    ):
        name = min(unsupported, default="$count")
        raise GraphError(400, "Request_UnsupportedQuery", f"'{name}' is not currently supported.")
    text = ask.query.get("$filter")
    return None if text is None else parse(text, kind, advanced=ask.is_advanced)


def page(
    ask: Ask,
    things: Iterable[Any],
    show: Callable[[Any], Mapping[str, Any]],
    *,
    context: str,
    usual: int = _USUAL_PAGE,
) -> Answer:
    """Answer one page of the things, in the order of their ids, with a link to the next when there are more.

    The link carries an opaque token that belongs to this query; with any other it is refused as expired.
    """
    size = _page_size(ask, usual)
    ordered = sorted(things, key=lambda thing: str(thing.id))
    after = _read_token(ask)
    rest = [thing for thing in ordered if thing.id > after] if after else ordered
    body: dict[str, Any] = {"@odata.context": f"{ask.base}/$metadata#{context}"}
    if ask.is_advanced:
        body["@odata.count"] = len(ordered)
    shown = rest[:size]
    if len(rest) > size:
        token = (
            base64.urlsafe_b64encode(json.dumps([_digest(ask), shown[-1].id]).encode()).decode().rstrip("=")
        )
        query = {name: value for name, value in ask.query.items() if name != "$skiptoken"} | {
            "$skiptoken": token
        }
        body["@odata.nextLink"] = f"{ask.base}{ask.link_path}?{urlencode(query, safe='$')}"
    body["value"] = [show(thing) for thing in shown]
    return Answer(200, body)


def counted(ask: Ask, things: Iterable[Any]) -> Answer:
    """Answer `/$count`: a number as plain text, only with the header `ConsistencyLevel: eventual`."""
    if ask.headers.get("consistencylevel", "").lower() != "eventual":
        raise GraphError(400, "Request_BadRequest", "$count is not currently supported.")
    return Answer(200, str(sum(1 for _ in things)))


def _page_size(ask: Ask, usual: int) -> int:
    top = ask.query.get("$top")
    if top is None:
        return usual
    if not top.isdigit() or not 1 <= int(top) <= LARGEST_PAGE:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{top}'. Must be between 1 and {LARGEST_PAGE} inclusive.",
        )
    return int(top)


def _digest(ask: Ask) -> str:
    query = sorted((name, value) for name, value in ask.query.items() if name != "$skiptoken")
    return hashlib.sha256(json.dumps([ask.path, query]).encode()).hexdigest()[:16]


def _read_token(ask: Ask) -> str:
    token = ask.query.get("$skiptoken")
    if token is None:
        return ""
    try:
        digest, after = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        digest = after = ""
    if digest != _digest(ask):
        raise GraphError(
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your request.",
        )
    return str(after)
