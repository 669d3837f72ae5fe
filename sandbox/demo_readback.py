"""Reading back, at the end, what became of everybody: the directories' own APIs, and both transcripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.company import RACERS_GROUP, Company
from sandbox.demo_directories import reached
from sandbox.onlooker import surface_of
from sandbox.slack_channels import RACING
from sandbox.world import Address

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read back. People are named by their keys; whom nobody knows, by the id that was found."""

    group: tuple[str, ...]  # members of the Entra group, as Graph lists them
    store: tuple[str, ...]  # one for each membership of the identity store's group
    messages: Mapping[str, tuple[Json, ...]]  # key -> the private messages the person sees, oldest first
    at_site: tuple[str, ...]  # who have an account on the racing site that is enabled and in its group
    channel: tuple[Json, ...]  # what stands in the racing channel, oldest first

    def direct(self, key: str) -> tuple[Json, ...]:
        """Return the direct messages this person got, oldest first."""
        return tuple(message for message in self.messages.get(key, ()) if message["surface"] == "dm")


def read_back(address: Address, company: Company) -> Evidence:
    """Ask the running company; `company` tells who is who."""
    mails = {person.entra.mail: person.key for person in company.people.values() if person.entra is not None}
    names = {person.entra.id: person.key for person in company.people.values() if person.entra is not None}
    with reached(address.environment) as directories:
        group = directories.group_members(company.group(RACERS_GROUP).id)
        store = directories.store_members(company.store_group(RACERS_GROUP).group_id)
        racers = directories.racers_at_site()
    return Evidence(
        tuple(sorted(names.get(found, found) for found in group)),
        tuple(sorted(names.get(found, found) for found in store)),
        _messages(address, company),
        tuple(sorted(mails.get(found, found) for found in racers)),
        _channel(address),
    )


def _channel(address: Address) -> tuple[Json, ...]:
    with httpx.Client(trust_env=False, timeout=20.0) as http:
        seen = http.get(f"{address.urls['slack']}/_slack/transcript?channel={RACING}").raise_for_status()
    return tuple(seen.json())


def _messages(address: Address, company: Company) -> dict[str, tuple[Json, ...]]:
    """Return what each person of the company sees that is for them alone."""
    messages = {}
    with httpx.Client(trust_env=False, timeout=20.0) as http:
        for person in company.people.values():
            url = f"{address.urls['slack']}/_slack/transcript?user={person.slack.id}"
            seen = http.get(url).raise_for_status().json()
            said = [entry | {"platform": "slack"} for entry in seen if entry["surface"] != "channel"]
            url = f"{address.urls['teams']}/_teams/transcript?user={person.teams.id}"
            said += _by_the_bot(http.get(url).raise_for_status().json(), company)
            messages[person.key] = tuple(sorted(said, key=lambda entry: float(entry["at"])))
    return messages


def _by_the_bot(seen: list[Json], company: Company) -> list[Json]:
    """Return what the bot said in somebody's personal chat in Teams, in the form of Slack's transcript."""
    return [
        {
            "platform": "teams",
            "at": entry["at"],
            "surface": surface_of(entry["answers"], entry["replaced"]),
            "text": entry["says"],
            "says": entry["says"],
            "versions": [{"text": wording} for wording in entry["wordings"][:-1]],
        }
        for entry in seen
        if entry["kind"] == "personal" and entry["author"] not in company.teams_users
    ]
