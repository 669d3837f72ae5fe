"""Make the two forms of the Slack app manifest from the one `manifest.yml`.

manifest.yml ─▶ in_socket_mode: no address at all, Slack is reached over the bot's own connection
             └▶ served_at: every address on the host that serves the bot
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import yaml

MANIFEST = Path(__file__).resolve().parent.parent / "manifest.yml"
ADDRESSES = frozenset({"url", "request_url", "message_menu_options_url"})


def read(path: Path = MANIFEST) -> dict[str, Any]:
    """Return the manifest as written: the HTTP form, on a placeholder host."""
    manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return manifest


def addresses(node: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each mapping that holds an address, with the key it stands under."""
    children: list[Any] = []
    if isinstance(node, dict):
        yield from ((node, key) for key in node.keys() & ADDRESSES)
        children = list(node.values())
    elif isinstance(node, list):
        children = node
    for child in children:
        yield from addresses(child)


def in_socket_mode(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the Socket Mode form: nothing has an address, and the switch is on."""
    changed = copy.deepcopy(manifest)
    for holder, key in list(addresses(changed)):
        del holder[key]
    changed["settings"]["socket_mode_enabled"] = True
    return changed


def served_at(manifest: dict[str, Any], base_url: str) -> dict[str, Any]:
    """Return the HTTP form with every address on the host of `base_url`, its path kept.

    Raises ValueError unless `base_url` is `https://host` or `https://host:port`: Slack calls nothing else,
    and a path would never be served.
    """
    host = urlsplit(base_url)
    if base_url.rstrip("/") != f"https://{host.netloc}" or not host.hostname or "@" in host.netloc:
        message = f"{base_url!r} is not an https address of a host alone, such as https://bot.example.com"
        raise ValueError(message)
    changed = copy.deepcopy(manifest)
    for holder, key in list(addresses(changed)):
        holder[key] = SplitResult("https", host.netloc, urlsplit(holder[key]).path, "", "").geturl()
    changed["settings"]["socket_mode_enabled"] = False
    return changed


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one form on standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.slack_manifest",
        description="Print the Slack app manifest, ready to paste into Slack.",
    )
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--socket-mode", action="store_true", help="the bot calls Slack: no public address needed"
    )
    form.add_argument("--url", help="Slack calls the bot here, such as https://bot.example.com")
    parser.add_argument("--json", action="store_true", help="JSON instead of YAML")
    chosen = parser.parse_args(arguments)
    try:
        manifest = in_socket_mode(read()) if chosen.socket_mode else served_at(read(), chosen.url)
    except ValueError as error:
        parser.error(str(error))
    if chosen.json:
        json.dump(manifest, sys.stdout, indent=2)
        print()
    else:
        yaml.safe_dump(manifest, sys.stdout, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    main()
