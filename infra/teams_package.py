"""Make the app package for Teams: a zip of the manifest and the two icons, ready to upload.

infra/teams/manifest.yml ─┐
the grammar's verbs ──────┼─▶ manifest.json ─┐
whose bot it is ──────────┘                  ├─▶ build/deepracer-bot-teams.zip
infra/teams_icons.py ────▶ color.png, outline.png ─┘
"""

import argparse
import io
import json
import os
import re
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from dotenv import dotenv_values

from bot.grammar import VERBS
from bot.words import words
from infra.teams_icons import color_icon, outline_icon

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "infra" / "teams" / "manifest.yml"
PACKAGE = ROOT / "build" / "deepracer-bot-teams.zip"
APP_ID = "MICROSOFT_APP_ID"
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DEVELOPER_NAME = 32  # characters
NOWHERE = "https://www.example.com"


@dataclass(frozen=True, slots=True)
class Developer:
    """Who offers the app, as its page in Teams says: a name, and three pages on the web."""

    name: str
    website: str
    privacy: str
    terms: str

    def checked(self) -> "Developer":
        """Return it. Raises ValueError for what Teams would refuse."""
        if not 0 < len(self.name) <= DEVELOPER_NAME:
            raise ValueError(f"{self.name!r} does not have 1 to {DEVELOPER_NAME} characters")
        for page in (self.website, self.privacy, self.terms):
            if not page.startswith("https://") or not urlsplit(page).hostname:
                raise ValueError(f"{page!r} is not an https address")
        return self


def read(path: Path = MANIFEST) -> dict[str, Any]:
    """Return the manifest as written: of no tenant, without commands."""
    manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return manifest


def version() -> str:
    """Return the project's version. Teams takes an upload as an update only under a higher one."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def commands() -> list[dict[str, str]]:
    """Return what Teams offers to whoever begins a message to the bot: the listed verbs for everyone.

    Picking one puts its title into the message; hence the bare verb.
    """
    said = words(platform="teams")
    offered = [verb for verb in VERBS if verb.audience == "everyone" and verb.listed]
    return [{"title": verb.name, "description": _sentence(said.plain(verb.key))} for verb in offered]


def filled(manifest: dict[str, Any], app_id: str, developer: Developer) -> dict[str, Any]:
    """Return the manifest of this bot. Raises ValueError for an id or a developer that Teams would refuse."""
    if not GUID.fullmatch(app_id):
        raise ValueError(f"{app_id!r} is not the application (client) ID of a bot")
    developer.checked()
    [bot] = manifest["bots"]
    return manifest | {
        "id": app_id.lower(),
        "version": version(),
        "developer": {
            "name": developer.name,
            "websiteUrl": developer.website,
            "privacyUrl": developer.privacy,
            "termsOfUseUrl": developer.terms,
        },
        "bots": [
            bot
            | {
                "botId": app_id.lower(),
                "commandLists": [{"scopes": bot["scopes"], "commands": commands()}],
            }
        ],
    }


def package(manifest: dict[str, Any]) -> bytes:
    """Return the zip. The same manifest makes the same bytes."""
    files = {
        "manifest.json": json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n",
        manifest["icons"]["color"]: color_icon(),
        manifest["icons"]["outline"]: outline_icon(),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1980, the beginning of zip's time
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED)
    return made.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.teams_package",
        description="Make the app package for Teams, ready to upload in the Teams admin center.",
    )
    known = os.environ.get(APP_ID) or dotenv_values(".env").get(APP_ID)
    parser.add_argument(
        "--app-id",
        default=known,
        help=f"the bot's application (client) ID; {APP_ID}, also in .env, when left out",
    )
    parser.add_argument(
        "--developer", default="Event organizers", help="who offers the app, in the company's words"
    )
    parser.add_argument(
        "--website", default=NOWHERE, help="a page on the app, such as the event's page on the intranet"
    )
    parser.add_argument("--privacy", help="a page on personal data; the website when left out")
    parser.add_argument("--terms", help="a page on terms of use; the website when left out")
    parser.add_argument("--output", type=Path, default=PACKAGE)
    chosen = parser.parse_args(arguments)
    if not chosen.app_id:
        parser.error(f"whose bot? Give --app-id, or set {APP_ID}")
    site = chosen.website
    developer = Developer(chosen.developer, site, chosen.privacy or site, chosen.terms or site)
    try:
        made = package(filled(read(), chosen.app_id.strip(), developer))
    except ValueError as error:
        parser.error(str(error))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_bytes(made)
    print(f"{chosen.output} is ready. Next: Teams admin center, Teams apps, Manage apps, Upload new app.")
    if site == NOWHERE:
        print(f"The app's page in Teams links to {NOWHERE}; name a page of yours with --website.")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    main()
