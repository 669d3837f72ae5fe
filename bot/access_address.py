"""The address at which racers find their access: any https address, or the portal's shortcut to a role.

The shortcut is `https://<portal>/start/#/console?account_id=<12 digits>&role_name=<permission set>` with an
optional percent-encoded `&destination=<console address>` (IAM Identity Center user guide, "shortcut links").
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

from bot import event_forms
from bot.event_forms import Reader, Wrong

_SHORTCUT_KEYS = ("account_id", "role_name", "destination")


def read(reader: Reader, account_id: str | None, portal: str | None, *, may_be_missing: bool = False) -> str:
    """Read `access_url`, a text or a table. `account_id` is that of the Identity Center grant, if any."""
    if may_be_missing and reader.take("access_url") is None:
        return ""
    given = reader.given.get("access_url")
    if not isinstance(given, dict):
        url = reader.text("access_url", event_forms.https)
        for wrong in faults_of(url, account_id):
            reader.fault("access_url", *wrong)
        return url
    table = reader.table("access_url")
    host = table.text("portal", _portal, default=portal)
    role = table.text("role_name", _role)
    destination = table.text("destination", event_forms.https, default="")
    table.finish()
    if account_id is None:
        reader.fault(
            "access_url",
            "is a table, but no grant of kind identity-center says which account it is for",
            'Write the address itself: access_url = "https://…".',
        )
    return shortcut(host, account_id or "", role, destination or None)


def shortcut(portal: str, account_id: str, role_name: str, destination: str | None = None) -> str:
    """Return the portal's shortcut; `portal` is its host, or its address with or without /start."""
    query = f"account_id={account_id}&role_name={quote(role_name, safe='')}"
    url = f"https://{_host(portal)}/start/#/console?{query}"
    return url if destination is None else f"{url}&destination={quote(destination, safe='')}"


def faults_of(url: str, account_id: str | None) -> Iterator[Wrong]:
    """Yield what is wrong with a shortcut; nothing for an address of another form."""
    place, _, query = urlsplit(url).fragment.partition("?")
    if place.strip("/") != "console":
        return
    named = parse_qsl(query, keep_blank_values=True)
    asked = dict(named)
    if [name for name, _ in named if name not in _SHORTCUT_KEYS] or "#" in query:
        yield (
            "has a destination that is not percent-encoded, so the portal would cut it off",
            "Write access_url = { portal = …, role_name = …, destination = … }; it is encoded then.",
        )
    if account_id and asked.get("account_id") != account_id:
        yield (
            f"leads to account {asked.get('account_id', '(none)')}, but access is granted in {account_id}",
            f"Write account_id={account_id}.",
        )


def _host(portal: str) -> str:
    return re.sub(r"(?:/start)?(?:/?#?/?)$", "", portal.removeprefix("https://").rstrip("/"))


def _portal(text: str) -> Wrong | None:
    if event_forms.host(_host(text)) is None:
        return None
    return f"{text!r} is no access portal", "Write it as https://d-1234567890.awsapps.com/start."


def _role(text: str) -> Wrong | None:
    """Check the name of a permission set (the pattern of its API model)."""
    if re.fullmatch(r"[\w+=,.@-]{1,32}", text, re.ASCII):
        return None
    return f"{text!r} is no name of a permission set", "At most 32 letters, digits and +=,.@-_ characters."
