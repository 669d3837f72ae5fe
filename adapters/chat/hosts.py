"""Which addresses are spoken to: https on a listed host; http on loopback alone.

A request names the address that its answers go to: a response URL in Slack, a service URL in Teams. A forged
one would be sent what only the asker may read, and in Teams the bot's own token with it. So it is looked at
wherever one is used.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit


def is_secure(url: object) -> bool:
    """Whether what is said to this address stays private: https, or http to this machine itself."""
    return _parts(url) is not None


def is_listed(url: object, hosts: Collection[str]) -> bool:
    """Whether the address is secure and its `host`, `host:port` or `.parent.domain` is listed.

    A host listed without a port stands for the scheme's own port only; an entry with a leading dot, for every
    host below it.
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
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)) else None


def is_loopback(host: str) -> bool:
    """Whether this host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
