"""Response URLs: the addresses with which Slack lets an app answer where it was asked.

A request carries its own response URL, so the URL is checked against the hosts in the settings wherever
one is used: a forged one would make the bot post people's answers to somebody else's server.
"""

import ipaddress
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urlsplit

LIFE = timedelta(minutes=29)  # Slack's thirty minutes, less a margin for the way
POSTS = 5


def is_ours(url: object, hosts: Collection[str]) -> bool:
    """Whether we post to this address: https (http on loopback alone), on a listed `host` or `host:port`.

    A host listed without a port stands for the scheme's own port only.
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return False
    named = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    listed = {entry.lower() for entry in hosts}
    return f"{named}:{port or default}" in listed or (named in listed and port in (None, default))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
