"""A command typed by a person of the company in a box, in Slack or in Teams, and what they see.

    the company's address ─▶ its Slack: who is that, a response URL ─▶ signed POST to the bot ─▶ answer
                          ─▶ its Teams: an activity with its token  ─▶ POST to the bot ─▶ answer in the chat

The company is known by its address file and its HTTP interface alone.
"""

import hashlib
import hmac
import html
import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypedDict
from urllib.parse import urlencode

import httpx

from bot.faults import nearest
from bot.grammar import ADMIN

ANSWER_SECONDS: Final = 3.0  # Slack gives up after these
FOLLOW_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.5
REFUSED: Final = 1
Json = dict[str, Any]
Where = Literal["slack", "teams"]


class CannotTry(Exception):
    """The command cannot be tried; the sentence says what to do."""


class Seen(TypedDict):
    """One message as a person sees it now. `is_result`: a message of its own, not an answer."""

    number: int
    says: str
    is_result: bool
    is_changed: bool


class Platform(Protocol):
    """One chat platform of a running company, as far as its players may use it."""

    prompt: str  # what stands before typed words there

    def user_id(self, person: str) -> str:
        """Return the user id of this person. Raises CannotTry for an unknown name."""
        ...

    def seen(self, user_id: str) -> list[Seen]:
        """Return everything the bot has shown this person, as it is now, oldest first."""
        ...

    def type(self, text: str, person: str, bot_url: str) -> str:
        """Send the words to the bot, and return what the person sees as its answer."""
        ...


def run(text: str, *, person: str, where: Where, url: str, world: Path, follow: bool) -> int:
    """Type the text as this person and print what they see; returns the exit code.

    With `follow` also everything that comes afterwards, until the final message: a direct one, or for an
    organizer what takes the place of the answer.
    """
    try:
        urls, secret = _address(world)
        with httpx.Client(trust_env=False, timeout=10.0) as http:
            company: Platform = (
                Slack(http, urls["slack"], secret) if where == "slack" else Teams(http, urls["teams"])
            )
            reader = company.user_id(person)
            before = company.seen(reader)
            _say(f"{person} types: {company.prompt}{text}")
            answer = company.type(text, person, url)
            _say(answer)
            if follow:
                _follow(company, reader, before, answer, in_place=text.split()[:1] == [ADMIN])
    except CannotTry as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except httpx.TransportError as error:
        sys.stderr.write(f"Nobody answers at {error.request.url}: {type(error).__name__}.\n")
        return REFUSED
    return 0


class Slack:
    """The company's Slack: requests are signed with its secret."""

    prompt = "/deepracer "

    def __init__(self, http: httpx.Client, slack_url: str, secret: str) -> None:
        self._http = http
        self._url = slack_url.rstrip("/") + "/_slack/"
        self._secret = secret

    def user_id(self, person: str) -> str:
        people: dict[str, Json] = self._get("people")
        return str(_known(people, person)["user_id"])

    def seen(self, user_id: str) -> list[Seen]:
        entries: list[Json] = self._get(f"transcript?user={user_id}")
        return [
            Seen(
                number=entry["number"],
                says=readable(str(entry["says"])),
                is_result=entry["surface"] == "dm",
                is_changed=bool(entry["versions"]),
            )
            for entry in entries
        ]

    def type(self, text: str, person: str, bot_url: str) -> str:
        told: Json = self._post("response_urls", {"person": person, "acks": True})
        body = urlencode(_form(told, text)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **_signature(self._secret, body)}
        answer = self._http.post(
            f"{bot_url.rstrip('/')}/slack/events", content=body, headers=headers, timeout=ANSWER_SECONDS
        )
        if answer.status_code != httpx.codes.OK:
            raise CannotTry(f"The bot answered HTTP {answer.status_code}: {answer.text[:200]}")
        said = _parsed(answer.text)
        self._post("acks", {"response_url": told["response_url"], "body": said})
        entries = self.seen(told["user"]["id"])
        return entries[-1]["says"] if said and entries else "(no answer to see)"

    def _get(self, path: str) -> Any:
        return self._http.get(self._url + path).raise_for_status().json()

    def _post(self, path: str, body: Json) -> Any:
        return self._http.post(self._url + path, json=body).raise_for_status().json()


class Teams:
    """The company's Teams: activities come with the token of its Bot Connector."""

    prompt = "@DeepRacer "

    def __init__(self, http: httpx.Client, teams_url: str) -> None:
        self._http = http
        self._url = teams_url.rstrip("/") + "/_teams/"

    def user_id(self, person: str) -> str:
        people: dict[str, Json] = self._http.get(f"{self._url}people").raise_for_status().json()
        _known(people, person)
        return person

    def seen(self, user_id: str) -> list[Seen]:
        found = self._http.get(f"{self._url}transcript", params={"user": user_id}).raise_for_status().json()
        return [
            Seen(
                number=entry["number"],
                says=readable_card(str(entry["says"])),
                is_result=entry["answers"] is None and not entry["replaced"],
                is_changed=len(entry["wordings"]) > 1,
            )
            for entry in found
            if entry["kind"] == "personal" and str(entry["author"]).startswith("28:")
        ]

    def type(self, text: str, person: str, bot_url: str) -> str:
        asked = {"kind": "message", "text": text, "person": person, "conversation": None}
        told = self._http.post(f"{self._url}activities", json=asked)
        if told.status_code != httpx.codes.OK:
            raise CannotTry(f"{person} cannot type in Teams: {told.text[:200]}")
        made, before = told.json(), {one["number"] for one in self.seen(person)}
        url = f"{bot_url.rstrip('/')}/api/messages"
        answer = self._http.post(url, json=made["activity"], headers=made["headers"])
        if not answer.is_success:
            raise CannotTry(f"The bot answered HTTP {answer.status_code}: {answer.text[:200]}")
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            for one in self.seen(person):
                if one["number"] not in before and not one["is_result"]:
                    return one["says"]
            time.sleep(LOOK_SECONDS / 5)
        return "(no answer to see)"


def _known(people: dict[str, Json], person: str) -> Json:
    """Return what is known of this person. Raises CannotTry, with who may have been meant."""
    if person in people:
        return people[person]
    meant = nearest(person, people, 0.6)
    hint = f"Did you mean {meant}?" if meant else f"Some of them: {', '.join(sorted(people)[:12])}."
    raise CannotTry(f"Nobody in the company is called {person}. {hint}")


def _follow(company: Platform, user_id: str, before: list[Seen], answer: str, *, in_place: bool) -> None:
    """Print new and changed messages until a new direct message has come. Raises CannotTry.

    `in_place`: or until something else stands where the answer was.
    """
    shown = {one["number"]: one["says"] for one in before}
    known = {one["number"] for one in before}
    until = time.monotonic() + FOLLOW_SECONDS
    while time.monotonic() < until:
        found = company.seen(user_id)
        for one in found:
            if one["number"] not in known and not one["is_result"]:
                shown.setdefault(one["number"], answer)  # it stands on the screen already
            if shown.get(one["number"]) != one["says"]:
                shown[one["number"]] = one["says"]
                kind, news = ("message", "reply")[not one["is_result"]], ("new", "changed")[one["is_changed"]]
                _say(f"[{kind}, {news}]\n{one['says']}")
        new = [one for one in found if one["number"] not in known]
        if any(one["is_result"] or (in_place and one["says"] != answer) for one in new):
            return
        time.sleep(LOOK_SECONDS)
    raise CannotTry(f"No final message came within {FOLLOW_SECONDS:.0f} seconds.")


def _address(world: Path) -> tuple[dict[str, str], str]:
    """Return where the company's platforms are and the secret with which its Slack signs."""
    try:
        found = json.loads(world.read_text(encoding="utf-8"))
        return {name: str(url) for name, url in found["urls"].items()}, str(found["signing_secret"])
    except FileNotFoundError:
        raise CannotTry(f"No company is running: there is no {world}. Start one: make run") from None
    except (ValueError, KeyError, TypeError, AttributeError):
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


def readable_card(text: str) -> str:
    """Return a card's markup as a reader sees it: links with their address, moments in UTC."""

    def shown(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[2])
        return f"{moment:%d %b %Y}" if found[1] == "DATE" else f"{moment:%H:%M} UTC"

    linked = re.sub(r"\[([^\[\]]+)\]\(([^()]+)\)", r"\1 <\2>", text)
    return re.sub(r"\{\{(DATE|TIME)\(([^,()]+)[^()]*\)\}\}", shown, linked)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()
