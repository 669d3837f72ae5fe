"""A command typed by a person of the company in a box: signed as Slack signs it, and what they see.

    the company's address ─▶ its Slack: who is that, a response URL ─▶ signed POST to the bot ─▶ answer

The company is known by its address file and its HTTP interface alone.
"""

import hashlib
import hmac
import html
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from bot.faults import nearest

ANSWER_SECONDS: Final = 3.0  # Slack gives up after these
FOLLOW_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.5
REFUSED: Final = 1
Json = dict[str, Any]


class CannotTry(Exception):
    """The command cannot be tried; the sentence says what to do."""


def run(text: str, *, person: str, url: str, world: Path, follow: bool) -> int:
    """Type the text as this person and print what they see; returns the exit code.

    With `follow` also everything that comes afterwards, until the final message (a direct one).
    """
    try:
        slack_url, secret = _address(world)
        with httpx.Client(trust_env=False, timeout=10.0) as http:
            company = Company(http, slack_url)
            reader = company.user_id(person)
            before = company.seen(reader)
            _say(f"{person} types: /deepracer {text}")
            _say(company.type(text, person, secret, url))
            if follow:
                company.follow(reader, before)
    except CannotTry as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except httpx.TransportError as error:
        sys.stderr.write(f"Nobody answers at {error.request.url}: {type(error).__name__}.\n")
        return REFUSED
    return 0


class Company:
    """The Slack of a running company, as far as its players may use it."""

    def __init__(self, http: httpx.Client, slack_url: str) -> None:
        self._http = http
        self._url = slack_url.rstrip("/") + "/_slack/"

    def user_id(self, person: str) -> str:
        """Return the user id of this person. Raises CannotTry for an unknown name."""
        people: dict[str, Json] = self._get("people")
        if person in people:
            return str(people[person]["user_id"])
        meant = nearest(person, people, 0.6)
        hint = f"Did you mean {meant}?" if meant else f"Some of them: {', '.join(sorted(people)[:12])}."
        raise CannotTry(f"Nobody in the company is called {person}. {hint}")

    def seen(self, user_id: str) -> list[Json]:
        """Return everything this person sees now, oldest first."""
        entries: list[Json] = self._get(f"transcript?user={user_id}")
        return entries

    def type(self, text: str, person: str, secret: str, bot_url: str) -> str:
        """Send the command to the bot, show the person its answer, and return the words they see."""
        told: Json = self._post("response_urls", {"person": person})
        body = urlencode(_form(told, text)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **_signature(secret, body)}
        answer = self._http.post(
            f"{bot_url.rstrip('/')}/slack/events", content=body, headers=headers, timeout=ANSWER_SECONDS
        )
        if answer.status_code != httpx.codes.OK:
            raise CannotTry(f"The bot answered HTTP {answer.status_code}: {answer.text[:200]}")
        said = _parsed(answer.text)
        self._post("acks", {"response_url": told["response_url"], "body": said})
        entries = self.seen(told["user"]["id"])
        return readable(str(entries[-1]["says"])) if said and entries else "(no answer to see)"

    def follow(self, user_id: str, before: list[Json]) -> None:
        """Print new and changed messages until a new direct message has come. Raises CannotTry."""
        shown = {entry["number"]: entry["says"] for entry in before}
        # The answer itself stands on the screen already.
        shown |= {
            entry["number"]: entry["says"] for entry in self.seen(user_id) if entry["surface"] == "ephemeral"
        }
        known = {entry["number"] for entry in before}
        for entries in self._looks(user_id):
            for entry in entries:
                if shown.get(entry["number"]) != entry["says"]:
                    shown[entry["number"]] = entry["says"]
                    changed = "changed" if entry["versions"] else "new"
                    _say(f"[{entry['surface']}, {changed}]\n{readable(entry['says'])}")
            if any(entry["surface"] == "dm" and entry["number"] not in known for entry in entries):
                return
        raise CannotTry(f"No direct message came within {FOLLOW_SECONDS:.0f} seconds.")

    def _looks(self, user_id: str) -> Iterator[list[Json]]:
        until = time.monotonic() + FOLLOW_SECONDS
        while time.monotonic() < until:
            yield self.seen(user_id)
            time.sleep(LOOK_SECONDS)

    def _get(self, path: str) -> Any:
        return self._http.get(self._url + path).raise_for_status().json()

    def _post(self, path: str, body: Json) -> Any:
        return self._http.post(self._url + path, json=body).raise_for_status().json()


def _address(world: Path) -> tuple[str, str]:
    """Return where the company's Slack is and the secret with which it signs."""
    try:
        found = json.loads(world.read_text(encoding="utf-8"))
        return str(found["urls"]["slack"]), str(found["signing_secret"])
    except FileNotFoundError:
        raise CannotTry(f"No company is running: there is no {world}. Start one: make run") from None
    except (ValueError, KeyError, TypeError):
        raise CannotTry(f"{world} is not the address of a company. Start one anew: make run") from None


def _form(told: Json, text: str) -> dict[str, str]:
    """Return the fields with which Slack sends a slash command (docs.slack.dev: slash commands)."""
    form = {
        "token": told["token"],
        "team_id": told["team"]["id"],
        "team_domain": told["team"]["domain"],
        "channel_id": told["channel"]["id"],
        "channel_name": told["channel"]["name"],
        "user_id": told["user"]["id"],
        "user_name": told["user"]["username"],
        "command": "/deepracer",
        "text": text,
        "api_app_id": told["api_app_id"],
        "is_enterprise_install": str(told["authorization"]["is_enterprise_install"]).lower(),
        "response_url": told["response_url"],
        "trigger_id": told["trigger_id"],
    }
    if enterprise := told.get("enterprise"):
        form |= {"enterprise_id": enterprise["id"], "enterprise_name": enterprise["name"]}
    return form


def _signature(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers with which Slack signs a request (docs.slack.dev, verifying requests from Slack)."""
    stamp = int(time.time())
    digest = hmac.new(secret.encode(), b"v0:%d:%s" % (stamp, body), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": f"v0={digest}"}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return text


def readable(text: str) -> str:
    """Return Slack's markup as a reader sees it: links with their address, times, and no entities."""

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith("!date"):
            return label
        return f"{label} <{target}>" if label and not target.startswith(label.rstrip("…")) else target

    return html.unescape(re.sub(r"<([^<>]+)>", shown, text))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()
