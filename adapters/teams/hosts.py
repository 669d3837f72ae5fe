"""Which addresses are spoken to: https on a listed host; http on loopback alone.

Whoever names a service URL is sent answers, and with them the bot's own token.
"""

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import SplitResult, urlsplit

# An entry with a leading dot stands for every host below it.
MICROSOFT: Final = frozenset({"smba.trafficmanager.net", ".botframework.com", ".teams.microsoft.com"})


def is_secure(url: object) -> bool:
    """Whether what is said to this address stays private: https, or http to this machine itself."""
    return _parts(url) is not None


def is_listed(url: object, hosts: Collection[str]) -> bool:
    """Whether the address is secure and its `host`, `host:port` or `.parent.domain` is listed.

    A host listed without a port stands for the scheme's own port only.
    """
    parts = _parts(url)
    if parts is None or parts.hostname is None:
        return False
    host, default = parts.hostname, 443 if parts.scheme == "https" else 80
    named = f"[{host}]" if ":" in host else host
    listed = {entry.lower() for entry in hosts}
    if f"{named}:{parts.port or default}" in listed:
        return True
    return parts.port in (None, default) and any(
        named == entry or (entry.startswith(".") and named.endswith(entry)) for entry in listed
    )


def _parts(url: object) -> SplitResult | None:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or "@" in parts.netloc:
        return None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
