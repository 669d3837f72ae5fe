"""The conversations of the workspace: its channels, and the bot's direct conversation with each person."""

import random
from dataclasses import dataclass
from typing import Any

from sandbox.company import SIBLING_TEAM_ID, TEAM_ID, Company, SlackUser

GENERAL = "C0GENERAL1"
RACING = "C0RACING01"
ORGANIZERS = "C0ORGANIZ1"
SHARED = "C0SHARED01"


@dataclass(slots=True)
class Channel:
    """A channel. `members` None: every full member of the workspace, and outsiders when it is shared."""

    id: str
    name: str
    members: set[str] | None = None
    bot_in: bool = True
    is_private: bool = False
    is_ext_shared: bool = False
    is_archived: bool = False

    def seen_by(self, user: SlackUser) -> bool:
        """Tell whether this person reads the channel."""
        if self.members is not None:
            return user.id in self.members
        ours = user.team_id in (TEAM_ID, SIBLING_TEAM_ID) and not user.is_restricted
        return ours or (self.is_ext_shared and user.team_id not in (TEAM_ID, SIBLING_TEAM_ID))

    def as_json(self) -> dict[str, Any]:
        """Return the conversation object of `conversations.info`."""
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.id == GENERAL,
            "is_member": self.bot_in,
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "context_team_id": TEAM_ID,
            "created": 1_790_000_000,
        }


class Channels:
    """All conversations. At first there are the channels general, racing, organizers and a shared one.

    The bot is in all of them but general.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        # Its own dice: opening a conversation must not change what the company's dice give next.
        self._dice = random.Random(17)
        self._dm_of: dict[str, str] = {}
        self._user_of: dict[str, str] = {}
        organizers = {company.people["organizer"].slack.id} if "organizer" in company.people else set()
        self.channels = {
            channel.id: channel
            for channel in (
                Channel(GENERAL, "general", bot_in=False),
                Channel(RACING, "racing"),
                Channel(ORGANIZERS, "deepracer-organizers", members=organizers, is_private=True),
                Channel(SHARED, "with-partners", is_ext_shared=True),
            )
        }

    def add(self, channel: Channel) -> Channel:
        """Add one more channel."""
        self.channels[channel.id] = channel
        return channel

    def open_dm(self, user_id: str) -> str:
        """Return the id of the bot's direct conversation with this person, opening it when there is none."""
        if user_id not in self._dm_of:
            channel_id = "D0" + "".join(self._dice.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=9))
            self._dm_of[user_id] = channel_id
            self._user_of[channel_id] = user_id
        return self._dm_of[user_id]

    def has_dm(self, user_id: str) -> bool:
        """Tell whether the bot and this person have a direct conversation already."""
        return user_id in self._dm_of

    def user_of(self, channel_id: str) -> str | None:
        """Return whose direct conversation with the bot this is, or None."""
        return self._user_of.get(channel_id)

    def sees(self, user_id: str, channel_id: str) -> bool:
        """Tell whether this person reads this channel."""
        channel, user = self.channels.get(channel_id), self._company.slack_users.get(user_id)
        return channel is not None and user is not None and channel.seen_by(user)

    def name_of(self, channel_id: str) -> str:
        """Return the channel's name as slash commands carry it."""
        if channel_id.startswith("D"):
            return "directmessage"
        channel = self.channels[channel_id]
        return "privategroup" if channel.is_private else channel.name
