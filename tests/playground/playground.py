"""Microsoft's Agents Playground as a process, and what a person sees of it in a browser."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Locator, Page, expect, sync_playwright

from sandbox.company import TENANT_ID, Company, TeamsUser
from sandbox.connector_conversations import BOT_MRI, BOT_NAME, PIT_CREW, RACING, TEAM, TEAM_GROUP_ID

INSTALLED = Path(os.environ.get("PLAYGROUND", "build/playground")).resolve()
CLI = INSTALLED / "node_modules" / "@microsoft" / "m365agentsplayground" / "cli.js"
PICTURES = INSTALLED / "pictures"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PORTS = range(15600, 15700)  # below those that the system gives away by itself
START_SECONDS = 60.0
PATIENCE = 60_000  # milliseconds until something must be seen
PERSONAL, GROUP, CHANNEL = "Personal Chat", "Race group", "Leaderboard"


@contextmanager
def playing(company: Company, folder: Path, proxy_url: str) -> Iterator[str]:
    """Run the playground for the first six employees of the company; yields its address."""
    port = next(port for port in PORTS if _is_free(port))
    (folder / ".m365agentsplayground.yml").write_text(yaml.safe_dump(_tenant(company)), encoding="utf-8")
    command = ["node", str(CLI), "start", "--channel-id", "msteams", "--port", str(port)]
    command += ["--app-endpoint", f"{proxy_url}/api/messages", "--service-url", f"{proxy_url}/_connector"]
    log = folder / "playground.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen([*command, "--disable-telemetry"], cwd=folder, stdout=sink, stderr=sink) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _tenant(company: Company) -> dict[str, Any]:
    """Return what the playground is told of the tenant; it takes five people beside the one who types."""
    people = [company.people[f"employee-{number:03d}"].teams for number in range(1, 7)]
    return {
        "version": "0.1.0",
        "tenantId": TENANT_ID,
        "bot": {"id": BOT_MRI, "name": BOT_NAME},
        "currentUser": _person(people[0]),
        "users": [_person(person) for person in people[1:]],
        "personalChat": {"id": "a:personal"},
        "groupChat": {"id": PIT_CREW, "name": GROUP},
        "team": {
            "id": TEAM,
            "name": "Racing",
            "aadGroupId": TEAM_GROUP_ID,
            "channels": [{"id": RACING, "name": CHANNEL}],
        },
    }


def _person(user: TeamsUser) -> dict[str, str | None]:
    return {
        "id": user.id,
        "name": user.name,
        "userPrincipleName": user.user_principal_name,  # the playground's own spelling
        "aadObjectId": user.aad_object_id,
        "givenName": user.given_name,
        "surname": user.surname,
        "email": user.email,
    }


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it listens on the port it was given; an occupied one it exchanges for another in silence."""
    last = time.monotonic() + START_SECONDS
    while not (found := re.search(r"Listening on (\d+)", log.read_text(encoding="utf-8"))) or _is_free(port):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < last, "the playground never listened"
        time.sleep(0.1)
    assert found[1] == str(port)


class Person:
    """Whoever sits in front of the browser."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def opens(self, conversation: str) -> None:
        """Go to a conversation."""
        self.page.get_by_role("treeitem", name=conversation).click()

    def says(self, words: str, *, to_the_bot: bool = False) -> None:
        """Type into the conversation that is open, with a mention of the bot in front or without."""
        box = self.page.locator("div[role=textbox]").first
        box.click()
        if to_the_bot:
            self.page.keyboard.type("@")
            self.page.get_by_role("menuitem", name=BOT_NAME).first.click()
        self.page.keyboard.type(words)
        post = self.page.get_by_role("button", name="Post", exact=True)
        if post.count():
            post.first.click()
        else:
            self.page.keyboard.press("Enter")

    def sees(self, text: str) -> Locator:
        """Wait until this text is on the screen, and return the newest place of it."""
        found = self.page.get_by_text(text).last
        expect(found).to_be_visible(timeout=PATIENCE)
        return found

    def count(self, text: str) -> int:
        """Return how many cards in the open conversation say this."""
        return int(self.cards().filter(has_text=text).count())

    def presses(self, label: str) -> None:
        """Press the newest button of this label."""
        self.page.get_by_role("button", name=label, exact=True).last.click(timeout=PATIENCE)

    def cards(self) -> Locator:
        """Return the cards on the screen, oldest first."""
        return self.page.locator(".ac-adaptiveCard")

    def looks(self, name: str) -> None:
        """Keep a picture of what is on the screen."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


@contextmanager
def browsing(url: str) -> Iterator[Person]:
    """Sit down in front of the playground."""
    root = os.geteuid() == 0  # Chromium's own sandbox refuses to run as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if root else [])
        page = browser.new_page(viewport={"width": 1500, "height": 1100}, timezone_id="Europe/Berlin")
        page.goto(url)
        yield Person(page)
        browser.close()
